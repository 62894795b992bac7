//! `loa outlets import`: a list comes in; what became of each row is said, and bad rows never stop the good ones.

use std::{
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

use serde_json::json;

use super::Desk;
use crate::{
    cli::{Globals, MISTAKE},
    document::{Problem, Problems},
    outlet::Kind,
    phrase,
    relay::enlist::{self, Done, EnlistError, Ground, Listed, What},
};

impl Desk<'_> {
    pub(super) async fn import(
        &self,
        file: &Path,
        kind: Option<Kind>,
        owner: Option<String>,
        dry_run: bool,
    ) -> anyhow::Result<ExitCode> {
        let mut ground = Ground::of(self.db, self.seal, kind, owner.as_deref().unwrap_or_default()).await?;
        ground.sees_all = true;
        let path = file.to_path_buf();
        // Workbooks are unpacked for a while: not where others wait.
        let listed = tokio::task::spawn_blocking(move || enlist::read(&path, &ground, |_| true)).await?;
        let listed =
            listed.map_err(|error: EnlistError| Problems::from(Problem::of(&file.display().to_string(), error.words())))?;
        let done = if dry_run {
            let (added, changed, same) = listed.counts();
            Done { added, changed, same, left: Vec::new() }
        } else {
            enlist::take(self.db, self.seal, &listed.rows, &self.actor()?, self.now()).await?
        };
        self.imported(&listed, &done, dry_run)?;
        let whole = listed.wrong.is_empty() && done.left.is_empty();
        Ok(if whole { ExitCode::SUCCESS } else { MISTAKE.into() })
    }

    fn imported(&self, listed: &Listed, done: &Done, dry_run: bool) -> anyhow::Result<()> {
        let lang = self.globals.lang;
        let wrong: Vec<_> = listed.wrong.iter().chain(&done.left).collect();
        if self.globals.json {
            let told = |row: &&enlist::Wrong| json!({ "line": row.line, "column": row.column, "why": row.why.text(lang) });
            let rows = |row: &enlist::Row| {
                let what = match &row.what {
                    What::Add => "add",
                    What::Change(..) => "change",
                    What::Same => "same",
                };
                json!({ "line": row.line, "outlet": row.written.slug, "what": what })
            };
            Globals::print_json(&json!({
                "dry_run": dry_run, "added": done.added, "changed": done.changed, "same": done.same,
                "rows": listed.rows.iter().map(rows).collect::<Vec<_>>(),
                "wrong": wrong.iter().map(told).collect::<Vec<_>>(),
            }))?;
            return Ok(());
        }
        for row in &wrong {
            let (line, why) = (row.line, row.why.text(lang));
            let column = row.column.map_or_else(String::new, |name| format!(", {}", enlist::column(name, lang)));
            let place = phrase!("dòng {line}{column}", "line {line}{column}");
            writeln!(io::stderr(), "{}: {why}", place.text(lang))?;
        }
        let (added, changed, same, bad) = (done.added, done.changed, done.same, wrong.len());
        self.say(&if dry_run {
            phrase!(
                "Sẽ thêm {added}, sửa {changed}, giữ nguyên {same}; {bad} dòng sai. Chưa ghi gì.",
                "Would add {added}, change {changed}, leave {same}; {bad} rows are wrong. Nothing is written yet."
            )
        } else {
            phrase!(
                "Đã thêm {added}, sửa {changed}, giữ nguyên {same}; {bad} dòng sai.",
                "Added {added}, changed {changed}, left {same}; {bad} rows are wrong."
            )
        })?;
        Ok(())
    }
}
