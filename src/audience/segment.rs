//! Segments as SQL: a condition over people comes in, a boolean expression over `recipient r` with bound values leaves.
//!
//! Nothing of a file is ever spliced into the text: every value is bound, a list as one JSON string. The expression is
//! two-valued (never NULL), so that `not` is exactly the complement: somebody whose year of birth is unknown is not
//! `born_before`, and therefore is `not = { born_before }`. What can go wrong is a segment that does not exist or
//! contains itself: both are refused, never read as "nobody" or "everybody".

use std::{collections::BTreeSet, time::Duration};

use crate::{
    audience::{
        place::Places,
        reach::{confirmed, presumed, unbounced},
    },
    campaign::{Audience, Condition, Reached},
    db::Engine,
};

/// A boolean expression over the alias `r` of table `recipient`, and what its placeholders stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// SQL, already spelled for the engine; placeholders from the first one asked for, in the order of `binds`.
    pub text: String,
    /// The values, one a placeholder.
    pub binds: Vec<Bind>,
}

/// A value for a placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    /// TEXT.
    Text(String),
    /// BIGINT.
    Int(i64),
}

/// Binds a [`Compiled`]'s values, in order, to a query of either engine: `bound!(sqlx::query(text), compiled.binds)`.
#[macro_export]
macro_rules! bound {
    ($query:expr, $binds:expr) => {{
        let mut query = $query;
        for bind in &$binds {
            query = match bind {
                $crate::audience::segment::Bind::Text(text) => query.bind(text.clone()),
                $crate::audience::segment::Bind::Int(number) => query.bind(*number),
            };
        }
        query
    }};
}

/// Why a condition has no SQL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// No such table in segments.toml.
    #[error("there is no segment `{0}`")]
    Unknown(String),
    /// A segment contains itself.
    #[error("the segment `{0}` contains itself")]
    Circular(String),
}

/// How a segment is found by its slug.
pub type Lookup<'a> = dyn Fn(&str) -> Option<&'a Condition> + 'a;

/// Compiles a condition. Placeholders begin at `$first_bind`, so that the text can stand in a larger statement; `now` is
/// in unix milliseconds.
pub fn compile(
    condition: &Condition,
    segments: &Lookup<'_>,
    engine: Engine,
    first_bind: usize,
    now: i64,
) -> Result<Compiled, SegmentError> {
    let mut writer = Writer { segments, next: first_bind, now, binds: Vec::new(), open: Vec::new() };
    let text = writer.condition(condition)?;
    Ok(Compiled { text: engine.spell(&text), binds: writer.binds })
}

/// Compiles a campaign's audience: in any of its segments (none named: nobody, where all goes by relay), and in none of the excluded
/// ones.
pub fn compile_audience(
    audience: &Audience,
    segments: &Lookup<'_>,
    engine: Engine,
    first_bind: usize,
    now: i64,
) -> Result<Compiled, SegmentError> {
    let mut writer = Writer { segments, next: first_bind, now, binds: Vec::new(), open: Vec::new() };
    let mut parts = Vec::new();
    if audience.segments.is_empty() {
        parts.push("1 = 0".to_string());
    } else {
        parts.push(writer.any_segment(&audience.segments)?);
    }
    if !audience.exclude.is_empty() {
        parts.push(format!("NOT {}", writer.any_segment(&audience.exclude)?));
    }
    Ok(Compiled { text: engine.spell(&all(&parts)), binds: writer.binds })
}

/// Writes SQL from left to right, numbering placeholders as it goes.
struct Writer<'l, 'c> {
    segments: &'l Lookup<'c>,
    next: usize,
    now: i64,
    binds: Vec<Bind>,
    /// The segments that are being written, outermost first.
    open: Vec<String>,
}

impl Writer<'_, '_> {
    fn condition(&mut self, condition: &Condition) -> Result<String, SegmentError> {
        let mut parts = Vec::new();
        if !condition.groups.is_empty() {
            let listed = self.list(&condition.groups);
            parts.push(format!("EXISTS (SELECT 1 FROM membership m WHERE m.recipient = r.id AND m.grp IN {listed})"));
        }
        if !condition.areas.is_empty() {
            let listed = self.list(&covered(&condition.areas));
            parts.push(format!("(r.area IS NOT NULL AND r.area IN {listed})"));
        }
        for (day, sign) in [(condition.born_before, "<"), (condition.born_after, ">")] {
            if let Some(day) = day {
                let at = self.bind(Bind::Text(day.format("%Y-%m-%d").to_string()));
                parts.push(format!("(r.born IS NOT NULL AND r.born {sign} {at})"));
            }
        }
        if !condition.lang.is_empty() {
            let listed = self.list(&condition.lang);
            parts.push(format!("COALESCE(r.lang, '{MAIN_LANGUAGE}') IN {listed}"));
        }
        for (name, values) in &condition.attributes {
            let key = self.bind(Bind::Text(name.clone()));
            let listed = self.list(values);
            parts.push(format!("COALESCE(:text(r.attributes, {key}) IN {listed}, FALSE)"));
        }
        if let Some(reached) = &condition.reached {
            parts.push(self.reached(reached));
        }
        if !condition.any.is_empty() {
            let any = condition.any.iter().map(|one| self.condition(one)).collect::<Result<Vec<_>, _>>()?;
            parts.push(format!("({})", any.join(" OR ")));
        }
        if let Some(not) = &condition.not {
            parts.push(format!("NOT {}", self.condition(not)?));
        }
        if !condition.segments.is_empty() {
            parts.push(self.any_segment(&condition.segments)?);
        }
        Ok(all(&parts))
    }

    fn any_segment(&mut self, slugs: &[String]) -> Result<String, SegmentError> {
        let mut parts = Vec::new();
        for slug in slugs {
            if self.open.contains(slug) {
                return Err(SegmentError::Circular(slug.clone()));
            }
            let condition = (self.segments)(slug).ok_or_else(|| SegmentError::Unknown(slug.clone()))?;
            self.open.push(slug.clone());
            parts.push(self.condition(condition)?);
            self.open.pop();
        }
        Ok(format!("({})", parts.join(" OR ")))
    }

    /// Reached: a delivery (of no test) is confirmed or presumed, as [`super::reach`] defines both, and was so `within` the
    /// time in question; its first moment counts. A mail's moment is its acceptance, so a time shorter than 72 h holds no
    /// presumed mail. A person's deliveries of a run lie beside each other in the primary key
    /// (run << 36 | recipient << 4 | channel), so this is one look-up a run. Runs that were over too long ago are not looked
    /// at: a receipt may come after its run's end, but not 72 h after.
    fn reached(&mut self, reached: &Reached) -> String {
        let since = self.now.saturating_sub(millis(reached.within));
        let campaign = self.bind(Bind::Text(reached.campaign.clone()));
        let ended = self.bind(Bind::Int(unbounced(since)));
        let since = self.bind(Bind::Int(since));
        let unbounced = self.bind(Bind::Int(unbounced(self.now)));
        format!(
            concat!(
                "EXISTS (SELECT 1 FROM run x JOIN delivery d ON d.id BETWEEN (x.id << 36) + (r.id << 4) AND (x.id << 36) + (r.id << 4) + 15 \
                 WHERE x.campaign = {campaign} AND x.origin <> 2 AND x.expires_at >= {ended} AND d.updated_at >= {since} AND (",
                confirmed!(),
                " OR ",
                presumed!("{unbounced}"),
                "))"
            ),
            campaign = campaign,
            ended = ended,
            since = since,
            unbounced = unbounced
        )
    }

    /// A list as one bound JSON string: however long it is, the statement's text, and so its plan, stays the same.
    fn list(&mut self, values: &[String]) -> String {
        let values: BTreeSet<&String> = values.iter().collect();
        let rows: Vec<_> = values.into_iter().map(|value| serde_json::json!({ "v": value })).collect();
        let at = self.bind(Bind::Text(serde_json::Value::Array(rows).to_string()));
        format!("(SELECT v FROM :rows({at}; v TEXT) AS listed_{})", self.next)
    }

    fn bind(&mut self, bind: Bind) -> String {
        self.binds.push(bind);
        self.next += 1;
        format!("${}", self.next - 1)
    }
}

/// The language of people whose list names none.
pub const MAIN_LANGUAGE: &str = "vi";

/// Parts that must all hold; none: true.
fn all(parts: &[String]) -> String {
    if parts.is_empty() { "(1 = 1)".to_string() } else { format!("({})", parts.join(" AND ")) }
}

/// The areas themselves and, for a province, its wards: a ward's code says nothing of its province (QĐ 19/2025/QĐ-TTg).
fn covered(areas: &[String]) -> Vec<String> {
    let places = Places::built_in();
    let wards = areas.iter().flat_map(|area| places.wards_of(area));
    wards.map(str::to_string).chain(areas.iter().cloned()).collect()
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_go_on_from_the_first_one_asked_for_and_values_never_stand_in_the_text() {
        let elderly = Condition { lang: vec!["vi'; DROP TABLE recipient".into()], ..Condition::default() };
        let condition = Condition {
            groups: vec!["x".into(), "x".into()],
            born_before: chrono::NaiveDate::from_ymd_opt(1960, 1, 1),
            not: Some(Box::new(Condition { segments: vec!["elderly".into()], ..Condition::default() })),
            ..Condition::default()
        };
        let lookup = |slug: &str| (slug == "elderly").then_some(&elderly);
        let compiled = compile(&condition, &lookup, Engine::Sqlite, 4, 0).unwrap();
        assert_eq!(
            compiled.text,
            "(EXISTS (SELECT 1 FROM membership m WHERE m.recipient = r.id AND m.grp IN (SELECT v FROM (SELECT value ->> 'v' AS v FROM jsonb_each($4)) AS listed_5)) \
             AND (r.born IS NOT NULL AND r.born < $5) \
             AND NOT (((COALESCE(r.lang, 'vi') IN (SELECT v FROM (SELECT value ->> 'v' AS v FROM jsonb_each($6)) AS listed_7)))))"
        );
        let text = |text: &str| Bind::Text(text.into());
        let lang = r#"[{"v":"vi'; DROP TABLE recipient"}]"#;
        assert_eq!(compiled.binds, [text(r#"[{"v":"x"}]"#), text("1960-01-01"), text(lang)]);
    }

    #[test]
    fn an_audience_without_segments_is_nobody() {
        let compiled = compile_audience(&Audience::default(), &|_| None, Engine::Postgres, 1, 0).unwrap();
        assert_eq!(compiled, Compiled { text: "(1 = 0)".into(), binds: vec![] });
    }
}
