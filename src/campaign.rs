//! Definitions: what an officer writes in `campaigns/`, parsed into types, and the cadence that says when.
//!
//! Parse, don't validate: what has one of these types needs no further check.

mod advertising;
mod cadence;
mod cron_line;
pub mod form;
mod goal;
mod holiday;
mod library;
mod message;
pub mod pattern;
mod read;
pub mod relay;
mod rotation;
mod segment;

pub use advertising::{Lack, Rule as AdvertisingRule};
pub use cadence::{Occurrence, ROTATION_START};
pub use goal::{Goal, Goals};
pub use holiday::Holidays;
pub use library::{ATTACHMENT_LIMIT, Library, Sheet, Source, Written};
pub use relay::Relay;
pub use segment::Segments;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{NaiveDate, NaiveTime};
use chrono_tz::Tz;
use providers::{Channel, text::Pattern};

/// One campaign: to whom, what, when, how.
#[derive(Debug, Clone, PartialEq)]
pub struct Campaign {
    /// The file's name without `.toml`; `[a-z0-9-]`, at most 60 characters.
    pub slug: String,
    /// For people.
    pub title: String,
    /// Awareness or warning.
    pub kind: Kind,
    /// The office that answers for it.
    pub owner: String,
    /// The document that authorises it.
    pub basis: Option<Basis>,
    /// Which rules of law bind it.
    pub law: Law,
    /// When it may run at all.
    pub period: Period,
    /// When it runs by itself; none: only by `loa send`.
    pub cadence: Option<Cadence>,
    /// To whom.
    pub audience: Audience,
    /// Which ways, in order.
    pub channels: Channels,
    /// Hours, validity, doubt, budget.
    pub sending: Sending,
    /// In rotation; at least one. Of a campaign that goes by relay alone: one without texts, [`relay::MESSAGE`].
    pub messages: Vec<Message>,
}

impl Campaign {
    /// The zone of the campaign's dates and hours: its cadence's, or Vietnam's.
    pub fn timezone(&self) -> Tz {
        self.cadence.as_ref().map_or(chrono_tz::Asia::Ho_Chi_Minh, |cadence| cadence.timezone)
    }

    /// Whether nobody of the list gets anything: all of it goes by others.
    pub const fn is_relay_alone(&self) -> bool {
        self.channels.relay.is_some() && self.channels.order.is_empty()
    }
}

/// What goes first. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Recurring advice.
    Awareness = 0,
    /// Goes ahead of every awareness run, at any hour.
    Warning = 1,
}

/// The document that authorises a campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// Its number, such as `1607/BTTTT-CATTT`.
    pub number: String,
    /// Its date.
    pub date: NaiveDate,
    /// Who issued it.
    pub authority: Option<String>,
    /// Who signed it.
    pub signer: Option<String>,
    /// The scanned document: a file beside the campaign, kept with its attachments.
    pub document: Option<String>,
}

/// What NĐ 91/2020/NĐ-CP takes a campaign for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// News, social policy and public information: outside the definition of advertising.
    PublicInformation,
    /// Advertising: label, prior consent, do-not-call list, 3 in 24 h, 07:00–22:00.
    Advertising,
}

/// Both days included; in the cadence's time zone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Period {
    /// First day.
    pub from: Option<NaiveDate>,
    /// Last day.
    pub through: Option<NaiveDate>,
    /// Phases by their first day, ascending.
    pub phases: Vec<(String, NaiveDate)>,
}

/// When a campaign runs by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Cadence {
    /// The rule.
    pub rule: Rule,
    /// The zone of every date and hour in the file.
    pub timezone: Tz,
    /// What happens on public holidays.
    pub holidays: OnHoliday,
    /// A run missed while nothing was running is still sent within this time.
    pub late: Duration,
}

/// The rule of a [`Cadence`].
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// `once`: that date and hour.
    Once(NaiveDate, NaiveTime),
    /// Every day at that hour.
    Day(NaiveTime),
    /// Those weekdays, at that hour.
    Week(Vec<chrono::Weekday>, NaiveTime),
    /// That day of every month (its last one where the month has no such day).
    Month(Day, NaiveTime),
    /// That day of the quarter's 1st, 2nd or 3rd month.
    Quarter(u8, Day, NaiveTime),
    /// A cron line, normalised to what the cron crate reads (seconds first, weekdays by name).
    Cron(Box<cron::Schedule>, String),
}

/// A day of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Day {
    /// 1…31; the month's last day where it has no such day.
    Number(u8),
    /// The last day.
    Last,
}

/// What happens to an occurrence on a public holiday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnHoliday {
    /// Nothing: it is sent.
    Send,
    /// It does not take place.
    Skip,
    /// It moves to the next day that is neither a holiday nor a weekend.
    NextWorkday,
}

/// To whom.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Audience {
    /// Slugs in segments.toml; people of any of them. None: nobody, of a campaign that goes by relay alone.
    pub segments: Vec<String>,
    /// But of none of these.
    pub exclude: Vec<String>,
    /// Share of the audience to reach within the period, 0…1.
    pub goal: Option<f64>,
}

/// Which ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channels {
    /// In order of preference; none twice. At least one, unless it goes by relay alone.
    pub order: Vec<Channel>,
    /// One after the other, or all at once.
    pub policy: Policy,
    /// Under `first`: silence this long counts as failure, on accounts that send receipts.
    pub fall_back_after: Option<Duration>,
    /// What a channel's quota and rate cannot finish by then goes to the next one at once.
    pub finish_by: Option<Duration>,
    /// What others are asked to pass on to people of their own, beside all these: each run makes one order for each of them.
    pub relay: Option<Relay>,
}

/// How the channels of a campaign work together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// The next one only when this one failed or stayed silent.
    First,
    /// Every channel at once.
    All,
}

/// Hours, validity, doubt, budget.
#[derive(Debug, Clone, PartialEq)]
pub struct Sending {
    /// Local hours within which awareness may be sent: from, and until (minutes after midnight, up to 1440). None: any.
    pub hours: Option<(u16, u16)>,
    /// After this a delivery lapses unsent.
    pub valid_for: Duration,
    /// What becomes of an attempt without an answer.
    pub doubt: Doubt,
    /// Đồng for one run.
    pub budget: Option<i64>,
    /// Whether SMS texts are sent with accents.
    pub sms_text: SmsText,
}

/// What becomes of an attempt in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// Rather lost than doubled: awareness's default.
    Skip,
    /// Rather doubled than lost: a warning's default.
    Resend,
}

/// How SMS texts are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmsText {
    /// Accents are taken off: mostly GSM 03.38, fewer parts.
    Unaccented,
    /// As written.
    Unicode,
}

impl SmsText {
    /// Both by their names in files.
    pub const NAMES: [(&'static str, Self); 2] = [("unaccented", Self::Unaccented), ("unicode", Self::Unicode)];
}

/// One message of the rotation.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Unique in the campaign.
    pub id: String,
    /// Only in this phase.
    pub phase: Option<String>,
    /// People of these segments get this one instead of the rotation's.
    pub segments: Vec<String>,
    /// The texts in the main language.
    pub body: Body,
    /// Other languages by BCP 47 code; missing parts fall back to the main one.
    pub lang: BTreeMap<String, Body>,
}

/// The texts of a message, each a minijinja template.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Body {
    /// SMS.
    pub sms: Option<SmsBody>,
    /// Chat.
    pub chat: Option<ChatBody>,
    /// Mail.
    pub email: Option<EmailBody>,
}

/// A text message: `sms = "…"`, `sms = { text = "…", sms_text = "unicode" }` or `sms = { template = "…", wording = "…", values = { … } }`.
#[derive(Debug, Clone, PartialEq)]
pub enum SmsBody {
    /// A text of the campaign's own.
    Text {
        /// A minijinja template.
        text: String,
        /// How it is sent, where that is not as the campaign says: for a language whose script has no plain form.
        sms_text: Option<SmsText>,
    },
    /// A wording that the accounts have registered with carriers, each its own: it is sent as it is registered.
    Registered {
        /// Its name in `[[account.template]]`.
        template: String,
        /// The same in the campaign's own words, for accounts that list no wordings at all.
        wording: Option<Pattern>,
        /// What fills the slots, by their names: each a minijinja template.
        values: BTreeMap<String, String>,
    },
}

impl From<&str> for SmsBody {
    fn from(text: &str) -> Self {
        Self::Text { text: text.to_owned(), sms_text: None }
    }
}

/// A chat message.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChatBody {
    /// Free text.
    pub text: Option<String>,
    /// A registered template's id.
    pub template: Option<String>,
    /// Its parameters.
    pub data: BTreeMap<String, String>,
}

/// A mail.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EmailBody {
    /// Subject.
    pub subject: String,
    /// What a list of mails shows beside the subject; none: the text's first sentence.
    pub preheader: Option<String>,
    /// Markdown.
    pub body: String,
    /// Files, relative to the campaign's file: pictures that the body shows are shown there, the rest is attached.
    pub attach: Vec<String>,
}

/// A segment of `segments.toml`.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Its table's name.
    pub slug: String,
    /// For people.
    pub title: String,
    /// Who belongs to it.
    pub condition: Condition,
}

/// Conditions that must all hold; none: everybody.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Condition {
    /// In any of these groups.
    pub groups: Vec<String>,
    /// In any of these areas; a province (two digits) covers its wards (five).
    pub areas: Vec<String>,
    /// Born before that day.
    pub born_before: Option<NaiveDate>,
    /// Born after that day.
    pub born_after: Option<NaiveDate>,
    /// Language.
    pub lang: Vec<String>,
    /// Attribute → any of these values.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// Reached (confirmed or presumed) by a campaign within this time.
    pub reached: Option<Reached>,
    /// At least one of these.
    pub any: Vec<Condition>,
    /// Not this.
    pub not: Option<Box<Condition>>,
    /// In any of these segments.
    pub segments: Vec<String>,
}

/// Whom a campaign reached lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The campaign's slug.
    pub campaign: String,
    /// How long ago at most.
    pub within: Duration,
}
