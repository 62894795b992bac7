//! Imports run downward only: the order that `src/lib.rs` shows, held against what the files say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::helpers::files_below;

/// From the top. Modules of one layer do not import each other.
const LAYERS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["app"],
    &["web"],
    &["verify"],
    &["report", "reconcile", "dossier", "preview", "publish"],
    &["notice"],
    &["bulletin"],
    &["upstream"],
    &["run", "dispatch", "receipt", "retention", "intake"],
    &["epoch", "account", "active"],
    &["delivery"],
    &["tally", "reply", "request", "suppression", "edition", "idempotency", "relay"],
    &["message", "audience", "approval"],
    &["consent"],
    &["definition", "user", "webhook", "outlet"],
    &["campaign"],
    &["limit", "retry", "health", "token", "period", "audit", "sandbox", "genuine", "official"],
    &["db", "seal"],
    &["config"],
    &["cap"],
    &["document"],
    &["words"],
    &["clock"],
];

/// Macros stand at the crate's root, whichever module they belong to.
const MACROS: &[(&str, &str)] =
    &[("on", "db"), ("within", "db"), ("transaction", "db"), ("phrase", "words"), ("bound", "audience")];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The module of the crate's root that a file belongs to.
fn module_of(file: &Path) -> String {
    let first = file.strip_prefix(root().join("src")).unwrap().components().next().unwrap();
    first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_string()
}

/// The names that follow `crate::` (of `prefix`) in a file, comments aside: after a brace, each name of the list's first level.
fn imports(text: &str, prefix: &str) -> BTreeSet<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let rest = &code[at + prefix.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            found.extend(name(rest));
            continue;
        };
        let (mut depth, mut start) = (0, true);
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if start && !c.is_whitespace() => {
                    found.extend(name(&list[at..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    found
}

fn name(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_string())
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

#[test]
fn imports_run_downward_only() {
    let files = files_below(&root().join("src"), "rs");
    let mut wrong = Vec::new();
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let module = module_of(&file);
        if module == "lib" {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        // `main.rs` is a crate of its own and names the library.
        let prefix = if module == "main" { "loa::" } else { "crate::" };
        for import in imports(&text, prefix) {
            let import = MACROS.iter().find(|(of, _)| *of == import).map_or(import.as_str(), |(_, module)| module).to_string();
            if import == module {
                continue;
            }
            match (layer(&module), layer(&import)) {
                (Some(from), Some(to)) if from < to => {}
                _ => wrong.push(format!("{} imports {import}", file.strip_prefix(root()).unwrap().display())),
            }
            seen.entry(module.clone()).or_default().insert(import);
        }
    }
    assert!(wrong.is_empty(), "upward, sideways or to a module without a layer:\n{}", wrong.join("\n"));
    // What these two are known to import: the reading of the files is not blind.
    assert!(seen["delivery"].is_superset(&BTreeSet::from(["tally".to_string(), "db".to_string()])), "{seen:?}");
    assert!(seen["app"].contains("web"), "{seen:?}");
}

#[test]
fn every_module_has_one_layer() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let modules: BTreeSet<&str> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).chain(["main"]).collect();
    let named: Vec<&str> = LAYERS.iter().flat_map(|layer| layer.iter().copied()).collect();
    assert_eq!(named.len(), named.iter().collect::<BTreeSet<_>>().len(), "no module stands twice");
    assert_eq!(named.into_iter().collect::<BTreeSet<_>>(), modules);
}

#[test]
fn providers_imports_nothing_of_ours() {
    let manifest = fs::read_to_string(root().join("providers/Cargo.toml")).unwrap();
    assert!(!manifest.lines().any(|line| line.starts_with("loa")), "{manifest}");
    let files = files_below(&root().join("providers/src"), "rs");
    assert!(files.len() > 3);
    for file in files {
        assert_eq!(imports(&fs::read_to_string(&file).unwrap(), "loa::"), BTreeSet::new(), "{}", file.display());
    }
}

#[test]
fn lists_are_read_at_their_first_level() {
    let text = "use crate::{\n    db::{Db, on},\n    on,\n    delivery::{self, claim::{Claim, Limit}},\n};\n// crate::web\nfn f() { crate::tally::g() }";
    let found: Vec<String> = imports(text, "crate::").into_iter().collect();
    assert_eq!(found, ["db", "delivery", "on", "tally"]);
}
