//! One text as a template: its syntax, the fields it names, and those it cannot do without.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior, Value, value::Object};
use providers::text::{self, Budget};

use super::{Person, RenderError, TemplateFault};
use crate::{config::Office, phrase, words::Phrase};

/// Fields that every recipient can have.
const FIELDS: [&str; 6] = ["name", "area_name", "lang", "unsubscribe_url", "opt_out", "office"];

/// Statements that a text may use: choices, and nothing that repeats, includes, or turns escaping off.
const STATEMENTS: [&str; 4] = ["if", "elif", "else", "endif"];

/// What stands for an attribute of which nothing is known.
pub(super) const SAMPLE: &str = "giá trị mẫu";

/// Instructions for one text: hundreds of placeholders, and no loop without end.
const FUEL: u64 = 20_000;

/// A stretch of a template's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Text as written.
    Text(&'a str),
    /// `{{ … }}`.
    Expression(&'a str),
    /// `{% … %}`.
    Statement(&'a str),
    /// `{# … #}`.
    Comment(&'a str),
}

/// Splits a template's source; a tag that does not end runs to the end (the parser has complained before).
pub(super) fn pieces(source: &str) -> Vec<(usize, Piece<'_>)> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < source.len() {
        let rest = &source[at..];
        let open = ["{{", "{%", "{#"].iter().filter_map(|tag| rest.find(tag)).min();
        let Some(open) = open else {
            pieces.push((at, Piece::Text(rest)));
            break;
        };
        if open > 0 {
            pieces.push((at, Piece::Text(&rest[..open])));
        }
        let tag = &rest[open..];
        let (close, quotes) = match &tag[..2] {
            "{{" => ("}}", true),
            "{%" => ("%}", true),
            _ => ("#}", false),
        };
        let tag = &tag[..end(tag, close, quotes)];
        pieces.push((
            at + open,
            match close {
                "}}" => Piece::Expression(tag),
                "%}" => Piece::Statement(tag),
                _ => Piece::Comment(tag),
            },
        ));
        at += open + tag.len();
    }
    pieces
}

/// Where a tag ends, its closing included; what stands in quotes closes nothing.
fn end(tag: &str, close: &str, quotes: bool) -> usize {
    let mut inside = None;
    let mut escaped = false;
    for (at, c) in tag.char_indices().skip(2) {
        match inside {
            _ if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(quote) if c == quote => inside = None,
            None if quotes && matches!(c, '"' | '\'') => inside = Some(c),
            None if tag[at..].starts_with(close) => return at + close.len(),
            _ => {}
        }
    }
    tag.len()
}

/// Values by name, as a template reads them. Names are shared by all people, so that a person costs one allocation.
#[derive(Debug)]
pub(super) struct Fields {
    names: Arc<[String]>,
    values: Vec<Option<Value>>,
}

impl Fields {
    fn value(names: &Arc<[String]>, value: impl Fn(&str) -> Option<Value>) -> Value {
        let values = names.iter().map(|name| value(name)).collect();
        Value::from_object(Self { names: Arc::clone(names), values })
    }

    fn office(office: &BTreeMap<String, String>) -> Value {
        let names: Arc<[String]> = office.keys().cloned().collect();
        Self::value(&names, |name| office.get(name).map(|text| Value::from(text.as_str())))
    }
}

impl Object for Fields {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let at = self.names.iter().position(|name| Some(name.as_str()) == key.as_str())?;
        self.values[at].clone()
    }
}

/// A compiled text: its name in the environment and the fields it reads.
#[derive(Debug)]
pub(super) struct Kept {
    template: String,
    reads: Arc<[String]>,
    needs: Vec<String>,
    /// What `{{ opt_out }}` says in a text of this language.
    opt_out: Option<Value>,
}

impl Kept {
    /// The fields that it reads, in order.
    pub(super) fn reads(&self) -> &[String] {
        &self.reads
    }

    /// Fills the text in. `value` gives a field's value.
    pub(super) fn fill(
        &self,
        environment: &Environment<'static>,
        value: impl Fn(&str) -> Option<Value>,
    ) -> Result<String, RenderError> {
        let value = |name: &str| if name == "opt_out" { self.opt_out.clone() } else { value(name) };
        if let Some(field) = self.needs.iter().find(|name| value(name).is_none()) {
            return Err(RenderError::Missing { field: field.clone() });
        }
        let context = Fields::value(&self.reads, value);
        let rendered = environment.get_template(&self.template).and_then(|template| template.render(context));
        rendered.map_err(|error| {
            // Only the kind: the details may repeat a person's fields.
            RenderError::Failed { template: self.template.clone(), problem: error.kind().to_string() }
        })
    }
}

/// Compiles texts into one environment and gathers what is wrong with them.
pub(super) struct Compiler<'a> {
    environment: Environment<'static>,
    strict: Environment<'static>,
    office: &'a Office,
    known: Option<&'a BTreeSet<String>>,
    faults: Vec<TemplateFault>,
    message: String,
    lang: Option<String>,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(office: &'a Office, known: Option<&'a BTreeSet<String>>) -> Self {
        Self {
            environment: environment(UndefinedBehavior::SemiStrict),
            strict: environment(UndefinedBehavior::Strict),
            office,
            known,
            faults: Vec::new(),
            message: String::new(),
            lang: None,
        }
    }

    /// Names the message and language that the next texts belong to.
    pub(super) fn enter(&mut self, message: &str, lang: Option<&str>) {
        message.clone_into(&mut self.message);
        self.lang = lang.map(str::to_owned);
    }

    /// Notes what is wrong with a text.
    pub(super) fn fault(&mut self, field: &str, offset: Option<usize>, text: Phrase, help: Option<Phrase>) {
        let (message, lang) = (self.message.clone(), self.lang.clone());
        self.faults.push(TemplateFault { message, lang, field: field.to_owned(), offset, text, help });
    }

    /// Checks and keeps a text that an officer wrote.
    pub(super) fn plain(&mut self, field: &str, source: &str) -> Option<Kept> {
        self.check(field, source)?;
        self.trusted(field, source)
    }

    /// Keeps a text that was checked before, or that was built around one.
    pub(super) fn trusted(&mut self, field: &str, source: &str) -> Option<Kept> {
        let lang = self.lang.as_deref().unwrap_or("main");
        let template = format!("{}/{lang}/{field}", self.message);
        if let Err(error) = self.environment.add_template_owned(template.clone(), source.to_owned()) {
            self.fault(field, None, described(&error), None);
            return None;
        }
        let reads = reads(&self.environment, source);
        let needs = reads.iter().filter(|name| *name != "office" && !self.does_without(source, name));
        let opt_out = self.instruction(source).map(Value::from);
        Some(Kept { template, needs: needs.cloned().collect(), reads: reads.into(), opt_out })
    }

    /// Where and how to refuse, in the text's language, and without accents in a text that has none.
    fn instruction(&self, source: &str) -> Option<String> {
        let english = self.lang.as_deref().is_some_and(|lang| lang != super::MAIN_LANGUAGE);
        let instruction = self.office.opt_out.instruction(english)?;
        let accented = pieces(source).iter().any(|(_, piece)| matches!(piece, Piece::Text(text) if !text.is_ascii()));
        Some(if accented { instruction } else { text::unaccented(&instruction) })
    }

    /// Checks a text's syntax, its statements and the fields it names; none if something is wrong with it.
    pub(super) fn check(&mut self, field: &str, source: &str) -> Option<()> {
        let before = self.faults.len();
        if let Err(error) = self.strict.template_from_str(source) {
            let help = phrase!(
                "chỗ điền viết {{{{ name }}}}, lựa chọn viết {{% if name %}}…{{% endif %}}",
                "a placeholder is {{{{ name }}}}, a choice {{% if name %}}…{{% endif %}}"
            );
            self.fault(field, error.range().map(|range| range.start), described(&error), Some(help));
            return None;
        }
        for (offset, piece) in pieces(source) {
            let Piece::Statement(tag) = piece else { continue };
            let word = tag.trim_start_matches(['{', '%', '-', '+', ' ', '\n', '\t']);
            let word: String = word.chars().take_while(char::is_ascii_alphanumeric).collect();
            if !STATEMENTS.contains(&word.as_str()) {
                let known = STATEMENTS.join(", ");
                let help = phrase!("lời nhắn chỉ dùng được {known}", "texts know only {known}");
                let text = phrase!("không dùng được {{% {word} %}} trong lời nhắn", "{{% {word} %}} cannot be used in a text");
                self.fault(field, Some(offset), text, Some(help));
            }
        }
        if self.faults.len() == before {
            self.check_fields(field, source);
        }
        if self.faults.len() == before {
            self.try_out(field, source);
        }
        (self.faults.len() == before).then_some(())
    }

    /// Fills a text in with typical values: an unknown filter or a wrong type shows only then.
    fn try_out(&mut self, field: &str, source: &str) {
        if let Err(error) = rendered(&self.environment, source, &self.values_without("")) {
            self.fault(field, error.range().map(|range| range.start), described(&error), None);
        }
    }

    fn check_fields(&mut self, field: &str, source: &str) {
        let mut paths: Vec<String> = match self.strict.template_from_str(source) {
            Ok(template) => template.undeclared_variables(true).into_iter().collect(),
            Err(_) => return,
        };
        paths.sort();
        for path in paths {
            let (top, rest) = path.split_once('.').unwrap_or((&path, ""));
            let known = match top {
                "office" => self.office.fields.contains_key(rest),
                "opt_out" => self.office.opt_out.number.is_some(),
                top if FIELDS.contains(&top) => true,
                top => self.known.is_none_or(|known| known.contains(top)),
            };
            if known || has_default(&self.strict, source, &self.values_without(&path)) {
                continue;
            }
            let offset = place(source, if rest.is_empty() { top } else { rest });
            if top == "opt_out" {
                self.fault(
                    field,
                    offset,
                    phrase!("[opt_out] trong loa.toml không có number", "[opt_out] in loa.toml has no number"),
                    Some(phrase!(
                        "viết nơi nhận tin từ chối: number = \"5656\", keyword = \"TC\"",
                        "say where refusals are texted to: number = \"5656\", keyword = \"TC\""
                    )),
                );
                continue;
            }
            let help = self.nearest(&path).map(|near| phrase!("có phải ý là {near}?", "did you mean {near}?"));
            let help = help.unwrap_or_else(|| {
                phrase!(
                    "cho nó một giá trị thay thế: {{{{ {path} | default(\"…\") }}}}",
                    "give it a default: {{{{ {path} | default(\"…\") }}}}"
                )
            });
            let text = if top == "office" {
                phrase!("[office] trong loa.toml không có {rest}", "[office] in loa.toml has no {rest}")
            } else {
                phrase!("không người nhận nào có trường {top}", "no recipient has a field {top}")
            };
            self.fault(field, offset, text, Some(help));
        }
    }

    fn nearest(&self, path: &str) -> Option<String> {
        let fields = FIELDS.iter().filter(|field| **field != "office").map(|field| (*field).to_owned());
        let attributes = self.known.into_iter().flatten().cloned();
        let office = self.office.fields.keys().map(|key| format!("office.{key}"));
        let all = fields.chain(attributes).chain(office).map(|name| (strsim::damerau_levenshtein(&name, path), name));
        all.filter(|(distance, _)| *distance <= 2).min().map(|(_, name)| name)
    }

    /// Whether a text can be filled in for someone who lacks this one field.
    fn does_without(&self, source: &str, name: &str) -> bool {
        has_default(&self.environment, source, &self.values_without(name))
    }

    /// Typical values for whatever a text may ask, but not for this path.
    fn values_without(&self, path: &str) -> impl Fn(&str) -> Option<Value> + use<> {
        let office: BTreeMap<String, String> = self
            .office
            .fields
            .iter()
            .filter(|(key, _)| path.strip_prefix("office.") != Some(key))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        let office = Fields::office(&office);
        let absent = path.split('.').next().unwrap_or(path).to_owned();
        move |name| match name {
            "office" => Some(office.clone()),
            name if name == absent => None,
            name => Some(typical(name)),
        }
    }

    /// Keeps a text, or a part of one, that goes by SMS: every character in it can be sent as it is to be.
    pub(super) fn sms(&mut self, field: &str, source: &str, unaccented: bool) -> Option<Kept> {
        let kept = self.plain(field, source)?;
        let obstacle = pieces(source).into_iter().find_map(|(at, piece)| match piece {
            Piece::Text(text) | Piece::Expression(text) => text::obstacle(text, unaccented).map(|(offset, c)| (at + offset, c)),
            Piece::Statement(_) | Piece::Comment(_) => None,
        });
        let Some((offset, character)) = obstacle else { return Some(kept) };
        let code = u32::from(character);
        if text::obstacle(source, false).is_some_and(|(at, _)| at == offset) {
            let text = phrase!("U+{code:04X} không gửi được bằng SMS", "U+{code:04X} cannot be sent by SMS");
            self.fault(field, Some(offset), text, Some(phrase!("bỏ ký tự này đi", "take this character out")));
        } else {
            let text = phrase!(
                "\"{character}\" (U+{code:04X}) không có dạng không dấu: cả tin sẽ thành Unicode, tốn gấp hai đến ba lần",
                "\"{character}\" (U+{code:04X}) has no form without accents: the whole text would become Unicode, at two to three times the price"
            );
            let help = phrase!(
                "thay bằng chữ thường, hoặc viết sms = {{ text = \"…\", sms_text = \"unicode\" }}",
                "write it in letters, or write sms = {{ text = \"…\", sms_text = \"unicode\" }}"
            );
            self.fault(field, Some(offset), text, Some(help));
        }
        None
    }

    /// Fills a text message with typical values; a fault if it cannot be sent even so.
    pub(super) fn try_sms(&mut self, sms: &Kept, unaccented: bool) {
        let office = Fields::office(&self.office.fields);
        let value = |name: &str| Some(if name == "office" { office.clone() } else { typical(name) });
        let filled = sms.fill(&self.environment, value);
        let sent = filled.and_then(|filled| Ok(Budget::default().sms(&filled, unaccented)?));
        if let Err(error) = sent {
            let Phrase { vi, en } = error.phrase();
            self.fault("sms.text", None, phrase!("điền thông tin thường gặp: {vi}", "with typical fields: {en}"), None);
        }
    }

    /// Bytes of a text that is filled in with typical values.
    pub(super) fn typical_length(&self, kept: &Kept) -> usize {
        let office = Fields::office(&self.office.fields);
        let value = |name: &str| Some(if name == "office" { office.clone() } else { typical(name) });
        kept.fill(&self.environment, value).map_or(0, |text| text.len())
    }

    /// The environment with every text, and the office's fields; or everything that is wrong.
    pub(super) fn finish(self) -> Result<(Environment<'static>, Value), Vec<TemplateFault>> {
        if self.faults.is_empty() { Ok((self.environment, Fields::office(&self.office.fields))) } else { Err(self.faults) }
    }
}

/// No filter that turns escaping off, no function that makes lists: only the person's own fields.
fn environment(undefined: UndefinedBehavior) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(undefined);
    environment.set_fuel(Some(FUEL));
    environment.remove_filter("safe");
    for function in ["range", "dict", "namespace", "debug"] {
        environment.remove_global(function);
    }
    environment.set_auto_escape_callback(|name| if name.ends_with("/email.html") { AutoEscape::Html } else { AutoEscape::None });
    environment
}

/// Top-level names that a text reads, in order.
fn reads(environment: &Environment<'static>, source: &str) -> Vec<String> {
    let names = environment.template_from_str(source).map(|template| template.undeclared_variables(false));
    let mut names: Vec<String> = names.unwrap_or_default().into_iter().collect();
    names.sort();
    names
}

fn has_default(environment: &Environment<'static>, source: &str, value: &impl Fn(&str) -> Option<Value>) -> bool {
    !matches!(rendered(environment, source, value), Err(error) if error.kind() == ErrorKind::UndefinedError)
}

fn rendered(
    environment: &Environment<'static>,
    source: &str,
    value: &impl Fn(&str) -> Option<Value>,
) -> Result<String, minijinja::Error> {
    let context = Fields::value(&reads(environment, source).into(), value);
    environment.template_from_str(source)?.render(context)
}

fn typical(name: &str) -> Value {
    let person = Person::typical();
    Value::from(match name {
        "lang" => super::MAIN_LANGUAGE,
        "unsubscribe_url" => "https://canhbao.example.vn/u/0123456789abcdefghijkl",
        name => person.field(name).unwrap_or(SAMPLE),
    })
}

/// Where a name stands in one of the text's tags.
fn place(source: &str, name: &str) -> Option<usize> {
    pieces(source).into_iter().find_map(|(at, piece)| {
        let (Piece::Expression(tag) | Piece::Statement(tag)) = piece else { return None };
        let whole = |found: &usize| {
            let word = |c: char| c.is_alphanumeric() || c == '_';
            !tag[..*found].ends_with(word) && !tag[*found + name.len()..].starts_with(word)
        };
        tag.match_indices(name).map(|(found, _)| found).find(whole).map(|found| at + found)
    })
}

/// The engine's own words, which are English.
fn described(error: &minijinja::Error) -> Phrase {
    let told = error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
    let kind = match error.kind() {
        ErrorKind::SyntaxError => "sai cú pháp",
        ErrorKind::UnknownFilter => "không có bộ lọc này",
        ErrorKind::UnknownFunction => "không có hàm này",
        ErrorKind::UnknownTest => "không có phép thử này",
        ErrorKind::UndefinedError => "giá trị không có",
        ErrorKind::OutOfFuel => "lời nhắn quá phức tạp",
        _ => "không điền được",
    };
    phrase!("{kind} ({told})", "{told}")
}
