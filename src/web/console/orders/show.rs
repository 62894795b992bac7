//! `/orders/{identifier}`: what was ordered, how it stands, what happened, what was reported, and what can be done now; what cannot, and why.

use std::collections::{BTreeMap, BTreeSet};

use axum::{extract, response::Response};
use minijinja::{Value, context, value::Serde};
use serde::Serialize;

use super::{
    can::{Can, follows},
    compared::{self, REPORTS},
    list::{line, tone},
    refused,
    seen::Seen,
    typed::columns,
};
use crate::{
    approval::Power,
    audience::place::Places,
    outlet::{Kind, Way},
    phrase,
    relay::{
        Event, Order, State as Stands, Status, Step, hand, order, paper,
        report::{self, Takes},
        sheet,
    },
    user::Right,
    web::{
        Shared, State,
        console::{difference::between, fault::Fault},
    },
    words::{self, Lang},
};

/// Areas named on the page; the sheet names all.
const AREAS: usize = 30;
/// Orders to the same outlet of the same run.
const FAMILY: usize = 50;

pub(super) async fn show(extract::State(State(state)): extract::State<State>, seen: Seen) -> Result<Response, Fault> {
    let Seen { visitor, order } = &seen;
    let (db, now, lang) = (&state.parts.db, state.parts.clock.millis(), visitor.lang);
    let family = family(&state, &seen, now).await?;
    let events = order::events(db, order.id).await?;
    let reports = report::all(db, order.id).await?;
    let push = match order.outlet_way {
        Way::Push if order.state == Stands::Approved => hand::push(db, order.id).await?,
        _ => None,
    };
    // What is on its way for the first time is known in a moment.
    let is_first_try = push.as_ref().is_some_and(|push| push.tries == 1 && push.last.is_empty());
    let basis = order.content.basis.as_ref().and_then(|basis| basis.document.as_deref());
    let evidence = reports.iter().take(REPORTS).filter_map(|kept| kept.report.evidence.as_deref());
    let noted = events.iter().filter_map(|event| paper::apart(&event.detail).1);
    let named: BTreeSet<&str> = basis.into_iter().chain(evidence).chain(noted).collect();
    let mut papers: BTreeMap<String, String> = BTreeMap::new();
    for hash in named {
        if let Some(found) = paper::of_order(db, order, hash, seen.eyes()).await? {
            papers.insert(found.hash, found.name);
        }
    }
    let power = match order.state {
        Stands::Drafted => order::power(db, &visitor.user, order, now).await?,
        _ => None,
    };
    let takes = Takes::of(order, reports.first().map(|kept| &kept.report));
    let can = Can::of(order, visitor, power.as_ref(), &takes, is_followed(order, &family), now);
    let cancels = order.step == Step::Cancel;
    let earlier = family.iter().find(|one| Some(one.id) == order.earlier);
    let changes = earlier.filter(|_| !cancels).map(|earlier| between(&said(earlier, lang), &said(order, lang)));
    let values = context! {
        order => line(order, lang), note => &order.note, check => sheet::check(order), tone => tone(order.state),
        cancels, changes => changes.map(|changes| Value::from(Serde(&changes))),
        facts => Value::from(Serde(&facts(order, lang))),
        texts => Value::from(Serde(&if cancels { Vec::new() } else { texts(order, lang) })),
        basis => basis.map(|hash| context! { hash, name => papers.get(hash) }),
        handed_at => order.handed_at, answered_at => order.answered_at, closed_at => order.closed_at,
        expires_at => order.expires_at, overdue_since => order.overdue_since, made_by => &order.made_by,
        in_doubt => order.in_doubt && order.state == Stands::Approved && !is_first_try,
        push => push.map(|push| context! {
            tries => push.tries, next_at => push.next_at, rejected => push.rejected,
            again => push.next_at > now && !push.last.is_empty() && !order.stopped && visitor.can(Right::WriteOrders),
            last => words::said(push.last, lang),
        }),
        family => family.iter().filter(|one| one.id != order.id).map(|one| line(one, lang)).collect::<Vec<_>>(),
        earlier => earlier.map(|one| line(one, lang)),
        events => events.iter().map(|event| told(event, &papers, lang)).collect::<Vec<_>>(),
        carrier => order.outlet_kind == Kind::Carrier, columns => Value::from(Serde(&columns(order.outlet_kind, lang))),
        reports => compared::told(order, &reports, &papers, lang), more_reports => reports.len().saturating_sub(REPORTS),
        stands_in => power.as_ref().and_then(Power::stands_in).map(|held| &held.approver_name),
        can => Value::from(Serde(&can)), cannot => can.why_not(lang), has_document => order.has_document || order.sent_at.is_some(),
        drafted => order.state == Stands::Drafted,
    };
    Ok(state.view(visitor, "orders/show", values))
}

/// An event as the page tells it.
fn told(event: &Event, papers: &BTreeMap<String, String>, lang: Lang) -> Value {
    let (detail, paper) = paper::apart(&event.detail);
    let way = Some(detail).filter(|_| event.happening == "hand_over").and_then(Way::named);
    let detail = way.map_or_else(|| words::said(detail.to_string(), lang), |way| way.label().text(lang).to_string());
    context! {
        at => event.at, label => event.label().text(lang), by => &event.by_whom, detail,
        bad => matches!(
            event.happening.as_str(),
            "refuse" | "overdue" | "report_rejected" | "push_failed" | "push_in_doubt" | "push_rejected" | "answer_unfit" | "chase_failed"
        ),
        paper => paper.map(|hash| context! { hash, name => papers.get(hash) }),
    }
}

#[derive(Serialize)]
struct Fact {
    name: &'static str,
    text: String,
}

/// What was ordered.
fn facts(order: &Order, lang: Lang) -> Vec<Fact> {
    let content = &order.content;
    let mut facts = Vec::new();
    let mut add = |vi: &'static str, en: &'static str, text: String| {
        if !text.is_empty() {
            facts.push(Fact { name: lang.pick(vi, en), text });
        }
    };
    if order.status != Status::Actual {
        add("Hình thức", "Status", order.status.phrase().text(lang).to_string());
    }
    let kind =
        if content.warning { phrase!("Cảnh báo khẩn", "Urgent warning") } else { phrase!("Tuyên truyền", "Awareness") };
    add("Tính chất", "Kind", kind.text(lang).to_string());
    add("Tên người gửi", "Sender", content.sender_name.clone().unwrap_or_default());
    add("Địa bàn", "Areas", areas(&content.areas, lang));
    add("Đối tượng", "For whom", content.audience.clone().unwrap_or_default());
    if content.rounds > 1 || order.outlet_kind == Kind::Carrier {
        add("Số vòng", "Rounds", content.rounds.to_string());
    }
    let hours = content.window.as_ref().map(|(from, until)| format!("{from}–{until}"));
    add("Khung giờ", "Hours", hours.unwrap_or_default());
    let rate = content.max_rate.map(|rate| phrase!("{rate} tin/giây", "{rate} a second").text(lang).to_string());
    add("Tốc độ tối đa", "At most", rate.unwrap_or_default());
    if let Some(basis) = &content.basis {
        let day = basis.date.parse().map_or_else(|_| basis.date.clone(), |day| words::date(day, lang));
        let (number, authority) = (&basis.number, &basis.authority);
        add(
            "Căn cứ",
            "Basis",
            phrase!("{number} ngày {day}, {authority}", "{number} of {day}, {authority}").text(lang).to_string(),
        );
    }
    let terms = content
        .contract
        .as_ref()
        .map_or_else(|| phrase!("Miễn phí", "Free of charge"), |number| phrase!("Hợp đồng {number}", "Contract {number}"));
    add("Kinh phí", "Terms", terms.text(lang).to_string());
    add("Thực hiện đến", "Holds until", words::moment(order.expires_at, lang));
    add("Hạn báo cáo", "Report due", order.report_by.map(|by| words::moment(by, lang)).unwrap_or_default());
    facts
}

fn areas(codes: &[String], lang: Lang) -> String {
    let places = Places::built_in();
    if codes.is_empty() {
        return lang.pick("Cả nước", "The whole country").to_string();
    }
    let names: Vec<String> =
        codes.iter().take(AREAS).map(|code| places.full_name(code).unwrap_or_else(|| code.clone())).collect();
    let (names, more) = (names.join("; "), codes.len().saturating_sub(AREAS));
    if more == 0 {
        names
    } else {
        phrase!("{names} và {more} địa bàn khác", "{names} and {more} more").text(lang).to_string()
    }
}

#[derive(Serialize)]
struct Passage {
    title: &'static str,
    text: String,
    note: Option<String>,
}

fn texts(order: &Order, lang: Lang) -> Vec<Passage> {
    let content = &order.content;
    let sms = content.sms.as_ref().map(|sms| {
        let encoding = if sms.encoding == "gsm" { "GSM" } else { "UCS-2" };
        let (parts, sha256) = (sms.parts, &sms.sha256);
        let note = phrase!("{encoding} · {parts} phần tin · SHA-256 {sha256}", "{encoding} · {parts} part(s) · SHA-256 {sha256}");
        Passage { title: "SMS", text: sms.text.clone(), note: Some(note.text(lang).to_string()) }
    });
    let other = |title, text: Option<&String>| text.map(|text| Passage { title, text: text.clone(), note: None });
    let app = other(lang.pick("Trong ứng dụng của nhà mạng", "In the carriers' apps"), content.app.as_ref());
    let published = lang.pick("Để đọc, treo hoặc đăng", "To be read out, hung up or published");
    let material = other(published, content.material.as_ref());
    sms.into_iter().chain(app).chain(material).collect()
}

/// All that an order says, a line each, so that whoever approves an Update sees what it changes.
fn said(order: &Order, lang: Lang) -> String {
    let facts = facts(order, lang).into_iter().map(|fact| format!("{}: {}\n", fact.name, fact.text));
    let texts = texts(order, lang).into_iter().map(|one| format!("{}: {}\n", one.title, one.text.trim_end()));
    facts.chain(texts).collect()
}

/// The orders to the same outlet of the same run, itself among them.
async fn family(state: &Shared, seen: &Seen, now: i64) -> Result<Vec<Order>, Fault> {
    let kin = order::Filter { run: Some(seen.order.run), outlet: Some(seen.order.outlet), ..order::Filter::default() };
    Ok(order::list(&state.parts.db, &kin, seen.eyes(), FAMILY, now).await?)
}

/// Whether an Update or a Cancel of it is on its way.
fn is_followed(order: &Order, family: &[Order]) -> bool {
    family
        .iter()
        .any(|one| one.earlier == Some(order.id) && matches!(one.state, Stands::Drafted | Stands::Approved | Stands::HandedOver))
}

/// Nothing if an Update of it can be written; else why not, for whoever follows a link to the form.
pub(super) async fn may_update(state: &Shared, seen: &Seen) -> Result<(), Fault> {
    let now = state.parts.clock.millis();
    let followed = is_followed(&seen.order, &family(state, seen, now).await?);
    follows(&seen.order, followed, now).map_err(refused)
}
