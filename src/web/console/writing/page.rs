//! The page on which a campaign is written.

use std::collections::BTreeSet;

use axum::{http::StatusCode, response::Response};
use minijinja::{Value, context};
use providers::Channel;

use super::{Said, Work, library, preview, sheet::Sheet};
use crate::{
    campaign::form,
    document::form::Form,
    edition::Owners,
    phrase, user,
    user::Right,
    web::{
        Shared,
        console::{fault::Fault, visitor::Visitor, when},
    },
    words::Phrase,
};

pub(super) async fn show(
    state: &Shared,
    visitor: &Visitor,
    status: StatusCode,
    work: Work,
    said: Said,
) -> Result<Response, Fault> {
    let lang = visitor.lang;
    let library = library(state).await?;
    let (form, no_form) = match form::of(&work.sheet.text) {
        Ok(form) => (form, None),
        Err(no) => (Form::default(), Some(no.0)),
    };
    let as_text = work.as_text || no_form.is_some();
    let mut sheet = Sheet::new(form, said.written.as_ref().filter(|_| !as_text), lang);
    for problem in &said.problems {
        let field = if as_text { "text".to_string() } else { sheet.form().place(&problem.path).unwrap_or_default() };
        let at = problem.line;
        let told = if as_text && at > 0 { phrase!("dòng {at}: ", "line {at}: ") } else { Phrase::default() };
        let told = Phrase { vi: told.vi + &problem.message.vi, en: told.en + &problem.message.en };
        sheet.refuse(&field, &told, problem.help.as_ref(), lang);
    }
    for (field, wrong) in &said.own {
        sheet.refuse(field, wrong, None, lang);
    }
    let owners = Owners::read(&state.parts.db).await?;
    let seen = || library.segments.iter().filter(|segment| owners.shows(&visitor.user.departments, &segment.slug));
    sheet.known = seen().map(|segment| segment.slug.clone()).collect();
    let segments: Vec<Value> =
        seen().map(|segment| context! { value => &segment.slug, label => &segment.title, why => &segment.slug }).collect();
    let departments: Vec<String> = user::departments(&state.parts.db).await?.into_iter().map(|one| one.name).collect();
    let departments: Vec<String> = departments.into_iter().filter(|name| visitor.user.departments.sees(name)).collect();
    let templates: BTreeSet<&str> = state
        .parts
        .config
        .accounts
        .iter()
        .flat_map(|account| &account.templates)
        .map(|template| template.name.as_str())
        .collect();
    let served = |channel: Channel| state.parts.config.accounts.iter().any(|account| account.channel == channel);
    let unserved: Vec<&str> = [Channel::Sms, Channel::Chat, Channel::Email]
        .into_iter()
        .filter(|channel| !served(*channel))
        .map(Channel::name)
        .collect();
    let look = preview::looked(state, visitor, &work, &library, preview::PAGE).await;
    let count = sheet.form().rows.get("message").copied().unwrap_or_default();
    let values = context! {
        slug => &work.slug,
        base => work.base,
        is_new => work.is_new,
        text => &work.sheet.text,
        as_text => as_text,
        no_form => no_form.map(|why| why.text(lang).to_string()),
        errors => sheet.errors(),
        form => Value::from_object(sheet),
        count => count,
        at => work.at.min(count.saturating_sub(1)),
        to => &work.to,
        comment => &work.comment,
        segments => segments,
        departments => departments,
        unserved => unserved,
        templates => Value::from_iter(templates),
        files => work.sheet.attachments.keys().map(String::as_str).collect::<Value>(),
        may_test => visitor.can(Right::Run),
        conflict => said.conflict.as_ref().map(|theirs| context! { version => theirs.version, by => &theirs.made_name, at => when::moment(theirs.at, lang) }),
        look => look,
        looked => said.looked,
    };
    Ok(state.view_as(status, visitor, "campaigns/form", values))
}
