//! Gateways' descriptions, and the accounts that stand on them.

use std::{fs, path::Path, sync::Arc};

use providers::http::Description;

use crate::{
    account,
    cli::read_text,
    clock::Clock,
    config::Config,
    document::{Problem, Problems, Step, spot},
    phrase,
    words::Phrase,
};

/// What is wrong with one description, or its title.
pub(super) fn description(file: &Path) -> Result<String, Problems> {
    let text = read_text(file)?;
    let name = file.display().to_string();
    Description::parse(&name, &text).map(|description| description.title).map_err(|faults| {
        let text: Arc<str> = text.into();
        let problem = |fault: &providers::http::Fault| {
            let mut problem = Problem::at(&name, &text, fault.span.clone(), Phrase::from(fault.message.as_str()));
            problem.help = fault.help.as_deref().map(Phrase::from);
            problem
        };
        Problems(faults.iter().map(problem).collect())
    })
}

/// All descriptions of a folder: how many there are, and what is wrong with them.
pub(super) fn descriptions(folder: &Path) -> (usize, Problems) {
    let mut problems = Problems::default();
    let mut files: Vec<_> = match fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect(),
        Err(error) => {
            let message = phrase!("không đọc được", "cannot be read").because(&error);
            return (0, Problem::of(&folder.display().to_string(), message).into());
        }
    };
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    for file in &files {
        if let Err(found) = description(file) {
            problems.extend(found);
        }
    }
    (files.len(), problems)
}

/// Accounts that cannot be built, each told of at its name.
pub(super) fn accounts(config: &Config, clock: &Clock) -> Problems {
    // A second installation fails, which is as good: some provider is there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Some(file) = &config.file else { return Problems::default() };
    let name = file.display().to_string();
    let text = fs::read_to_string(file).unwrap_or_default();
    let shown: Arc<str> = Config::shown(&text).into();
    let at = |path: &[Step<'_>], message: Phrase| match spot(&text, path) {
        Some(span) => Problem::at(&name, &shown, span, message),
        None => Problem::of(&name, message),
    };
    let Ok(gateways) = account::gateways(config.gateways_dir.as_deref()) else {
        let message = phrase!("thư mục này có mô tả cổng gửi bị lỗi", "some descriptions in this folder are broken");
        let problem = at(&[Step::Key("paths"), Step::Key("gateways")], message);
        return problem
            .help(phrase!("`loa check` với thư mục này chỉ ra từng chỗ", "`loa check` on the folder points at each"))
            .into();
    };
    let mut problems = Problems::default();
    for (index, account) in config.accounts.iter().enumerate() {
        let Err(error) = account::provider(account, config, &gateways, clock, None) else { continue };
        let path = [Step::Key("account"), Step::Index(index), Step::Key("name")];
        let mut problem = at(&path, Phrase::from(error.to_string()));
        problem.field = "account".to_string();
        let gateway = &account.gateway;
        if gateways.contains_key(gateway) || [account::SMPP, account::SMTP, account::ZALO].contains(&gateway.as_str()) {
            problem.help = Some(phrase!(
                "`loa gateways {gateway}` giải thích các khóa của cổng này",
                "`loa gateways {gateway}` explains this gateway's keys"
            ));
        }
        problems.extend(problem.into());
    }
    problems
}
