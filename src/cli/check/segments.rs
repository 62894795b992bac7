//! Area codes in segments.toml that no place has: such a condition would silently mean nobody.

use std::{path::Path, sync::Arc};

use crate::{
    audience::place::Places,
    campaign::{Condition, Library},
    document::{Problem, Problems, Step, spot},
    phrase,
};

/// The codes of all segments that are no place of today.
pub(super) fn unknown_areas(library: &Library, folder: &Path) -> Problems {
    let file = folder.join("segments.toml").display().to_string();
    let text: Arc<str> = library.segments_text.as_str().into();
    let mut problems = Problems::default();
    for segment in library.segments.iter() {
        each_area(&segment.condition, &mut vec![Step::Key(&segment.slug)], &mut |code, path| {
            if Places::built_in().name(code).is_some() {
                return;
            }
            let span = spot(&text, path).unwrap_or(0..0);
            let message = phrase!("không có địa bàn nào mang mã \"{code}\"", "no place has the code \"{code}\"");
            let mut problem = Problem::at(&file, &text, span, message).help(phrase!(
                "mã tỉnh (2 chữ số) hoặc xã, phường (5 chữ số) theo QĐ 19/2025/QĐ-TTg, sau sáp nhập 01/7/2025",
                "a province's two or a ward's five digits of Decision 19/2025/QĐ-TTg, as merged on 1 July 2025"
            ));
            problem.field = format!("{}.areas", segment.slug);
            problems.extend(problem.into());
        });
    }
    problems
}

fn each_area<'c>(condition: &'c Condition, path: &mut Vec<Step<'c>>, look: &mut dyn FnMut(&str, &[Step<'c>])) {
    for (index, code) in condition.areas.iter().enumerate() {
        path.extend([Step::Key("areas"), Step::Index(index)]);
        look(code, path);
        path.truncate(path.len() - 2);
    }
    for (index, inner) in condition.any.iter().enumerate() {
        path.extend([Step::Key("any"), Step::Index(index)]);
        each_area(inner, path, look);
        path.truncate(path.len() - 2);
    }
    if let Some(inner) = &condition.not {
        path.push(Step::Key("not"));
        each_area(inner, path, look);
        path.pop();
    }
}
