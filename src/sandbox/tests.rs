//! The stand-ins through their front doors, on real sockets.

use std::{net::SocketAddr, sync::Mutex};

use axum::{Router, extract::Request};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};

use super::*;

const PATH: &str = "MainService.svc/json/SendMultipleMessage_V4_post_json/";

struct Given {
    sandbox: Sandbox,
    client: reqwest::Client,
    receipts: Receiver,
}

/// Takes receipts; answers the first ones with 500, as many as it is told.
struct Receiver {
    at: SocketAddr,
    got: Arc<Mutex<Vec<(String, String)>>>,
    server: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receiver(mut failures: u32) -> Receiver {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let got = Arc::new(Mutex::new(Vec::new()));
    let failures = Arc::new(Mutex::new(std::mem::take(&mut failures)));
    let put = Arc::clone(&got);
    let app = Router::new().fallback(move |request: Request| async move {
        let uri = request.uri().to_string();
        let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
        let mut failures = failures.lock().unwrap();
        if *failures > 0 {
            *failures -= 1;
            return axum::http::StatusCode::INTERNAL_SERVER_ERROR;
        }
        put.lock().unwrap().push((uri, String::from_utf8(body.to_vec()).unwrap()));
        axum::http::StatusCode::OK
    });
    let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    Receiver { at, got, server }
}

impl Receiver {
    fn url(&self) -> String {
        format!("http://{}/receipts/a/s", self.at)
    }

    fn got(&self) -> Vec<(String, String)> {
        self.got.lock().unwrap().clone()
    }
}

async fn given(options: Options) -> Given {
    given_failing(options, 0).await
}

async fn given_failing(mut options: Options, failures: u32) -> Given {
    let receipts = receiver(failures).await;
    options.receipts_to = [(Gateway::Esms, receipts.url()), (Gateway::Speedsms, receipts.url())].into();
    let sandbox = Sandbox::start(options).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Given { sandbox, client, receipts }
}

impl Given {
    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.sandbox.http_addr().unwrap())
    }

    async fn esms(&self, phone: &str, id: &str) -> reqwest::Result<Value> {
        let body = json!({ "ApiKey": "k", "SecretKey": "s", "Phone": phone, "Content": "Canh giac lua dao", "Brandname": "SOTTTT",
            "SmsType": "2", "IsUnicode": "0", "RequestId": id });
        self.client.post(self.url(PATH)).json(&body).send().await?.json().await
    }
}

#[tokio::test]
async fn esms_takes_a_message_once_and_calls_back() {
    let given = given(Options::default()).await;
    let answer = given.esms("84901234567", "r1").await.unwrap();
    assert_eq!(answer["CodeResult"], "100");
    assert_eq!(given.esms("84901234567", "r1").await.unwrap()["CodeResult"], "124");
    given.sandbox.settled().await;

    let taken = given.sandbox.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!((taken[0].to.as_str(), taken[0].reference.as_deref()), ("84901234567", Some("r1")));
    assert_eq!(answer["SMSID"], taken[0].id.as_str());
    let got = given.receipts.got();
    assert_eq!(got.len(), 1);
    for part in ["SendStatus=5", "SendSuccess=1", "RequestId=r1", "telcoid=2", "phonenumber=84901234567", &taken[0].id] {
        assert!(got[0].0.contains(part), "{part} in {}", got[0].0);
    }
    let counts = given.sandbox.counts_of(Gateway::Esms);
    assert_eq!(counts, Counts { taken: 1, repeats: 1, receipts: 1, ..Counts::default() });
    assert_eq!(given.sandbox.stop(Outstanding::Deliver).await, counts);
}

#[tokio::test]
async fn magic_numbers_force_esms_outcomes() {
    let given = given(Options::default()).await;
    for (phone, code) in [
        ("84901200001", "108"),
        ("84901200010", "108"),
        ("84901200011", "103"),
        ("84901200012", "146"),
        ("84901200003", "100"),
        ("84901200004", "100"),
        ("84901200005", "100"),
    ] {
        assert_eq!(given.esms(phone, phone).await.unwrap()["CodeResult"], code, "{phone}");
    }
    given.sandbox.settled().await;
    let got: Vec<String> = given.receipts.got().into_iter().map(|(uri, _)| uri).collect();
    let of = |phone: &str| got.iter().filter(|uri| uri.contains(phone)).count();
    assert_eq!((of("84901200003"), of("84901200004"), of("84901200005")), (0, 1, 2));
    assert!(got.iter().any(|uri| uri.contains("84901200004") && uri.contains("SendFailed=1")));
}

#[tokio::test]
async fn a_cut_connection_gives_no_answer_and_a_repeat_tells_whether_it_was_taken() {
    let given = given(Options::default()).await;
    let error = given.esms("84901200007", "cut").await.unwrap_err();
    assert!(error.is_request(), "{error:?}");
    assert_eq!(given.esms("84901200007", "cut").await.unwrap()["CodeResult"], "124");
    given.esms("84901200014", "lost").await.unwrap_err();
    assert_eq!(given.esms("84901200014", "lost").await.unwrap()["CodeResult"], "100");
    given.sandbox.settled().await;

    let taken = given.sandbox.taken();
    assert_eq!(
        taken.iter().map(|t| (t.reference.as_deref().unwrap(), t.answered)).collect::<Vec<_>>(),
        [("cut", false), ("lost", true)]
    );
    let counts = given.sandbox.counts();
    assert_eq!((counts.taken, counts.unanswered, counts.lost, counts.receipts), (2, 1, 1, 2));
}

#[tokio::test]
async fn an_early_receipt_is_there_before_the_answer() {
    let given = given(Options::default()).await;
    given.esms("84901200006", "early").await.unwrap();
    assert_eq!(given.receipts.got().len(), 1);
}

#[tokio::test]
async fn receipts_are_tried_five_times() {
    let behaviour = Behaviour { retry: std::time::Duration::ZERO, ..Behaviour::default() };
    let given = given_failing(Options { behaviour, ..Options::default() }, 9).await;
    given.esms("84901234567", "given up").await.unwrap();
    given.sandbox.settled().await;
    assert!(given.receipts.got().is_empty());
    given.esms("84901234567", "at the fifth try").await.unwrap();
    given.sandbox.settled().await;
    assert_eq!(given.receipts.got().len(), 1);
    let counts = given.sandbox.counts();
    assert_eq!((counts.receipts, counts.receipts_lost), (1, 1));
}

#[tokio::test]
async fn stopping_sends_or_drops_what_is_outstanding() {
    let hour = std::time::Duration::from_hours(1);
    for (choice, receipts, lost) in [(Outstanding::Deliver, 1, 0), (Outstanding::Drop, 0, 1)] {
        let behaviour = Behaviour { delay: hour..=hour, ..Behaviour::default() };
        let given = given(Options { behaviour, ..Options::default() }).await;
        given.esms("84901234567", "r").await.unwrap();
        let counts = given.sandbox.stop(choice).await;
        assert_eq!((counts.taken, counts.receipts, counts.receipts_lost), (1, receipts, lost));
        assert_eq!(given.receipts.got().len(), usize::try_from(receipts).unwrap());
    }
}

#[tokio::test]
async fn wrong_credentials_are_refused_in_each_gateways_words() {
    let secret = |user: &str| Credentials { user: user.into(), secret: "right".into() };
    let credentials = Gateway::ALL.iter().map(|&gateway| (gateway, secret("k"))).collect();
    let given = given(Options { credentials, ..Options::default() }).await;
    assert_eq!(given.esms("84901234567", "r").await.unwrap()["CodeResult"], "101");
    let post = |path| given.client.post(given.url(path));
    let speedsms = post("index.php/sms/send").basic_auth("wrong", Some("x")).body("{}").send().await.unwrap();
    assert_eq!(speedsms.status(), 401);
    let vnpt: Value =
        post("smsmarketing/api").body(r#"{"RQST":{"APIUSER":"k","APIPASS":"x"}}"#).send().await.unwrap().json().await.unwrap();
    assert_ne!(vnpt["RPLY"]["ERROR"], "0");
    let form = [("u", "k"), ("pwd", "x"), ("from", "A"), ("phone", "84901234567"), ("sms", "x"), ("json", "1")];
    let vietguys: Value = post("api/index.php").form(&form).send().await.unwrap().json().await.unwrap();
    assert_eq!(vietguys["error"], -3);
    let kannel = given.client.get(given.url("cgi-bin/sendsms?username=k&password=x&to=1&text=x")).send().await.unwrap();
    assert_eq!((kannel.status().as_u16(), kannel.text().await.unwrap().as_str()), (403, "Authorization failed for sendsms"));
    assert_eq!(post("botwrong/sendMessage").send().await.unwrap().status(), 401);
    assert_eq!(post("botright/getMe").send().await.unwrap().status(), 200);
    assert_eq!(given.sandbox.counts(), Counts::default());
}

#[tokio::test]
async fn speedsms_reports_by_post_and_throttles() {
    let behaviour = Behaviour { throttle: Some(1), ..Behaviour::default() };
    let given = given(Options { behaviour, ..Options::default() }).await;
    let send = || {
        let body = json!({ "to": ["84901234567"], "content": "Cảnh giác", "sms_type": 3, "sender": "SOTTTT" });
        given.client.post(given.url("index.php/sms/send")).basic_auth("t", Some("x")).json(&body).send()
    };
    let answer: Value = send().await.unwrap().json().await.unwrap();
    assert_eq!((&answer["status"], &answer["code"], &answer["data"]["totalSMS"]), (&json!("success"), &json!("00"), &json!(1)));
    let throttled = send().await.unwrap();
    assert_eq!((throttled.status().as_u16(), throttled.headers()["x-rate-limit-reset"].to_str().unwrap()), (429, "1"));
    given.sandbox.settled().await;
    let receipt: Value = serde_json::from_str(&given.receipts.got()[0].1).unwrap();
    let tran = answer["data"]["tranId"].to_string();
    assert_eq!(receipt, json!({ "type": "report", "tranId": tran, "phone": "84901234567", "status": 0 }));
}

#[tokio::test]
async fn kannel_accepts_and_expands_the_receipts_address() {
    let given = given(Options::default()).await;
    let dlr = format!("{}?reference=r9&s=%d", given.receipts.url());
    let query = [
        ("username", "u"),
        ("password", "p"),
        ("from", "SOTTTT"),
        ("to", "+84901234567"),
        ("text", "Canh giac"),
        ("dlr-mask", "31"),
        ("dlr-url", dlr.as_str()),
    ];
    let answer = given.client.get(given.url("cgi-bin/sendsms")).query(&query).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (202, "0: Accepted for delivery"));
    given.sandbox.settled().await;
    let got: Vec<String> = given.receipts.got().into_iter().map(|(uri, _)| uri).collect();
    assert_eq!(got, ["/receipts/a/s?reference=r9&s=8", "/receipts/a/s?reference=r9&s=1"]);
    assert_eq!(given.sandbox.taken()[0].reference.as_deref(), Some("r9"));
}

#[tokio::test]
async fn telegram_answers_as_the_bot_api_does() {
    let given = given(Options::default()).await;
    for (chat, status) in [("7001234567", 200), ("7000000001", 400), ("7000000010", 403), ("7000000009", 429)] {
        let body = json!({ "chat_id": chat, "text": "Cảnh giác lừa đảo" });
        let answer = given.client.post(given.url("bot1:abc/sendMessage")).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), status);
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["ok"], status == 200);
        if status == 429 {
            assert_eq!(answer["parameters"]["retry_after"], 1);
        }
    }
    assert_eq!(given.sandbox.taken()[0].outcome, Outcome::Silent);
}

#[tokio::test]
async fn vnpt_and_vietguys_accept() {
    let given = given(Options::default()).await;
    let body = json!({ "RQST": { "name": "send_sms_list", "REQID": "q1", "APIUSER": "u", "APIPASS": "p", "MOBILELIST": "84912345678",
        "PARAMS": [{ "NUM": "1", "CONTENT": "Canh giac" }] } });
    let answer: Value = given.client.post(given.url("smsmarketing/api")).json(&body).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["RPLY"]["ERROR"], "0");
    let form = [("u", "u"), ("pwd", "p"), ("from", "A"), ("phone", "0901234567"), ("sms", "Canh giac"), ("bid", "b1")];
    let answer = given.client.post(given.url("api/index.php")).form(&form).send().await.unwrap().text().await.unwrap();
    let references: Vec<_> = given.sandbox.taken().into_iter().map(|taken| (taken.reference.unwrap(), taken.id)).collect();
    assert_eq!((references[0].0.as_str(), references[1].0.as_str()), ("q1", "b1"));
    assert_eq!(references[1].1, answer);
    let addresses: Vec<String> = given.sandbox.taken().iter().map(Taken::address).collect();
    assert_eq!(addresses, ["+84912345678", "+84901234567"]);
}

/// Says the lines at once, as a pipelining sender may, and gives the whole of what came back.
async fn converse(at: SocketAddr, lines: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(lines.replace('\n', "\r\n").as_bytes()).await.unwrap();
    let mut back = String::new();
    // A cut connection may end in a reset.
    let _ = stream.read_to_string(&mut back).await;
    back
}

fn codes(answer: &str) -> Vec<&str> {
    answer.lines().filter(|line| line.as_bytes()[3] == b' ').map(|line| &line[..3]).collect()
}

#[tokio::test]
async fn smtp_takes_a_pipelined_mail() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let at = sandbox.smtp_addr().unwrap();
    let answer = converse(
        at,
        "EHLO here\nMAIL FROM:<so@example.vn>\nRCPT TO:<an@example.com>\nRCPT TO:<x+nosuch@example.com>\nDATA\n\
        Message-ID: <r1@example.vn>\nSubject: Canh giac\n\n..dot\nnext\n.\nNOOP\nNONSENSE\nQUIT\n",
    )
    .await;
    assert_eq!(codes(&answer), ["220", "250", "250", "250", "550", "354", "250", "250", "500", "221"]);
    assert!(answer.contains("250-PIPELINING") || answer.contains("250 PIPELINING"), "{answer}");
    let taken = sandbox.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(
        (taken[0].to.as_str(), taken[0].reference.as_deref(), taken[0].text.as_str()),
        ("an@example.com", Some("r1@example.vn"), "Canh giac")
    );
    let mail = String::from_utf8(taken[0].mail.as_ref().unwrap().to_vec()).unwrap();
    assert!(mail.ends_with("\r\n\r\n.dot\r\nnext\r\n"), "{mail:?}");
    sandbox.stop(Outstanding::Deliver).await;
}

#[tokio::test]
async fn smtp_cuts_after_the_final_dot() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let at = sandbox.smtp_addr().unwrap();
    let answer =
        converse(at, "EHLO here\nMAIL FROM:<so@example.vn>\nRCPT TO:<an+cut@example.com>\nDATA\nMessage-ID: <c@x>\n\nx\n.\n")
            .await;
    assert_eq!(codes(&answer), ["220", "250", "250", "250", "354"]);
    let taken = sandbox.taken();
    assert_eq!((taken.len(), taken[0].answered), (1, false));
}

#[tokio::test]
async fn smtp_asks_for_the_password_expected() {
    let credentials = [(Gateway::Smtp, Credentials { user: "loa".into(), secret: "right".into() })].into();
    let sandbox = Sandbox::start(Options { credentials, ..Options::default() }).await.unwrap();
    let at = sandbox.smtp_addr().unwrap();
    // base64 of "\0loa\0wrong" and "\0loa\0right", then LOGIN with "loa" and "right".
    let answer = converse(
        at,
        "EHLO h\nMAIL FROM:<a@example.vn>\nAUTH PLAIN AGxvYQB3cm9uZw==\nAUTH PLAIN AGxvYQByaWdodA==\n\
        AUTH LOGIN\nbG9h\ncmlnaHQ=\nMAIL FROM:<a@example.vn>\nQUIT\n",
    )
    .await;
    assert_eq!(codes(&answer), ["220", "250", "530", "535", "235", "334", "334", "235", "250", "221"]);
}

#[tokio::test]
async fn the_log_holds_one_private_line_a_message_and_two_sandboxes_live_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("taken.jsonl");
    let first = given(Options { log: Some(path.clone()), remember: false, ..Options::default() }).await;
    let second = given(Options::default()).await;
    for n in 0..20 {
        first.esms("84901234567", &format!("r{n}")).await.unwrap();
    }
    second.esms("84901234567", "r1").await.unwrap();
    assert!(first.sandbox.taken().is_empty());
    assert_eq!(second.sandbox.taken().len(), 1);
    let log = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 20);
    assert_eq!(
        (&lines[3]["gateway"], &lines[3]["reference"], &lines[3]["answered"]),
        (&json!("esms"), &json!("r3"), &json!(true))
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn one_seed_ends_alike_in_any_order_and_under_other_references() {
    let behaviour = Behaviour { fail: 0.3, cut: 0.2, silent: 0.3, undelivered: 0.3, ..Behaviour::default() };
    let run = async |phones: Vec<u32>, prefix: &str, seed| {
        let given = given(Options { behaviour: behaviour.clone(), seed, ..Options::default() }).await;
        for phone in phones {
            let answered = given.esms(&format!("84{phone}"), &format!("{prefix}{phone}")).await;
            assert!(answered.is_ok() || answered.unwrap_err().is_request());
        }
        let mut taken: Vec<_> = given.sandbox.taken().into_iter().map(|t| (t.to, t.outcome, t.answered)).collect();
        taken.sort_by(|a, b| a.0.cmp(&b.0));
        taken.into_iter().map(|(to, outcome, answered)| format!("{to} {outcome:?} {answered}")).collect::<Vec<_>>()
    };
    let phones = || (901_234_000..901_234_080).collect::<Vec<_>>();
    let forwards = run(phones(), "a", 1).await;
    assert!((20..80).contains(&forwards.len()));
    assert_eq!(forwards, run(phones().into_iter().rev().collect(), "b", 1).await);
    assert_ne!(forwards, run(phones(), "a", 2).await);
}

#[tokio::test]
async fn mails_that_do_not_arrive_are_reported_into_a_maildir() {
    use providers::bounce::{Names, Verdict, read};

    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        smtp: Some("127.0.0.1:0".parse().unwrap()),
        receipts_to: [(Gateway::Smtp, maildir(folder.path()))].into(),
        ..Options::default()
    };
    let sandbox = Sandbox::start(options).await.unwrap();
    let mut wire = tokio::net::TcpStream::connect(sandbox.smtp_addr().unwrap()).await.unwrap();
    let mut said = String::from("HELO me\r\n");
    for to in ["an@example.com", "an+undelivered@example.com"] {
        said += &format!(
            "MAIL FROM:<b+0000000h60g0g2h0a1b2c3d4@example.vn>\r\nRCPT TO:<{to}>\r\nDATA\r\nSubject: x\r\n\r\nhi\r\n.\r\n"
        );
    }
    said += "QUIT\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut wire, said.as_bytes()).await.unwrap();
    let mut answers = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut wire, &mut answers).await.unwrap();
    assert_eq!(answers.matches("queued as").count(), 2, "{answers}");
    sandbox.settled().await;
    let mails: Vec<_> = std::fs::read_dir(folder.path().join("new")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(mails.len(), 1);
    let names = Names::new(Some("b+{ref}@example.vn".parse().unwrap()), "example.vn");
    let report = read(&std::fs::read(&mails[0]).unwrap(), &names);
    assert_eq!(report.reference.as_deref(), Some("0000000h60g0g2h0a1b2c3d4"));
    assert!(matches!(report.verdict, Verdict::Failed { .. }), "{:?}", report.verdict);
    assert_eq!(sandbox.stop(Outstanding::Deliver).await.receipts, 1);
}
