//! How long the console's pages take where Loa has run for years: a million people, ten million deliveries.
//!
//! What enters: a database that [`large`] fills. What leaves: for each page, as somebody with every right asks for it over HTTP,
//! the median time until its last byte, and the time that 95 of 100 requests stay below. The pages that show figures come last, when
//! those are there; the others are asked for while they are being counted, which is the worst that a day has. A measure: nothing fails
//! by it, and a page that does not answer with 200 is left out by name.

mod large;
mod signed_in;

use std::time::Instant;

use anyhow::Context as _;
use sqlx::AssertSqlSafe;

use super::{
    Bench, Step,
    figure::{Figure, median},
    gateways,
    ground::{Ground, Store},
    instant::InstantGateway,
    store,
};
use crate::{app::Part, on};

/// Requests before it counts: caches of the database are as warm as in an office where people work.
const WARM_UP: usize = 3;

/// Where the pages of figures begin.
const REACH: &str = "/reach";

/// What a page of figures has once they are there.
const FIGURES: &str = "id=\"figures\"";

/// Every page, and what is read most of the API. `{run}` is the latest run, `{settled}` the one before it; `{person}` is in the middle
/// of the list.
pub const PAGES: &[&str] = &[
    "/",
    "/warnings/new",
    "/bulletins",
    "/bulletins/new",
    "/campaigns",
    "/campaigns/new",
    "/campaigns/import",
    "/campaigns/{campaign}",
    "/campaigns/{campaign}/clone",
    "/approvals",
    "/approvals/delegates",
    "/calendar",
    "/segments",
    "/segments/new",
    "/runs",
    "/runs/{run}",
    "/runs/{settled}",
    "/runs/{settled}/after",
    "/runs/{settled}/correct",
    "/runs/{settled}/retry",
    "/runs/{run}/abort",
    "/stop",
    "/audience",
    "/audience/groups",
    "/audience/refusals",
    "/audience/blocked",
    "/audience/suppressed",
    "/people",
    "/people/{person}",
    "/people/{person}/erase",
    "/requests",
    "/accounts",
    "/accounts/{account}",
    "/gateways",
    "/orders",
    "/outlets",
    "/outlets/new",
    "/outlets/import",
    "/inbox",
    "/reach",
    "/reach/answer",
    "/reach/rows",
    "/periods",
    "/reconcile",
    "/users",
    "/users/new",
    "/departments",
    "/audit",
    "/me",
    "/me/password",
    "/me/two-factor",
    "/me/tokens",
    "/campaigns/{campaign}/versions",
    "/periods/{period}",
    "/users/{user}",
    "/segments/{segment}",
    "/api/v1/runs",
];

/// Times every page.
pub async fn measure(bench: &Bench, on: Store) -> anyhow::Result<Vec<Figure>> {
    let engine = on.name();
    let ground = Ground::new(&bench.folder, "pages", on, bench.people, store::ACCOUNT, &bench.clock).await?;
    let filled = large::fill(&ground, bench.deliveries).await?;
    let visitor = signed_in::visitor(&ground).await?;
    let app = ground.start(&[Part::Schedule, Part::Web], store::stand_in(&std::sync::Arc::<InstantGateway>::default())).await?;
    let base = format!("http://{}", app.address.context("nothing listens")?);
    let person: i64 = first(&ground, "SELECT max(id) / 2 + 1 FROM recipient").await?;
    let client = gateways::client()?;
    let mut figures = Vec::new();
    // Whoever asks first has them counted.
    visitor.sign(client.get(format!("{base}{REACH}")), REACH).send().await?;
    let (last, first): (Vec<&str>, Vec<&str>) = PAGES.iter().partition(|page| page.starts_with(REACH));
    for page in first.into_iter().chain(last) {
        if page == REACH {
            let counted = async || {
                Ok(visitor.sign(client.get(format!("{base}{REACH}")), REACH).send().await?.text().await?.contains(FIGURES))
            };
            ground.until(counted).await?;
        }
        let path = page
            .replace("{run}", &filled.under_way.to_string())
            .replace("{settled}", &filled.settled.to_string())
            .replace("{person}", &person.to_string())
            .replace("{campaign}", "sms")
            .replace("{account}", "instant")
            .replace("{segment}", "moi-nguoi")
            .replace("{period}", "2026-Q3")
            .replace("{user}", "1");
        let mut took = Vec::new();
        let mut refused = None;
        for round in 0..WARM_UP + bench.size.requests {
            let asked = visitor.sign(client.get(format!("{base}{path}")), &path);
            let begun = Instant::now();
            let answer = asked.send().await?;
            let status = answer.status();
            answer.bytes().await?;
            if !status.is_success() {
                refused = Some(status);
                break;
            }
            if round >= WARM_UP {
                took.push(begun.elapsed().as_secs_f64() * 1000.0);
            }
        }
        if let Some(status) = refused {
            bench.leave_out(Step::Pages, format!("{path} answers with {status} ({engine})"));
            continue;
        }
        took.sort_by(f64::total_cmp);
        let slow = took[(took.len() * 95).div_ceil(100) - 1];
        figures.push(Figure { value: median(&took), ..Figure::of(page, "ms", &took) }.on(engine));
        figures.push(Figure { samples: took.len(), ..Figure::of(&format!("{page} p95"), "ms", &[slow]) }.on(engine));
    }
    app.stop().await?;
    ground.close().await?;
    Ok(figures)
}

/// A number that a query of the measurement's own gives.
async fn first(ground: &Ground, query: &str) -> anyhow::Result<i64> {
    let query = AssertSqlSafe(query.to_string());
    Ok(on!(ground.db.read, |pool, _sql| sqlx::query_scalar(query).fetch_one(pool).await)?)
}
