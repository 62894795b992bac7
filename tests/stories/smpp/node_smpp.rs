//! Against a node-smpp that loses connections.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use loa::delivery::State;

use super::{DOUBTFUL, Office, Sent, people, submissions};
use crate::helpers::{Owned, home::count, peer};

/// A carrier on node-smpp, with these settings of its own.
struct Node {
    _process: Owned,
    at: SocketAddr,
}

impl Node {
    fn start(record: &Path, settings: &[(&str, &str)]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/node-smpp-carrier.js");
        let mut child = Command::new(peer("LOA_TEST_NODE"))
            .arg(script)
            .arg("0")
            .arg(record)
            .env("NODE_PATH", peer("LOA_TEST_NODE_MODULES"))
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let at = SocketAddr::from(([127, 0, 0, 1], port.trim().parse().unwrap()));
        Self { _process: Owned(child), at }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn node_smpp_loses_connections_in_the_middle() {
    let people = people(1_000);
    let records = tempfile::tempdir().unwrap();
    let record = records.path().join("taken");
    // Each message is two submissions.
    let every = (people / 2).to_string();
    let node = Node::start(&record, &[("CUT_EVERY", &every), ("RECEIPT_AFTER", "50")]);
    let office = Office::over_smpp(people, node.at, "loa", "rate = \"5000/s\"\nwindow = 20\nids = \"string\"");
    let (run, states) = office.send_all_until_reported(people).await;

    let doubtful = count(&states, &DOUBTFUL);
    assert!((1..=4 * 20).contains(&doubtful), "at most a window a cut: {states:?}");
    recorded(&submissions(&record), &office.sent(run).await, &office.handles().await);
}

/// Holds the parts that a carrier recorded against the database, number by number: two each under their delivery's ids, and
/// fewer only of messages that are in doubt.
fn recorded(submissions: &[(String, String)], sent: &HashMap<String, Sent>, handles: &HashMap<String, i64>) {
    let mut of: HashMap<&str, Vec<&str>> = HashMap::new();
    for (id, to) in submissions {
        of.entry(to).or_default().push(id);
    }
    for (to, ids) in &of {
        assert!(ids.len() <= 2, "nobody gets a part twice: …{}", &to[to.len() - 3..]);
        let delivery = sent[*to].delivery;
        let wrong = ids.iter().any(|id| handles.get(*id).is_some_and(|other| *other != delivery));
        assert!(!wrong, "{ids:?} belong to delivery {delivery}");
    }
    for (to, sent) in sent.iter().filter(|(_, sent)| !DOUBTFUL.contains(&sent.state)) {
        let known = of.get(to.as_str()).map_or(0, |ids| ids.iter().filter(|id| handles.contains_key(**id)).count());
        assert_eq!((sent.state, known), (State::Delivered, 2), "delivery {}", sent.delivery);
    }
}
