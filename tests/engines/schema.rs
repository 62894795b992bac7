//! Both engines have the same tables, columns and keys.

use std::collections::{BTreeMap, BTreeSet};

use loa::{
    db::{Engine, Pool},
    on,
};

use super::world::World;

/// A column: its class of types, and whether it must have a value.
type Column = (&'static str, bool);

/// What a schema consists of, in the words of neither engine.
#[derive(Debug, Default, PartialEq, Eq)]
struct Schema {
    columns: BTreeMap<(String, String), Column>,
    /// Table → columns of its primary key.
    keys: BTreeMap<String, Vec<String>>,
    /// Table, unique or not, columns, and the condition of a partial index.
    indexes: BTreeSet<(String, bool, Vec<String>, String)>,
}

/// Types that hold the same values.
fn class(kind: &str) -> &'static str {
    match kind.to_ascii_lowercase().as_str() {
        "smallint" | "bigint" | "integer" => "number",
        "text" => "text",
        "bytea" | "blob" => "bytes",
        "boolean" => "truth",
        "double precision" | "real" => "fraction",
        other => panic!("a column of type `{other}`"),
    }
}

/// A condition without the brackets, quotes and casts that an engine adds when it prints it.
fn plain(condition: &str) -> String {
    let (_, condition) = condition.split_once("WHERE").unwrap_or(("", ""));
    let text: String = condition.to_ascii_lowercase().chars().filter(|c| !"() \n\"".contains(*c)).collect();
    // PostgreSQL prints `IN (3, 4)` as `= ANY (ARRAY[3, 4])`.
    text.replace("=anyarray[", "in").replace(']', "").replace("::smallint", "").replace("::text", "")
}

async fn sqlite(world: &World) -> Schema {
    let mut schema = Schema::default();
    let columns: Vec<(String, String, String, bool, i64)> = on!(world.db.read, |pool, _sql| {
        sqlx::query_as(
        "SELECT m.name, c.name, c.type, c.\"notnull\" <> 0 OR c.pk <> 0, c.pk FROM sqlite_master m, pragma_table_info(m.name) c
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE '_sqlx_%' ORDER BY m.name, c.pk"
    )
    .fetch_all(pool)
    .await
    })
    .unwrap();
    for (table, column, kind, required, key) in columns {
        if key > 0 {
            schema.keys.entry(table.clone()).or_default().push(column.clone());
        }
        schema.columns.insert((table, column), (class(&kind), required));
    }
    let indexes: Vec<(String, bool, String, Option<String>)> = on!(world.db.read, |pool, _sql| sqlx::query_as(
        "SELECT m.name, i.\"unique\" <> 0, (SELECT group_concat(c.name) FROM pragma_index_info(i.name) c),
                (SELECT s.sql FROM sqlite_master s WHERE s.name = i.name)
         FROM sqlite_master m, pragma_index_list(m.name) i
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE '_sqlx_%' AND i.origin <> 'pk'"
    )
    .fetch_all(pool)
    .await)
    .unwrap();
    for (table, unique, columns, text) in indexes {
        let columns = columns.split(',').map(str::to_string).collect();
        schema.indexes.insert((table, unique, columns, plain(&text.unwrap_or_default())));
    }
    schema
}

async fn postgres(world: &World) -> Schema {
    let mut schema = Schema::default();
    let columns: Vec<(String, String, String, bool)> = on!(world.db.read, |pool, _sql| sqlx::query_as(
        "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), CAST(data_type AS TEXT), is_nullable = 'NO'
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'"
    )
    .fetch_all(pool)
    .await)
    .unwrap();
    for (table, column, kind, required) in columns {
        schema.columns.insert((table, column), (class(&kind), required));
    }
    let Pool::Postgres(pool) = &world.db.read else { panic!("this is not PostgreSQL") };
    let indexes: Vec<(String, bool, bool, Vec<String>, String)> = sqlx::query_as(
        "SELECT CAST(t.relname AS TEXT), x.indisprimary, x.indisunique,
                ARRAY(SELECT CAST(a.attname AS TEXT) FROM unnest(x.indkey) WITH ORDINALITY AS k(column_number, place)
                      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.column_number ORDER BY k.place),
                pg_get_indexdef(x.indexrelid)
         FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
         WHERE n.nspname = 'public' AND t.relname NOT LIKE '\\_sqlx%'",
    )
    .fetch_all(pool)
    .await
    .unwrap();
    for (table, primary, unique, columns, text) in indexes {
        if primary {
            schema.keys.insert(table, columns);
        } else {
            schema.indexes.insert((table, unique, columns, plain(&text)));
        }
    }
    schema
}

/// Every column of every table, with the class of its type.
pub async fn columns(world: &World) -> Vec<(String, String, &'static str)> {
    let schema = if world.db.engine() == Engine::Sqlite { sqlite(world).await } else { postgres(world).await };
    schema.columns.into_iter().map(|((table, column), (class, _))| (table, column, class)).collect()
}

#[test]
fn both_schemas_are_alike() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (small, large) = runtime.block_on(async {
        let (small, large) = (World::open(Engine::Sqlite).await, World::open(Engine::Postgres).await);
        let both = (sqlite(&small).await, postgres(&large).await);
        small.close().await;
        large.close().await;
        both
    });
    assert!(small.columns.len() > 100 && small.indexes.len() > 5, "{small:?}");
    assert_eq!(small.columns, large.columns);
    assert_eq!(small.keys, large.keys);
    assert_eq!(small.indexes, large.indexes);
}
