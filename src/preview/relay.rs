//! What others will be asked to pass on, looked at before anybody is asked: the texts with their size, and the areas.
//!
//! How many people that is nobody here knows: carriers report it, in subscribers.

use crate::{
    audience::place::Places,
    campaign::{Campaign, Relay, SmsText, relay::Text},
    phrase,
    words::Phrase,
};

/// The texts of an order as they will be.
#[derive(Debug, Clone)]
pub struct Look<'a> {
    /// What is asked.
    pub relay: &'a Relay,
    /// The text message; none: there is none.
    pub sms: Option<Text>,
    /// The same in the other spelling, where that is something else and can be sent.
    pub other: Option<(SmsText, Text)>,
}

/// What a campaign has others pass on; none: nothing.
pub fn look(campaign: &Campaign) -> Option<Look<'_>> {
    let relay = campaign.channels.relay.as_ref()?;
    let sms = relay.text();
    let flipped = match relay.sms_text {
        SmsText::Unaccented => SmsText::Unicode,
        SmsText::Unicode => SmsText::Unaccented,
    };
    let other = relay.sms.as_deref().and_then(|written| Text::of(written, flipped).ok());
    let other = other.filter(|other| sms.as_ref() != Some(other)).map(|other| (flipped, other));
    Some(Look { relay, sms, other })
}

/// In place of an estimate: nobody here has the subscribers' numbers.
pub fn uncounted() -> Phrase {
    phrase!(
        "Số người nhận do đơn vị phối hợp báo cáo: hệ thống không có danh sách của họ nên không ước tính trước được.",
        "How many get it, outlets report: Loa has no list of their people, and estimates nothing."
    )
}

/// A code among the areas that is wrong.
#[derive(Debug, Clone)]
pub struct Misplaced {
    /// Which, from 0.
    pub at: usize,
    /// What is wrong with it.
    pub message: Phrase,
    /// What would be right.
    pub help: Phrase,
}

/// The areas that are no place of today, and wards of a province that is named as well: their people would be counted twice.
pub fn misplaced(relay: &Relay) -> Vec<Misplaced> {
    let places = Places::built_in();
    let wrong = |(at, code): (usize, &String)| {
        let Some(province) = places.province_of(code) else {
            return Some(Misplaced {
                at,
                message: phrase!("không có địa bàn nào mang mã \"{code}\"", "no place has the code \"{code}\""),
                help: phrase!(
                    "mã tỉnh (2 chữ số) hoặc xã, phường (5 chữ số) theo QĐ 19/2025/QĐ-TTg, sau sáp nhập 01/7/2025",
                    "a province's two or a ward's five digits of Decision 19/2025/QĐ-TTg, as merged on 1 July 2025"
                ),
            });
        };
        (province != code && relay.areas.iter().any(|other| other == province)).then(|| Misplaced {
            at,
            message: phrase!(
                "địa bàn \"{code}\" nằm trong \"{province}\" cũng có trong danh sách: thuê bao ở đó bị tính hai lần",
                "\"{code}\" lies in \"{province}\", which is named as well: its subscribers would be counted twice"
            ),
            help: phrase!("giữ một trong hai", "keep one of the two"),
        })
    };
    relay.areas.iter().enumerate().filter_map(wrong).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn campaign(areas: &str) -> Campaign {
        let text = format!(
            "title = \"C\"\nkind = \"awareness\"\nowner = \"Sở\"\n\
             basis = {{ number = \"1\", date = 2026-11-01, authority = \"UBND\", document = \"a.pdf\" }}\n\
             [channels]\nuse = [\"relay\"]\n[relay]\npartners = [\"viettel\"]\nsender = \"Ha Noi\"\nareas = {areas}\n\
             audience = \"Mọi thuê bao\"\nsms = \"Không đọc mã OTP.\"\npayment = \"free\"\n"
        );
        Campaign::parse("c.toml", "c", &text).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn places_of(areas: &str) -> Vec<usize> {
        let campaign = campaign(areas);
        misplaced(campaign.channels.relay.as_ref().unwrap()).iter().map(|one| one.at).collect()
    }

    #[test]
    fn areas_exist_and_do_not_overlap() {
        assert_eq!(places_of("[\"01\"]"), [0_usize; 0]);
        assert_eq!(places_of("[\"00004\", \"00008\"]"), [0_usize; 0]);
        assert_eq!(places_of("[\"99\", \"01\", \"99999\"]"), [0, 2]);
        assert_eq!(places_of("[\"00004\", \"79\", \"01\"]"), [0]);
    }

    #[test]
    fn both_spellings_are_shown() {
        let campaign = campaign("[\"01\"]");
        let look = look(&campaign).unwrap();
        assert_eq!(look.sms.unwrap().text, "Khong doc ma OTP.");
        let (spelled, other) = look.other.unwrap();
        assert_eq!((spelled, other.text.as_str()), (SmsText::Unicode, "Không đọc mã OTP."));
    }
}
