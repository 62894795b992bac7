//! Area codes of `[relay]` that no place has, or that are named twice over; and names and kinds that nobody goes by.

use std::{path::Path, sync::Arc};

use crate::{
    campaign::Source,
    document::{Problem, Problems, Step, spot, suggestion},
    outlet::{Kind, Outlet},
    phrase,
    preview::relay::{Misplaced, misplaced},
};

/// What is wrong with the areas of a campaign that is relayed, where they stand.
pub(super) fn areas(source: &Source, file: &Path) -> Problems {
    let text: Arc<str> = source.text.as_str().into();
    let wrong = source.campaign.channels.relay.as_ref().map(misplaced).unwrap_or_default();
    let problem = |one: Misplaced| {
        let span = spot(&text, &[Step::Key("relay"), Step::Key("areas"), Step::Index(one.at)]).unwrap_or(0..0);
        let mut problem = Problem::at(&file.display().to_string(), &text, span, one.message).help(one.help);
        problem.field = "relay.areas".to_string();
        problem
    };
    Problems(wrong.into_iter().map(problem).collect())
}

/// Whom a campaign names and nobody is, and kinds of which there is nobody: its runs make no order for them.
pub(super) fn outlets(source: &Source, file: &Path, known: &[Outlet]) -> Problems {
    let Some(relay) = &source.campaign.channels.relay else { return Problems::default() };
    let text: Arc<str> = source.text.as_str().into();
    let warning = |key: &'static str, index: usize, message, help| {
        let span = spot(&text, &[Step::Key("relay"), Step::Key(key), Step::Index(index)]).unwrap_or(0..0);
        let mut warning = Problem::at(&file.display().to_string(), &text, span, message).help(help);
        warning.field = format!("relay.{key}");
        warning.is_warning = true;
        warning
    };
    let mut warnings = Vec::new();
    for (index, name) in relay.partners.iter().enumerate() {
        match known.iter().find(|outlet| outlet.slug == *name) {
            Some(outlet) if outlet.active => {}
            Some(_) => warnings.push(warning(
                "partners",
                index,
                phrase!("đơn vị phối hợp `{name}` đang tạm nghỉ", "the outlet `{name}` rests"),
                phrase!("đợt gửi sẽ không có yêu cầu cho đơn vị này", "a run makes no order for it"),
            )),
            None => warnings.push(warning(
                "partners",
                index,
                phrase!("không có đơn vị phối hợp `{name}`", "there is no outlet `{name}`"),
                suggestion(name, known.iter().map(|outlet| outlet.slug.as_str())),
            )),
        }
    }
    let asked = |kind: Kind| {
        let owner = &source.campaign.owner;
        known.iter().any(|outlet| outlet.active && outlet.kind == kind && (outlet.owner.is_empty() || outlet.owner == *owner))
    };
    for (index, name) in relay.kinds.iter().enumerate() {
        if let Some(kind) = Kind::named(name).filter(|kind| !asked(*kind)) {
            let label = kind.label();
            let (vi, en) = (label.vi.to_lowercase(), label.en.to_lowercase());
            warnings.push(warning(
                "kinds",
                index,
                phrase!("chưa có đơn vị phối hợp nào là {vi}", "there is no outlet of the kind “{en}”"),
                phrase!(
                    "thêm ở trang Đơn vị phối hợp, hoặc `loa outlets import`",
                    "add them in the console, or by `loa outlets import`"
                ),
            ));
        }
    }
    Problems(warnings)
}
