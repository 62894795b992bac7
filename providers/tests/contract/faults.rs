//! Faults in a gateway's file: each is found, where it stands, with what would be right.

use providers::http::Description;

const SOUND: &str = r#"title   = "Example"
channel = "sms"
url     = "https://sms.example.vn"

[settings]
key = { about = "from the console", secret = true }

[send]
path = "/send"
json = { key = "{{ key }}", to = "{{ to|digits }}", text = "{{ text }}" }

[[send.answer]]
when = "body.ok"
then = "accepted"
id   = "body.id"
"#;

/// The faults of the sound file after one change.
fn faults(from: &str, to: &str) -> String {
    assert!(SOUND.contains(from), "{from}");
    let text = SOUND.replacen(from, to, 1);
    match Description::parse("gateways/example.toml", &text) {
        Ok(_) => "none".into(),
        Err(faults) => faults.iter().map(|fault| format!("{fault}\n")).collect(),
    }
}

#[test]
fn every_built_in_gateway_is_sound() {
    for (name, _) in providers::gateways::built_in() {
        assert_eq!(super::gateway::built_in(name).name, *name);
    }
}
