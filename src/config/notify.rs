//! `[notify]`: whom mails tell of what waits for somebody, by which account, how often, and when not.

use std::{collections::BTreeSet, time::Duration};

use chrono::NaiveTime;

use crate::{
    document::{Section, Value, suggestion},
    phrase,
    words::Lang,
};

/// The kinds of notices, by the names that `mute` has: those of `notice::Kind`.
pub const NOTICES: [&str; 26] = [
    "approval-waiting",
    "approval-returned",
    "emergency-review",
    "account-paused",
    "quota-low",
    "balance-low",
    "template-lapses",
    "token-lapses",
    "disk-filling",
    "run-held",
    "run-unserved",
    "run-overdue",
    "run-failed",
    "doubts-unresolved",
    "request-due",
    "period-to-close",
    "list-checked",
    "order-overdue",
    "order-unpushed",
    "order-refused",
    "order-approval",
    "order-to-hand",
    "bulletin-waiting",
    "bulletin-changed",
    "bulletin-source",
    "upstream-trouble",
];

const MINUTE: Duration = Duration::from_mins(1);

/// `[notify]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// Who gets mails; nobody: notices stand in the console alone.
    pub email: Vec<String>,
    /// The mail account that they go by; none: the first that there is.
    pub account: Option<String>,
    /// One mail in this time at most, but for what is urgent.
    pub every: Duration,
    /// Mails a day at most, urgent ones too.
    pub daily: i64,
    /// From when until when (Viet Nam's time) only what is urgent goes.
    pub quiet: Option<(NaiveTime, NaiveTime)>,
    /// Kinds that no mail tells of.
    pub mute: BTreeSet<String>,
    /// In which language.
    pub lang: Lang,
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            email: Vec::new(),
            account: None,
            every: 15 * MINUTE,
            daily: 96,
            quiet: None,
            mute: BTreeSet::new(),
            lang: Lang::Vi,
        }
    }
}

impl Notify {
    /// Whether only what is urgent goes at a local time of day.
    pub fn is_quiet(&self, at: NaiveTime) -> bool {
        match self.quiet {
            Some((from, until)) if from <= until => (from..until).contains(&at),
            // Over midnight.
            Some((from, until)) => at >= from || at < until,
            None => false,
        }
    }
}

/// `accounts`: the names of the mail accounts.
pub(super) fn notify(section: &mut Section<'_>, accounts: &[&str]) -> Notify {
    let default = Notify::default();
    let email = section.optional("email", |v| v.one_or_more(|one| mailbox(&one))).unwrap_or_default();
    let account = section.optional("account", |v| account(&v, accounts));
    let every = section.optional("every", |v| v.duration(MINUTE..=24 * 60 * MINUTE)).unwrap_or(default.every);
    let daily = section.optional("daily", |v| v.integer(1..=1_000)).unwrap_or(default.daily);
    let quiet = section.optional("quiet", |v| hours(&v));
    let mute = section.optional("mute", |v| v.one_or_more(|one| kind(&one))).unwrap_or_default().into_iter().collect();
    let lang = section.optional("lang", |v| v.choice(&[("vi", Lang::Vi), ("en", Lang::En)])).unwrap_or_default();
    Notify { email, account, every, daily, quiet, mute, lang }
}

fn account(value: &Value<'_>, accounts: &[&str]) -> Option<String> {
    let name = value.slug()?;
    if accounts.contains(&name.as_str()) {
        return Some(name);
    }
    value.refuse(
        phrase!("không có tài khoản thư điện tử `{name}`", "there is no mail account `{name}`"),
        suggestion(&name, accounts.iter().copied()),
    )
}

fn kind(value: &Value<'_>) -> Option<String> {
    let name = value.text()?;
    if NOTICES.contains(&name.as_str()) {
        return Some(name);
    }
    value.refuse(phrase!("không có loại thông báo `{name}`", "there is no kind of notice `{name}`"), suggestion(&name, NOTICES))
}

/// `22:00-06:00`; it may reach over midnight.
fn hours(value: &Value<'_>) -> Option<(NaiveTime, NaiveTime)> {
    let text = value.line()?;
    let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").ok();
    let read = text.split_once('-').and_then(|(from, until)| Some((time(from)?, time(until)?)));
    read.filter(|(from, until)| from != until).or_else(|| {
        value.refuse(
            phrase!("\"{text}\" không phải khoảng giờ", "\"{text}\" is no span of hours"),
            phrase!("ví dụ: \"22:00-06:00\"", "for example: \"22:00-06:00\""),
        )
    })
}

fn mailbox(value: &Value<'_>) -> Option<String> {
    let text = value.line()?;
    let well = text.split_once('@').is_some_and(|(local, host)| !local.is_empty() && host.contains('.') && !host.contains('@'));
    if well && !text.contains(char::is_whitespace) {
        return Some(text);
    }
    value.refuse(
        phrase!("đây không phải địa chỉ e-mail", "this is not an e-mail address"),
        phrase!("ví dụ: \"truc@so.example.vn\"", "for example: \"duty@office.example.vn\""),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_may_reach_over_midnight() {
        let at = |hour, minute| NaiveTime::from_hms_opt(hour, minute, 0).unwrap();
        let night = Notify { quiet: Some((at(22, 0), at(6, 0))), ..Notify::default() };
        assert!(night.is_quiet(at(22, 0)) && night.is_quiet(at(3, 0)) && !night.is_quiet(at(6, 0)) && !night.is_quiet(at(12, 0)));
        let noon = Notify { quiet: Some((at(11, 30), at(13, 0))), ..Notify::default() };
        assert!(noon.is_quiet(at(12, 0)) && !noon.is_quiet(at(13, 0)));
        assert!(!Notify::default().is_quiet(at(3, 0)));
    }
}
