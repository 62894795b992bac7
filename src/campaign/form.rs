//! Which fields a campaign's form and a segment's have: one for every key that their readers know (a test asks the readers).

use crate::document::form::{Form, Keys, Kind, NoForm, Shape, Style, Typed, Written, add_key, add_row, copy_row, remove, write};

use Kind::{Date, Days, Line, Lists, Names, Order, Share, Text, Texts, Whole};
use Shape::{Field, Named, Rows, Rule, Table, TextOr};
use Style::{Heading, Inline};

/// A campaign's keys.
pub static CAMPAIGN: &Keys = &[
    ("title", Field(Line)),
    ("kind", Field(Line)),
    ("owner", Field(Line)),
    (
        "basis",
        Table(
            &[
                ("number", Field(Line)),
                ("date", Field(Date)),
                ("authority", Field(Line)),
                ("signer", Field(Line)),
                ("document", Field(Line)),
            ],
            Inline,
        ),
    ),
    ("law", Field(Line)),
    ("period", Table(&[("from", Field(Date)), ("through", Field(Date)), ("phases", Field(Days))], Heading)),
    ("cadence", Table(&[("", Rule), ("timezone", Field(Line)), ("holidays", Field(Line)), ("late", Field(Line))], Heading)),
    ("audience", Table(&[("segments", Field(Names)), ("exclude", Field(Names)), ("goal", Field(Share))], Heading)),
    (
        "channels",
        Table(
            &[("use", Field(Order)), ("policy", Field(Line)), ("fall_back_after", Field(Line)), ("finish_by", Field(Line))],
            Heading,
        ),
    ),
    (
        "sending",
        Table(
            &[
                ("hours", Field(Line)),
                ("valid_for", Field(Line)),
                ("doubt", Field(Line)),
                ("budget", Field(Whole)),
                ("sms_text", Field(Line)),
            ],
            Heading,
        ),
    ),
    ("relay", Table(RELAY, Heading)),
    ("message", Rows(MESSAGE)),
];

static RELAY: &Keys = &[
    ("partners", Field(Order)),
    ("kinds", Field(Names)),
    ("sender", Field(Line)),
    ("areas", Field(Order)),
    ("audience", Field(Line)),
    ("sms", Field(Text)),
    ("sms_text", Field(Line)),
    ("app", Field(Text)),
    ("material", Field(Text)),
    ("rounds", Field(Whole)),
    ("hours", Field(Line)),
    ("valid_for", Field(Line)),
    ("rate", Field(Line)),
    ("report_within", Field(Line)),
    ("payment", Field(Line)),
    ("contract", Field(Line)),
    ("status", Field(Line)),
];

static MESSAGE: &Keys = &[
    ("id", Field(Line)),
    ("phase", Field(Line)),
    ("for", Field(Names)),
    ("sms", TextOr(SMS)),
    ("chat", TextOr(CHAT)),
    ("email", Table(EMAIL, Heading)),
    ("lang", Named(&[("sms", TextOr(SMS)), ("chat", TextOr(CHAT)), ("email", Table(EMAIL, Heading))])),
];

static SMS: &Keys = &[
    ("text", Field(Text)),
    ("sms_text", Field(Line)),
    ("template", Field(Line)),
    ("wording", Field(Text)),
    ("values", Field(Texts)),
];

static CHAT: &Keys = &[("text", Field(Text)), ("template", Field(Line)), ("data", Field(Texts))];

static EMAIL: &Keys = &[("subject", Field(Line)), ("preheader", Field(Line)), ("body", Field(Text)), ("attach", Field(Order))];

/// A segment's keys: a table's in `segments.toml`.
pub static SEGMENT: &Keys = &[
    ("title", Field(Line)),
    ("groups", Field(Names)),
    ("areas", Field(Names)),
    ("born_before", Field(Date)),
    ("born_after", Field(Date)),
    ("lang", Field(Names)),
    ("attributes", Field(Lists)),
    ("reached", Table(REACHED, Inline)),
    ("any", Rows(&CONDITION)),
    ("not", Table(&CONDITION, Inline)),
    ("segments", Field(Names)),
];

static CONDITION: [(&str, Shape); 10] = [
    ("groups", Field(Names)),
    ("areas", Field(Names)),
    ("born_before", Field(Date)),
    ("born_after", Field(Date)),
    ("lang", Field(Names)),
    ("attributes", Field(Lists)),
    ("reached", Table(REACHED, Inline)),
    ("any", Rows(&CONDITION)),
    ("not", Table(&CONDITION, Inline)),
    ("segments", Field(Names)),
];

static REACHED: &Keys = &[("campaign", Field(Line)), ("within", Field(Line))];

/// A new campaign, before anybody wrote anything.
pub fn blank(owner: &str) -> String {
    let owner = toml_edit::Value::from(owner);
    format!(
        "title = \"\"\nkind  = \"awareness\"\nowner = {owner}\n\n[audience]\nsegments = []\n\n[channels]\nuse = [\"sms\"]\n\n\
         [[message]]\nid = \"tin-1\"\n"
    )
}

/// What stands in a campaign's text.
pub fn of(text: &str) -> Result<Form, NoForm> {
    Form::of(text, CAMPAIGN)
}

/// A campaign's text with what was typed.
pub fn typed(text: &str, typed: &Typed) -> Result<Written, NoForm> {
    write(text, CAMPAIGN, typed)
}

/// The text with one more message, under an id that no other has.
pub fn add_message(text: &str) -> Result<String, NoForm> {
    let id = free_id(&of(text)?, "tin");
    add_row(text, "message", Heading, |row| drop(row.insert("id", toml_edit::value(id))))
}

/// The text with a copy of a message behind it.
pub fn copy_message(text: &str, at: usize) -> Result<String, NoForm> {
    let form = of(text)?;
    let id = form.text(&format!("message.{at}.id"));
    let stem = id.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-');
    let id = free_id(&form, if stem.is_empty() { "tin" } else { stem });
    copy_row(text, &format!("message.{at}"), |row| drop(row.insert("id", toml_edit::value(id))))
}

/// The text without a message.
pub fn remove_message(text: &str, at: usize) -> Result<String, NoForm> {
    remove(text, &format!("message.{at}"))
}

/// The text with a language of a message, which is still empty.
pub fn add_language(text: &str, at: usize, code: &str) -> Result<String, NoForm> {
    add_key(text, &format!("message.{at}.lang"), code)
}

/// The text without a language of a message.
pub fn remove_language(text: &str, at: usize, code: &str) -> Result<String, NoForm> {
    remove(text, &format!("message.{at}.lang.{code}"))
}

/// One message of a campaign alone, under whatever of the rest can stand: for looking at its texts before all is written. What the
/// message itself lacks stays missing.
pub fn alone(text: &str, at: usize) -> Result<String, NoForm> {
    let form = of(text)?;
    let mut message = text.to_string();
    let count = form.rows.get("message").copied().unwrap_or_default();
    for other in (0..count).rev().filter(|other| *other != at) {
        message = remove_message(&message, other)?;
    }
    for key in ["period", "cadence", "basis", "relay"] {
        message = remove(&message, key).unwrap_or(message);
    }
    let mut sure: Vec<(&str, String)> = vec![
        ("title", "-".into()),
        ("owner", "-".into()),
        ("message.0.id", "tin".into()),
        ("message.0.phase", String::new()),
        ("message.0.for", String::new()),
        ("audience.segments", "tat-ca".into()),
        ("audience.exclude", String::new()),
        ("audience.goal", String::new()),
        ("channels.policy", String::new()),
        ("channels.fall_back_after", String::new()),
        ("channels.finish_by", String::new()),
        ("sending.hours", String::new()),
        ("sending.valid_for", String::new()),
        ("sending.doubt", String::new()),
        ("sending.budget", String::new()),
    ];
    for (field, known) in [
        ("kind", &["awareness", "warning"][..]),
        ("law", &["public-information", "advertising"]),
        ("sending.sms_text", &["unaccented", "unicode"]),
    ] {
        if !known.contains(&form.text(field)) {
            sure.push((field, if field == "kind" { "awareness".into() } else { String::new() }));
        }
    }
    let written: Vec<&str> = [("chat", "chat"), ("sms", "sms"), ("email", "email")]
        .into_iter()
        .filter(|(_, key)| {
            form.values.iter().any(|(field, texts)| !texts.is_empty() && field.starts_with(&format!("message.{at}.{key}.")))
        })
        .map(|(channel, _)| channel)
        .collect();
    let channels = if written.is_empty() { vec!["sms"] } else { written };
    sure.extend(channels.into_iter().map(|channel| ("channels.use", channel.to_string())));
    Ok(typed(&message, &sure.into_iter().collect())?.text)
}

/// A segment's table without its heading; none: it is written so that no form can show it.
pub fn segment_body<'t>(slug: &str, text: &'t str) -> Option<&'t str> {
    let rest = text.trim_start().strip_prefix(&format!("[{slug}]"))?;
    let body = rest.split_once('\n').map_or("", |(_, body)| body);
    let bare = rest.lines().next().is_none_or(|line| line.trim().is_empty());
    (bare && !body.lines().any(|line| line.trim_start().starts_with('['))).then_some(body)
}

/// The same with its heading.
pub fn segment_text(slug: &str, body: &str) -> String {
    format!("[{slug}]\n{}\n", body.trim_end())
}

/// A segment with one more of the conditions of which any must hold.
pub fn add_choice(body: &str) -> Result<String, NoForm> {
    add_row(body, "any", Inline, |_| {})
}

fn free_id(form: &Form, stem: &str) -> String {
    let count = form.rows.get("message").copied().unwrap_or_default();
    let taken: Vec<&str> = (0..count).map(|at| form.text(&format!("message.{at}.id"))).collect();
    // Among one more number than there are messages, one is free.
    (1..=count + 1).map(|n| format!("{stem}-{n}")).find(|id| !taken.contains(&id.as_str())).unwrap_or_else(|| stem.to_string())
}

#[cfg(test)]
mod tests;
