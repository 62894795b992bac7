//! Area codes of `[relay]` that no place has, or that are named twice over.

use std::{path::Path, sync::Arc};

use crate::{
    campaign::Source,
    document::{Problem, Problems, Step, spot},
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
