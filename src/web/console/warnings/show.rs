//! Step 3: what the warning will come to, how it looks, and sending it for approval. Afterwards: where it stands.

use std::sync::Arc;

use axum::{
    extract::{self, Path},
    response::Response,
};
use minijinja::{Value, context, value::Serde};

use super::estimate::Estimates;
use crate::{
    approval::{
        self,
        submission::{self, Standing},
    },
    bulletin,
    campaign::{Library, Source},
    edition::{self, Edition, SubmitError},
    message::{Templates, review},
    phrase,
    preview::{Preview, reckoning::Reckoning},
    publish,
    run::{
        again,
        warning::{self, Warning},
    },
    user::Right,
    web::{
        Shared, State,
        console::{
            campaigns,
            fault::Fault,
            form::Fields,
            runs::take_effect,
            visitor::{Visitor, see_other},
            writing,
        },
    },
    words::Lang,
};

async fn found(shared: &Shared, visitor: &Visitor, slug: &str) -> Result<(Warning, Edition, Arc<Library>), Fault> {
    visitor.needs(Right::ReadCampaigns)?;
    let db = &shared.parts.db;
    let warning = warning::get(db, slug).await?.ok_or(Fault::NotFound)?;
    let edition = edition::latest(db, slug).await?.ok_or(Fault::NotFound)?;
    visitor.sees(&edition.owner)?;
    Ok((warning, edition, shared.parts.shelf.library(db).await?))
}

/// How it looks to whom it goes; nothing where a text cannot be put together.
async fn looks(shared: &Shared, visitor: &Visitor, source: &Source) -> Value {
    let parts = &shared.parts;
    let files = source.attachments.iter().map(|(name, bytes)| (name.clone(), bytes.clone().into())).collect();
    let Ok(templates) = Templates::compile(&source.campaign, &parts.config.office, None, &files) else { return Value::from(()) };
    let preview = Preview::new(&source.campaign, &templates, &parts.config, &parts.holidays, parts.clock.now());
    writing::cards(shared, visitor, &preview, 0).await
}

fn reckoned(one: &Reckoning, lang: Lang) -> serde_json::Value {
    let sms = one.sms.as_ref().map(|sms| {
        let total = sms.total();
        serde_json::json!({
            "numbers": sms.numbers, "parts": total.parts, "price": total.price, "refused": total.refused, "unserved": sms.unserved,
            "rows": sms.rows.iter().map(|row| serde_json::json!({
                "account": row.account, "numbers": row.numbers, "parts": row.chosen.parts, "price": row.chosen.price, "refused": row.chosen.refused,
            })).collect::<Vec<_>>(),
        })
    });
    serde_json::json!({
        "people": one.people.people, "phone": one.people.phone, "email": one.people.email, "chat": one.people.chat,
        "refused": one.people.refused, "sms": sms, "outlook": one.outlook.as_ref().map(|told| told.text(lang)),
        "refusals": one.refusals.iter().map(|told| told.text(lang)).collect::<Vec<_>>(),
        "unserved": one.unserved.iter().map(|channel| review::without_account(*channel).text(lang).to_string()).collect::<Vec<_>>(),
        "at": one.at,
    })
}

pub(super) async fn show(
    extract::State(state): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
) -> Result<Response, Fault> {
    let (warning, edition, library) = found(&state.0, &visitor, &slug).await?;
    let db = &state.0.parts.db;
    let submissions = submission::of_campaign(db, &slug).await?;
    let latest = submissions.first();
    let standing = latest.map(|one| match one.standing() {
        Standing::Waiting => "waiting",
        Standing::Approved => "approved",
        Standing::Returned => "returned",
        Standing::Withdrawn => "withdrawn",
        Standing::Superseded => "superseded",
    });
    let (mut cards, mut counted, mut broken) = (Value::from(()), None, Vec::new());
    match edition::source(db, &library, &slug, edition.version).await {
        Ok(source) => {
            cards = looks(&state.0, &visitor, &source).await;
            if warning.run.is_none() {
                counted = Estimates::of(&state, &library, &source, warning.parent).await;
            }
        }
        Err(SubmitError::Broken(problems)) => {
            broken = problems.0.iter().map(|problem| problem.message.text(visitor.lang).to_string()).collect();
        }
        Err(SubmitError::Db(error)) => return Err(error.into()),
        Err(other) => return Err(Fault::Broken(anyhow::anyhow!(other))),
    }
    let changed = latest.is_some_and(|one| one.version != Some(edition.version));
    let required = approval::is_required(db, &state.0.parts.config).await?;
    let may_submit = visitor.can(Right::WriteCampaigns)
        && warning.run.is_none()
        && broken.is_empty()
        && (standing != Some("waiting") || changed)
        && (standing != Some("approved") || changed);
    let uncounted = counted.is_none();
    let bulletin = bulletin::of_campaign(db, &slug).await?;
    let bulletin = bulletin
        .map(|one| context! { id => one.id, publisher => &one.publisher, title => &one.title, changed => one.is_changed() });
    let estimate = match &counted {
        Some(Ok(one)) => Some(reckoned(one, visitor.lang)),
        _ => None,
    };
    let document = match warning.run {
        Some(run) => publish::identifier(db, run).await?,
        None => None,
    };
    Ok(state.0.view(
        &visitor,
        "console/warnings/show",
        context! {
            slug => slug, title => edition.title, owner => edition.owner, edition => edition.version,
            parent => warning.parent, run => warning.run, sent_at => warning.sent_at,
            standing => standing, changed => changed, comment => latest.map(|one| one.comment.clone()),
            cards => cards, broken => broken, required => required, may_submit => may_submit,
            may_approve => visitor.can(Right::Approve), may_write => visitor.can(Right::WriteCampaigns),
            uncounted => uncounted, estimate => Value::from(Serde(&estimate)),
            failed => matches!(counted, Some(Err(_))), bulletin,
            document, published => publish::address(&state.0.parts.config).map(str::to_string),
        },
    ))
}

pub(super) async fn submit(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteCampaigns)?;
    let (warning, edition, library) = found(&state, &visitor, &slug).await?;
    let version: i64 = fields.get("version").parse().unwrap_or(edition.version);
    if version != edition.version {
        return Err(Fault::Conflict(phrase!(
            "Có người vừa sửa cảnh báo này. Hãy xem lại rồi gửi duyệt.",
            "Somebody has just edited this warning. Look at it again before you submit it."
        )));
    }
    if let Some(parent) = warning.parent {
        again::over(&state.parts.db, parent).await?;
    }
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let required = approval::is_required(db, &state.parts.config).await?;
    // A correction goes to the other run's people, whatever its segments are.
    if warning.parent.is_none()
        && let Ok(source) = edition::source(db, &library, &slug, version).await
    {
        campaigns::all_its_own(&state, &visitor, &library, &source.campaign).await?;
    }
    let note: String = fields.get("note").chars().take(2_000).collect();
    match edition::submit(db, &library, required, (&slug, version), &note, &visitor.actor, now).await {
        Ok(_) | Err(SubmitError::Waiting) => {}
        Err(SubmitError::Db(error)) => return Err(error.into()),
        Err(SubmitError::Unknown(..)) => return Err(Fault::NotFound),
        Err(SubmitError::Broken(problems)) => {
            let told: Vec<String> = problems.0.iter().map(|problem| problem.message.text(visitor.lang).to_string()).collect();
            return Err(Fault::Invalid(told.join("; ").into()));
        }
        Err(SubmitError::Archived) => return Err(campaigns::archived()),
        Err(SubmitError::Provisioned) => {
            return Err(Fault::Conflict(phrase!("Một tệp cùng tên đang có hiệu lực.", "A file of the same name is in force.")));
        }
    }
    // Where nobody need approve it, it goes now.
    let sent = warning::send_approved(db, now).await?;
    take_effect(&state).await?;
    let told = if sent.is_empty() {
        phrase!("Đã gửi duyệt. Được phê duyệt là gửi ngay.", "Submitted. As soon as it is approved it goes out.")
    } else {
        phrase!("Đang gửi.", "It is being sent.")
    };
    visitor.flash(&told).await?;
    Ok(see_other(&format!("/warnings/{slug}")))
}
