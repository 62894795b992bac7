//! A gateway's file, read once: text in, a compiled [`Description`] or every fault of the file out.

use toml::de::DeTable;

use super::{
    answer::Judge,
    callback::{Shape, StatusShape},
    fault::Fault,
    reader::{Source, Table},
    request::{self, Request},
};
use crate::{Abilities, Channel};

/// Names of the message that templates of an SMS gateway may use.
const SMS_NAMES: &[&str] = &["to", "text", "reference", "callback", "expires", "encoding", "unicode", "parts"];

/// Names of the message that templates of a chat gateway may use.
const CHAT_NAMES: &[&str] = &["to", "text", "reference", "callback", "expires", "template", "data"];

/// Names that a status query may use.
const HANDLE_NAMES: &[&str] = &["reference", "id", "sent_at"];

/// Keys that every `[[account]]` has: no setting may be called so.
const ACCOUNT_KEYS: &[&str] = &[
    "name",
    "gateway",
    "channel",
    "rate",
    "window",
    "daily",
    "price",
    "carriers",
    "priority",
    "receipts",
    "url",
    "allow_private",
];

/// One setting that an account on the gateway has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The key in `[[account]]`.
    pub name: String,
    /// Whether it is a secret, which no file holds as a plain string.
    pub secret: bool,
    /// Whether an account must give it.
    pub required: bool,
    /// Its value where an account gives none.
    pub default: Option<String>,
    /// What it is, for a person.
    pub about: String,
}

/// A gateway, as its file describes it. Shared by all accounts on it.
pub struct Description {
    /// The file's name without folder and `.toml`.
    pub name: String,
    /// For people.
    pub title: String,
    /// What it carries.
    pub channel: Channel,
    /// Whose address it takes: `phone`, or a chat service's name such as `telegram`.
    pub address: String,
    /// What an account on it must or may say, beside `url`.
    pub settings: Vec<Setting>,
    /// What it can do.
    pub abilities: Abilities,
    /// Where it is; none: the account's `url` says.
    pub url: Option<String>,
    /// Whether it can send nothing but free text.
    pub(super) needs_text: bool,
    pub(super) send: (Request, Judge),
    pub(super) callback: Option<Shape>,
    pub(super) status: Option<(Request, StatusShape)>,
    pub(super) test: Option<(Request, Judge)>,
}

impl std::fmt::Debug for Description {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Description").field("name", &self.name).field("channel", &self.channel).finish_non_exhaustive()
    }
}

impl Description {
    /// Reads a gateway's file. Everything that is wrong in it is found in one go, in the order of the file.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<Fault>> {
        let source = Source::new(file, text);
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            source.fault(error.span().unwrap_or(0..0), error.message(), None);
        }
        // What a broken file seems to hold is not worth a second look.
        let description = if errors.is_empty() {
            let root = Table::new(&source, "the file".into(), 0..text.find('\n').unwrap_or(text.len()), table.get_ref());
            read(file, &root)
        } else {
            None
        };
        let faults = source.into_faults();
        match description {
            Some(description) if faults.is_empty() => Ok(description),
            _ => Err(faults),
        }
    }
}

fn read(file: &str, root: &Table<'_>) -> Option<Description> {
    root.only(&["title", "channel", "address", "url", "settings", "send", "callback", "status", "test"]);
    let title = root.required("title", "title = \"eSMS\"");
    if root.get("channel").is_none() {
        root.missing("channel", "channel = \"sms\"");
    }
    let channel = root.word("channel", &["sms", "chat"], |word| match word {
        "sms" => Some(Channel::Sms),
        "chat" => Some(Channel::Chat),
        _ => None,
    });
    let address = read_address(root, channel);
    let url = root.text("url").and_then(|url| match base_address(url.value) {
        Ok(base) => Some(base),
        Err(why) => {
            let help = "such as \"https://api.example.vn\"; what follows it is the section's `path`".to_owned();
            root.source.fault(url.span, why, Some(help));
            None
        }
    });
    let settings = root.table("settings").map_or_else(Vec::new, |table| read_settings(&table));
    let names: Vec<&str> = settings.iter().map(|setting| setting.name.as_str()).collect();
    let with_settings = |own: &[&'static str]| -> Vec<&str> { own.iter().copied().chain(names.iter().copied()).collect() };

    let message_names = if channel == Some(Channel::Chat) { CHAT_NAMES } else { SMS_NAMES };
    let mut ignores_repeats_for = std::time::Duration::ZERO;
    if root.get("send").is_none() {
        root.missing("send", "[send]");
    }
    let send = root.table("send").map(|table| {
        table.only(&[request::KEYS, Judge::KEYS, &["ignores_repeats_for"]].concat());
        ignores_repeats_for = table.duration("ignores_repeats_for").unwrap_or_default();
        (Request::parse(&table, &with_settings(message_names)), Judge::parse(&table))
    });
    let needs_text = channel == Some(Channel::Chat) && root.source.uses("text") && !root.source.uses("template");
    if send.is_some() && !root.source.uses("to") {
        root.source.fault(root.place_of("send"), "nothing in [send] says to whom: no template uses `to`", None);
    }
    let status = root.table("status").map(|table| {
        table.only(&[request::KEYS, StatusShape::KEYS].concat());
        let request = Request::parse(&table, &with_settings(HANDLE_NAMES));
        // No other template may use the name `id`.
        let by_id = root.source.uses("id");
        (request, StatusShape::parse(&table, by_id))
    });
    let test = root.table("test").map(|table| {
        table.only(&[request::KEYS, Judge::KEYS].concat());
        (Request::parse(&table, &with_settings(&[])), Judge::parse(&table))
    });
    let secrets: Vec<&str> = settings.iter().filter(|setting| setting.secret).map(|setting| setting.name.as_str()).collect();
    let callback = root.table("callback").map(|table| Shape::parse(&table, &secrets));
    if let Some(table) = root.table("settings") {
        for (name, _) in table.entries().filter(|(name, _)| !root.source.uses(name.value)) {
            let help = Some(format!("use {{{{ {} }}}} in a request, or take it out", name.value));
            root.source.fault(name.span, format!("nothing uses the setting `{}`", name.value), help);
        }
    }

    let abilities = Abilities {
        receipts: status.is_some() || callback.as_ref().is_some_and(Shape::has_receipts),
        ignores_repeats_for,
        echoes_reference: callback.as_ref().is_some_and(Shape::echoes_reference),
        status: status.is_some(),
        ..Abilities::LEAST
    };
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    Some(Description {
        name: name.strip_suffix(".toml").unwrap_or(name).to_owned(),
        title: title?.value.to_owned(),
        channel: channel?,
        address: address?,
        settings,
        abilities,
        url,
        needs_text,
        send: send?,
        callback,
        status,
        test,
    })
}

/// `address`: `phone` for SMS (which need not say so), a service's name for chat.
fn read_address(root: &Table<'_>, channel: Option<Channel>) -> Option<String> {
    let address = root.text("address");
    match (channel?, address) {
        (Channel::Chat, None) => {
            root.missing("address", "address = \"telegram\", the service whose ids it takes");
            None
        }
        (Channel::Chat, Some(address)) => {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if address.value.is_empty() || !address.value.chars().all(fits) {
                let message = format!("`{}` is no service's name", address.value);
                root.source.fault(address.span, message, Some("small letters, digits and `_`".into()));
            }
            Some(address.value.to_owned())
        }
        (_, Some(address)) if address.value != "phone" => {
            let message = format!("an SMS gateway takes phone numbers, not `{}`", address.value);
            root.source.fault(address.span, message, Some("address = \"phone\"".into()));
            None
        }
        _ => Some("phone".to_owned()),
    }
}

fn read_settings(table: &Table<'_>) -> Vec<Setting> {
    let mut settings = Vec::new();
    for (name, value) in table.entries() {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !name.value.starts_with(|c: char| c.is_ascii_lowercase()) || !name.value.chars().all(fits) {
            let message = format!("`{}` is no name of a setting", name.value);
            table.source.fault(name.span.clone(), message, Some("small letters, digits and `_`, a letter first".into()));
        }
        let taken = [SMS_NAMES, CHAT_NAMES, HANDLE_NAMES, ACCOUNT_KEYS].concat();
        if taken.contains(&name.value) {
            let message = format!("a setting cannot be called `{}`: that name has a meaning already", name.value);
            table.source.fault(name.span.clone(), message, None);
        }
        let Some(setting) = table.as_table(name.value, value) else {
            let message = format!("the setting `{}` must be a table", name.value);
            table.source.fault(value.span(), message, Some(format!("{} = {{ about = \"…\" }}", name.value)));
            continue;
        };
        setting.only(&["about", "secret", "default", "optional"]);
        let about = setting.required("about", "about = \"the API key from the gateway's console\"");
        let secret = setting.boolean("secret").unwrap_or(false);
        let default = setting.text("default");
        if let Some(default) = default.as_ref().filter(|_| secret) {
            setting.source.fault(default.span.clone(), "a secret has no default", None);
        }
        let optional = setting.boolean("optional").unwrap_or(false);
        if default.is_some() && optional {
            setting.source.fault(setting.place_of("optional"), "a setting with a default is optional anyway", None);
        }
        settings.push(Setting {
            name: name.value.to_owned(),
            secret,
            required: default.is_none() && !optional,
            default: default.map(|default| default.value.to_owned()),
            about: about.map_or_else(String::new, |about| about.value.to_owned()),
        });
    }
    settings
}

/// An address that paths can follow: absolute, http or https, without query, fragment, credentials or last slash.
pub(super) fn base_address(text: &str) -> Result<String, String> {
    let url = reqwest::Url::parse(text).map_err(|error| format!("this is no address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("an address starts with https:// or http://".into());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("this address has a query or a fragment; it is what paths are put after".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address holds no credentials".into());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}
