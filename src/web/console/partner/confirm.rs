//! What those answer who have no counts of subscribers: that it was done, with evidence and a count or two of their own, on one screen of a
//! phone. It is the final report, and takes the order with it.

use axum::{extract, response::Response};
use minijinja::{Value, context, value::Serde};

use super::{Asked, Had, Own, files, show};
use crate::{
    audience::place::Places,
    outlet::Kind,
    phrase,
    relay::{
        Happening, Order, answer,
        report::{self, Count, Report},
    },
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::{Fields, Mistakes, Upload},
            orders::{
                self, reported,
                typed::{columns, number},
            },
        },
    },
    words::Lang,
};

/// The form, as it was typed.
#[derive(Debug, Clone, Default)]
pub(super) struct Typed {
    sequence: String,
    /// When the page was opened (unix milliseconds): sent twice, it is the same report.
    as_of: String,
    area: String,
    targeted: String,
    submitted: String,
    note: String,
    /// The places that may be chosen.
    areas: Vec<String>,
    brought: Option<Value>,
}

impl Typed {
    /// Before anything was typed.
    pub async fn blank(state: &Shared, Asked { own, order }: &Asked) -> Result<Self, Fault> {
        if order.outlet_kind == Kind::Carrier {
            return Ok(Self::default());
        }
        let areas = places(state, own, order).await?;
        Ok(Self {
            sequence: report::next_sequence(&state.parts.db, order.id).await?.to_string(),
            as_of: state.parts.clock.millis().to_string(),
            area: areas.first().cloned().unwrap_or_default(),
            areas,
            ..Self::default()
        })
    }

    fn of(fields: &Fields, areas: Vec<String>) -> Self {
        let get = |name: &str| fields.get(name).to_string();
        Self {
            sequence: get("sequence"),
            as_of: get("as_of"),
            area: get("area"),
            targeted: get("targeted"),
            submitted: get("submitted"),
            note: get("note"),
            areas,
            brought: None,
        }
    }

    pub fn values(&self, order: &Order, wrong: &Mistakes, lang: Lang) -> Value {
        let names = Places::built_in();
        let areas = self
            .areas
            .iter()
            .map(|code| context! { value => code, label => names.full_name(code).unwrap_or_else(|| code.clone()) });
        context! {
            sequence => &self.sequence, as_of => &self.as_of, area => &self.area, targeted => &self.targeted, submitted => &self.submitted,
            note => &self.note, areas => areas.collect::<Vec<_>>(), brought => self.brought.clone(), errors => wrong.by_field(lang),
            columns => Value::from(Serde(&columns(order.outlet_kind, lang))),
        }
    }

    /// What was typed as the final report; or what of it does not fit, field by field.
    fn report(&self, evidence: Option<String>) -> Result<Report, Mistakes> {
        let mut wrong = Mistakes::default();
        let mut read = |field: &'static str, text: &str| match number(text) {
            Ok(number) => number,
            Err(why) => {
                wrong.add(field, why);
                None
            }
        };
        let (targeted, submitted) = (read("targeted", &self.targeted), read("submitted", &self.submitted));
        let (Ok(sequence), Ok(as_of)) = (self.sequence.parse(), self.as_of.parse()) else {
            wrong.add("submitted", phrase!("tải lại trang rồi làm lại", "load the page again and repeat it"));
            return Err(wrong);
        };
        if !wrong.is_empty() {
            return Err(wrong);
        }
        if targeted.is_none() && submitted.is_none() && evidence.is_none() {
            let why =
                phrase!("đính kèm minh chứng, hoặc ghi số đã thực hiện", "bring evidence, or write how many it was done for");
            return Err(Mistakes::one("document", why));
        }
        if targeted.is_some() && submitted.is_none() {
            let why = phrase!("ghi số đã thực hiện, chưa có ai thì ghi 0", "write how many it was done for, 0 for nobody");
            return Err(Mistakes::one("submitted", why));
        }
        // Who says alone for how many it was done knows no more of whom it was for.
        let counts = submitted.map(|submitted| Count::of(self.area.as_str(), 1, targeted.unwrap_or(submitted), submitted));
        Ok(Report { sequence, as_of, last: true, correction: None, evidence, counts: counts.into_iter().collect() })
    }
}

/// The places that the order may be confirmed for: its own; else those of the outlet; else any province.
async fn places(state: &Shared, own: &Own, order: &Order) -> Result<Vec<String>, Fault> {
    if !order.content.areas.is_empty() {
        return Ok(order.content.areas.clone());
    }
    let outlet = own.outlet(state).await?.areas;
    Ok(if outlet.is_empty() { Places::built_in().provinces().map(str::to_string).collect() } else { outlet })
}

pub async fn take(
    extract::State(State(state)): extract::State<State>,
    Had(asked): Had,
    upload: Upload,
) -> Result<Response, Fault> {
    let Asked { own, order } = &asked;
    if order.outlet_kind == Kind::Carrier {
        return Err(Fault::NotFound);
    }
    let mut typed = Typed::of(&upload.fields, places(&state, own, order).await?);
    let evidence = match files::evidence(&state, &asked, &upload).await? {
        Ok(evidence) => evidence,
        Err(why) => return show::page(&state, &asked, &typed, &Mistakes::one("document", why)).await,
    };
    typed.brought = evidence.as_ref().map(files::Evidence::value);
    let report = match typed.report(evidence.map(|evidence| evidence.hash)) {
        Ok(report) => report,
        Err(wrong) => return show::page(&state, &asked, &typed, &wrong).await,
    };
    let (db, by) = (&state.parts.db, own.by(&state));
    // What they say of it stands with what they began: only where the report will be taken.
    if !typed.note.is_empty() && order.may(Happening::Begin).is_ok() && reported::takes(&state, order).await?.more.is_ok() {
        answer::begin(db, order.id, &typed.note, &by).await?.map_err(orders::refused)?;
    }
    match reported::take(&state, order, &report, &by).await? {
        Ok(_) => asked.done(&phrase!("Đã xác nhận triển khai. Cảm ơn đơn vị.", "Confirmed. Thank you.")).await,
        Err(faults) => {
            let field = |fault: &report::Fault| match fault.field {
                "targeted" | "submitted" => fault.field,
                "code" => "area",
                "evidence" => "document",
                _ => "submitted",
            };
            let wrong: Mistakes = faults.iter().map(|fault| (field(fault), fault.why.clone())).collect();
            show::page(&state, &asked, &typed, &wrong).await
        }
    }
}
