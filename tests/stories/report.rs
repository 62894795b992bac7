//! Reports over rows that are known: every figure, what adds up to what, and the page that people read.

mod closing;
mod console;
mod figures;
mod goals;
mod kept;
mod managers;
mod page;
mod papers;
mod recount;
mod relayed;
mod unreached;
mod verification;
mod whatever_the_rows;

use std::collections::BTreeMap;

use loa::{
    delivery::State,
    report::{Cut, Fate, Report, Selection, report},
};

use crate::{folder::Folder, helpers::Ground};

/// 2026-11-02 01:00 UTC, as the grounds' clock has it.
const NOW: i64 = 1_793_581_200_000;
const HOUR: i64 = 3_600_000;

const BODY: &str = r#"
title = "Nhận diện lừa đảo trực tuyến"
kind = "awareness"
owner = "Sở Văn hóa, Thể thao và Du lịch"
basis = { number = "1607/BTTTT-CATTT", date = 2024-04-26, authority = "Bộ TT&TT" }
[audience]
segments = ["can-bo", "nguoi-cao-tuoi"]
goal = 0.5
[channels]
use = ["sms", "email"]
[[message]]
id = "otp"
sms = "Khong cung cap ma OTP"
email = { subject = "OTP", body = "OTP" }
[[message]]
id = "goi-gia"
sms = "Canh giac cuoc goi gia"
email = { subject = "G", body = "G" }
"#;

/// The same campaign later, with its segments and messages the other way round.
const TURNED: &str = r#"
title = "Nhận diện lừa đảo trực tuyến"
kind = "awareness"
owner = "Sở Văn hóa, Thể thao và Du lịch"
basis = { number = "1607/BTTTT-CATTT", date = 2024-04-26, authority = "Bộ TT&TT" }
[audience]
segments = ["nguoi-cao-tuoi", "can-bo"]
goal = 0.5
[channels]
use = ["sms", "email"]
[[message]]
id = "goi-gia"
sms = "Canh giac cuoc goi gia"
email = { subject = "G", body = "G" }
[[message]]
id = "otp"
sms = "Khong cung cap ma OTP"
email = { subject = "OTP", body = "OTP" }
"#;

const SEGMENTS: &str = r#"
[can-bo]
title = "Cán bộ, công chức"
groups = ["can-bo"]
[nguoi-cao-tuoi]
title = "Người cao tuổi"
born_before = 1966-01-01
"#;

/// A delivery as a story writes it down.
#[derive(Debug, Clone)]
struct Row {
    run: i64,
    person: i64,
    channel: i64,
    carrier: i64,
    account: i64,
    state: State,
    reason: i64,
    area: Option<&'static str>,
    segments: i64,
    message: i64,
    parts: i64,
    price: i64,
    hours_ago: i64,
}

/// A text message to a Viettel phone in Ba Đình, accepted by an account that sends receipts.
fn sms(run: i64, person: i64, state: State) -> Row {
    Row {
        run,
        person,
        channel: 1,
        carrier: 1,
        account: 1,
        state,
        reason: 0,
        area: Some("00004"),
        segments: 1,
        message: 0,
        parts: 1,
        price: 300,
        hours_ago: 1,
    }
}

impl Row {
    fn mail(self) -> Self {
        Self { channel: 2, carrier: 0, account: 2, price: 0, ..self }
    }

    fn unsent(self, reason: i64) -> Self {
        Self { account: 0, reason, parts: 0, price: 0, ..self }
    }
}

/// Two accounts that send receipts and one that does not; three runs and a test; people 1 to 20.
async fn scene(ground: &Ground) {
    ground
        .execute(
            "INSERT INTO account (id, name, channel, receipts, tat, day, used) VALUES (1, 'viettel', 1, true, 0, '', 0);
             INSERT INTO account (id, name, channel, receipts, tat, day, used) VALUES (2, 'thu', 2, true, 0, '', 0);
             INSERT INTO account (id, name, channel, receipts, tat, day, used) VALUES (3, 'im-lang', 1, false, 0, '', 0)",
        )
        .await;
    for (hash, campaign, body) in [("h1", "nhan-dien", BODY), ("h2", "nhan-dien", TURNED), ("h3", "khac", BODY)] {
        let (body, segments) = (body.replace('\'', "''"), SEGMENTS.replace('\'', "''"));
        ground
            .execute(&format!(
                "INSERT INTO definition (hash, campaign, body, segments, created_at) VALUES ('{hash}', '{campaign}', '{body}', '{segments}', 0)"
            ))
            .await;
    }
    for (id, campaign, definition, date, origin) in [
        (1, "nhan-dien", "h1", "2026-10-05", 0),
        (2, "nhan-dien", "h2", "2026-10-12", 0),
        (3, "khac", "h3", "2026-10-12", 1),
        (4, "nhan-dien", "h2", "2026-10-12", 2),
    ] {
        ground
            .execute(&format!(
                "INSERT INTO run (id, campaign, occurrence, origin, kind, definition, date, turn, message, recipients, state, paused,
                                  due_at, expires_at, fan_cursor, fan_top, created_at)
                 VALUES ({id}, '{campaign}', '{date}-{id}', {origin}, 1, '{definition}', '{date}', 0, 'otp', '[]', 1, false, 0, 0, 40, 40, 0)"
            ))
            .await;
    }
    for person in 1..=20 {
        ground
            .execute(&format!(
                "INSERT INTO recipient (id, ref, source, import, state, carrier, attributes, chat_service, updated_at)
                 VALUES ({person}, 'nd-{person:03}', 'tay', 1, 0, 1, '{{}}', 0, 0);
                 INSERT INTO membership (recipient, grp) VALUES ({person}, '{}')",
                if person % 2 == 0 { "to-2" } else { "to-1" }
            ))
            .await;
    }
}

/// Writes rows, and what is counted of them.
async fn write(ground: &Ground, rows: &[Row]) {
    for row in rows {
        let id = row.run << 36 | row.person << 4 | row.channel;
        let area = row.area.map_or_else(|| "NULL".to_string(), |area| format!("'{area}'"));
        ground
            .execute(&format!(
                "INSERT INTO delivery (id, run, segments, owner, account, price, updated_at, route, message, state, reason, attempt,
                                       tries, doubts, parts, area)
                 VALUES ({id}, {}, {}, 0, {}, {}, {}, {}, {}, {}, {}, 1, 0, 0, {}, {area})",
                row.run,
                row.segments,
                row.account,
                row.price,
                NOW - row.hours_ago * HOUR,
                row.channel << 4 | row.carrier,
                row.message,
                row.state.number(),
                row.reason,
                row.parts,
            ))
            .await;
    }
    ground
        .execute(
            "DELETE FROM tally;
             INSERT INTO tally (run, channel, account, state, node, n, parts, price)
             SELECT run, CAST(id & 15 AS SMALLINT), account, state, 1, count(*), sum(parts), sum(price) FROM delivery
             GROUP BY run, id & 15, account, state;
             DELETE FROM billed;
             INSERT INTO billed (account, route, day, node, n, parts, price)
             SELECT account, route, '2026-01-01', 1, count(*), sum(parts), sum(price) FROM delivery GROUP BY account, route",
        )
        .await;
}

/// One person of every kind.
fn everybody() -> Vec<Row> {
    use State::{
        Accepted, Cancelled, Delivered, Enroute, Expired, InDoubt, Lapsed, Pending, Rejected, Seen, Skipped, Undelivered, Unknown,
    };
    vec![
        // 1 failed by SMS and was reached by mail; 2 was reached twice, in two places.
        Row { reason: 2, ..sms(1, 1, Undelivered) },
        sms(1, 1, Seen).mail(),
        sms(1, 2, Delivered),
        Row { area: Some("32248"), segments: 2, message: 1, ..sms(2, 2, Delivered) },
        // 3 and 4 are presumed: no receipts, and a mail of three days ago; 5's mail is too young.
        Row { account: 3, price: 250, ..sms(1, 3, Accepted) },
        Row { hours_ago: 72, ..sms(1, 4, Accepted).mail() },
        Row { hours_ago: 71, ..sms(1, 5, Enroute).mail() },
        sms(1, 6, Pending).unsent(0),
        sms(1, 7, InDoubt),
        sms(1, 8, Unknown),
        sms(1, 9, Skipped).unsent(21),
        Row { reason: 1, parts: 0, price: 0, ..sms(1, 10, Rejected) },
        Row { reason: 9, ..sms(1, 11, Expired) },
        Row { area: None, ..sms(1, 12, Lapsed).unsent(0) },
        sms(1, 13, Cancelled).unsent(0),
        Row { area: Some("32248"), ..sms(1, 14, Skipped).unsent(20) },
        Row { area: Some("01"), segments: 0, ..sms(1, 15, Skipped).unsent(22) },
        // A month of the other campaign, and a test that counts nowhere.
        Row { parts: 2, price: 600, segments: 3, ..sms(3, 10, Delivered) },
        sms(4, 16, Delivered),
        sms(4, 12, Delivered),
    ]
}

fn of(campaign: &str) -> Selection {
    Selection { campaign: Some(campaign.to_string()), ..Selection::default() }
}

async fn count(ground: &Ground, selection: &Selection, by: Option<Cut>) -> Report {
    report(&ground.db, selection, by, NOW).await.unwrap()
}

/// Key → people addressed, confirmed, deliveries, cost.
fn lines(report: &Report) -> BTreeMap<&str, (i64, i64, i64, i64)> {
    let figures = |line: &loa::report::Line| {
        let (people, deliveries) = (line.figures.people, line.figures.deliveries);
        (people.addressed(), people.of(Fate::Confirmed), deliveries.total(), deliveries.cost)
    };
    report.lines.iter().map(|line| (line.key.as_str(), figures(line))).collect()
}

/// A folder from which `loa` is run on the ground's database.
struct Office<'g>(Folder, &'g Ground);

impl<'g> Office<'g> {
    /// The machine's clock is not the ground's: what is to be old is as old as can be, what is to be new is yet to come.
    async fn of(ground: &'g Ground) -> Self {
        let (old, new) = (1_i64 << 36 | 4 << 4 | 2, 1_i64 << 36 | 5 << 4 | 2);
        ground
            .execute(&format!(
                "UPDATE delivery SET updated_at = 0 WHERE id = {old}; UPDATE delivery SET updated_at = 9999999999999 WHERE id = {new}"
            ))
            .await;
        Self(Folder::new().with("campaigns/segments.toml", SEGMENTS), ground)
    }

    fn with_goals(self, goals: &str) -> Self {
        Self(self.0.with("campaigns/goals.toml", goals), self.1)
    }

    fn loa(&self, arguments: &[&str]) -> crate::folder::Ended {
        self.0.loa_with(arguments, &[("LOA_DATABASE__URL", &self.1.url)])
    }
}
