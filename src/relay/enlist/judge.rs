//! One row of a list, held against the outlets that there are.

use super::{
    Ground, Row, What, Wrong,
    word::{Header, area, kind, slug_of, way},
};
use crate::{
    audience::place::Places,
    outlet::{self, Kind, Outlet, Refused, Way, Written},
    phrase,
    words::Phrase,
};

/// One row: what it does, or everything that is wrong with it.
pub(super) fn judged(
    line: u64,
    cells: &[String],
    header: &Header,
    ground: &Ground,
    sees: &impl Fn(&str) -> bool,
) -> Result<Row, Vec<Wrong>> {
    let cell = |field: &str| header.cell(cells, field);
    let some = |field: &str| Some(cell(field)).filter(|text| !text.is_empty()).map(str::to_string);
    let mut wrong = Vec::new();
    let mut no = |column: &'static str, why: Phrase| wrong.push(Wrong { line, column: Some(column), why });
    let slug = some("slug").map_or_else(|| slug_of(cell("title")), |written| slug_of(&written));
    let known = ground.known.get(&slug);
    let owner = some("owner").unwrap_or_else(|| known.map_or_else(|| ground.owner.clone(), |outlet| outlet.owner.clone()));
    if !sees(&owner) || known.is_some_and(|outlet| !sees(&outlet.owner)) {
        no("owner", phrase!("thuộc đơn vị phụ trách khác", "it belongs to another department"));
    } else if let Some(Err(refused)) = known.map(|known| outlet::may_pass(&known.owner, &owner, ground.sees_all)) {
        no("owner", refused.words());
    }
    let kind = match some("kind") {
        Some(text) => kind(&text).or_else(|| {
            let all = Kind::ALL.map(|kind| kind.label().vi).join(", ");
            no(
                "kind",
                phrase!("không có loại “{text}”: {all}", "there is no kind “{text}”: carrier, agency, school, radio, press"),
            );
            None
        }),
        None => known.map(|outlet| outlet.kind).or(ground.kind).or_else(|| {
            no(
                "kind",
                phrase!(
                    "thiếu loại đơn vị: thêm cột Loại, hoặc chọn một loại cho cả danh sách",
                    "the kind is missing: add a column, or choose one for the whole list"
                ),
            );
            None
        }),
    };
    let way = match some("way") {
        Some(text) => way(&text).or_else(|| {
            no("way", phrase!("không có cách giao “{text}”: push, pull, hand", "there is no way “{text}”: push, pull, hand"));
            None
        }),
        None => Some(known.map_or(Way::Hand, |outlet| outlet.way)),
    };
    let mut areas = Vec::new();
    for text in places(&cell) {
        match area(&text) {
            Ok(code) => areas.push(code.to_string()),
            Err(why) => no("areas", why),
        }
    }
    if areas.is_empty() {
        areas = known.map(|outlet| outlet.areas.clone()).unwrap_or_default();
    }
    let (Some(kind), Some(way), true) = (kind, way, wrong.is_empty()) else { return Err(wrong) };
    let written = Written {
        title: some("title").or_else(|| known.map(|outlet| outlet.title.clone())).unwrap_or_default(),
        kind,
        way,
        url: some("url").or_else(|| known.and_then(|outlet| outlet.url.clone())),
        certificate: known.and_then(|outlet| outlet.certificate.clone()),
        contact: some("contact"),
        areas,
        owner,
        sender: some("sender").or_else(|| known.map(|outlet| outlet.sender.clone())).unwrap_or_default(),
        slug,
    };
    let written = written.checked(|code| Places::built_in().name(code).is_some()).map_err(|refused| {
        let column = if let Refused::Field(column, _) = &refused { Some(*column) } else { None };
        vec![Wrong { line, column, why: refused.words() }]
    })?;
    let what = known.map_or(What::Add, |outlet| {
        let changed = changed(outlet, ground.mailboxes.get(&outlet.id).map(String::as_str), &written);
        if changed.is_empty() { What::Same } else { What::Change(outlet.changed_at, changed) }
    });
    Ok(Row { line, what, written })
}

/// The places that a row names: a list in one cell, or a ward and its province in two.
fn places<'c>(cell: &impl Fn(&str) -> &'c str) -> Vec<String> {
    let listed: Vec<String> =
        cell("areas").split([';', '\n']).map(str::trim).filter(|text| !text.is_empty()).map(str::to_string).collect();
    if !listed.is_empty() {
        return listed;
    }
    let parts: Vec<&str> = [cell("ward"), cell("province")].into_iter().filter(|text| !text.is_empty()).collect();
    // A ward's code says all.
    match parts.as_slice() {
        [] => Vec::new(),
        [ward, ..] if ward.bytes().all(|byte| byte.is_ascii_digit()) => vec![(*ward).to_string()],
        parts => vec![parts.join(", ")],
    }
}

/// The names of the fields in which what is written differs from what there is.
fn changed(outlet: &Outlet, mailbox: Option<&str>, written: &Written) -> Vec<String> {
    let differs = [
        ("title", outlet.title != written.title),
        ("kind", outlet.kind != written.kind),
        ("way", outlet.way != written.way),
        ("url", outlet.url != written.url),
        ("contact", written.contact.is_some() && written.contact.as_deref() != mailbox),
        ("areas", outlet.areas != written.areas),
        ("owner", outlet.owner != written.owner),
        ("sender", outlet.sender != written.sender),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field.to_string()).collect()
}
