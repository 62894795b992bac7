use std::time::Duration;

use super::*;
use crate::campaign::{Doubt, Policy};

const LEAST: &str = r#"title = "Nhận diện"
kind  = "KIND"
owner = "Sở"
[audience]
segments = ["tat-ca"]
[channels]
use = ["chat", "sms"]
[[message]]
id   = "otp"
sms  = "Khong cung cap ma OTP."
chat = "Không cung cấp mã OTP."
"#;

fn least(kind: &str) -> Campaign {
    Campaign::parse("c.toml", "c", &LEAST.replace("KIND", kind)).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn awareness_waits_for_the_morning_and_never_doubles() {
    let campaign = least("awareness");
    assert_eq!(campaign.channels.policy, Policy::First);
    assert_eq!(campaign.channels.fall_back_after, Some(Duration::from_hours(2)));
    assert_eq!(campaign.sending.hours, Some((7 * 60, 21 * 60 + 30)));
    assert_eq!(campaign.sending.doubt, Doubt::Skip);
    assert_eq!(campaign.messages[0].body.chat.as_ref().unwrap().text.as_deref(), Some("Không cung cấp mã OTP."));
    assert_eq!(campaign.cadence, None);
}

#[test]
fn a_warning_goes_everywhere_at_any_hour() {
    let campaign = least("warning");
    assert_eq!((campaign.channels.policy, campaign.channels.fall_back_after), (Policy::All, None));
    assert_eq!((campaign.sending.hours, campaign.sending.doubt), (None, Doubt::Resend));
}

#[test]
fn hours_may_last_until_midnight() {
    let with = |hours: &str| {
        let text =
            LEAST.replace("KIND", "awareness").replace("[[message]]", &format!("[sending]\nhours = \"{hours}\"\n[[message]]"));
        Campaign::parse("c.toml", "c", &text).map(|campaign| campaign.sending.hours)
    };
    assert_eq!(with("00:00-24:00").unwrap(), Some((0, 1440)));
    for wrong in ["7:00-21:00", "07:00", "07:00-24:01", "07:60-21:00", "08:00-08:00", "07:00–21:00"] {
        assert!(with(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_slug_comes_from_the_files_name() {
    let problems = Campaign::parse("Tết.toml", "Tết", &LEAST.replace("KIND", "awareness")).unwrap_err();
    assert!(problems.to_string().contains("cannot name a campaign"), "{problems}");
}

#[test]
fn people_without_a_message_are_noticed() {
    let with = |message: &str| {
        let text = LEAST.replace("KIND", "awareness").replace("segments = [\"tat-ca\"]", "segments = [\"gia\", \"tre\"]");
        Campaign::parse("c.toml", "c", &text.replace("id   = \"otp\"", message))
    };
    assert!(with("id = \"otp\"\nfor = [\"gia\", \"tre\"]").is_ok());
    let problems = with("id = \"otp\"\nfor = [\"gia\"]").unwrap_err();
    assert!(problems.to_string().contains("would get no message"), "{problems}");
}

#[test]
fn another_language_may_be_partial() {
    let text =
        LEAST.replace("KIND", "awareness") + "[message.lang.en]\nsms = \"Never tell an OTP.\"\nemail = { subject = \"OTP\" }\n";
    let campaign = Campaign::parse("c.toml", "c", &text).unwrap();
    let english = &campaign.messages[0].lang["en"];
    assert_eq!((english.sms.clone(), english.chat.as_ref()), (Some("Never tell an OTP.".into()), None));
    assert_eq!(english.email.as_ref().unwrap().body, "");
}

proptest::proptest! {
    /// Whatever stands in a file, reading it ends with a campaign or with problems at places within the text.
    #[test]
    fn no_text_makes_the_reader_stumble(at in 0_usize..200, wrong in "[ -~\nđ\"=\\[\\]{}]{0,12}") {
        let mut text = LEAST.replace("KIND", "awareness");
        let mut at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        text.insert_str(at, &wrong);
        if let Err(problems) = Campaign::parse("c.toml", "c", &text) {
            proptest::prop_assert!(!problems.is_empty());
            proptest::prop_assert!(problems.0.iter().all(|p| p.line >= 1 && text.get(p.span.clone()).is_some()));
            proptest::prop_assert!(!problems.render(crate::words::Lang::Vi, crate::document::Style::Plain).is_empty());
        }
    }
}
