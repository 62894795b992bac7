//! Orders as CAP documents: what goes to an outlet, and what its documents answer. The names of parameters are [`terms`]'.
//!
//! What can go wrong: an answer that is none ([`Unfit`]), or a title that CAP cannot say.

use super::{Content, Order, Status, Step};
use crate::{
    cap::{
        Alert, Area, Category, Certainty, Info, MsgType, Pair, Reference, ResponseType, Scope, Severity, Status as CapStatus,
        Time, Urgency, terms,
    },
    phrase,
    words::Phrase,
};

/// Who sends orders.
#[derive(Debug, Clone, Copy)]
pub struct Issuer<'a> {
    /// Its worldwide name in CAP, for the most part its domain.
    pub sender: &'a str,
    /// The office's name for people.
    pub name: &'a str,
    /// Whom to ask, such as a telephone number.
    pub contact: Option<&'a str>,
}

/// When an order was sent, as CAP says it.
fn sent(order: &Order) -> Time {
    Time::local(order.sent_at.unwrap_or(order.made_at))
}

/// What an order is to be taken for, as CAP says it.
const fn status(order: &Order) -> CapStatus {
    match order.status {
        Status::Actual => CapStatus::Actual,
        Status::Exercise => CapStatus::Exercise,
        Status::Test => CapStatus::Test,
    }
}

/// The alert of an order. `earlier`: the one that it updates or cancels; `place` gives an area's name by its code.
pub fn alert(order: &Order, earlier: Option<&Order>, issuer: &Issuer<'_>, place: impl Fn(&str) -> Option<String>) -> Alert {
    let content = &order.content;
    let references = earlier.into_iter().map(|earlier| Reference {
        sender: issuer.sender.to_string(),
        identifier: earlier.identifier.clone(),
        sent: sent(earlier),
    });
    let note = match (order.note.is_empty(), order.status) {
        (false, _) => Some(order.note.clone()),
        (true, Status::Exercise) => Some(format!("Diễn tập: {}", content.title)),
        (true, _) => None,
    };
    Alert {
        identifier: order.identifier.clone(),
        sender: issuer.sender.to_string(),
        sent: sent(order),
        status: status(order),
        msg_type: match order.step {
            Step::Alert => MsgType::Alert,
            Step::Update => MsgType::Update,
            Step::Cancel => MsgType::Cancel,
        },
        source: None,
        scope: Scope::Restricted,
        restriction: Some("Đơn vị được giao thực hiện".to_string()),
        addresses: vec![order.outlet_sender.clone()],
        codes: vec!["loa".to_string()],
        note,
        references: references.collect(),
        incidents: Vec::new(),
        infos: if order.step == Step::Cancel { Vec::new() } else { vec![info(content, issuer, place)] },
    }
}

fn info(content: &Content, issuer: &Issuer<'_>, place: impl Fn(&str) -> Option<String>) -> Info {
    let how = if content.warning {
        (Urgency::Immediate, Severity::Severe, Certainty::Observed)
    } else {
        (Urgency::Expected, Severity::Moderate, Certainty::Likely)
    };
    let mut info = Info::new(Category::Security, content.title.clone(), how);
    info.language = Some("vi-VN".to_string());
    info.response_types = vec![ResponseType::Avoid];
    info.audience.clone_from(&content.audience);
    info.expires = Some(Time::local(content.expires_at));
    info.sender_name = Some(issuer.name.to_string()).filter(|name| !name.is_empty());
    info.headline = Some(content.title.clone());
    info.description.clone_from(&content.material);
    info.contact = issuer.contact.map(str::to_string);
    info.parameters = parameters(content);
    info.areas = content
        .areas
        .iter()
        .map(|code| Area {
            description: place(code).unwrap_or_else(|| code.clone()),
            geocodes: vec![Pair::new(if code.len() == 2 { terms::PROVINCE } else { terms::WARD }, code)],
            ..Area::default()
        })
        .collect();
    info
}

fn parameters(content: &Content) -> Vec<Pair> {
    let sms = content.sms.as_ref();
    let basis = content.basis.as_ref().map(|basis| format!("{}; {}; {}", basis.number, basis.date, basis.authority));
    let terms_of = content.contract.clone().unwrap_or_else(|| "free".to_string());
    [
        (terms::SENDER_NAME, content.sender_name.clone()),
        (terms::SMS_TEXT, sms.map(|sms| sms.text.clone())),
        (terms::SMS_ENCODING, sms.map(|sms| sms.encoding.clone())),
        (terms::SMS_PARTS, sms.map(|sms| sms.parts.to_string())),
        (terms::SMS_SHA256, sms.map(|sms| sms.sha256.clone())),
        (terms::APP_TEXT, content.app.clone()),
        (terms::ROUNDS, Some(content.rounds.to_string())),
        (terms::SEND_WINDOW, content.window.as_ref().map(|(from, until)| format!("{from}-{until}"))),
        (terms::MAX_RATE, content.max_rate.map(|rate| rate.to_string())),
        (terms::AUDIENCE, content.audience.clone()),
        (terms::BASIS, basis),
        (terms::TERMS, Some(terms_of)),
        (terms::REPORT_BY, content.report_by.map(|at| Time::local(at).to_string())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some(Pair::new(name, value?)))
    .collect()
}

/// What an outlet's document says of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It was taken, with a note.
    Acknowledged(String),
    /// It will not be done, and why.
    Refused(String),
}

/// Why a document is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is neither an Ack nor an Error.
    #[error("an answer is an Ack or an Error")]
    NoAnswer,
    /// Another than the outlet sent it.
    #[error("its sender is not the outlet")]
    Sender,
    /// It references no order, several, or one of somebody else.
    #[error("it references exactly one order of this office")]
    References,
    /// It is a test, an exercise or a draft, and the order is not (CAP 1.2, section 3.2.1).
    #[error("a test or an exercise answers no order that is meant")]
    Status,
}

impl Unfit {
    /// The same for people.
    pub fn words(self) -> Phrase {
        match self {
            Self::NoAnswer => phrase!("trả lời phải là Ack hoặc Error", "an answer is an Ack or an Error"),
            Self::Sender => phrase!("người gửi không phải đơn vị này", "its sender is not the outlet"),
            Self::References => {
                phrase!("phải dẫn chiếu đúng một yêu cầu của cơ quan này", "it must reference exactly one order of this office")
            }
            Self::Status => phrase!(
                "bản tin thử hoặc diễn tập không trả lời yêu cầu thật: dùng `Actual`",
                "a test or an exercise answers no order that is meant: say `Actual`"
            ),
        }
    }
}

/// Which order a verified document of an outlet answers, and how. `outlet` is what the outlet calls itself; that `sent` in the reference
/// is the order's is for the caller to see, who knows it ([`is_of`]).
pub fn answer(alert: &Alert, issuer: &Issuer<'_>, outlet: &str) -> Result<(Reference, Answer), Unfit> {
    let note = alert.note.clone().unwrap_or_default();
    let answer = match alert.msg_type {
        MsgType::Ack => Answer::Acknowledged(note),
        MsgType::Error => Answer::Refused(note),
        _ => return Err(Unfit::NoAnswer),
    };
    if alert.sender != outlet {
        return Err(Unfit::Sender);
    }
    match alert.references.as_slice() {
        [reference] if reference.sender == issuer.sender => Ok((reference.clone(), answer)),
        _ => Err(Unfit::References),
    }
}

/// Whether a reference means this order: the same identifier, sent at the same moment.
pub fn is_of(reference: &Reference, order: &Order) -> bool {
    reference.identifier == order.identifier && reference.sent.at() == sent(order).at()
}

/// Whether a document may answer this order: whoever tries out their program answers nothing that is meant.
pub fn is_meant(alert: &Alert, order: &Order) -> bool {
    alert.status == CapStatus::Actual || alert.status == status(order)
}

#[cfg(test)]
mod tests {
    use super::super::order::sample as order;
    use super::*;
    use crate::cap;

    const ISSUER: Issuer<'_> = Issuer { sender: "so-vhttdl.example.vn", name: "Sở Văn hóa", contact: Some("024 1234 567") };

    #[test]
    fn every_step_is_a_sound_document() {
        let first = Order { identifier: "loa-17-viettel-6adf0000".into(), ..order(Step::Alert) };
        for step in [Step::Alert, Step::Update, Step::Cancel] {
            let earlier = (step != Step::Alert).then_some(&first);
            let alert = alert(&order(step), earlier, &ISSUER, |code| (code == "01").then(|| "Thành phố Hà Nội".to_string()));
            let document = cap::write(&alert).unwrap();
            assert_eq!(cap::read("x", document.as_bytes()).unwrap(), alert);
            assert_eq!(cap::rules("x", &alert).0, [], "{step:?}");
        }
        let exercise = Order { status: Status::Exercise, ..order(Step::Alert) };
        assert_eq!(cap::rules("x", &alert(&exercise, None, &ISSUER, |_| None)).0, []);
    }

    #[test]
    fn an_order_says_all_that_it_asks() {
        let alert = alert(&order(Step::Alert), None, &ISSUER, |_| None);
        let info = &alert.infos[0];
        assert_eq!(info.parameter(terms::SMS_TEXT), Some("Khong cung cap ma OTP."));
        assert_eq!((info.parameter(terms::SEND_WINDOW), info.parameter(terms::TERMS)), (Some("08:00-20:00"), Some("free")));
        assert_eq!(alert.addresses, ["viettel.example.vn"]);
        assert_eq!(info.areas.len(), 2);
    }

    #[test]
    fn an_answer_is_one_of_the_outlet_to_one_order() {
        let asked = order(Step::Alert);
        let mut ack = alert(&order(Step::Update), Some(&asked), &ISSUER, |_| None);
        assert_eq!(answer(&ack, &ISSUER, "viettel.example.vn"), Err(Unfit::NoAnswer));
        (ack.msg_type, ack.sender, ack.note) = (MsgType::Ack, "viettel.example.vn".into(), None);
        let (reference, said) = answer(&ack, &ISSUER, "viettel.example.vn").unwrap();
        assert_eq!(said, Answer::Acknowledged(String::new()));
        assert!(is_of(&reference, &asked));
        assert!(!is_of(&reference, &Order { sent_at: Some(1_793_000_001_000), ..asked.clone() }));
        let tried =
            |said, asked_as| is_meant(&Alert { status: said, ..ack.clone() }, &Order { status: asked_as, ..asked.clone() });
        assert!(tried(CapStatus::Actual, Status::Actual) && tried(CapStatus::Actual, Status::Exercise));
        assert!(tried(CapStatus::Exercise, Status::Exercise) && tried(CapStatus::Test, Status::Test));
        for said in [CapStatus::Test, CapStatus::Exercise, CapStatus::Draft, CapStatus::System] {
            assert!(!tried(said, Status::Actual), "{said:?}");
        }
        assert_eq!(answer(&ack, &ISSUER, "vina.example.vn"), Err(Unfit::Sender));
        ack.references.push(ack.references[0].clone());
        assert_eq!(answer(&ack, &ISSUER, "viettel.example.vn"), Err(Unfit::References));
        ack.references.clear();
        assert_eq!(answer(&ack, &ISSUER, "viettel.example.vn"), Err(Unfit::References));
    }
}
