//! A document that an officer brings: pasted or uploaded, looked at, and only then taken in.
//!
//! The page between carries the document along: nothing is kept before somebody says so, and what is kept is what that page showed.

use std::io::Read as _;

use axum::{extract, response::Response};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use minijinja::{Value, context};

use crate::{
    bulletin::{Became, MAX_BYTES, Read, Unreadable, paste},
    phrase,
    user::{self, Right},
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::{Fields, Mistakes, Upload},
            visitor::{Visitor, see_other},
            when::moment,
        },
    },
};

use super::{kind_label, signature_tone};

/// Characters of a source's name.
const SOURCE: usize = 120;
/// Bulletins of one document that are taken in at once.
const MOST: usize = 50;

/// What was typed beside the document.
#[derive(Debug, Clone, Default)]
struct Typed {
    source: String,
    owner: String,
    title: String,
    text: String,
}

impl Typed {
    fn of(fields: &Fields) -> Self {
        let get = |name: &str| fields.get(name).to_string();
        Self { source: get("source"), owner: get("owner"), title: get("title"), text: fields.raw("text").to_string() }
    }
}

/// The departments in whose name this visitor may write.
async fn owners(shared: &Shared, visitor: &Visitor) -> Result<Vec<String>, Fault> {
    let mut names: Vec<String> = if visitor.user.departments.is_everything() {
        user::departments(&shared.parts.db).await?.into_iter().map(|department| department.name).collect()
    } else {
        visitor.user.departments.names().map(str::to_string).collect()
    };
    if names.is_empty() {
        names.extend(shared.parts.config.office.fields.get("name").cloned());
    }
    Ok(names)
}

pub(super) async fn new(extract::State(State(state)): extract::State<State>, visitor: Visitor) -> Result<Response, Fault> {
    visitor.needs(Right::WriteCampaigns)?;
    form(&state, &visitor, &Typed::default(), &Mistakes::default()).await
}

async fn form(shared: &Shared, visitor: &Visitor, typed: &Typed, mistakes: &Mistakes) -> Result<Response, Fault> {
    let lang = visitor.lang;
    let owners = owners(shared, visitor).await?;
    let owner = if typed.owner.is_empty() { owners.first().cloned().unwrap_or_default() } else { typed.owner.clone() };
    let sources: Vec<String> = shared.parts.config.bulletins.iter().map(|one| one.name.clone()).collect();
    let values = context! {
        source => &typed.source, title => &typed.title, text => &typed.text, owner,
        owners => owners.iter().map(|name| context! { value => name, label => name }).collect::<Vec<_>>(), sources,
        mistakes => mistakes.list(lang), errors => mistakes.by_field(lang), mib => MAX_BYTES >> 20,
    };
    Ok(shared.view_as(mistakes.status(), visitor, "bulletins/new", values))
}

/// What is wrong with what stands beside the document.
async fn checked(shared: &Shared, visitor: &Visitor, typed: &Typed) -> Result<Mistakes, Fault> {
    let mut mistakes = Mistakes::default();
    if typed.source.is_empty() || typed.source.chars().count() > SOURCE || typed.source.contains(char::is_control) {
        mistakes.add(
            "source",
            phrase!("ghi nguồn của tài liệu, nhiều nhất {SOURCE} ký tự", "name its source, {SOURCE} characters at most"),
        );
    }
    if !owners(shared, visitor).await?.contains(&typed.owner) {
        mistakes.add("owner", phrase!("hãy chọn đơn vị của bạn", "choose a department of yours"));
    }
    Ok(mistakes)
}

/// Reads a document on a thread that may block: a large one takes a while.
async fn read(shared: &Shared, document: Vec<u8>, typed: &Typed) -> Result<Result<Vec<Read>, Unreadable>, Fault> {
    let pinned = paste::pinned(&shared.parts.config, &typed.source);
    let (title, source, now) = (typed.title.clone(), typed.source.clone(), shared.parts.clock.millis());
    let read = move || paste::read(&document, &title, &source, pinned.as_ref(), now);
    Ok(tokio::task::spawn_blocking(read).await.map_err(anyhow::Error::from)?)
}

pub(super) async fn preview(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    upload: Upload,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteCampaigns)?;
    let typed = Typed::of(&upload.fields);
    let mut mistakes = checked(&state, &visitor, &typed).await?;
    let mut document = Vec::new();
    match upload.files.first() {
        Some(file) if file.size > MAX_BYTES as u64 => mistakes.add("file", Unreadable::TooLarge.words()),
        Some(file) => {
            let mut spooled = file.spooled.reopen().map_err(anyhow::Error::from)?;
            spooled.read_to_end(&mut document).map_err(anyhow::Error::from)?;
        }
        None if typed.text.trim().is_empty() => {
            mistakes.add("file", phrase!("chọn tệp, hoặc dán nội dung", "choose a file, or paste what it says"));
        }
        None => document.extend_from_slice(typed.text.as_bytes()),
    }
    if !mistakes.is_empty() {
        return form(&state, &visitor, &typed, &mistakes).await;
    }
    let all = match read(&state, document.clone(), &typed).await? {
        Ok(all) => all,
        Err(unreadable) => {
            mistakes.add(if upload.files.is_empty() { "text" } else { "file" }, unreadable.words());
            return form(&state, &visitor, &typed, &mistakes).await;
        }
    };
    let (lang, now) = (visitor.lang, state.parts.clock.millis());
    let known = paste::known(&state.parts.db, &typed.owner, &typed.source, &all).await?;
    let several = all.len() > 1;
    let mut ticked = 0;
    let rows: Vec<Value> = all
        .iter()
        .map(|one| {
            let (there, caution) = (known.get(&one.guid).copied(), paste::caution(one, now));
            let hindered = paste::hindrance(one, now).is_some();
            // Of a whole feed an officer chooses; a single warning was brought to be taken.
            let tick = !hindered && there.is_none() && caution.is_none() && !several;
            ticked += usize::from(tick);
            let body: String = one.body.chars().take(1_500).collect();
            context! {
                guid => &one.guid, title => &one.title, body => &body, cut => body.len() < one.body.len(), publisher => &one.publisher,
                at => one.at.map(|at| moment(at, lang)), link => &one.link, there, hindered, tick,
                caution => caution.map(|why| why.words().text(lang).to_string()),
                remark => one.remark.as_ref().map(|remark| remark.text(lang).to_string()), cap => one.alert.is_some(),
                kind => kind_label(one.kind(), lang), signature => one.signature.label().text(lang),
                signature_tone => signature_tone(one.signature),
            }
        })
        .collect();
    let values = context! {
        rows, several, source => &typed.source, owner => &typed.owner, title => &typed.title,
        document => URL_SAFE_NO_PAD.encode(&document), takeable => all.iter().any(|one| paste::hindrance(one, now).is_none()),
    };
    Ok(state.view(&visitor, "bulletins/preview", values))
}

pub(super) async fn make(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteCampaigns)?;
    let typed = Typed::of(&fields);
    let mistakes = checked(&state, &visitor, &typed).await?;
    if !mistakes.is_empty() {
        return form(&state, &visitor, &typed, &mistakes).await;
    }
    let differs = || {
        Fault::Invalid(phrase!(
            "Tài liệu gửi lên không còn như lúc xem trước. Hãy dán hoặc tải lên lại.",
            "The document is not as it was looked at. Please bring it again."
        ))
    };
    let document = URL_SAFE_NO_PAD.decode(fields.get("document")).map_err(|_| differs())?;
    let all = read(&state, document, &typed).await?.map_err(|_| differs())?;
    let wanted: Vec<&str> = fields.all("item").collect();
    let mut chosen: Vec<Read> = all.into_iter().filter(|one| wanted.contains(&one.guid.as_str())).collect();
    if chosen.is_empty() {
        return Err(Fault::Invalid(phrase!("Hãy chọn ít nhất một bản tin.", "Choose at least one bulletin.")));
    }
    if chosen.len() > MOST {
        return Err(Fault::Invalid(phrase!("Mỗi lần nhận nhiều nhất {MOST} bản tin.", "{MOST} bulletins at most at a time.")));
    }
    // The latest stand first in feeds, and last among ours.
    chosen.reverse();
    let (db, now) = (&state.parts.db, state.parts.clock.millis());
    let channels = paste::channels(&state.parts.config);
    let became = paste::take(db, (&typed.owner, &typed.source), &chosen, &channels, &visitor.actor, now).await?;
    let drafts = became.iter().filter(|one| matches!(one, Became::Draft(..))).count();
    let others = became.len() - drafts;
    if others == 0 {
        visitor.flash(&phrase!("Đã lập {drafts} bản nháp.", "{drafts} drafts were made.")).await?;
    } else {
        visitor
            .warn(&phrase!(
                "Đã lập {drafts} bản nháp; {others} bản tin không thành bản nháp mới: đã có sẵn, bị từ chối hoặc chỉ được ghi nhận.",
                "{drafts} drafts were made; {others} made none: known already, refused, or only noted."
            ))
            .await?;
    }
    match became.as_slice() {
        [Became::Draft(id, _) | Became::Noted(id, _) | Became::Refused(id, _) | Became::Changed(id) | Became::Known(id)] => {
            Ok(see_other(&format!("/bulletins/{id}")))
        }
        _ => Ok(see_other("/bulletins")),
    }
}
