//! What was written in the console, joined to what stands in files.
//!
//! A segment of the console is one table, `[its-name]` with what belongs to it. It follows the text of `segments.toml`, so that
//! files and console may name each other's segments, and places in the file keep their lines. One that does not fit is left out
//! and reported: it never takes the file's segments down.

use std::collections::{BTreeMap, BTreeSet};

use super::{Campaign, Segments};
use crate::{
    document::{Problem, Problems},
    phrase,
};

/// What was written in the console and is in force.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Written {
    /// Campaigns by slug.
    pub campaigns: BTreeMap<String, Sheet>,
    /// Segments: each its name and its table.
    pub segments: Vec<(String, String)>,
}

/// A campaign's text with its attachments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sheet {
    /// The same TOML as a file.
    pub text: String,
    /// By the name that the text gives them.
    pub attachments: BTreeMap<String, Vec<u8>>,
}

/// `segments.toml` and the console's segments as one.
pub(super) struct Joined {
    pub segments: Segments,
    pub text: String,
    /// The console's that are in it.
    pub taken: BTreeSet<String>,
    /// The console's that the file has too: the file's are in it.
    pub hidden: BTreeSet<String>,
    /// What is wrong with the console's that are in neither.
    pub left_out: Problems,
}

/// Joins them. An error is the file's own.
pub(super) fn join(
    file: &str,
    text: &str,
    written: &[(String, String)],
    campaigns: Option<&BTreeSet<String>>,
) -> Result<Joined, Problems> {
    let of_file: toml::Table = toml::from_str(text).unwrap_or_default();
    let (hidden, mut rest): (Vec<_>, Vec<_>) = written.iter().partition(|(slug, _)| of_file.contains_key(slug));
    let hidden = hidden.into_iter().map(|(slug, _)| slug.clone()).collect();
    let mut left_out = Problems::default();
    loop {
        let (joined, starts) = together(text, &rest);
        let found = match Segments::parse_within(file, &joined, campaigns) {
            Ok(segments) => {
                let taken = rest.iter().map(|(slug, _)| slug.clone()).collect();
                return Ok(Joined { segments, text: joined, taken, hidden, left_out });
            }
            Err(found) => found,
        };
        // Which of the console's it is about goes by the line.
        let about = |problem: &Problem| starts.iter().rposition(|start| problem.line >= *start);
        let mut wrong: BTreeMap<usize, Problem> = BTreeMap::new();
        for problem in found.0.iter().filter(|problem| problem.line > 0) {
            if let Some(at) = about(problem) {
                wrong.entry(at).or_insert_with(|| problem.clone());
            }
        }
        if wrong.is_empty() {
            if rest.is_empty() {
                return Err(found);
            }
            // Something of the file is wrong together with the console's alone: the file goes without them.
            wrong = found.0.first().map(|first| (0..rest.len()).map(|at| (at, first.clone())).collect()).unwrap_or_default();
            if wrong.is_empty() || Segments::parse_within(file, text, campaigns).is_err() {
                return Err(found);
            }
        }
        for (at, problem) in wrong.into_iter().rev() {
            let (slug, _) = rest.remove(at);
            let (vi, en) = (problem.message.vi, problem.message.en);
            let said = phrase!(
                "nhóm `{slug}` viết trên trang quản lý chưa dùng được: {vi}",
                "the segment `{slug}` of the console cannot be used: {en}"
            );
            let left = Problem::of(&format!("[{slug}]"), said);
            left_out.0.push(match problem.help {
                Some(help) => left.help(help),
                None => left,
            });
        }
    }
}

/// The file's text with these tables after it, and the line on which each begins.
fn together(text: &str, written: &[&(String, String)]) -> (String, Vec<usize>) {
    let mut joined = text.to_string();
    let mut starts = Vec::new();
    for (_, table) in written {
        if !joined.is_empty() && !joined.ends_with('\n') {
            joined.push('\n');
        }
        starts.push(joined.matches('\n').count() + 1);
        joined.push_str(table.trim());
        joined.push('\n');
    }
    (joined, starts)
}

/// The segments that a campaign names, and those that these name.
pub(super) fn named(campaign: &Campaign, segments: &Segments) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let audience = campaign.audience.segments.iter().chain(&campaign.audience.exclude);
    let mut open: Vec<&str> = audience.chain(campaign.messages.iter().flat_map(|m| &m.segments)).map(String::as_str).collect();
    while let Some(slug) = open.pop() {
        if named.insert(slug.to_string()) {
            open.extend(segments.get(slug).map(|segment| segment.condition.references()).unwrap_or_default());
        }
    }
    named
}

/// The tables of the segments that a campaign names, in one order and spelling: a change of any other segment is none of this
/// campaign's.
pub(super) fn named_text(campaign: &Campaign, segments: &Segments, text: &str) -> String {
    let tables: toml::Table = toml::from_str(text).unwrap_or_default();
    let mut chosen = toml::Table::new();
    for slug in named(campaign, segments) {
        if let Some(table) = tables.get(&slug) {
            chosen.insert(slug, table.clone());
        }
    }
    // Tables that were read from TOML can be written as TOML.
    toml::to_string(&chosen).unwrap_or_default()
}

/// Reads one segment's table before all the others that there are: its problems are at their lines.
pub(super) fn with(slug: &str, table: &str, text: &str, campaigns: &BTreeSet<String>) -> Result<Segments, Problems> {
    let file = format!("[{slug}]");
    let refuse = |message, help| Err(Problem::of(&file, message).help(help).into());
    let alone: toml::Table = match toml::from_str(table) {
        Ok(alone) => alone,
        // The reader of segments points at the place.
        Err(_) => return Segments::parse_within(&file, table, Some(campaigns)),
    };
    if alone.len() != 1 || !alone.get(slug).is_some_and(toml::Value::is_table) || !table.trim_start().starts_with('[') {
        return refuse(
            phrase!("chỉ viết một bảng `[{slug}]`", "there must be one table, `[{slug}]`"),
            phrase!("bắt đầu bằng dòng [{slug}]", "begin with the line [{slug}]"),
        );
    }
    let mut others: toml::Table = toml::from_str(text).unwrap_or_default();
    others.remove(slug);
    let others = toml::to_string(&others).unwrap_or_default();
    Segments::parse_within(&file, &format!("{}\n{others}", table.trim_end()), Some(campaigns))
}
