//! Lists that are brought, as programs read them: how far one is, what its columns hold, and what it would change, or did.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    intake::{self, Clerk, Outcome},
    web::api::answer::moment,
    words::Lang,
};

/// A list that was brought.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Upload {
    /// Its number.
    #[schema(minimum = 1)]
    id: i64,
    /// What the file was called.
    name: String,
    /// People to write to, or addresses never to be written to.
    kind: intake::Kind,
    /// Which of the office's lists it is.
    list: String,
    /// The department that the list will belong to; empty: nobody's.
    department: String,
    /// Who is of this list and not in the file is retired.
    replace: bool,
    /// Of `kind` `block`: every campaign is bound, not advertising alone.
    everything: bool,
    /// On what basis its people are written to, where a row of it does not say; null: not said.
    basis: Option<String>,
    /// Where that comes from.
    basis_source: Option<String>,
    /// `checking`: it is gone through; `checked`: it waits to be confirmed; `confirmed`: it is taken in; `done`, `failed` or `dropped`.
    state: &'static str,
    /// Of a hundred, how much of that is done.
    #[schema(minimum = 0, maximum = 100)]
    percent: i64,
    /// Who brought it.
    by: String,
    /// When.
    brought_at: DateTime<Utc>,
    /// When it was over.
    ended_at: Option<DateTime<Utc>>,
    /// Why it cannot be taken in.
    failure: Option<String>,
    /// Its columns, from the left.
    columns: Vec<Column>,
    /// What it would change, or did; null: it is not gone through yet.
    outcome: Option<Changes>,
    /// Its refused rows can be fetched, once.
    has_refused_rows: bool,
}

/// A column of a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UploadColumn)]
struct Column {
    /// Its name in the file.
    name: String,
    /// What it holds: a field such as `phone`, an attribute of one's own such as `=trang_thai`, or `-`: it is not kept.
    #[schema(example = "phone")]
    holds: String,
    /// Its first cells, masked.
    cells: Vec<String>,
}

/// What a list would change, or did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UploadChanges)]
struct Changes {
    /// Rows of the file.
    rows: u64,
    /// People, or addresses, that were not known.
    added: u64,
    /// People who were.
    updated: u64,
    /// Rows whose person another row of the file names.
    repeated: u64,
    /// Refused rows.
    refused: u64,
    /// People, or addresses, that are no longer in the list.
    retired: u64,
    /// People who come over from other lists that the caller sees.
    moved: u64,
    /// People of other departments' lists. There must be none for the list to be taken in.
    foreign: u64,
    /// The first refusals.
    refusals: Vec<RefusedRow>,
    /// Columns that are not kept.
    ignored: Vec<String>,
}

/// A refused row.
#[derive(Debug, Serialize, ToSchema)]
struct RefusedRow {
    /// The line, as an editor or Excel counts.
    line: u64,
    /// The column as the list names it; empty: the whole row.
    column: String,
    /// Why, without personal data.
    reason: String,
}

impl Upload {
    pub(super) fn of(upload: intake::Upload, clerk: &Clerk<'_>, lang: Lang) -> Self {
        let settings = upload.settings();
        let said = settings.reading.mapping.map(|mapping| mapping.columns);
        let columns = upload.look().into_iter().flat_map(|look| look.columns).enumerate().map(|(at, guess)| Column {
            holds: said.as_ref().and_then(|said| said.get(at)).unwrap_or(&guess.key).clone(),
            name: guess.name,
            cells: guess.cells,
        });
        let (basis, basis_source) = settings.reading.basis.map(|basis| (basis.basis, basis.source)).unzip();
        Self {
            columns: columns.collect(),
            outcome: upload.outcome().map(|outcome| Changes::of(outcome, clerk, lang)),
            kind: upload.kind(),
            list: settings.source,
            department: settings.owner,
            replace: settings.replace,
            everything: settings.everything,
            basis,
            basis_source,
            state: upload.state().name(),
            percent: upload.percent(),
            brought_at: moment(upload.created_at),
            ended_at: upload.finished_at.map(moment),
            failure: upload.failure().map(|failure| failure.text(lang).to_string()),
            has_refused_rows: upload.rejected,
            id: upload.id,
            by: upload.by_whom,
            name: upload.title,
        }
    }
}

impl Changes {
    fn of(outcome: Outcome, clerk: &Clerk<'_>, lang: Lang) -> Self {
        let (moved, foreign) = clerk.moved(&outcome);
        Self {
            moved: moved.into_iter().map(|(_, n)| n).sum(),
            foreign,
            rows: outcome.rows,
            added: outcome.added,
            updated: outcome.updated,
            repeated: outcome.repeated,
            refused: outcome.rejected,
            retired: outcome.retired,
            refusals: outcome
                .first
                .into_iter()
                .map(|bad| RefusedRow { line: bad.line, column: bad.column, reason: lang.pick(&bad.vi, &bad.en).clone() })
                .collect(),
            ignored: outcome.ignored,
        }
    }
}
