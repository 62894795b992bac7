//! Deciding about what waits: released, returned, taken back; a warning released by one person alone, and looked at afterwards.
//!
//! What enters: a submission's number, the hash of the content that was read, and who decides, for themselves or standing in for
//! somebody. What leaves: the submission as it stands then, in the same transaction as the record of it. What can go wrong is a
//! [`Refusal`], which changes nothing: it was decided meanwhile, it is not what the reader saw, or it is the reader's own work.

use serde_json::json;

use super::{
    Delegation, Refusal, Standing, Submission,
    refusal::Done,
    release, revoke,
    submission::{Writer, get, locked, settle},
};
use crate::{
    audit::{self, Actor},
    db::{Db, DbError, Result, Sql, Tx, affected},
    transaction, within,
};

static IN_EMERGENCY: Sql = Sql::new(r"UPDATE submission SET emergency = true WHERE id = $1");

static REVIEW: Sql = Sql::new(
    r"UPDATE submission SET reviewed_by = $2, reviewed_name = $3, reviewed_at = $4, was_right = $5, review = $6 WHERE id = $1",
);

static MARK: Sql = Sql::new(r"UPDATE edition_mark SET mark = mark + 1 WHERE one = 1");

/// Locks what is to be decided, and looks whether it still is what was seen.
async fn open(tx: &mut Tx, id: i64, hash: &str) -> Result<Done<Submission>> {
    Ok(match locked(tx, id).await? {
        None => Err(Refusal::Unknown(id)),
        Some(submission) if submission.standing() != Standing::Waiting => Err(Refusal::Over(Box::new(submission))),
        Some(submission) if submission.hash != hash => Err(Refusal::Another),
        Some(submission) => Ok(submission),
    })
}

/// Whether somebody may decide about it, by themselves or standing in for somebody.
fn may_decide(submission: &Submission, actor: &Actor, stands_in: Option<&Delegation>) -> Done<()> {
    if submission.is_written_by(actor) {
        return Err(Refusal::OwnWork);
    }
    let approver = stands_in.map(|delegation| Actor {
        user: Some(delegation.approver),
        name: delegation.approver_name.clone(),
        ..actor.clone()
    });
    match approver {
        Some(approver) if submission.is_written_by(&approver) => Err(Refusal::WorkOfTheApprover),
        _ => Ok(()),
    }
}

/// Releases a content that somebody else wrote. `hash` is what the reader saw.
pub async fn approve(
    db: &Db,
    id: i64,
    hash: &str,
    comment: &str,
    actor: &Actor,
    stands_in: Option<&Delegation>,
    now: i64,
) -> Done<Submission> {
    let submission = transaction!(db, |tx| {
        let submission = match open(tx, id, hash).await? {
            Ok(submission) => submission,
            refused => return Ok(refused),
        };
        if let Err(refusal) = may_decide(&submission, actor, stands_in) {
            return Ok(Err(refusal));
        }
        settle(tx, id, Standing::Approved, actor, stands_in, comment, now).await?;
        in_force(tx, &submission, actor, now).await?;
        let after = json!({
            "submission": id, "version": submission.version, "hash": submission.hash, "comment": comment,
            "instead_of": stands_in.map(|delegation| &delegation.approver_name),
        });
        audit::record(tx, actor, "campaign.approve", &submission.slug, None, Some(&after), now).await?;
        Ok(Ok(submission))
    })?;
    submission?;
    get(db, id).await
}

/// Releases what somebody wrote themselves: a warning that cannot wait. Somebody else looks at it afterwards.
pub async fn approve_in_emergency(db: &Db, id: i64, hash: &str, reason: &str, actor: &Actor, now: i64) -> Done<Submission> {
    if reason.trim().is_empty() {
        return Err(Refusal::Silent);
    }
    let submission = transaction!(db, |tx| {
        let submission = match open(tx, id, hash).await? {
            Ok(submission) => submission,
            refused => return Ok(refused),
        };
        if submission.kind != 1 {
            return Ok(Err(Refusal::NotAWarning));
        }
        settle(tx, id, Standing::Approved, actor, None, reason.trim(), now).await?;
        within!(tx, |c, sql| sqlx::query(sql(&IN_EMERGENCY)).bind(id).execute(c).await.map(affected))?;
        in_force(tx, &submission, actor, now).await?;
        let after = json!({ "submission": id, "version": submission.version, "hash": submission.hash, "reason": reason.trim() });
        audit::record(tx, actor, "campaign.approve_in_emergency", &submission.slug, None, Some(&after), now).await?;
        Ok(Ok(submission))
    })?;
    submission?;
    get(db, id).await
}

/// Releases without a second person, where none is asked for.
pub(crate) async fn approve_unasked(tx: &mut Tx, id: i64, actor: &Actor, now: i64) -> Result<()> {
    let Some(found) = locked(tx, id).await? else { return Err(DbError::Refused(format!("there is no submission {id}"))) };
    settle(tx, id, Standing::Approved, actor, None, "", now).await?;
    in_force(tx, &found, actor, now).await
}

async fn in_force(tx: &mut Tx, submission: &Submission, actor: &Actor, now: i64) -> Result<()> {
    release(tx, &submission.hash, &submission.slug, &actor.name, now).await?;
    mark(tx).await
}

/// Tells whoever keeps a copy of what the console has that it changed.
pub(crate) async fn mark(tx: &mut Tx) -> Result<()> {
    within!(tx, |c, sql| sqlx::query(sql(&MARK)).execute(c).await.map(affected)).map(drop)
}

/// Gives a content back to its writer, with a comment that says why.
pub async fn return_(
    db: &Db,
    id: i64,
    hash: &str,
    comment: &str,
    actor: &Actor,
    stands_in: Option<&Delegation>,
    now: i64,
) -> Done<Submission> {
    if comment.trim().is_empty() {
        return Err(Refusal::Silent);
    }
    let submission = transaction!(db, |tx| {
        let submission = match open(tx, id, hash).await? {
            Ok(submission) => submission,
            refused => return Ok(refused),
        };
        settle(tx, id, Standing::Returned, actor, stands_in, comment.trim(), now).await?;
        let after = json!({ "submission": id, "version": submission.version, "comment": comment.trim() });
        audit::record(tx, actor, "campaign.return", &submission.slug, None, Some(&after), now).await?;
        Ok(Ok(submission))
    })?;
    submission?;
    get(db, id).await
}

/// Takes a content back that one sent or wrote oneself.
pub async fn withdraw(db: &Db, id: i64, actor: &Actor, now: i64) -> Done<Submission> {
    let submission = transaction!(db, |tx| {
        let Some(submission) = locked(tx, id).await? else { return Ok(Err(Refusal::Unknown(id))) };
        if submission.standing() != Standing::Waiting {
            return Ok(Err(Refusal::Over(Box::new(submission))));
        }
        let sender = Writer { user: submission.sent_by, name: submission.sent_name.clone() };
        if !sender.is(actor) && !submission.is_written_by(actor) {
            return Ok(Err(Refusal::NotSender));
        }
        settle(tx, id, Standing::Withdrawn, actor, None, "", now).await?;
        let after = json!({ "submission": id, "version": submission.version });
        audit::record(tx, actor, "campaign.withdraw", &submission.slug, None, Some(&after), now).await?;
        Ok(Ok(submission))
    })?;
    submission?;
    get(db, id).await
}

/// Says afterwards whether an emergency approval was right. A wrong one is in force no longer; what it sent is sent.
pub async fn review(db: &Db, id: i64, was_right: bool, comment: &str, actor: &Actor, now: i64) -> Done<Submission> {
    if !was_right && comment.trim().is_empty() {
        return Err(Refusal::Silent);
    }
    let submission = transaction!(db, |tx| {
        let Some(submission) = locked(tx, id).await? else { return Ok(Err(Refusal::Unknown(id))) };
        if !submission.emergency || submission.reviewed_at.is_some() {
            return Ok(Err(Refusal::NothingToReview));
        }
        let decider = Writer { user: submission.decided_by, name: submission.decided_name.clone().unwrap_or_default() };
        if decider.is(actor) || submission.is_written_by(actor) {
            return Ok(Err(Refusal::OwnWork));
        }
        within!(tx, |c, sql| {
            sqlx::query(sql(&REVIEW))
                .bind(id)
                .bind(actor.user)
                .bind(&actor.name)
                .bind(now)
                .bind(was_right)
                .bind(comment.trim())
                .execute(c)
                .await
                .map(affected)
        })?;
        if !was_right {
            revoke(tx, &submission.hash, now).await?;
            mark(tx).await?;
        }
        let after = json!({ "submission": id, "was_right": was_right, "comment": comment.trim() });
        audit::record(tx, actor, "campaign.review_emergency", &submission.slug, None, Some(&after), now).await?;
        Ok(Ok(submission))
    })?;
    submission?;
    get(db, id).await
}
