//! Bulletins: what others published, what was made of it, and documents that an officer brings.
//!
//! What enters: requests of people who may read campaigns; who may write them makes drafts and dismisses. What leaves: pages. What a
//! source wrote stands on them as text, whatever it holds; its XML is shown and handed out as plain text. What can go wrong is told
//! beside its field, and what was typed is kept.

mod bring;

use axum::{
    Router,
    extract::{self, DefaultBodyLimit, FromRequestParts, Path, Query},
    http::request::Parts,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use minijinja::{Value, context};
use serde::Deserialize;

use super::{
    Named,
    fault::Fault,
    form::{Fields, Mistakes},
    visitor::{Visitor, see_other},
    when::moment,
};
use crate::{
    bulletin::{self, Bulletin, Kind, MAX_BYTES, Signature, Standing, paste, poll},
    cap, phrase,
    user::Right,
    web::{Shared, State, download},
    words::{Lang, Phrase},
};

pub(super) const TEMPLATES: &[Named] = &[
    ("bulletins/list", include_str!("../templates/console/bulletins/list.html")),
    ("bulletins/show", include_str!("../templates/console/bulletins/show.html")),
    ("bulletins/new", include_str!("../templates/console/bulletins/new.html")),
    ("bulletins/preview", include_str!("../templates/console/bulletins/preview.html")),
];

/// Bulletins on a page.
const PAGE: usize = 30;
/// Bytes of a form that carries the largest document, in letters, with what stands beside it.
const LARGEST: usize = MAX_BYTES / 3 * 4 + 256 * 1024;
/// Characters of a document that a page shows: the whole of it is a file.
const RAW: usize = 60_000;

pub(super) fn routes() -> Router<State> {
    Router::new()
        .route("/bulletins", get(list).post(bring::make).layer(DefaultBodyLimit::max(LARGEST)))
        .route("/bulletins/new", get(bring::new))
        .route("/bulletins/preview", post(bring::preview).layer(DefaultBodyLimit::max(LARGEST)))
        .route("/bulletins/{id}", get(show))
        .route("/bulletins/{id}/raw", get(raw))
        .route("/bulletins/{id}/dismiss", post(dismiss))
        .route("/bulletins/{id}/look", post(look))
        .route("/bulletins/{id}/draft", post(draft))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Asked {
    /// `all`: also those that nobody need do anything about.
    show: String,
    before: Option<i64>,
}

/// The colour of a standing.
const fn tone(standing: Standing) -> &'static str {
    match standing {
        Standing::Waiting => "amber",
        Standing::Submitted | Standing::Sent(_) => "good",
        Standing::Refused(_) => "bad",
        Standing::Noted(_) | Standing::Archived | Standing::Dismissed => "",
    }
}

const fn signature_tone(signature: Signature) -> &'static str {
    match signature {
        Signature::Verified => "good",
        Signature::Wrong => "bad",
        Signature::None | Signature::Unpinned => "",
    }
}

fn kind_label(kind: Kind, lang: Lang) -> &'static str {
    match kind {
        Kind::Plain => "",
        Kind::Alert => lang.pick("CAP: cảnh báo", "CAP alert"),
        Kind::Update => lang.pick("CAP: thay bản trước", "CAP update"),
        Kind::Cancel => lang.pick("CAP: thu hồi", "CAP cancel"),
        Kind::Other => lang.pick("CAP: phúc đáp", "CAP answer"),
    }
}

fn row(one: &Bulletin, lang: Lang) -> Value {
    let standing = one.standing();
    let why = match standing {
        Standing::Noted(why) | Standing::Refused(why) => why.words().text(lang).to_string(),
        _ => String::new(),
    };
    let signature = one.signature();
    context! {
        id => one.id, title => &one.title, source => &one.source, publisher => &one.publisher, owner => &one.owner,
        at => one.at.map(|at| moment(at, lang)), seen => moment(one.seen_at, lang), seen_by => &one.seen_by,
        standing => standing.name(), label => standing.label().text(lang), tone => tone(standing), why,
        kind => kind_label(one.kind(), lang), cap => one.kind() != Kind::Plain,
        signature => signature.label().text(lang), signature_tone => signature_tone(signature), changed => one.is_changed(),
        remark => one.remark().map(|remark| remark.text(lang).to_string()),
    }
}

async fn list(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    visitor.needs(Right::ReadCampaigns)?;
    let (db, lang, scope) = (&state.parts.db, visitor.lang, &visitor.user.departments);
    let all = asked.show == "all";
    let (rows, more) = if all {
        bulletin::list(db, scope, asked.before, PAGE).await?
    } else {
        let open = bulletin::open(db).await?.into_iter().filter(|one| scope.sees(&one.owner));
        (open.collect(), false)
    };
    let sources = poll::sources(db).await?;
    let config = &state.parts.config;
    let sources: Vec<Value> = config
        .bulletins
        .iter()
        .filter(|one| scope.sees(&one.department))
        .map(|one| {
            let known = sources.iter().find(|source| source.name == one.name);
            let trouble = known.and_then(poll::Source::trouble).map(|trouble| trouble.text(lang).to_string());
            context! {
                name => &one.name, pinned => one.certificate.is_some(), department => &one.department,
                read_at => known.and_then(|source| source.read_at).map(|at| moment(at, lang)),
                next_at => known.map(|source| moment(source.next_at, lang)), trouble,
            }
        })
        .collect();
    let next = rows.last().filter(|_| more).map(|last| format!("/bulletins?show=all&before={}", last.id));
    let values = context! {
        rows => rows.iter().map(|one| row(one, lang)).collect::<Vec<_>>(), all, next, sources,
        first => asked.before.is_some().then_some("/bulletins?show=all"), may_write => visitor.can(Right::WriteCampaigns),
    };
    Ok(state.view(&visitor, "bulletins/list", values))
}

/// A bulletin that this visitor sees.
async fn found(shared: &Shared, visitor: &Visitor, id: i64) -> Result<Bulletin, Fault> {
    visitor.needs(Right::ReadCampaigns)?;
    let one = bulletin::one(&shared.parts.db, id).await?.ok_or(Fault::NotFound)?;
    visitor.sees(&one.owner)?;
    Ok(one)
}

/// What a CAP document says beyond its text, as a person reads it.
fn facts(raw: &str, lang: Lang) -> Value {
    let Ok(alert) = cap::read("", raw.as_bytes()) else { return Value::from(()) };
    let info = alert.info("vi");
    let areas = info.map(|info| info.areas.iter().map(|area| area.description.trim()).collect::<Vec<_>>().join("; "));
    // In the reader's words, and the standard's own for whoever looks it up.
    let said = |label: Phrase, word: &str| format!("{} ({word})", label.capital().text(lang));
    let grade = info.map(|info| {
        let (urgency, severity, certainty) = (info.urgency, info.severity, info.certainty);
        [
            said(urgency.label(), urgency.word()),
            said(severity.label(), severity.word()),
            said(certainty.label(), certainty.word()),
        ]
    });
    context! {
        sender => &alert.sender, identifier => &alert.identifier,
        status => said(alert.status.label(), alert.status.word()), scope => said(alert.scope.label(), alert.scope.word()),
        areas => areas.filter(|areas| !areas.is_empty()), grade,
        expires => alert.expires().map(|at| moment(at.at().timestamp_millis(), lang)), note => &alert.note,
    }
}

async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Fault> {
    let one = found(&state, &visitor, id).await?;
    page(&state, &visitor, &one, "", &Mistakes::default()).await
}

/// Its page, with the reason for which it was to be dismissed as it was typed.
async fn page(shared: &Shared, visitor: &Visitor, one: &Bulletin, reason: &str, mistakes: &Mistakes) -> Result<Response, Fault> {
    let (db, lang) = (&shared.parts.db, visitor.lang);
    let said = bulletin::said(db, one.id).await?.ok_or(Fault::NotFound)?;
    let sees = |other: &Bulletin| visitor.user.departments.sees(&other.owner);
    let earlier = match one.earlier {
        Some(earlier) => bulletin::one(db, earlier).await?.filter(sees).map(|other| row(&other, lang)),
        None => None,
    };
    let later: Vec<Value> = bulletin::later(db, one.id).await?.into_iter().filter(sees).map(|other| row(&other, lang)).collect();
    let standing = one.standing();
    let may_write = visitor.can(Right::WriteCampaigns);
    let shown: String = said.raw.chars().take(RAW).collect();
    let was = (one.campaign.is_some() && (said.made_title != one.title || said.made_body != said.body))
        .then(|| context! { title => &said.made_title, body => &said.made_body });
    let run = match standing {
        Standing::Sent(run) => Some(run),
        _ => None,
    };
    let values = context! {
        one => row(one, lang), body => &said.body, raw => &shown, cut => shown.len() < said.raw.len(), link => &one.link, run,
        draft => &one.campaign, was, earlier, later, facts => if one.kind() == Kind::Plain { Value::from(()) } else { facts(&said.raw, lang) },
        decided => one.decided_at.map(|at| moment(at, lang)), decided_by => &one.decided_by, dismissed_because => &one.reason,
        changed_at => one.changed_at.map(|at| moment(at, lang)),
        may_finish => may_write && standing == Standing::Waiting,
        may_dismiss => may_write && matches!(standing, Standing::Waiting | Standing::Noted(_)),
        may_draft => may_write && one.may_be_promoted(), may_look => may_write && one.is_changed(),
        may_correct => may_write && run.is_some() && one.is_changed(), reason,
        mistakes => mistakes.list(lang), errors => mistakes.by_field(lang),
    };
    Ok(shared.view_as(mistakes.status(), visitor, "bulletins/show", values))
}

/// Its document, to be kept or looked at elsewhere; never as a page of ours.
async fn raw(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Fault> {
    let one = found(&state, &visitor, id).await?;
    let said = bulletin::said(&state.parts.db, one.id).await?.ok_or(Fault::NotFound)?;
    Ok(download::file("text/plain; charset=utf-8", &format!("ban-tin-{id}.xml.txt"), said.raw))
}

/// Somebody who may write warnings, and a bulletin that they see; looked for before anything of a form is taken.
struct Decider {
    visitor: Visitor,
    one: Bulletin,
}

impl FromRequestParts<State> for Decider {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Response> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        visitor.needs(Right::WriteCampaigns).map_err(Fault::into_response)?;
        let path = Path::<i64>::from_request_parts(parts, state).await;
        let Path(id) = path.map_err(IntoResponse::into_response)?;
        let one = found(&state.0, &visitor, id).await.map_err(Fault::into_response)?;
        Ok(Self { visitor, one })
    }
}

impl Decider {
    /// It is done: back to the bulletin's page, which says so.
    async fn done(&self, words: &Phrase) -> Result<Response, Fault> {
        self.visitor.flash(words).await?;
        Ok(see_other(&format!("/bulletins/{}", self.one.id)))
    }
}

async fn dismiss(
    extract::State(State(state)): extract::State<State>,
    decider: Decider,
    fields: Fields,
) -> Result<Response, Fault> {
    let Decider { visitor, one } = &decider;
    let reason = fields.get("reason");
    if reason.is_empty() {
        let mistakes = Mistakes::one("reason", phrase!("ghi lý do bỏ qua", "say why it is dismissed"));
        return page(&state, visitor, one, reason, &mistakes).await;
    }
    if !bulletin::dismiss(&state.parts.db, one, reason, &visitor.actor, state.parts.clock.millis()).await? {
        return Err(Fault::Conflict(phrase!(
            "Bản tin này đã được xử lý, đang chờ duyệt, hoặc cảnh báo đã gửi.",
            "It is decided already, waits for approval, or its warning was sent."
        )));
    }
    decider.done(&phrase!("Đã bỏ qua bản tin.", "The bulletin is dismissed.")).await
}

async fn look(extract::State(State(state)): extract::State<State>, decider: Decider, _fields: Fields) -> Result<Response, Fault> {
    let Decider { visitor, one } = &decider;
    bulletin::look(&state.parts.db, one.id, &visitor.actor, state.parts.clock.millis()).await?;
    decider.done(&phrase!("Đã ghi nhận là đã xem.", "Noted that you saw it.")).await
}

async fn draft(
    extract::State(State(state)): extract::State<State>,
    Decider { visitor, one }: Decider,
    _fields: Fields,
) -> Result<Response, Fault> {
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let channels = paste::channels(&state.parts.config);
    let Some(slug) = bulletin::promote(db, &one, &channels, &visitor.actor, now).await? else {
        return Err(Fault::Conflict(phrase!(
            "Không lập được bản nháp từ bản tin này: nó đã được xử lý.",
            "No draft can be made of it: it is decided already."
        )));
    };
    visitor.flash(&phrase!("Đã lập bản nháp.", "The draft is made.")).await?;
    Ok(see_other(&format!("/campaigns/{slug}/edit")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cap_says_in_a_word_is_said_in_the_readers() {
        let raw = cap::write(&cap::sample::order()).unwrap();
        let grade = |lang| {
            let grade = facts(&raw, lang).get_attr("grade").unwrap();
            grade.try_iter().unwrap().map(|one| one.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            grade(Lang::Vi),
            [
                "Cần hành động trong vòng một giờ (Expected)",
                "Tương đối nghiêm trọng (Moderate)",
                "Nhiều khả năng xảy ra (Likely)"
            ]
        );
        assert_eq!(grade(Lang::En)[2], "Likely (Likely)");
        assert_eq!(facts(&raw, Lang::Vi).get_attr("status").unwrap().to_string(), "Tin thật (Actual)");
    }
}
