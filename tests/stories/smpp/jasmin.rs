//! Against a Jasmin that throttles.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
    time::{Duration, Instant},
};

use loa::delivery::State;

use super::{DOUBTFUL, Office, people, submissions};
use crate::helpers::{
    home::{count, tail},
    peer,
};

#[tokio::test(flavor = "multi_thread")]
async fn jasmin_throttles_and_everything_arrives() {
    let begun = Instant::now();
    while !Path::new(&peer("LOA_TEST_JASMIN_READY")).exists() {
        let log = || tail(&fs::read_to_string(peer("LOA_TEST_JASMIN_LOG")).unwrap_or_default());
        assert!(begun.elapsed() < Duration::from_mins(3), "Jasmin does not come up: {}", log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Its user `slow` may submit 30 a second, evenly: a part that comes earlier than a thirtieth of a second after the one
    // before is answered with ESME_RTHROTTLED.
    let (office, states) = through_jasmin("slow", 100, "rate = \"120/s\"\nwindow = 10").await;
    assert_eq!(count(&states, &DOUBTFUL), 0, "{states:?}");
    let history = office.loa(&["accounts", "--history", "carrier"]);
    assert!(history.contains("0x00000058"), "{history}");
    // Its user `loa` may do all there is room for.
    let (_, states) = through_jasmin("loa", people(20), "rate = \"500/s\"\nwindow = 10").await;
    assert_eq!(count(&states, &DOUBTFUL), 0, "{states:?}");
}

/// Sends to so many people through Jasmin as one of its users, waits for every receipt, and holds what came out behind it
/// against the database: all delivered, none twice.
async fn through_jasmin(user: &str, people: u64, keys: &str) -> (Office, BTreeMap<State, i64>) {
    let before = submissions(Path::new(&peer("LOA_TEST_JASMIN_TAKEN"))).len();
    let office = Office::over_smpp(people, peer("LOA_TEST_JASMIN").parse().unwrap(), user, &format!("{keys}\nids = \"string\""));
    let (run, states) = office.send_all_until_reported(people).await;
    let all: i64 = states.values().sum();
    assert_eq!(count(&states, &[State::Delivered]), all - count(&states, &[State::Skipped]), "{states:?}");
    // Behind Jasmin the ids are others: what is known of a part is to whom it went.
    let mut of: HashMap<String, usize> = HashMap::new();
    for (_, to) in submissions(Path::new(&peer("LOA_TEST_JASMIN_TAKEN"))).split_off(before) {
        *of.entry(to).or_default() += 1;
    }
    let sent = office.sent(run).await;
    assert_eq!(of.len(), sent.len());
    assert!(sent.keys().all(|to| of.get(to) == Some(&2)), "two parts each, none twice");
    (office, states)
}
