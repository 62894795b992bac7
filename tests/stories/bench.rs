//! `loa bench` measures; here only that it runs through, and what its figures look like.

use serde_json::Value;

use crate::folder::Folder;

/// The peers that `tests/setup` names, where there are any.
fn peers() -> Vec<(&'static str, String)> {
    [
        "LOA_TEST_POSTGRES",
        "LOA_TEST_SMTP_SINK",
        "LOA_TEST_SMTP_SOURCE",
        "LOA_TEST_SMTP_MAILS",
        "LOA_TEST_NODE",
        "LOA_TEST_NODE_MODULES",
        "LOA_TEST_NODE_CARRIER",
    ]
    .into_iter()
    .filter_map(|name| Some((name, std::env::var(name).ok()?)))
    .collect()
}

fn figures(printed: &Value) -> Vec<&Value> {
    printed["figures"].as_array().unwrap().iter().collect()
}

#[test]
fn every_figure_is_measured_and_held_against_its_bare_counterpart() {
    let peers = peers();
    let variables: Vec<(&str, &str)> = peers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let folder = Folder::new();
    let ended = folder.loa_with(&["bench", "--quick", "--json"], &variables);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let printed = ended.json();

    assert!(printed["machine"]["cores"].as_u64().unwrap() > 0);
    assert_ne!(printed["machine"]["processor"], "");
    for figure in figures(&printed) {
        assert!(figure["value"].as_f64().unwrap() > 0.0, "{figure}");
        assert!(figure["samples"].as_u64().unwrap() > 0, "{figure}");
        assert_ne!(figure["unit"], "", "{figure}");
    }
    let named = |name: &str, store: Option<&str>| {
        figures(&printed)
            .into_iter()
            .find(|figure| figure["name"] == name && figure["store"].as_str() == store)
            .unwrap_or_else(|| panic!("{name} is missing: {printed:#}"))
            .clone()
    };
    let mut bare = vec![("fan_out", Some("sqlite")), ("engine", Some("sqlite")), ("http", None), ("receipts_committed", None)];
    bare.extend(["smpp_engine_1", "smpp_engine_10", "smpp_engine_100"].map(|name| (name, Some("sqlite"))));
    bare.extend(["smpp_adapter_1", "smpp_adapter_10", "smpp_adapter_100"].map(|name| (name, None)));
    let skipped: Vec<&str> = printed["skipped"].as_array().unwrap().iter().map(|one| one["step"].as_str().unwrap()).collect();
    for (variable, step, figures) in [
        ("LOA_TEST_POSTGRES", "postgres", vec![("fan_out", Some("postgres")), ("engine", Some("postgres"))]),
        ("LOA_TEST_SMTP_SINK", "mail", vec![("mail", None), ("mail_rsa", None), ("mail_ed25519", None)]),
        ("LOA_TEST_NODE_CARRIER", "node-smpp", vec![("smpp_adapter_node_100", None)]),
    ] {
        let is_there = variables.iter().any(|(name, _)| *name == variable);
        assert_eq!(skipped.contains(&step), !is_there, "{skipped:?}");
        bare.extend(figures.into_iter().filter(|_| is_there));
    }
    for (name, store) in bare {
        let against = named(name, store)["against"].clone();
        let ratio = against["ratio"].as_f64().unwrap();
        assert!(against["value"].as_f64().unwrap() > 0.0 && ratio > 0.0, "{name}: {against}");
    }
    for name in ["seal", "open", "hash", "receipts_applied", "rate_used", "large_import", "large_fan_out"] {
        named(name, None);
    }
    // That no second holds more than the rate is `limit`'s own test: here a busy machine may delay messages into the next one.
    assert_eq!(named("rate_most_in_a_second", None)["against"]["value"], 500.0);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it leaves nothing behind");
}

#[test]
fn one_step_can_be_measured_alone() {
    let folder = Folder::new();
    let ended = folder.loa(&["bench", "--quick", "--json", "--only", "sealing"]);
    let printed = ended.json();
    let names: Vec<&str> = figures(&printed).iter().map(|figure| figure["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["seal", "open", "hash"]);
}

#[test]
fn every_page_of_the_console_is_timed() {
    let folder = Folder::new();
    let ended = folder.loa(&["bench", "--quick", "--json", "--only", "pages", "--people", "60"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let printed = ended.json();
    assert_eq!(printed["skipped"], serde_json::json!([]), "each page answers");
    let names: Vec<&str> = figures(&printed).iter().map(|figure| figure["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"/runs") && names.contains(&"/runs p95"), "{names:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_memory_of_a_large_list_is_measured_in_a_process_of_its_own() {
    let folder = Folder::new();
    let ended = folder.loa(&["bench", "--quick", "--json", "--only", "memory,sealing", "--people", "500"]);
    let printed = ended.json();
    let peak = figures(&printed).into_iter().find(|figure| figure["name"] == "peak_memory").unwrap();
    assert!(peak["value"].as_f64().unwrap() > 1.0, "{peak}");
    assert_eq!(printed["people"], 500);
}
