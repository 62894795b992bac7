use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{
    campaign::{Campaign, Library, Segments},
    document::Problems,
    words::Lang,
};

/// What a browser would send of a form that nobody touched: every field is there, and a hidden empty one with each list.
fn posted(form: &Form) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let fields: BTreeSet<&String> = form.fields.iter().chain(form.values.keys()).collect();
    for field in fields {
        let texts = form.texts(field);
        match kind_of(field) {
            Some(kind) if kind.has_pairs() => {
                let nothing = [String::new(), String::new()];
                for pair in texts.chunks(2).chain([&nothing[..]]) {
                    pairs.push((format!("{field}[key]"), pair[0].clone()));
                    pairs.push((format!("{field}[value]"), pair[1].replace('\n', "\r\n")));
                }
            }
            Some(Names | Order) => {
                pairs.extend(texts.iter().map(|text| (field.clone(), text.clone())));
                pairs.push((field.clone(), String::new()));
            }
            _ if texts.is_empty() => pairs.push((field.clone(), String::new())),
            _ => pairs.extend(texts.iter().map(|text| (field.clone(), text.replace('\n', "\r\n")))),
        }
    }
    pairs
}

fn kind_of(field: &str) -> Option<Kind> {
    fn find(keys: &Keys, steps: &[&str]) -> Option<Kind> {
        let (first, rest) = steps.split_first()?;
        match keys.iter().find(|(key, _)| key == first)?.1 {
            Field(kind) => Some(kind),
            Table(inner, _) | TextOr(inner) => find(inner, rest),
            Rows(inner) | Named(inner) => find(inner, rest.get(1..)?),
            Rule => None,
        }
    }
    let steps: Vec<&str> = field.split('.').collect();
    find(CAMPAIGN, &steps)
}

fn shipped() -> BTreeMap<String, String> {
    let (library, problems) = Library::read(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/campaigns")));
    assert!(problems.is_empty(), "{problems}");
    library.campaigns.into_iter().map(|(slug, source)| (slug, source.text)).collect()
}

/// One campaign that has every key, and others for those that exclude each other.
const WHOLE: &str = r#"# đầu tệp
title = "Nhận diện" # sau tên
kind  = "awareness"
owner = "Sở"
basis = { number = "1", date = 2024-04-26, authority = "Bộ", signer = "Ông A", document = "cong-van.pdf" }
law   = "public-information"

[period]
from    = 2026-10-01
through = 2026-12-31
phases  = { truoc = 2026-10-01, sau = 2026-12-15 }

[cadence]
every    = "week"
on       = ["mon", "thu"] # hai ngày
at       = "08:30"
timezone = "Asia/Ho_Chi_Minh"
holidays = "next-workday"
late     = "6h"

[audience]
segments = ["tat-ca"]
exclude  = ["da-tap-huan"]
goal     = 0.85

[channels]
use             = ["chat", "sms", "email", "relay"]
policy          = "first"
fall_back_after = "2h"
finish_by       = "3h"

[sending]
hours     = "07:00-21:30"
valid_for = "24h"
doubt     = "skip"
budget    = 90_000_000
sms_text  = "unaccented"

[relay]
partners      = ["viettel", "mobifone"]
kinds         = ["school"]
sender        = "Hai Duong"
areas         = ["01", "00004"]
audience      = "Mọi thuê bao"
sms           = "Khong doc ma OTP."
sms_text      = "unicode"
app           = """
Đừng đọc mã OTP.
"""
material      = "Bà con chú ý."
rounds        = 2
hours         = "08:00-20:00"
valid_for     = "3d"
rate          = "200/s"
report_within = "5d"
payment       = "contract"
contract      = "15/2026/HĐ"
status        = "exercise"

# tin thứ nhất
[[message]]
id    = "otp"
sms   = { text = "Khong doc ma OTP.", sms_text = "unicode" }
chat  = { text = "Không đọc mã.", template = "12", data = { ten = "{{ name }}", "1" = "" } }

[message.email]
subject   = "OTP"
preheader = "Đừng đọc mã"
body      = """
Kính gửi,

Đừng đọc mã.
"""
attach    = ["a.pdf"]

[message.lang.en]
sms = { template = "otp", wording = "Never tell {1}", values = { 1 = "codes" } }
chat = "Never"

[message.lang.en.email]
subject = "OTP"

[[message]]
id    = "sau"
phase = "sau"
for   = ["tat-ca"]
sms   = "Nho lai: khong doc ma."
"#;

fn parse(text: &str) -> Campaign {
    Campaign::parse("c.toml", "c", text).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

#[test]
fn what_nobody_touched_is_written_as_it_was() {
    for text in shipped().into_values().chain([WHOLE.to_string()]) {
        let form = of(&text).unwrap_or_else(|NoForm(why)| panic!("{why}"));
        let again = typed(&text, &posted(&form).into_iter().collect()).unwrap();
        assert_eq!((again.text.as_str(), again.wrong.as_slice()), (text.as_str(), &[][..]));
    }
}

#[test]
fn a_form_typed_from_nothing_makes_the_same_campaign() {
    for text in shipped().into_values().chain([WHOLE.to_string()]) {
        let form = of(&text).unwrap();
        let mut new = blank("");
        for _ in 1..form.rows["message"] {
            new = add_message(&new).unwrap();
        }
        if form.rows["message"] == 0 {
            new = remove_message(&new, 0).unwrap();
        }
        for at in 0..form.rows["message"] {
            for code in &form.named[&format!("message.{at}.lang")] {
                new = add_language(&new, at, code).unwrap();
            }
        }
        let written = typed(&new, &posted(&form).into_iter().collect()).unwrap();
        // A new campaign's empty list of segments is as good as none.
        let mut values = of(&written.text).unwrap().values;
        values.retain(|_, texts| !texts.is_empty());
        assert_eq!(values, form.values, "{}", written.text);
        assert_eq!(parse(&written.text), parse(&text), "{}", written.text);
    }
}

#[test]
fn a_change_leaves_comments_and_the_rest() {
    let written = |pairs: &[(&str, &str)]| typed(WHOLE, &pairs.iter().copied().collect()).unwrap().text;
    assert_eq!(written(&[("title", "Mới")]), WHOLE.replace("\"Nhận diện\"", "\"Mới\""));
    assert_eq!(written(&[("sending.budget", "120.000.000")]), WHOLE.replace("90_000_000", "120_000_000"));
    assert_eq!(written(&[("audience.goal", "57 %")]), WHOLE.replace("0.85", "0.57"));
    assert_eq!(written(&[("basis.date", "27/04/2024")]), WHOLE.replace("2024-04-26", "2024-04-27"));
    assert_eq!(written(&[("cadence.on.week", "mon")]), WHOLE.replace("[\"mon\", \"thu\"] #", "\"mon\" #"));
    assert_eq!(written(&[("message.1.sms.text", "Nho.")]), WHOLE.replace("Nho lai: khong doc ma.", "Nho."));
    assert_eq!(written(&[("message.0.email.preheader", "")]), WHOLE.replace("preheader = \"Đừng đọc mã\"\n", ""));
    assert!(!written(&[("cadence.every", "")]).contains("[cadence]"));
    let monthly = written(&[("cadence.every", "month"), ("cadence.on.day", "last")]);
    assert!(monthly.contains("every    = \"month\"\non       = \"last\""), "{monthly}");
    let cron = written(&[("cadence.every", "cron"), ("cadence.cron", "30 8 * * mon")]);
    assert!(cron.contains("cron = \"30 8 * * mon\"") && !cron.contains("every") && !cron.contains("08:30"), "{cron}");
}

#[test]
fn new_tables_stand_in_the_order_of_the_reader() {
    let pairs = [("period.from", "2026-10-01"), ("cadence.every", "day"), ("cadence.at", "08:00"), ("sending.budget", "1")];
    let text = typed(&blank("Sở"), &pairs.into_iter().collect()).unwrap().text;
    let headings: Vec<&str> = text.lines().filter(|line| line.starts_with('[')).collect();
    assert_eq!(headings, ["[period]", "[cadence]", "[audience]", "[channels]", "[sending]", "[[message]]"], "{text}");
}

#[test]
fn what_cannot_be_read_is_kept_and_told_beside_its_field() {
    let pairs = [
        ("sending.budget", "nhiều"),
        ("basis.date", "hôm qua"),
        ("message.1.id", "Otp!"),
        ("message.0.lang.en.sms.wording", "{1} {x"),
        ("cadence.on.week", ""),
        ("message.0.sms.sms_text", "x"),
    ];
    let text = typed(WHOLE, &pairs.into_iter().collect()).unwrap().text;
    let form = of(&text).unwrap();
    assert_eq!((form.text("sending.budget"), form.text("basis.date")), ("nhiều", "hôm qua"));
    let problems = Campaign::parse("c.toml", "c", &text).unwrap_err();
    let places: BTreeSet<String> = form.placed(&problems.0).into_iter().map(|(field, _)| field).collect();
    assert_eq!(places, pairs.map(|(field, _)| field.to_string()).into(), "{problems}");
}

#[test]
fn names_that_no_table_can_hold_are_told_and_kept() {
    let twice = [
        ("message.0.chat.data[key]", "ten"),
        ("message.0.chat.data[value]", "a"),
        ("message.0.chat.data[key]", "ten"),
        ("message.0.chat.data[value]", "b"),
    ];
    let written = typed(WHOLE, &twice.into_iter().collect()).unwrap();
    assert_eq!(written.text, WHOLE);
    assert_eq!(written.wrong[0].0, "message.0.chat.data");
    assert_eq!(written.kept["message.0.chat.data"], ["ten", "a", "ten", "b"]);
    let nameless = [("period.phases[key]", ""), ("period.phases[value]", "2026-10-01")];
    assert_eq!(typed(WHOLE, &nameless.into_iter().collect()).unwrap().wrong[0].0, "period.phases");
}

#[test]
fn messages_and_languages_come_and_go() {
    let copied = copy_message(WHOLE, 0).unwrap();
    let campaign = parse(&copied);
    assert_eq!(campaign.messages.iter().map(|message| message.id.as_str()).collect::<Vec<_>>(), ["otp", "otp-1", "sau"]);
    assert_eq!(
        (&campaign.messages[1].body, &campaign.messages[1].lang),
        (&campaign.messages[0].body, &campaign.messages[0].lang)
    );
    assert_eq!(parse(&remove_message(&copied, 1).unwrap()), parse(WHOLE));
    let more = add_language(&add_message(WHOLE).unwrap(), 2, "ko").unwrap();
    let form = of(&more).unwrap();
    assert_eq!((form.text("message.2.id"), form.named["message.2.lang"].as_slice()), ("tin-1", &["ko".to_string()][..]));
    assert_eq!(parse(&remove_message(&more, 2).unwrap()), parse(WHOLE));
    assert!(!remove_language(WHOLE, 0, "en").unwrap().contains("lang.en]"));
    assert!(remove_message(WHOLE, 7).is_err());
}

#[test]
fn one_message_can_be_looked_at_before_the_rest_is_written() {
    let broken = WHOLE
        .replace("\"awareness\"", "\"?\"")
        .replace("segments = [\"tat-ca\"]", "segments = []")
        .replace("id    = \"sau\"", "id = 1 # x")
        .replace("id = 1 # x", "id = \"S S\"");
    assert!(Campaign::parse("c.toml", "c", &broken).is_err());
    for at in [0, 1] {
        let alone = parse(&alone(&broken, at).unwrap());
        assert_eq!(alone.messages[0].body, parse(WHOLE).messages[at].body);
    }
    assert!(Campaign::parse("c.toml", "c", &alone(&blank("Sở"), 0).unwrap()).is_err(), "it has no text yet");
}

#[test]
fn a_segments_conditions_are_added_in_its_own_table() {
    let text = segment_text("s", &add_choice(&add_choice("title = \"S\"\n").unwrap()).unwrap());
    assert_eq!(
        segment_body("s", &text).unwrap().trim_end(),
        "title = \"S\"\nany = [{}, {}]".replace("{}", "{ }").replace("{ }", "{}")
    );
    assert!(Segments::parse("s.toml", &text).is_ok(), "{text}");
    assert_eq!(segment_body("s", "[s]\ntitle = \"S\"\n[s.not]\nlang = \"vi\"\n"), None);
}

#[test]
fn what_is_too_long_for_a_form_is_edited_as_text() {
    let many =
        |n: usize| (0..n).fold(String::new(), |text, n| text + &format!("[[message]]\nid = \"tin-{n}\"\nsms = \"Chao.\"\n"));
    assert_eq!(of(&many(60)).unwrap().rows["message"], 60);
    assert!(of(&many(61)).unwrap_err().0.vi.contains("60"));
    let refused = Campaign::parse("a.toml", "a", &many(20_000)).unwrap_err();
    assert!(refused.0.iter().any(|problem| problem.message.vi.contains("nhiều hơn 366 tin")), "{refused}");
}

#[test]
fn what_has_no_field_is_edited_as_text() {
    for strange in ["x = 1\n", "title = 5\n", "basis = \"1\"\n", "[[message]]\nid = \"a\"\nsms = [1]\n", "a ="] {
        assert!(of(strange).is_err(), "{strange}");
    }
}

/// The keys that a reader knows in each table, by what it says of a key that it does not know.
fn known_keys(problems: &Problems) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for problem in problems.0.iter().filter(|problem| problem.field.ends_with("zzzzzzzzzzzz")) {
        let table: String = problem
            .path
            .split('.')
            .filter(|step| step.parse::<usize>().is_err() && *step != "zzzzzzzzzzzz")
            .fold(String::new(), |path, step| path + step + ".");
        let help = problem.help.as_ref().unwrap().text(Lang::En).to_string();
        known.extend(help.split('`').skip(1).step_by(2).map(|key| format!("{table}{key}")));
    }
    known
}

#[test]
fn every_key_that_the_reader_knows_has_a_field() {
    const UNKNOWN: &str = "zzzzzzzzzzzz = 1";
    let others = [
        WHOLE.to_string(),
        WHOLE.replace(
            "every    = \"week\"\non       = [\"mon\", \"thu\"] # hai ngày\nat       = \"08:30\"",
            "cron = \"30 8 * * mon\"",
        ),
        WHOLE.replace("\"week\"", "\"quarter\"").replace("[\"mon\", \"thu\"]", "{ month = 1, day = 15 }"),
    ];
    let mut known = BTreeSet::new();
    for text in others {
        let everywhere: String = text
            .lines()
            .map(|line| match line {
                line if line.starts_with('[') => format!("{line}\n{UNKNOWN}\n"),
                line if line.contains(" = { ") => line.replace("= { ", &format!("= {{ {UNKNOWN}, ")) + "\n",
                line => format!("{line}\n"),
            })
            .collect();
        let problems = Campaign::parse("c.toml", "c", &format!("{UNKNOWN}\n{everywhere}")).unwrap_err();
        known.extend(known_keys(&problems));
    }
    for sure in
        ["title", "basis.signer", "cadence.cron", "cadence.on.month", "message.lang.en.sms.wording", "message.email.attach"]
    {
        assert!(known.contains(sure), "{known:?}");
    }
    // `{ text = …, sms_text = … }` and `{ template = …, … }` exclude each other.
    let missing: Vec<&String> = known
        .iter()
        .filter(|key| {
            let mut keys = CAMPAIGN;
            for step in key.split('.').filter(|step| *step != "en") {
                if keys.iter().any(|(_, shape)| matches!(shape, Rule)) && matches!(step, "every" | "on" | "at" | "cron") {
                    return false;
                }
                match keys.iter().find(|(known, _)| *known == step).map(|(_, shape)| shape) {
                    None => return true,
                    Some(Table(inner, _) | TextOr(inner) | Rows(inner) | Named(inner)) => keys = inner,
                    Some(_) => {}
                }
            }
            false
        })
        .collect();
    assert!(missing.is_empty(), "keys without a field: {missing:?}");
}

const SEGMENT_TEXT: &str = r#"# ai
title        = "Người cao tuổi"
groups       = ["a", "b"]
areas        = ["01"]
born_before  = 1967-01-01
born_after   = 1900-01-01
lang         = "vi"
attributes   = { nghe = ["giao-vien", "y-si"], x = "y" }
reached      = { campaign = "c", within = "30d" }
any          = [{ groups = ["x"] }, { not = { born_before = 1967-01-01 } }]
not          = { reached = { campaign = "c", within = "60d" } }
segments     = ["khac"]
"#;

#[test]
fn every_key_of_a_segment_has_a_field_and_is_kept() {
    let form = Form::of(SEGMENT_TEXT, SEGMENT).unwrap();
    assert_eq!(form.texts("attributes"), ["nghe", "giao-vien; y-si", "x", "y"]);
    assert_eq!(form.text("any.1.not.born_before"), "1967-01-01");
    let untouched: Typed = form
        .values
        .iter()
        .filter(|(field, _)| *field != "attributes")
        .flat_map(|(field, texts)| texts.iter().map(move |text| (field.clone(), text.clone())))
        .collect();
    assert_eq!(write(SEGMENT_TEXT, SEGMENT, &untouched).unwrap().text, SEGMENT_TEXT);
    let more = [("not.groups", "c"), ("lang", "vi"), ("lang", "en"), ("any.0.groups", "")];
    let text = write(SEGMENT_TEXT, SEGMENT, &more.into_iter().collect()).unwrap().text;
    assert!(text.contains("groups = [\"c\"]") && text.contains("[\"vi\", \"en\"]"), "{text}");
    let problems =
        Segments::parse("s.toml", &format!("[s]\nzzzzzzzzzzzz = 1\n{SEGMENT_TEXT}[khac]\ntitle = \"K\"\n")).unwrap_err();
    let known = known_keys(&problems);
    assert!(known.contains("s.title") && known.len() > 10, "{known:?}");
    for key in known {
        let key = key.trim_start_matches("s.");
        assert!(SEGMENT.iter().any(|(known, _)| *known == key), "no field for {key}");
        assert!(key == "title" || CONDITION.iter().any(|(known, _)| *known == key), "no field for {key} within another");
    }
}

prop_compose! {
    fn word()(text in "[a-z]{1,8}") -> String { text }
}

/// Text with whatever people paste: quotes, backslashes, lines, marks.
fn anything() -> impl Strategy<Value = String> {
    "[a-zA-Zđế\"'\\\\\n\t #\\[\\]={}%.,]{0,40}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever is typed comes back as it was typed, and what was not typed is as it was.
    #[test]
    fn whatever_is_typed_stands_there(
        title in anything(), body in anything(), sms in anything(), budget in anything(), wording in anything(),
        data in prop::collection::btree_map(word(), anything(), 0..4),
        segments in prop::collection::btree_set(word(), 0..4),
        on in prop::sample::select(vec!["once", "day", "week", "month", "quarter", "cron", "", "odd"]),
        day in "[0-9a-z]{0,3}",
        late in "[0-9a-z]{0,3}",
    ) {
        let mut pairs = vec![
            ("title".to_string(), title.replace('\n', " ")), ("message.0.email.body".into(), body.clone()),
            ("message.1.sms.text".into(), sms.clone()), ("sending.budget".into(), budget.replace('\n', "")),
            ("message.0.lang.en.sms.wording".into(), wording.clone()), ("cadence.every".into(), on.into()),
            ("cadence.on.day".into(), day.clone()), ("cadence.late".into(), late.clone()),
            ("audience.segments".into(), String::new()),
        ];
        pairs.extend(segments.iter().map(|segment| ("audience.segments".to_string(), segment.clone())));
        for (key, text) in &data {
            pairs.extend([("message.0.chat.data[key]".to_string(), key.clone()), ("message.0.chat.data[value]".into(), text.clone())]);
        }
        pairs.push(("message.0.chat.data[key]".into(), String::new()));
        let written = typed(WHOLE, &pairs.into_iter().collect()).unwrap();
        let form = of(&written.text).unwrap_or_else(|NoForm(why)| panic!("{why}\n{}", written.text));
        prop_assert_eq!(form.text("title").to_string(), title.replace('\n', " ").trim().to_string());
        let kept = |text: &str| if text.trim().is_empty() { String::new() } else { text.to_string() };
        prop_assert_eq!(form.text("message.0.email.body"), kept(&body));
        prop_assert_eq!(form.text("message.1.sms.text"), kept(&sms));
        prop_assert_eq!(form.text("message.0.lang.en.sms.wording"), kept(&wording));
        let held: BTreeSet<String> = form.texts("audience.segments").iter().cloned().collect();
        prop_assert_eq!(held, segments);
        let held: BTreeMap<String, String> = form.texts("message.0.chat.data").chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
        prop_assert_eq!(held, data);
        prop_assert_eq!(form.text("cadence.every"), on);
        if matches!(on, "month" | "quarter") {
            // A day is a number: somebody who types 05 reads 5.
            prop_assert_eq!(form.text("cadence.on.day"), day.parse::<u32>().map_or(day, |number| number.to_string()));
        }
        if !on.is_empty() {
            prop_assert_eq!(form.text("cadence.late"), late);
        }
        prop_assert_eq!(form.text("basis.signer"), "Ông A");
        // And once more: what a form shows writes itself.
        let again = typed(&written.text, &posted(&form).into_iter().collect()).unwrap();
        prop_assert_eq!(again.text, written.text);
    }
}
