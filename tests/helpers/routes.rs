//! The addresses that the program's source says it has.

use std::{collections::BTreeSet, fs, path::Path};

use super::files_below;

/// The addresses below a folder of the source that take a method, as the router has them: every `.route("…", … METHOD( …)`.
pub fn routes(folder: &str, method: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in files_below(Path::new(folder), "rs") {
        let source = fs::read_to_string(file).unwrap();
        for rest in source.split(".route(").skip(1) {
            let Some((route, handlers)) = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"')) else {
                continue;
            };
            // Up to the bracket that ends the call.
            let mut depth = 1;
            let end = handlers.find(|c| {
                depth += i32::from(c == '(') - i32::from(c == ')');
                depth == 0
            });
            if handlers[..end.unwrap_or(handlers.len())].contains(&format!("{method}(")) {
                found.insert(route.to_string());
            }
        }
    }
    found
}
