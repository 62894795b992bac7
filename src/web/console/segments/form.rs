//! The page on which a segment is put together, or only shown.

use std::collections::BTreeSet;

use axum::{http::StatusCode, response::Response};
use minijinja::{Value, context};

use super::{Hand, Said, Work, count, is_seen, library, users};
use crate::{
    audience::place::Places,
    campaign::form as keys,
    document::form::Form,
    edition::{Owners, segments::is_of_file},
    user,
    web::{
        Shared,
        console::{fault::Fault, visitor::Visitor, writing::sheet::Sheet},
    },
};

/// The departments that this visitor may give a segment to.
pub(super) async fn departments(state: &Shared, visitor: &Visitor) -> Result<Vec<String>, Fault> {
    let all = user::departments(&state.parts.db).await?.into_iter().map(|one| one.name);
    Ok(all.filter(|name| visitor.user.departments.sees(name)).collect())
}

pub(super) async fn show(
    state: &Shared,
    visitor: &Visitor,
    status: StatusCode,
    work: Work,
    said: Said,
) -> Result<Response, Fault> {
    let lang = visitor.lang;
    let (library, owners) = (library(state).await?, Owners::read(&state.parts.db).await?);
    let scope = &visitor.user.departments;
    let (form, no_form) = match Form::of(&work.body, keys::SEGMENT) {
        Ok(form) => (form, None),
        Err(no) => (Form::default(), Some(no.0)),
    };
    let as_text = work.as_text || no_form.is_some();
    let mut sheet = Sheet::new(form, said.written.as_ref().filter(|_| !as_text), lang);
    for problem in &said.problems {
        let path = problem.path.strip_prefix(work.name()).map_or(problem.path.as_str(), |path| path.trim_start_matches('.'));
        let place = if as_text { Some("text".to_string()) } else { sheet.form().place(path) };
        // What has no key is about the name.
        let field = place.unwrap_or_else(|| if path.is_empty() && work.is_new { "slug".to_string() } else { String::new() });
        sheet.refuse(&field, &problem.message, problem.help.as_ref(), lang);
    }
    for (field, wrong) in &said.own {
        sheet.refuse(field, wrong, None, lang);
    }
    let seen = || library.segments.iter().filter(|segment| owners.shows(scope, &segment.slug));
    sheet.known = seen().map(|segment| segment.slug.clone()).collect();
    let places = Places::built_in();
    let area = |code: &str| context! { value => code, label => places.full_name(code).unwrap_or_else(|| code.to_string()) };
    let provinces: Vec<Value> = places.provinces().map(area).collect();
    let chosen: Vec<Value> = {
        let fields = sheet.form().values.iter().filter(|(field, _)| field.rsplit('.').next() == Some("areas"));
        let codes: BTreeSet<&String> = fields.flat_map(|(_, codes)| codes).chain(&said.offered).collect();
        codes.into_iter().filter(|code| code.len() != 2).map(|code| area(code)).collect()
    };
    let others: Vec<Value> = seen()
        .filter(|segment| segment.slug != work.slug)
        .map(|segment| context! { value => &segment.slug, label => &segment.title })
        .collect();
    let mut departments = departments(state, visitor).await?;
    if !work.owner.is_empty() && !departments.contains(&work.owner) {
        departments.push(work.owner.clone());
    }
    let everybody = context! { value => "", label => lang.pick("Dùng chung cho mọi đơn vị", "Shared by all departments") };
    let departments = departments.iter().map(|name| context! { value => name, label => name });
    let counted = count::counted(state, &library, &work, lang, count::PAGE).await;
    let values = context! {
        slug => &work.slug, base => work.base, is_new => work.is_new, text => &work.body, as_text => as_text, fixed => work.hand != Hand::Free,
        owner => &work.owner, owners => std::iter::once(everybody).chain(departments).collect::<Vec<_>>(), is_shared => work.hand == Hand::Shared,
        of_file => is_of_file(&library, &work.slug),
        no_form => no_form.filter(|_| !work.as_text).map(|why| why.text(lang).to_string()),
        errors => sheet.errors(),
        choices => sheet.form().rows.get("any").copied().unwrap_or_default(),
        form => Value::from_object(sheet),
        groups => count::groups(state).await,
        provinces => provinces,
        wards => chosen,
        search => said.search.map(|(field, text)| context! { field => field, text => text }),
        segments => others,
        campaigns => library.campaigns.keys().map(String::as_str).filter(|slug| is_seen(&library, &owners, visitor, slug)).collect::<Value>(),
        users => users(&library, &owners, visitor, &work.slug),
        count => counted,
        title => library.segments.get(&work.slug).map(|segment| segment.title.as_str()),
    };
    Ok(state.view_as(status, visitor, "segments/form", values))
}
