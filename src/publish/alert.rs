//! A warning as the public reads it: the CAP document of a run, of an Update of its orders, or of its end. What enters is what is frozen
//! of it; what leaves is an alert with nothing of anybody's own in it. Nothing can go wrong.

use std::collections::BTreeSet;

use bytes::Bytes;
use providers::{Channel, Content as Filled};

use super::form;
use crate::{
    audience::place::Places,
    campaign::{Campaign, Segments},
    cap::{
        Alert, Area, Category, Certainty, Info, MsgType, Pair, Reference, ResponseType, Scope, Severity, Status, Time, Urgency,
        terms,
    },
    config::Config,
    definition::Kept,
    message::{MAIN_LANGUAGE, Person, RenderError, Templates, Terms},
    relay::{Content, document::Issuer},
    words::Lang,
};

/// Characters of the longest text: CAP's reader takes no more.
const LONGEST: usize = 20_000;

/// What a document tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Something new.
    Alert,
    /// What takes the place of all before.
    Update,
    /// That none of it holds any more.
    Cancel,
}

/// What stands on every document.
#[derive(Debug, Clone)]
pub(super) struct Heading<'a> {
    pub issuer: Issuer<'a>,
    pub identifier: String,
    /// Unix milliseconds.
    pub sent_at: i64,
    pub step: Step,
    /// Everything of the same warning that came before.
    pub references: Vec<Reference>,
}

/// What a warning says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub title: String,
    /// Unix milliseconds.
    pub expires_at: i64,
    /// By language (the main one first): a headline of its own, and the text.
    pub texts: Vec<(String, Option<String>, String)>,
    pub audience: Option<String>,
    pub areas: Vec<String>,
    /// Where more is said.
    pub web: Option<String>,
    /// Whom to ask, where the settings of orders do not say.
    pub hotline: Option<String>,
}

/// The alert.
pub(super) fn alert(heading: Heading<'_>, said: &Said) -> Alert {
    let infos = said.texts.iter().map(|one| info(&heading, said, one)).collect();
    let (msg_type, note) = match heading.step {
        Step::Alert => (MsgType::Alert, None),
        Step::Update => (MsgType::Update, Some("Thay thế nội dung đã phát trước đó".to_string())),
        Step::Cancel => (MsgType::Cancel, Some("Cảnh báo đã được thu hồi, không còn hiệu lực".to_string())),
    };
    Alert {
        identifier: heading.identifier,
        sender: heading.issuer.sender.to_string(),
        sent: Time::local(heading.sent_at),
        status: Status::Actual,
        msg_type,
        source: None,
        scope: Scope::Public,
        restriction: None,
        addresses: Vec::new(),
        codes: Vec::new(),
        note,
        references: heading.references,
        incidents: Vec::new(),
        infos,
    }
}

fn info(heading: &Heading<'_>, said: &Said, (lang, headline, text): &(String, Option<String>, String)) -> Info {
    let vietnamese = lang == MAIN_LANGUAGE;
    let reader = if vietnamese { Lang::Vi } else { Lang::En };
    let event = reader.pick("Cảnh báo lừa đảo trực tuyến", "Online fraud warning");
    let ends = heading.step == Step::Cancel;
    let how = if ends {
        (Urgency::Past, Severity::Unknown, Certainty::Unknown)
    } else {
        (Urgency::Immediate, Severity::Severe, Certainty::Observed)
    };
    let mut info = Info::new(Category::Security, event, how);
    info.language = Some(if vietnamese { "vi-VN".to_string() } else { lang.clone() });
    info.response_types = vec![if ends { ResponseType::None } else { ResponseType::Avoid }];
    info.audience.clone_from(&said.audience);
    // A Cancel ends with what it withdraws.
    info.expires = Some(Time::local(said.expires_at)).filter(|_| !ends);
    info.sender_name = Some(heading.issuer.name.to_string()).filter(|name| !name.is_empty());
    info.headline = Some(headline.clone().unwrap_or_else(|| said.title.clone()));
    info.description = Some(text.clone()).filter(|text| !text.is_empty());
    info.web.clone_from(&said.web);
    info.contact = heading.issuer.contact.map(str::to_string).or_else(|| said.hotline.clone());
    let places = Places::built_in();
    info.areas = said
        .areas
        .iter()
        .map(|code| Area {
            description: places.full_name(code).unwrap_or_else(|| code.clone()),
            geocodes: vec![Pair::new(if code.len() == 2 { terms::PROVINCE } else { terms::WARD }, code)],
            ..Area::default()
        })
        .collect();
    info
}

/// What a run's warning says: of the texts of its message the one that is best to read, for nobody in particular.
pub(super) fn of_run(kept: &Kept, message: &str, expires_at: i64, config: &Config) -> Said {
    let campaign = &kept.source.campaign;
    let files = kept.source.attachments.iter().map(|(name, bytes)| (name.clone(), Bytes::from(bytes.clone()))).collect();
    let message = campaign.messages.iter().position(|one| one.id == message).unwrap_or(0);
    let mut texts = match Templates::compile(campaign, &config.office, None, &files) {
        Ok(templates) => spoken(&templates, message),
        Err(faults) => {
            let fault = faults.first().map(ToString::to_string).unwrap_or_default();
            tracing::warn!(
                campaign = campaign.slug,
                fault,
                "a warning is published by its title alone: its texts cannot be filled in"
            );
            Vec::new()
        }
    };
    let relay = campaign.channels.relay.as_ref();
    if texts.is_empty() {
        let text = relay.and_then(|relay| relay.material.clone().or_else(|| relay.app.clone()).or_else(|| relay.sms.clone()));
        texts.push((MAIN_LANGUAGE.to_string(), None, clean(&text.unwrap_or_default())));
    }
    Said {
        audience: relay.map(|relay| relay.audience.clone()).filter(|audience| !audience.is_empty()),
        areas: areas(campaign, &kept.segments),
        ..common(&campaign.title, expires_at, texts, config)
    }
}

/// What an Update of orders says.
pub(super) fn of_order(content: &Content, expires_at: i64, config: &Config) -> Said {
    let sms = content.sms.as_ref().map(|sms| sms.text.clone());
    let text = content.material.clone().or_else(|| content.app.clone()).or(sms).unwrap_or_default();
    let texts = vec![(MAIN_LANGUAGE.to_string(), None, clean(&text))];
    Said { audience: content.audience.clone(), areas: content.areas.clone(), ..common(&content.title, expires_at, texts, config) }
}

/// That a warning holds no more.
pub(super) fn of_end(title: &str, config: &Config) -> Said {
    let text = |lang: &str, headline: String, text: &str| (lang.to_string(), Some(clean(&headline)), text.to_string());
    let texts = vec![
        text(
            MAIN_LANGUAGE,
            format!("Đã thu hồi: {title}"),
            "Cảnh báo này đã được thu hồi, không còn hiệu lực. Xin đừng làm theo và đừng chuyển tiếp.",
        ),
        text(
            "en",
            format!("Withdrawn: {title}"),
            "This warning was withdrawn and holds no more. Please do not go by it or pass it on.",
        ),
    ];
    common(title, 0, texts, config)
}

fn common(title: &str, expires_at: i64, texts: Vec<(String, Option<String>, String)>, config: &Config) -> Said {
    Said {
        title: clean(title),
        expires_at,
        texts,
        audience: None,
        areas: Vec::new(),
        web: config.server.public_url.as_deref().map(|url| format!("{}/genuine", url.trim_end_matches('/'))),
        hotline: config.office.fields.get("hotline").cloned(),
    }
}

/// A message in each of its languages: the chat's text, else the mail's, else the text message.
fn spoken(templates: &Templates, message: usize) -> Vec<(String, Option<String>, String)> {
    let mut found = Vec::new();
    for lang in templates.languages(message) {
        let Spoken { subject, texts } = Spoken::of(templates, message, lang.as_deref());
        if let Some(text) = texts.into_iter().flatten().next() {
            let headline = subject.filter(|_| lang.is_some());
            found.push((lang.unwrap_or_else(|| MAIN_LANGUAGE.to_string()), headline, text));
        }
    }
    found
}

/// What a message has of its own in one language: what it lacks it is lent by the main one.
struct Spoken {
    subject: Option<String>,
    /// Of the chat, the mail and the text message.
    texts: [Option<String>; 3],
}

impl Spoken {
    fn of(templates: &Templates, message: usize, lang: Option<&str>) -> Self {
        let (mut subject, mut texts) = (None, [None, None, None]);
        for (at, channel) in [Channel::Chat, Channel::Email, Channel::Sms].into_iter().enumerate() {
            if !templates.speaks(message, channel, lang) {
                continue;
            }
            texts[at] = match plain(templates, message, channel, lang) {
                Some(Filled::Chat(chat)) => chat.text,
                Some(Filled::Email(mail)) => {
                    subject = Some(clean(&mail.subject));
                    Some(flowing(&form::unnumbered(form::body(&mail.text))))
                }
                Some(Filled::Sms(sms)) => Some(sms.text),
                None => None,
            };
        }
        let said = |text: &String| !text.is_empty();
        Self { subject: subject.filter(said), texts: texts.map(|text| text.map(|text| clean(&text)).filter(said)) }
    }
}

/// A mail's text without the line ends and stars that a mail program wants.
fn flowing(text: &str) -> String {
    /// Characters of the shortest line that was broken because it was full.
    const FULL: usize = 55;
    let mut out = String::with_capacity(text.len());
    let mut full = false;
    for line in text.lines() {
        let begins = |c: char| c.is_ascii_digit() || matches!(c, '-' | '*' | '+' | '•' | '>');
        let goes_on = full && !line.is_empty() && !line.starts_with(begins);
        if !out.is_empty() {
            out.push(if goes_on { ' ' } else { '\n' });
        }
        out.push_str(line);
        full = line.chars().count() >= FULL;
    }
    let letters: Vec<char> = out.chars().collect();
    let is_word = |at: Option<usize>| at.and_then(|at| letters.get(at)).is_some_and(|c| c.is_alphanumeric());
    let is_mark = |at: usize| letters[at] == '*' && (is_word(at.checked_sub(1)) || is_word(Some(at + 1)));
    (0..letters.len()).filter(|at| !is_mark(*at)).map(|at| letters[at]).collect()
}

/// A text for nobody in particular: what it cannot do without is said as one says it to everybody.
fn plain(templates: &Templates, message: usize, channel: Channel, lang: Option<&str>) -> Option<Filled> {
    let (you, here) =
        if lang.is_none_or(|lang| lang == MAIN_LANGUAGE) { ("quý vị", "địa phương") } else { ("all", "your area") };
    let mut person = Person { lang: lang.map(str::to_string), ..Person::default() };
    let mut given = BTreeSet::new();
    loop {
        match templates.render(message, channel, &person, None, &Terms::default()) {
            Ok(content) => return Some(content),
            Err(RenderError::Missing { field }) if field != "unsubscribe_url" && given.insert(field.clone()) => {
                match field.as_str() {
                    "name" => person.name = Some(you.to_string()),
                    "area_name" => person.area_name = Some(here.to_string()),
                    _ => drop(person.attributes.insert(field, "…".to_string())),
                }
            }
            Err(_) => return None,
        }
    }
}

/// Places that a warning is for: those of its orders, and those of its segments where all of them are bound to places.
fn areas(campaign: &Campaign, segments: &str) -> Vec<String> {
    let mut areas: BTreeSet<String> = campaign.channels.relay.iter().flat_map(|relay| relay.areas.iter().cloned()).collect();
    if let Ok(segments) = Segments::parse("segments.toml", segments) {
        let bound: Option<Vec<&[String]>> = campaign
            .audience
            .segments
            .iter()
            .map(|slug| segments.get(slug).map(|one| one.condition.areas.as_slice()).filter(|areas| !areas.is_empty()))
            .collect();
        areas.extend(bound.into_iter().flatten().flatten().cloned());
    }
    areas.into_iter().collect()
}

/// What XML can say, without blanks around it.
fn clean(text: &str) -> String {
    let fit = |c: &char| *c == '\n' || *c == '\t' || !(c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'));
    text.chars().filter(fit).take(LONGEST).collect::<String>().trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Office;

    #[test]
    fn a_mail_flows() {
        let text = "Kính gửi,\n\nCông an *không* làm việc qua điện thoại. Không chuyển tiền cho ai, không đọc\nmã OTP.\n\n- một việc phải làm ngay bây giờ, trước khi quá muộn để làm gì\n- hai\n* ba *bốn*";
        let flows = "Kính gửi,\n\nCông an không làm việc qua điện thoại. Không chuyển tiền cho ai, không đọc mã OTP.\n\n- một việc phải làm ngay bây giờ, trước khi quá muộn để làm gì\n- hai\n* ba bốn";
        assert_eq!(flowing(text), flows);
        assert_eq!(clean("\u{1}a\u{fffe}\n b\t\n"), "a\n b");
    }

    #[test]
    fn each_language_says_what_is_its_own() {
        let text = r#"
title = "Thử"
kind = "warning"
owner = "Sở"
[audience]
segments = ["a"]
[channels]
use = ["sms", "email"]
[[message]]
id = "m"
sms = "Kinh gui {{ name }}: khong doc ma OTP."
[message.email]
subject = "Mã OTP"
body = "Kính gửi {{ name }} ở {{ area_name | default('đây') }}: không đọc **mã OTP**."
[message.lang.en]
sms = "Dear {{ name }}: read out no OTP."
[message.lang.fr.email]
subject = "Le code OTP"
body = "Ne lisez le code à personne."
"#;
        let campaign = Campaign::parse("thu", "thu", text).unwrap();
        let templates = Templates::compile(&campaign, &Office::default(), None, &std::collections::BTreeMap::new()).unwrap();
        let expected = [
            ("vi", None, "Kính gửi quý vị ở đây: không đọc mã OTP."),
            ("en", None, "Dear all: read out no OTP."),
            ("fr", Some("Le code OTP"), "Ne lisez le code à personne."),
        ];
        let expected = expected.map(|(lang, headline, text)| (lang.to_string(), headline.map(str::to_string), text.to_string()));
        assert_eq!(spoken(&templates, 0), expected);
    }
}
