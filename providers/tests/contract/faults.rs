//! Faults in a gateway's file: each is found, where it stands, with what would be right.

use providers::http::Description;

const SOUND: &str = r#"title   = "Example"
channel = "sms"
url     = "https://sms.example.vn"

[settings]
key = { about = "from the console", secret = true }

[send]
path = "/send"
json = { key = "{{ key }}", to = "{{ to|digits }}", text = "{{ text }}" }

[[send.answer]]
when = "body.ok"
then = "accepted"
id   = "body.id"
"#;

/// The faults of the sound file after one change.
fn faults(from: &str, to: &str) -> String {
    assert!(SOUND.contains(from), "{from}");
    let text = SOUND.replacen(from, to, 1);
    match Description::parse("gateways/example.toml", &text) {
        Ok(_) => "none".into(),
        Err(faults) => faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n") + "\n",
    }
}

#[test]
fn every_built_in_gateway_is_sound() {
    for (name, _) in providers::gateways::built_in() {
        assert_eq!(super::gateway::built_in(name).name, *name);
    }
}

#[test]
fn the_sound_file_is_sound() {
    assert_eq!(faults("title", "title"), "none");
}

#[test]
fn unknown_keys_are_named_with_the_nearest_known_one() {
    let found = [
        faults("channel", "chanel"),
        faults("path =", "paht ="),
        faults("secret = true", "secert = true"),
        faults("id   =", "ids  ="),
        faults("when =", "wenn ="),
        faults("[send]", "[sned]"),
    ];
    insta::assert_snapshot!(found.join("\n"), @r#"
gateways/example.toml:1:1: the file lacks `channel` (such as channel = "sms")
gateways/example.toml:2:1: unknown key `chanel` in the file (did you mean `channel`?)

gateways/example.toml:9:1: unknown key `paht` in [send] (did you mean `path`?)

gateways/example.toml:6:37: unknown key `secert` in [settings.key] (did you mean `secret`?)

gateways/example.toml:15:1: unknown key `ids` in [[send.answer]] (did you mean `id`?)

gateways/example.toml:12:1: [[send.answer]] says not when it applies (add `code` (a list) or `when` (an expression))
gateways/example.toml:13:1: unknown key `wenn` in [[send.answer]] (did you mean `when`?)

gateways/example.toml:6:1: nothing uses the setting `key` (use {{ key }} in a request, or take it out)
gateways/example.toml:8:2: unknown key `sned` in the file (did you mean `send`?)
gateways/example.toml:12:3: nothing in [send] says to whom: no template uses `to`
"#);
}

#[test]
fn names_filters_and_words_are_checked() {
    let found = [
        faults("{{ text }}", "{{ txet }}"),
        faults("{{ text }}", "Chào: {{ text|uper }}"),
        faults("{{ text }}", "{{ text.upper() }}"),
        faults("{{ text }}", "{{ range(9) }}"),
        faults("{{ text }}", "{{ text"),
        faults("{{ text }}", "{% for a in b %}{{ text }}"),
        faults("{{ text }}", "{{ text + }}"),
        faults("{{ text }}", "{{ }}"),
        faults("body.ok", "bdy.ok"),
        faults("body.ok", "body.ok is difined"),
        faults("\"accepted\"", "\"acepted\""),
        faults("\"sms\"", "\"smx\""),
    ];
    insta::assert_snapshot!(found.join("\n"), @r#"
gateways/example.toml:10:64: nothing provides the name `txet` here (did you mean `text`?)

gateways/example.toml:10:75: nothing provides the filter `uper` here (did you mean `upper`?)

gateways/example.toml:10:69: `upper(…)`: functions and methods cannot be called here (filters are written `value|filter`: base64, date, default, digits, e164, first, float, hmac_sha256, int, join, jwt, keyed, last, length, lower, national, replace, sha256, split, string, tojson, trim, upper)

gateways/example.toml:10:64: `range(…)`: functions and methods cannot be called here (filters are written `value|filter`: base64, date, default, digits, e164, first, float, hmac_sha256, int, join, jwt, keyed, last, length, lower, national, replace, sha256, split, string, tojson, trim, upper)

gateways/example.toml:10:61: `{{` is never closed (with `}}`)

gateways/example.toml:10:61: `{%` has no meaning here (only `{{ expression }}` has)

gateways/example.toml:10:63: this expression cannot be read: unexpected end of input, expected expression

gateways/example.toml:10:60: an expression is missing here

gateways/example.toml:13:9: nothing provides the name `bdy` here (did you mean `body`?)

gateways/example.toml:13:20: nothing provides the test `difined` here (did you mean `defined`?)

gateways/example.toml:14:8: `then` cannot be `acepted` (did you mean `accepted`?)

gateways/example.toml:2:11: `channel` cannot be `smx` (did you mean `sms`?)
"#);
}

#[test]
fn what_does_not_fit_together_is_a_fault() {
    let found = [
        faults("{{ to|digits }}", "nobody"),
        faults("{{ key }}", ""),
        faults("then = \"accepted\"\nid   = \"body.id\"", "then = \"rejected\"\nreason = \"no-such-adress\""),
        faults("id   = \"body.id\"", "after = \"1\""),
        faults("when = \"body.ok\"", "code = \"0\""),
        faults("when = \"body.ok\"\n", ""),
        faults("path = \"/send\"", "path = \"send\"\nform = { a = \"b\" }"),
        faults("path = \"/send\"", "method = \"GET\""),
        faults("path = \"/send\"", "ignores_repeats_for = \"a day\""),
        faults("https://sms.example.vn", "https://sms.example.vn/?a=b"),
        faults("key = {", "name = {"),
        faults("about = \"from the console\", ", ""),
        faults("title   = \"Example\"\n", ""),
        faults("title   = \"Example\"", "title   = 3"),
    ];
    insta::assert_snapshot!(found.join("\n"), @r#"
gateways/example.toml:8:1: nothing in [send] says to whom: no template uses `to`

gateways/example.toml:6:1: nothing uses the setting `key` (use {{ key }} in a request, or take it out)

gateways/example.toml:8:1: no [[send.answer]] says when a message is accepted (then = "accepted")
gateways/example.toml:15:10: `no-such-adress` is no reason (did you mean `no-such-address`?)

gateways/example.toml:15:1: unknown key `after` in [[send.answer]] (known here: code, when, then, detail, id)

gateways/example.toml:13:1: the section does not say what its code is (such as code = "body.CodeResult" in the section)

gateways/example.toml:12:1: [[send.answer]] says not when it applies (add `code` (a list) or `when` (an expression))

gateways/example.toml:9:8: a path starts with `/` (it follows the top-level `url`)
gateways/example.toml:10:1: [send] has two bodies: json and form (keep one)

gateways/example.toml:9:1: a GET request has no body (method = "POST")

gateways/example.toml:9:23: `a day` is no span of time (a number and s, m, h or d, such as "24h")

gateways/example.toml:3:11: this address has a query or a fragment; it is what paths are put after (such as "https://api.example.vn"; what follows it is the section's `path`)

gateways/example.toml:6:1: a setting cannot be called `name`: that name has a meaning already
gateways/example.toml:6:1: nothing uses the setting `name` (use {{ name }} in a request, or take it out)
gateways/example.toml:10:20: nothing provides the name `key` here (known here: to, text, reference, callback, expires, encoding, unicode, parts, now, uuid, nonce, name)

gateways/example.toml:6:7: [settings.key] lacks `about` (such as about = "the API key from the gateway's console")

gateways/example.toml:1:1: the file lacks `title` (such as title = "eSMS")

gateways/example.toml:1:11: `title` in the file must be a string, not integer
"#);
}

#[test]
fn callbacks_and_status_queries_are_checked() {
    let found = [
        faults("[send]", "[callback]\nreads = \"query\"\n[send]"),
        faults("[send]", "[callback]\nreads = \"qeury\"\n[[callback.event]]\nwhen = \"item.a\"\nstate = \"delivred\"\n[send]"),
        faults(
            "[send]",
            "[callback]\nreads = \"json\"\nid = \"item.id\"\n[[callback.event]]\nwhen = \"true\"\nstate = \"delivered\"\nreason = \"full\"\n[send]",
        ),
        faults(
            "[send]",
            "[callback]\nreads = \"json\"\n[[callback.event]]\nwhen = \"true\"\ninbound = { from = \"item.a\" }\n[send]",
        ),
        faults(
            "[send]",
            "[callback]\nreads = \"json\"\nsecret = { header = \"X-Hook\", setting = \"kye\" }\n[[callback.event]]\nwhen = \"true\"\nignore = true\n[send]",
        ),
        faults("[send]", "[status]\npath = \"/{{ refrence }}\"\n[send]"),
    ];
    insta::assert_snapshot!(found.join("\n"), @r#"
gateways/example.toml:8:1: [callback] lacks `event` (such as [[callback.event]])

gateways/example.toml:9:9: `reads` cannot be `qeury` (did you mean `query`?)
gateways/example.toml:12:9: `state` cannot be `delivred` (did you mean `delivered`?)

gateways/example.toml:14:1: only a failure has a reason, or a complaint

gateways/example.toml:12:11: [callback.event.inbound] lacks `text` (such as text = "item.text")

gateways/example.toml:10:41: no setting `kye` has `secret = true` (did you mean `key`?)

gateways/example.toml:8:1: [status] lacks `answer` (such as [[status.answer]])
gateways/example.toml:9:13: nothing provides the name `refrence` here (did you mean `reference`?)
"#);
}

#[test]
fn every_fault_is_found_in_one_go_and_in_order() {
    let text = SOUND.replace("channel", "chanel").replace("path", "paht").replace("body.id", "bdy.id");
    let faults = Description::parse("x.toml", &text).unwrap_err();
    let places: Vec<_> = faults.iter().map(|fault| (fault.line, fault.column, &text[fault.span.clone()])).collect();
    insta::assert_debug_snapshot!(places, @r#"
[
    (
        1,
        1,
        "title   = \"Example\"",
    ),
    (
        2,
        1,
        "chanel",
    ),
    (
        9,
        1,
        "paht",
    ),
    (
        15,
        9,
        "bdy",
    ),
]
"#);
}

#[test]
fn a_file_that_is_no_toml_says_where() {
    let faults = Description::parse("x.toml", "title = \"a\"\nchannel = sms\n").unwrap_err();
    assert_eq!((faults[0].line, faults[0].file.as_str()), (2, "x.toml"));
}

#[test]
fn multi_line_strings_point_at_the_place_within() {
    let text = SOUND.replace("json = {", "xml = \"\"\"\n<a>\n  {{ to }} {{ key }}\n  {{ txt }}</a>\"\"\"\n#");
    let faults = Description::parse("x.toml", &text).unwrap_err();
    assert_eq!((faults[0].line, faults[0].column, &text[faults[0].span.clone()]), (13, 6, "txt"));
}
