//! The draft that an order becomes: a campaign over the own segment within the order's areas, with its exact text. What enters is what
//! the order says; what leaves is TOML for [`crate::edition`]. The same order gives the same text whoever writes it, so that a second
//! writer changes nothing. What can go wrong: the order says nothing for the channel, or its text cannot be sent letter by letter.

use std::fmt::Write as _;

use chrono::NaiveDate;
use providers::{Channel, text};
use sha2::{Digest as _, Sha256};

use crate::{
    campaign::{Campaign, SmsBody, SmsText, relay::MOST_PARTS},
    clock::local,
    document::is_slug,
    phrase,
    relay::Content,
    seal::hex,
    words::Phrase,
};

/// The id of the one message.
const MESSAGE: &str = "yeu-cau";
/// The longest time that a campaign's deliveries may be valid, in minutes.
const LONGEST: i64 = 30 * 24 * 60;

/// A draft and the segment that it is for; both have the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The campaign as TOML.
    pub campaign: String,
    /// The segment's table.
    pub segment: String,
}

/// The name of an order's campaign: its identifier where that is one, else as much of it as can be, and a digest.
pub fn slug(identifier: &str) -> String {
    if is_slug(identifier) && identifier.len() <= 50 {
        return identifier.to_string();
    }
    let fits = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let start: String = identifier.chars().map(fits).take(40).collect();
    let digest = hex(&Sha256::digest(identifier.as_bytes()));
    format!("{start}-{}", &digest[..8])
}

/// What the order says on a channel.
pub fn text_for(content: &Content, channel: Channel) -> Option<&str> {
    let sms = content.sms.as_ref().map(|sms| sms.text.as_str());
    match channel {
        Channel::Sms => sms,
        Channel::Chat => content.app.as_deref().or(sms),
        Channel::Email => content.app.as_deref().or(content.material.as_deref()).or(sms),
    }
}

/// Writes the draft of an order that was taken in at `taken_at`. `owner`: whose campaign it is; `segment`: the own subscribers.
pub fn write(
    slug: &str,
    content: &Content,
    channel: Channel,
    (owner, segment): (&str, &str),
    taken_at: i64,
) -> Result<Draft, Phrase> {
    let name = channel.name();
    let said = text_for(content, channel).ok_or_else(|| {
        phrase!("yêu cầu không có lời nhắn cho kênh `{name}`", "the order has no text for the channel `{name}`")
    })?;
    if channel == Channel::Sms && text::sms(said, false, MOST_PARTS).ok().is_none_or(|sms| sms.text != said) {
        return Err(phrase!(
            "lời nhắn không gửi được nguyên từng chữ: đề nghị cơ quan yêu cầu sửa lại",
            "the text cannot be sent letter by letter: ask the department to change it"
        ));
    }
    let title = if content.title.trim().is_empty() { slug } else { content.title.trim() };
    let kind = if is_warning(content) { "warning" } else { "awareness" };
    let minutes = (content.expires_at - taken_at).div_euclid(60_000) + 1;
    let mut toml = format!("# {slug}\n");
    for line in notes(content) {
        let _ = writeln!(toml, "# {}", line.replace(['\n', '\r'], " "));
    }
    let _ = write!(toml, "\ntitle = {}\nkind = \"{kind}\"\nowner = {}\n", quoted(title), quoted(owner));
    if let Some(basis) = &content.basis
        && let Ok(date) = basis.date.parse::<NaiveDate>()
        && !basis.number.is_empty()
    {
        let authority =
            if basis.authority.is_empty() { String::new() } else { format!(", authority = {}", quoted(&basis.authority)) };
        let _ = writeln!(toml, "basis = {{ number = {}, date = {date}{authority} }}", quoted(&basis.number));
    }
    let _ = write!(
        toml,
        "\n[period]\nthrough = {}\n\n[audience]\nsegments = [\"{slug}\"]\n\n[channels]\nuse = [\"{name}\"]\n\n[sending]\n",
        day(content.expires_at)
    );
    if let Some((from, until)) = &content.window {
        let _ = writeln!(toml, "hours = {}", quoted(&format!("{from}-{until}")));
    }
    let _ = write!(
        toml,
        "valid_for = \"{}m\"\nsms_text = \"unicode\"\n\n[[message]]\nid = \"{MESSAGE}\"\n",
        minutes.clamp(1, LONGEST)
    );
    let literal = quoted(&literal(said));
    let _ = match channel {
        Channel::Sms => writeln!(toml, "sms = {literal}"),
        Channel::Chat => writeln!(toml, "\n[message.chat]\ntext = {literal}"),
        Channel::Email => writeln!(toml, "\n[message.email]\nsubject = {}\nbody = {literal}", quoted(&self::literal(title))),
    };
    let codes: Vec<String> = content.areas.iter().map(|code| quoted(code)).collect();
    let title = format!("Thuê bao theo yêu cầu {slug}");
    let segment =
        format!("[{slug}]\ntitle = {}\nsegments = [{}]\nareas = [{}]\n", quoted(&title), quoted(segment), codes.join(", "));
    Ok(Draft { campaign: toml, segment })
}

/// A warning goes at any hour: one that has its hours goes as awareness does.
const fn is_warning(content: &Content) -> bool {
    content.warning && content.window.is_none()
}

/// What whoever approves it should see to, and the form has no key for.
fn notes(content: &Content) -> Vec<String> {
    let mut notes = vec!["Yêu cầu nhắn tin của cơ quan nhà nước: giữ nguyên từng chữ của lời nhắn.".to_string()];
    notes.extend(content.sender_name.as_ref().map(|name| format!("Tên người gửi trên tin nhắn: {name}.")));
    notes.extend(content.max_rate.map(|rate| format!("Nhiều nhất {rate} tin mỗi giây: xem `rate` của tài khoản gửi.")));
    if content.rounds > 1 {
        notes.push(format!("{} vòng: Loa tự bắt đầu từng vòng sau khi được phê duyệt.", content.rounds));
    }
    notes.extend(content.audience.as_ref().map(|audience| format!("Đối tượng: {audience}.")));
    notes
}

/// The local day that a moment lies in.
fn day(at: i64) -> NaiveDate {
    local(at).date_naive()
}

fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

/// A template that says exactly this text.
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = ["{{", "{%", "{#"].iter().filter_map(|tag| rest.find(tag)).min() {
        let _ = write!(out, "{}{{{{ '{}' }}}}", &rest[..at], &rest[at..at + 2]);
        rest = &rest[at + 2..];
    }
    out + rest
}

/// Whether a campaign still says what was ordered, and nothing else: what somebody changed is not sent in the department's name.
pub fn is_as_ordered(campaign: &Campaign, content: &Content, channel: Channel) -> bool {
    let Some(said) = text_for(content, channel).map(literal) else { return false };
    campaign.channels.order == [channel]
        && campaign.channels.relay.is_none()
        && campaign.messages.iter().all(|message| {
            let body = &message.body;
            let same = match channel {
                Channel::Sms => {
                    campaign.sending.sms_text == SmsText::Unicode
                        && matches!(&body.sms, Some(SmsBody::Text { text, sms_text: None }) if *text == said)
                }
                Channel::Chat => body.chat.as_ref().is_some_and(|chat| chat.text.as_deref() == Some(said.as_str())),
                Channel::Email => body.email.as_ref().is_some_and(|email| email.body == said),
            };
            same && message.lang.is_empty()
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        campaign::{Kind, Segments},
        relay::{Basis, Sms, Status},
    };

    const DAY: i64 = 24 * 3_600_000;
    const NOW: i64 = 1_793_000_000_000;

    fn content(text: &str) -> Content {
        Content {
            title: "Nhận diện \"lừa đảo\"".into(),
            warning: false,
            status: Status::Actual,
            sender_name: Some("SO VHTTDL".into()),
            sms: Some(Sms::new(text, "gsm", 1)),
            app: None,
            material: None,
            rounds: 2,
            window: Some(("08:00".into(), "20:00".into())),
            max_rate: Some(100),
            areas: vec!["01".into(), "79".into()],
            audience: None,
            contract: None,
            basis: Some(Basis {
                number: "338/KH-UBND".into(),
                date: "2025-12-12".into(),
                authority: "UBND".into(),
                signer: None,
                document: None,
            }),
            report_by: None,
            expires_at: NOW + 3 * DAY,
        }
    }

    fn parsed(content: &Content) -> Campaign {
        let draft = write("loa-1-viettel-a", content, Channel::Sms, ("Nhà mạng", "thue-bao"), NOW).unwrap();
        let segments = format!("[thue-bao]\ntitle = \"Thuê bao\"\n\n{}", draft.segment);
        assert_eq!(Segments::parse("segments.toml", &segments).unwrap().len(), 2);
        Campaign::parse("x", "loa-1-viettel-a", &draft.campaign).unwrap()
    }

    #[test]
    fn an_order_becomes_a_campaign_with_its_text_window_and_end() {
        let content = content("SO VHTTDL: Khong cung cap ma OTP.");
        let campaign = parsed(&content);
        assert_eq!((campaign.kind, campaign.title.as_str()), (Kind::Awareness, "Nhận diện \"lừa đảo\""));
        assert_eq!(campaign.sending.hours, Some((8 * 60, 20 * 60)));
        assert_eq!(campaign.sending.valid_for.as_secs(), 3 * 24 * 3_600 + 60);
        assert_eq!(campaign.period.through, Some(day(content.expires_at)));
        assert_eq!(campaign.basis.as_ref().unwrap().number, "338/KH-UBND");
        assert!(is_as_ordered(&campaign, &content, Channel::Sms));
        assert_eq!(campaign.cadence, None, "rounds are begun by the order, not by the calendar");
        let mut changed = campaign;
        changed.messages[0].body.sms = Some("SO VHTTDL: Goi 156.".into());
        assert!(!is_as_ordered(&changed, &content, Channel::Sms));
    }

    #[test]
    fn a_text_is_a_template_of_itself() {
        for text in ["{{ name }} {% x %} {# y #} 'z' \\ \"", "Tài khoản: 5 {% giảm}", "a}}b{{{c"] {
            assert_eq!(minijinja::Environment::new().render_str(&literal(text), ()).unwrap(), text);
        }
        assert_eq!(literal("khong co gi"), "khong co gi");
        let content = content("Ma {{ otp }} la bi mat.");
        assert!(is_as_ordered(&parsed(&content), &content, Channel::Sms));
    }

    #[test]
    fn a_text_that_cannot_be_sent_as_it_is_becomes_no_draft() {
        let draft = |text: &str| write("x", &content(text), Channel::Sms, ("a", "b"), NOW);
        assert!(draft(" Khong cung cap ma OTP. ").is_err(), "blanks around it would be lost");
        assert!(draft("").is_err());
        assert!(write("x", &Content { sms: None, ..content("") }, Channel::Sms, ("a", "b"), NOW).is_err());
        assert!(draft("Không cung cấp mã OTP.").is_ok(), "with accents, as ordered");
    }

    #[test]
    fn a_warning_with_hours_keeps_to_them() {
        let warning = Content { warning: true, ..content("Canh bao.") };
        assert_eq!(parsed(&warning).kind, Kind::Awareness);
        assert_eq!(parsed(&Content { window: None, ..warning }).kind, Kind::Warning);
    }

    #[test]
    fn a_campaign_is_named_after_its_order() {
        assert_eq!(slug("loa-17-viettel-6adf0240"), "loa-17-viettel-6adf0240");
        let update = slug("loa-17-viettel-6adf0240.1");
        assert!(is_slug(&update) && update.starts_with("loa-17-viettel-6adf0240-1-"), "{update}");
        assert_ne!(update, slug("loa-17-viettel-6adf0240-1"));
        assert!(is_slug(&slug(&"Ấ".repeat(300))) && is_slug(&slug("")));
    }
}
