//! Mail through a whole mail host: what Dovecot holds is what was signed, and its reader's one click ends it.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{
    bounces::mailhost,
    mail::{is_signed, one_click, read, serve, signing},
};
use crate::{folder::Folder, helpers::peer};

/// The mails of a user's INBOX, read by IMAP.
fn inbox(folder: &Folder, user: &str) -> Vec<Vec<u8>> {
    let files = folder.path().join("inbox").join(user);
    fs::create_dir_all(&files).unwrap();
    let done = Command::new(peer("LOA_TEST_PYTHON"))
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/imap.py"))
        .args([peer("LOA_TEST_MAILHOST_IMAP").as_str(), user])
        .arg(&files)
        .env("IMAP_PASSWORD", peer("LOA_TEST_MAILHOST_PASSWORD"))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    (1..).map_while(|number: u32| fs::read(files.join(number.to_string())).ok()).collect()
}

/// Waits until a user has so many mails.
fn arrived(folder: &Folder, user: &str, count: usize) -> Vec<Vec<u8>> {
    let begun = Instant::now();
    loop {
        let mails = inbox(folder, user);
        if mails.len() >= count {
            assert_eq!(mails.len(), count, "{user}");
            return mails;
        }
        let log = || fs::read_to_string(folder.path().join("serve.log")).unwrap_or_default();
        assert!(begun.elapsed() < Duration::from_mins(1), "{user} has {}\n{}", mails.len(), log());
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dovecot_holds_is_signed_whole_and_refused_with_one_click() {
    let Some(host) = mailhost() else { return };
    let (name, port) = host.split_once(':').unwrap();
    let server = format!("host = \"{name}\"\nport = {port}\ntls = \"starttls\"");
    // An address beyond ASCII too: Postfix takes it by SMTPUTF8.
    let folder = signing(&server, "ref,name,email\n1,\"Trần Thị Bé, \"\"Tư\"\"\",be@example.vn\n2,Phan Thị Cúc,cúc@example.vn\n");
    // A click refuses awareness; of warnings people are told until they refuse these too.
    let campaign = fs::read_to_string(folder.path().join("campaigns/canh-bao.toml")).unwrap();
    let campaign = campaign
        .replace("\"warning\"", "\"awareness\"")
        .replace("[[message]]", "[sending]\nhours = \"00:00-24:00\"\n[[message]]");
    folder.write("campaigns/canh-bao.toml", campaign.as_bytes());
    let settings = fs::read_to_string(folder.path().join("loa.toml")).unwrap();
    let trusting = format!("{settings}[network]\nca_file = \"{}\"\n", peer("LOA_TEST_MAILHOST_CA"));
    folder.write("loa.toml", trusting.as_bytes());
    folder.write("records.json", folder.loa(&["accounts", "--dns", "thu", "--json"]).out.as_bytes());
    assert_eq!(folder.loa(&["audience", "import", "list.csv", "--json"]).json()["rejected"], json!(0));
    let (_serve, base) = serve(&folder);
    let sent = folder.loa(&["send", "canh-bao"]);
    assert_eq!(sent.code, 0, "{}{}", sent.out, sent.err);

    let mut links = Vec::new();
    for (user, to) in [("be", "be@example.vn"), ("cuc", "cúc@example.vn")] {
        let mail = read(&folder, &arrived(&folder, user, 1)[0]);
        is_signed(&mail);
        assert_eq!(mail["to"][0][1], json!(to));
        let parts = mail["parts"].as_array().unwrap();
        assert_eq!(parts.len(), 7, "{parts:?}");
        assert!(parts.iter().all(|part| part["defects"] == json!([])), "{parts:?}");
        let header = |name: &str| mail["headers"][name].as_str().unwrap();
        // The envelope's sender, as the last server wrote it down, is this mail's own.
        let reference = header("Message-ID").trim_matches('<').split('@').next().unwrap();
        assert_eq!(header("Return-Path"), format!("<tra+{reference}@xn--phng-rib8295b.example.vn>"));
        assert!(header("Received").contains("Postfix"), "{}", header("Received"));
        assert_eq!(header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
        links.push(one_click(&base, header("List-Unsubscribe")));
    }

    // RFC 8058, section 3.2: a mail program should post multipart/form-data.
    let form = "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n";
    // Whatever made a client in this process before may have done so already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer =
        client.post(&links[0]).header("Content-Type", "multipart/form-data; boundary=x").body(form).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());

    let counted = folder.loa(&["audience", "count", "moi-nguoi", "--json"]).json();
    assert_eq!((&counted[0]["people"], &counted[0]["refused"]), (&json!(2), &json!(1)), "{counted}");
    let sent = folder.loa(&["send", "canh-bao"]);
    assert_eq!(sent.code, 0, "{}{}", sent.out, sent.err);
    arrived(&folder, "cuc", 2);
    arrived(&folder, "be", 1);
}
