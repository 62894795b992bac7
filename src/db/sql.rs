//! Statements written once, and the few words that the engines spell differently.

use std::sync::OnceLock;

use super::Engine;

impl Engine {
    /// Spells out, for this engine, the words that a statement may use:
    ///
    /// | word | SQLite | PostgreSQL |
    /// | --- | --- | --- |
    /// | `:rows($1; id BIGINT, name TEXT, hash BYTES)` | a sub-select over `jsonb_each($1)` | one over `json_to_recordset($1)` |
    /// | `:ids($1)` | a sub-select of `id` over `json_each($1)` | one over `json_array_elements_text($1)` |
    /// | `:texts($1)` | the same of `text` | the same of `text` |
    /// | `:each(column)` | `key` and `value` of a JSON text column's object, by `json_each` | the same |
    /// | `:skip_locked(d)` | nothing | `FOR UPDATE OF d SKIP LOCKED` |
    /// | `:lock(d)` | nothing | `FOR UPDATE OF d` |
    /// | `:share(d)` | nothing | `FOR SHARE OF d` |
    /// | `:now_us` | the database's clock in microseconds | the same |
    /// | `:text(column, $1)` | the JSON text column's string value for a key | the same |
    ///
    /// `:rows` reads a JSON list of objects, bound as one string; a `BYTES` column comes as hexadecimal text. `:ids` reads a JSON
    /// list of numbers and `:texts` one of strings, which costs a quarter of it.
    pub fn spell(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + 64);
        let mut rest = text;
        while let Some(at) = rest.find(':') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix("now_us") {
                out.push_str(match self {
                    Self::Sqlite => "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
                    Self::Postgres => "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)",
                });
                rest = after;
                continue;
            }
            let word =
                rest.split_once('(').and_then(|(word, tail)| tail.split_once(')').map(|(inner, after)| (word, inner, after)));
            match word {
                Some(("rows", inner, after)) => {
                    out.push_str(&self.rows(inner));
                    rest = after;
                }
                Some(("texts", list, after)) => {
                    out.extend(match self {
                        Self::Sqlite => ["(SELECT value AS text FROM json_each(", list, "))"],
                        Self::Postgres => ["(SELECT value AS text FROM json_array_elements_text(CAST(", list, " AS json)))"],
                    });
                    rest = after;
                }
                Some(("ids", list, after)) => {
                    out.extend(match self {
                        Self::Sqlite => ["(SELECT value AS id FROM json_each(", list, "))"],
                        Self::Postgres => {
                            ["(SELECT CAST(value AS BIGINT) AS id FROM json_array_elements_text(CAST(", list, " AS json)))"]
                        }
                    });
                    rest = after;
                }
                Some(("each", column, after)) => {
                    out.extend(match self {
                        Self::Sqlite => ["json_each(", column, ")"],
                        Self::Postgres => ["json_each(CAST(", column, " AS json))"],
                    });
                    rest = after;
                }
                Some((word @ ("skip_locked" | "lock" | "share"), table, after)) => {
                    if self == Self::Postgres {
                        let how = match word {
                            "skip_locked" => ("UPDATE", " SKIP LOCKED"),
                            "lock" => ("UPDATE", ""),
                            _ => ("SHARE", ""),
                        };
                        out.extend(["FOR ", how.0, " OF ", table, how.1]);
                    }
                    rest = after;
                }
                Some(("text", inner, after)) => {
                    let (column, key) = inner.split_once(", ").unwrap_or((inner, "''"));
                    out.extend(match self {
                        Self::Sqlite => ["(", column, " ->> CAST(", key, " AS TEXT))"],
                        Self::Postgres => ["(CAST(", column, " AS json) ->> CAST(", key, " AS TEXT))"],
                    });
                    rest = after;
                }
                _ => out.push(':'),
            }
        }
        out.push_str(rest);
        out
    }

    fn rows(self, inner: &str) -> String {
        let (list, columns) = inner.split_once(';').unwrap_or((inner, ""));
        let columns: Vec<(&str, &str)> = columns.split(',').filter_map(|c| c.trim().split_once(' ')).collect();
        match self {
            Self::Sqlite => {
                let picked: Vec<String> = columns
                    .iter()
                    .map(|(name, kind)| match *kind {
                        "BYTES" => format!("unhex(value ->> '{name}') AS {name}"),
                        _ => format!("value ->> '{name}' AS {name}"),
                    })
                    .collect();
                // `json_each` would write every row as text for each `->>` to parse again: a third slower in all.
                format!("(SELECT {} FROM jsonb_each({list}))", picked.join(", "))
            }
            Self::Postgres => {
                let picked: Vec<String> = columns
                    .iter()
                    .map(|(name, kind)| match *kind {
                        "BYTES" => format!("decode({name}, 'hex') AS {name}"),
                        _ => (*name).to_string(),
                    })
                    .collect();
                let typed: Vec<String> = columns
                    .iter()
                    .map(|(name, kind)| format!("{name} {}", if *kind == "BYTES" { "TEXT" } else { kind }))
                    .collect();
                format!(
                    "(SELECT {} FROM json_to_recordset(CAST({list} AS json)) AS listed({}))",
                    picked.join(", "),
                    typed.join(", ")
                )
            }
        }
    }
}

/// One statement, written once for both engines. Always a `static NAME: Sql = Sql::new(r"…");` beside the function
/// that uses it: `tests/engines.rs` finds them by that shape and prepares every one on both engines.
pub struct Sql {
    text: &'static str,
    sqlite: OnceLock<String>,
    postgres: OnceLock<String>,
}

impl Sql {
    /// A statement in the common subset with the words of [`Engine::spell`].
    pub const fn new(text: &'static str) -> Self {
        Self { text, sqlite: OnceLock::new(), postgres: OnceLock::new() }
    }

    /// The statement as this engine spells it.
    pub fn on(&'static self, engine: Engine) -> &'static str {
        let cell = match engine {
            Engine::Sqlite => &self.sqlite,
            Engine::Postgres => &self.postgres,
        };
        cell.get_or_init(|| engine.spell(self.text))
    }
}
