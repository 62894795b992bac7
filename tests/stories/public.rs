//! What the public meets: the feed of warnings and its documents, before judges that are not ours; and the page on which somebody looks
//! up a text, of which nothing stays behind.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
    time::Duration,
};

use loa::{cap::feed, sandbox::Behaviour};
use reqwest::{Client, Response, StatusCode};

use crate::helpers::{
    Owned, console, judges,
    office::Office,
    signers::{SIGNER, signing},
};

const WARNING: &str = r#"title = "Giả danh công an gọi điện"
kind = "warning"
owner = "Sở Văn hóa, Thể thao và Du lịch"

[audience]
segments = ["nguoi-cao-tuoi", "can-bo"]

[channels]
use = ["sms", "email"]

[sending]
valid_for = "12h"

[[message]]
id = "cong-an"
sms = "CANH BAO: ke gian gia cong an goi dien doa bat. Khong chuyen tien, khong doc ma OTP. Tra cuu: https://canhbao.example.vn/tin & goi 156."

[message.email]
subject = "Cảnh báo: giả danh công an <gọi điện>"
body = "Kính gửi {{ name | default('Ông/Bà') }},\n\nCông an **không** làm việc qua điện thoại. Không chuyển tiền cho ai, không đọc mã OTP. Xem [trang của Sở](https://canhbao.example.vn/tin)."

[message.lang.en]
sms = "WARNING: criminals call as police. Send no money, read out no OTP. Look it up: https://canhbao.example.vn/tin"
"#;

/// The text message as it was sent.
const SMS: &str = "CANH BAO: ke gian gia cong an goi dien doa bat. Khong chuyen tien, khong doc ma OTP. Tra cuu: https://canhbao.example.vn/tin & goi 156.";

/// 1 once everything is sent.
const SENT: &str = "SELECT (SELECT count(*) FROM delivery) > 0 AND (SELECT count(*) FROM delivery WHERE state IN (0, 1, 2)) = 0";

/// An office whose warning is out, served with everything in its log.
struct Public {
    _serve: Owned,
    office: Office,
    client: Client,
}

impl Public {
    async fn open() -> Self {
        let office = Office::prepare(Behaviour::default()).await;
        let file = office.dir().join("loa.toml");
        let settings = fs::read_to_string(&file).unwrap();
        let settings = settings.replace("[server]\n", "[server]\npublic_url = \"https://canhbao.example.vn\"\n")
            + "[relay]\nsender = \"so-vhttdl.example.vn\"\n"
            + &signing("signer");
        fs::write(file, settings).unwrap();
        fs::write(office.dir().join("campaigns/cong-an.toml"), WARNING).unwrap();
        office.import(40);
        let log = fs::File::create(office.dir().join("serve.log")).unwrap();
        let mut serve = office.command();
        let mut child = serve.env("LOA_LOG", "trace").arg("serve").stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("http://"), "{line}{}", office.log());
        let client = console::client();
        let public = Self { _serve: Owned(child), office, client };
        public.office.loa(&["send", "cong-an"]);
        public.office.until("everything is sent", SENT).await;
        public
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.office.url)).send().await.unwrap()
    }

    /// The feed, once the warning stands in it: it is looked at anew every few seconds.
    async fn feed(&self) -> Response {
        for _ in 0..200 {
            let answer = self.get("/warnings.atom").await;
            if answer.content_length().is_some_and(|length| length > 900) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no warning in the feed: {}", self.get("/warnings.atom").await.text().await.unwrap());
    }

    async fn ask(&self, text: &str, sender: &str) -> Response {
        let form = [("text", text), ("sender", sender)];
        self.client.post(format!("{}/genuine?lang=vi", self.office.url)).form(&form).send().await.unwrap()
    }

    /// What the page says of a text.
    async fn says(&self, text: &str, sender: &str) -> String {
        let answer = self.ask(text, sender).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.text().await.unwrap()
    }
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

const YES: &str = "Đúng: tin này do chúng tôi gửi";
const BEWARE: &str = "Cẩn thận: tin này khác với tin thật";
const NEVER: &str = "Không thấy tin này trong các tin chúng tôi đã gửi";

#[tokio::test(flavor = "multi_thread")]
async fn warnings_are_published_as_others_expect_them() {
    let public = Public::open().await;
    let answer = public.feed().await;
    assert_eq!((answer.status(), header(&answer, "content-type")), (StatusCode::OK, "application/atom+xml; charset=utf-8"));
    assert!(header(&answer, "cache-control").starts_with("public, max-age="), "{}", header(&answer, "cache-control"));
    assert!(header(&answer, "last-modified").ends_with(" GMT"));
    assert_eq!(header(&answer, "access-control-allow-origin"), "*");
    let etag = header(&answer, "etag").to_string();
    let text = answer.text().await.unwrap();
    let items = feed::items(text.as_bytes()).unwrap();
    assert_eq!(items.len(), 1, "{text}");
    assert_eq!(items[0].title, "Giả danh công an gọi điện");
    let address = items[0].document.clone().unwrap();
    assert_eq!(items[0].id, address);
    let asked =
        |etag: &str| public.client.get(format!("{}/warnings.atom", public.office.url)).header("if-none-match", etag).send();
    let unchanged = asked(&etag).await.unwrap();
    assert_eq!((unchanged.status(), header(&unchanged, "etag")), (StatusCode::NOT_MODIFIED, etag.as_str()));
    assert_eq!(asked("\"x\"").await.unwrap().status(), StatusCode::OK);
    let path = address.strip_prefix("https://canhbao.example.vn").unwrap();
    let answer = public.get(path).await;
    assert_eq!(header(&answer, "content-type"), "application/cap+xml; charset=utf-8");
    let document = answer.bytes().await.unwrap();
    assert_eq!(public.get(path).await.bytes().await.unwrap(), document, "the same bytes each time");
    judges::hold(&document, SIGNER);
    let said = String::from_utf8(document.to_vec()).unwrap();
    for part in
        ["<scope>Public</scope>", "<status>Actual</status>", "<language>vi-VN</language>", "<language>en</language>", "Ông/Bà"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let feed_file = public.office.dir().join("feed.atom");
    fs::write(&feed_file, &text).unwrap();
    let (well, told) = judges::judge("LOA_TEST_XMLLINT", &["--noout", "--nonet"], &[feed_file]);
    assert!(well, "{told}");
    // What there is not.
    for (path, wanted) in [("/warnings/loa-9.cap", 404), ("/warnings/../x.cap", 404), ("/warnings/x%2Fy.cap", 404)] {
        assert_eq!(public.get(path).await.status().as_u16(), wanted, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_looked_up_and_forgotten() {
    let public = Public::open().await;
    public.feed().await;
    // As it came, retyped, and with the name that it came under.
    for text in [
        SMS.to_string(),
        SMS.to_uppercase().replace("HTTPS://CANHBAO.EXAMPLE.VN/TIN", "https://canhbao.example.vn/tin"),
        SMS.replace(". ", "\r\n"),
    ] {
        let page = public.says(&text, "").await;
        assert!(page.contains(YES) && page.contains("SO VHTTDL") && page.contains("Giả danh công an gọi điện"), "{page}");
        assert!(page.contains("có trong tin thật") && page.contains("Không bấm liên kết"), "{page}");
    }
    let page = public.says(SMS, "Sở VHTTDL").await;
    assert!(page.contains(YES) && !page.contains("Tin thật chỉ đến từ tên gửi"), "{page}");
    let page = public.says("Kinh gui Tran Van Mau\nCong an khong lam viec qua dien thoai. Khong chuyen tien cho ai, khong doc ma OTP. Xem trang của Sở.", "").await;
    assert!(page.contains(YES) && page.contains("“Tran Van Mau”"), "{page}");
    let page = public.says("Cảnh báo: giả danh công an <gọi điện>", "").await;
    assert!(page.contains("Tiêu đề này có thật, nội dung thì chưa rõ") && !page.contains(YES), "{page}");
    // One letter of a link, a number, a sender, a letter of another alphabet: never genuine, and beside the real one.
    for (text, sender, why) in [
        (SMS.replace("example.vn", "examp1e.vn"), "", "nhái canhbao.example.vn"),
        (SMS.replace("156", "0900156156"), "", "dấu hiệu của tin giả mạo"),
        (SMS.to_string(), "0900156156", "Người gửi không phải là chúng tôi"),
        (SMS.replace("OTP", "OТР"), "", "ký tự lạ giả làm chữ thường"),
        (SMS.replace("Khong chuyen tien", "Hay chuyen tien"), "", "Chúng tôi chưa từng gửi tin đúng như vậy"),
    ] {
        let page = public.says(&text, sender).await;
        assert!(page.contains(BEWARE) && !page.contains(YES), "{text}: {page}");
        assert!(page.contains(why), "{why}: {page}");
        assert!(page.contains("Tin thật chúng tôi đã gửi") && page.contains("156</strong>"), "{page}");
    }
    let page = public.says(&SMS.replace("156", "0900156156"), "").await;
    assert!(page.contains("[khác: </span>0900156156") && page.contains("[thật: </span>156"), "not by colour alone: {page}");
    let secret = "Chung toi tang quy vi mot chiec xe may mau tim than, nhan qua tai quatang.example.com/nhan";
    let answer = public.ask(secret, "0911222333").await;
    for (name, wanted) in [("cache-control", "no-store"), ("referrer-policy", "no-referrer"), ("set-cookie", "")] {
        assert_eq!(header(&answer, name), wanted, "{name}");
    }
    let page = answer.text().await.unwrap();
    assert!(page.contains(NEVER) && page.contains("<strong>156</strong> hoặc <strong>5656</strong>"), "{page}");
    assert!(page.contains("chúng tôi không biết liên kết này"), "{page}");
    // What was pasted is text, and nothing else.
    let page = public.says("</textarea><script>alert(1)</script><img src=x onerror=alert(1)> \"'{{ 7*7 }}", "\"><b>x").await;
    assert!(
        !page.contains("<script>") && !page.contains("<img") && !page.contains("<b>x") && page.contains("{{ 7*7 }}"),
        "{page}"
    );
    // In English, without asking again: the form carries it.
    let form = [("text", SMS), ("sender", "")];
    let english = public.client.post(format!("{}/genuine?lang=en", public.office.url)).form(&form).send().await.unwrap();
    let english = english.text().await.unwrap();
    assert!(
        english.contains("Yes: we sent this message") && english.contains("Sent as") && !english.contains("Tên gửi"),
        "{english}"
    );
    // Nothing, and too much.
    assert_eq!(public.ask(" \n ", "").await.status(), StatusCode::BAD_REQUEST);
    for much in ["ạ ".repeat(5_001), "a".repeat(140_000)] {
        let answer = public.ask(&much, "").await;
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert!(answer.text().await.unwrap().contains("10.000"));
    }
    assert!(public.says(&"ạ ".repeat(4_999), "").await.contains(NEVER));
    let page = public.get("/genuine?text=x").await;
    assert!(
        header(&page, "set-cookie").is_empty() && !page.text().await.unwrap().contains(">x<"),
        "nothing is taken from an address"
    );
    // Of what was pasted nothing stands in the log, however much it says.
    let log = public.office.log();
    assert!(
        log.contains("TRACE") || log.contains("\"level\":\"DEBUG\"") || log.contains("trace"),
        "the log is as talkative as can be"
    );
    for trace in ["tim than", "tim+than", "quatang", "0911222333", "0900156156", "Tran Van Mau", "onerror"] {
        assert!(!log.contains(trace), "{trace} stands in the log");
    }
    let body = fs::read(public.office.dir().join("loa.db")).unwrap();
    assert!(!body.windows(7).any(|window| window == b"quatang"), "nor in the database");
    // Whoever asks without end waits.
    let mut last = StatusCode::OK;
    for _ in 0..400 {
        let answer = public.ask("x", "").await;
        last = answer.status();
        if last == StatusCode::TOO_MANY_REQUESTS {
            assert_eq!(header(&answer, "retry-after"), "30");
            assert!(answer.text().await.unwrap().contains("quá nhiều lượt kiểm tra"));
            break;
        }
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_that_the_world_does_not_reach_publishes_nothing() {
    let mut office = Office::prepare(Behaviour::default()).await;
    office.import(10);
    office.serve();
    let client = Client::builder().no_proxy().build().unwrap();
    for path in ["/warnings.atom", "/genuine", "/warnings/loa-1-6adf0040.cap"] {
        let answer = client.get(format!("{}{path}", office.url)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(
        client.post(format!("{}/genuine", office.url)).body("text=x").send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
}
