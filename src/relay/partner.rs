//! Users of the console who act for an outlet. Written together with their roles, so that nobody becomes a partner of nothing.

use crate::{
    audit::Actor,
    db::{Db, Result, Sql, Tx},
    outlet, phrase, transaction,
    user::{self, Change, New, Role, Roles},
    within,
    words::Phrase,
};

/// Why a user is not written. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// By what holds for every user.
    User(user::Refused),
    /// By the outlet that they are to act for.
    Outlet(outlet::Refused),
    /// A partner acts for an outlet, and none was said.
    NoOutlet,
}

impl Unfit {
    /// For people, with what would be right.
    pub fn words(&self) -> Phrase {
        match self {
            Self::User(refused) => refused.words(),
            Self::Outlet(refused) => refused.words(),
            Self::NoOutlet => phrase!(
                "vai trò Đơn vị phối hợp cần một đơn vị: hãy chọn đơn vị mà người này đại diện",
                "a partner acts for an outlet: say for which"
            ),
        }
    }
}

/// Adds a user; a partner with the slug of the outlet that they act for.
pub async fn add(db: &Db, new: &New, outlet: Option<&str>, actor: &Actor, now: i64) -> Result<std::result::Result<i64, Unfit>> {
    if new.roles.has(Role::Partner) && outlet.is_none() {
        return Ok(Err(Unfit::NoOutlet));
    }
    transaction!(db, |tx| {
        if let Err(unfit) = exists(tx, new.roles, outlet).await? {
            return Ok(Err(unfit));
        }
        let id = match user::add_within(tx, new, actor, now).await? {
            Ok(id) => id,
            Err(refused) => return Ok(Err(Unfit::User(refused))),
        };
        set(tx, id, new.roles, outlet, actor, now).await?;
        Ok(Ok(id))
    })
}

/// Changes a user. A partner acts for the outlet of this slug; none: for the one that they act for already. Whoever is no partner acts
/// for none.
pub async fn change(
    db: &Db,
    id: i64,
    to: &Change,
    outlet: Option<&str>,
    actor: &Actor,
    now: i64,
) -> Result<std::result::Result<(), Unfit>> {
    transaction!(db, |tx| {
        if let Err(unfit) = exists(tx, to.roles, outlet).await? {
            return Ok(Err(unfit));
        }
        if to.roles.has(Role::Partner) && outlet.is_none() && !has_one(tx, id).await? {
            return Ok(Err(Unfit::NoOutlet));
        }
        if let Err(refused) = user::change_within(tx, id, to, actor, now).await? {
            return Ok(Err(Unfit::User(refused)));
        }
        set(tx, id, to.roles, outlet, actor, now).await?;
        Ok(Ok(()))
    })
}

/// Seen before anything is written: what is refused leaves nothing behind.
async fn exists(tx: &mut Tx, roles: Roles, outlet: Option<&str>) -> Result<std::result::Result<(), Unfit>> {
    let Some(slug) = outlet.filter(|_| roles.has(Role::Partner)) else { return Ok(Ok(())) };
    let found = outlet::within_by_slug(tx, &[slug.to_string()], &[]).await?;
    Ok(if found.is_empty() { Err(Unfit::Outlet(outlet::Refused::NoSuchOutlet)) } else { Ok(()) })
}

static HAS_ONE: Sql = Sql::new(r"SELECT count(*) FROM console_user WHERE id = $1 AND outlet IS NOT NULL");

async fn has_one(tx: &mut Tx, id: i64) -> Result<bool> {
    let one: i64 = within!(tx, |c, sql| sqlx::query_scalar(sql(&HAS_ONE)).bind(id).fetch_one(c).await)?;
    Ok(one > 0)
}

async fn set(tx: &mut Tx, id: i64, roles: Roles, outlet: Option<&str>, actor: &Actor, now: i64) -> Result<()> {
    let is_partner = roles.has(Role::Partner);
    if is_partner && outlet.is_none() {
        return Ok(());
    }
    match outlet::set_user_outlet(tx, id, outlet.filter(|_| is_partner), actor, now).await? {
        Ok(()) => Ok(()),
        // It was seen above, and is locked.
        Err(refused) => Err(crate::db::DbError::Refused(refused.to_string())),
    }
}
