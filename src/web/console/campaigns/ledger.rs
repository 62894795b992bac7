//! `/campaigns`: every campaign that the visitor may see, with how it stands, when it is due and what its last run did.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    extract::{self, Query},
    response::Response,
};
use minijinja::{Value, context, value::Serde};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::{
    active::RunRow,
    approval::{self, Standing, Submission, submission},
    campaign::{Campaign, Kind},
    delivery::State as Delivery,
    edition::{self, Edition},
    run::command,
    tally,
    user::Right,
    web::{
        Shared, State,
        console::{fault::Fault, visitor::Visitor, when},
    },
};

/// What a reader looks for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Search {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
}

/// A campaign of the list.
#[derive(Debug, Serialize)]
struct Row {
    slug: String,
    title: String,
    owner: String,
    warning: bool,
    /// Whether a file defines it.
    provisioned: bool,
    /// Whether the console has one of the same name that the file hides.
    hides: bool,
    /// `active`, `ended`, `waiting`, `returned`, `draft` or `archived`.
    state: &'static str,
    /// The same of a later version than the one that is in force.
    pending: Option<&'static str>,
    next: Option<String>,
    last: Option<Last>,
}

/// What a campaign's last run did: deliveries, which are not people.
#[derive(Debug, Serialize)]
struct Last {
    run: i64,
    day: String,
    confirmed: i64,
    deliveries: i64,
}

/// A text as it is searched: lower case, no accents, one blank.
fn folded(text: &str) -> String {
    let plain: String = text.to_lowercase().nfd().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).collect();
    plain.replace('đ', "d").split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) async fn list(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Query(search): Query<Search>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadCampaigns)?;
    let mut rows = rows(&state, &visitor).await?;
    let all = rows.len();
    let words = folded(&search.q);
    let fits = |row: &Row| {
        let text = folded(&format!("{} {} {}", row.title, row.slug, row.owner));
        let state = match search.state.as_str() {
            "" | "all" => row.state != "archived" || search.state == "all",
            "waiting" => row.state == "waiting" || row.pending == Some("waiting"),
            "draft" => [Some(row.state), row.pending].iter().any(|one| matches!(one, Some("draft" | "returned"))),
            wanted => row.state == wanted,
        };
        state && words.split(' ').all(|word| text.contains(word))
    };
    rows.retain(fits);
    let problems = state.parts.shelf.look(&state.parts.db).await?.problems;
    let problems: Vec<String> = if visitor.can(Right::WriteCampaigns) {
        problems.0.iter().map(|problem| format!("{}: {}", file_name(&problem.file), problem.message.text(visitor.lang))).collect()
    } else {
        Vec::new()
    };
    let values = context! {
        rows => Value::from(Serde(&rows)), all, q => search.q, state => search.state, problems,
        may_write => visitor.can(Right::WriteCampaigns),
    };
    Ok(state.view(&visitor, "campaigns/list", values))
}

/// A file's name without the server's folders.
fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

async fn rows(state: &Shared, visitor: &Visitor) -> Result<Vec<Row>, Fault> {
    let db = &state.parts.db;
    let library = state.parts.shelf.library(db).await?;
    let editions: BTreeMap<String, Edition> =
        edition::all(db).await?.into_iter().map(|edition| (edition.slug.clone(), edition)).collect();
    let in_force: BTreeMap<String, i64> = edition::in_force(db).await?.into_iter().collect();
    let archived: BTreeMap<String, i64> = edition::archived(db).await?.into_iter().collect();
    let submitted: BTreeMap<String, Submission> =
        submission::last_of_each(db).await?.into_iter().map(|one| (one.slug.clone(), one)).collect();
    let required = approval::is_required(db, &state.parts.config).await?;
    let released = if required { approval::all_released(db).await? } else { BTreeMap::new() };
    let once: BTreeSet<&String> = released.values().collect();
    let runs: BTreeMap<String, RunRow> = command::latest_of_each(db)
        .await
        .map_err(anyhow::Error::from)?
        .into_iter()
        .map(|run| (run.campaign.clone(), run))
        .collect();
    let ids: Vec<i64> = runs.values().map(|run| run.id).collect();
    let tallies = tally::of_runs(db, &ids).await?;
    let slugs: BTreeSet<&String> = library.campaigns.keys().chain(editions.keys()).collect();
    let mut rows = Vec::new();
    for slug in slugs {
        let source = library.campaigns.get(slug);
        let edition = editions.get(slug).filter(|_| !library.is_provisioned(slug));
        let campaign = source.map(|source| &source.campaign);
        let owners = campaign.map(|campaign| &campaign.owner).into_iter().chain(edition.map(|edition| &edition.owner));
        if !owners.into_iter().all(|owner| visitor.user.departments.sees(owner)) {
            continue;
        }
        let last = submitted.get(slug);
        let is_released = source.is_some_and(|source| !required || released.contains_key(&source.hash));
        let (standing, pending) = standing(&Known {
            campaign,
            edition,
            in_force: in_force.get(slug).copied(),
            last,
            is_released,
            was_released: once.contains(slug),
            archived: archived.contains_key(slug),
            now: state.parts.clock.millis(),
        });
        let title = campaign.map(|campaign| campaign.title.clone());
        let owner = campaign.map(|campaign| campaign.owner.clone());
        let kind = campaign.map_or_else(|| edition.map_or(0, |edition| edition.kind), |campaign| campaign.kind as i16);
        let next = campaign.filter(|_| standing == "active").and_then(|campaign| {
            let next = campaign.occurrences(state.parts.clock.now(), &state.parts.holidays).next()?;
            Some(when::due(next.due, campaign.timezone(), visitor.lang))
        });
        let last_run = runs.get(slug).map(|run| {
            let (mut confirmed, mut deliveries) = (0, 0);
            let first = tally::Key { run: run.id, channel: i16::MIN, account: i64::MIN, state: i16::MIN };
            for (key, count) in tallies.range(first..).take_while(|(key, _)| key.run == run.id) {
                deliveries += count.n;
                confirmed += if Delivery::from_number(key.state).is_confirmed() { count.n } else { 0 };
            }
            let day = run.date.parse().map(|day| crate::words::date(day, visitor.lang));
            Last { run: run.id, day: day.unwrap_or_else(|_| run.date.clone()), confirmed, deliveries }
        });
        rows.push(Row {
            title: title
                .or_else(|| edition.map(|edition| edition.title.clone()))
                .filter(|t| !t.is_empty())
                .unwrap_or_else(|| slug.clone()),
            owner: owner.or_else(|| edition.map(|edition| edition.owner.clone())).unwrap_or_default(),
            warning: kind == Kind::Warning as i16,
            provisioned: library.is_provisioned(slug),
            hides: library.hidden.contains(slug),
            state: standing,
            pending,
            next,
            last: last_run,
            slug: slug.clone(),
        });
    }
    Ok(rows)
}

/// What is known of a campaign's standing.
struct Known<'a> {
    campaign: Option<&'a Campaign>,
    edition: Option<&'a Edition>,
    in_force: Option<i64>,
    last: Option<&'a Submission>,
    /// As it is now.
    is_released: bool,
    /// Some content of it, which goes on.
    was_released: bool,
    archived: bool,
    now: i64,
}

/// How a campaign stands, and how its later version does.
fn standing(known: &Known<'_>) -> (&'static str, Option<&'static str>) {
    if known.archived && known.campaign.is_none() {
        return ("archived", None);
    }
    let of_last = match known.last.map(Submission::standing) {
        Some(Standing::Waiting) => "waiting",
        Some(Standing::Returned) => "returned",
        _ => "draft",
    };
    let Some(campaign) = known.campaign else { return (of_last, None) };
    let ended = campaign.period.through.is_some_and(|through| through < when::day_of(known.now));
    let newer = match (known.edition, known.in_force) {
        (Some(edition), Some(version)) if edition.version > version => Some(match known.last {
            Some(last) if last.version == Some(edition.version) => of_last,
            _ => "draft",
        }),
        _ if !known.is_released => Some(if of_last == "returned" { "returned" } else { "waiting" }),
        _ => None,
    };
    if ended {
        return ("ended", newer);
    }
    // What was never released does not run; what was once goes on as it was.
    if known.is_released || known.was_released { ("active", newer) } else { (newer.unwrap_or("waiting"), None) }
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn a_search_minds_neither_accents_nor_case() {
        assert_eq!(folded("  Đường  dây NÓNG "), "duong day nong");
        assert!(folded("Nhận diện lừa đảo").contains(&folded("lua dao")));
    }
}
