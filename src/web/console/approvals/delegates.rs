//! `/approvals/delegates`: who decides for an approver who is away. An approver sets their own; an administrator of users sets
//! anybody's.

use std::collections::BTreeSet;

use axum::{
    extract::{self, Path},
    http::StatusCode,
    response::Response,
};
use chrono::NaiveDate;
use minijinja::{Value, context};

use crate::{
    approval::delegation::{self, New},
    phrase,
    user::{self, Right, Scope, User},
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::{Fields, Form},
            visitor::{Visitor, see_other},
            when,
        },
    },
    words::{Phrase, date},
};

/// The longest absence that one entry covers, in days.
const LONGEST: i64 = 92;

/// What is wrong with the form, by its field.
type Errors = Vec<(&'static str, Phrase)>;

fn may_set(visitor: &Visitor) -> Result<(), Fault> {
    if visitor.can(Right::Approve) || visitor.can(Right::ManageUsers) { Ok(()) } else { Err(Fault::Forbidden) }
}

pub(super) async fn show(extract::State(State(state)): extract::State<State>, visitor: Visitor) -> Result<Response, Fault> {
    visitor.needs(Right::ReadCampaigns)?;
    page(&state, &visitor, StatusCode::OK, &Fields::default(), &Vec::new()).await
}

/// Whether two people may have a campaign in common.
fn meet(one: &Scope, other: &Scope) -> bool {
    one.is_everything() || other.is_everything() || one.names().any(|name| other.names().any(|another| another == name))
}

/// Whom this visitor may set a delegate for, and who can be one: of their own departments.
async fn people(state: &Shared, visitor: &Visitor) -> Result<(Vec<User>, Vec<User>), Fault> {
    let own = |user: &User| user.disabled_at.is_none() && meet(&user.departments, &visitor.user.departments);
    let users: Vec<User> = user::list(&state.parts.db).await?.into_iter().filter(own).collect();
    let own = |user: &&User| user.can(Right::Approve) && (visitor.can(Right::ManageUsers) || user.id == visitor.user.id);
    let approvers = users.iter().filter(own).cloned().collect();
    let delegates = users.into_iter().filter(|user| user.can(Right::ReadCampaigns)).collect();
    Ok((approvers, delegates))
}

async fn page(
    state: &Shared,
    visitor: &Visitor,
    status: StatusCode,
    fields: &Fields,
    errors: &Errors,
) -> Result<Response, Fault> {
    let lang = visitor.lang;
    let today = when::day_of(state.parts.clock.millis());
    let others: BTreeSet<i64> = {
        let all = user::list(&state.parts.db).await?.into_iter();
        all.filter(|user| !meet(&user.departments, &visitor.user.departments)).map(|user| user.id).collect()
    };
    let rows: Vec<Value> = delegation::list(&state.parts.db)
        .await?
        .into_iter()
        .filter(|one| !others.contains(&one.approver))
        .map(|one| {
            let day = |text: &str| text.parse::<NaiveDate>().map_or_else(|_| text.to_string(), |day| date(day, lang));
            let over = one.ended_at.is_some() || one.through_day < today.to_string();
            let may_end = !over && (one.approver == visitor.user.id || visitor.can(Right::ManageUsers));
            context! {
                id => one.id, approver => &one.approver_name, delegate => &one.delegate_name,
                from => day(&one.from_day), through => day(&one.through_day), reason => &one.reason,
                made => &one.made_name, at => when::moment(one.made_at, lang), now => one.holds_on(today), over, may_end,
                ended => &one.ended_name,
            }
        })
        .collect();
    let (approvers, delegates) = people(state, visitor).await?;
    let options = |users: &[User]| -> Vec<Value> {
        users.iter().map(|user| context! { value => user.id.to_string(), label => &user.name }).collect()
    };
    let nobody = context! { value => "", label => lang.pick("Chọn một người", "Choose somebody") };
    let of = |name: &str, otherwise: String| if fields.has(name) { fields.get(name).to_string() } else { otherwise };
    let error =
        |name: &str| errors.iter().find(|(field, _)| *field == name).map(|(_, words)| words.capital().text(lang).to_string());
    let values = context! {
        rows, may_set => may_set(visitor).is_ok() && !approvers.is_empty(),
        approvers => options(&approvers), delegates => [vec![nobody], options(&delegates)].concat(),
        approver => of("approver", visitor.user.id.to_string()), delegate => of("delegate", String::new()),
        from => of("from", today.to_string()), through => of("through", String::new()), reason => of("reason", String::new()),
        error => context! {
            approver => error("approver"), delegate => error("delegate"), from => error("from"), through => error("through"),
            reason => error("reason"),
        },
        errors => errors.iter().map(|(field, words)| context! { field => *field, text => words.capital().text(lang) }).collect::<Vec<_>>(),
    };
    Ok(state.view_as(status, visitor, "approvals/delegates", values))
}

/// A day as a date field or a person writes it.
fn day(text: &str) -> Option<NaiveDate> {
    ["%Y-%m-%d", "%d/%m/%Y"].iter().find_map(|form| NaiveDate::parse_from_str(text, form).ok())
}

pub(super) async fn make(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Fault> {
    may_set(&visitor)?;
    let (approvers, delegates) = people(&state, &visitor).await?;
    let chosen = |users: &[User], name: &str| {
        let id: Option<i64> = fields.get(name).parse().ok();
        users.iter().find(|user| Some(user.id) == id).cloned()
    };
    let (approver, delegate) = (chosen(&approvers, "approver"), chosen(&delegates, "delegate"));
    let (from, through) = (day(fields.get("from")), day(fields.get("through")));
    let today = when::day_of(state.parts.clock.millis());
    let mut errors: Errors = Vec::new();
    if approver.is_none() {
        errors.push(("approver", phrase!("chọn người phê duyệt vắng mặt", "choose the approver who is away")));
    }
    match (&approver, &delegate) {
        (_, None) => errors.push(("delegate", phrase!("chọn người được ủy quyền", "choose who stands in"))),
        (Some(approver), Some(delegate)) if approver.id == delegate.id => {
            errors.push(("delegate", phrase!("không thể ủy quyền cho chính mình", "nobody stands in for themselves")));
        }
        // Or whoever manages users would give themselves what no role of theirs gives.
        (Some(_), Some(delegate)) if delegate.id == visitor.user.id => {
            errors.push((
                "delegate",
                phrase!("không thể tự nhận ủy quyền của người khác", "nobody names themselves another's delegate"),
            ));
        }
        (Some(approver), Some(delegate)) if !meet(&approver.departments, &delegate.departments) => {
            let wrong = phrase!("người này không cùng đơn vị với người phê duyệt", "they are of no department of the approver's");
            errors.push(("delegate", wrong));
        }
        _ => {}
    }
    if from.is_none() {
        errors.push(("from", phrase!("ghi ngày đầu, như 24/11/2026", "give the first day, such as 2026-11-24")));
    }
    match (from, through) {
        (_, None) => errors.push(("through", phrase!("ghi ngày cuối, như 30/11/2026", "give the last day, such as 2026-11-30"))),
        (_, Some(through)) if through < today => errors.push(("through", phrase!("ngày này đã qua", "this day is past"))),
        (Some(from), Some(through)) if through < from => {
            errors.push(("through", phrase!("ngày cuối phải sau ngày đầu", "the last day comes after the first")));
        }
        (Some(from), Some(through)) if (through - from).num_days() > LONGEST => {
            errors.push(("through", phrase!("nhiều nhất {LONGEST} ngày một lần", "at most {LONGEST} days at a time")));
        }
        _ => {}
    }
    let reason: String = fields.get("reason").chars().take(500).collect();
    if reason.is_empty() {
        errors.push(("reason", phrase!("ghi lý do, như “đi công tác”", "give a reason, such as “travelling”")));
    }
    let (Some(approver), Some(delegate), Some(from), Some(through), true) =
        (approver, delegate, from, through, errors.is_empty())
    else {
        return page(&state, &visitor, StatusCode::UNPROCESSABLE_ENTITY, &fields, &errors).await;
    };
    let new =
        New { approver: (approver.id, &approver.name), delegate: (delegate.id, &delegate.name), from, through, reason: &reason };
    delegation::make(&state.parts.db, new, &visitor.actor, state.parts.clock.millis()).await?;
    let (name, whom) = (&delegate.name, &approver.name);
    visitor.flash(&phrase!("{name} được phê duyệt thay {whom}.", "{name} stands in for {whom}.")).await?;
    Ok(see_other("/approvals/delegates"))
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn end(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    Form(Nothing {}): Form<Nothing>,
) -> Result<Response, Fault> {
    may_set(&visitor)?;
    let found = delegation::get(&state.parts.db, id).await?.ok_or(Fault::NotFound)?;
    if found.approver != visitor.user.id && !visitor.can(Right::ManageUsers) {
        return Err(Fault::Forbidden);
    }
    delegation::end(&state.parts.db, &found, &visitor.actor, state.parts.clock.millis()).await?;
    visitor.flash(&phrase!("Đã chấm dứt ủy quyền.", "It is ended.")).await?;
    Ok(see_other("/approvals/delegates"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_fields_and_people_write_them() {
        let of = NaiveDate::from_ymd_opt(2026, 11, 24);
        assert_eq!((day("2026-11-24"), day("24/11/2026"), day("24.11"), day("")), (of, of, None, None));
    }
}
