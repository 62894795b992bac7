//! The hot statements look up what they need, on both engines, whether the tables were analysed or not.
//!
//! On PostgreSQL the plan is the generic one, which a prepared statement gets after its fifth use: it does not know what
//! is bound.

use loa::{db::Engine, on};

use super::{statements::statements, world::World};

/// A file, a statement in it, and the index that it must use on SQLite and on PostgreSQL.
type Hot = (&'static str, &'static str, &'static str, &'static str);

const KEY: &str = "INTEGER PRIMARY KEY";

const HOT: &[Hot] = &[
    ("delivery/claim/look.rs", "CANDIDATES", "delivery_pending", "delivery_pending"),
    ("delivery/claim/take.rs", "SUBMIT", KEY, "delivery_pkey"),
    ("delivery/claim/take.rs", "DEFER", KEY, "delivery_pkey"),
    ("delivery/claim/take.rs", "ADDRESS_TAKEN", "delivery_address", "delivery_address"),
    ("delivery/contact.rs", "PEOPLE", KEY, "recipient_pkey"),
    ("delivery/contact.rs", "CONTACTS", "sqlite_autoindex_contact_1", "contact_pkey"),
    ("delivery/record.rs", "RECORD", KEY, "delivery_pkey"),
    ("delivery/record.rs", "UNDOUBT", KEY, "delivery_pkey"),
    ("delivery/end.rs", "PENDING", KEY, "delivery_pkey"),
    ("delivery/end.rs", "END", KEY, "delivery_pkey"),
    ("delivery/attempt.rs", "LEFT_BEHIND", "sqlite_autoindex_attempt_1", "attempt_pkey"),
    // PostgreSQL may prefer the index of open receipts, as long as they are few.
    ("delivery/handle.rs", "EARLY", "receipt_handle", "receipt_"),
    ("delivery/contact.rs", "GIVE_BACK", "sqlite_autoindex_contact_1", "contact_pkey"),
    ("delivery/learn.rs", "ROWS", KEY, "delivery_pkey"),
    ("delivery/open.rs", "WALK", KEY, "delivery_pkey"),
    ("delivery/handle.rs", "IDS", "handle_delivery", "handle_delivery"),
    ("delivery/learn.rs", "WRITE", KEY, "delivery_pkey"),
    ("delivery/learn.rs", "PARTS", "handle_delivery", "handle_delivery"),
    ("delivery/close.rs", "PENDING", "delivery_pending", "delivery_pending"),
    ("delivery/close.rs", "SILENT", "delivery_silent", "delivery_silent"),
    ("delivery/close.rs", "DOUBTS", "delivery_doubt", "delivery_doubt"),
    ("delivery/close.rs", "OWNED", "delivery_owned", "delivery_owned"),
    ("epoch.rs", "END", "delivery_owned", "delivery_owned"),
    ("receipt.rs", "OPEN", "receipt_open", "receipt_open"),
    ("receipt.rs", "HANDLES", "sqlite_autoindex_handle_1", "handle_pkey"),
    ("receipt.rs", "MARK", KEY, "receipt_pkey"),
    ("retention.rs", "NEXT_HANDLE", "handle_delivery", "handle_delivery"),
    ("retention.rs", "DROP_HANDLES", "handle_delivery", "handle_delivery"),
    ("retention.rs", "DROP_RECEIPTS", KEY, "receipt_pkey"),
    ("retention.rs", "SOME_CONTACTS", "sqlite_autoindex_contact_1", "contact_pkey"),
    ("delivery/claim/look.rs", "CANDIDATES", "sqlite_autoindex_block_1", "block_pkey"),
    ("delivery/claim/look.rs", "CANDIDATES", "sqlite_autoindex_opt_out_1", "opt_out_pkey"),
    ("delivery/claim/look.rs", "CANDIDATES", "consent_standing", "consent_standing"),
    ("audience/import/store.rs", "REMEMBER", "consent_standing", "consent_standing"),
    ("audience/erase.rs", "UNLINK", KEY, "delivery_pkey"),
    ("dossier/read.rs", "MESSAGES", KEY, "delivery_pkey"),
    ("consent.rs", "BY_PHONE", "recipient_phone", "recipient_phone"),
    ("consent.rs", "HISTORY", "consent_event_address", "consent_event_address"),
    ("consent.rs", "UNREFUSE", "consent_event_address", "consent_event_address"),
    ("web/console/runs/after.rs", "REFUSED", "consent_event_at", "consent_event_at"),
    ("consent.rs", "OVER", "opt_out_over", "opt_out_over"),
    ("request/read.rs", "QUEUE", "request_open", "request_open"),
    ("delivery/claim/look.rs", "CANDIDATES", "sqlite_autoindex_suppression_1", "suppression_pkey"),
    ("suppression.rs", "REMEMBER", KEY, "delivery_pkey"),
    ("suppression.rs", "END", "sqlite_autoindex_bounce_1", "bounce_pkey"),
    ("suppression.rs", "LIST", "recipient_email", "recipient_email"),
    ("delivery/advert.rs", "GIVE_BACK", "advert_delivery", "advert_delivery"),
    ("reply/confirmation.rs", "DUE", "confirmation_open", "confirmation_open"),
    ("reply/confirmation.rs", "DISOWN", "confirmation_owned", "confirmation_owned"),
    ("relay/count.rs", "COUNTS", "sqlite_autoindex_relay_count_1", "relay_count_pkey"),
    ("relay/count/standing.rs", "OF_RUNS", "(run=?)", "relay_order_"),
    ("relay/count/standing.rs", "OF_RUN", "(run=?)", "relay_order_"),
    ("relay/count/standing.rs", "OF_CAMPAIGN", "relay_order_campaign", "relay_order_"),
    ("relay/count/standing.rs", "OF_OUTLET", "relay_order_outlet", "relay_order_"),
    ("relay/count/standing.rs", "OF_ORDER", KEY, "relay_order_pkey"),
    ("report/kept.rs", "ORDERS_OF", "relay_order_mark", "relay_order_"),
    ("relay/report.rs", "SAME", "sqlite_autoindex_relay_report_1", "relay_report_relay_order_sequence_key"),
    ("relay/report.rs", "NEWEST", KEY, "relay_report_pkey"),
    ("relay/report.rs", "LAST", "relay_event_order", "relay_event_order"),
    ("relay/chase.rs", "MARK", "relay_order_", "relay_order_"),
    ("relay/attention.rs", "OVERDUE", "relay_order_late", "relay_order_late"),
    ("relay/attention.rs", "REFUSED", "(state=?", "relay_order_"),
    ("relay/carried.rs", "CHANGED", KEY, "relay_event_pkey"),
    ("relay/order/decide.rs", "STOOD", "relay_event_order", "relay_event_order"),
    ("relay/paper.rs", "KEPT_BY", "paper_by", "paper_by"),
];

/// The tables that grow with the audience and with orders: none is read from end to end.
const LARGE: [&str; 11] = [
    "delivery",
    "recipient",
    "contact",
    "attempt",
    "handle",
    "receipt",
    "relay_order",
    "relay_count",
    "relay_event",
    "relay_report",
    "paper",
];

/// Enough rows that reading all of them is the worse plan: two runs, most of them over.
async fn crowded(world: &World) {
    let many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)";
    for (table, columns, values) in [
        (
            "recipient",
            "id, ref, source, import, state, carrier, attributes, phone_hash, chat_service, updated_at",
            "i, 'r' || i, 'list', 1, 0, 1, '{}', i, 0, 0",
        ),
        (
            "delivery",
            "id, run, address, segments, owner, account, price, next_at, updated_at, route, message, state, reason, attempt, tries, doubts, parts",
            "(CAST(1 + i % 2 AS BIGINT) << 36) | (CAST(i AS BIGINT) << 4) | 1, 1 + i % 2, i, 0, CASE WHEN i % 40 = 1 THEN 1 + i % 3 ELSE 0 END, 1, 300,
             CASE WHEN i % 40 IN (0, 2, 3) THEN i END, 0, 17, 0,
             CASE i % 40 WHEN 0 THEN 0 WHEN 1 THEN 1 WHEN 2 THEN 2 WHEN 3 THEN 3 ELSE 5 END, 0, 1, 0, 0, 1",
        ),
        ("contact", "recipient, run, at", "i, 1 + i % 2, i"),
        ("consent_event", "channel, address, action, at, source, wording", "1, i, 1, i, 'word', ''"),
        ("attempt", "delivery, attempt, account, state, reason, parts, price, at", "i, 1, 1, 2, 0, 1, 300, i"),
        ("handle", "account, id, delivery, attempt, part, parts, state, reason, at", "1, 'h' || i, i, 1, 0, 2, 3, 0, i"),
        (
            "receipt",
            "account, handle, state, reason, detail, received_at, status",
            "1, 'h' || i, 5, 0, '', i, CASE WHEN i % 4 = 0 THEN 0 ELSE 1 END",
        ),
        (
            "relay_order",
            "run, outlet, serial, campaign, owner, step, status, identifier, state, version, content, hash, note, made_by, made_at, sent_at,
             expires_at, report_by, overdue_since, report",
            "i, 1 + i % 5, 0, 'c' || i % 50, '', 0, 0, 'o' || i, CASE i % 100 WHEN 0 THEN 1 WHEN 1 THEN 3 WHEN 2 THEN 4 ELSE 7 END, 1, '{}', '',
             '', '', i, i, i, i, CASE WHEN i % 100 = 2 THEN i END, i",
        ),
        ("relay_event", "relay_order, at, happening, state, by_whom, via, detail", "i, i, 'make', 1, '', '', ''"),
        (
            "relay_report",
            "relay_order, sequence, as_of, final, body, hash, received_at, by_whom, via",
            "i, 1, i, true, '{}', '', i, '', ''",
        ),
        ("relay_count", "report, area, round, targeted, submitted, by_cell", "i, '01', 1, 1, 1, false"),
    ] {
        world.sql(&format!("INSERT INTO {table} ({columns}) {many} SELECT {values} FROM n")).await;
    }
}

async fn plan(world: &World, text: &str) -> Vec<String> {
    match &world.db.write {
        loa::db::Pool::Sqlite(_) => {
            let rows: Vec<(i64, i64, i64, String)> =
                on!(world.db.read, |pool, _sql| sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}")))
                    .fetch_all(pool)
                    .await)
                .unwrap();
            rows.into_iter().map(|row| row.3).collect()
        }
        loa::db::Pool::Postgres(pool) => {
            let mut connection = pool.acquire().await.unwrap();
            let n = (1..100).rev().find(|n| text.contains(&format!("${n}"))).unwrap_or(0);
            let nulls = vec!["NULL"; n].join(", ");
            // These rows are few enough to read them all; a real list has a million.
            let prepare = format!("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; PREPARE hot AS {text}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(prepare)).execute(&mut *connection).await.unwrap();
            let explain = sqlx::AssertSqlSafe(format!("EXPLAIN EXECUTE hot ({nulls})"));
            let lines: Vec<String> = sqlx::query_scalar(explain).persistent(false).fetch_all(&mut *connection).await.unwrap();
            sqlx::raw_sql("DEALLOCATE hot").execute(&mut *connection).await.unwrap();
            lines
        }
    }
}

/// Whether a line of a plan reads a large table from end to end.
fn reads_all(engine: Engine, line: &str) -> bool {
    let aliases = [("d", "delivery"), ("r", ""), ("c", "contact"), ("h", "handle")];
    let scanned = match engine {
        Engine::Sqlite => line.strip_prefix("SCAN ").and_then(|rest| rest.split_whitespace().next()),
        Engine::Postgres => line.split_once("Seq Scan on ").and_then(|(_, rest)| rest.split_whitespace().next()),
    };
    scanned.is_some_and(|table| {
        let indexed = line.contains("USING INDEX");
        !indexed && (LARGE.contains(&table) || aliases.iter().any(|(alias, _)| *alias == table))
    })
}

async fn hot_statements_use_their_indexes(world: &World) {
    let engine = world.db.engine();
    crowded(world).await;
    let all = statements();
    let mut wrong = Vec::new();
    for analysed in [false, true] {
        if analysed {
            world.sql("ANALYZE").await;
        }
        for (file, name, sqlite, postgres) in HOT.iter().copied() {
            let found = all.iter().find(|one| one.file.ends_with(file) && one.name == name);
            let found = found.unwrap_or_else(|| panic!("{file} has no statement {name}"));
            let index = if engine == Engine::Sqlite { sqlite } else { postgres };
            let plan = plan(world, &engine.spell(&found.text)).await;
            if !plan.iter().any(|line| line.contains(index)) || plan.iter().any(|line| reads_all(engine, line)) {
                wrong.push(format!("{file} {name}, analysed: {analysed}, wants {index}:\n    {}", plan.join("\n    ")));
            }
        }
    }
    // What was made up here counts in no tally.
    for table in ["delivery", "recipient", "attempt", "relay_order", "relay_event", "relay_report", "relay_count"] {
        world.sql(&format!("DELETE FROM {table}")).await;
    }
    assert!(wrong.is_empty(), "on {engine:?}:\n{}", wrong.join("\n"));
}

on_both_engines!(hot_statements_use_their_indexes);
