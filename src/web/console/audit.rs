//! `/audit`: who did what, when, from where, before and after; by filter, page by page, and as files.

use std::{collections::VecDeque, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{self, Query},
    response::Response,
    routing::get,
};
use chrono::{Days, NaiveDate};
use chrono_tz::Asia::Ho_Chi_Minh;
use futures::stream;
use minijinja::{Value, context};
use serde::Deserialize;

use super::{Named, fault::Fault, visitor::Visitor, when::moment};
use crate::{
    audit::{self, Entry, Filter, Head, Via},
    outlet::{Kind, Way},
    relay,
    seal::hex,
    user::{self, Right, Role},
    web::{Shared, State, download},
    words::{Lang, Phrase},
};

pub(super) const TEMPLATES: &[Named] = &[("console/audit/list", include_str!("../templates/console/audit/list.html"))];

/// Entries on a page.
const PAGE: usize = 50;
/// Entries of an export that are read at once.
const BATCH: i64 = 500;

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/audit", get(show))
        .route("/audit/export.csv", get(export_csv))
        .route("/audit/export.jsonl", get(export_jsonl))
}

/// What the page's address says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Asked {
    who: String,
    action: String,
    subject: String,
    from: String,
    through: String,
    before: Option<i64>,
}

/// The first instant of a day of Vietnam's; none: it is no day.
fn begin_of(text: &str, days: u64) -> Option<i64> {
    let day = NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").ok()?.checked_add_days(Days::new(days))?;
    Some(day.and_hms_opt(0, 0, 0)?.and_local_timezone(Ho_Chi_Minh).earliest()?.timestamp_millis())
}

impl Asked {
    fn filter(&self) -> Filter {
        let said = |text: &String| Some(text.trim().to_string()).filter(|text| !text.is_empty());
        Filter {
            who: said(&self.who),
            action: said(&self.action),
            subject: said(&self.subject),
            from: begin_of(&self.from, 0),
            until: begin_of(&self.through, 1),
        }
    }

    /// The same as an address says it, with another page's beginning.
    fn query(&self, before: Option<i64>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let fields = [&self.who, &self.action, &self.subject, &self.from, &self.through];
        for (name, value) in ["who", "action", "subject", "from", "through"].into_iter().zip(fields) {
            if !value.trim().is_empty() {
                query.append_pair(name, value.trim());
            }
        }
        if let Some(before) = before {
            query.append_pair("before", &before.to_string());
        }
        query.finish()
    }
}

/// One value of an entry about this action, as people read it.
fn told(action: &str, key: &str, value: &serde_json::Value, lang: Lang) -> String {
    let named = |text: &str| match key {
        "roles" => Role::named(text).map(|role| role.label().text(lang).to_string()),
        "rights" => Right::named(text).map(|right| right.label().text(lang).to_string()),
        "departments" if text == "all" => Some(lang.pick("tất cả", "all").to_string()),
        "with" => audit::means(text).map(|means| means.text(lang).to_string()),
        // As the pages of approvals show it; the export has all of it.
        "hash" => Some(text.chars().take(12).collect()),
        _ if action.starts_with("order.") || action.starts_with("outlet.") => {
            relayed(key, text).map(|label| label.text(lang).to_string())
        }
        _ => None,
    };
    match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::Bool(yes) => if *yes { lang.pick("có", "yes") } else { lang.pick("không", "no") }.to_string(),
        serde_json::Value::String(text) => named(text).unwrap_or_else(|| text.clone()),
        serde_json::Value::Array(list) => list.iter().map(|one| told(action, key, one, lang)).collect::<Vec<_>>().join(", "),
        serde_json::Value::Number(at) if key.ends_with("_at") => at.as_i64().map(|at| moment(at, lang)).unwrap_or_default(),
        other => other.to_string(),
    }
}

/// A value of what happened to an order or an outlet; none: it is shown as it is recorded.
fn relayed(key: &str, text: &str) -> Option<Phrase> {
    match key {
        "state" => relay::State::named(text).map(relay::State::label),
        "status" => relay::Status::named(text).map(relay::Status::label),
        "way" => Way::named(text).map(Way::label),
        "kind" => Kind::named(text).map(Kind::label),
        _ => None,
    }
}

/// What changed, key by key, as text.
fn changes(entry: &Entry, lang: Lang) -> Vec<Value> {
    let read = |text: &Option<String>| -> serde_json::Map<String, serde_json::Value> {
        match text.as_deref().and_then(|text| serde_json::from_str(text).ok()) {
            Some(serde_json::Value::Object(map)) => map,
            Some(other) => [(String::new(), other)].into_iter().collect(),
            None => serde_json::Map::new(),
        }
    };
    let (before, after) = (read(&entry.before), read(&entry.after));
    let text = |of: &serde_json::Map<String, serde_json::Value>, key: &str| {
        of.get(key).map(|value| told(&entry.action, key, value, lang)).unwrap_or_default()
    };
    let mut keys: Vec<&String> = before.keys().collect();
    keys.extend(after.keys().filter(|key| !before.contains_key(*key)));
    keys.into_iter()
        .map(|key| (key, text(&before, key), text(&after, key)))
        .filter(|(_, before, after)| before != after)
        .map(|(key, before, after)| context! { key => audit::key(key).text(lang), before, after })
        .collect()
}

fn via_label(via: Via, lang: Lang) -> &'static str {
    match via {
        Via::Console => lang.pick("trang web", "console"),
        Via::Api => "API",
        Via::Command => lang.pick("dòng lệnh", "command"),
    }
}

async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadAudit)?;
    let (db, lang) = (&state.parts.db, visitor.lang);
    let most = i64::try_from(PAGE).unwrap_or(i64::MAX) + 1;
    let mut entries = audit::list(db, &asked.filter(), asked.before, most).await?;
    let more = entries.len() > PAGE;
    entries.truncate(PAGE);
    let next = entries.last().filter(|_| more).map(|entry| format!("/audit?{}", asked.query(Some(entry.seq))));
    let rows: Vec<Value> = entries
        .iter()
        .map(|entry| {
            context! {
                seq => entry.seq,
                at => moment(entry.at, lang),
                who => entry.who.clone(),
                via => via_label(entry.via(), lang),
                address => entry.address.clone(),
                action => entry.action.clone(),
                label => audit::label(&entry.action).text(lang),
                subject => entry.subject.clone(),
                changes => changes(entry, lang),
            }
        })
        .collect();
    let Head { seq, hash } = audit::head(db).await?;
    let values = context! {
        entries => rows,
        next => next,
        first => asked.before.map(|_| format!("/audit?{}", asked.query(None))),
        query => asked.query(None),
        asked => context! { who => asked.who.clone(), action => asked.action.clone(), subject => asked.subject.clone(), from => asked.from.clone(), through => asked.through.clone() },
        people => user::list(db).await?.into_iter().map(|user| user.name).collect::<Vec<_>>(),
        actions => audit::AREAS.iter().map(|(area, vi, en)| context! { value => *area, label => lang.pick(*vi, *en) }).collect::<Vec<_>>(),
        head => seq,
        hash => hex(&hash),
    };
    Ok(state.view(&visitor, "console/audit/list", values))
}

/// The rows of an export, read as the browser takes them: the latest first.
fn rows(state: Arc<Shared>, filter: Filter, line: fn(&Entry) -> String, head: String) -> Body {
    let begin = (state, filter, None::<i64>, VecDeque::<Entry>::new(), Some(head), false);
    Body::from_stream(stream::try_unfold(begin, move |(state, filter, mut before, mut held, mut head, mut over)| async move {
        if let Some(head) = head.take() {
            return Ok::<_, crate::db::DbError>(Some((head, (state, filter, before, held, None, over))));
        }
        if held.is_empty() && !over {
            held = audit::list(&state.parts.db, &filter, before, BATCH).await?.into();
            before = held.back().map(|entry| entry.seq);
            over = held.is_empty();
        }
        if over {
            return Ok(None);
        }
        let text: String = held.drain(..).map(|entry| line(&entry)).collect();
        Ok(Some((text, (state, filter, before, held, None, over))))
    }))
}

async fn export_csv(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadAudit)?;
    // Spreadsheets read UTF-8 by its mark.
    let head = format!("\u{feff}{}", audit::CSV_HEAD);
    Ok(download::file(download::CSV, "audit.csv", rows(state, asked.filter(), Entry::csv, head)))
}

async fn export_jsonl(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadAudit)?;
    let line = |entry: &Entry| format!("{}\n", entry.json());
    Ok(download::file("application/x-ndjson", "audit.jsonl", rows(state, asked.filter(), line, String::new())))
}
