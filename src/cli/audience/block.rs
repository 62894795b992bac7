//! `loa audience block`: lists of those never to be written to.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use serde_json::json;

use super::{Ground, own_name, progress_bar};
use crate::{
    audience::block::{self, Binds},
    cli::{Globals, Mistake, table},
    clock::local,
    document::suggestion,
    phrase,
    words::Lang,
};

impl Ground<'_> {
    pub(super) async fn block(
        &self,
        file: Option<PathBuf>,
        source: Option<String>,
        binds: &str,
        remove: Option<String>,
    ) -> anyhow::Result<ExitCode> {
        let Some(path) = file else {
            return match remove {
                Some(name) => self.unblock(&name).await,
                None => self.blocks().await,
            };
        };
        let name = source.unwrap_or_else(|| own_name(&path));
        let order = block::Order { path, name, binds: Binds::from_name(binds).unwrap_or(Binds::Advertising) };
        let bar = progress_bar()?;
        let imported = block::import(&self.db, &self.seal, &self.globals.clock, &order, |at, length| {
            bar.set_length(length);
            bar.set_position(at);
        })
        .await;
        bar.finish_and_clear();
        let summary = match imported {
            Err(error) if error.is_of_the_file() => return Err(Mistake(error.phrase()).into()),
            imported => imported?,
        };
        let block::Summary { rows, entries, removed, landlines, bad, first } = summary;
        if self.globals.json {
            let first = first.iter().map(|bad| json!({ "line": bad.line, "reason": bad.reason.text(self.lang()) }));
            Globals::print_json(&json!({
                "list": order.name,
                "binds": order.binds.name(),
                "rows": rows,
                "entries": entries,
                "removed": removed,
                "landlines": landlines,
                "bad": bad,
                "first": first.collect::<Vec<_>>(),
            }))?;
            return Ok(ExitCode::SUCCESS);
        }
        for block::Bad { line, reason } in &first {
            let reason = reason.text(self.lang());
            writeln!(io::stderr(), "{}", phrase!("dòng {line}: {reason}", "line {line}: {reason}").text(self.lang()))?;
        }
        let name = &order.name;
        self.say(&phrase!(
            "Danh sách `{name}`: {rows} dòng, {entries} địa chỉ; bỏ {removed} địa chỉ của bản trước, {landlines} số cố định, {bad} dòng lỗi.",
            "List `{name}`: {rows} rows, {entries} addresses; {removed} of the edition before taken out, {landlines} landlines, {bad} bad rows."
        ))?;
        Ok(ExitCode::SUCCESS)
    }

    /// The lists of addresses never to be written to.
    async fn blocks(&self) -> anyhow::Result<ExitCode> {
        let lists = block::lists(&self.db).await?;
        if self.globals.json {
            let list = lists.iter().map(|list| {
                json!({ "list": list.name, "binds": list.binds().name(), "entries": list.entries, "finished_at": list.finished_at })
            });
            Globals::print_json(&list.collect())?;
            return Ok(ExitCode::SUCCESS);
        }
        if lists.is_empty() {
            self.say(&phrase!(
                "Chưa nhập danh sách nào không được gửi.",
                "There is no list of addresses never to be written to."
            ))?;
            return Ok(ExitCode::SUCCESS);
        }
        let (heading, words) = match self.lang() {
            Lang::Vi => (["Danh sách", "Ràng buộc", "Địa chỉ", "Nhập lúc"], ["quảng cáo", "mọi tin", "nhập dở dang: nhập lại"]),
            Lang::En => (["List", "Binds", "Addresses", "Imported"], ["advertising", "everything", "broke off: import it again"]),
        };
        let rows: Vec<Vec<String>> = lists
            .iter()
            .map(|list| {
                let binds = if list.binds() == Binds::Advertising { words[0] } else { words[1] };
                let at = list.finished_at.map(|at| local(at).format("%d/%m/%Y %H:%M").to_string());
                vec![list.name.clone(), binds.into(), list.entries.to_string(), at.unwrap_or_else(|| words[2].into())]
            })
            .collect();
        write!(io::stdout(), "{}", table::render(&heading, &rows))?;
        Ok(ExitCode::SUCCESS)
    }

    async fn unblock(&self, name: &str) -> anyhow::Result<ExitCode> {
        let Some(removed) = block::remove(&self.db, name).await? else {
            let lists = block::lists(&self.db).await?;
            let known = suggestion(name, lists.iter().map(|list| list.name.as_str()));
            return Err(Mistake(phrase!("không có danh sách `{name}`", "there is no list `{name}`").then(&known)).into());
        };
        self.say(&phrase!("Đã bỏ danh sách `{name}`: {removed} địa chỉ.", "Took back the list `{name}`: {removed} addresses."))?;
        Ok(ExitCode::SUCCESS)
    }
}
