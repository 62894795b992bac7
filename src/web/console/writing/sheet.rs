//! A form as templates see it: `form.text("title")`, `form.error("title")`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use minijinja::{
    Error, ErrorKind, State, Value, context,
    value::{Object, from_args},
};

use crate::{
    document::form::{Form, Written},
    words::{Lang, Phrase},
};

/// A form with what is wrong in it.
#[derive(Debug, Default)]
pub(in crate::web::console) struct Sheet {
    form: Form,
    /// What was typed and no document can hold.
    kept: BTreeMap<String, Vec<String>>,
    errors: BTreeMap<String, String>,
    /// The names that lists of names may hold.
    pub known: BTreeSet<String>,
}

impl Sheet {
    /// Of a form, and of what was written of it, if something was.
    pub fn new(form: Form, written: Option<&Written>, lang: Lang) -> Self {
        let mut sheet = Self { form, ..Self::default() };
        if let Some(written) = written {
            sheet.kept.clone_from(&written.kept);
            for (field, wrong) in &written.wrong {
                sheet.refuse(field, wrong, None, lang);
            }
        }
        sheet
    }

    /// The form.
    pub const fn form(&self) -> &Form {
        &self.form
    }

    /// Says beside a field what is wrong with it.
    pub fn refuse(&mut self, field: &str, wrong: &Phrase, help: Option<&Phrase>, lang: Lang) {
        let told = help.map_or_else(|| wrong.clone(), |help| wrong.clone().then(help));
        let words = self.errors.entry(field.to_string()).or_default();
        if !words.is_empty() {
            words.push_str(" · ");
        }
        words.push_str(told.capital().text(lang));
    }

    /// All that is wrong, for the list above the form.
    pub fn errors(&self) -> Vec<Value> {
        self.errors.iter().map(|(field, text)| context! { field => field, text => text }).collect()
    }

    fn texts(&self, field: &str) -> &[String] {
        self.kept.get(field).map_or_else(|| self.form.texts(field), Vec::as_slice)
    }
}

impl Object for Sheet {
    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let (field,): (String,) = from_args(args)?;
        Ok(match method {
            "text" => Value::from(self.texts(&field).first().map_or("", String::as_str)),
            "texts" => self.texts(&field).iter().map(String::as_str).collect(),
            "strangers" => {
                let known = &self.known;
                let strange = self.texts(&field).iter().filter(|text| !known.contains(*text));
                strange.map(|text| context! { value => text, label => text }).collect()
            }
            "lines" => Value::from(self.texts(&field).join("\n")),
            "pairs" => self.texts(&field).chunks(2).map(|pair| context! { key => &pair[0], value => pair.get(1) }).collect(),
            "error" => Value::from(self.errors.get(&field).map_or("", String::as_str)),
            // Whether something is wrong in it or below it.
            "troubled" => {
                let below = format!("{field}.");
                Value::from(self.errors.keys().any(|one| *one == field || one.starts_with(&below)))
            }
            "filled" => {
                let below = format!("{field}.");
                Value::from(self.form.values.iter().any(|(one, texts)| one.starts_with(&below) && !texts.is_empty()))
            }
            "rows" => Value::from(self.form.rows.get(&field).copied().unwrap_or_default()),
            "names" => self.form.named.get(&field).into_iter().flatten().map(String::as_str).collect(),
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        })
    }
}
