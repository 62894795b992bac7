//! One order: before somebody opens it, what it is; from then on all that it says, and what can be answered.

use std::collections::BTreeSet;

use axum::{extract, response::Response};
use minijinja::{Value, context};

use super::{Asked, Had, Own, confirm, list::standing, page_of};
use crate::{
    audience::place::Places,
    outlet::{self, Kind},
    phrase,
    relay::{
        Event, Happening, Order, Sms, State as Stands, Step, answer, hand, order, paper,
        report::{self, Kept, Takes},
    },
    user,
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::{Fields, Mistakes},
            orders,
            visitor::see_other,
            when::moment,
        },
    },
    words::{self, Lang},
};

/// Areas that stand in a line; more of them are folded.
const FEW: usize = 12;
/// Orders of one run to the outlet that are looked through for what followed one.
const FAMILY: usize = 50;
/// Events that an outlet is told of: what it did, and what changed for it. How the office came to its order is the office's.
const TOLD: [&str; 13] = [
    "hand_over",
    "acknowledge",
    "refuse",
    "begin",
    "report",
    "correct",
    "report_rejected",
    "cancelled",
    "superseded",
    "overdue",
    "chased",
    "close",
    "reopen",
];
/// Of these, whose words are the outlet's own or are meant for it.
const IN_WORDS: [&str; 6] = ["acknowledge", "refuse", "begin", "correct", "report_rejected", "reopen"];

pub async fn show(extract::State(State(state)): extract::State<State>, asked: Asked) -> Result<Response, Fault> {
    page(&state, &asked, &confirm::Typed::blank(&state, &asked).await?, &Mistakes::default()).await
}

/// What an order says, for its page.
fn content(order: &Order, lang: Lang) -> Value {
    let content = &order.content;
    let places = Places::built_in();
    let areas: Vec<String> = content.areas.iter().map(|code| places.full_name(code).unwrap_or_else(|| code.clone())).collect();
    let day = |text: &str| text.parse().map_or_else(|_| text.to_string(), |day| words::date(day, lang));
    context! {
        sender_name => &content.sender_name,
        sms => content.sms.as_ref().map(|sms| sms_value(sms, lang)),
        app => &content.app, material => &content.material, rounds => content.rounds,
        window => content.window.as_ref().map(|(from, until)| format!("{from} – {until}")), max_rate => content.max_rate,
        many_areas => areas.len() > FEW, areas, audience => &content.audience, contract => &content.contract,
        basis => content.basis.as_ref().map(|basis| context! {
            number => &basis.number, date => day(&basis.date), authority => &basis.authority, signer => &basis.signer, document => &basis.document,
        }),
    }
}

fn sms_value(sms: &Sms, lang: Lang) -> Value {
    let encoding = if sms.encoding == "gsm" { "GSM 03.38" } else { "UCS-2" };
    let letters = words::number(i64::try_from(sms.text.chars().count()).unwrap_or(i64::MAX), lang);
    context! { text => &sms.text, encoding, parts => sms.parts, letters, sha256 => &sms.sha256 }
}

/// A report as the history shows it.
fn kept_value(kept: &Kept, names: &BTreeSet<String>, lang: Lang) -> Value {
    let report = &kept.report;
    let sum = |of: fn(&report::Count) -> Option<i64>| {
        let all: Option<Vec<i64>> = report.counts.iter().map(of).collect();
        all.filter(|all| !all.is_empty()).map(|all| words::number(all.iter().sum(), lang))
    };
    context! {
        sequence => report.sequence, as_of => moment(report.as_of, lang), received => moment(kept.received_at, lang), last => report.last,
        correction => &report.correction, evidence => &report.evidence, lines => report.counts.len(),
        targeted => sum(|count| Some(count.targeted)), submitted => sum(|count| Some(count.submitted)),
        delivered => sum(|count| count.delivered), by => names.contains(&kept.by).then(|| kept.by.clone()),
    }
}

fn event_value(event: &Event, names: &BTreeSet<String>, lang: Lang) -> Value {
    // A paper that an officer typed from is the office's.
    let detail = if IN_WORDS.contains(&event.happening.as_str()) { paper::apart(&event.detail).0 } else { "" };
    context! {
        at => moment(event.at, lang), label => event.label().text(lang), detail,
        by => names.contains(&event.by_whom).then(|| event.by_whom.clone()),
    }
}

/// The names of those who act for the outlet: nobody else's is shown to them.
async fn names(state: &Shared, own: &Own) -> Result<BTreeSet<String>, Fault> {
    let mut names = BTreeSet::new();
    for id in outlet::users(&state.parts.db, own.outlet).await? {
        names.extend(user::find(&state.parts.db, id).await?.map(|user| user.name));
    }
    Ok(names)
}

/// The order that withdrew this one, or took its place.
async fn later(state: &Shared, own: &Own, order: &Order) -> Result<Option<Order>, Fault> {
    let kin = order::Filter { run: Some(order.run), ..order::Filter::default() };
    let family = order::list(&state.parts.db, &kin, own.eyes(), FAMILY, state.parts.clock.millis()).await?;
    let followed = |one: &Order| one.earlier == Some(order.id) && one.answered_at.is_some() && one.state != Stands::Refused;
    Ok(family.into_iter().find(followed))
}

/// The page of an order, with the form of its confirmation as it was typed.
pub(super) async fn page(
    state: &Shared,
    Asked { own, order }: &Asked,
    typed: &confirm::Typed,
    wrong: &Mistakes,
) -> Result<Response, Fault> {
    let (db, lang) = (&state.parts.db, own.visitor.lang);
    let (standing, tone) = standing(order, lang);
    let earlier = match order.earlier {
        Some(id) => order::one(db, id, own.eyes(), state.parts.clock.millis()).await?,
        None => None,
    };
    let moves = |happening: Happening| order.may(happening).is_ok_and(|after| after != order.state);
    let opened = order.handed_at.is_some();
    let (kept, events) =
        if opened { (report::all(db, order.id).await?, order::events(db, order.id).await?) } else { (Vec::new(), Vec::new()) };
    let takes = Takes::of(order, kept.first().map(|kept| &kept.report));
    let reports = takes.more.is_ok();
    let later =
        if matches!(order.state, Stands::Cancelled | Stands::Superseded) { later(state, own, order).await? } else { None };
    let names = names(state, own).await?;
    let is_carrier = order.outlet_kind == Kind::Carrier;
    let values = context! {
        page => page_of(order), identifier => &order.identifier, title => &order.content.title, warning => order.content.warning, standing, tone,
        opened, state => order.state.name(), step => order.step.name(), step_label => order.step.label().text(lang), note => &order.note,
        status => order.status.name(), status_label => order.status.label().text(lang),
        earlier => earlier.map(|earlier| context! { page => page_of(&earlier), identifier => &earlier.identifier }),
        later => later.map(|later| context! { page => page_of(&later), identifier => &later.identifier, note => &later.note }),
        sent => order.sent_at.map(|at| moment(at, lang)), expires => moment(order.expires_at, lang),
        over => order.expires_at <= state.parts.clock.millis(),
        report_by => order.report_by.map(|at| moment(at, lang)), overdue => order.is_overdue(), areas_count => order.content.areas.len(),
        basis_number => order.content.basis.as_ref().map(|basis| basis.number.clone()),
        content => opened.then(|| content(order, lang)), carrier => is_carrier,
        may_acknowledge => moves(Happening::Acknowledge), may_refuse => moves(Happening::Refuse),
        may_begin => is_carrier && moves(Happening::Begin), may_report => reports, may_correct => takes.correction.is_ok(),
        confirms => !is_carrier && reports && order.step != Step::Cancel,
        confirm => typed.values(order, wrong, lang), mistakes => wrong.list(lang),
        reports => kept.iter().map(|kept| kept_value(kept, &names, lang)).collect::<Vec<_>>(),
        events => events.iter().filter(|event| TOLD.contains(&event.happening.as_str())).map(|event| event_value(event, &names, lang)).collect::<Vec<_>>(),
        accept => orders::ACCEPT,
    };
    Ok(state.view_as(wrong.status(), &own.visitor, "partner/show", values))
}

/// They open it: from now on they have it, and the office knows.
pub async fn open(
    extract::State(State(state)): extract::State<State>,
    Asked { own, order }: Asked,
    _: Fields,
) -> Result<Response, Fault> {
    hand::fetch(&state.parts.db, order.id, &own.by(&state)).await?.map_err(orders::refused)?;
    Ok(see_other(&page_of(&order)))
}

pub async fn acknowledge(
    extract::State(State(state)): extract::State<State>,
    Had(asked): Had,
    fields: Fields,
) -> Result<Response, Fault> {
    let Asked { own, order } = &asked;
    answer::acknowledge(&state.parts.db, order.id, fields.get("note"), &own.by(&state)).await?.map_err(orders::refused)?;
    let words = match order.step {
        Step::Alert => phrase!("Đã tiếp nhận yêu cầu.", "The order is acknowledged."),
        Step::Update => {
            phrase!("Đã tiếp nhận: bản sửa đổi này thay cho yêu cầu trước.", "Acknowledged: it takes the earlier order's place.")
        }
        Step::Cancel => phrase!(
            "Đã tiếp nhận lệnh thu hồi: yêu cầu trước không thực hiện nữa.",
            "Acknowledged: the earlier order is withdrawn."
        ),
    };
    asked.done(&words).await
}

pub async fn refuse(
    extract::State(State(state)): extract::State<State>,
    Had(asked): Had,
    fields: Fields,
) -> Result<Response, Fault> {
    let Asked { own, order } = &asked;
    let why = fields.get("why");
    if paper::words(why).trim().is_empty() {
        let wrong = Mistakes::one("why", phrase!("ghi lý do từ chối", "say why you refuse"));
        return page(&state, &asked, &confirm::Typed::blank(&state, &asked).await?, &wrong).await;
    }
    answer::refuse(&state.parts.db, order.id, why, &own.by(&state)).await?.map_err(orders::refused)?;
    own.visitor.warn(&phrase!("Đã báo từ chối thực hiện.", "The refusal is passed on.")).await?;
    Ok(see_other(&page_of(order)))
}

pub async fn begin(
    extract::State(State(state)): extract::State<State>,
    Had(asked): Had,
    fields: Fields,
) -> Result<Response, Fault> {
    let Asked { own, order } = &asked;
    answer::begin(&state.parts.db, order.id, fields.get("note"), &own.by(&state)).await?.map_err(orders::refused)?;
    asked.done(&phrase!("Đã ghi nhận: đơn vị đang thực hiện.", "Noted: it is under way.")).await
}
