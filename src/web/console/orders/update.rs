//! `/orders/{identifier}/update`: an Update of an order, written by form. It waits for another to approve it, and takes the order's place once
//! the outlet acknowledges it.

use axum::{
    extract::{self, Path},
    http::StatusCode,
    response::Response,
};
use minijinja::{Value, context, value::Serde};
use serde::Serialize;

use super::{
    answer, by, page_of, refused,
    show::to_update,
    typed::{self, Wrong},
};
use crate::{
    audience::place::Places,
    phrase,
    relay::{
        Content, Order, follow,
        revise::{Changes, Misfit},
    },
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::Fields,
            visitor::{Visitor, see_other},
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
    fn changes(&self, before: &Content) -> Result<Changes, Wrong> {
        let was = Self::blank(before);
        let mut wrong = Wrong::new();
        let changed = |now: &String, was: &String| (now.trim() != was.trim()).then(|| now.clone());
        let rounds = changed(&self.rounds, &was.rounds).and_then(|rounds| {
            let read = rounds.parse::<u16>().ok();
            if read.is_none() {
                wrong.push(("rounds".into(), phrase!("ghi số đợt, từ 1", "write how many rounds, from 1")));
            }
            read
        });
        let areas =
            changed(&self.areas, &was.areas).and_then(|text| areas(&text).map_err(|why| wrong.push(("areas".into(), why))).ok());
        let mut time = |field: &str, now: &String, was: &String| {
            let read = changed(now, was).map(|text| typed::moment(&text));
            if read == Some(None) {
                wrong.push((field.into(), phrase!("ghi ngày và giờ", "write day and time")));
            }
            read.flatten()
        };
        let expires_at = time("expires_at", &self.expires_at, &was.expires_at);
        let report_by = time("report_by", &self.report_by, &was.report_by);
        if self.note.is_empty() {
            wrong.push(("note".into(), phrase!("ghi lý do sửa đổi", "say why it is changed")));
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

pub(super) async fn ask(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(identifier): Path<String>,
) -> Result<Response, Fault> {
    let order = to_update(&state, &visitor, &identifier).await?;
    Ok(page(&state, &visitor, &order, &Form::blank(&order.content), &Wrong::new()))
}

fn page(state: &Shared, visitor: &Visitor, order: &Order, form: &Form, wrong: &Wrong) -> Response {
    let (list, by_field) = answer::errors(wrong, visitor.lang);
    let status = if wrong.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let values = context! {
        page => page_of(order), identifier => &order.identifier, outlet => &order.outlet_title, form => Value::from(Serde(form)),
        has_sms => order.content.sender_name.is_some(), errors => list, wrong => by_field,
    };
    state.view_as(status, visitor, "orders/update", values)
}

pub(super) async fn write(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(identifier): Path<String>,
    fields: Fields,
) -> Result<Response, Fault> {
    let order = to_update(&state, &visitor, &identifier).await?;
    let (form, by) = (Form::of(&fields), by(&state, &visitor));
    let places = Places::built_in();
    let content = form.changes(&order.content).and_then(|changes| {
        let misfit = |misfit: Misfit| {
            let field = if misfit.field == "window" { "from" } else { misfit.field };
            vec![(field.to_string(), misfit.why)]
        };
        changes.of(&order.content, by.now, |code| places.name(code).is_some()).map_err(misfit)
    });
    let content = match content {
        Ok(content) => content,
        Err(wrong) => return Ok(page(&state, &visitor, &order, &form, &wrong)),
    };
    let made = follow::update(&state.parts.db, order.id, &content, &form.note, &by).await?.map_err(refused)?;
    visitor
        .flash(&phrase!(
            "Đã soạn bản sửa đổi: một người khác phải phê duyệt rồi mới giao cho đơn vị.",
            "The Update is written: another must approve it before it goes to the outlet."
        ))
        .await?;
    Ok(see_other(&page_of(&made)))
}
