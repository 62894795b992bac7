//! Bounces through the front door: a real Postfix that returns what it cannot deliver, read from a real Dovecot by IMAP and from
//! the Maildir; and the sample mails of another program, read by both.

use std::{
    fs,
    ops::Deref,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use loa::{
    db::Sql,
    delivery::{State, Why},
    on,
};
use providers::{
    Reason,
    bounce::{self, Names, Verdict},
};

use crate::helpers::{
    free_port,
    home::{self, Home},
    peer,
};

/// An office that sends through the mail host.
struct Office(Home);

impl Deref for Office {
    type Target = Home;

    fn deref(&self) -> &Home {
        &self.0
    }
}

const CAMPAIGN: &str = r#"
title = "Hằng tuần"
kind = "awareness"
owner = "Sở"
[audience]
segments = ["moi-nguoi"]
[channels]
use = ["email"]
[sending]
hours = "00:00-24:00"
[[message]]
id = "otp"
[message.email]
subject = "Mã OTP"
body = "Không cung cấp mã OTP."
"#;

const LIST: &str = "ref,name,email\nan,Trần Văn An,an@example.vn\nmai,Lê Thị Mai,mai@example.vn\n";

impl Office {
    /// Its bounces come back to this user of the mail host, and are read from there.
    fn open(host: &str, user: &str, bounces: &str) -> Self {
        let (host, port) = host.split_once(':').unwrap();
        let listen = free_port();
        let settings = format!(
            r#"
[server]
listen = "127.0.0.1:{listen}"
[database]
url = "sqlite:loa.db"
[[account]]
name = "mail"
gateway = "smtp"
host = "{host}"
port = {port}
tls = "none"
allow_private = true
rate = "50/s"
from = "Sở <so@example.vn>"
bounce = "{user}+{{ref}}@example.vn"
[account.bounces]
every = "1s"
{bounces}
"#
        );
        let password = peer("LOA_TEST_MAILHOST_PASSWORD");
        let folder = home::folder(&settings, CAMPAIGN).with("list.csv", LIST);
        let office = Self(Home::new(folder, &[("IMAP_PASSWORD", password.as_str())]));
        office.loa(&["audience", "import", "list.csv"]);
        office
    }

    /// How many addresses of the list ended, and the first of them.
    fn suppressed(&self) -> (usize, serde_json::Value) {
        let told: serde_json::Value = serde_json::from_str(&self.loa(&["audience", "suppressed", "--json"])).unwrap();
        (told["addresses"].as_array().unwrap().len(), told["addresses"][0].clone())
    }

    /// Looks again until it fits; what is looked at changes by itself, in other processes.
    fn until(&self, what: &str, fits: impl Fn() -> bool) {
        let begun = Instant::now();
        while !fits() {
            assert!(begun.elapsed() < Duration::from_mins(1), "{what}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// How many deliveries are in this state for this reason.
    fn deliveries(&self, state: State, why: Why) -> i64 {
        let count = async {
            let db = self.db().await;
            let (state, why) = (state.number(), why.number());
            let n: i64 =
                on!(db.read, |pool, sql| sqlx::query_scalar(sql(&COUNT)).bind(state).bind(why).fetch_one(pool).await).unwrap();
            db.close().await;
            n
        };
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(count)
    }
}

static COUNT: Sql = Sql::new(r"SELECT count(*) FROM delivery WHERE state = $1 AND reason = $2");

/// The mail host, where there is one: Postfix wants root.
pub(super) fn mailhost() -> Option<String> {
    let host = peer("LOA_TEST_MAILHOST");
    (host != "none").then_some(host)
}

/// Sends to a user that the host has and to one that it has not; the bounce of the second ends in the report, and their address
/// gets nothing more until an officer says so.
fn returned(office: &Office) {
    let told = office.loa(&["accounts", "--test", "mail"]);
    assert!(told.contains("0 unread bounces"), "{told}");
    let _serving = office.serve();
    office.loa(&["send", "hang-tuan"]);
    office.until("no bounce was read", || office.suppressed().0 == 1);
    let (_, first) = office.suppressed();
    assert_eq!((&first["ref"], &first["address"]), (&"mai".into(), &"m***@example.vn".into()));
    assert_eq!((&first["cause"], &first["reason"]), (&"no-such-address".into(), &"no-such-address".into()));
    assert!(first["detail"].as_str().unwrap().contains("unknown user"), "{first}");
    assert_eq!(office.deliveries(State::Undelivered, Why::Gateway(Reason::NoSuchAddress)), 1);
    assert_eq!(office.deliveries(State::Accepted, Why::Nothing), 1, "nobody says that a mail arrived");

    office.loa(&["send", "hang-tuan"]);
    office.until("the second run does not end", || office.deliveries(State::Skipped, Why::Suppressed) == 1);
    assert_eq!(office.suppressed().1["bounces"], 1, "nothing was sent there");
    assert!(office.loa(&["audience", "suppressed", "--lift", "mai"]).contains("gets mail again"));
    assert_eq!(office.suppressed().0, 0);
}

fn mails(user: &str) -> Vec<(String, String)> {
    let folder = Path::new(&peer("LOA_TEST_MAILHOST_MAILBOXES")).join(user);
    let files = ["new", "cur"].into_iter().flat_map(|sub| {
        let entries = fs::read_dir(folder.join(sub)).into_iter().flatten();
        entries.map(move |entry| {
            let entry = entry.unwrap();
            let name = format!("{sub}/{}", entry.file_name().to_str().unwrap());
            (name, String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).into_owned())
        })
    });
    files.collect()
}

/// Settings that read this user's mailbox by IMAP; `more` keys of `imap`.
fn by_imap(address: &str, user: &str, more: &str) -> String {
    let (name, port) = address.split_once(':').unwrap();
    let password = "password = { env = \"IMAP_PASSWORD\" }";
    format!("imap = {{ host = \"{name}\", port = {port}, username = \"{user}\", {password}, {more} }}\n")
}

/// Trusts the mail host's certificate.
fn trusting() -> String {
    format!("[network]\nca_file = \"{}\"\n", peer("LOA_TEST_MAILHOST_CA"))
}

#[test]
fn what_postfix_returns_is_read_by_imap() {
    let Some(host) = mailhost() else { return };
    let table = by_imap(&peer("LOA_TEST_MAILHOST_IMAP"), "bounces", "tls = \"starttls\"");
    let stranger = Office::open(&host, "bounces", &table);
    let tested = stranger.ended(&["accounts", "--test", "mail"]);
    let said = tested.out + &tested.err;
    assert!(tested.code != 0 && said.contains("certificate"), "no password goes to whom nobody vouches for: {said}");

    let office = Office::open(&host, "bounces", &(table + &trusting()));
    returned(&office);
    // Marked for programs by a keyword of our own, and for people as seen.
    let bounces = mails("bounces");
    assert_eq!(bounces.len(), 1);
    assert!(bounces[0].0.starts_with("cur/") && bounces[0].0.contains(":2,S"), "{}", bounces[0].0);
    let arrived = mails("an");
    assert!(arrived.iter().any(|(_, mail)| mail.contains("Return-Path: <bounces+")), "a known user has it in the mailbox");
}

#[test]
fn what_was_read_by_imap_is_moved_out_of_the_way() {
    let Some(host) = mailhost() else { return };
    // Nobody has made that folder.
    let table = by_imap(&peer("LOA_TEST_MAILHOST_IMAPS"), "moved", "move_to = \"Đã đọc\"");
    let office = Office::open(&host, "moved", &(table + &trusting()));
    returned(&office);
    office.until("the mail is not moved", || mails("moved").is_empty());
    // As Dovecot calls it on the disk.
    let moved = mails("moved/.&ARAA4w- &AREezQ-c");
    assert_eq!(moved.len(), 1);
    assert!(moved[0].0.contains(":2,S"), "{}", moved[0].0);
}

#[test]
fn what_postfix_returns_is_read_from_a_maildir() {
    let Some(host) = mailhost() else { return };
    let maildir = Path::new(&peer("LOA_TEST_MAILHOST_MAILBOXES")).join("returns");
    for folder in ["new", "cur", "tmp"] {
        let folder = maildir.join(folder);
        fs::create_dir_all(&folder).unwrap();
        // Postfix delivers as nobody.
        std::os::unix::fs::chown(&folder, Some(65534), Some(65534)).unwrap();
    }
    std::os::unix::fs::chown(&maildir, Some(65534), Some(65534)).unwrap();
    let office = Office::open(&host, "returns", &format!("maildir = \"{}\"", maildir.display()));
    returned(&office);
    office.until("the mail is not marked", || {
        mails("returns").iter().all(|(name, _)| name.starts_with("cur/") && name.ends_with('S'))
    });
    assert_eq!(mails("returns").len(), 1);
}

#[test]
fn addresses_are_lifted_without_being_seen_in_the_list_of_processes() {
    let office = Office::open("127.0.0.1:25", "bounces", "maildir = \"/nonexistent\"");
    let ended = office.reading(&["audience", "suppressed", "--lift", "-"], "an@example.vn\n");
    assert!(ended.code != 0 && ended.err.contains("a***@example.vn"), "{}", ended.err);
}

/// Samples of which the two programs judge differently, and why ours is kept.
const DIFFERENTLY: [(&str, &str); 3] = [
    ("bounce_01.txt", "a full mailbox, named without its domain: the other program looks for whole addresses"),
    ("dumbass_01.txt", "a virus scanner that did not deliver, and names nobody"),
    ("simple_43.txt", "a user who does not exist, and is not named"),
];

#[test]
fn the_samples_of_another_program_are_read_alike() {
    let python = peer("LOA_TEST_PYTHON");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/bounces.py");
    let judged = Command::new(python).arg(script).arg(peer("LOA_TEST_BOUNCES_PACKAGE")).output().unwrap();
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
    let names = Names::new(None, "example.vn");
    let (mut seen, mut wrong) = (0, Vec::new());
    for line in String::from_utf8(judged.stdout).unwrap().lines() {
        let sample: serde_json::Value = serde_json::from_str(line).unwrap();
        let file = Path::new(sample["file"].as_str().unwrap());
        let (temporary, permanent) = (sample["temporary"] != 0, sample["permanent"] != 0);
        let verdict = bounce::read(&fs::read(file).unwrap(), &names).verdict;
        let alike = match &verdict {
            Verdict::Failed { .. } => permanent,
            Verdict::Delayed { .. } => temporary && !permanent,
            _ => !temporary && !permanent,
        };
        seen += 1;
        let name = file.file_name().unwrap().to_str().unwrap();
        if alike == DIFFERENTLY.iter().any(|(known, _)| *known == name) {
            wrong.push(format!("{name}: temporary {temporary}, permanent {permanent}; we say {verdict:?}"));
        }
    }
    assert!(seen > 100, "{seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
