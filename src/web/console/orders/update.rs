//! `/orders/{identifier}/update`: an Update of an order, written by form. It waits for another to approve it, and takes the order's place once
//! the outlet acknowledges it.

use axum::{extract, response::Response};
use minijinja::{Value, context, value::Serde};
use serde::Serialize;

use super::{
    page_of, refused,
    seen::{Seen, Writer},
    show::may_update,
    typed,
};
use crate::{
    audience::place::Places,
    phrase,
    relay::{
        Content, follow,
        revise::{Changes, Misfit},
    },
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::{Fields, Mistakes},
            visitor::see_other,
        },
    },
    words::Phrase,
};

/// The form, as it was typed.
#[derive(Debug, Clone, Default, Serialize)]
struct Form {
    sms: String,
    app: String,
    material: String,
    rounds: String,
    from: String,
    until: String,
    audience: String,
    /// One a line, by name or code.
    areas: String,
    expires_at: String,
    report_by: String,
    note: String,
}

impl Form {
    fn blank(content: &Content) -> Self {
        let places = Places::built_in();
        let areas = content.areas.iter().map(|code| places.full_name(code).unwrap_or_else(|| code.clone()));
        let (from, until) = content.window.clone().unwrap_or_default();
        Self {
            sms: content.sms.as_ref().map(|sms| sms.text.clone()).unwrap_or_default(),
            app: content.app.clone().unwrap_or_default(),
            material: content.material.clone().unwrap_or_default(),
            rounds: content.rounds.to_string(),
            from,
            until,
            audience: content.audience.clone().unwrap_or_default(),
            areas: areas.collect::<Vec<_>>().join("\n"),
            expires_at: typed::local(content.expires_at),
            report_by: content.report_by.map(typed::local).unwrap_or_default(),
            note: String::new(),
        }
    }

    fn of(fields: &Fields) -> Self {
        let text = |name: &str| fields.get(name).replace("\r\n", "\n");
        Self {
            sms: text("sms"),
            app: text("app"),
            material: text("material"),
            rounds: text("rounds"),
            from: text("from"),
            until: text("until"),
            audience: text("audience"),
            areas: text("areas"),
            expires_at: text("expires_at"),
            report_by: text("report_by"),
            note: text("note"),
        }
    }

    /// What differs from the order; or what of it cannot be read. What was left as it was stays as it is.
    fn changes(&self, before: &Content) -> Result<Changes, Mistakes> {
        let was = Self::blank(before);
        let mut wrong = Mistakes::default();
        let changed = |now: &String, was: &String| (now.trim() != was.trim()).then(|| now.clone());
        let rounds = changed(&self.rounds, &was.rounds).and_then(|rounds| {
            let read = rounds.parse::<u16>().ok();
            if read.is_none() {
                wrong.add("rounds", phrase!("ghi số vòng, từ 1", "write how many rounds, from 1"));
            }
            read
        });
        let areas = changed(&self.areas, &was.areas).and_then(|text| areas(&text).map_err(|why| wrong.add("areas", why)).ok());
        let mut time = |field: &'static str, now: &String, was: &String| {
            let read = changed(now, was).map(|text| typed::moment(&text));
            if read == Some(None) {
                wrong.add(field, phrase!("ghi ngày và giờ", "write day and time"));
            }
            read.flatten()
        };
        let expires_at = time("expires_at", &self.expires_at, &was.expires_at);
        let report_by = time("report_by", &self.report_by, &was.report_by);
        if self.note.is_empty() {
            wrong.add("note", phrase!("ghi lý do sửa đổi", "say why it is changed"));
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        // No hours are all hours.
        let hours = if self.from.is_empty() && self.until.is_empty() {
            ("00:00".to_string(), "24:00".to_string())
        } else {
            (self.from.clone(), self.until.clone())
        };
        Ok(Changes {
            title: None,
            sms: changed(&self.sms, &was.sms),
            unaccented: before.sms.as_ref().is_none_or(|sms| sms.encoding == "gsm"),
            app: changed(&self.app, &was.app),
            material: changed(&self.material, &was.material),
            rounds,
            window: (self.from != was.from || self.until != was.until).then_some(hours),
            max_rate: None,
            areas,
            audience: changed(&self.audience, &was.audience),
            expires_at,
            report_by,
        })
    }
}

/// The codes of areas, one a line.
fn areas(text: &str) -> Result<Vec<String>, Phrase> {
    let places = Places::built_in();
    let mut codes: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let code = typed::code(places, line).map_err(|why| {
            let Phrase { vi, en } = why;
            phrase!("“{line}”: {vi}", "“{line}”: {en}")
        })?;
        if !codes.iter().any(|known| known == code) {
            codes.push(code.to_string());
        }
    }
    let province = |code: &String| places.province_of(code).filter(|province| *province != code);
    if let Some(ward) = codes.iter().find(|code| province(code).is_some_and(|province| codes.iter().any(|one| one == province))) {
        let name = places.full_name(ward).unwrap_or_default();
        return Err(phrase!("{name} nằm trong tỉnh, thành phố cũng được ghi", "{name} lies in a province that is named too"));
    }
    Ok(codes)
}

pub(super) async fn ask(extract::State(State(state)): extract::State<State>, Writer(seen): Writer) -> Result<Response, Fault> {
    may_update(&state, &seen).await?;
    Ok(page(&state, &seen, &Form::blank(&seen.order.content), &Mistakes::default()))
}

fn page(state: &Shared, Seen { visitor, order }: &Seen, form: &Form, wrong: &Mistakes) -> Response {
    let values = context! {
        page => page_of(order), identifier => &order.identifier, outlet => &order.outlet_title, form => Value::from(Serde(form)),
        has_sms => order.content.sender_name.is_some(),
        mistakes => wrong.list(visitor.lang), errors => wrong.by_field(visitor.lang),
    };
    state.view_as(wrong.status(), visitor, "orders/update", values)
}

pub(super) async fn write(
    extract::State(State(state)): extract::State<State>,
    Writer(seen): Writer,
    fields: Fields,
) -> Result<Response, Fault> {
    may_update(&state, &seen).await?;
    let (form, by, before) = (Form::of(&fields), seen.by(&state), &seen.order.content);
    let places = Places::built_in();
    let content = form.changes(before).and_then(|changes| {
        let misfit = |misfit: Misfit| {
            let field = if misfit.field == "window" { "from" } else { misfit.field };
            Mistakes::one(field, misfit.why)
        };
        changes.of(before, by.now, |code| places.name(code).is_some()).map_err(misfit)
    });
    let content = match content {
        Ok(content) => content,
        Err(wrong) => return Ok(page(&state, &seen, &form, &wrong)),
    };
    let made = follow::update(&state.parts.db, seen.order.id, &content, &form.note, &by).await?.map_err(refused)?;
    let words = phrase!(
        "Đã soạn bản sửa đổi: một người khác phải phê duyệt rồi mới giao cho đơn vị.",
        "The Update is written: another must approve it before it goes to the outlet."
    );
    seen.visitor.flash(&words).await?;
    Ok(see_other(&page_of(&made)))
}
