//! Feeds of others.

use std::{collections::BTreeMap, fs, path::Path};

use loa::bulletin;

use crate::helpers::{files_below, peer};

/// What a feed's author expects of its first item: `Expect: not bozo and entries[0]['title'] == 'Item 1 title'`.
fn expected(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = text.split_once("not bozo and entries[0]['")?;
    let (field, rest) = rest.split_once("'] == ")?;
    let rest = rest.lines().next()?.trim().trim_start_matches('u');
    let value =
        rest.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).or_else(|| rest.strip_prefix('"')?.strip_suffix('"'))?;
    // Markup, escapes and conditions are others' business.
    (!value.is_empty() && !value.contains(['<', '&', '\\', '\'', '"'])).then_some((field, value))
}

/// The feeds that another reader is tested with (feedparser, on PyPI): what its authors expect of title, link and text is what Loa reads;
/// and none of the two thousand, however wrong, harms it.
#[test]
fn feeds_of_others_are_read_as_their_authors_expect() {
    let tests = Path::new(&peer("LOA_TEST_CAP_SAMPLES")).join("feedparser/tests");
    let found = files_below(&tests, "xml");
    let (mut held, mut refused, mut differing) = (0, BTreeMap::new(), Vec::new());
    for file in &found {
        let document = fs::read(file).unwrap();
        let read = bulletin::paste::read(&document, "", "x", None, 0);
        let name = file.strip_prefix(&tests).unwrap().display().to_string();
        let all = match read {
            Ok(all) => all,
            Err(why) => {
                *refused
                    .entry(format!("{why:?}").chars().take_while(char::is_ascii_alphabetic).collect::<String>())
                    .or_insert(0) += 1;
                continue;
            }
        };
        let text = String::from_utf8_lossy(&document);
        let Some((field, want)) = expected(&text).filter(|_| name.starts_with("wellformed")) else { continue };
        let is = match field {
            "title" => all[0].title.as_str(),
            "link" => all[0].link.as_deref().unwrap_or_default(),
            "description" | "summary" => all[0].body.as_str(),
            _ => continue,
        };
        if is.split_whitespace().eq(want.split_whitespace()) {
            held += 1;
        } else {
            differing.push(name);
        }
    }
    assert_eq!(found.len(), 2_242);
    assert!(held > 100, "{held}");
    assert!(refused.values().sum::<i32>() < 1_200, "most are feeds with something in them: {refused:?}");
    // Links that are no addresses by themselves; prefixes in the place of names; base 64 that nobody uses.
    let known = [
        "wellformed/base/http_item_link_base_content_location.xml",
        "wellformed/base/http_item_link_base_docuri.xml",
        "wellformed/namespace/rss1.0withModulesNoDefNSLocalNameClash.xml",
        "wellformed/namespace/rss2.0NSwithModulesNoDefNSLocalNameClash.xml",
        "wellformed/sanitize/entry_summary_script_base64.xml",
    ];
    differing.retain(|name| !known.contains(&name.as_str()));
    assert_eq!(differing, Vec::<String>::new());
}
