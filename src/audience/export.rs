//! Everything known about the people, or one of them, as CSV: what an office takes with it, and what answers a person who
//! asks (Luật Bảo vệ dữ liệu cá nhân 91/2025/QH15).
//!
//! The columns are those that an import reads; what it would not take begins with `_`. Plain addresses leave here, so the
//! caller says where to: a file that only its owner may read, or standard output by explicit choice.

use std::{collections::BTreeMap, io::Write, path::Path};

use chrono::TimeZone as _;
use serde_json::Value;

use super::{
    address::ChatService,
    column,
    formula::guarded,
    phone::Carrier,
    place::Places,
    row::{Plain, Row, person_columns},
};
use crate::{
    consent::Standing,
    db::{Db, DbError, Sql},
    on,
    seal::Seal,
};

/// People of one page.
const PAGE: i64 = 900;

/// Why an export broke off.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The database's error, or a row that the key does not open.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The file, or standard output.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The CSV writer's.
    #[error(transparent)]
    Csv(#[from] csv::Error),
}

static FIELDS: [&str; 22] = [
    "ref",
    "name",
    "phone",
    "email",
    "zalo_id",
    "telegram_id",
    "viber_id",
    "mattermost_id",
    "rocketchat_id",
    "area",
    "groups",
    "lang",
    "born",
    "carrier",
    "consent_basis",
    "consent_source",
    "consent_at",
    "_area_name",
    "_source",
    "_state",
    "_refuses",
    "_updated_at",
];

static OWN: Sql = Sql::new(r"SELECT attributes FROM recipient WHERE ref = $1 AND state < 2");

static PEOPLE: Sql = Sql::new(concat!(
    "SELECT ",
    person_columns!(),
    " FROM recipient WHERE id > $1 AND state < 2 AND (CAST($2 AS TEXT) IS NULL OR ref = $2) ORDER BY id LIMIT $3"
));

static GROUPS: Sql = Sql::new(
    r"SELECT recipient, grp FROM membership WHERE recipient IN (SELECT id FROM :rows($1; id BIGINT) AS l) ORDER BY recipient, grp",
);

static REFUSALS: Sql = Sql::new(
    r"SELECT o.channel, o.address, o.scope, o.passing, o.until FROM :rows($1; channel SMALLINT, address BIGINT) AS l
    JOIN opt_out o ON o.channel = l.channel AND o.address = l.address",
);

/// Writes everybody who is not erased, or the one with this reference; gives how many they are. Memory stays flat.
pub async fn export(db: &Db, seal: &Seal, reference: Option<&str>, out: impl Write) -> Result<u64, ExportError> {
    let attributes = attribute_names(db, reference).await?;
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(FIELDS.iter().copied().chain(attributes.iter().map(String::as_str)).map(written))?;
    let (mut after, mut count) = (0, 0);
    loop {
        let page: Vec<Row> =
            on!(db.read, |pool, sql| sqlx::query_as(sql(&PEOPLE)).bind(after).bind(reference).bind(PAGE).fetch_all(pool).await)?;
        let Some(last) = page.last() else { break };
        after = last.id;
        let groups = groups(db, &page).await?;
        let refusals = refusals(db, &page).await?;
        for row in &page {
            let no_groups = String::new();
            let record = record(row, seal, groups.get(&row.id).unwrap_or(&no_groups), &refusals)?;
            let own: Value = serde_json::from_str(&row.attributes).unwrap_or_default();
            let own = attributes.iter().map(|name| own.get(name).and_then(Value::as_str).unwrap_or_default());
            writer.write_record(record.iter().map(String::as_str).chain(own).map(written))?;
            count += 1;
        }
    }
    writer.flush()?;
    Ok(count)
}

/// A cell as it stands in the file.
fn written(cell: &str) -> Vec<u8> {
    guarded(cell).into_owned().into_bytes()
}

/// The same into a new file that only its owner may read.
pub async fn export_to(db: &Db, seal: &Seal, reference: Option<&str>, path: &Path) -> Result<u64, ExportError> {
    let mut file = super::import::private_file(path)?;
    // Excel takes a file without it for the machine's old encoding.
    file.write_all("\u{feff}".as_bytes())?;
    export(db, seal, reference, std::io::BufWriter::new(file)).await
}

/// The names of the attributes that the one with this reference has, or that somebody has.
async fn attribute_names(db: &Db, reference: Option<&str>) -> Result<Vec<String>, ExportError> {
    let Some(reference) = reference else { return Ok(column::names(db).await?) };
    let own: Option<String> = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&OWN)).bind(reference).fetch_optional(pool).await)?;
    let own: BTreeMap<String, Value> = own.and_then(|own| serde_json::from_str(&own).ok()).unwrap_or_default();
    Ok(own.into_keys().collect())
}

async fn groups(db: &Db, page: &[Row]) -> Result<BTreeMap<i64, String>, ExportError> {
    let ids = Value::Array(page.iter().map(|row| serde_json::json!({ "id": row.id })).collect()).to_string();
    let rows: Vec<(i64, String)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&GROUPS)).bind(&ids).fetch_all(pool).await)?;
    let mut groups: BTreeMap<i64, String> = BTreeMap::new();
    for (id, group) in rows {
        let all = groups.entry(id).or_default();
        if !all.is_empty() {
            all.push(';');
        }
        all.push_str(&group);
    }
    Ok(groups)
}

type Refusals = BTreeMap<(i16, i64), Standing>;

async fn refusals(db: &Db, page: &[Row]) -> Result<Refusals, ExportError> {
    let asked: Vec<Value> = page
        .iter()
        .flat_map(Row::addresses)
        .map(|(channel, address)| serde_json::json!({ "channel": channel as i16, "address": address }))
        .collect();
    let asked = Value::Array(asked).to_string();
    let rows: Vec<(i16, i64, i16, i16, i64)> =
        on!(db.read, |pool, sql| sqlx::query_as(sql(&REFUSALS)).bind(&asked).fetch_all(pool).await)?;
    let standing = |(channel, address, scope, passing, until)| ((channel, address), Standing::of(scope, passing, until));
    Ok(rows.into_iter().map(standing).collect())
}

fn record(row: &Row, seal: &Seal, groups: &str, refusals: &Refusals) -> Result<Vec<String>, DbError> {
    let Plain { phone, email, chat } = row.open(seal)?;
    let chat = chat.unwrap_or_default();
    let [zalo, telegram, viber, mattermost, rocketchat] =
        ChatService::LISTED.map(|of| if row.service() == Some(of) { chat.clone() } else { String::new() });
    let area = row.area.clone().unwrap_or_default();
    let refuses = row.addresses().filter_map(|(channel, address)| {
        let standing = refusals.get(&(channel as i16, address))?;
        let lasting = standing.lasting.map(|scope| format!("{channel}:{}", scope.name()));
        let passing = standing.passing.map(|(scope, until)| format!("{channel}:{} until {}", scope.name(), moment(until)));
        Some([lasting, passing].into_iter().flatten().collect::<Vec<_>>().join(";"))
    });
    let mut refuses: Vec<String> = refuses.collect();
    // Of a user id and a phone number on chat.
    refuses.dedup();
    Ok(vec![
        row.r#ref.clone(),
        row.name.clone().unwrap_or_default(),
        phone.unwrap_or_default(),
        email.unwrap_or_default(),
        zalo,
        telegram,
        viber,
        mattermost,
        rocketchat,
        area.clone(),
        groups.to_string(),
        row.lang.clone().unwrap_or_default(),
        row.born.clone().unwrap_or_default(),
        row.carrier().map(Carrier::name).unwrap_or_default().to_string(),
        row.consent_basis.clone().unwrap_or_default(),
        row.consent_source.clone().unwrap_or_default(),
        row.consent_at.map(moment).unwrap_or_default(),
        Places::built_in().full_name(&area).unwrap_or_default(),
        row.source.clone(),
        row.standing().to_string(),
        refuses.join(";"),
        moment(row.updated_at),
    ])
}

fn moment(millis: i64) -> String {
    chrono::Utc.timestamp_millis_opt(millis).single().map(|moment| moment.to_rfc3339()).unwrap_or_default()
}
