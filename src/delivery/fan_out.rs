//! Fan-out: a run's audience becomes deliveries, set-based and in chunks that can be resumed.
//!
//! A chunk is a range of recipient numbers. Each person of the audience gets a row on the first usable channel
//! (`first`) or on every usable one (`all`); who has none gets one skipped row that says why, so that everyone is
//! counted. A chunk that was already made makes nothing again.

use std::fmt::Write as _;

use providers::Channel;
use sqlx::AssertSqlSafe;

use super::{BY_PHONE, Counted, Kin, Plan, State, Target, Why, chat_by_phone, hash_column, id_list};
use crate::{
    audience::segment::{Bind, Compiled},
    consent::{agreement, refusing},
    db::{Result, Sql, Tx, affected},
    tally, within,
};

/// The part of an audience that this chunk looks at, and what its people get.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// Recipient numbers after this one,
    pub after: i64,
    /// up to and including this one.
    pub through: i64,
    /// Not before this time (unix milliseconds).
    pub due: i64,
    /// Now (unix milliseconds).
    pub now: i64,
}

/// Compiled conditions of a run's audience, over the recipient `r`. Compile them with [`Audience::FIRST_BIND`] onwards,
/// in the order of the fields.
#[derive(Debug, Clone)]
pub struct Audience {
    /// Who is addressed.
    pub members: Compiled,
    /// Bit i of a delivery's `segments`: membership in the i-th segment of the campaign, for the cuts. At most 62.
    pub segments: Vec<Compiled>,
    /// The message that everybody gets.
    pub message: usize,
    /// Who gets another one instead: the first that fits.
    pub special: Vec<(Compiled, usize)>,
    /// Of a run that was made from another: whom of that one's people it goes to.
    pub kin: Option<Kin>,
}

impl Audience {
    /// The first placeholder that is free for the conditions.
    pub const FIRST_BIND: usize = 6;
}

/// One way to a person, as SQL over `who`. `at`: the placeholder of `now`.
fn way(plan: &Plan, position: usize, channel: Channel, now: i64, at: &str) -> String {
    let Target { hash, route } = plan.target(channel, "", "message");
    let no_consent = if plan.wants_consent(now) {
        format!("WHEN NOT ({}) THEN {}", agreement::agreed("who.id", channel as i16, "consent_basis"), Why::NoConsent.number())
    } else {
        String::new()
    };
    format!(
        "SELECT id, area, segments, message, {position} AS position, {number} AS channel, {hash} AS address,
                {route} AS route, {person} AS person,
                CASE WHEN message NOT IN ({texts}) THEN {no_text}
                     WHEN {hash} IS NULL THEN {no_address}
                     WHEN silent_until > {at} OR {refusing} THEN {opted_out}
                     WHEN EXISTS (SELECT 1 FROM block b WHERE b.channel = {number} AND b.address IN ({own}) AND b.binds >= {binds}){listed}
                     THEN {blocked}
                     WHEN EXISTS (SELECT 1 FROM suppression s WHERE s.channel = {number} AND s.address = {hash}) THEN {suppressed}
                     {no_consent}
                     ELSE 0 END AS reason
         FROM who",
        number = channel as i16,
        own = own(channel, ""),
        person = if channel == Channel::Chat { chat_by_phone("") } else { "CAST(NULL AS BIGINT)".to_string() },
        listed = listed(plan, channel, ""),
        texts = plan.messages_with(channel),
        no_text = Why::NoText.number(),
        no_address = Why::NoAddress.number(),
        opted_out = Why::OptedOut.number(),
        refusing = refusing(channel as i16, &own(channel, ""), plan.silencing_scope(), at),
        blocked = Why::DoNotCall.number(),
        suppressed = Why::Suppressed.number(),
        binds = plan.blocking_scope(),
    )
}

/// All of a person's addresses on a channel, as SQL: a refusal of either holds for both.
fn own(channel: Channel, of: &str) -> String {
    let hash = hash_column(channel);
    if channel == Channel::Chat { format!("{of}{hash}, {}", chat_by_phone(of)) } else { format!("{of}{hash}") }
}

/// For chat by phone number: whether a list of numbers that are not to be written to holds it, as SQL.
fn listed(plan: &Plan, channel: Channel, of: &str) -> String {
    if channel != Channel::Chat || plan.phones.is_empty() {
        return String::new();
    }
    format!(
        " OR {of}chat_hash IS NULL
                     AND EXISTS (SELECT 1 FROM block b WHERE b.channel = {sms} AND b.address = {of}phone_hash AND b.binds >= {binds})",
        sms = Channel::Sms as i16,
        binds = plan.blocking_scope(),
    )
}

/// Who would get it on chat by their phone number and by a user id besides, as SQL over `ranked`, `$n` being the run: in this
/// statement, or in an earlier one.
fn twice(plan: &Plan, run: &str) -> String {
    if plan.phones.is_empty() {
        return String::new();
    }
    format!(
        "WHEN ranked.route = {BY_PHONE} AND max(CASE WHEN reason = 0 AND ranked.route <> {BY_PHONE} THEN 1 ELSE 0 END)
                       OVER (PARTITION BY person) = 1 THEN 0
                       WHEN ranked.route = {BY_PHONE} AND EXISTS (SELECT 1 FROM recipient same JOIN delivery other
                         ON other.run = {run} AND other.address = same.chat_hash WHERE same.phone_hash = ~ranked.person) THEN 0
                       WHEN ranked.route <> {BY_PHONE} AND EXISTS
                         (SELECT 1 FROM delivery other WHERE other.run = {run} AND other.address = ranked.person) THEN 0"
    )
}

/// The statement that makes a chunk: `$1` run, `$2` after, `$3` through, `$4` due, `$5` now, then the conditions'.
fn statement(plan: &Plan, audience: &Audience, now: i64) -> String {
    let mut bits = String::from("0");
    for (i, segment) in audience.segments.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(bits, " + CASE WHEN {} THEN {} ELSE 0 END", segment.text, 1i64 << i);
    }
    let mut message = String::new();
    for (condition, index) in &audience.special {
        let _ = write!(message, " WHEN {} THEN {index}", condition.text);
    }
    let message =
        if message.is_empty() { audience.message.to_string() } else { format!("CASE{message} ELSE {} END", audience.message) };
    let way_of = |(i, channel): (usize, &Channel)| {
        let way = way(plan, i, *channel, now, "$5");
        let narrowed = audience.kin.as_ref().and_then(|kin| kin.on_channel(*channel as i16));
        narrowed.map_or(way.clone(), |addressed| format!("{way} WHERE {addressed}"))
    };
    let ways: Vec<String> = plan.order.iter().enumerate().map(way_of).collect();
    // A person who may not be written to is told apart from one without any address: that reason comes first.
    let picked = if plan.first { "pick = 1" } else { "(reason = 0 OR pick = 1)" };
    format!(
        "INSERT INTO delivery (id, run, address, segments, owner, account, price, next_at, updated_at, route, message,
                               state, reason, attempt, tries, doubts, parts, area)
         WITH who AS (
           SELECT r.id, r.area, r.carrier, r.chat_service, r.phone_hash, r.email_hash, r.chat_hash, r.consent_basis,
                  r.silent_until, {bits} AS segments, {message} AS message
           FROM recipient r WHERE r.id > $2 AND r.id <= $3 AND r.state = 0 AND ({members})
         ), way AS (
           {ways}
         ), ranked AS (
           SELECT way.*, row_number() OVER (PARTITION BY id
             ORDER BY CASE WHEN reason = 0 THEN 0 WHEN reason IN ({unwilling}) THEN 1 ELSE 2 END, position) AS pick
           FROM way
         ), chosen AS (
           SELECT ranked.*,
                  CASE WHEN reason <> 0 THEN 0
                       WHEN row_number() OVER (PARTITION BY reason, address ORDER BY id) > 1 THEN 0
                       WHEN EXISTS (SELECT 1 FROM delivery other WHERE other.run = $1 AND other.address = ranked.address) THEN 0
                       {twice}
                       ELSE 1 END AS fresh
           FROM ranked WHERE {picked}
         )
         SELECT (CAST($1 AS BIGINT) << 36) | (id << 4) | channel, CAST($1 AS BIGINT), CASE fresh WHEN 1 THEN address END, segments, 0, 0, 0,
                CASE fresh WHEN 1 THEN $4 END, $5, route, message,
                CASE fresh WHEN 1 THEN {pending} ELSE {skipped} END,
                CASE WHEN reason <> 0 THEN reason WHEN fresh = 0 THEN {same_address} ELSE 0 END,
                1, 0, 0, 0, area
         FROM chosen WHERE true
         ON CONFLICT (id) DO NOTHING",
        members = audience.members.text,
        ways = ways.join("\n           UNION ALL\n           "),
        unwilling = [Why::OptedOut, Why::DoNotCall, Why::Suppressed, Why::NoConsent].map(|why| why.number().to_string()).join(", "),
        twice = twice(plan, "$1"),
        same_address = Why::SameAddress.number(),
        pending = State::Pending.number(),
        skipped = State::Skipped.number(),
    )
}

static MADE: Sql = Sql::new(
    r"SELECT CAST(id & 15 AS SMALLINT), state, count(*) FROM delivery
      WHERE id >= $1 AND id < $2 GROUP BY id & 15, state",
);

/// Makes the deliveries of one chunk, and says how many there are in it. The caller holds the run's row and moves its
/// cursor in the same transaction, so a chunk is made once; made again, it makes and counts nothing twice.
pub async fn chunk(tx: &mut Tx, node: i64, plan: &Plan, audience: &Audience, chunk: &Chunk) -> Result<u64> {
    // All of it goes by relay: there is no way to a person.
    if plan.order.is_empty() {
        return Ok(0);
    }
    let range =
        (super::id(plan.run, chunk.after + 1, Channel::Sms) & !15, super::id(plan.run, chunk.through + 1, Channel::Sms) & !15);
    let before = made(tx, plan.run, range).await?;
    // Numbers and texts of our own; everything that a person wrote is bound.
    let text = tx.engine().spell(&statement(plan, audience, chunk.now));
    let binds = std::iter::once(&audience.members)
        .chain(&audience.segments)
        .chain(audience.special.iter().map(|(condition, _)| condition))
        .flat_map(|compiled| &compiled.binds);
    within!(tx, |c, _sql| {
        let mut query =
            sqlx::query(AssertSqlSafe(text)).bind(plan.run).bind(chunk.after).bind(chunk.through).bind(chunk.due).bind(chunk.now);
        for bind in binds {
            query = match bind {
                Bind::Text(text) => query.bind(text),
                Bind::Int(number) => query.bind(number),
            };
        }
        query.execute(c).await.map(affected)
    })?;
    let after = made(tx, plan.run, range).await?;
    let mut changes = tally::Changes::default();
    let mut rows = 0;
    for (key, n) in after {
        let new = n - before.iter().find(|(k, _)| *k == key).map_or(0, |(_, n)| *n);
        rows += u64::try_from(n).unwrap_or(0);
        changes.enter(key, tally::Count { n: new, parts: 0, price: 0 });
    }
    tally::apply(tx, node, changes).await?;
    Ok(rows)
}

/// What a range of ids holds, by key.
async fn made(tx: &mut Tx, run: i64, range: (i64, i64)) -> Result<Vec<(tally::Key, i64)>> {
    let rows: Vec<(i16, i16, i64)> =
        within!(tx, |c, sql| sqlx::query_as(sql(&MADE)).bind(range.0).bind(range.1).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(channel, state, n)| (tally::Key { run, channel, account: 0, state }, n)).collect())
}

// A receipt that comes after its run had settled may still be the next channel's turn.
static REOPEN: Sql = Sql::new(r"UPDATE run SET state = 1, settled_at = NULL WHERE id = $1 AND state = 2");

/// Whether the recipient `r` of delivery `d` has a usable channel after this one, as SQL; none: there is no such channel.
/// `at`: the placeholder of now.
pub(super) fn elsewhere(plan: &Plan, channel: i16, at: &str) -> Option<String> {
    let ways: Vec<String> = plan
        .after(channel)
        .iter()
        .map(|next| {
            let Target { hash, .. } = plan.target(*next, "r.", "d.message");
            let own = own(*next, "r.");
            format!(
                "({hash} IS NOT NULL AND d.message IN ({texts}) AND NOT {refusing}
                AND NOT (EXISTS (SELECT 1 FROM block b WHERE b.channel = {number} AND b.address IN ({own}) AND b.binds >= {binds}){listed})
                AND NOT EXISTS (SELECT 1 FROM suppression s WHERE s.channel = {number} AND s.address = {hash}))",
                listed = listed(plan, *next, "r."),
                texts = plan.messages_with(*next),
                number = *next as i16,
                refusing = refusing(*next as i16, &own, plan.silencing_scope(), at),
                binds = plan.blocking_scope(),
            )
        })
        .collect();
    (plan.first && !ways.is_empty()).then(|| ways.join(" OR "))
}

/// Moves deliveries that ended without reaching their people to the next usable channel.
///
/// `ended` are ids of this run, all on `channel`. Whoever has no further usable channel gets no row: the ended one
/// says what became of them. Who moved on before, or was reached meanwhile, stays where they are: a second ending of the
/// same delivery, such as a late receipt, is nobody's turn.
pub(super) async fn fall_back(
    tx: &mut Tx,
    plan: &Plan,
    channel: i16,
    ended: &[i64],
    now: i64,
    changes: &mut tally::Changes,
) -> Result<()> {
    let next = plan.after(channel);
    if !plan.first || next.is_empty() || ended.is_empty() {
        return Ok(());
    }
    let list = id_list(ended.iter().copied());
    let ways: Vec<String> = next.iter().enumerate().map(|(i, channel)| way(plan, i, *channel, now, "$3")).collect();
    let text = format!(
        "INSERT INTO delivery (id, run, address, segments, owner, account, price, next_at, updated_at, route, message,
                               state, reason, attempt, tries, doubts, parts, area)
         WITH who AS (
           SELECT r.id, d.area, r.carrier, r.chat_service, r.phone_hash, r.email_hash, r.chat_hash, r.consent_basis,
                  r.silent_until, d.segments, d.message
           FROM delivery d JOIN recipient r ON r.id = (d.id >> 4) & 4294967295
           JOIN run ON run.id = d.run AND run.state < 3 AND run.expires_at > $3
           WHERE d.id IN :ids($1) AND r.state = 0
             AND NOT EXISTS (SELECT 1 FROM delivery other
                             WHERE other.id >= d.id - (d.id & 15) AND other.id < d.id - (d.id & 15) + 16
                               AND (other.state IN ({delivered}, {seen}) OR other.id & 15 IN ({next})))
         ), way AS (
           {ways}
         ), ranked AS (
           SELECT way.*, row_number() OVER (PARTITION BY id ORDER BY position) AS pick FROM way WHERE reason = 0
         ), chosen AS (
           SELECT ranked.*,
                  CASE WHEN row_number() OVER (PARTITION BY address ORDER BY id) > 1 THEN 0
                       WHEN EXISTS (SELECT 1 FROM delivery other WHERE other.run = $2 AND other.address = ranked.address) THEN 0
                       {twice}
                       ELSE 1 END AS fresh
           FROM ranked WHERE pick = 1
         )
         SELECT (CAST($2 AS BIGINT) << 36) | (id << 4) | channel, CAST($2 AS BIGINT), CASE fresh WHEN 1 THEN address END, segments, 0, 0, 0,
                CASE fresh WHEN 1 THEN CAST($3 AS BIGINT) END, CAST($3 AS BIGINT), route, message,
                CASE fresh WHEN 1 THEN {pending} ELSE {skipped} END,
                CASE fresh WHEN 1 THEN 0 ELSE {same_address} END,
                1, 0, 0, 0, area
         FROM chosen WHERE true
         ON CONFLICT (id) DO NOTHING
         RETURNING id, state",
        ways = ways.join("\n           UNION ALL\n           "),
        twice = twice(plan, "$2"),
        next = next.iter().map(|channel| (*channel as i16).to_string()).collect::<Vec<_>>().join(", "),
        delivered = State::Delivered.number(),
        seen = State::Seen.number(),
        pending = State::Pending.number(),
        skipped = State::Skipped.number(),
        same_address = Why::SameAddress.number(),
    );
    let text = tx.engine().spell(&text);
    let made: Vec<(i64, i16)> =
        within!(tx, |c, _sql| sqlx::query_as(AssertSqlSafe(text)).bind(&list).bind(plan.run).bind(now).fetch_all(c).await)?;
    if !made.is_empty() {
        within!(tx, |c, sql| sqlx::query(sql(&REOPEN)).bind(plan.run).execute(c).await.map(affected))?;
    }
    for (id, state) in made {
        let row = Counted { id, account: 0, state, parts: 0, price: 0 };
        changes.enter(row.key(), row.count());
    }
    Ok(())
}
