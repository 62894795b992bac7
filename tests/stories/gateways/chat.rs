//! Chat services that are described as data: people who read, leave and write back, and rooms.

use std::{collections::BTreeMap, net::SocketAddr};

use bytes::Bytes;
use hmac::{KeyInit as _, Mac as _};
use loa::delivery::State;

use super::{Office, SECRET, body, scripted};
use crate::{folder::Folder, helpers::free_port};

/// An office whose campaign goes by chat alone, to everybody of this list.
fn office(accounts: &str, list: &str) -> Office {
    let port = free_port();
    let config = format!(
        "[server]\nlisten = \"127.0.0.1:{port}\"\npublic_url = \"http://127.0.0.1:{port}\"\n[database]\nurl = \"sqlite:loa.db\"\n{accounts}"
    );
    let campaign = "title = \"Thử\"\nkind = \"awareness\"\nowner = \"Sở\"\n[audience]\nsegments = [\"moi-nguoi\"]\n\
                    [channels]\nuse = [\"chat\"]\n[sending]\nhours = \"00:00-24:00\"\n[[message]]\nid = \"otp\"\n\
                    chat = { text = \"Không cung cấp mã OTP cho ai.\" }\n";
    Office {
        folder: Folder::new()
            .with("loa.toml", &config)
            .with("loa.key", &"01".repeat(32))
            .with("list.csv", list)
            .with("campaigns/segments.toml", "[moi-nguoi]\ntitle = \"Mọi người\"\n")
            .with("campaigns/thu.toml", campaign),
    }
}

fn account(name: &str, url: SocketAddr, settings: &str) -> String {
    format!(
        "[[account]]\nname = \"{name}\"\ngateway = \"{name}\"\nchannel = \"chat\"\nurl = \"http://{url}\"\nallow_private = true\n\
         rate = \"1000/s\"\nwindow = 10\n{settings}\n"
    )
}

/// Calls as Viber does, signed with the token.
async fn viber_says(callback: &str, said: &str) {
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(b"s3cret-key").unwrap();
    mac.update(said.as_bytes());
    let signature = format!("{:x}", Bytes::copy_from_slice(&mac.finalize().into_bytes()));
    // Another test may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let request = reqwest::Client::new().post(callback).header("X-Viber-Content-Signature", signature);
    assert_eq!(request.body(said.to_owned()).send().await.unwrap().status(), 200, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn viber_people_read_leave_and_write_back() {
    let id = |person: u32| format!("0123456789{person}A=");
    let (address, requests) = scripted(move |request| {
        if request.starts_with("POST /pa/get_account_info ") {
            return (200, r#"{"status":0,"name":"So VHTTDL"}"#.into());
        }
        // Its token is the person's number behind a long one; the fourth has left long ago.
        let to = body(request)["receiver"].as_str().unwrap().to_owned();
        let answer = if to == "01234567894A=" {
            r#"{"status":6,"status_message":"receiverNotSubscribed"}"#.to_owned()
        } else {
            format!(r#"{{"status":0,"status_message":"ok","message_token":491266184665523140{}}}"#, &to[10..11])
        };
        (200, answer)
    });
    let list = [1, 2, 3, 4].map(|person| format!("N{person},{}\n", id(person))).concat();
    let settings = format!("token = {SECRET}\nsender = \"SO VHTTDL\"");
    let office = office(&account("viber", address, &settings), &format!("ref,viber_id\n{list}"));
    assert_eq!(office.loa(&["accounts", "--test", "viber"]), "✓ viber: Viber: So VHTTDL\n");
    office.loa(&["audience", "import", "list.csv"]);
    let callback = office.callback("viber");
    office.loa(&["send", "thu"]);
    let _serve = office.serve();
    let is = |states: &BTreeMap<String, State>, of: [State; 4]| states.values().copied().eq(of);
    office
        .until("all are sent to", |states| is(states, [State::Accepted, State::Accepted, State::Accepted, State::Skipped]))
        .await;

    let event = |event: &str, person: u32| {
        format!(
            r#"{{"event":"{event}","timestamp":1793581200000,"message_token":491266184665523140{person},"user_id":"{}"}}"#,
            id(person)
        )
    };
    // One reads it on two devices, the second one's device refuses it, the third one gets it and ends it with the button.
    for said in [event("delivered", 1), event("seen", 1), event("delivered", 1), event("failed", 2), event("delivered", 3)] {
        viber_says(&callback, &said).await;
    }
    viber_says(&callback, &event("unsubscribed", 3)).await;
    let sender = id(2);
    let message = format!(
        r#"{{"event":"message","timestamp":1793581200000,"message_token":77,"sender":{{"id":"{sender}"}},"message":{{"type":"text","text":"Từ chối"}}}}"#
    );
    viber_says(&callback, &message).await;
    viber_says(&callback, &message).await;
    office
        .until("receipts are joined", |states| is(states, [State::Seen, State::Undelivered, State::Delivered, State::Skipped]))
        .await;

    // Who wrote is answered once; who pressed the button is not written to again.
    let texts_to = |person: u32| {
        let requests = requests.lock().unwrap();
        let sent = requests.iter().filter(|request| request.starts_with("POST /pa/send_message ")).map(|request| body(request));
        sent.filter(|sent| sent["receiver"] == id(person).as_str()).count()
    };
    let begun = std::time::Instant::now();
    while texts_to(2) < 2 {
        assert!(begun.elapsed() < std::time::Duration::from_secs(100), "no confirmation\n{}", office.log());
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!([1, 2, 3, 4].map(texts_to), [1, 2, 1, 1]);
    let exported = office.loa(&["audience", "export", "--stdout"]);
    let refuses = |line: &str| line.split(',').find(|cell| cell.starts_with("chat:")).map(str::to_owned);
    let refusing: Vec<(&str, String)> = exported.lines().filter_map(|line| Some((&line[..2], refuses(line)?))).collect();
    // What was said of warnings: by text and by a button nothing, by the gateway that nothing arrives any more.
    let awareness = || "chat:awareness".to_owned();
    assert_eq!(refusing, [("N2", awareness()), ("N3", awareness()), ("N4", "chat:all".to_owned())], "{exported}");

    office.loa(&["send", "thu"]);
    let begun = std::time::Instant::now();
    while texts_to(1) < 2 {
        assert!(begun.elapsed() < std::time::Duration::from_secs(100), "the second run is not sent\n{}", office.log());
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!([1, 2, 3, 4].map(texts_to), [2, 2, 1, 1], "only who still wants it");
    office.loa(&["verify"]);
    assert!(!office.log().contains("01234567"), "{}", office.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_one_recipient_and_each_goes_by_its_own_service() {
    let (mattermost, posts) = scripted(|request| match body(request)["channel"].as_str() {
        Some("khong-co") => (404, r#"{"id":"web.incoming_webhook.channel.app_error","status_code":404}"#.into()),
        _ => (200, "ok".into()),
    });
    let (rocketchat, messages) = scripted(|request| {
        if request.starts_with("GET /hooks/info/i-1/s3cret-key ") {
            return (200, r#"{"success":true}"#.into());
        }
        match body(request)["channel"].as_str() {
            Some("#khong-co") => (400, r#"{"success":false,"error":"invalid-channel"}"#.into()),
            _ => (200, r#"{"success":true}"#.into()),
        }
    });
    let accounts = account("mattermost", mattermost, &format!("hook = {SECRET}"))
        + &account("rocketchat", rocketchat, &format!("integration = \"i-1\"\ntoken = {SECRET}\nsender = \"Loa\""));
    let list = "ref,mattermost_id,rocketchat_id\nA,#Phong-Dan-Van,\nB,@an.nguyen,\nC,khong-co,\nD,,to-dan-pho-3\nE,,@binh\nF,,khong-co\n";
    let office = office(&accounts, list);
    assert_eq!(office.loa(&["accounts", "--test", "rocketchat"]), "✓ rocketchat: Rocket.Chat: the integration is there\n");
    office.loa(&["audience", "import", "list.csv"]);
    office.loa(&["send", "thu"]);
    let _serve = office.serve();
    let ended = [State::Accepted, State::Accepted, State::Rejected, State::Accepted, State::Accepted, State::Rejected];
    office.until("all are posted", |states| states.values().copied().eq(ended)).await;

    let channels = |requests: &std::sync::Mutex<Vec<String>>| {
        let requests = requests.lock().unwrap();
        let posted = requests.iter().filter(|request| request.starts_with("POST "));
        let mut channels: Vec<String> = posted
            .map(|request| {
                let body = body(request);
                assert_eq!(body["text"], "Không cung cấp mã OTP cho ai.");
                body["channel"].as_str().unwrap().to_owned()
            })
            .collect();
        channels.sort_unstable();
        channels
    };
    assert_eq!(channels(&posts), ["@an.nguyen", "khong-co", "phong-dan-van"]);
    assert_eq!(channels(&messages), ["#khong-co", "#to-dan-pho-3", "@binh"]);
    let report: serde_json::Value = serde_json::from_str(&office.loa(&["report", "--campaign", "thu", "--json"])).unwrap();
    assert_eq!(report["people"]["addressed"], 6, "a room counts as one: {report}");
    let by = office.loa(&["report", "--campaign", "thu", "--by", "carrier"]);
    assert!(by.contains("Mattermost") && by.contains("Rocket.Chat"), "{by}");
    office.loa(&["verify"]);
    let log = office.log();
    assert!(!log.contains("s3cret-key") && !log.contains("an.nguyen") && !log.contains("phong-dan-van"), "{log}");
}
