//! By which right somebody decides: their own, or that of an approver who is away and set them as delegate.

use super::{Delegation, Submission, delegation};
use crate::{
    audit::{Actor, Via},
    clock::local,
    db::{Db, Result},
    user::{self, Right, User},
};

/// By which right somebody decides about a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Power {
    /// Their own.
    Own,
    /// That of an approver who is away.
    Delegated(Box<Delegation>),
}

impl Power {
    /// Whom they stand in for.
    pub const fn stands_in(&self) -> Option<&Delegation> {
        match self {
            Self::Own => None,
            Self::Delegated(delegation) => Some(delegation),
        }
    }

    /// What lets this user decide about a submission; none: nothing does.
    pub async fn of(db: &Db, user: &User, submission: &Submission, now: i64) -> Result<Option<Self>> {
        Self::over(db, user, &submission.owner, |who| submission.is_written_by(who), now).await
    }

    /// What lets this user decide about something of `owner` that some people `wrote`. A delegation is worth what its approver may do today:
    /// nothing once they left, lost the right or the department. Of several, one whose approver did not write at it comes first.
    pub async fn over(
        db: &Db,
        user: &User,
        owner: &str,
        wrote: impl Fn(&Actor) -> bool + Send + Sync,
        now: i64,
    ) -> Result<Option<Self>> {
        if user.can(Right::Approve) {
            return Ok(Some(Self::Own));
        }
        let mut last = None;
        for held in held(db, user.id, now).await? {
            let Some(approver) = user::find(db, held.approver).await? else { continue };
            let able = approver.disabled_at.is_none() && approver.can(Right::Approve);
            if !able || !approver.departments.sees(owner) {
                continue;
            }
            let theirs = Actor { user: Some(approver.id), name: approver.name, from: None, via: Via::Console };
            let power = Some(Self::Delegated(Box::new(held)));
            if !wrote(&theirs) {
                return Ok(power);
            }
            last = power;
        }
        Ok(last)
    }
}

/// What a user may decide in others' place today.
pub async fn held(db: &Db, user: i64, now: i64) -> Result<Vec<Delegation>> {
    let today = local(now).date_naive();
    delegation::held_by(db, user, today).await
}
