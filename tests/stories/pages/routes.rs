//! The pages that there are, read from the router's source, against those that are walked and timed: a new page without a walk fails.

use std::{collections::BTreeSet, fs, path::Path};

use crate::helpers::{files_below, routes::routes};

/// Every page of the console, with an address that shows it.
pub const WALK: &[&str] = &[
    "/sign-in",
    "/sign-in/forgotten",
    "/",
    "/warnings/new",
    "/warnings/new?pattern=dau-tu-sieu-loi-nhuan",
    "/warnings/{warning}",
    "/bulletins",
    "/bulletins?show=all",
    "/bulletins/new",
    "/bulletins/{bulletin}",
    "/campaigns",
    "/campaigns/new",
    "/campaigns/import",
    "/campaigns/{campaign}",
    "/campaigns/{draft}",
    "/campaigns/{draft}/edit",
    "/campaigns/{campaign}/clone",
    "/campaigns/{draft}/versions",
    "/campaigns/{draft}/versions/{version}",
    "/approvals",
    "/approvals/{approval}",
    "/approvals/delegates",
    "/calendar",
    "/segments",
    "/segments/new",
    "/segments/{segment}",
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
    "/requests/{request}",
    "/accounts",
    "/accounts/{account}",
    "/gateways",
    "/runs/{relayed}",
    "/runs/{relayed}/orders",
    "/campaigns/{relay}",
    "/orders",
    "/orders/{order}",
    "/orders/{order}/sheet",
    "/orders/{order}/answer",
    "/orders/{order}/report",
    "/orders/{order}/update",
    "/outlets",
    "/outlets/new",
    "/outlets/import",
    "/outlets/{outlet}",
    "/inbox",
    "/reach",
    "/reach/answer",
    "/reach/rows",
    "/periods",
    "/periods/{period}",
    "/reconcile",
    "/users",
    "/users/new",
    "/users/{user}",
    "/departments",
    "/audit",
    "/me",
    "/me/password",
    "/me/two-factor",
    "/me/tokens",
];

/// What answers to GET and is no page of the console, and why it is not walked.
const NO_PAGES: &[(&str, &str)] = &[
    ("/healthz", "for machines"),
    ("/readyz", "for machines"),
    ("/metrics", "for machines"),
    ("/static/{file}", "no page"),
    ("/u/{token}", "walked with the other pages of the public"),
    ("/genuine", "walked with the other pages of the public"),
    ("/warnings.atom", "for machines"),
    ("/sign-in/code", "looked at in the officer's day: it wants half a session"),
    ("/sign-in/oidc", "leads to the OpenID provider"),
    ("/sign-in/oidc/back", "leads on"),
    ("/invitation/{secret}", "looked at in the administrator's day: it is good once"),
    ("/bulletins/{id}/raw", "a file"),
    ("/campaigns/{slug}/export", "a file"),
    ("/campaigns/{slug}/files/{name}", "a file"),
    ("/campaigns/preview/{mail}", "the text of a mail, within the form"),
    ("/audience/uploads/{id}", "looked at in the officer's day: it wants a file that was brought"),
    ("/orders/{identifier}/files/{name}", "a file"),
    ("/orders/{identifier}/papers/{hash}", "a file"),
    ("/outlets/import/example.csv", "a file"),
    ("/partner/orders", "looked at in the partner's day: it wants an outlet to act for"),
    ("/partner/orders/{identifier}", "looked at in the partner's day"),
    ("/partner/orders/{identifier}/report", "looked at in the partner's day"),
    ("/partner/orders/{identifier}/files/{name}", "a file"),
    ("/partner/orders/{identifier}/papers/{hash}", "a file"),
    ("/reach/export/{file}", "a file"),
    ("/reconcile/{id}", "looked at in the manager's day: it wants an invoice"),
    ("/reconcile/{id}/export.csv", "a file"),
    ("/audit/export.csv", "a file"),
    ("/audit/export.jsonl", "a file"),
    ("/runs/{id}/live", "a stream of events, seen live in the officer's day"),
];

/// Pages of what somebody wrote, of which a measurement has nothing.
const UNTIMED: &[&str] = &[
    "/warnings/{slug}",
    "/bulletins/{id}",
    "/campaigns/{slug}/edit",
    "/campaigns/{slug}/versions/{version}",
    "/approvals/{id}",
    "/requests/{number}",
    "/outlets/{slug}",
    "/runs/{id}/orders",
    "/orders/{identifier}",
    "/orders/{identifier}/sheet",
    "/orders/{identifier}/answer",
    "/orders/{identifier}/report",
    "/orders/{identifier}/update",
];

/// The pages that `loa bench` times.
fn timed() -> Vec<String> {
    let source = fs::read_to_string("src/cli/bench/pages.rs").unwrap();
    let list = source.split_once("pub const PAGES").unwrap().1;
    list.split("];").next().unwrap().split('"').skip(1).step_by(2).map(str::to_string).collect()
}

/// A route or an address with its parts that vary alike: `/runs/{id}` is `/runs/{run}`.
fn shape(path: &str) -> String {
    let path = path.split('?').next().unwrap();
    path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
}

/// The routes of the program's pages and of its API, as shapes.
fn there() -> BTreeSet<String> {
    routes("src/web", "get").iter().map(|route| shape(route)).collect()
}

/// Where the templates lead, as shapes, each with the template that does.
fn links() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for file in files_below(Path::new("src/web/templates"), "html") {
        let template = fs::read_to_string(&file).unwrap();
        for rest in template.split("href=\"/").skip(1) {
            let address = rest.split(['"', '?', '#']).next().unwrap();
            // What a template fills in is a part that varies.
            let parts = address.split('/').map(|part| if part.contains("{{") { "{}" } else { part });
            if !address.contains("{%") {
                found.push((file.display().to_string(), format!("/{}", parts.collect::<Vec<_>>().join("/"))));
            }
        }
    }
    found
}

#[test]
fn no_link_of_a_template_leads_nowhere() {
    let (there, mut lead) = (there(), links());
    assert!(lead.len() > 100, "the templates are written otherwise now: {lead:?}");
    // The API's routes are written in another way, and have a page that lists them.
    lead.retain(|(_, address)| !address.starts_with("/api") && !there.contains(address));
    assert_eq!(lead, [], "no route is for these");
}

#[test]
fn every_page_is_walked_and_timed() {
    let there = there();
    assert!(there.len() > 5, "the router's source is written otherwise now: {there:?}");
    let pages: BTreeSet<String> = there.iter().filter(|route| !route.starts_with("/api")).cloned().collect();
    let left_out: BTreeSet<String> = NO_PAGES.iter().map(|(route, _)| shape(route)).collect();
    let walked: BTreeSet<String> = WALK.iter().map(|address| shape(address)).collect();
    let timed: BTreeSet<String> = timed().iter().map(|address| shape(address)).collect();
    let missing =
        |known: &BTreeSet<String>| pages.difference(known).filter(|page| !left_out.contains(*page)).cloned().collect::<Vec<_>>();
    assert_eq!(missing(&walked), Vec::<String>::new(), "add an address of each to WALK in tests/stories/pages/routes.rs");
    let untimed: BTreeSet<String> = UNTIMED.iter().map(|route| shape(route)).collect();
    let signed_in: Vec<String> =
        missing(&timed).into_iter().filter(|page| !page.starts_with("/sign-in") && !untimed.contains(page)).collect();
    assert_eq!(signed_in, Vec::<String>::new(), "add each to PAGES in src/cli/bench/pages.rs");
    let gone: Vec<_> = walked.union(&left_out).filter(|page| !there.contains(*page)).collect();
    assert_eq!(gone, Vec::<&String>::new(), "there are no such routes any more");
}
