//! `/me/tokens`: API tokens made and taken back. A new one's secret is shown once.

use axum::{
    extract::{self, Path},
    response::Response,
};
use chrono::{Days, NaiveDate};
use chrono_tz::Asia::Ho_Chi_Minh;
use minijinja::{Value, context};

use crate::{
    phrase,
    user::{self, Right, Rights, api_token},
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::{Fields, Mistakes},
            visitor::{Visitor, see_other},
            when::{day_of, moment},
        },
    },
    words,
};

/// The longest that a token may last, in days.
const LONGEST: u64 = 366;
/// What is proposed.
const USUAL: u64 = 90;

async fn page(
    state: &Shared,
    visitor: &Visitor,
    fields: &Fields,
    mistakes: &Mistakes,
    secret: Option<&str>,
) -> Result<Response, Fault> {
    let (now, lang) = (state.parts.clock.millis(), visitor.lang);
    let tokens: Vec<Value> = api_token::list(&state.parts.db, visitor.user.id)
        .await?
        .iter()
        .map(|token| {
            context! {
                id => token.id,
                name => token.name.clone(),
                rights => token.rights().iter().map(|right| right.label().text(lang).to_string()).collect::<Vec<_>>(),
                made => moment(token.created_at, lang),
                // It is good through that day: the instant is the next one's beginning.
                ends => words::date(day_of(token.ends_at - 1), lang),
                over => token.ends_at <= now,
                used => token.used_at.map(|at| moment(at, lang)),
            }
        })
        .collect();
    let usual = day_of(now).checked_add_days(Days::new(USUAL)).unwrap_or_default().to_string();
    let values = context! {
        tokens => tokens,
        name => fields.get("name"),
        ends => if fields.has("ends") { fields.get("ends").to_string() } else { usual },
        chosen => fields.all("right").map(str::to_string).collect::<Vec<_>>(),
        rights => visitor.user.rights.iter().map(|right| context! { value => right.name(), label => right.label().text(lang), why => "" }).collect::<Vec<_>>(),
        secret => secret,
        mistakes => mistakes.list(lang),
        errors => mistakes.by_field(lang),
    };
    Ok(state.view_as(mistakes.status(), visitor, "console/me/tokens", values))
}

pub async fn show(extract::State(State(state)): extract::State<State>, visitor: Visitor) -> Result<Response, Fault> {
    page(&state, &visitor, &Fields::default(), &Mistakes::default(), None).await
}

/// The end of a day of the reader's, in unix milliseconds.
fn end_of(day: NaiveDate) -> Option<i64> {
    let next = day.checked_add_days(Days::new(1))?.and_hms_opt(0, 0, 0)?;
    Some(next.and_local_timezone(Ho_Chi_Minh).earliest()?.timestamp_millis())
}

pub async fn make(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Fault> {
    let now = state.parts.clock.millis();
    let mut mistakes = Mistakes::default();
    let name = user::name(fields.get("name"));
    if name.is_none() {
        mistakes.add("name", phrase!("Nhập tên của chương trình sẽ dùng mã này", "Enter which program will use it"));
    }
    let rights: Rights = fields.all("right").filter_map(Right::named).collect();
    let rights = rights.and(visitor.user.rights);
    if rights.is_empty() {
        mistakes.add("right", phrase!("Chọn ít nhất một quyền", "Choose at least one right"));
    }
    let today = day_of(now);
    let last = today.checked_add_days(Days::new(LONGEST)).unwrap_or(today);
    let day = NaiveDate::parse_from_str(fields.get("ends"), "%Y-%m-%d").ok().filter(|day| (today..=last).contains(day));
    let ends = day.and_then(end_of);
    if ends.is_none() {
        let (first, last) = (words::date(today, visitor.lang), words::date(last, visitor.lang));
        mistakes.add("ends", phrase!("Chọn một ngày từ {first} đến {last}", "Choose a day from {first} to {last}"));
    }
    let (Some(name), Some(ends), false) = (name, ends, rights.is_empty()) else {
        return page(&state, &visitor, &fields, &mistakes, None).await;
    };
    let (db, seal) = (&state.parts.db, &state.parts.seal);
    let new = api_token::New { name: &name, rights, ends_at: ends };
    let secret = api_token::make(db, seal, &visitor.user, &new, &visitor.actor, now).await?;
    // Shown here and not by way of another page, because it is kept nowhere.
    page(&state, &visitor, &Fields::default(), &mistakes, Some(&secret.0)).await
}

pub async fn revoke(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    _fields: Fields,
) -> Result<Response, Fault> {
    if !api_token::revoke(&state.parts.db, &visitor.user, id, &visitor.actor, state.parts.clock.millis()).await? {
        return Err(Fault::NotFound);
    }
    visitor.flash(&phrase!("Đã thu hồi mã truy cập.", "The token is revoked.")).await?;
    Ok(see_other("/me/tokens"))
}
