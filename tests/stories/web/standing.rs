//! How things stand, for people and machines: the status page, its twin in JSON, readiness, and what is scraped.

use std::collections::BTreeMap;

use loa::{
    campaign::{Holidays, Library},
    delivery::State as Delivery,
    request,
    run::make,
    tally::{self, Count, Key},
    transaction,
};
use providers::Channel;
use reqwest::{Method, StatusCode};

use super::{House, keep_page};
use crate::helpers::grounds;

#[tokio::test]
async fn a_process_is_ready_while_its_database_is_migrated_and_it_stays() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        assert_eq!(house.get("/readyz").await, (StatusCode::OK, "ready\n".into()));
        house.set("DELETE FROM _sqlx_migrations").await;
        let (status, why) = house.get("/readyz").await;
        assert_eq!((status, why.contains("loa migrate")), (StatusCode::SERVICE_UNAVAILABLE, true), "{why}");
        house.state.leave();
        assert_eq!(house.get("/readyz").await, (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n".into()));
        assert_eq!(house.get("/healthz").await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn late_requests_are_told_on_the_status_page() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let (db, seal, now) = (&house.ground.db, &house.ground.seal, house.ground.clock.millis());
        let mut new = request::New {
            kind: request::Kind::Access,
            subject: request::Subject::Address(Channel::Sms, 1),
            until: None,
            received_at: now,
            by: "Lan",
            note: "",
        };
        assert!(!house.get("/").await.1.contains("loa requests"));
        request::take_in(db, seal, &loa::campaign::Holidays::built_in(), &new, now).await.unwrap();
        assert!(house.get("/").await.1.contains("1 yêu cầu của người dân về dữ liệu đang chờ"));
        new.received_at = now - 30 * 86_400_000;
        request::take_in(db, seal, &loa::campaign::Holidays::built_in(), &new, now).await.unwrap();
        let (_, page) = house.get("/").await;
        keep_page("status", &page);
        assert!(page.contains("1 yêu cầu của người dân về dữ liệu đã quá hạn"), "{page}");
    }
}

/// A run of a shipped campaign, with these tallies (channel, state, deliveries).
async fn run_with(house: &House, slug: &str, tallies: &[(Channel, Delivery, i64)]) -> i64 {
    let (library, problems) = Library::read("campaigns".as_ref());
    assert!(problems.is_empty());
    let (db, clock) = (&house.ground.db, &house.ground.clock);
    let (source, segments) = (&library.campaigns[slug], library.segments_text.as_str());
    let asked = make::Asked { source, segments, recipients: &[], once: None, by: None };
    let run = make::asked(db, &asked, &Holidays::default(), clock.now()).await.unwrap();
    let keys: Vec<_> = tallies
        .iter()
        .map(|(channel, state, n)| {
            (Key { run, channel: *channel as i16, account: 0, state: state.number() }, Count { n: *n, parts: *n, price: 300 * n })
        })
        .collect();
    transaction!(db, |tx| {
        let mut changes = tally::Changes::default();
        for (key, count) in &keys {
            changes.enter(*key, *count);
        }
        tally::apply(tx, 1, changes).await
    })
    .unwrap();
    run
}

#[tokio::test]
async fn the_status_page_and_its_twin_show_the_same_counts() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let (_, empty) = house.get("/").await;
        assert!(empty.contains("Không có đợt gửi nào đang chạy."), "{empty}");
        let tallies = [
            (Channel::Sms, Delivery::Pending, 1_000),
            (Channel::Sms, Delivery::Delivered, 12_345),
            (Channel::Email, Delivery::Accepted, 655),
            (Channel::Chat, Delivery::Skipped, 6_000),
        ];
        let run = run_with(&house, "nhan-dien-lua-dao", &tallies).await;
        house.active.hold(run, "giữ vì <b>ngân sách</b>").await.unwrap();

        let (_, listing) = house.get("/").await;
        assert!(listing.contains("Đã lập 20.000 lượt tin") && !listing.contains("95 %</strong>"), "{listing}");
        house.set("UPDATE run SET state = 1").await;

        let (status, page) = house.get("/").await;
        assert_eq!(status, StatusCode::OK);
        for words in [
            "Chờ gửi",
            "Đã đến người nhận",
            "Cổng gửi đã nhận",
            "12.345",
            "95 %",
            "19.000 / 20.000",
            "Đang giữ lại",
            "kannel",
            "Hoạt động",
        ] {
            assert!(page.contains(words), "{words} is missing: {page}");
        }
        assert!(page.contains("giữ vì &lt;b&gt;ngân sách&lt;&#x2f;b&gt;"), "{page}");
        assert!(page.contains("http-equiv=\"refresh\""));
        let (_, english) = house.get("/?lang=en&refresh=off").await;
        assert!(
            english.contains("12,345") && english.contains("pending") && !english.contains("http-equiv=\"refresh\""),
            "{english}"
        );

        let (_, json) = house.get("/api/v1/runs").await;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let first = &json["runs"][0];
        assert_eq!(first["id"], run);
        assert_eq!(first["counts"]["sms"], serde_json::json!({ "delivered": 12_345, "pending": 1_000 }));
        assert_eq!(
            (&first["deliveries"], &first["unfinished"], &first["price"]),
            (&20_000.into(), &1_000.into(), &6_000_000.into())
        );
        assert_eq!(json["next"], serde_json::Value::Null);
        let (_, earlier) = house.get(&format!("/api/v1/runs?before={run}&limit=1")).await;
        assert_eq!(earlier, r#"{"runs":[],"next":null}"#);
    }
}

/// Reads Prometheus's text format 0.0.4: every sample by its name and labels. Panics at a line that is none.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut declared = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.split(' ');
            if words.next() == Some("TYPE") {
                let name = words.next().unwrap();
                assert!(!declared.contains(&name), "{name} is declared twice");
                declared.push(name);
                assert!(["counter", "gauge", "histogram"].contains(&words.next().unwrap()), "{line}");
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
        assert!(declared.contains(&name) || family.is_some_and(|family| declared.contains(&family)), "{line}");
        assert!(samples.insert(series.to_string(), value.parse().unwrap()).is_none(), "{series} stands twice");
    }
    samples
}

#[tokio::test]
async fn a_scrape_tells_counts_health_and_lags() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        run_with(
            &house,
            "canh-bao-ung-dung-gia",
            &[(Channel::Sms, Delivery::Delivered, 7), (Channel::Email, Delivery::Pending, 3)],
        )
        .await;
        // Two people who could have been sent to 90 and 30 seconds ago, and one whose turn comes.
        house
            .set(
                "INSERT INTO delivery (id, run, address, segments, owner, account, price, next_at, updated_at, route, message,
                                       state, reason, attempt, tries, doubts, parts, area)
                 SELECT (r.id * 68719476736) + v.n * 16 + 1, r.id, v.n, 0, 0, 0, 0, r.created_at + v.after, r.created_at, 16, 0,
                        0, 0, 1, 0, 0, 0, '01'
                 FROM run r, (SELECT 1 AS n, -30000 AS after UNION ALL SELECT 2, -90000 UNION ALL SELECT 3, 60000) AS v",
            )
            .await;
        let early = "INSERT INTO receipt (account, handle, state, reason, detail, received_at, status)
                     SELECT 1, 'early', 5, 0, '', max(created_at), 0 FROM run";
        house.ground.execute(early).await;
        house.active.refresh().await.unwrap();
        for reference in ["a", "b"] {
            let path = format!("{}?state=1&reference={reference}", house.callback("kannel"));
            house.ask(Method::GET, &house.public, &path).send().await.unwrap();
        }
        house.ask(Method::GET, &house.public, "/receipts/nobody/x").send().await.unwrap();
        let (_, text) = house.get("/metrics").await;
        let samples = samples(&text);
        for (series, value) in [
            ("loa_database_up", 1.0),
            ("loa_deliveries{channel=\"sms\",state=\"delivered\"}", 7.0),
            ("loa_deliveries{channel=\"email\",state=\"pending\"}", 3.0),
            ("loa_deliveries{channel=\"chat\",state=\"pending\"}", 0.0),
            ("loa_runs{state=\"fanning_out\"}", 1.0),
            ("loa_account{account=\"kannel\",channel=\"sms\",condition=\"usable\"}", 1.0),
            ("loa_account{account=\"kannel\",channel=\"sms\",condition=\"stopped\"}", 0.0),
            ("loa_receipts_taken_total{account=\"kannel\"}", 2.0),
            ("loa_receipts_unmatched", 1.0),
            ("loa_callbacks_refused_total{account=\"\",why=\"unknown\"}", 1.0),
            ("loa_callback_seconds_count", 2.0),
            ("loa_dispatch_lag_seconds{kind=\"warning\"}", 90.0),
            ("loa_dispatch_lag_seconds{kind=\"awareness\"}", 0.0),
        ] {
            assert_eq!(samples.get(series), Some(&value), "{series}\n{text}");
        }
    }
}
