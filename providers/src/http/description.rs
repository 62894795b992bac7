//! A gateway's file, read once: text in, a compiled [`Description`] or every fault of the file out.

use toml::de::DeTable;

use super::{
    callback::Shape,
    expression::Expression,
    fault::Fault,
    judge::Judge,
    reader::{Source, Table},
    request::{self, Names, Request},
    results::Results,
    status::{self, StatusShape},
    token::TokenShape,
};
use crate::{Abilities, Batch, Channel};

/// Names of the message that templates of an SMS gateway may use.
const SMS_NAMES: &[&str] = &["to", "text", "reference", "callback", "expires", "encoding", "unicode", "parts"];

/// Of these, the ones that make up a text's content: equal for all messages of a batch with `same_content`.
const SMS_CONTENT_NAMES: &[&str] = &["text", "encoding", "unicode", "parts"];

/// The same of a chat message.
const CHAT_CONTENT_NAMES: &[&str] = &["text", "template", "data"];

/// Names that every request may use.
const COMMON_NAMES: &[&str] = &["now", "uuid", "nonce"];

/// The name of the token, where there is one.
const TOKEN: &str = "token";

/// Names that are of a batch as a whole.
const BATCH_NAMES: &[&str] = &["request", "callback", "expires"];

/// Names of the message that templates of a chat gateway may use.
const CHAT_NAMES: &[&str] = &["to", "text", "reference", "callback", "expires", "template", "data"];

/// Names of the message that templates of a mail gateway may use.
const EMAIL_NAMES: &[&str] =
    &["to", "to_name", "subject", "text", "html", "language", "list", "unsubscribe_url", "reference", "callback", "expires"];

/// The same of a mail.
const EMAIL_CONTENT_NAMES: &[&str] = &["to_name", "subject", "text", "html", "language", "list", "unsubscribe_url"];

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
    /// Whose address it takes: `phone`, `email`, or a chat service's name such as `telegram`.
    pub address: String,
    /// What an account on it must or may say, beside `url`.
    pub settings: Vec<Setting>,
    /// What it can do.
    pub abilities: Abilities,
    /// Where it is; none: the account's `url` says.
    pub url: Option<String>,
    /// Whether it can send nothing but free text.
    pub(super) needs_text: bool,
    pub(super) token: Option<TokenShape>,
    pub(super) send: Send,
    pub(super) callback: Option<Shape>,
    pub(super) status: Option<(Request, StatusShape)>,
    pub(super) test: Option<(Request, Judge)>,
    pub(super) balance: Option<(Request, Judge, Expression)>,
}

/// `[send]`, compiled.
pub(super) struct Send {
    pub(super) request: Request,
    pub(super) judge: Judge,
    pub(super) results: Option<Results>,
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
    let sections = ["title", "channel", "address", "url", "settings", "token", "send", "callback", "status", "test", "balance"];
    root.only(&sections);
    let title = root.required("title", "title = \"eSMS\"");
    if root.get("channel").is_none() {
        root.missing("channel", "channel = \"sms\"");
    }
    let channel = root.word("channel", &["sms", "email", "chat"], |word| match word {
        "sms" => Some(Channel::Sms),
        "email" => Some(Channel::Email),
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
    let renews = root.get("token").is_some();
    if let Some(setting) = settings.iter().find(|setting| renews && setting.name == TOKEN) {
        let place = root.table("settings").map_or_else(|| root.span.clone(), |table| table.place_of(&setting.name));
        root.source.fault(place, "a setting cannot be called `token`: that is what [token] gets", None);
    }
    let with_settings = |own: &[&'static str]| -> Vec<&str> {
        let token = renews.then_some(TOKEN);
        own.iter().chain(COMMON_NAMES).copied().chain(token).chain(names.iter().copied()).collect()
    };

    let token = root.table("token").map(|table| {
        let own = COMMON_NAMES.iter().copied().chain(names.iter().copied()).collect();
        TokenShape::parse(&table, &Names { own, each: None })
    });
    if root.get("send").is_none() {
        root.missing("send", "[send]");
    }
    let mut abilities = Abilities::LEAST;
    let send = root.table("send").map(|table| read_send(&table, channel, renews, &with_settings, &mut abilities));
    let needs_text = channel == Some(Channel::Chat) && root.source.uses("text") && !root.source.uses("template");
    if renews && send.is_some() && !root.source.uses(TOKEN) {
        root.source.fault(root.place_of("token"), "nothing in [send] uses `token`", Some("{{ token }}".into()));
    }
    let status = root.table("status").map(|table| {
        table.only(&[request::KEYS, StatusShape::KEYS].concat());
        let own = with_settings(HANDLE_NAMES);
        let names = if table.get("batch").is_some() {
            Names { own: with_settings(&[]), each: Some(own) }
        } else {
            Names { own, each: None }
        };
        let request = Request::parse(&table, &names);
        // No other template may use the name `id`.
        let by_id = root.source.uses("id");
        abilities.status = true;
        abilities.status_by_id = by_id;
        abilities.poll = status::schedule(&table);
        if let Some(poll) = abilities.poll.as_mut().filter(|_| by_id) {
            poll.together = poll.together.max(abilities.batch.most);
        }
        (request, StatusShape::parse(&table, by_id, renews))
    });
    let plain = Names { own: with_settings(&[]), each: None };
    let test = root.table("test").map(|table| {
        table.only(&[request::KEYS, Judge::KEYS].concat());
        (Request::parse(&table, &plain), Judge::parse(&table, renews))
    });
    let balance = root.table("balance").map(|table| {
        table.only(&[request::KEYS, Judge::KEYS, &["value"]].concat());
        let request = Request::parse(&table, &plain);
        let judge = Judge::parse_optional(&table, renews);
        let value = table.required("value", "value = \"body.balance\"");
        let value = value.and_then(|text| Expression::parse(table.source, &text, super::answer::NAMES));
        value.map(|value| (request, judge, value))
    });
    let secrets: Vec<&str> = settings.iter().filter(|setting| setting.secret).map(|setting| setting.name.as_str()).collect();
    let callback = root.table("callback").map(|table| Shape::parse(&table, &names, &secrets));
    if let Some(table) = root.table("settings") {
        for (name, _) in table.entries().filter(|(name, _)| !root.source.uses(name.value)) {
            let help = Some(format!("use {{{{ {} }}}} in a request, or take it out", name.value));
            root.source.fault(name.span, format!("nothing uses the setting `{}`", name.value), help);
        }
    }

    abilities.receipts = status.is_some() || callback.as_ref().is_some_and(Shape::has_receipts);
    abilities.echoes_reference = callback.as_ref().is_some_and(Shape::echoes_reference);
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
        token: match token {
            Some(token) => Some(token?),
            None => None,
        },
        send: send?,
        callback,
        status,
        test,
        balance: match balance {
            Some(balance) => Some(balance?),
            None => None,
        },
    })
}

/// `[send]`: the request, the judgement, and what they say of the gateway's abilities.
fn read_send<'n>(
    table: &Table<'_>,
    channel: Option<Channel>,
    renews: bool,
    with_settings: &dyn Fn(&[&'static str]) -> Vec<&'n str>,
    abilities: &mut Abilities,
) -> Send {
    table.only(&[request::KEYS, Judge::KEYS, &["ignores_repeats_for", "batch", "same_content", "results"]].concat());
    let source = table.source;
    let (message, content) = match channel {
        Some(Channel::Chat) => (CHAT_NAMES, CHAT_CONTENT_NAMES),
        Some(Channel::Email) => (EMAIL_NAMES, EMAIL_CONTENT_NAMES),
        _ => (SMS_NAMES, SMS_CONTENT_NAMES),
    };
    let (most, same_content) = (status::batch(table), table.boolean("same_content").unwrap_or(false));
    let several = most > 1;
    abilities.batch = Batch { most, same_content };
    let names = if several {
        let whole: Vec<&'static str> = BATCH_NAMES.iter().chain(if same_content { content } else { &[] }).copied().collect();
        Names { own: with_settings(&whole), each: Some(with_settings(message)) }
    } else {
        Names { own: with_settings(message), each: None }
    };
    for key in ["same_content", "results"].into_iter().filter(|key| !several && table.get(key).is_some()) {
        source.fault(table.place_of(key), format!("`{key}` is for a `batch`"), Some("batch = 100".into()));
    }
    let request = Request::parse(table, &names);
    if !source.uses("to") {
        let help = several.then(|| "in a batch, `to` is one message's: { each = \"{{ to|digits }}\" }".to_owned());
        source.fault(table.span.clone(), "nothing in [send] says to whom: no template uses `to`", help);
    }
    abilities.ignores_repeats_for = table.duration("ignores_repeats_for").unwrap_or_default();
    if several && !abilities.ignores_repeats_for.is_zero() && !source.uses("reference") {
        // A repeat goes by itself or with others: a request's id of then is not the one of now.
        let message = "a batch has one id for all its messages: a message that is repeated alone would not be known again";
        let help = Some("take it out, or give each message its `reference`".to_owned());
        source.fault(table.place_of("ignores_repeats_for"), message, help);
    }
    let results = table.table("results").filter(|_| several).and_then(|results| Results::parse(&results));
    Send { request, judge: Judge::parse(table, renews), results }
}

/// `address`: `phone` for SMS and `email` for mail (which need not say so), a service's name for chat.
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
        (Channel::Email, Some(address)) if address.value != "email" => {
            let message = format!("a mail gateway takes mail addresses, not `{}`", address.value);
            root.source.fault(address.span, message, Some("address = \"email\"".into()));
            None
        }
        (Channel::Email, _) => Some("email".to_owned()),
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
        let taken = [SMS_NAMES, EMAIL_NAMES, CHAT_NAMES, HANDLE_NAMES, BATCH_NAMES, COMMON_NAMES, ACCOUNT_KEYS].concat();
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
