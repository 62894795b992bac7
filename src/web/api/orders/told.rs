//! Orders, and what happened to them, as programs read them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    relay::{Content, Event, Order, State, Step, paper},
    web::api::answer::moment,
};

/// What an outlet is not told of its own orders: how the office came to them.
const KEPT_BACK: [&str; 9] =
    ["make", "scan", "push_failed", "push_in_doubt", "push_rejected", "push_again", "answer_unfit", "chased", "chase_failed"];

/// What an order is to be taken for. Exercises and tests are not sent to anybody, and stay out of figures.
#[derive(ToSchema)]
#[schema(as = OrderStatus, rename_all = "snake_case")]
#[expect(dead_code, reason = "describes what `relay::Status` writes")]
enum TheStatus {
    Actual,
    Exercise,
    Test,
}

/// An order: one text for one outlet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RelayOrder)]
pub struct Told {
    /// Its number.
    #[schema(minimum = 1)]
    pub id: i64,
    /// Its name in CAP, which never changes.
    #[schema(example = "loa-17-viettel-6adf0240")]
    identifier: String,
    /// `alert`: the order itself; `update` takes the earlier one's place once it is acknowledged, `cancel` withdraws it.
    step: Step,
    /// The order that it updates or cancels.
    earlier: Option<String>,
    /// What it is to be taken for.
    #[schema(value_type = TheStatus)]
    status: &'static str,
    /// Where it stands.
    state: State,
    /// Since when its final report is late.
    overdue_since: Option<DateTime<Utc>>,
    /// One more at each change.
    #[schema(minimum = 0)]
    version: i64,
    /// SHA-256 of what it says: what an approval names.
    hash: String,
    /// The outlet that it is for, by its name in files.
    outlet: String,
    /// The same for people.
    outlet_title: String,
    /// The campaign; null for outlets.
    campaign: Option<String>,
    /// The run that made it; null for outlets.
    run: Option<i64>,
    /// The campaign's department; null for outlets.
    department: Option<String>,
    /// Who made it; null for outlets.
    made_by: Option<String>,
    /// Why it is cancelled or updated.
    note: String,
    /// What it asks.
    content: Asked,
    /// When it was approved: CAP's `sent`.
    sent_at: Option<DateTime<Utc>>,
    /// Until when it may be sent.
    expires_at: DateTime<Utc>,
    /// When its final report is due.
    report_by: Option<DateTime<Utc>>,
    /// When the outlet got it.
    handed_at: Option<DateTime<Utc>>,
    /// When the outlet said yes or no, or began.
    answered_at: Option<DateTime<Utc>>,
    /// When it was closed, withdrawn or replaced.
    closed_at: Option<DateTime<Utc>>,
    /// Whether a push may have reached the outlet, and nobody knows.
    in_doubt: bool,
}

/// What an order asks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderContent)]
struct Asked {
    /// What it is about, in a line.
    title: String,
    /// Whether it is an urgent warning.
    warning: bool,
    /// The brand name that texts are sent under.
    sender_name: Option<String>,
    /// What carriers send by SMS.
    sms: Option<AsText>,
    /// What carriers show in their own application.
    app: Option<String>,
    /// What the others read out, print or publish.
    material: Option<String>,
    /// How often everybody gets it, from 1.
    #[schema(minimum = 0)]
    rounds: u16,
    /// Hours of each day between which it may be sent, in Việt Nam's time.
    window: Option<Hours>,
    /// Texts a second at most.
    max_rate: Option<u32>,
    /// Codes of provinces and wards.
    areas: Vec<String>,
    /// For whom it is, in words.
    audience: Option<String>,
    /// The contract that it is paid by; null: free of charge.
    contract: Option<String>,
    /// The document that orders it.
    basis: Option<Basis>,
}

/// A text message, letter by letter.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderSms)]
struct AsText {
    /// To be sent as it is.
    text: String,
    /// `gsm` or `ucs2`.
    encoding: String,
    /// Parts that it takes so.
    parts: u16,
    /// SHA-256 of the text in UTF-8: both sides know that it is the same.
    sha256: String,
}

/// Hours of a day.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderHours)]
struct Hours {
    /// The first minute.
    #[schema(example = "08:00")]
    from: String,
    /// The end.
    #[schema(example = "20:00")]
    until: String,
}

/// The document that orders it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderBasis)]
struct Basis {
    /// Its number.
    #[schema(example = "338/KH-UBND")]
    number: String,
    /// Its day.
    date: String,
    /// Who issued it.
    authority: String,
    /// Who signed it.
    signer: Option<String>,
    /// SHA-256 of its scan, which is at `/orders/{identifier}/papers/{hash}`.
    document: Option<String>,
}

/// Something that happened to an order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderEvent)]
pub struct Happened {
    /// When.
    at: DateTime<Utc>,
    /// What: `approve`, `hand_over`, `acknowledge`, `report`, `report_rejected` …
    happening: String,
    /// Where the order stood after it.
    state: State,
    /// Who; null for outlets.
    by: Option<String>,
    /// By which door: `console`, `api` or `command`.
    via: String,
    /// What they said.
    detail: String,
}

impl Told {
    /// An order as the office sees it; `earlier`: the name of the one that it updates or cancels.
    pub fn of(order: Order, earlier: Option<String>) -> Self {
        Self {
            id: order.id,
            step: order.step,
            earlier,
            status: order.status.name(),
            state: order.state,
            overdue_since: order.overdue_since.map(moment),
            version: order.version,
            hash: order.hash,
            outlet: order.outlet_slug,
            outlet_title: order.outlet_title,
            campaign: Some(order.campaign),
            run: Some(order.run),
            department: Some(order.owner),
            made_by: Some(order.made_by),
            note: order.note,
            content: Asked::of(order.content),
            sent_at: order.sent_at.map(moment),
            expires_at: moment(order.expires_at),
            report_by: order.report_by.map(moment),
            handed_at: order.handed_at.map(moment),
            answered_at: order.answered_at.map(moment),
            closed_at: order.closed_at.map(moment),
            in_doubt: order.in_doubt,
            identifier: order.identifier,
        }
    }

    /// The same without what the office keeps to itself.
    #[must_use]
    pub fn for_outlets(self) -> Self {
        Self { campaign: None, run: None, department: None, made_by: None, in_doubt: false, ..self }
    }
}

impl Happened {
    /// An event as the office sees it; none: its state is of a later version of Loa.
    pub fn of(event: Event) -> Option<Self> {
        Some(Self {
            at: moment(event.at),
            state: State::from_number(event.state)?,
            by: Some(event.by_whom),
            via: event.via,
            happening: event.happening,
            detail: event.detail,
        })
    }

    /// The same without what the office keeps to itself: how it came to its order, who did it, and which paper they read an answer from.
    pub fn for_outlets(self) -> Option<Self> {
        if KEPT_BACK.contains(&self.happening.as_str()) {
            return None;
        }
        let detail = if self.happening == "paper" { self.detail } else { paper::words(&self.detail).to_string() };
        Some(Self { by: None, detail, ..self })
    }
}

impl Asked {
    fn of(content: Content) -> Self {
        Self {
            title: content.title,
            warning: content.warning,
            sender_name: content.sender_name,
            sms: content.sms.map(|sms| AsText { text: sms.text, encoding: sms.encoding, parts: sms.parts, sha256: sms.sha256 }),
            app: content.app,
            material: content.material,
            rounds: content.rounds,
            window: content.window.map(|(from, until)| Hours { from, until }),
            max_rate: content.max_rate,
            areas: content.areas,
            audience: content.audience,
            contract: content.contract,
            basis: content.basis.map(|basis| Basis {
                number: basis.number,
                date: basis.date,
                authority: basis.authority,
                signer: basis.signer,
                document: basis.document,
            }),
        }
    }
}
