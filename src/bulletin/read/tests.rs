use super::*;
use crate::cap::{Scope, Time, sample, signature::Key, write};

const SIGNER_KEY: &[u8] = include_bytes!("../../../tests/fixtures/cap/signer.key.pem");
const SIGNER: &[u8] = include_bytes!("../../../tests/fixtures/cap/signer.pem");
const STRANGER: &[u8] = include_bytes!("../../../tests/fixtures/cap/stranger.pem");
/// 23 November 2026.
const NOW: i64 = 1_795_400_000_000;

fn certificate(pem: &[u8]) -> Certificate {
    Certificate::from_pem(pem).unwrap()
}

/// A warning for everybody.
fn warning() -> Alert {
    Alert { scope: Scope::Public, restriction: None, addresses: Vec::new(), ..sample::order() }
}

fn signed(alert: &Alert) -> String {
    signature::sign(&write(alert).unwrap(), &Key::from_pem(SIGNER_KEY).unwrap(), &certificate(SIGNER)).unwrap()
}

fn one(document: &str, pinned: Option<&Certificate>) -> Read {
    let mut all = feed(document.as_bytes(), "ncsc", pinned, NOW).unwrap();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[test]
fn an_item_becomes_plain_words_without_what_nobody_sees() {
    let read = one(
        "<rss><channel><title>Cục <![CDATA[<b>ATTT</b>]]></title><item><guid>a</guid><title>Cảnh\u{202e} báo&#8203;</title>\
         <description>&lt;script&gt;x&lt;/script&gt;&lt;p&gt;Không chuyển tiền&lt;/p&gt;</description>\
         <link>https://example.vn/a</link></item></channel></rss>",
        None,
    );
    assert_eq!((read.title.as_str(), read.body.as_str()), ("Cảnh báo", "Không chuyển tiền"));
    assert_eq!((read.publisher.as_str(), read.guid.as_str()), ("Cục ATTT", "a"));
    assert_eq!((read.signature, read.kind(), read.disbelief()), (Signature::None, Kind::Plain, None));
    assert!(read.raw.starts_with("<item>") && read.raw.contains("&lt;script"), "{}", read.raw);
}

#[test]
fn a_version_is_told_from_another_by_what_it_says_and_not_by_its_date() {
    let of = |date: &str, title: &str| {
        let document =
            format!("<rss><channel><item><guid>a</guid><title>{title}</title><pubDate>{date}</pubDate></item></channel></rss>");
        one(&document, None).hash
    };
    assert_eq!(of("Sun, 22 Nov 2026 08:30:00 +0700", "x"), of("Sun, 22 Nov 2026 09:30:00 +0700", "x"));
    assert_ne!(of("Sun, 22 Nov 2026 08:30:00 +0700", "x"), of("Sun, 22 Nov 2026 08:30:00 +0700", "y"));
}

#[test]
fn an_alert_is_shown_with_what_its_signature_is_worth() {
    let (alert, pinned, stranger) = (warning(), certificate(SIGNER), certificate(STRANGER));
    let plain = write(&alert).unwrap();
    let of = |document: &str, pinned: Option<&Certificate>| {
        let read = one(document, pinned);
        (read.signature, read.disbelief())
    };
    assert_eq!(of(&plain, None), (Signature::None, None));
    assert_eq!(of(&plain, Some(&pinned)), (Signature::None, Some(Why::Unsigned)));
    let signed = signed(&alert);
    assert_eq!(of(&signed, None), (Signature::Unpinned, None));
    assert_eq!(of(&signed, Some(&pinned)), (Signature::Verified, None));
    assert_eq!(of(&signed, Some(&stranger)), (Signature::Wrong, Some(Why::Signature)));
    let changed = signed.replace("OTP cho bất kỳ ai", "OTP cho cán bộ");
    assert_ne!(changed, signed);
    assert_eq!(of(&changed, Some(&pinned)), (Signature::Wrong, Some(Why::Signature)));
    assert_eq!(of(&changed, None), (Signature::Wrong, Some(Why::Signature)), "that it was changed is seen without a certificate");
    // Within a feed, too.
    let body = signed.split_once("?>").unwrap().1;
    let feed = format!(
        "<feed><title>x</title><entry><id>1</id><title>y</title><content type='text/xml'>{body}</content></entry></feed>"
    );
    assert_eq!(of(&feed, Some(&pinned)), (Signature::Verified, None));
    // A source whose certificate is known says nothing without it.
    let rss = "<rss><channel><item><guid>a</guid><title>x</title></item></channel></rss>";
    assert_eq!(of(rss, Some(&pinned)), (Signature::None, Some(Why::Unsigned)));
}

/// What stands around a signed document in a feed may be anybody's: of a verified one nothing else is shown, or becomes a draft.
#[test]
fn of_a_verified_alert_only_what_was_signed_is_read() {
    let pinned = certificate(SIGNER);
    let around = |alert: &Alert, pinned: Option<&Certificate>| {
        let signed = signed(alert);
        let body = signed.split_once("?>").unwrap().1;
        let feed = format!(
            "<feed><title>Kẻ khác</title><entry><id>1</id><title>Gọi 0900</title><link rel='alternate' href='https://khac.example.vn/'/>\
             <summary>Chuyển tiền</summary><content type='text/xml'>{body}</content></entry></feed>"
        );
        one(&feed, pinned)
    };
    let mut bare = warning();
    (bare.infos[0].web, bare.infos[0].sender_name) = (None, None);
    let read = around(&bare, Some(&pinned));
    assert_eq!((read.signature, read.link.as_deref()), (Signature::Verified, None));
    assert_eq!((read.publisher.as_str(), read.title.as_str()), ("so-vhttdl.example.vn", "Không cung cấp mã OTP cho bất kỳ ai"));
    let unpinned = around(&bare, None);
    assert_eq!((unpinned.signature, unpinned.link.as_deref()), (Signature::Unpinned, Some("https://khac.example.vn/")));
    let mut cancel = warning();
    (cancel.msg_type, cancel.references, cancel.infos) = (MsgType::Cancel, vec![warning().reference()], Vec::new());
    cancel.note = Some("Nhầm".to_string());
    let read = around(&cancel, Some(&pinned));
    assert_eq!((read.title.as_str(), read.body.as_str(), read.link), ("Nhầm", "Nhầm", None));
    // The same where its document is fetched.
    let mut read = one(
        "<feed><entry><id>e1</id><title>Gọi 0900</title><summary>Chuyển tiền</summary><link rel='alternate' href='https://khac.example.vn/'/>\
         <link type='application/cap+xml' href='https://example.vn/1.cap'/></entry></feed>",
        Some(&pinned),
    );
    read.complete(signed(&bare).as_bytes(), Some(&pinned), NOW);
    assert_eq!((read.signature, read.link.is_none()), (Signature::Verified, true));
    assert!(!read.body.contains("Chuyển tiền") && !read.title.contains("0900"));
}

#[test]
fn an_alert_says_what_it_is_about() {
    let read = one(&write(&warning()).unwrap(), None);
    assert_eq!(read.title, "Không cung cấp mã OTP cho bất kỳ ai");
    assert_eq!(read.publisher, "Sở Văn hóa, Thể thao và Du lịch");
    assert_eq!(read.reference().unwrap(), "so-vhttdl.example.vn,loa-order-17-viettel,2026-11-22T08:30:00+07:00");
    assert!(read.remark.is_none() && read.references().is_empty() && read.idle(NOW).is_none());
    let order = one(&write(&sample::order()).unwrap(), None);
    assert!(order.remark.unwrap().en.contains("not for the public"));
    let mut cancel = warning();
    cancel.msg_type = MsgType::Cancel;
    cancel.references = vec![warning().reference()];
    cancel.infos = Vec::new();
    cancel.note = Some("Nhầm".to_string());
    let cancel = one(&write(&cancel).unwrap(), None);
    assert_eq!((cancel.kind(), cancel.idle(NOW), cancel.body.as_str()), (Kind::Cancel, Some(Why::Withdraws), "Nhầm"));
    assert_eq!(cancel.references(), [read.reference().unwrap()]);
    let stranger = |status, sender: &str| {
        let note = Some("Nhầm".to_string());
        let references = vec![warning().reference()];
        let alert = Alert { msg_type: MsgType::Cancel, status, sender: sender.to_string(), references, note, ..warning() };
        one(&write(&alert).unwrap(), None).references()
    };
    assert_eq!(stranger(Status::Actual, &warning().sender).len(), 1);
    assert!(stranger(Status::Actual, "khac.example.vn").is_empty(), "nobody withdraws another's");
    assert!(stranger(Status::Exercise, &warning().sender).is_empty(), "an exercise withdraws nothing");
}

#[test]
fn nobody_is_warned_by_what_is_over_or_an_exercise() {
    let mut alert = warning();
    alert.infos[0].expires = Time::parse("2026-11-22T09:00:00+07:00");
    assert_eq!(one(&write(&alert).unwrap(), None).idle(NOW), Some(Why::Over));
    let exercise = Alert { status: Status::Exercise, note: Some("Diễn tập".to_string()), ..warning() };
    assert_eq!(one(&write(&exercise).unwrap(), None).idle(NOW), Some(Why::NotActual));
}

#[test]
fn a_document_that_lies_elsewhere_completes_its_item() {
    let entry = |updated: &str| {
        format!(
            "<feed><entry><id>e1</id><title>Ngắn</title><updated>{updated}</updated>\
             <link type='application/cap+xml' href='https://example.vn/1.cap'/></entry></feed>"
        )
    };
    let mut read = one(&entry("2026-11-22T01:30:00Z"), None);
    assert_eq!(read.document.as_deref(), Some("https://example.vn/1.cap"));
    assert_ne!(read.hash, one(&entry("2026-11-22T02:30:00Z"), None).hash, "its date says that the document changed");
    let hash = read.hash.clone();
    read.complete(signed(&warning()).as_bytes(), Some(&certificate(SIGNER)), NOW);
    assert_eq!((read.signature, read.document.is_none(), read.guid.as_str()), (Signature::Verified, true, "e1"));
    assert_eq!((read.title.as_str(), read.hash), ("Không cung cấp mã OTP cho bất kỳ ai", hash));
    let mut broken = one(&entry("2026-11-22T01:30:00Z"), None);
    broken.complete(b"<alert/>", None, NOW);
    assert!(broken.alert.is_none() && broken.remark.is_some() && broken.title == "Ngắn");
}

#[test]
fn names_fit_into_a_key_and_addresses_are_of_the_web() {
    let long = "x".repeat(3_000);
    let read = one(
        &format!(
            "<rss><channel><item><guid>{long}</guid><title>a</title><link>javascript:alert(1)</link></item></channel></rss>"
        ),
        None,
    );
    assert!(read.guid.len() < KEY && read.guid.starts_with("sha256:"));
    assert_eq!(read.link, None);
    assert_eq!(address("https://example.vn/a b"), None);
}

#[test]
fn a_text_is_a_title_and_what_follows() {
    let read = text("", "Cảnh báo giả danh\r\n\r\n\r\nKhông chuyển tiền.\r\n", "Công an tỉnh").unwrap();
    assert_eq!(
        (read.title.as_str(), read.body.as_str(), read.publisher.as_str()),
        ("Cảnh báo giả danh", "Không chuyển tiền.", "Công an tỉnh")
    );
    assert_eq!(read.guid, text("", "Cảnh báo giả danh\n\nKhông chuyển tiền.", "Khác").unwrap().guid, "what it says names it");
    let titled = text("Tên", "Một\nHai", "x").unwrap();
    assert_eq!((titled.title.as_str(), titled.body.as_str()), ("Tên", "Một\nHai"));
    let long = text("", &"dài ".repeat(200), "x").unwrap();
    assert!(long.title.chars().count() <= TITLE && long.body.len() > long.title.len(), "nothing of it is lost");
    assert_eq!(text("", " \n ", "x"), Err(Unreadable::NoText));
}
