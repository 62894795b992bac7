//! Overrides: `LOA_SECTION__KEY` replaces a key of `loa.toml`, `LOA_ACCOUNT__NAME__KEY` one of an account's. Variables
//! without a double underscore (`LOA_LANG`) are not overrides.

use std::collections::BTreeMap;

use crate::{
    document::{Document, suggestion},
    phrase,
};

/// Puts the environment's values in place.
pub(super) fn apply(document: &mut Document, env: &BTreeMap<String, String>) {
    for (variable, raw) in env {
        let Some(rest) = variable.strip_prefix("LOA_").filter(|rest| rest.contains("__")) else { continue };
        let path: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
        if path[0] != "account" {
            document.overrule(&path, raw, variable);
            continue;
        }
        // An account's name may hold hyphens, a variable's may not.
        let name = path[1].replace('-', "_");
        let fits = |account: &str| account.replace('-', "_") == name;
        if path.len() < 3 || !document.overrule_named("account", fits, &path[2..], raw, variable) {
            let message =
                phrase!("không có tài khoản nào ứng với biến {variable}", "no account goes with the variable {variable}");
            let help = suggestion(&name, document.names("account"));
            document.refuse_variable(variable, message, help);
        }
    }
}
