//! `/orders/{identifier}`: what was ordered, how it stands, what happened, what was reported, and what can be done now; what cannot, and why.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    extract::{self, Path},
    response::Response,
};
use minijinja::{Value, context, value::Serde};
use serde::Serialize;

use super::{
    list::{line, tone},
    seen,
    typed::{Column, columns},
};
use crate::{
    audience::place::Places,
    outlet::{Kind, Way},
    phrase,
    relay::{
        Event, Eyes, Happening, Order, Refusal, State as Stands, Status, Step, hand, order, paper,
        report::{self, Count, Kept, Report},
        sheet,
    },
    user::Right,
    web::{
        Shared, State,
        console::{fault::Fault, visitor::Visitor},
    },
    words::{self, Lang},
};

/// Areas named on the page; the sheet names all.
const AREAS: usize = 30;
/// Reports on the page, and lines of each; the files have all.
const REPORTS: usize = 20;
const LINES: usize = 200;
/// Orders to the same outlet of the same run.
const FAMILY: usize = 50;

pub(super) async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(identifier): Path<String>,
) -> Result<Response, Fault> {
    let order = seen(&state, &visitor, &identifier).await?;
    let (db, now, lang) = (&state.parts.db, state.parts.clock.millis(), visitor.lang);
    let kin = order::Filter { run: Some(order.run), outlet: Some(order.outlet), ..order::Filter::default() };
    let family = order::list(db, &kin, Eyes::Office(&visitor.user.departments), FAMILY, now).await?;
    let events = order::events(db, order.id).await?;
    let reports = report::all(db, order.id).await?;
    let push = match order.outlet_way {
        Way::Push if order.state == Stands::Approved => hand::push(db, order.id).await?,
        _ => None,
    };
    let basis = order.content.basis.as_ref().and_then(|basis| basis.document.as_deref());
    let evidence = reports.iter().take(REPORTS).filter_map(|kept| kept.report.evidence.as_deref());
    let noted = events.iter().filter_map(|event| paper::apart(&event.detail).1);
    let named: BTreeSet<&str> = basis.into_iter().chain(evidence).chain(noted).collect();
    let mut papers: BTreeMap<String, String> = BTreeMap::new();
    for hash in named {
        if let Some(found) = paper::one(db, hash).await? {
            papers.insert(found.hash, found.name);
        }
    }
    let followed = family
        .iter()
        .any(|one| one.earlier == Some(order.id) && matches!(one.state, Stands::Drafted | Stands::Approved | Stands::HandedOver));
    let can = Can::of(&order, &visitor, followed, now);
    let values = context! {
        order => line(&order, lang), note => &order.note, check => sheet::check(&order), tone => tone(order.state),
        facts => Value::from(Serde(&facts(&order, lang))), texts => Value::from(Serde(&texts(&order, lang))),
        basis => basis.map(|hash| context! { hash, name => papers.get(hash) }),
        handed_at => order.handed_at, answered_at => order.answered_at, closed_at => order.closed_at,
        expires_at => order.expires_at, overdue_since => order.overdue_since, made_by => &order.made_by,
        in_doubt => order.in_doubt && order.state == Stands::Approved,
        push => push.map(|push| context! {
            tries => push.tries, next_at => push.next_at, rejected => push.rejected,
            again => push.next_at > now && !push.last.is_empty() && visitor.can(Right::WriteOrders),
            last => words::said(push.last, lang),
        }),
        family => family.iter().filter(|one| one.id != order.id).map(|one| line(one, lang)).collect::<Vec<_>>(),
        earlier => family.iter().find(|one| Some(one.id) == order.earlier).map(|one| line(one, lang)),
        events => events.iter().map(|event| told(event, &papers, lang)).collect::<Vec<_>>(),
        carrier => order.outlet_kind == Kind::Carrier, columns => Value::from(Serde(&columns(order.outlet_kind, lang))),
        reports => reported(&order, &reports, &papers, lang), more_reports => reports.len().saturating_sub(REPORTS),
        can => Value::from(Serde(&can)), cannot => can.why_not(lang), has_document => order.has_document || order.sent_at.is_some(),
        drafted => order.state == Stands::Drafted,
    };
    Ok(state.view(&visitor, "orders/show", values))
}

/// An event as the page tells it.
fn told(event: &Event, papers: &BTreeMap<String, String>, lang: Lang) -> Value {
    let (detail, paper) = paper::apart(&event.detail);
    context! {
        at => event.at, label => event.label().text(lang), by => &event.by_whom, detail => words::said(detail.to_string(), lang),
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
    add("Số đợt", "Rounds", content.rounds.to_string());
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
struct Text {
    title: &'static str,
    text: String,
    note: Option<String>,
}

fn texts(order: &Order, lang: Lang) -> Vec<Text> {
    let content = &order.content;
    let sms = content.sms.as_ref().map(|sms| {
        let encoding = if sms.encoding == "gsm" { "GSM" } else { "UCS-2" };
        let (parts, sha256) = (sms.parts, &sms.sha256);
        let note = phrase!("{encoding} · {parts} phần · SHA-256 {sha256}", "{encoding} · {parts} parts · SHA-256 {sha256}");
        Text { title: "SMS", text: sms.text.clone(), note: Some(note.text(lang).to_string()) }
    });
    let other = |title, text: Option<&String>| text.map(|text| Text { title, text: text.clone(), note: None });
    let app = other(lang.pick("Trong ứng dụng của nhà mạng", "In the carriers' apps"), content.app.as_ref());
    let published = lang.pick("Để đọc, treo hoặc đăng", "To be read out, hung up or published");
    let material = other(published, content.material.as_ref());
    sms.into_iter().chain(app).chain(material).collect()
}

/// A line of a report: its counts in the order of the columns, and how they differ from the report before.
#[derive(Serialize)]
struct Line {
    area: String,
    round: u16,
    counts: Vec<Cell>,
    by_cell: bool,
}

#[derive(Serialize)]
struct Cell {
    label: &'static str,
    number: Option<i64>,
    /// With its sign; none: nothing changed, or there was no report before.
    change: Option<String>,
}

fn of_field(count: &Count, field: &str) -> Option<i64> {
    match field {
        "targeted" => Some(count.targeted),
        "submitted" => Some(count.submitted),
        "delivered" => count.delivered,
        "failed" => count.failed,
        "pending" => count.pending,
        "parts" => count.parts,
        _ => count.cost,
    }
}

/// The sum of what is known; none: nobody counts it.
fn sum(counts: &[Count], field: &str) -> Option<i64> {
    let known: Vec<i64> = counts.iter().filter_map(|count| of_field(count, field)).collect();
    (!known.is_empty()).then(|| known.iter().sum())
}

fn change(now: Option<i64>, before: Option<i64>, lang: Lang) -> Option<String> {
    let difference = now.unwrap_or(0) - before.unwrap_or(0);
    (now.is_some() != before.is_some() || difference != 0).then(|| crate::report::paper::signed(difference, lang))
}

fn cells(
    columns: &[Column],
    now: impl Fn(&str) -> Option<i64>,
    before: Option<&dyn Fn(&str) -> Option<i64>>,
    lang: Lang,
) -> Vec<Cell> {
    let cell = |column: &Column| {
        let number = now(column.field);
        Cell { label: column.label, number, change: before.and_then(|before| change(number, before(column.field), lang)) }
    };
    columns.iter().map(cell).collect()
}

/// The reports, the one that counts first, each with how it differs from the one before.
fn reported(order: &Order, reports: &[Kept], papers: &BTreeMap<String, String>, lang: Lang) -> Vec<Value> {
    let columns = columns(order.outlet_kind, lang);
    let places = Places::built_in();
    let told = |(at, kept): (usize, &Kept)| {
        let (report, before): (&Report, Option<&Report>) = (&kept.report, reports.get(at + 1).map(|kept| &kept.report));
        let earlier: BTreeMap<(&str, u16), &Count> = before
            .into_iter()
            .flat_map(|before| &before.counts)
            .map(|count| ((count.area.as_str(), count.round), count))
            .collect();
        let lines: Vec<Line> = report
            .counts
            .iter()
            .take(LINES)
            .map(|count| {
                let was = earlier.get(&(count.area.as_str(), count.round)).copied();
                let then = |field: &str| was.and_then(|was| of_field(was, field));
                let then: Option<&dyn Fn(&str) -> Option<i64>> = if before.is_some() { Some(&then) } else { None };
                Line {
                    area: places.full_name(&count.area).unwrap_or_else(|| count.area.clone()),
                    round: count.round,
                    counts: cells(&columns, |field| of_field(count, field), then, lang),
                    by_cell: count.by_cell,
                }
            })
            .collect();
        let then = |field: &str| before.and_then(|before| sum(&before.counts, field));
        let then: Option<&dyn Fn(&str) -> Option<i64>> = if before.is_some() { Some(&then) } else { None };
        let total = cells(&columns, |field| sum(&report.counts, field), then, lang);
        let evidence = report.evidence.as_deref();
        context! {
            sequence => report.sequence, as_of => report.as_of, last => report.last, correction => &report.correction,
            received_at => kept.received_at, by => &kept.by, counts => at == 0, hash => &kept.hash,
            evidence => evidence.map(|hash| context! { hash, name => papers.get(hash) }),
            lines => Value::from(Serde(&lines)), more => report.counts.len().saturating_sub(LINES), total => Value::from(Serde(&total)),
        }
    };
    reports.iter().take(REPORTS).enumerate().map(told).collect()
}

/// What the visitor can do now.
#[derive(Serialize, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a button of its own")]
struct Can {
    approve: bool,
    hand_over: bool,
    withdraw: bool,
    answer: bool,
    report: bool,
    correct: bool,
    update: bool,
    cancel: bool,
    close: bool,
    /// Closing needs a reason: no final report came.
    close_needs_why: bool,
    reopen: bool,
    /// What cannot be done, and why.
    #[serde(skip)]
    refusals: Vec<(&'static str, &'static str, Refusal)>,
}

impl Can {
    fn of(order: &Order, visitor: &Visitor, followed: bool, now: i64) -> Self {
        let mut can = Self::default();
        let mut refusals = Vec::new();
        if order.state == Stands::Drafted && visitor.can(Right::Approve) {
            let refusal = if order.expires_at <= now {
                Some(Refusal::Expired)
            } else if visitor.actor.user.is_some() && visitor.actor.user == order.made_user {
                Some(Refusal::OwnWriting)
            } else {
                None
            };
            can.approve = refusal.is_none();
            refusals.extend(refusal.map(|refusal| ("Phê duyệt", "Approve", refusal)));
        }
        if visitor.can(Right::WriteOrders) {
            let mut may = |vi, en, happening: Happening| match order.may(happening) {
                Ok(after) => after != order.state,
                Err(refusal) => {
                    refusals.push((vi, en, refusal));
                    false
                }
            };
            can.hand_over = order.state == Stands::Approved && may("Giao tận tay", "Hand over", Happening::HandOver);
            let answers = [Happening::Acknowledge, Happening::Refuse, Happening::Begin];
            can.answer = answers.into_iter().any(|answer| order.may(answer).is_ok_and(|after| after != order.state))
                || may("Ghi câu trả lời", "Type in an answer", Happening::Acknowledge);
            let reports = |happening| order.may(happening).is_ok();
            can.report = reports(Happening::Report { last: true });
            can.correct = reports(Happening::Correct { last: true });
            if !can.report && !can.correct {
                may("Nhập báo cáo", "Type in a report", Happening::Report { last: true });
            }
            can.withdraw = order.state.is_unsent() && !order.in_doubt;
            if order.state.is_unsent() && order.in_doubt {
                refusals.push(("Thu hồi", "Withdraw", Refusal::InDoubt));
            } else if !order.state.is_unsent() {
                let follow = follows(order, followed, now);
                (can.update, can.cancel) = (follow.is_ok(), follow.is_ok());
                refusals.extend(follow.err().map(|refusal| ("Sửa đổi, thu hồi", "Update, cancel", refusal)));
            }
            let close = order.may(Happening::Close);
            can.close = !order.state.is_unsent() && close.is_ok_and(|after| after != order.state);
            can.close_needs_why = order.state != Stands::Reported;
            can.reopen = order.may(Happening::Reopen { last: None }).is_ok();
        }
        if order.state == Stands::Approved && can.hand_over {
            let refusal =
                if order.stopped { Some(Refusal::Stopped) } else { (order.expires_at <= now).then_some(Refusal::Expired) };
            can.hand_over = refusal.is_none();
            refusals.extend(refusal.map(|refusal| ("Giao tận tay", "Hand over", refusal)));
        }
        Self { refusals, ..can }
    }

    /// What cannot be done, and why.
    fn why_not(&self, lang: Lang) -> Vec<Value> {
        let told = |(vi, en, refusal): &(&'static str, &'static str, Refusal)| {
            context! { what => lang.pick(*vi, *en), why => refusal.words().text(lang) }
        };
        self.refusals.iter().map(told).collect()
    }
}

/// Whether an Update or a Cancel of it can be written.
fn follows(order: &Order, followed: bool, now: i64) -> Result<(), Refusal> {
    if order.step == Step::Cancel {
        return Err(Refusal::IsCancel);
    }
    order.state.may_be_followed()?;
    if order.expires_at <= now {
        return Err(Refusal::Expired);
    }
    if followed { Err(Refusal::Followed) } else { Ok(()) }
}

/// What cannot be updated is shown to whoever follows a link to it.
pub(super) async fn to_update(state: &Shared, visitor: &Visitor, identifier: &str) -> Result<Order, Fault> {
    let order = seen(state, visitor, identifier).await?;
    visitor.needs(Right::WriteOrders)?;
    let now = state.parts.clock.millis();
    let kin = order::Filter { run: Some(order.run), outlet: Some(order.outlet), ..order::Filter::default() };
    let family = order::list(&state.parts.db, &kin, Eyes::Office(&visitor.user.departments), FAMILY, now).await?;
    let open = |one: &Order| {
        one.earlier == Some(order.id) && matches!(one.state, Stands::Drafted | Stands::Approved | Stands::HandedOver)
    };
    follows(&order, family.iter().any(open), now).map_err(super::refused)?;
    Ok(order)
}
