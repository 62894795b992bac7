//! Against the stand-in carrier: receipts in every order, throttling, connections that break off.

use std::{num::NonZeroU32, time::Duration};

use loa::sandbox::{
    Behaviour,
    smpp::{Habits, Ids, Receipts},
};

use super::{CAMPAIGN, DOUBTFUL, Office, carrier, people};
use crate::helpers::home::count;

/// A carrier as bad as they come, but for what `habits` says of it.
fn trying(habits: Habits) -> Behaviour {
    let millis = |from, through| Duration::from_millis(from)..=Duration::from_millis(through);
    Behaviour {
        latency: millis(1, 8),
        fail: 0.02,
        silent: 0.03,
        undelivered: 0.05,
        duplicate: 0.05,
        early: 0.05,
        delay: millis(0, 300),
        smpp: habits,
        ..Behaviour::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_come_early_late_twice_or_never_and_each_finds_its_message() {
    let people = people(1_500);
    let sandbox = carrier(trying(Habits { ids: Ids::String, ..Habits::default() })).await;
    let office =
        Office::over_smpp(people, sandbox.smpp_addr().unwrap(), "loa", "rate = \"5000/s\"\nwindow = 100\nids = \"string\"");
    let stand = office.send_all(people, &sandbox).await;
    stand.agrees();
    assert_eq!(count(&stand.states, &DOUBTFUL), 0, "{:?}", stand.states);
    assert_eq!(sandbox.counts().incomplete, 0);
    let text = CAMPAIGN.split("sms = \"").nth(1).unwrap().trim_end().trim_end_matches('"');
    assert!(stand.taken.iter().all(|taken| taken.text == text && taken.parts == 2), "{:?}", stand.taken[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_of_binds_is_throttled_and_ids_come_back_in_another_notation() {
    let people = people(1_500);
    let habits = Habits {
        ids: Ids::HexDecimal,
        receipts: Receipts::Text,
        ucs2_receipts: true,
        bare_errors: true,
        queue_full: 1.0,
        ..Habits::default()
    };
    let sandbox = carrier(Behaviour { throttle: Some(1_000), ..trying(habits) }).await;
    let keys = "rate = \"5000/s\"\nwindow = 40\nbind = \"pair\"\nbinds = 2\nids = \"hex-to-dec\"\nlong = \"sar\"";
    let office = Office::over_smpp(people, sandbox.smpp_addr().unwrap(), "loa", keys);
    let stand = office.send_all(people, &sandbox).await;
    stand.agrees();
    assert!(sandbox.counts().refused > 0);
    assert_eq!(count(&stand.states, &DOUBTFUL), 0, "{:?}", stand.states);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_break_off_and_nobody_gets_it_twice() {
    let people = people(1_500);
    let habits = Habits { disconnect_every: NonZeroU32::new(400), receipts: Receipts::Tlv, ..Habits::default() };
    let sandbox = carrier(trying(habits)).await;
    let keys = "rate = \"5000/s\"\nwindow = 20\nbinds = 2\nids = \"auto\"\nlong = \"payload\"";
    let office = Office::over_smpp(people, sandbox.smpp_addr().unwrap(), "loa", keys);
    let stand = office.send_all(people, &sandbox).await;
    stand.agrees();
    let doubtful = count(&stand.states, &DOUBTFUL);
    let cuts = i64::try_from(people / 400).unwrap();
    assert!(doubtful <= cuts * 20, "at most a window a break: {:?}", stand.states);
}
