//! An order as its CAP document says it, read back into what orders keep. What enters is an alert; what leaves is an [`Asked`]. What can
//! go wrong: it is no order of a Loa, or its text is not the one whose SHA-256 stands beside it; it is not carried out then.

use crate::{
    audience::place::Places,
    cap::{Alert, Info, MsgType, Pair, Status as CapStatus, Time, Urgency, terms},
    phrase,
    relay::{Basis, Content, Sms, Status, Step, revise::MOST_ROUNDS},
    words::Phrase,
};

/// What a document asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its name, the same at every try.
    pub identifier: String,
    /// Who asks.
    pub sender: String,
    /// When they wrote it, unix milliseconds.
    pub sent_at: i64,
    /// What it does.
    pub step: Step,
    /// Which one it updates or cancels.
    pub earlier: Option<String>,
    /// Why.
    pub note: String,
    /// What it says; of a Cancel nothing but the status.
    pub content: Content,
}

fn millis(time: Time) -> i64 {
    time.at().timestamp_millis()
}

/// What the document asks, or why it cannot be carried out.
pub fn read(alert: &Alert) -> Result<Asked, Phrase> {
    let step = match alert.msg_type {
        MsgType::Alert => Step::Alert,
        MsgType::Update => Step::Update,
        MsgType::Cancel => Step::Cancel,
        _ => return Err(phrase!("văn bản không phải yêu cầu", "the document is no order")),
    };
    let status = match alert.status {
        CapStatus::Actual => Status::Actual,
        CapStatus::Exercise => Status::Exercise,
        CapStatus::Test => Status::Test,
        _ => return Err(phrase!("văn bản không phải yêu cầu", "the document is no order")),
    };
    let earlier = match (step, alert.references.as_slice()) {
        (Step::Alert, _) => None,
        (_, [one]) if one.sender == alert.sender => Some(one.identifier.clone()),
        _ => {
            return Err(phrase!(
                "không dẫn chiếu đúng một yêu cầu trước của cùng nơi gửi",
                "it does not reference exactly one earlier order of its sender"
            ));
        }
    };
    let sent_at = millis(alert.sent);
    let content = match (step, alert.info("vi")) {
        (Step::Cancel, _) => nothing(status, sent_at),
        (_, Some(info)) => content(info, status)?,
        (_, None) => return Err(phrase!("yêu cầu không có nội dung", "the order says nothing")),
    };
    Ok(Asked {
        identifier: alert.identifier.clone(),
        sender: alert.sender.clone(),
        sent_at,
        step,
        earlier,
        note: alert.note.clone().unwrap_or_default(),
        content,
    })
}

/// What a Cancel says.
fn nothing(status: Status, at: i64) -> Content {
    Content {
        title: String::new(),
        warning: false,
        status,
        sender_name: None,
        sms: None,
        app: None,
        material: None,
        rounds: 0,
        window: None,
        max_rate: None,
        areas: Vec::new(),
        audience: None,
        contract: None,
        basis: None,
        report_by: None,
        expires_at: at,
    }
}

fn content(info: &Info, status: Status) -> Result<Content, Phrase> {
    let text = |name| info.parameter(name).map(str::to_string);
    let expires = info.expires.ok_or_else(|| phrase!("yêu cầu không có hạn", "the order never expires"))?;
    Ok(Content {
        title: info.headline.clone().unwrap_or_else(|| info.event.clone()),
        warning: info.urgency == Urgency::Immediate,
        status,
        sender_name: text(terms::SENDER_NAME),
        sms: sms(info)?,
        app: text(terms::APP_TEXT),
        material: info.description.clone(),
        rounds: rounds(info)?,
        window: text(terms::SEND_WINDOW)
            .and_then(|span| span.split_once('-').map(|(from, until)| (from.to_string(), until.to_string()))),
        max_rate: number(info, terms::MAX_RATE)?,
        areas: areas(info)?,
        audience: text(terms::AUDIENCE).or_else(|| info.audience.clone()),
        contract: text(terms::TERMS).filter(|terms| terms != "free"),
        basis: text(terms::BASIS).as_deref().map(basis),
        report_by: info.parameter(terms::REPORT_BY).and_then(Time::parse).map(millis),
        expires_at: millis(expires),
    })
}

fn number<N: std::str::FromStr>(info: &Info, name: &str) -> Result<Option<N>, Phrase> {
    let read = |text: &str| text.parse().map_err(|_| phrase!("`{name}` không phải số", "`{name}` is no number"));
    info.parameter(name).map(read).transpose()
}

/// How often everybody gets it: nobody is told the same without end.
fn rounds(info: &Info) -> Result<u16, Phrase> {
    let rounds: u16 = number(info, terms::ROUNDS)?.unwrap_or(1).max(1);
    if rounds > MOST_ROUNDS {
        return Err(phrase!("yêu cầu hơn {MOST_ROUNDS} vòng", "it orders more than {MOST_ROUNDS} rounds"));
    }
    Ok(rounds)
}

/// The text, letter by letter: what was changed on its way is not sent.
fn sms(info: &Info) -> Result<Option<Sms>, Phrase> {
    let Some(text) = info.parameter(terms::SMS_TEXT) else { return Ok(None) };
    let encoding = info.parameter(terms::SMS_ENCODING).unwrap_or("gsm");
    let sms = Sms::new(text, encoding, number(info, terms::SMS_PARTS)?.unwrap_or(1));
    match info.parameter(terms::SMS_SHA256) {
        Some(sha256) if sha256.eq_ignore_ascii_case(&sms.sha256) => Ok(Some(sms)),
        _ => Err(phrase!(
            "SHA-256 của lời nhắn không khớp: lời nhắn đã bị thay đổi trên đường đi",
            "the text's SHA-256 does not fit: the text was changed on its way"
        )),
    }
}

/// Codes of its areas: at least one, all of them known.
fn areas(info: &Info) -> Result<Vec<String>, Phrase> {
    let ours = |pair: &&Pair| pair.name == terms::PROVINCE || pair.name == terms::WARD;
    let mut areas = Vec::new();
    for area in &info.areas {
        let description = &area.description;
        let code = area.geocodes.iter().find(ours).map(|pair| pair.value.clone());
        match code.filter(|code| Places::built_in().province_of(code).is_some()) {
            Some(code) => areas.push(code),
            None => {
                return Err(phrase!("địa bàn “{description}” không có mã đã biết", "the area “{description}” has no known code"));
            }
        }
    }
    areas.sort();
    areas.dedup();
    // Nobody is counted twice: a ward beside its province adds nothing to it.
    let within = |code: &String| Places::built_in().province_of(code).filter(|province| province != code);
    let provinces: Vec<String> = areas.clone();
    areas.retain(|code| within(code).is_none_or(|province| !provinces.iter().any(|one| one == province)));
    if areas.is_empty() {
        return Err(phrase!("yêu cầu không có địa bàn", "the order names no area"));
    }
    Ok(areas)
}

/// `number; day; authority`, as [`crate::relay::document`] writes it.
fn basis(text: &str) -> Basis {
    let mut parts = text.splitn(3, "; ").map(str::to_string);
    let mut next = || parts.next().unwrap_or_default();
    Basis { number: next(), date: next(), authority: next(), signer: None, document: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cap::{Reference, sample};

    fn order() -> Alert {
        let mut alert = sample::order();
        let info = &mut alert.infos[0];
        let text = info.parameter(terms::SMS_TEXT).unwrap().to_string();
        let more = [
            (terms::SMS_ENCODING, "gsm"),
            (terms::SMS_PARTS, "1"),
            (terms::ROUNDS, "2"),
            (terms::SEND_WINDOW, "08:00-20:00"),
            (terms::BASIS, "338/KH-UBND; 2025-12-12; UBND thành phố"),
            (terms::TERMS, "free"),
            (terms::REPORT_BY, "2026-12-05T17:00:00+07:00"),
        ];
        info.parameters.extend(more.map(|(name, value)| Pair::new(name, value)));
        info.parameters.push(Pair::new(terms::SMS_SHA256, Sms::new(text, "gsm", 1).sha256.to_uppercase()));
        alert
    }

    #[test]
    fn an_order_is_read_back() {
        let asked = read(&order()).unwrap();
        let content = &asked.content;
        assert_eq!((asked.step, asked.identifier.as_str()), (Step::Alert, "loa-order-17-viettel"));
        assert!(content.sms.as_ref().unwrap().text.starts_with("SO VHTTDL: Khong cung cap"));
        assert_eq!((content.rounds, content.areas.as_slice()), (2, &["79".to_string()][..]));
        assert_eq!(content.window, Some(("08:00".to_string(), "20:00".to_string())));
        assert_eq!(content.basis.as_ref().unwrap().authority, "UBND thành phố");
        assert_eq!((content.contract.as_ref(), content.warning), (None, false));
        assert!(content.report_by.unwrap() > content.expires_at && content.expires_at > asked.sent_at);
    }

    #[test]
    fn a_text_that_was_changed_on_its_way_is_not_carried_out() {
        let mut alert = order();
        let text = alert.infos[0].parameters.iter_mut().find(|pair| pair.name == terms::SMS_TEXT).unwrap();
        text.value = text.value.replace("156", "157");
        assert!(read(&alert).unwrap_err().en.contains("SHA-256"));
        alert.infos[0].parameters.retain(|pair| pair.name != terms::SMS_SHA256);
        assert!(read(&alert).is_err(), "without a digest nobody knows");
    }

    #[test]
    fn what_lacks_its_bounds_is_not_carried_out() {
        let broken = |change: fn(&mut Alert)| {
            let mut alert = order();
            change(&mut alert);
            read(&alert).unwrap_err().en
        };
        assert!(broken(|alert| alert.infos[0].expires = None).contains("expires"));
        assert!(broken(|alert| alert.infos[0].areas.clear()).contains("names no area"));
        assert!(broken(|alert| alert.infos[0].areas[0].geocodes[0].value = "98".into()).contains("known code"));
        assert!(broken(|alert| alert.infos.clear()).contains("nothing"));
        let endless = |alert: &mut Alert| {
            let rounds = alert.infos[0].parameters.iter_mut().find(|pair| pair.name == terms::ROUNDS).unwrap();
            rounds.value = "51".into();
        };
        assert!(broken(endless).contains("more than 50 rounds"));
        assert!(broken(|alert| alert.msg_type = MsgType::Ack).contains("no order"));
        assert!(broken(|alert| alert.msg_type = MsgType::Update).contains("reference"));
    }

    #[test]
    fn a_cancel_names_what_it_withdraws() {
        let mut alert = order();
        let earlier = alert.reference();
        (alert.msg_type, alert.identifier) = (MsgType::Cancel, "loa-order-17-viettel.1".into());
        alert.infos.clear();
        alert.note = Some("Sai nội dung".into());
        alert.references = vec![Reference { sender: "khac.example.vn".into(), ..earlier.clone() }];
        assert!(read(&alert).is_err(), "somebody else's");
        alert.references = vec![earlier];
        let asked = read(&alert).unwrap();
        assert_eq!((asked.step, asked.earlier.as_deref()), (Step::Cancel, Some("loa-order-17-viettel")));
        assert_eq!(asked.note, "Sai nội dung");
    }
}
