//! How exactly an account's rate is kept: how much of it is used, and whether any second holds more.

#![expect(clippy::cast_precision_loss, reason = "a few thousand messages are counted")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{
    Bench,
    figure::{Against, Figure},
    ground::{Ground, Store},
    instant::InstantGateway,
    store,
};
use crate::app::Part;

/// Messages a second.
const RATE: u32 = 500;

/// Sends at the account's rate for some seconds, and looks at when each message left.
pub async fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let account = store::ACCOUNT.replace("100000/s", &format!("{RATE}/s")).replace("window = 500", "window = 50");
    let span = Duration::from_secs(bench.size.pace_seconds);
    // Some people share a phone, and get one text: a fifth more than needed, so that the span is full.
    let people = u64::from(RATE) * bench.size.pace_seconds * 6 / 5;
    let ground = Ground::new(&bench.folder, "pace", Store::Sqlite, people, &account, &bench.clock).await?;
    let gateway = Arc::new(InstantGateway::noting());
    let (run, _) = ground.fan_out("sms").await?;
    let app = ground.start(&[Part::Schedule, Part::Dispatch], store::stand_in(&gateway)).await?;
    ground.send(&app, run).await?;
    app.stop().await?;
    ground.close().await?;
    let times = gateway.times();
    let used = share_used(&times, span);
    let most = most_in_a_second(&times);
    let against = Against { what: "the account's rate".into(), value: f64::from(RATE), ratio: most as f64 / f64::from(RATE) };
    Ok(vec![
        Figure::of("rate_used", "% of the rate", &[100.0 * used]),
        Figure { against: Some(against), ..Figure::of("rate_most_in_a_second", "messages", &[most as f64]) },
    ])
}

/// What was sent within `span` of the first message, as a share of what the rate allows.
fn share_used(times: &[Instant], span: Duration) -> f64 {
    let Some(first) = times.first() else { return 0.0 };
    let within = times.iter().take_while(|time| **time < *first + span).count();
    within as f64 / (f64::from(RATE) * span.as_secs_f64())
}

/// The largest number of messages in any second, wherever it begins.
fn most_in_a_second(times: &[Instant]) -> usize {
    let mut from = 0;
    let mut most = 0;
    for (until, time) in times.iter().enumerate() {
        while times[from] + Duration::from_secs(1) <= *time {
            from += 1;
        }
        most = most.max(until + 1 - from);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_second_is_looked_at() {
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        assert_eq!(most_in_a_second(&[at(0), at(600), at(900), at(1_000), at(1_599), at(1_600)]), 4);
        assert_eq!(most_in_a_second(&[]), 0);
        let used = share_used(&[at(0), at(999), at(1_000)], Duration::from_secs(1));
        assert!((used * f64::from(RATE) - 2.0).abs() < 1e-9, "{used}");
    }
}
