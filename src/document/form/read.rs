//! From a document to a form.

use toml_edit::{DocumentMut, Item, TableLike};

use super::{Form, Keys, Kind, NoForm, Shape};
use crate::phrase;

/// The days of a week by their names in files.
pub(super) const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The fields of a cadence's rule. `on` has one for each kind of rule.
pub(super) const RULE: [(&str, Kind); 7] = [
    ("every", Kind::Line),
    ("at", Kind::Line),
    ("cron", Kind::Line),
    ("on.date", Kind::Date),
    ("on.week", Kind::Names),
    ("on.month", Kind::Whole),
    ("on.day", Kind::Line),
];

/// What `every` is in the form where a cron line stands instead.
pub(super) const CRON: &str = "cron";

/// The most rows of one list that a page shows.
const MOST_ROWS: usize = 60;

pub(super) fn form(document: &DocumentMut, keys: &'static Keys) -> Result<Form, NoForm> {
    let mut form = Form::default();
    table(document.as_table(), keys, "", &mut form)?;
    Ok(form)
}

pub(super) fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_string() } else { format!("{path}.{key}") }
}

/// The field of `cadence` that shows what `on` holds under a rule.
pub(super) fn on_field(every: &str) -> &'static str {
    match every {
        "once" => "cadence.on.date",
        "month" | "quarter" => "cadence.on.day",
        "week" => "cadence.on.week",
        _ => "cadence.every",
    }
}

fn strange(path: &str) -> NoForm {
    NoForm(phrase!("biểu mẫu không có ô cho `{path}`", "the form has no field for `{path}`"))
}

fn table(table: &dyn TableLike, keys: &'static Keys, path: &str, form: &mut Form) -> Result<(), NoForm> {
    for (key, shape) in keys {
        blank(*shape, &joined(path, key), form);
        if matches!(shape, Shape::Rule) {
            rule(table, path, form)?;
        }
    }
    for (key, item) in table.iter().filter(|(_, item)| !item.is_none()) {
        let here = joined(path, key);
        match keys.iter().find(|(known, _)| *known == key) {
            Some((_, shape)) => part(item, *shape, &here, form)?,
            None if is_of_rule(keys, key) => {}
            // A key with a dot in it would be taken for two.
            None => return Err(strange(&here)),
        }
    }
    Ok(())
}

fn is_of_rule(keys: &Keys, key: &str) -> bool {
    keys.iter().any(|(_, shape)| matches!(shape, Shape::Rule)) && matches!(key, "every" | "on" | "at" | "cron")
}

/// The fields that there are even where nothing stands in them.
fn blank(shape: Shape, path: &str, form: &mut Form) {
    match shape {
        Shape::Field(_) => drop(form.fields.insert(path.to_string())),
        Shape::Table(keys, _) | Shape::TextOr(keys) => {
            // A condition may hold conditions: those of a table that is not there are not there either.
            for (key, inner) in keys.iter().filter(|(_, inner)| !matches!(inner, Shape::Table(..))) {
                blank(*inner, &joined(path, key), form);
            }
        }
        Shape::Rows(_) => drop(form.rows.entry(path.to_string()).or_default()),
        Shape::Named(_) => drop(form.named.entry(path.to_string()).or_default()),
        Shape::Rule => {
            let path = path.trim_end_matches('.');
            form.fields.extend(RULE.iter().map(|(key, _)| joined(path, key)));
        }
    }
}

fn part(item: &Item, shape: Shape, path: &str, form: &mut Form) -> Result<(), NoForm> {
    match shape {
        Shape::Field(kind) => {
            form.values.insert(path.to_string(), kind.shown(item).ok_or_else(|| strange(path))?);
        }
        Shape::Table(keys, _) => table(item.as_table_like().ok_or_else(|| strange(path))?, keys, path, form)?,
        Shape::TextOr(keys) => match item.as_str() {
            Some(text) => drop(form.values.insert(joined(path, "text"), vec![text.replace("\r\n", "\n")])),
            None => table(item.as_table_like().ok_or_else(|| strange(path))?, keys, path, form)?,
        },
        Shape::Rows(keys) => {
            let mut count = 0;
            let rows: Vec<&dyn TableLike> = match item {
                Item::ArrayOfTables(tables) => tables.iter().map(|one| one as &dyn TableLike).collect(),
                Item::Value(toml_edit::Value::Array(list)) => {
                    let tables: Option<Vec<_>> =
                        list.iter().map(|one| one.as_inline_table().map(|one| one as &dyn TableLike)).collect();
                    tables.ok_or_else(|| strange(path))?
                }
                _ => return Err(strange(path)),
            };
            if rows.len() > MOST_ROWS {
                let wrong = phrase!(
                    "`{path}` có hơn {MOST_ROWS} mục, quá dài cho một biểu mẫu",
                    "`{path}` has more than {MOST_ROWS} entries: too many for a form"
                );
                return Err(NoForm(wrong));
            }
            for row in rows {
                table(row, keys, &joined(path, &count.to_string()), form)?;
                count += 1;
            }
            form.rows.insert(path.to_string(), count);
        }
        Shape::Named(keys) => {
            let tables = item.as_table_like().ok_or_else(|| strange(path))?;
            let mut names = Vec::new();
            for (name, one) in tables.iter() {
                let here = joined(path, name);
                if name.contains('.') || name.is_empty() {
                    return Err(strange(&here));
                }
                table(one.as_table_like().ok_or_else(|| strange(&here))?, keys, &here, form)?;
                names.push(name.to_string());
            }
            form.named.insert(path.to_string(), names);
        }
        Shape::Rule => {}
    }
    Ok(())
}

/// `every`, `on`, `at` and `cron`, each in its field.
fn rule(table: &dyn TableLike, path: &str, form: &mut Form) -> Result<(), NoForm> {
    let mut put = |key: &str, texts: Vec<String>| drop(form.values.insert(joined(path, key), texts));
    for key in ["every", "at", CRON] {
        if let Some(item) = table.get(key) {
            put(key, Kind::Line.shown(item).ok_or_else(|| strange(&joined(path, key)))?);
        }
    }
    if !table.contains_key("every") && table.contains_key(CRON) {
        put("every", vec![CRON.to_string()]);
    }
    let Some(item) = table.get("on") else { return Ok(()) };
    let every = table.get("every").and_then(Item::as_str).unwrap_or_default();
    let unknown = || strange(&joined(path, "on"));
    if let Some(inner) = item.as_table_like() {
        for (key, one) in inner.iter() {
            let field = match key {
                "month" => "on.month",
                "day" => "on.day",
                _ => return Err(unknown()),
            };
            put(field, Kind::Whole.shown(one).ok_or_else(unknown)?);
        }
    } else if item.is_integer() {
        put("on.day", Kind::Whole.shown(item).ok_or_else(unknown)?);
    } else if item.is_datetime() {
        put("on.date", Kind::Date.shown(item).ok_or_else(unknown)?);
    } else {
        let texts = Kind::Names.shown(item).ok_or_else(unknown)?;
        let days = item.is_array() || texts.iter().any(|text| WEEKDAYS.contains(&text.as_str()));
        match (every, days) {
            (_, true) | ("week", _) => put("on.week", texts),
            ("once", _) => put("on.date", texts),
            _ => put("on.day", texts),
        }
    }
    Ok(())
}
