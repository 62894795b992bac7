//! The main job through the front door: the binary, a real Kannel and a real smtp-sink; stopped, resumed and killed in
//! the middle; and the numbers still agree.

use std::{
    collections::BTreeMap,
    fs,
    ops::Deref,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use loa::{delivery::State, sandbox::residents, tally};

use crate::helpers::{
    Owned, free_port,
    home::{self, Home, count},
    peer,
};

const PEOPLE: u64 = 1_200;

/// Kannel is shared: the sender's name tells one office's texts from those of other tests.
static OFFICES: AtomicU32 = AtomicU32::new(0);

/// An office with its own smtp-sink, whose mails it can count.
struct Office {
    home: Home,
    sender: String,
    _sink: Owned,
}

impl Deref for Office {
    type Target = Home;

    fn deref(&self) -> &Home {
        &self.home
    }
}

impl Office {
    fn open() -> Self {
        let port = free_port();
        let sender = format!("L{}x{}", std::process::id() % 1_000_000, OFFICES.fetch_add(1, Ordering::Relaxed));
        let kannel = peer("LOA_TEST_KANNEL");
        let kannel = kannel.trim_end_matches("/cgi-bin/sendsms");
        let settings = format!(
            r#"
[server]
listen = "127.0.0.1:{listen}"
[database]
url = "sqlite:loa.db"
[[account]]
name = "kannel"
gateway = "kannel"
channel = "sms"
url = "{kannel}"
allow_private = true
rate = "150/s"
window = 20
price = 300
username = "{user}"
password = {{ env = "KANNEL_PASSWORD" }}
sender = "{sender}"
[[account]]
name = "mail"
gateway = "smtp"
channel = "email"
host = "127.0.0.1"
port = {port}
tls = "none"
allow_private = true
rate = "150/s"
window = 10
from = "Sở <so@example.com>"
"#,
            listen = free_port(),
            user = peer("LOA_TEST_KANNEL_USERNAME"),
        );
        let password = peer("LOA_TEST_KANNEL_PASSWORD");
        let home = Home::new(home::folder(&settings, CAMPAIGN), &[("KANNEL_PASSWORD", password.as_str())]);
        let sink = Command::new(peer("LOA_TEST_SMTP_SINK_PROGRAM"))
            .args(["-D", "mails", &format!("127.0.0.1:{port}"), "200"])
            .current_dir(home.dir())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { home, sender, _sink: Owned(sink) }
    }

    /// Looks again until it fits.
    async fn until(&self, run: i64, what: &str, fits: impl Fn(&BTreeMap<State, i64>) -> bool) -> BTreeMap<State, i64> {
        self.home.until(run, what, Duration::from_secs(90), fits).await
    }

    /// Message-IDs of the mails that the sink took.
    fn mails(&self) -> Vec<String> {
        let dump = fs::read(self.dir().join("mails")).unwrap_or_default();
        let dump = String::from_utf8_lossy(&dump);
        let ids = dump.lines().filter_map(|line| line.strip_prefix("Message-ID: <"));
        ids.map(|rest| rest.split('@').next().unwrap().to_string()).collect()
    }

    /// Numbers to which Kannel's network took this office's texts.
    fn texts(&self) -> Vec<String> {
        let all = fs::read_to_string(peer("LOA_TEST_KANNEL_TEXTS")).unwrap_or_default();
        let own = all.lines().filter_map(|line| line.strip_prefix(&format!("{} ", self.sender)));
        own.map(|rest| rest.split(' ').next().unwrap().to_string()).collect()
    }
}

const CAMPAIGN: &str = r#"
title = "Hằng tuần"
kind = "awareness"
owner = "Sở"
[cadence]
every = "week"
on = "mon"
at = "08:30"
[audience]
segments = ["moi-nguoi"]
[channels]
use = ["sms", "email"]
policy = "all"
[sending]
hours = "00:00-24:00"
[[message]]
id = "otp"
sms = "SO: Khong cung cap ma OTP cho bat ky ai."
[message.email]
subject = "Không cung cấp mã OTP"
body = "Kính gửi {{ name | default('Ông/Bà') }},\n\nKhông cung cấp **mã OTP** cho bất kỳ ai."
"#;

fn unsent(states: &BTreeMap<State, i64>) -> i64 {
    count(states, &[State::Pending, State::Submitting])
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_stopped_and_killed_in_the_middle_the_numbers_still_agree() {
    let office = Office::open();
    let (list, expected) = (office.dir().join("list.csv"), office.dir().join("expected.csv"));
    let bad = residents::write_damaged_csv(
        fs::File::create(&list).unwrap(),
        fs::File::create(&expected).unwrap(),
        PEOPLE,
        7,
        &[],
        0.02,
    )
    .unwrap();
    assert!(bad > 0);
    let summary = office.loa(&["audience", "import", "list.csv", "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["rejected"].as_u64(), Some(bad), "{summary}");

    let run = office.send("hang-tuan");
    let number = run.to_string();

    // Pause bites, and holds.
    let serve = office.serve();
    office.until(run, "something is sent", |s| count(s, &[State::Accepted, State::Delivered]) > 100).await;
    office.loa(&["pause", &number]);
    let paused = office.until(run, "the pause bites", |s| count(s, &[State::Submitting]) == 0).await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    let still = office.states(run).await;
    assert!(unsent(&paused) - unsent(&still) <= 60, "a pause stops within one batch: {paused:?} {still:?}");
    assert!(unsent(&still) > 200, "the pause came in the middle: {still:?}");

    // SIGTERM leaves nothing in flight and nothing in doubt.
    office.loa(&["resume", &number]);
    office.until(run, "it goes on", |s| unsent(s) < unsent(&still) - 100).await;
    office.close(serve);
    let stopped = office.states(run).await;
    assert_eq!(count(&stopped, &[State::Submitting, State::InDoubt]), 0, "{stopped:?}");

    // SIGKILL leaves in doubt at most what two windows held.
    let mut serve = office.serve();
    office.until(run, "it goes on after SIGTERM", |s| unsent(s) < unsent(&stopped) - 100).await;
    serve.0.kill().unwrap();
    serve.0.wait().unwrap();
    let killed = office.states(run).await;
    assert!(unsent(&killed) > 0, "the kill came in the middle: {killed:?}");
    let serve = office.serve();
    let done = office.until(run, "everything is sent", |s| unsent(s) == 0).await;
    let doubts = count(&done, &[State::InDoubt, State::Unknown]);
    assert!(doubts <= 60, "{done:?}");
    // Kannel reports what its network took: receipts come through `/receipts`.
    office
        .until(run, "receipts are joined", |s| {
            count(s, &[State::Delivered]) > 0 && count(s, &[State::InDoubt, State::Unknown]) <= doubts
        })
        .await;
    office.close(serve);

    // The peers' own records: nothing doubled, nothing missing that was accepted.
    let db = office.db().await;
    let taken = tally::of_runs(&db, &[run]).await.unwrap();
    let of = |channel: i16, states: &[State]| -> usize {
        let n: i64 = taken
            .iter()
            .filter(|(k, _)| k.channel == channel && states.contains(&State::from_number(k.state)))
            .map(|(_, c)| c.n)
            .sum();
        usize::try_from(n).unwrap()
    };
    for (channel, mut seen) in [(2, office.mails()), (1, office.texts())] {
        let all = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), all, "channel {channel}: nothing is sent twice");
        let accepted = of(channel, &[State::Accepted, State::Enroute, State::Delivered, State::Undelivered]);
        let doubtful = of(channel, &[State::InDoubt, State::Unknown]);
        assert!(
            all >= accepted && all <= accepted + doubtful,
            "channel {channel}: {all} taken, {accepted} accepted, {doubtful} in doubt"
        );
    }
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_run_cancels_what_is_unsent() {
    let office = Office::open();
    residents::write_csv(fs::File::create(office.dir().join("list.csv")).unwrap(), 600, 9, &[]).unwrap();
    office.loa(&["audience", "import", "list.csv"]);
    let run = office.send("hang-tuan");
    let _serve = office.serve();
    office.until(run, "something is sent", |s| count(s, &[State::Accepted, State::Delivered]) > 50).await;
    office.loa(&["abort", &run.to_string()]);
    let ended = office.until(run, "the rest is cancelled", |s| unsent(s) == 0).await;
    assert!(count(&ended, &[State::Cancelled]) > 100, "{ended:?}");
    let sent = count(&ended, &[State::Accepted, State::Enroute, State::Delivered, State::Undelivered, State::InDoubt]);
    let seen = i64::try_from(office.mails().len() + office.texts().len()).unwrap();
    assert!(seen <= sent, "{seen} taken of {ended:?}");
    office.loa(&["verify"]);
}
