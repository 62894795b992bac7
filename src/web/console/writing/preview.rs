//! What people will get of the message that is being written: as a phone, a mail client and Zalo show it, and what it costs.
//!
//! What enters: the campaign's text, finished or not. What leaves: a part of a page. Where the whole campaign can be read, the message
//! is looked at as a part of it; else alone, as far as it goes. Counts come from the desk: nobody waits for them.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    extract::{self, Path},
    http::{
        HeaderValue,
        header::{CONTENT_SECURITY_POLICY, X_FRAME_OPTIONS},
    },
    response::{Html, IntoResponse as _, Response},
};
use minijinja::{Value, context, value::Serde};
use providers::{
    Channel, Content, Sms,
    text::{Encoding, measure},
};
use serde::Serialize;

use super::{Said, Work, library, take_in, typed_work};
use crate::{
    audience::column,
    campaign::{Campaign, Library, Sheet, SmsText, form, relay},
    config::Account,
    document::is_slug,
    edition,
    message::{TemplateFault, review},
    phrase,
    preview::{
        self, Preview, Shown, Version,
        estimate::{self, Estimate, Question},
        mail,
        relay::uncounted,
        sms::{Form, spelling},
    },
    user::Right,
    web::{
        Shared, State,
        console::{desk::Reading, fault::Fault, form::Fields, visitor::Visitor, when},
    },
    words::{self, Lang, Phrase},
};

/// How long a page waits for a count that nearly is there.
pub(super) const PAGE: Duration = Duration::from_millis(20);
/// The same for a part of a page that a script asks for.
const PART: Duration = Duration::from_millis(250);

/// A mail may look as it does, and do nothing.
const MAIL_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox",
);

/// What is looked at.
struct Subject<'a> {
    slug: &'a str,
    sheet: &'a Sheet,
    /// Which message, from 0.
    at: usize,
    library: &'a Library,
}

/// A text message as a phone shows it.
#[derive(Serialize)]
struct Bubble {
    /// What tells it from the others: with accents, or whose wording.
    form: String,
    chosen: bool,
    text: String,
    encoding: &'static str,
    parts: u16,
    units: usize,
    /// Characters until one more part is counted.
    left: usize,
    /// Why there is no text.
    wrong: String,
}

/// One text on its channel.
#[derive(Serialize)]
struct Card {
    channel: &'static str,
    lang: String,
    wrong: String,
    bubbles: Vec<Bubble>,
    subject: String,
    preheader: String,
    text: String,
    files: Vec<String>,
    /// Where its HTML is.
    frame: String,
    template: String,
    data: Vec<(String, String)>,
}

/// What one account makes of it.
#[derive(Serialize)]
struct Bill {
    account: String,
    sender: String,
    carriers: String,
    parts: String,
    each: String,
    numbers: String,
    price: String,
}

/// What people will get, as a part of a page: for the script that asks while somebody types.
pub(super) async fn show(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::WriteCampaigns)?;
    let slug = fields.get("slug").to_string();
    // A campaign's files are its readers' alone.
    let attachments = match edition::latest(&state.parts.db, &slug).await? {
        Some(latest) if visitor.user.departments.sees(&latest.owner) => {
            edition::attachments(&state.parts.db, &slug, latest.version).await?
        }
        _ => BTreeMap::new(),
    };
    let mut work = typed_work(&fields, slug, Sheet { text: String::new(), attachments });
    if work.sheet.text.len() > edition::TEXT_LIMIT {
        return Err(Fault::TooLarge(phrase!("Chiến dịch quá dài.", "The campaign is too long.")));
    }
    take_in(&mut work, &fields, &mut Said::default());
    let library = library(&state).await?;
    let values = looked(&state, &visitor, &work, &library, PART).await;
    let all = context! { lang => visitor.lang.pick("vi", "en"), look => values };
    let html = state.pages.render("campaigns/preview_part", all).map_err(anyhow::Error::from)?;
    Ok(Html(html).into_response())
}

/// The values of what is written.
pub(super) async fn looked(state: &Shared, visitor: &Visitor, work: &Work, library: &Library, patience: Duration) -> Value {
    let slug = if is_slug(&work.slug) { work.slug.as_str() } else { "moi" };
    let subject = Subject { slug, sheet: &work.sheet, at: work.at, library };
    values(state, visitor, &subject, patience).await
}

/// A mail that was just shown, in a frame that may do nothing.
pub(super) async fn show_mail(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Result<Response, Fault> {
    let found = mail::get(&state.parts.db, visitor.user.id, &name, state.parts.clock.millis()).await?;
    let html = found.ok_or(Fault::NotFound)?;
    let headers = [(CONTENT_SECURITY_POLICY, MAIL_POLICY), (X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"))];
    Ok((headers, Html(html)).into_response())
}

/// The values of the template `campaigns/preview`.
async fn values(state: &Shared, visitor: &Visitor, subject: &Subject<'_>, patience: Duration) -> Value {
    let message = message(state, visitor, subject, patience).await;
    context! { relay => relayed(&subject.sheet.text, visitor.lang), ..message }
}

/// The text message that carriers are asked to send, finished or not; none: there is none.
fn relayed(text: &str, lang: Lang) -> Option<Value> {
    let form = form::of(text).ok()?;
    let written = form.text("relay.sms");
    if written.is_empty() || !form.texts("channels.use").iter().any(|name| name == relay::CHANNEL) {
        return None;
    }
    let spelled = if form.text("relay.sms_text") == "unicode" { SmsText::Unicode } else { SmsText::Unaccented };
    let sender = form.text("relay.sender");
    Some(match relay::Text::of(written, spelled) {
        Ok(text) => {
            let size = text.size();
            context! { sender => sender, text => &text.text, size => size.text(lang), sha256 => &text.sha256, uncounted => uncounted().text(lang) }
        }
        Err(error) => context! { sender => sender, wrong => relay::why(&error).text(lang) },
    })
}

/// What the list's own people get.
async fn message(state: &Shared, visitor: &Visitor, subject: &Subject<'_>, patience: Duration) -> Value {
    let lang = visitor.lang;
    let whole = subject.library.source(subject.slug, subject.sheet).ok();
    let is_whole = whole.is_some();
    let (campaign, at) = match whole {
        Some(source) => (source.campaign, subject.at),
        None => match alone(subject) {
            Ok(campaign) => (campaign, 0),
            Err(wrong) => return context! { nothing => wrong.text(lang), at => subject.at },
        },
    };
    if at >= campaign.messages.len() {
        return context! { nothing => "", at => subject.at };
    }
    let files = subject.sheet.attachments.iter().map(|(name, bytes)| (name.clone(), bytes.clone().into())).collect();
    let config = &state.parts.config;
    let known = column::known(&state.parts.db).await.ok().flatten();
    let (templates, unknown) = match preview::compiled(&preview::only(&campaign, at), &config.office, known.as_ref(), &files) {
        Ok(compiled) => compiled,
        Err(faults) => return context! { nothing => faults.first().map(|fault| told(fault, lang)), at => subject.at },
    };
    let preview = Preview::new(&campaign, &templates, config, &state.parts.holidays, state.parts.clock.now());
    let cards = cards(state, visitor, &preview, at).await;
    let estimate = if is_whole { numbers(state, subject.library, &preview, at, patience).await } else { None };
    let refusals: Vec<String> = preview
        .refusals()
        .iter()
        .filter(|refusal| refusal.message == at)
        .map(|refusal| {
            refusal.help().map_or_else(|| refusal.phrase(), |help| refusal.phrase().then(&help)).text(lang).to_string()
        })
        .collect();
    let (counted, counting, failed, as_of) = match &estimate {
        Some(Reading::Counted(numbers, at_time)) => {
            (Some(estimate::priced(&preview, at, numbers)), false, false, when::moment(*at_time, lang))
        }
        Some(Reading::Counting) => (None, true, false, String::new()),
        Some(Reading::Failed) => (None, false, true, String::new()),
        None => (None, false, false, String::new()),
    };
    context! {
        at => subject.at,
        id => &campaign.messages[at].id,
        cards => cards,
        bills => Value::from(Serde(&bills(&preview, at, counted.as_ref(), lang))),
        counting => counting,
        failed => failed,
        as_of => as_of,
        total => counted.as_ref().map(|estimate| context! {
            numbers => estimate.numbers, price => estimate.total().price, unserved => estimate.unserved, refused => estimate.total().refused,
            most => estimate.most.filter(|(numbers, _)| *numbers != estimate.numbers).map(|(numbers, price)| context! { numbers => numbers, price => price }),
            other => other_total(estimate),
            other_name => spelling(flipped(estimate.chosen)).text(lang),
        }),
        refusals => refusals,
        unknown => unknown.iter().map(|fault| told(fault, lang)).collect::<Vec<_>>(),
        unserved => preview.unserved(at).into_iter().map(|channel| review::without_account(channel).text(lang).to_string()).collect::<Vec<_>>(),
        idle => preview.idle(at).iter().map(|channel| words::channel(channel.name(), lang)).collect::<Vec<_>>(),
        unfinished => !is_whole,
    }
}

/// What one message becomes on each channel, for the template `campaigns/cards`.
pub(in crate::web::console) async fn cards(state: &Shared, visitor: &Visitor, preview: &Preview<'_>, at: usize) -> Value {
    let mut cards = Vec::new();
    for shown in preview.texts(at) {
        cards.push(card(state, visitor, &shown).await);
    }
    Value::from(Serde(&cards))
}

/// What is wrong with a text, and what would be right.
fn told(fault: &TemplateFault, lang: Lang) -> String {
    let text = fault.text.text(lang);
    fault.help.as_ref().map_or_else(|| text.to_string(), |help| format!("{text}: {}", help.text(lang)))
}

/// The message alone; or what it lacks itself.
fn alone(subject: &Subject<'_>) -> Result<Campaign, Phrase> {
    let text = form::alone(&subject.sheet.text, subject.at).map_err(|no| no.0)?;
    Campaign::parse("", "xem-thu", &text).map_err(|problems| {
        let first = problems.0.into_iter().find(|problem| problem.path.starts_with("message"));
        first.map_or_else(|| phrase!("tin chưa có nội dung", "the message has no text yet"), |problem| problem.message)
    })
}

async fn numbers(
    state: &Shared,
    library: &Library,
    preview: &Preview<'_>,
    at: usize,
    patience: Duration,
) -> Option<Reading<estimate::Numbers>> {
    // Within a minute the question is the same, and so is its answer.
    let now = state.parts.clock.millis();
    let question = Question::of(preview, &library.segments, at, state.parts.db.engine(), now - now.rem_euclid(60_000)).ok()??;
    let (db, asked) = (state.parts.db.clone(), question.clone());
    Some(state.desk.numbers.ask(question, now, patience, async move { asked.ask(&db).await }).await)
}

const fn flipped(spelled: SmsText) -> SmsText {
    match spelled {
        SmsText::Unaccented => SmsText::Unicode,
        SmsText::Unicode => SmsText::Unaccented,
    }
}

/// What the other spelling would cost, where that is something else.
fn other_total(estimate: &Estimate) -> Option<i64> {
    let (chosen, other) = (estimate.total(), estimate.other_total());
    (other.price != chosen.price && estimate.rows.iter().any(|row| row.other.is_some())).then_some(other.price)
}

/// What each account takes for one message, and for all.
fn bills(preview: &Preview<'_>, at: usize, estimate: Option<&Estimate>, lang: Lang) -> Vec<Bill> {
    let each = estimate::each(preview, at);
    let mut told: Vec<&str> = Vec::new();
    each.iter()
        .map(|one| {
            // An account's numbers stand at the first of its lines.
            let row = estimate
                .and_then(|all| all.rows.iter().find(|row| row.account == one.account))
                .filter(|_| !told.contains(&one.account.as_str()));
            told.push(&one.account);
            Bill {
                account: one.account.clone(),
                sender: preview.accounts.iter().find(|account| account.name == one.account).map(sender).unwrap_or_default(),
                carriers: one.carriers.iter().map(|name| words::carrier(name, lang)).collect::<Vec<_>>().join(", "),
                parts: one.parts.map_or_else(|| "✗".to_string(), |parts| parts.to_string()),
                each: if one.parts.is_some() { words::number(one.price, lang) } else { "✗".to_string() },
                numbers: row.map_or_else(String::new, |row| words::number(row.numbers, lang)),
                price: row.map_or_else(String::new, |row| words::number(row.chosen.price, lang)),
            }
        })
        .collect()
}

fn sender(account: &Account) -> String {
    account.settings.get("sender").and_then(toml::Value::as_str).unwrap_or_default().to_string()
}

async fn card(state: &Shared, visitor: &Visitor, shown: &Shown) -> Card {
    let lang = visitor.lang;
    let mut card = Card {
        channel: shown.channel.name(),
        lang: shown.lang.clone(),
        wrong: String::new(),
        bubbles: shown.versions.iter().map(|version| bubble(version, lang)).collect(),
        subject: String::new(),
        preheader: String::new(),
        text: String::new(),
        files: Vec::new(),
        frame: String::new(),
        template: String::new(),
        data: Vec::new(),
    };
    match &shown.content {
        Err(wrong) if shown.channel != Channel::Sms || card.bubbles.is_empty() => card.wrong = wrong.text(lang).to_string(),
        Err(_) | Ok(Content::Sms(_)) => {}
        Ok(Content::Email(email)) => {
            card.subject.clone_from(&email.subject);
            card.text.clone_from(&email.text);
            card.files = email.attachments.iter().map(|file| file.name.clone()).collect();
            card.frame = match mail::put(&state.parts.db, visitor.user.id, email, state.parts.clock.millis()).await {
                Ok(name) => name,
                Err(error) => {
                    tracing::warn!(%error, "a mail could not be kept to be looked at");
                    String::new()
                }
            };
        }
        Ok(Content::Chat(chat)) => {
            card.text = chat.text.clone().unwrap_or_default();
            card.template = chat.template.clone().unwrap_or_default();
            card.data = chat.data.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        }
    }
    card
}

fn bubble(version: &Version, lang: Lang) -> Bubble {
    let form = match &version.form {
        Form::Either => String::new(),
        Form::Spelled(spelled) => spelling(*spelled).text(lang).to_string(),
        Form::Registered(accounts) => accounts.join(", "),
    };
    let empty = Bubble {
        form,
        chosen: version.chosen,
        text: String::new(),
        encoding: "",
        parts: 0,
        units: 0,
        left: 0,
        wrong: String::new(),
    };
    match &version.sms {
        Err(wrong) => Bubble { wrong: wrong.text(lang).to_string(), ..empty },
        Ok(sms) => {
            let units = measure(&sms.text).units;
            let encoding = if sms.encoding == Encoding::Gsm { "GSM" } else { "UCS-2" };
            Bubble { text: sms.text.clone(), encoding, parts: sms.parts, units, left: left(sms, units), ..empty }
        }
    }
}

/// Characters until the wire takes one more part.
fn left(sms: &Sms, units: usize) -> usize {
    let room = if sms.parts <= 1 { sms.encoding.single() } else { sms.encoding.joined() * usize::from(sms.parts) };
    room.saturating_sub(units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_part_is_told() {
        let sms = |text: &str| providers::text::sms(text, false, 9).unwrap();
        for (text, expected) in
            [("a".repeat(159), 1), ("a".repeat(160), 0), ("a".repeat(161), 145), ("ế".repeat(70), 0), ("ế".repeat(71), 63)]
        {
            let sms = sms(&text);
            assert_eq!(left(&sms, measure(&text).units), expected, "{}", text.len());
        }
    }
}
