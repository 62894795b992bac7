//! Every statement of the program, found in its source, is prepared on both engines.

use std::{
    fs,
    path::{Path, PathBuf},
};

use loa::db::{Engine, Pool};
use sqlx::{AssertSqlSafe, Either, Executor as _, SqlSafeStr as _, Statement as _};

use super::world::World;

/// What a statement looks like: `static NAME: Sql = Sql::new(…);`, as `loa::db::Sql` demands.
const SHAPE: &str = "Sql::new(";

/// A statement and where it stands.
struct Found {
    place: String,
    text: String,
}

fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// A literal at the start of `code`, and what follows it. Escapes are not understood: a statement needs none.
fn literal(code: &str) -> Option<(&str, &str)> {
    let code = code.trim_start();
    let inner = code.strip_prefix("r\"").or_else(|| code.strip_prefix('"'))?;
    let (text, rest) = inner.split_once('"')?;
    (!text.contains('\\')).then_some((text, rest))
}

/// The text that `name!()` stands for: a macro of one arm, made of one literal.
fn expansion(name: &str, all: &[(PathBuf, String)]) -> Option<String> {
    let head = format!("macro_rules! {name} {{");
    let (_, code) = all.iter().find_map(|(_, code)| code.split_once(&head))?;
    let (_, body) = code.split_once("=> {")?;
    literal(body).map(|(text, _)| text.to_string())
}

/// The text of a statement whose argument starts `code`: one literal, or `concat!` of literals and macros.
fn text(code: &str, all: &[(PathBuf, String)]) -> Option<String> {
    let Some(mut rest) = code.trim_start().strip_prefix("concat!(") else {
        return literal(code).map(|(text, _)| text.to_string());
    };
    let mut whole = String::new();
    loop {
        rest = rest.trim_start();
        if let Some((text, after)) = literal(rest) {
            whole.push_str(text);
            rest = after;
        } else {
            let (name, after) = rest.split_once("!()")?;
            whole.push_str(&expansion(name, all)?);
            rest = after;
        }
        rest = rest.trim_start();
        match rest.strip_prefix(',') {
            Some(after) if !after.trim_start().starts_with(')') => rest = after,
            _ => return Some(whole),
        }
    }
}

/// Every statement of the program. One that cannot be read fails the test: none is forgotten.
fn statements() -> Vec<Found> {
    let mut paths = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut paths);
    paths.sort();
    let all: Vec<(PathBuf, String)> = paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect();
    let mut found = Vec::new();
    for (path, code) in &all {
        for (at, _) in code.match_indices(SHAPE) {
            let line_start = code[..at].rfind('\n').map_or(0, |i| i + 1);
            if code[line_start..at].trim_start().starts_with("//") {
                continue;
            }
            let place = format!("{}:{}", path.display(), code[..at].lines().count());
            let text = text(&code[at + SHAPE.len()..], &all).unwrap_or_else(|| panic!("{place}: this statement cannot be read"));
            found.push(Found { place, text });
        }
    }
    found
}

async fn parameters(world: &World, text: String) -> Result<usize, sqlx::Error> {
    let text = AssertSqlSafe(text).into_sql_str();
    let count = |parameters: Option<Either<usize, usize>>| match parameters {
        Some(Either::Left(n) | Either::Right(n)) => n,
        None => 0,
    };
    match &world.db.write {
        Pool::Sqlite(pool) => {
            let statement = pool.prepare(text).await?;
            Ok(count(statement.parameters().map(|p| p.map_left(<[_]>::len))))
        }
        Pool::Postgres(pool) => {
            let statement = pool.prepare(text).await?;
            Ok(count(statement.parameters().map(|p| p.map_left(<[_]>::len))))
        }
    }
}

async fn every_statement_prepares(world: &World) {
    let engine = world.db.engine();
    let statements = statements();
    assert!(statements.len() > 100, "only {} statements were found", statements.len());
    let mut broken = Vec::new();
    for found in statements {
        let placeholders = (1..100).rev().find(|n| found.text.contains(&format!("${n}"))).unwrap_or(0);
        match parameters(world, engine.spell(&found.text)).await {
            Ok(n) if n == placeholders => {}
            Ok(n) => broken.push(format!("{}: {n} parameters, but {placeholders} placeholders", found.place)),
            Err(error) => broken.push(format!("{}: {error}", found.place)),
        }
    }
    assert!(broken.is_empty(), "on {engine:?}:\n{}", broken.join("\n"));
}

on_both_engines!(every_statement_prepares);

#[test]
fn statements_are_read_as_the_compiler_reads_them() {
    let all = [(PathBuf::from("x.rs"), "macro_rules! columns {\n () => {\n \"id, name\"\n };\n}".to_string())];
    assert_eq!(text("r\"SELECT 1\")", &all).unwrap(), "SELECT 1");
    assert_eq!(text("\n concat!(\"SELECT \", columns!(), \" FROM t\",),\n);", &all).unwrap(), "SELECT id, name FROM t");
    assert!(text("SOMETHING)", &all).is_none(), "a constant is not looked up");
    assert_eq!(Engine::Sqlite.spell("SELECT 1"), "SELECT 1");
}
