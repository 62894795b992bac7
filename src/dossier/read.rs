//! A dossier is put together: one function a section, each over the rows that hang on the person or on an address.

use providers::Channel;

use super::{
    Advert, Attempt, Confirmation, Consent, Contact, Dossier, Failed, Listed, Message, Moment, Person, Refusal, Reply, Request,
    RequestStep, Said,
};
use crate::{
    audience::{
        address::ChatService,
        block::Binds,
        phone::Carrier,
        place::Places,
        row::{Plain, Row, person_columns},
    },
    consent::{self, Scope, agreement},
    db::{Db, DbError, Result, Sql},
    delivery::{State, Why, channel_of},
    on,
    reply::{Meaning, confirmation},
    request,
    seal::Seal,
};

static PERSON: Sql = Sql::new(concat!("SELECT ", person_columns!(), " FROM recipient WHERE ref = $1 AND state < 2"));

/// Everything known about the person with this reference; none: nobody has it.
pub async fn find(db: &Db, seal: &Seal, reference: &str) -> Result<Option<Dossier>> {
    let row: Option<Row> = on!(db.read, |pool, sql| sqlx::query_as(sql(&PERSON)).bind(reference).fetch_optional(pool).await)?;
    let Some(row) = row else { return Ok(None) };
    let id = row.id;
    let addresses: Vec<(Channel, i64)> = row.addresses().collect();
    Ok(Some(Dossier {
        person: Person::of(row, seal)?,
        groups: groups(db, id).await?,
        consents: agreement::history(db, id).await?.into_iter().map(Consent::of).collect(),
        refusals: refusals(db, &addresses).await?,
        lists: lists(db, &addresses).await?,
        suppressions: failed(db, &addresses, &SUPPRESSIONS).await?,
        bounces: failed(db, &addresses, &BOUNCES).await?,
        messages: messages(db, id).await?,
        contacts: contacts(db, id).await?,
        advertising: adverts(db, &addresses).await?,
        replies: replies(db, seal, &addresses).await?,
        confirmations: confirmations(db, &addresses).await?,
        requests: request::of(db, seal, id).await?.into_iter().map(Request::of).collect(),
    }))
}

impl Person {
    fn of(row: Row, seal: &Seal) -> Result<Self> {
        let Plain { phone, email, chat } = row.open(seal)?;
        Ok(Self {
            phone,
            email,
            chat,
            chat_service: row.service().map(ChatService::name),
            area_name: row.area.as_deref().and_then(|area| Places::built_in().full_name(area)),
            carrier: row.carrier().map(Carrier::name),
            attributes: serde_json::from_str(&row.attributes).unwrap_or_default(),
            silent_until: (row.silent_until > 0).then_some(Moment(row.silent_until)),
            state: row.standing(),
            updated_at: Moment(row.updated_at),
            number: row.id,
            r#ref: row.r#ref,
            source: row.source,
            name: row.name,
            lang: row.lang,
            area: row.area,
            born: row.born,
        })
    }
}

static GROUPS: Sql = Sql::new(r"SELECT grp FROM membership WHERE recipient = $1 ORDER BY grp");

async fn groups(db: &Db, id: i64) -> Result<Vec<String>> {
    on!(db.read, |pool, sql| sqlx::query_scalar(sql(&GROUPS)).bind(id).fetch_all(pool).await)
}

impl Consent {
    fn of(entry: agreement::Entry) -> Self {
        Self {
            channel: Channel::from_number(i64::from(entry.channel)).map_or("all", Channel::name),
            given: entry.given,
            basis: entry.basis,
            source: entry.source,
            wording: entry.wording,
            at: Moment(entry.at),
            recorded_at: Moment(entry.recorded_at),
            by: entry.by_whom,
        }
    }
}

async fn refusals(db: &Db, addresses: &[(Channel, i64)]) -> Result<Vec<Refusal>> {
    let mut refusals = Vec::new();
    for (channel, address) in addresses {
        let standing = consent::standing(db, *channel, &[*address]).await?.remove(address).unwrap_or_default();
        let said = |event: consent::Event| Said {
            refused: event.refused.map(Scope::name),
            until: event.until.map(Moment),
            at: Moment(event.at),
            source: event.source,
            wording: event.wording,
        };
        let history: Vec<Said> = consent::history(db, *channel, *address).await?.into_iter().map(said).collect();
        if standing != consent::Standing::default() || !history.is_empty() {
            refusals.push(Refusal {
                channel: *channel,
                lasting: standing.lasting.map(Scope::name),
                passing: standing.passing.map(|(scope, _)| scope.name()),
                until: standing.passing.map(|(_, until)| Moment(until)),
                history,
            });
        }
    }
    Ok(refusals)
}

static LISTS: Sql = Sql::new(
    r"SELECT l.name, b.binds FROM block b LEFT JOIN block_list l ON l.id = b.list WHERE b.channel = $1 AND b.address = $2 ORDER BY b.list",
);

async fn lists(db: &Db, addresses: &[(Channel, i64)]) -> Result<Vec<Listed>> {
    let mut lists = Vec::new();
    for (channel, address) in addresses {
        let rows: Vec<(Option<String>, i16)> =
            on!(db.read, |pool, sql| { sqlx::query_as(sql(&LISTS)).bind(*channel as i16).bind(address).fetch_all(pool).await })?;
        lists.extend(rows.into_iter().map(|(list, binds)| {
            let binds = if binds == Binds::Everything as i16 { Binds::Everything } else { Binds::Advertising };
            Listed { channel: *channel, list: list.unwrap_or_default(), binds: binds.name() }
        }));
    }
    Ok(lists)
}

static SUPPRESSIONS: Sql =
    Sql::new(r"SELECT reason, detail, at FROM suppression WHERE channel = $1 AND address = $2 ORDER BY at");

static BOUNCES: Sql =
    Sql::new(r"SELECT reason, detail, at FROM bounce WHERE channel = $1 AND address = $2 ORDER BY at, delivery");

async fn failed(db: &Db, addresses: &[(Channel, i64)], statement: &'static Sql) -> Result<Vec<Failed>> {
    let mut failures = Vec::new();
    for (channel, address) in addresses {
        let rows: Vec<(i16, String, i64)> = on!(db.read, |pool, sql| {
            sqlx::query_as(sql(statement)).bind(*channel as i16).bind(address).fetch_all(pool).await
        })?;
        failures.extend(rows.into_iter().map(|(reason, detail, at)| Failed {
            channel: *channel,
            reason: Why::from_number(reason).name(),
            detail,
            at: Moment(at),
        }));
    }
    Ok(failures)
}

#[derive(sqlx::FromRow)]
struct Sent {
    id: i64,
    run: i64,
    campaign: String,
    date: String,
    state: i16,
    reason: i16,
    account: Option<String>,
    attempt: i16,
    parts: i16,
    price: i64,
    updated_at: i64,
    remark: Option<String>,
}

// A look at a handful of numbers for each run: a person's deliveries have no index of their own.
static MESSAGES: Sql = Sql::new(
    r"SELECT d.id, x.id AS run, x.campaign, x.date, d.state, d.reason, a.name AS account, d.attempt, d.parts, d.price, d.updated_at,
             m.detail AS remark
      FROM run x JOIN delivery d ON d.id BETWEEN (x.id << 36) + ($1 << 4) AND (x.id << 36) + ($1 << 4) + 15
      LEFT JOIN account a ON a.id = d.account LEFT JOIN remark m ON m.delivery = d.id ORDER BY d.id DESC",
);

static ATTEMPTS: Sql = Sql::new(
    r"SELECT t.attempt, a.name, t.state, t.parts, t.price, t.at FROM attempt t LEFT JOIN account a ON a.id = t.account
      WHERE t.delivery = $1 ORDER BY t.attempt",
);

static HANDLES: Sql = Sql::new(r"SELECT id FROM handle WHERE delivery = $1 ORDER BY attempt, part");

async fn messages(db: &Db, id: i64) -> Result<Vec<Message>> {
    type Left = (i16, Option<String>, i16, i16, i64, i64);
    let rows: Vec<Sent> = on!(db.read, |pool, sql| sqlx::query_as(sql(&MESSAGES)).bind(id).fetch_all(pool).await)?;
    let mut messages = Vec::with_capacity(rows.len());
    for row in rows {
        let left: Vec<Left> = on!(db.read, |pool, sql| sqlx::query_as(sql(&ATTEMPTS)).bind(row.id).fetch_all(pool).await)?;
        let gateway_ids = on!(db.read, |pool, sql| sqlx::query_scalar(sql(&HANDLES)).bind(row.id).fetch_all(pool).await)?;
        let attempt = |(attempt, account, state, parts, price, at): Left| Attempt {
            attempt,
            account,
            state: State::from_number(state).name(),
            parts,
            price,
            at: Moment(at),
        };
        let why = Why::from_number(row.reason);
        messages.push(Message {
            run: row.run,
            campaign: row.campaign,
            date: row.date,
            channel: channel(channel_of(row.id)),
            state: State::from_number(row.state).name(),
            reason: (why != Why::Nothing).then(|| why.name()),
            account: row.account,
            attempt: row.attempt,
            parts: row.parts,
            price: row.price,
            at: Moment(row.updated_at),
            remark: row.remark,
            attempts: left.into_iter().map(attempt).collect(),
            gateway_ids,
        });
    }
    Ok(messages)
}

/// Numbers in the rows are those of channels.
fn channel(number: i16) -> Channel {
    Channel::from_number(i64::from(number)).unwrap_or(Channel::Sms)
}

static CONTACTS: Sql = Sql::new(r"SELECT run, at FROM contact WHERE recipient = $1 ORDER BY run");

async fn contacts(db: &Db, id: i64) -> Result<Vec<Contact>> {
    let rows: Vec<(i64, i64)> = on!(db.read, |pool, sql| sqlx::query_as(sql(&CONTACTS)).bind(id).fetch_all(pool).await)?;
    Ok(rows.into_iter().map(|(run, at)| Contact { run, at: Moment(at) }).collect())
}

static ADVERTS: Sql = Sql::new(r"SELECT at FROM advert WHERE channel = $1 AND address = $2 ORDER BY at");

async fn adverts(db: &Db, addresses: &[(Channel, i64)]) -> Result<Vec<Advert>> {
    let mut adverts = Vec::new();
    for (channel, address) in addresses {
        let rows: Vec<i64> = on!(db.read, |pool, sql| {
            sqlx::query_scalar(sql(&ADVERTS)).bind(*channel as i16).bind(address).fetch_all(pool).await
        })?;
        adverts.extend(rows.into_iter().map(|at| Advert { channel: *channel, at: Moment(at) }));
    }
    Ok(adverts)
}

static REPLIES: Sql = Sql::new(r"SELECT id, at, text, meaning FROM inbound WHERE channel = $1 AND address = $2 ORDER BY id");

async fn replies(db: &Db, seal: &Seal, addresses: &[(Channel, i64)]) -> Result<Vec<Reply>> {
    let mut replies = Vec::new();
    for (channel, address) in addresses {
        let rows: Vec<(i64, i64, Option<Vec<u8>>, i16)> = on!(db.read, |pool, sql| {
            sqlx::query_as(sql(&REPLIES)).bind(*channel as i16).bind(address).fetch_all(pool).await
        })?;
        for (id, at, text, meaning) in rows {
            let text = text.map(|text| seal.open_text(&text)).transpose();
            let text = text.map_err(|error| DbError::Refused(format!("message {id}: {error}")))?;
            replies.push(Reply { at: Moment(at), channel: *channel, meaning: Meaning::from_number(meaning).name(), text });
        }
    }
    Ok(replies)
}

static CONFIRMATIONS: Sql = Sql::new(r"SELECT at, state FROM confirmation WHERE channel = $1 AND address = $2 ORDER BY id");

async fn confirmations(db: &Db, addresses: &[(Channel, i64)]) -> Result<Vec<Confirmation>> {
    let mut confirmations = Vec::new();
    for (channel, address) in addresses {
        let rows: Vec<(i64, i16)> = on!(db.read, |pool, sql| {
            sqlx::query_as(sql(&CONFIRMATIONS)).bind(*channel as i16).bind(address).fetch_all(pool).await
        })?;
        confirmations.extend(rows.into_iter().map(|(at, state)| {
            let state = confirmation::State::from_number(state).name();
            Confirmation { at: Moment(at), channel: *channel, state }
        }));
    }
    Ok(confirmations)
}

impl Request {
    fn of(request: request::Request) -> Self {
        let step = |event: request::Event| RequestStep {
            action: event.action.name(),
            at: Moment(event.at),
            by: event.by,
            note: event.note,
        };
        Self {
            number: request.id,
            kind: request.kind.name(),
            state: request.state.name(),
            received_at: Moment(request.received_at),
            due_at: Moment(request.due_at),
            answered_at: request.answered_at.map(Moment),
            closed_at: request.closed_at.map(Moment),
            until: request.until.map(Moment),
            note: request.note,
            history: request.history.into_iter().map(step).collect(),
        }
    }
}
