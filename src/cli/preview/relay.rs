//! What others are asked to pass on, for a terminal or for a program.

use providers::text::Encoding;
use serde_json::{Value, json};

use super::text::{block, lines};
use crate::{
    audience::place::Places,
    campaign::{SmsText, relay::Text},
    phrase,
    preview::{
        relay::{Look, uncounted},
        sms::spelling,
    },
    words::Lang,
};

pub(super) fn told(look: &Look<'_>, lang: Lang) -> String {
    let relay = look.relay;
    let whom = relay.partners.iter().chain(&relay.kinds).map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut out = format!("\n[relay] {whom} · {}\n", relay.status.phrase().text(lang));
    let places = Places::built_in();
    let named = relay.areas.iter().map(|code| places.full_name(code).unwrap_or_else(|| code.clone()));
    let areas = named.collect::<Vec<_>>().join("; ");
    let audience = &relay.audience;
    out.push_str(&lines("  ", "  ", phrase!("Địa bàn {areas}: {audience}", "Areas {areas}: {audience}").text(lang)));
    if let Some(text) = &look.sms {
        let sender = relay.sender.as_deref().unwrap_or_default();
        out.push_str(&sized("▸", &format!("SMS ({sender}) · {}", spelling(relay.sms_text).text(lang)), text, lang));
    }
    if let Some((spelled, text)) = &look.other {
        out.push_str(&sized(" ", &format!("SMS · {}", spelling(*spelled).text(lang)), text, lang));
    }
    let plain = [
        (lang.pick("Tin trong ứng dụng của nhà mạng", "In the carriers' apps"), &relay.app),
        (lang.pick("Nội dung để đọc, đăng lại", "To be read out or published"), &relay.material),
    ];
    for (name, text) in plain.into_iter().filter_map(|(name, text)| Some((name, text.as_deref()?))) {
        out.push_str(&["  ", name, "\n"].concat());
        out.push_str(&block(text.trim()));
    }
    out + &lines("  ", "  ", uncounted().text(lang))
}

fn sized(mark: &str, name: &str, text: &Text, lang: Lang) -> String {
    let size = text.size();
    let sha256 = &text.sha256;
    format!("  {mark} {name} · {}\n    SHA-256 {sha256}\n", size.text(lang)) + &block(&text.text)
}

pub(super) fn json(look: &Look<'_>) -> Value {
    let relay = look.relay;
    let text = |text: &Text, spelled: SmsText| {
        let name = SmsText::NAMES.iter().find(|(_, one)| *one == spelled).map(|(name, _)| *name);
        let encoding = match text.encoding {
            Encoding::Gsm => "GSM",
            Encoding::Ucs2 => "UCS-2",
        };
        json!({
            "sms_text": name, "text": text.text, "encoding": encoding, "parts": text.parts, "units": text.units, "sha256": text.sha256,
        })
    };
    json!({
        "partners": relay.partners, "kinds": relay.kinds, "status": relay.status.name(), "areas": relay.areas,
        "audience": relay.audience, "sender": relay.sender, "rounds": relay.rounds,
        "sms": look.sms.as_ref().map(|sms| text(sms, relay.sms_text)),
        "other": look.other.as_ref().map(|(spelled, sms)| text(sms, *spelled)),
        "app": relay.app, "material": relay.material,
    })
}
