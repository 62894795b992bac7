//! Rows of a list of tables, and tables of a writer's own name: added, copied, taken away.

use toml_edit::{ArrayOfTables, InlineTable, Item, Table, TableLike, Value};

use super::{NoForm, Style, parse};
use crate::phrase;

/// What holds rows or named tables, and the last step of the way there.
fn holder<'d, 'p>(root: &'d mut Table, path: &'p str) -> Option<(&'d mut dyn TableLike, &'p str)> {
    let mut here: &mut dyn TableLike = root;
    let mut steps = path.split('.').peekable();
    loop {
        let step = steps.next()?;
        if steps.peek().is_none() {
            return Some((here, step));
        }
        here = match here.get_mut(step)? {
            Item::ArrayOfTables(tables) => {
                let row = tables.get_mut(steps.next()?.parse().ok()?)?;
                steps.peek()?;
                row
            }
            Item::Value(Value::Array(list)) => list.get_mut(steps.next()?.parse().ok()?)?.as_inline_table_mut()?,
            item => item.as_table_like_mut()?,
        };
    }
}

fn missing(path: &str) -> NoForm {
    NoForm(phrase!("không có `{path}`", "there is no `{path}`"))
}

/// A text with one more table at the end of a list, in which `fill` may write. A list's first table is written in this style; below
/// another table there is no room for headings.
pub fn add_row(text: &str, list: &str, style: Style, fill: impl FnOnce(&mut dyn TableLike)) -> Result<String, NoForm> {
    let mut document = parse(text)?;
    let (table, key) = holder(document.as_table_mut(), list).ok_or_else(|| missing(list))?;
    let in_line = style == Style::Inline || list.contains('.');
    match table.get_mut(key) {
        Some(Item::ArrayOfTables(tables)) => {
            let mut row = Table::new();
            fill(&mut row);
            tables.push(row);
        }
        Some(Item::Value(Value::Array(rows))) => {
            let mut row = InlineTable::new();
            fill(&mut row);
            rows.push(row);
        }
        _ if in_line => {
            let mut row = InlineTable::new();
            fill(&mut row);
            let mut rows = toml_edit::Array::new();
            rows.push(row);
            table.insert(key, Item::Value(Value::Array(rows)));
        }
        _ => {
            let mut row = Table::new();
            fill(&mut row);
            let mut rows = ArrayOfTables::new();
            rows.push(row);
            table.insert(key, Item::ArrayOfTables(rows));
        }
    }
    Ok(document.to_string())
}

/// A text with a copy of a row behind it, in which `change` may write.
pub fn copy_row(text: &str, row: &str, change: impl FnOnce(&mut dyn TableLike)) -> Result<String, NoForm> {
    let mut document = parse(text)?;
    let (list, at) = row.rsplit_once('.').ok_or_else(|| missing(row))?;
    let at: usize = at.parse().map_err(|_| missing(row))?;
    let (table, key) = holder(document.as_table_mut(), list).ok_or_else(|| missing(list))?;
    match table.get_mut(key) {
        Some(Item::ArrayOfTables(tables)) => {
            let mut copy = tables.get(at).cloned().ok_or_else(|| missing(row))?;
            anywhere(&mut copy);
            change(&mut copy);
            tables.insert(at + 1, copy);
        }
        Some(Item::Value(Value::Array(rows))) => {
            let mut copy = rows.get(at).and_then(Value::as_inline_table).cloned().ok_or_else(|| missing(row))?;
            change(&mut copy);
            rows.insert(at + 1, copy);
        }
        _ => return Err(missing(row)),
    }
    Ok(document.to_string())
}

/// A copied table stands where it comes in its list, not where its model stands in the text.
fn anywhere(table: &mut Table) {
    table.set_position(None);
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(inner) => anywhere(inner),
            Item::ArrayOfTables(tables) => tables.iter_mut().for_each(anywhere),
            _ => {}
        }
    }
}

/// A text with an empty table of this name at `path`, unless there is one.
pub fn add_key(text: &str, path: &str, name: &str) -> Result<String, NoForm> {
    let mut document = parse(text)?;
    let (table, key) = holder(document.as_table_mut(), path).ok_or_else(|| missing(path))?;
    if table.get(key).is_none() {
        let mut outer = Table::new();
        outer.set_implicit(true);
        table.insert(key, Item::Table(outer));
    }
    let tables = table.get_mut(key).ok_or_else(|| missing(path))?;
    match tables {
        Item::Table(outer) if !outer.contains_key(name) => drop(outer.insert(name, Item::Table(Table::new()))),
        Item::Value(Value::InlineTable(outer)) if !outer.contains_key(name) => {
            outer.insert(name, Value::InlineTable(InlineTable::new()));
        }
        _ => {}
    }
    Ok(document.to_string())
}

/// A text without a row of a list, or without a table.
pub fn remove(text: &str, path: &str) -> Result<String, NoForm> {
    let mut document = parse(text)?;
    let (outer, last) = path.rsplit_once('.').unwrap_or(("", path));
    if let Ok(at) = last.parse::<usize>() {
        let (table, key) = holder(document.as_table_mut(), outer).ok_or_else(|| missing(path))?;
        let is_empty = match table.get_mut(key) {
            Some(Item::ArrayOfTables(tables)) if at < tables.len() => {
                tables.remove(at);
                tables.is_empty()
            }
            Some(Item::Value(Value::Array(rows))) if at < rows.len() => {
                rows.remove(at);
                rows.is_empty()
            }
            _ => return Err(missing(path)),
        };
        if is_empty {
            table.remove(key);
        }
    } else {
        let (table, key) = holder(document.as_table_mut(), path).ok_or_else(|| missing(path))?;
        table.remove(key).ok_or_else(|| missing(path))?;
    }
    Ok(document.to_string())
}
