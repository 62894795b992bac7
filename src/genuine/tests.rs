//! What is genuine, what only looks like it, and what a look-up costs.

use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization as _;

use super::*;

const REAL: &str = "SO VHTTDL: Không cung cấp mã OTP cho bất kỳ ai. Xem https://example.vn/Canh-Bao hoặc gọi 156, 5656. Đường dây nóng 028 3822 4053.";

fn original(id: i64, text: &str) -> Original {
    Original { id, sender: "SO VHTTDL".to_string(), text: text.to_string() }
}

fn index() -> Index {
    Index::from_iter([
        original(1, "Cảnh giác với cuộc gọi tự xưng công an, viện kiểm sát. Không chuyển tiền. Báo tin: 113."),
        original(2, REAL),
        original(3, "Ngân hàng không bao giờ gửi đường dẫn qua tin nhắn. Chi tiết: example.vn"),
    ])
}

fn is_genuine(text: &str) -> bool {
    matches!(index().find(text, None), Verdict::Genuine { original, .. } if original.id == 2)
}

fn unaccented(text: &str) -> String {
    text.nfd()
        .filter(|c| !is_mark_of_accent(*c))
        .map(|c| match c {
            'đ' => 'd',
            'Đ' => 'D',
            c => c,
        })
        .collect()
}

fn is_mark_of_accent(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

fn near(text: &str) -> Vec<String> {
    let index = index();
    match index.find(text, None) {
        Verdict::Near(near) => {
            assert_eq!(near.original.id, 2);
            let mark = |side| match side {
                Side::Both => '=',
                Side::Original => '-',
                Side::Pasted => '+',
            };
            near.pieces.iter().filter(|p| p.side != Side::Both).map(|p| format!("{}{}", mark(p.side), p.text)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_retyped_text_is_the_same_text() {
    for text in [
        REAL.to_string(),
        unaccented(REAL),
        REAL.nfd().collect(),
        REAL.replace(' ', "\n  "),
        REAL.replace("Không cung cấp", "KHÔNG CUNG CẤP"),
        REAL.replace(". ", " – ").replace(": ", "  "),
        REAL.replace("OTP", "“OTP”"),
        REAL.replace("https://example.vn", "HTTPS://EXAMPLE.VN"),
        REAL.replace("OTP", "ＯＴＰ"),
        format!("«{REAL}»"),
        REAL.replace("cung", "cu\u{200b}ng").replace('\u{200b}', ""),
    ] {
        assert!(is_genuine(&text), "{text}");
    }
}

#[test]
fn another_link_number_or_word_is_another_text() {
    assert_eq!(near(&REAL.replace("example.vn", "examp1e.vn")), ["-https://example.vn/Canh-Bao", "+https://examp1e.vn/Canh-Bao"]);
    assert_eq!(near(&REAL.replace("5656", "5655")), ["-5656", "+5655"]);
    for (from, to) in [
        ("https://", "http://"),
        ("Canh-Bao", "canh-bao"),
        ("example.vn", "example.vn.example.com"),
        ("example.vn", "exаmple.vn"), // a Cyrillic а
        ("example.vn", "exam\u{200b}ple.vn"),
        ("https://example.vn", "https://example.vn@example.com"),
        ("https://example.vn/Canh-Bao", "example . vn"),
        ("3822 4053", "3822 4035"),
        ("3822 4053", "38224053"),
        ("156", "１５６"),
        ("156, 5656", "1565656"),
        ("Không cung cấp", "Cung cấp"),
        ("bất kỳ ai", "ai"),
        ("OTP", "OTР"), // a Cyrillic Р
        ("5656.", "5656. Hoặc bấm bit.ly/x"),
    ] {
        let text = REAL.replace(from, to);
        assert_ne!(text, REAL);
        assert!(!is_genuine(&text), "{text}");
        assert!(!near(&text).is_empty(), "{text}");
    }
}

/// On a host where anybody may choose a name, a link with one more letter is somebody else's; all of these are letters there.
#[test]
fn a_link_with_a_longer_end_is_another_link() {
    let text = "Đăng ký tại https://rut-gon.example.vn/canh-bao";
    let index = Index::from_iter([original(1, text)]);
    let find = |end: &str| index.find(&format!("{text}{end}"), None);
    for end in ["", ".", "!", ")", "”.", "…", "?"] {
        assert!(matches!(find(end), Verdict::Genuine { .. }), "{end}");
    }
    for end in ["-", "_", "/", "--", "-.", "_)", "~", "\u{200b}", "\u{2011}"] {
        assert!(matches!(find(end), Verdict::Near(near) if near.is_alarming()), "{end}");
        assert!(index.links(&format!("{text}{end}")).iter().all(|link| link.owner != Owner::Sent), "{end}");
    }
}

/// What is struck out or crossed says the opposite, and is no accent.
#[test]
fn a_word_that_is_struck_out_is_another_word() {
    for mark in ['\u{335}', '\u{336}', '\u{338}', '\u{20d2}', '\u{20e0}', '\u{489}', '\u{34f}'] {
        let struck: String = "Không".chars().flat_map(|c| [c, mark]).collect();
        let text = REAL.replace("Không", &struck);
        assert!(!is_genuine(&text), "{text}");
        assert!(!near(&text).is_empty(), "{text}");
        let number: String = "5656".chars().flat_map(|c| [c, mark]).collect();
        assert!(!is_genuine(&REAL.replace("5656", &number)), "{number}");
    }
    let warning = "⚠\u{fe0f} Cảnh giác với cuộc gọi tự xưng công an";
    let index = Index::from_iter([original(1, warning)]);
    assert!(matches!(index.find(&warning.replace('\u{fe0f}', ""), None), Verdict::Genuine { .. }));
}

#[test]
fn an_amount_is_not_another_amount() {
    let index = Index::from_iter([original(1, "Phạt từ 1.5 đến 20 triệu đồng, giảm 50%")]);
    let genuine = |text: &str| matches!(index.find(text, None), Verdict::Genuine { .. });
    assert!(genuine("phat tu 1.5 den 20 trieu dong giam 50%."));
    for other in [
        "Phạt từ 15 đến 20 triệu đồng, giảm 50%",
        "Phạt từ 1,5 đến 20 triệu đồng, giảm 50",
        "Phạt từ 1.5 đến 2 0 triệu đồng, giảm 50%",
    ] {
        assert!(!genuine(other), "{other}");
    }
}

#[test]
fn the_sender_counts_where_it_is_known() {
    let index = index();
    let with = |sender| index.find(REAL, sender);
    assert!(matches!(with(None), Verdict::Genuine { by_sender: false, .. }));
    assert!(matches!(with(Some("  ")), Verdict::Genuine { by_sender: false, .. }));
    assert!(matches!(with(Some("Sở VHTTDL")), Verdict::Genuine { by_sender: true, .. }));
    let Verdict::Near(near) = with(Some("SO VHTTDI")) else { panic!("another sender is never genuine") };
    assert!(near.other_sender && near.is_alarming());
    assert!(near.pieces.iter().all(|piece| piece.side == Side::Both));
    // The same text from two senders: each is right.
    let twice = Index::from_iter([original(1, REAL), Original { sender: "CA TPHCM".to_string(), ..original(2, REAL) }]);
    assert!(matches!(twice.find(REAL, Some("SO VHTTDL")), Verdict::Genuine { original, .. } if original.id == 1));
    assert!(matches!(twice.find(REAL, Some("ca tphcm")), Verdict::Genuine { original, .. } if original.id == 2));
}

#[test]
fn what_differs_is_shown() {
    let index = index();
    let text = REAL.replace("Không cung cấp", "Hãy cung cấp").replace("156", "0901");
    let Verdict::Near(near) = index.find(&text, None) else { panic!() };
    assert!(near.is_alarming());
    let shown: Vec<_> = near.pieces.iter().take(4).map(|p| (p.side, p.text.as_str())).collect();
    assert_eq!(
        shown,
        [
            (Side::Both, "SO VHTTDL"),
            (Side::Original, "Không"),
            (Side::Pasted, "Hãy"),
            (Side::Both, "cung cấp mã OTP cho bất kỳ ai Xem")
        ]
    );
    let only_words = REAL.replace("bất kỳ ai", "ai");
    assert!(matches!(index.find(&only_words, None), Verdict::Near(near) if !near.is_alarming()));
}

#[test]
fn what_nobody_sent_is_not_known() {
    for text in ["", " . ", "Chúc mừng quý khách đã trúng thưởng xe máy", "OTP", "xin chào"] {
        assert_eq!(index().find(text, None), Verdict::Unknown, "{text}");
    }
    assert_eq!(index().find(&"a ".repeat(MAX_CHARS), None), Verdict::TooLong);
    assert_eq!(Index::default().find(REAL, None), Verdict::Unknown);
}

#[test]
fn a_text_with_something_of_ones_own_is_known_by_the_rest() {
    let text = format!("Kính gửi {SLOT}, ngân hàng không bao giờ hỏi mã OTP. Từ chối: https://canhbao.example.vn/u/{SLOT}");
    let index = Index::from_iter([original(1, &text), original(2, REAL), original(3, &format!("Xin chào {SLOT}"))]);
    let copy =
        |name: &str, rest: &str| format!("kinh gui {name} ngan hang {rest}. Từ chối: https://canhbao.example.vn/u/AbC-9_x");
    let rest = "khong bao gio hoi ma OTP";
    match index.find(&copy("Bà Nguyễn Thị Mẫu", rest), None) {
        Verdict::Genuine { original, filled, .. } => {
            assert_eq!((original.id, filled), (1, vec!["Bà Nguyễn Thị Mẫu".to_string()]));
        }
        other => panic!("{other:?}"),
    }
    // A number, a link or another word elsewhere is not what was sent; what fills the slot is no difference by itself.
    for (name, rest) in [("Mẫu 0901", rest), ("Mẫu bit.ly/x", rest), ("Mẫu", "luon luon hoi ma OTP")] {
        let pasted = copy(name, rest);
        let Verdict::Near(near) = index.find(&pasted, None) else { panic!("{pasted}") };
        assert_eq!(near.original.id, 1);
        assert!(near.pieces.iter().any(|piece| piece.side == Side::Pasted), "{near:?}");
    }
    let pasted = copy("Mẫu", "luon luon hoi ma OTP");
    let Verdict::Near(near) = index.find(&pasted, None) else { panic!() };
    let slot = near.pieces.iter().find(|piece| piece.kind == Kind::Slot).unwrap();
    assert_eq!((slot.side, slot.text.as_str()), (Side::Both, "Mẫu"));
    assert!(!near.is_alarming());
    assert_eq!(index.find("Xin chào Mẫu", None), Verdict::Unknown, "a greeting alone says nothing");
}

#[test]
fn a_disguised_text_leads_to_the_one_that_it_imitates() {
    let look = |text: &str| text.replace('o', "о").replace('a', "а").replace('c', "с").replace('e', "е");
    let disguised = look(REAL);
    assert_ne!(disguised, REAL);
    let index = index();
    for text in [disguised, REAL.chars().flat_map(|c| [c, '\u{2060}']).collect()] {
        let Verdict::Near(near) = index.find(&text, None) else { panic!("{text}") };
        assert!(near.original.id == 2 && near.disguised && near.is_alarming());
    }
    let Verdict::Near(near) = index.find(&REAL.replace("bất kỳ ai", "ai"), None) else { panic!() };
    assert!(!near.disguised);
}

#[test]
fn a_sender_may_have_several_names_or_none() {
    let index = Index::from_iter([
        Original { sender: "so@example.vn\nSở Văn hóa".to_string(), ..original(1, REAL) },
        Original {
            sender: String::new(), ..original(2, "Một tin khác hẳn, không ai biết gửi từ đâu, không có liên kết nào.")
        },
    ]);
    for sender in ["so@example.vn", "SO VAN HOA"] {
        assert!(matches!(index.find(REAL, Some(sender)), Verdict::Genuine { by_sender: true, .. }), "{sender}");
    }
    assert!(matches!(index.find(REAL, Some("so@example.com")), Verdict::Near(near) if near.other_sender));
    let other = "một tin khác hẳn, không ai biết gửi từ đâu, không có liên kết nào";
    assert!(matches!(index.find(other, Some("bất kỳ")), Verdict::Genuine { by_sender: false, .. }));
}

/// A long tail costs no more than the text that it hangs on.
#[test]
fn what_hangs_on_is_one_piece() {
    let index = index();
    let text = format!("{REAL} {}", "bấm đây ".repeat(1_000));
    let Verdict::Near(near) = index.find(&text, None) else { panic!() };
    assert!(near.pieces.last().is_some_and(|piece| piece.side == Side::Pasted && piece.text.len() > 5_000));
    let text = format!("{} {REAL}", "bấm đây ".repeat(1_000));
    assert!(matches!(index.find(&text, None), Verdict::Near(near) if near.original.id == 2), "nor what stands before it");
}

fn words() -> impl Strategy<Value = String> {
    prop::collection::vec("[a-zA-Zàảãáạđêô]{1,7}|[0-9]{3,6}|[a-z]{3,6}\\.vn/[a-zA-Z]{1,4}", 4..30)
        .prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// However it is retyped it is found; and whatever is swapped in a link or a number is not called genuine.
    #[test]
    fn folding_keeps_what_counts(text in words(), at in any::<prop::sample::Index>()) {
        let index = Index::from_iter([original(1, &text)]);
        let genuine = |text: &str| matches!(index.find(text, None), Verdict::Genuine { .. });
        prop_assert!(genuine(&text));
        let retyped: Vec<String> = text
            .split(' ')
            .map(|word| if word.contains('.') { word.to_string() } else { unaccented(word).to_uppercase() })
            .collect();
        prop_assert!(genuine(&retyped.join(",  ")));
        let mut pieces: Vec<String> = text.split(' ').map(str::to_string).collect();
        let at = at.index(pieces.len());
        let swapped = if pieces[at].chars().any(|c| c.is_ascii_digit()) {
            format!("{}7", pieces[at])
        } else {
            format!("{}x", pieces[at])
        };
        pieces[at] = swapped;
        prop_assert!(!genuine(&pieces.join(" ")));
    }

    #[test]
    fn whatever_is_asked_gets_an_answer(text in ".{0,200}", sender in prop::option::of(".{0,20}")) {
        let _ = index().find(&text, sender.as_deref());
    }
}

/// Texts that are much alike: what is near is found among them all, by few pieces and few comparisons.
#[test]
fn many_texts_that_are_much_alike_are_searched() {
    let texts = (0..1_000).map(|n| original(n, &REAL.replace("156", &format!("{:05}", n * 7))));
    let index: Index = texts.collect();
    let pasted = REAL.replace("156", "00700").replace("https", "http");
    assert!(index.candidates(&said(&fold(&pasted))).len() <= CANDIDATES);
    let Verdict::Near(near) = index.find(&pasted, None) else { panic!() };
    assert!(near.is_alarming());
    assert!(matches!(index.find(&REAL.replace("156", "00700"), None), Verdict::Genuine { original, .. } if original.id == 100));
}
