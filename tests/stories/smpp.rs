//! SMPP through the front door: `loa serve` bound to carriers that behave as badly as real ones, a node-smpp that loses
//! connections, a Jasmin that throttles; and a real Kannel bound to the stand-in carrier. Afterwards the carrier's own record is
//! held against the database: nothing lost, nothing doubled, and each receipt where it belongs.
//!
//! `LOA_STORY_MESSAGES=50000` makes the lists as long as a city's.

mod jasmin;
mod kannel;
mod node_smpp;
mod stand_in;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    net::SocketAddr,
    ops::Deref,
    path::Path,
    time::{Duration, Instant},
};

use loa::{
    audience,
    db::Sql,
    delivery::State,
    on,
    sandbox::{Behaviour, Options, Outcome, Sandbox, Taken, residents},
    seal::Kind,
};

use crate::helpers::{
    free_port,
    home::{self, Home, count},
    key,
};

/// How many people: so many in a build, or as many as asked for.
fn people(usual: u64) -> u64 {
    std::env::var("LOA_STORY_MESSAGES").map_or(usual, |number| number.parse().unwrap())
}

/// An office with one SMS account, and its list.
struct Office(Home);

impl Deref for Office {
    type Target = Home;

    fn deref(&self) -> &Home {
        &self.0
    }
}

/// Two parts, in either alphabet.
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
use = ["sms"]
[sending]
hours = "00:00-24:00"
[[message]]
id = "otp"
sms = "SO TTTT: Khong cung cap ma OTP, mat khau, so the cho bat ky ai, ke ca nguoi tu xung la cong an, ngan hang hay nha mang. Nghi ngo lua dao {hay} goi 156 de bao tin, chia se cho nguoi than cung biet."
"#;

impl Office {
    fn open(people: u64, account: &str) -> Self {
        let settings = format!(
            r#"
[server]
listen = "127.0.0.1:{}"
[database]
url = "sqlite:loa.db"
[[account]]
name = "carrier"
channel = "sms"
allow_private = true
price = 300
sender = "SO TTTT"
{account}
"#,
            free_port()
        );
        let office = Self(Home::new(home::folder(&settings, CAMPAIGN), &[("PASSWORD", "secret")]));
        residents::write_csv(fs::File::create(office.dir().join("list.csv")).unwrap(), people, 11, &[]).unwrap();
        office.loa(&["audience", "import", "list.csv"]);
        office
    }

    /// An account over SMPP, with these further keys.
    fn over_smpp(people: u64, carrier: SocketAddr, system_id: &str, keys: &str) -> Self {
        let (host, port) = (carrier.ip(), carrier.port());
        Self::open(
            people,
            &format!(
                "gateway = \"smpp\"\nhost = \"{host}\"\nport = {port}\nsystem_id = \"{system_id}\"\n\
                 password = {{ env = \"PASSWORD\" }}\n{keys}"
            ),
        )
    }

    /// Looks again until it fits, for longer the longer the list is.
    async fn until(&self, run: i64, what: &str, fits: impl Fn(&BTreeMap<State, i64>) -> bool) -> BTreeMap<State, i64> {
        self.0.until(run, what, Duration::from_secs(60 + people(0) / 10), fits).await
    }

    /// Sends all of it, waits until every receipt is applied, and ends `loa serve`: the run, and how it stands.
    async fn send_all_until_reported(&self, people: u64) -> (i64, BTreeMap<State, i64>) {
        let run = self.send("hang-tuan");
        let serve = self.serve();
        let begun = Instant::now();
        self.until(run, "everything is sent", |states| all_sent(states, people)).await;
        let sent_in = begun.elapsed().as_secs_f64();
        let open = |states: &BTreeMap<State, i64>| count(states, &[State::Accepted, State::Enroute]);
        let states = self.until(run, "every receipt is applied", |states| open(states) == 0).await;
        eprintln!("{people} messages in {sent_in:.1} s, receipts after {:.1} s: {states:?}", begun.elapsed().as_secs_f64());
        self.close(serve);
        (run, states)
    }

    /// Sends all of it, waits until what the carrier said is applied, ends `loa serve`, and gives how it stands.
    async fn send_all(&self, people: u64, sandbox: &Sandbox) -> Stand {
        let run = self.send("hang-tuan");
        let serve = self.serve();
        let begun = Instant::now();
        self.until(run, "everything is sent", |states| all_sent(states, people)).await;
        let sent_in = begun.elapsed();
        sandbox.settled().await;
        let sure = self.handles().await;
        let expected = |outcome| {
            let known = sandbox.taken().into_iter().filter(|taken| taken.outcome == outcome);
            i64::try_from(known.filter(|taken| ids(taken).any(|id| sure.contains_key(&id))).count()).unwrap()
        };
        let (delivered, undelivered) = (expected(Outcome::Delivered), expected(Outcome::Undelivered));
        let states = self
            .until(run, &format!("{delivered} arrive and {undelivered} do not"), |states| {
                count(states, &[State::Delivered]) >= delivered && count(states, &[State::Undelivered]) >= undelivered
            })
            .await;
        let (seconds, sent) = (sent_in.as_secs_f64(), states.values().sum::<i64>());
        eprintln!("{sent} messages in {seconds:.1} s: {states:?}; {:?}", sandbox.counts());
        self.close(serve);
        Stand { states, taken: sandbox.taken(), handles: self.handles().await, sent: self.sent(run).await }
    }

    /// The carrier's ids, each with its delivery.
    async fn handles(&self) -> HashMap<String, i64> {
        static HANDLES: Sql = Sql::new("SELECT id, delivery FROM handle");
        let db = self.db().await;
        let rows: Vec<(String, i64)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&HANDLES)).fetch_all(pool).await).unwrap();
        db.close().await;
        rows.into_iter().collect()
    }

    /// What became of each number's message. People who share one get one message between them.
    async fn sent(&self, run: i64) -> HashMap<String, Sent> {
        static SENT: Sql = Sql::new(
            "SELECT d.id, d.state, r.phone FROM delivery d JOIN recipient r ON r.id = (d.id >> 4) & 4294967295 WHERE d.run = $1",
        );
        let db = self.db().await;
        let seal = audience::key::load(&db, &key(0x2a), &[]).await.unwrap();
        let rows: Vec<(i64, i16, Option<Vec<u8>>)> =
            on!(db.read, |pool, sql| sqlx::query_as(sql(&SENT)).bind(run).fetch_all(pool).await).unwrap();
        db.close().await;
        let mut sent = HashMap::new();
        for (delivery, state, phone) in rows {
            let state = State::from_number(state);
            if let Some(phone) = phone.filter(|_| state != State::Skipped) {
                let number = seal.open(Kind::Phone, &phone).unwrap().trim_start_matches('+').to_owned();
                assert!(sent.insert(number, Sent { delivery, state }).is_none(), "one message a number");
            }
        }
        sent
    }
}

/// A message as the database has it.
#[derive(Clone, Copy)]
struct Sent {
    delivery: i64,
    state: State,
}

const UNSENT: [State; 2] = [State::Pending, State::Submitting];
const DOUBTFUL: [State; 2] = [State::InDoubt, State::Unknown];
const ACCEPTED: [State; 5] = [State::Accepted, State::Enroute, State::Delivered, State::Undelivered, State::Expired];

/// Whether each person has a delivery, and none of them waits.
fn all_sent(states: &BTreeMap<State, i64>, people: u64) -> bool {
    states.values().sum::<i64>() == i64::try_from(people).unwrap() && count(states, &UNSENT) == 0
}

/// The ids of a message's parts as the carrier answered them, and as decimal numbers where they are hexadecimal ones: a sender
/// may keep either.
fn ids(taken: &Taken) -> impl Iterator<Item = String> {
    taken.id.split(',').flat_map(|id| {
        let decimal = u64::from_str_radix(id, 16).ok().map(|number| number.to_string());
        [Some(id.to_owned()), decimal].into_iter().flatten()
    })
}

/// What both sides hold in the end.
struct Stand {
    states: BTreeMap<State, i64>,
    taken: Vec<Taken>,
    handles: HashMap<String, i64>,
    sent: HashMap<String, Sent>,
}

impl Stand {
    /// Nothing lost, nothing doubled, nothing under the wrong name: number by number.
    fn agrees(&self) {
        let mut taken_for = HashSet::new();
        for taken in &self.taken {
            let number = taken.to.trim_start_matches('+');
            assert!(taken_for.insert(number), "nobody is sent two");
            let sent = self.sent[number];
            let handles: HashSet<i64> = ids(taken).filter_map(|id| self.handles.get(&id).copied()).collect();
            assert!(handles.iter().all(|delivery| *delivery == sent.delivery), "an id under another's name: {}", taken.id);
            let fits = match taken.outcome {
                _ if DOUBTFUL.contains(&sent.state) => true,
                _ if handles.is_empty() => false,
                Outcome::Delivered => sent.state == State::Delivered,
                Outcome::Undelivered => sent.state == State::Undelivered,
                // Of several parts one may be reported.
                Outcome::Silent => matches!(sent.state, State::Accepted | State::Enroute),
            };
            assert!(fits, "{} is {:?} at the carrier and {:?} here", taken.id, taken.outcome, sent.state);
        }
        let lost =
            self.sent.iter().filter(|(to, sent)| ACCEPTED.contains(&sent.state) && !taken_for.contains(to.as_str())).count();
        assert_eq!(lost, 0, "whatever counts as accepted was taken");
    }
}

async fn carrier(behaviour: Behaviour) -> Sandbox {
    Sandbox::start(Options { behaviour, ..Options::default() }).await.unwrap()
}

/// The submissions that a node-smpp recorded: their ids, and to whom.
fn submissions(record: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(record).unwrap_or_default();
    let fields = text.lines().map(|line| line.splitn(5, ' ').collect::<Vec<_>>());
    fields.map(|fields| (fields[1].to_owned(), fields[2].to_owned())).collect()
}
