//! `/outlets`: who passes texts on; how orders get there, and who answers for it.
//!
//! What enters: what somebody writes about an outlet, one by one ([`write`]) or as a list ([`import`]). What leaves: the list with what each
//! outlet still owes, and one outlet with its certificate and its users. Everybody who sees orders sees outlets, of the departments
//! that they see; the contact's mailbox is masked everywhere. Writing them has a right of its own.

mod import;
mod write;

use std::collections::BTreeMap;

use axum::{
    Router,
    extract::{self, DefaultBodyLimit, Path, Query},
    response::Response,
    routing::{get, post},
};
use minijinja::{Value, context};
use serde::Deserialize;

use super::{
    Named,
    fault::Fault,
    form::{Fields, Mistakes},
    visitor::{Visitor, see_other},
    when::{day_of, moment},
};
use crate::{
    audience::place::Places,
    cap::Certificate,
    outlet::{self, Kind, Outlet, Refused},
    phrase,
    relay::{enlist, owed},
    user::{self, Right},
    web::{Shared, State},
    words::{self, Lang, Phrase},
};

pub(super) const TEMPLATES: &[Named] = &[
    ("outlets/list", include_str!("../templates/console/outlets/list.html")),
    ("outlets/show", include_str!("../templates/console/outlets/show.html")),
    ("outlets/new", include_str!("../templates/console/outlets/new.html")),
    ("outlets/fields", include_str!("../templates/console/outlets/fields.html")),
    ("outlets/import", include_str!("../templates/console/outlets/import.html")),
    ("outlets/preview", include_str!("../templates/console/outlets/preview.html")),
];

/// Outlets on one page.
const PAGE: usize = 100;
/// Bytes of a form with a certificate.
const LARGEST: usize = 1 << 20;
/// Areas of an outlet that a list names.
const FEW: usize = 2;

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/outlets", get(list).post(write::add).layer(DefaultBodyLimit::max(LARGEST)))
        .route("/outlets/new", get(write::ask))
        .merge(import::routes())
        .route("/outlets/{slug}", get(show).post(write::change).layer(DefaultBodyLimit::max(LARGEST)))
        .route("/outlets/{slug}/enable", post(enable))
        .route("/outlets/{slug}/disable", post(disable))
        .route("/outlets/{slug}/remove", post(remove))
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NoSuchOutlet => Self::NotFound,
            Refused::Taken | Refused::HasOrders => Self::Conflict(refused.words().capital()),
            Refused::Field(..) => Self::Invalid(refused.words().capital()),
        }
    }
}

/// An outlet that the visitor sees.
async fn seen(state: &Shared, visitor: &Visitor, slug: &str) -> Result<Outlet, Fault> {
    let outlet = outlet::by_slug(&state.parts.db, &state.parts.seal, slug).await?.ok_or(Fault::NotFound)?;
    visitor.sees(&outlet.owner)?;
    Ok(outlet)
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: usize,
}

/// The places of these codes, in words; all that fit in a cell.
fn some_places(codes: &[String], lang: Lang) -> String {
    let places = Places::built_in();
    if codes.is_empty() {
        return lang.pick("cả nước", "the whole country").to_string();
    }
    let named = codes.iter().take(FEW).map(|code| places.name(code).unwrap_or(code)).collect::<Vec<_>>().join(", ");
    match codes.len().saturating_sub(FEW) {
        0 => named,
        more => format!("{named} {} {more}", lang.pick("và", "and")),
    }
}

/// Whether an outlet is what is looked for; accents and capitals do not matter.
pub(super) fn is_wanted(outlet: &Outlet, kind: Option<Kind>, wanted: &str) -> bool {
    let plain = |text: &str| providers::text::unaccented(text).to_lowercase();
    kind.is_none_or(|kind| outlet.kind == kind)
        && (wanted.is_empty() || plain(&outlet.title).contains(wanted) || outlet.slug.contains(wanted))
}

async fn list(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadOrders)?;
    let (db, lang) = (&state.parts.db, visitor.lang);
    let scope = &visitor.user.departments;
    let all: Vec<Outlet> = outlet::without_contacts(db).await?.into_iter().filter(|outlet| scope.sees(&outlet.owner)).collect();
    let loads = owed::loads(db, scope).await?;
    let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
    for outlet in &all {
        *kinds.entry(outlet.kind).or_default() += 1;
    }
    let kind = Kind::named(&wanted.kind);
    let words = providers::text::unaccented(wanted.q.trim()).to_lowercase();
    let found: Vec<&Outlet> = all.iter().filter(|outlet| is_wanted(outlet, kind, &words)).collect();
    let at = wanted.page.min(found.len().saturating_sub(1) / PAGE);
    let mut shown: Vec<Outlet> = found.iter().skip(at * PAGE).take(PAGE).map(|outlet| (*outlet).clone()).collect();
    outlet::with_contacts(db, &state.parts.seal, &mut shown).await?;
    let rows: Vec<Value> = shown
        .iter()
        .map(|outlet| {
            let load = loads.get(&outlet.id).copied().unwrap_or_default();
            context! {
                slug => &outlet.slug, title => &outlet.title, kind => outlet.kind.label().text(lang), way => outlet.way.label().text(lang),
                areas => some_places(&outlet.areas, lang), contact => &outlet.contact, owner => &outlet.owner, active => outlet.active,
                open => load.open, overdue => load.overdue,
            }
        })
        .collect();
    let to = |page: usize| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("kind", &wanted.kind).append_pair("q", &wanted.q).append_pair("page", &page.to_string());
        format!("/outlets?{}", query.finish())
    };
    let mut choices = vec![context! { value => "", label => lang.pick("Mọi loại", "Every kind") }];
    choices.extend(Kind::ALL.map(|kind| {
        let label = format!("{} ({})", kind.label().text(lang), kinds.get(&kind).copied().unwrap_or(0));
        context! { value => kind.name(), label }
    }));
    let values = context! {
        outlets => rows, found => found.len(), any => !all.is_empty(), kinds => choices, kind => &wanted.kind, q => &wanted.q,
        previous => (at > 0).then(|| to(at - 1)), next => ((at + 1) * PAGE < found.len()).then(|| to(at + 1)),
        may_write => visitor.can(Right::ManageOutlets),
    };
    Ok(state.view(&visitor, "outlets/list", values))
}

/// A pinned certificate, as people compare it on the telephone.
fn certificate_value(pem: &str, now: i64, lang: Lang) -> Value {
    match Certificate::from_pem(pem.as_bytes()) {
        Ok(certificate) => {
            let spaced: Vec<String> = certificate
                .fingerprint()
                .to_uppercase()
                .as_bytes()
                .chunks(4)
                .map(|four| String::from_utf8_lossy(four).into_owned())
                .collect();
            context! {
                subject => certificate.subject(), fingerprint => spaced.join(" "),
                until => words::date(day_of(certificate.until().saturating_mul(1_000)), lang),
                over => certificate.until().saturating_mul(1_000) < now,
                early => certificate.from().saturating_mul(1_000) > now,
            }
        }
        Err(error) => context! { broken => error.words().capital().text(lang) },
    }
}

/// What the page of an outlet shows, beside its form.
async fn facts(state: &Shared, visitor: &Visitor, outlet: &Outlet) -> Result<Value, Fault> {
    let (db, lang, now) = (&state.parts.db, visitor.lang, state.parts.clock.millis());
    let load = owed::loads(db, &visitor.user.departments).await?.get(&outlet.id).copied().unwrap_or_default();
    let mut users = Vec::new();
    for id in outlet::users(db, outlet.id).await? {
        if let Some(user) = user::find(db, id).await? {
            users.push(context! { id => user.id, name => user.name, signed_in => user.signed_in_at.map(|at| moment(at, lang)) });
        }
    }
    let places = Places::built_in();
    Ok(context! {
        slug => &outlet.slug, title => &outlet.title, active => outlet.active, kind_label => outlet.kind.label().text(lang),
        way_label => outlet.way.label().text(lang), url_now => &outlet.url, contact_now => &outlet.contact, owner_now => &outlet.owner,
        sender_now => &outlet.sender, added => moment(outlet.created_at, lang), changed => moment(outlet.changed_at, lang),
        area_names => outlet.areas.iter().map(|code| places.full_name(code).unwrap_or_else(|| code.clone())).collect::<Vec<_>>(),
        certificate_now => outlet.certificate.as_deref().map(|pem| certificate_value(pem, now, lang)),
        open => load.open, overdue => load.overdue, users,
        may_write => visitor.can(Right::ManageOutlets), may_add_users => visitor.can(Right::ManageUsers),
    })
}

async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadOrders)?;
    let outlet = seen(&state, &visitor, &slug).await?;
    write::page(&state, &visitor, &outlet, &write::Entered::of(&outlet), &Mistakes::default()).await
}

async fn set_active(state: &Shared, visitor: &Visitor, slug: &str, active: bool) -> Result<Response, Fault> {
    visitor.needs(Right::ManageOutlets)?;
    seen(state, visitor, slug).await?;
    outlet::set_active(&state.parts.db, slug, active, &visitor.actor, state.parts.clock.millis()).await??;
    let words = if active {
        phrase!("Đơn vị nhận yêu cầu trở lại.", "It gets orders again.")
    } else {
        phrase!(
            "Đơn vị không nhận yêu cầu mới nữa; yêu cầu đã giao thì vẫn báo cáo được.",
            "It gets no new orders; those that it has can still be reported on."
        )
    };
    visitor.flash(&words).await?;
    Ok(see_other(&format!("/outlets/{slug}")))
}

async fn enable(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
    _fields: Fields,
) -> Result<Response, Fault> {
    set_active(&state, &visitor, &slug, true).await
}

async fn disable(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
    _fields: Fields,
) -> Result<Response, Fault> {
    set_active(&state, &visitor, &slug, false).await
}

async fn remove(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(slug): Path<String>,
    _fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::ManageOutlets)?;
    let outlet = seen(&state, &visitor, &slug).await?;
    outlet::remove(&state.parts.db, &slug, &visitor.actor, state.parts.clock.millis()).await??;
    let title = outlet.title;
    visitor.flash(&phrase!("Đã xóa “{title}”.", "“{title}” is removed.")).await?;
    Ok(see_other("/outlets"))
}

/// A code with its name, as the form shows it and reads it back.
fn listed(codes: &[String]) -> String {
    let places = Places::built_in();
    let line = |code: &String| places.full_name(code).map_or_else(|| code.clone(), |name| format!("{code} – {name}"));
    codes.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The codes of the places that were typed, a line or a semicolon apart; every one that is none.
fn typed_areas(text: &str) -> Result<Vec<String>, Vec<Phrase>> {
    let (mut codes, mut wrong) = (Vec::new(), Vec::new());
    for one in text.split(['\n', ';']).map(str::trim).filter(|one| !one.is_empty()) {
        match enlist::area(one) {
            Ok(code) => codes.push(code.to_string()),
            Err(why) => wrong.push(why),
        }
    }
    if wrong.is_empty() { Ok(codes) } else { Err(wrong) }
}
