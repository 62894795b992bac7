//! Corrections: who got a run's text, or may have got it, is told what is right, over the same channels.

use std::sync::Arc;

use axum::{
    extract::{self, Path},
    response::Response,
};

use super::{
    typed::{CHANNELS, Typed},
    write::{form, keep},
};
use crate::{
    campaign::{Library, pattern::Texts},
    delivery::{Kin, State as Delivery},
    phrase,
    run::again,
    tally,
    user::Right,
    web::{
        Shared, State,
        console::{fault::Fault, form::Fields, runs::seen, visitor::Visitor},
        overview::Head,
    },
};

/// Where a correction's writer has to say what is right: a blank, so that no correction goes out without it.
const RIGHT: &str = "[[viết nội dung đúng vào đây]]";

/// The run that a correction is for.
pub(super) struct Parent {
    pub id: i64,
    pub head: Head,
    pub segments: Vec<String>,
    pub channels: Vec<&'static str>,
    /// Deliveries that got the text or may have got it.
    pub people: i64,
}

pub(super) async fn write(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteCampaigns)?;
    let library = state.parts.shelf.library(&state.parts.db).await?;
    let parent = parent(&state, &visitor, &library, id).await?;
    let typed = Typed { texts: words(&state, &parent), channels: parent.channels.clone(), ..Typed::default() };
    form(&state, &visitor, &library, None, Some(&parent), &typed, &[]).await
}

pub(super) async fn make(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteCampaigns)?;
    let library = state.parts.shelf.library(&state.parts.db).await?;
    let parent = parent(&state, &visitor, &library, id).await?;
    keep(&state, &visitor, &library, None, Some(&parent), &fields).await
}

/// The run that is to be corrected: it is over, and somebody got its text or may have got it.
async fn parent(shared: &Shared, visitor: &Visitor, library: &Arc<Library>, id: i64) -> Result<Parent, Fault> {
    let (row, head) = seen(shared, visitor, id).await?;
    again::over(&shared.parts.db, id).await?;
    let tallies = tally::of_runs(&shared.parts.db, &[id]).await?;
    let got = || tallies.iter().filter(|(key, count)| count.n > 0 && Kin::GOT.contains(&Delivery::from_number(key.state)));
    let people: i64 = got().map(|(_, count)| count.n).sum();
    if people == 0 {
        return Err(Fault::Invalid(phrase!(
            "Không ai nhận được tin của đợt {id}: không có gì để đính chính.",
            "Nobody got the text of run {id}: there is nothing to correct."
        )));
    }
    let used = |name: &str| {
        got().any(|(key, _)| providers::Channel::from_number(i64::from(key.channel)).is_some_and(|c| c.name() == name))
    };
    let channels = CHANNELS.into_iter().filter(|name| used(name)).collect();
    let frozen = shared.parts.active.frozen(&row.definition).await?;
    // Only the names are needed: whom it goes to, the other run's deliveries decide.
    let mut segments: Vec<String> =
        frozen.campaign.audience.segments.iter().filter(|slug| library.segments.get(slug).is_some()).cloned().collect();
    if segments.is_empty() {
        segments.extend(library.segments.iter().next().map(|segment| segment.slug.clone()));
    }
    Ok(Parent { id, head, segments, channels, people })
}

/// Words for a correction, to be finished by its writer.
fn words(shared: &Shared, parent: &Parent) -> Texts {
    let office = |name: &str| shared.parts.config.office.fields.get(name).cloned();
    let short = office("short").or_else(|| office("name")).unwrap_or_default();
    let (title, hotline) = (&parent.head.title, office("hotline").unwrap_or_default());
    let ask = if hotline.is_empty() { String::new() } else { format!(" Hỏi thêm: {hotline}.") };
    let plain = |text: &str| providers::text::unaccented(text);
    Texts {
        title: format!("Đính chính: {title}"),
        sms: plain(&format!(
            "{short} DINH CHINH: tin nhắn trước về \"{title}\" có nội dung chưa đúng, xin bỏ qua. Nội dung đúng: {RIGHT}{ask}"
        )),
        chat: format!(
            "ĐÍNH CHÍNH\n\nTin nhắn trước của chúng tôi về “{title}” có nội dung chưa đúng. Xin bỏ qua tin đó.\n\nNội dung đúng: {RIGHT}\n\nXin lỗi quý vị vì sự nhầm lẫn.{ask}"
        ),
        subject: format!("ĐÍNH CHÍNH: {title}"),
        body: format!(
            "Kính gửi {{{{ name | default(\"Ông/Bà\") }}}},\n\nThư trước của chúng tôi về **{title}** có nội dung chưa đúng. Xin bỏ qua thư đó.\n\n**Nội dung đúng:** {RIGHT}\n\nXin lỗi quý vị vì sự nhầm lẫn.{ask}\n"
        ),
    }
}
