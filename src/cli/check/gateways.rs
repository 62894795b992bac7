//! Gateways' descriptions, and the accounts that stand on them.

use std::{fs, path::Path, sync::Arc};

use providers::{
    http::Description,
    smtp::{DkimKey, DkimSource, Mailbox},
};

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

/// Where in loa.toml a problem is, as far as the file says.
struct Places {
    name: String,
    text: String,
    shown: Arc<str>,
}

impl Places {
    fn of(config: &Config) -> Option<Self> {
        let file = config.file.as_ref()?;
        let text = fs::read_to_string(file).unwrap_or_default();
        let shown = Config::shown(&text).into();
        Some(Self { name: file.display().to_string(), text, shown })
    }

    fn problem(&self, path: &[Step<'_>], message: Phrase) -> Problem {
        match spot(&self.text, path) {
            Some(span) => Problem::at(&self.name, &self.shown, span, message),
            None => Problem::of(&self.name, message),
        }
    }
}

/// Accounts whose mails nobody can tell from forged ones: none of their keys signs for the sender's domain. An account
/// without any key that signs in somewhere is left alone: such a server signs for those who do.
pub(super) fn unsigned(config: &Config) -> Problems {
    let Some(places) = Places::of(config) else { return Problems::default() };
    let mut warnings = Problems::default();
    for (index, account) in config.accounts.iter().enumerate().filter(|(_, account)| account.gateway == account::SMTP) {
        let from = account.settings.get("from").and_then(toml::Value::as_str).and_then(|from| from.parse::<Mailbox>().ok());
        let Some(from) = from else { continue };
        let (name, domain) = (&account.name, from.domain());
        let key = |source: &DkimSource| DkimKey::new(&source.domain, &source.selector, &source.key).ok();
        let aligned = account.dkim.iter().filter_map(key).any(|key| key.is_aligned_with(domain));
        let signs_in = account.settings.contains_key("username") || account.secrets.contains_key("username");
        if aligned || (account.dkim.is_empty() && signs_in) {
            continue;
        }
        let message = if account.dkim.is_empty() {
            phrase!(
                "thư của `{name}` không được ký DKIM: hộp thư lớn dễ xếp vào thư rác",
                "mails of `{name}` are not signed (DKIM): large mailbox providers tend to file them as spam"
            )
        } else {
            phrase!(
                "không khóa DKIM nào của `{name}` ký cho tên miền người gửi {domain}",
                "no DKIM key of `{name}` signs for the sender's domain {domain}"
            )
        };
        let mut warning = places.problem(&[Step::Key("account"), Step::Index(index), Step::Key("from")], message).help(phrase!(
            "thêm [[account.dkim]] với domain = \"{domain}\" (xem docs/email.md); bỏ qua nếu máy chủ thư tự ký",
            "add [[account.dkim]] with domain = \"{domain}\" (see docs/email.md), unless the mail server signs by itself"
        ));
        warning.field = "account.from".to_string();
        warning.is_warning = true;
        warnings.extend(warning.into());
    }
    warnings
}

/// The way to an account's key, such as `bounces.maildir`.
fn key_of(account: usize, key: &str) -> Vec<Step<'_>> {
    [Step::Key("account"), Step::Index(account)].into_iter().chain(key.split('.').map(Step::Key)).collect()
}

/// Accounts that cannot be built, each told of at the key that is wrong, or else at its name.
pub(super) fn accounts(config: &Config, clock: &Clock) -> Problems {
    // A second installation fails, which is as good: some provider is there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Some(places) = Places::of(config) else { return Problems::default() };
    let at = |path: &[Step<'_>], message: Phrase| places.problem(path, message);
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
        // At the key that is wrong, where it stands in the file.
        let key = error.key().filter(|key| spot(&places.text, &key_of(index, key)).is_some()).unwrap_or("name");
        let mut problem = at(&key_of(index, key), error.phrase());
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
