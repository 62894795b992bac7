//! Users as people and programs are shown them.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
};

use chrono::DateTime;
use serde_json::{Value, json};

use super::Ground;
use crate::{
    cli::{Globals, table},
    outlet, phrase,
    user::{self, User},
    words::minute,
};

impl Ground<'_> {
    /// `loa user list`.
    pub(super) async fn list(&self) -> anyhow::Result<()> {
        let users = user::list(&self.db).await?;
        let slugs: BTreeMap<i64, String> =
            outlet::without_contacts(&self.db).await?.into_iter().map(|outlet| (outlet.id, outlet.slug)).collect();
        let acts_for = outlet::of_users(&self.db).await?;
        let outlet = |user: &User| acts_for.get(&user.id).and_then(|outlet| slugs.get(outlet)).cloned();
        if self.globals.json {
            let one = |user: &User| {
                let mut value = shown(user);
                value["outlet"] = json!(outlet(user));
                value
            };
            return Ok(Globals::print_json(&users.iter().map(one).collect())?);
        }
        let lang = self.lang();
        let head = [
            phrase!("Địa chỉ", "Address"),
            phrase!("Tên", "Name"),
            phrase!("Vai trò", "Roles"),
            phrase!("Đơn vị", "Departments"),
            phrase!("Đăng nhập gần nhất", "Last signed in"),
            phrase!("Ghi chú", "Note"),
        ];
        let rows = users.iter().map(|user| {
            let departments = if let Some(outlet) = outlet(user) {
                outlet
            } else if user.departments.is_everything() {
                lang.pick("tất cả", "all").to_string()
            } else {
                user.departments.names().collect::<Vec<_>>().join(", ")
            };
            let note = match (user.disabled_at, user.has_password || user.has_subject) {
                (Some(_), _) => lang.pick("đã khóa", "disabled"),
                (None, false) => lang.pick("chưa đặt mật khẩu", "no password yet"),
                _ if user.has_second_factor => lang.pick("xác thực hai lớp", "two-factor"),
                _ => "",
            };
            vec![
                user.email.clone(),
                user.name.clone(),
                user.roles.names().join(", "),
                departments,
                user.signed_in_at.map(minute).unwrap_or_default(),
                note.to_string(),
            ]
        });
        Ok(write!(io::stdout(), "{}", table::render(&head.each_ref().map(|words| words.text(lang)), &rows.collect::<Vec<_>>()))?)
    }
}

/// A user for programs.
pub(super) fn shown(user: &User) -> Value {
    let departments: Vec<&str> = user.departments.names().collect();
    json!({
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "roles": user.roles.names(),
        "departments": if user.departments.is_everything() { json!("all") } else { json!(departments) },
        "second_factor": user.has_second_factor,
        "password": user.has_password,
        "signed_in_at": user.signed_in_at.map(rfc3339),
        "disabled_at": user.disabled_at.map(rfc3339),
    })
}

/// A moment (unix milliseconds) for programs.
pub(super) fn rfc3339(millis: i64) -> String {
    DateTime::from_timestamp_millis(millis).unwrap_or_default().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
