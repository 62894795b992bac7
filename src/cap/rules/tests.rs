//! Each rule is broken once, and nothing else is said.

use super::super::{Pair, Reference, Time, sample};
use super::*;

fn said(spoil: impl FnOnce(&mut Alert)) -> Vec<String> {
    let mut alert = sample::order();
    spoil(&mut alert);
    let told = |p: &Problem| format!("{}{}: {}", if p.is_warning { "(look) " } else { "" }, p.field, p.message.en);
    rules("x.xml", &alert).0.iter().map(told).collect()
}

fn earlier() -> Reference {
    let sent = Time::parse("2026-11-21T08:30:00+07:00").unwrap();
    Reference { sender: "a".to_string(), identifier: "b".to_string(), sent }
}

#[test]
fn an_order_keeps_them() {
    assert_eq!(said(|_| {}), [""; 0]);
}

#[test]
fn what_is_about_a_message_names_it() {
    for kind in [MsgType::Update, MsgType::Cancel, MsgType::Ack] {
        assert_eq!(said(|a| a.msg_type = kind), [format!("references: the `{}` is about no message", kind.word())]);
    }
    let mut own = String::new();
    let told = said(|a| {
        own = a.reference().to_string();
        a.references = vec![a.reference()];
    });
    assert_eq!(told, [format!("references: `{own}` is this message, or was sent after it")]);
    let told = said(|a| {
        a.msg_type = MsgType::Error;
        a.references = vec![earlier(), earlier()];
        a.infos.clear();
    });
    assert_eq!(told, ["references: `a,b,2026-11-21T08:30:00+07:00` is repeated", "note: the `Error` does not say why"]);
    assert_eq!(said(|a| a.infos.clear()), ["info: the `Alert` says nothing"]);
}

#[test]
fn whom_it_is_for_is_said() {
    assert_eq!(
        said(|a| a.restriction = Some(" ".to_string())),
        ["restriction: a `Restricted` message does not say who may have it"]
    );
    let told = said(|a| {
        a.scope = Scope::Private;
        a.addresses.clear();
    });
    assert_eq!(
        told,
        [
            "(look) restriction: `restriction` belongs to `Restricted` alone",
            "addresses: a `Private` message does not say for whom it is"
        ]
    );
    assert_eq!(said(|a| a.status = Status::Draft), ["(look) status: a `Draft` is not acted upon"]);
    assert_eq!(said(|a| a.status = Status::Exercise), ["(look) note: the `Exercise` does not name the exercise"]);
}

#[test]
fn it_ends_after_it_began() {
    assert_eq!(said(|a| a.infos[0].expires = Some(a.sent)), ["info.0.expires: `expires` is not after `sent`"]);
    assert_eq!(
        said(|a| a.infos[0].onset = Time::parse("2026-12-01T00:00:00+07:00")),
        ["info.0.expires: `expires` is not after `onset`"]
    );
    let told = said(|a| {
        a.scope = Scope::Public;
        a.restriction = None;
        a.infos[0].expires = None;
        a.infos[0].response_types = vec![ResponseType::Assess];
    });
    assert_eq!(
        told,
        ["(look) info.0.expires: a public message never ends", "(look) info.0.responseType: `Assess` is not for public messages"]
    );
}

#[test]
fn each_language_is_spoken_once() {
    assert_eq!(said(|a| a.infos.push(a.infos[0].clone())), ["info.language: there are two `info` in `vi-VN`"]);
}

#[test]
fn what_is_there_says_something() {
    let told = said(|a| {
        a.infos[0].event = " ".to_string();
        a.infos[0].headline = Some(String::new());
        a.infos[0].web = Some("example.vn/x".to_string());
        a.infos[0].parameters.push(Pair::new("", "x"));
        a.infos[0].areas[0].description.clear();
        a.infos[0].areas[0].ceiling = Some(1.0);
    });
    assert_eq!(
        told,
        [
            "info.0.event: `event` is empty",
            "info.0.headline: `headline` is empty",
            "info.0.web: `web` is no full address",
            "info.0.parameter.valueName: `valueName` is empty",
            "info.0.area.0.areaDesc: `areaDesc` is empty",
            "info.0.area.0.ceiling: `ceiling` has no `altitude` below it",
        ]
    );
    assert_eq!(
        said(|a| a.infos[0].headline = Some("x".repeat(161))),
        ["(look) info.0.headline: `headline` has more than 160 characters"]
    );
}

type Spoil = fn(&mut Resource);

#[test]
fn a_file_is_somewhere_and_is_what_it_says() {
    let file = Resource {
        description: "Công văn".to_string(),
        mime_type: "application/pdf".to_string(),
        size: Some(3),
        uri: None,
        deref_uri: Some("YWJj".to_string()),
        digest: Some("a9993e364706816aba3e25717850c26c9cd0d89d".to_string()),
    };
    assert_eq!(said(|a| a.infos[0].resources.push(file.clone())), [""; 0]);
    let spoilt: [(Spoil, &str); 5] = [
        (|r| r.size = Some(4), "info.0.resource.0.size: `size` is 4, the file has 3 bytes"),
        (|r| r.deref_uri = Some("*".to_string()), "info.0.resource.0.derefUri: `derefUri` is no base64"),
        (|r| r.deref_uri = None, "info.0.resource.0.uri: nothing says where the file is"),
        (|r| r.digest = Some("x".to_string()), "info.0.resource.0.digest: `digest` is no SHA-1"),
        (|r| r.mime_type = "pdf".to_string(), "info.0.resource.0.mimeType: `mimeType` is wrong: `pdf`"),
    ];
    for (spoil, want) in spoilt {
        let mut file = file.clone();
        spoil(&mut file);
        assert_eq!(said(|a| a.infos[0].resources.push(file)), [want]);
    }
}
