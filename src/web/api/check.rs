//! A campaign's text, looked at as the form and `loa check` look at it; nothing is kept.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    caller::Caller,
    input::{Json, at_most},
    problem::Problem,
};
use crate::{
    campaign::Campaign,
    document::Problems,
    phrase,
    user::Right,
    web::{State, reader::Reader},
    words::Lang,
};

/// The longest text that is looked at, in characters.
const LONGEST: usize = 200_000;

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(check))
}

/// A campaign's text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Text {
    /// What it is to be called in addresses and files.
    #[schema(pattern = "^[a-z0-9-]{1,64}$", example = "nhan-dien-lua-dao")]
    campaign: String,
    /// TOML, as in a file of `campaigns/`.
    #[schema(max_length = 200_000)]
    text: String,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
struct Findings {
    /// It could be saved and submitted.
    ok: bool,
    /// What is wrong with it.
    problems: Vec<Finding>,
}

/// One thing that is wrong with a text.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Finding {
    /// The key, such as `cadence.every`; empty: the text as a whole.
    field: String,
    /// The line, from 1; 0: no line in particular.
    line: usize,
    /// The column, from 1; 0: no line in particular.
    column: usize,
    /// What is wrong.
    message: String,
    /// What would be right.
    help: Option<String>,
}

/// Problems as the API tells them.
pub(super) fn findings(problems: &Problems, lang: Lang) -> Vec<Finding> {
    let one = |problem: &crate::document::Problem| Finding {
        field: problem.field.clone(),
        line: problem.line,
        column: problem.column,
        message: problem.message.text(lang).to_string(),
        help: problem.help.as_ref().map(|help| help.text(lang).to_string()),
    };
    problems.0.iter().map(one).collect()
}

#[utoipa::path(post, path = "/check", tag = "campaigns", operation_id = "check_text",
    summary = "Kiểm tra nội dung | Check a text", description = "Points at every mistake by line and column. Nothing is kept.",
    request_body = Text, responses((status = 200, description = "What was found", body = Findings)))]
async fn check(caller: Caller, Reader(lang): Reader, Json(text): Json<Text>) -> Result<axum::Json<Findings>, Problem> {
    caller.needs(Right::ReadCampaigns)?;
    at_most("/text", &text.text, LONGEST)?;
    let slug = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !(1..=64).contains(&text.campaign.len()) || !text.campaign.chars().all(slug) {
        let words =
            phrase!("từ 1 đến 64 chữ thường không dấu, chữ số hoặc gạch nối", "1 to 64 lower-case letters, digits or hyphens");
        return Err(Problem::field("/campaign", words));
    }
    let checked = Campaign::parse(&format!("{}.toml", text.campaign), &text.campaign, &text.text);
    let problems = checked.err().map(|problems| findings(&problems, lang)).unwrap_or_default();
    Ok(axum::Json(Findings { ok: problems.is_empty(), problems }))
}
