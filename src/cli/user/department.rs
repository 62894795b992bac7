//! `loa user department`: the departments that there are.

use std::io::{self, Write as _};

use serde_json::{Value, json};

use super::{By, Ground, refused};
use crate::{
    cli::{Globals, Mistake, table},
    phrase, user,
};

impl Ground<'_> {
    /// Adds or removes a department, or does neither, and shows them.
    pub(super) async fn department(&self, add: Option<String>, remove: Option<String>, by: By) -> anyhow::Result<()> {
        let now = self.now();
        if let Some(name) = add {
            let Some(name) = user::name(&name) else {
                return Err(Mistake(phrase!("tên trống hoặc quá dài", "the name is empty or too long")).into());
            };
            user::add_department(&self.db, &name, &self.actor(by)?, now).await?.map_err(refused)?;
        } else if let Some(name) = remove {
            let (ids, actor) = (self.departments(std::slice::from_ref(&name)).await?, self.actor(by)?);
            for id in ids {
                user::remove_department(&self.db, id, &actor, now).await?.map_err(refused)?;
            }
        }
        let all = user::departments(&self.db).await?;
        if self.globals.json {
            let all: Vec<Value> = all.iter().map(|d| json!({ "id": d.id, "name": d.name, "members": d.members })).collect();
            return Ok(Globals::print_json(&json!(all))?);
        }
        let head = [phrase!("Đơn vị", "Department"), phrase!("Số người", "Members")];
        let rows = all.iter().map(|department| vec![department.name.clone(), department.members.to_string()]);
        let head = head.each_ref().map(|words| words.text(self.lang()));
        Ok(write!(io::stdout(), "{}", table::render(&head, &rows.collect::<Vec<_>>()))?)
    }
}
