//! From a campaign's `[relay]` to its orders: whom a run asks, and for what. Called in the transaction that makes the run.
//!
//! Who is named in the campaign is asked wherever they are; who is asked by their kind, only where what they cover and what is ordered
//! have an area in common. What rests is not asked. A name that is none (nobody checks a file against the outlets but `loa check`) makes
//! no order and is recorded, since nothing else would tell of it.

use std::time::Duration;

use providers::text::Encoding;
use serde_json::json;

use super::{Basis, By, Content, Sms, content::apart, make, paper};
use crate::{
    audience::place::Places,
    audit,
    campaign::{Campaign, Kind as CampaignKind, Relay, Source, relay as written},
    db::{Db, Result, Tx},
    outlet::{self, Kind, Outlet},
};

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX / 4)
}

/// `08:30`, of minutes after midnight.
fn clock(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// What is asked of everybody; `document` is the hash of the scanned one, and `start` when the order begins to hold.
fn content(campaign: &Campaign, relay: &Relay, document: Option<String>, start: i64) -> Content {
    let expires_at = start + millis(relay.valid_for);
    let sms = relay.text().map(|text| Sms {
        encoding: match text.encoding {
            Encoding::Gsm => "gsm".to_string(),
            Encoding::Ucs2 => "ucs2".to_string(),
        },
        text: text.text,
        parts: text.parts,
        sha256: text.sha256,
    });
    let basis = campaign.basis.as_ref().map(|basis| Basis {
        number: basis.number.clone(),
        date: basis.date.to_string(),
        authority: basis.authority.clone().unwrap_or_default(),
        signer: basis.signer.clone(),
        document,
    });
    Content {
        title: campaign.title.clone(),
        warning: campaign.kind == CampaignKind::Warning,
        status: relay.status,
        sender_name: relay.sender.clone(),
        sms,
        app: relay.app.clone(),
        material: relay.material.clone(),
        rounds: relay.rounds,
        window: relay.hours.map(|(from, until)| (clock(from), clock(until))),
        max_rate: relay
            .rate
            .map(|(most, span)| u32::try_from(u64::from(most) / span.as_secs().max(1)).unwrap_or(u32::MAX).max(1)),
        areas: relay.areas.clone(),
        audience: Some(relay.audience.clone()).filter(|audience| !audience.is_empty()),
        contract: match &relay.payment {
            written::Payment::Free => None,
            written::Payment::Contract(number) => Some(number.clone()),
        },
        basis,
        report_by: Some(expires_at + millis(relay.report_within)),
        expires_at,
    }
}

/// Areas that both have: each code of the one that is, or lies in, one of the other, and none within another. An outlet of no areas covers
/// the country.
fn common(ordered: &[String], covered: &[String], province_of: impl Fn(&str) -> Option<&'static str>) -> Vec<String> {
    if covered.is_empty() {
        return apart(ordered.to_vec(), province_of);
    }
    let within = |code: &String, of: &[String]| of.iter().any(|one| one == code || province_of(code) == Some(one.as_str()));
    let narrower = covered.iter().filter(|code| within(code, ordered));
    let mut areas: Vec<String> = ordered.iter().filter(|code| within(code, covered)).chain(narrower).cloned().collect();
    areas.sort();
    areas.dedup();
    apart(areas, province_of)
}

/// Whom a campaign asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whom {
    /// The outlets, each with the areas that it is asked for.
    pub asked: Vec<(Outlet, Vec<String>)>,
    /// Names in the campaign that are no outlet's, or of one that rests: they get no order.
    pub missing: Vec<String>,
}

/// The kinds of outlets that a campaign asks all of.
fn kinds(relay: &Relay) -> Vec<Kind> {
    relay.kinds.iter().filter_map(|name| Kind::named(name)).collect()
}

/// Whom a campaign asks of these outlets: those that it names, and those of its kinds.
fn whom(campaign: &Campaign, relay: &Relay, outlets: Vec<Outlet>) -> Whom {
    let is_there = |name: &&String| outlets.iter().any(|outlet| outlet.slug == **name && outlet.active);
    let missing = relay.partners.iter().filter(|name| !is_there(name)).cloned().collect();
    let places = Places::built_in();
    let mut asked = Vec::with_capacity(outlets.len());
    for outlet in outlets.into_iter().filter(|outlet| outlet.active) {
        let named = relay.partners.contains(&outlet.slug);
        // Another department's are asked by name alone, by whoever knows them.
        if !named && !outlet.owner.is_empty() && outlet.owner != campaign.owner {
            continue;
        }
        let areas = common(&relay.areas, &outlet.areas, |code| places.province_of(code));
        if areas.is_empty() && !named {
            continue;
        }
        let areas = if areas.is_empty() { apart(relay.areas.clone(), |code| places.province_of(code)) } else { areas };
        asked.push((outlet, areas));
    }
    Whom { asked, missing }
}

/// Whom a run of a campaign would ask as the outlets are now; none: it asks nobody.
pub async fn foreseen(db: &Db, campaign: &Campaign) -> Result<Option<Whom>> {
    let Some(relay) = &campaign.channels.relay else { return Ok(None) };
    let kinds = kinds(relay);
    let mut outlets = outlet::without_contacts(db).await?;
    outlets.retain(|outlet| relay.partners.contains(&outlet.slug) || kinds.contains(&outlet.kind));
    Ok(Some(whom(campaign, relay, outlets)))
}

/// Makes the orders of a run whose campaign asks somebody to pass it on; their numbers.
pub async fn orders(tx: &mut Tx, run: i64, source: &Source, start: i64, by: &By<'_>) -> Result<Vec<i64>> {
    let campaign = &source.campaign;
    let Some(relay) = &campaign.channels.relay else { return Ok(Vec::new()) };
    let outlets = outlet::within_by_slug(tx, &relay.partners, &kinds(relay)).await?;
    let Whom { asked, missing } = whom(campaign, relay, outlets);
    if !missing.is_empty() {
        tracing::error!(
            run,
            campaign = campaign.slug,
            ?missing,
            "outlets that a campaign names are none, or rest: they get no order"
        );
        let after = json!({ "run": run, "missing": missing });
        audit::record(tx, by.actor, "order.missing", &campaign.slug, None, Some(&after), by.now).await?;
    }
    let document = match source.document() {
        Some((name, bytes)) => Some(paper::keep(tx, name, paper::kind_of(name), bytes, by).await?),
        None => None,
    };
    let content = content(campaign, relay, document, start);
    let asked: Vec<(Outlet, Content)> =
        asked.into_iter().map(|(outlet, areas)| (outlet, Content { areas, ..content.clone() })).collect();
    let of = make::Run { run, campaign: &campaign.slug, owner: &campaign.owner };
    make::orders(tx, &of, &asked, true, by).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn province(code: &str) -> Option<&'static str> {
        match code {
            "01" | "00004" | "00008" => Some("01"),
            "79" => Some("79"),
            _ => None,
        }
    }

    #[test]
    fn what_both_have_is_the_narrower_of_the_two() {
        let of = |ordered: &[&str], covered: &[&str]| {
            let [ordered, covered] = [ordered, covered].map(|codes| codes.iter().map(ToString::to_string).collect::<Vec<_>>());
            common(&ordered, &covered, province)
        };
        assert_eq!(of(&["01", "79"], &[]), ["01", "79"]);
        assert_eq!(of(&["01", "79"], &["00004"]), ["00004"]);
        assert_eq!(of(&["00004", "00008"], &["01"]), ["00004", "00008"]);
        assert_eq!(of(&["01"], &["01", "79"]), ["01"]);
        // A ward beside its province would be counted twice.
        assert_eq!(of(&["79", "01"], &["01", "00004"]), ["01"]);
        assert_eq!(of(&["79", "00004", "01"], &[]), ["79", "01"]);
        assert_eq!(of(&["01", "00004"], &["00004", "00008"]), ["00004", "00008"]);
        assert_eq!(of(&["79"], &["00004"]), Vec::<String>::new());
    }

    #[test]
    fn hours_are_written_as_clocks_show_them() {
        assert_eq!((clock(0), clock(510), clock(1440)), ("00:00".into(), "08:30".into(), "24:00".into()));
    }
}
