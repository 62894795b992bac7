//! Every statement of the program, found in its source, is prepared on both engines.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use loa::db::Pool;
use sqlx::{AssertSqlSafe, Either, Executor as _, SqlSafeStr as _, Statement as _};

use super::world::World;
use crate::helpers::files_below;

/// A statement and where it stands.
pub struct Found {
    pub file: PathBuf,
    /// Of its static.
    pub name: String,
    place: String,
    pub text: String,
}

/// The program's source, and where in it a reader stands.
struct Reader<'a> {
    all: &'a [(PathBuf, String)],
    rest: &'a str,
}

/// What a macro's parameters stand for.
type Arguments = HashMap<String, String>;

impl<'a> Reader<'a> {
    fn take(&mut self, token: &str) -> Option<()> {
        self.rest = self.rest.trim_start().strip_prefix(token)?;
        Some(())
    }

    fn word(&mut self) -> Option<&'a str> {
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':')?;
        self.rest = &rest[end..];
        Some(&rest[..end])
    }

    /// Escapes are not understood: a statement needs none.
    fn literal(&mut self) -> Option<String> {
        let rest = self.rest.trim_start();
        let inner = rest.strip_prefix("r\"").or_else(|| rest.strip_prefix('"'))?;
        let (text, after) = inner.split_once('"')?;
        self.rest = after;
        (!text.contains('\\')).then(|| text.to_string())
    }

    /// A text as the compiler would make it: a literal, a parameter, `Sql::new(…)`, `concat!(…)` or a macro of one arm.
    fn text(&mut self, arguments: &Arguments) -> Option<String> {
        let rest = self.rest.trim_start();
        if rest.starts_with('"') || rest.starts_with("r\"") {
            return self.literal();
        }
        if self.take("$").is_some() {
            return arguments.get(self.word()?).cloned();
        }
        let name = self.word()?;
        if !name.ends_with("Sql::new") {
            self.take("!")?;
        }
        self.take("(")?;
        let mut texts = Vec::new();
        while self.take(")").is_none() {
            texts.push(self.text(arguments)?);
            if self.take(",").is_none() {
                self.take(")")?;
                break;
            }
        }
        match name {
            _ if name == "concat" || name.ends_with("Sql::new") => Some(texts.concat()),
            _ => self.expand(name, texts),
        }
    }

    fn expand(&self, name: &str, texts: Vec<String>) -> Option<String> {
        let head = format!("macro_rules! {name} {{");
        let (_, definition) = self.all.iter().find_map(|(_, code)| code.split_once(&head))?;
        let mut inside = Reader { all: self.all, rest: definition };
        inside.take("(")?;
        let mut arguments = Arguments::new();
        let mut texts = texts.into_iter();
        while inside.take(")").is_none() {
            inside.take("$")?;
            let parameter = inside.word()?.strip_suffix(":expr")?;
            arguments.insert(parameter.to_string(), texts.next()?);
            let _ = inside.take(",");
        }
        inside.take("=>")?;
        inside.take("{")?;
        inside.text(&arguments)
    }
}

/// Every `static NAME: Sql = …;` of the program, as `loa::db::Sql` demands. One that cannot be read fails the test, and so
/// does a `Sql::new` that stands elsewhere: none is forgotten.
pub fn statements() -> Vec<Found> {
    let paths = files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "rs");
    let all: Vec<(PathBuf, String)> = paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect();
    let mut found = Vec::new();
    for (path, code) in &all {
        let place = |at: usize| format!("{}:{}", path.display(), code[..at].lines().count());
        let mut read = Vec::new();
        for (at, _) in code.match_indices("Sql =") {
            let line_start = code[..at].rfind('\n').map_or(0, |i| i + 1);
            if code[line_start..at].trim_start().starts_with("//") {
                continue;
            }
            let start = at + "Sql =".len();
            let mut reader = Reader { all: &all, rest: &code[start..] };
            let text = reader.text(&Arguments::new()).filter(|_| reader.take(";").is_some());
            let name = code[line_start..at].split("static ").last().and_then(|tail| tail.split(':').next()).unwrap_or_default();
            let (file, name) = (path.clone(), name.to_string());
            found.push(Found {
                file,
                name,
                place: place(at),
                text: text.unwrap_or_else(|| panic!("{}: this cannot be read", place(at))),
            });
            read.push(start..code.len() - reader.rest.len());
        }
        for (at, _) in code.match_indices("Sql::new(") {
            let line_start = code[..at].rfind('\n').map_or(0, |i| i + 1);
            let in_comment = code[line_start..at].trim_start().starts_with("//");
            // A macro's body begins with it; what the macro stands for is read where it is used.
            let in_macro = code[..at].trim_end().ends_with("=> {");
            assert!(in_comment || in_macro || read.iter().any(|range| range.contains(&at)), "{}: not a static", place(at));
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
    let code = "macro_rules! columns {\n () => {\n \"id, name\"\n };\n}\nmacro_rules! of {\n ($table:expr) => {\n \
                concat!(\"SELECT \", columns!(), \" FROM \", $table,)\n };\n}";
    let all = [(PathBuf::from("x.rs"), code.to_string())];
    let text = |rest| Reader { all: &all, rest }.text(&Arguments::new());
    assert_eq!(text(" Sql::new(r\"SELECT 1\");").unwrap(), "SELECT 1");
    assert_eq!(text("\n Sql::new(concat!(of!(\"t\"), \" x\"));").unwrap(), "SELECT id, name FROM t x");
    assert!(text("SOMETHING;").is_none(), "a constant is not looked up");
    assert!(text("of!();").is_none(), "an argument is missing");
}
