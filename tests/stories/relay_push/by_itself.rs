//! `loa serve` pushes by itself, and whoever sets it up is told what is missing.

use std::time::{Duration, Instant};

use loa::{
    cap::{self, MsgType},
    db::Db,
    outlet::{Kind, Way, Written},
    relay::{Eyes, State, order},
};

use super::{
    partner::{Partner, Say},
    reply_to,
};
use crate::{
    folder::Folder,
    helpers::{
        free_port, key,
        orders::{self, written},
    },
};

/// A campaign that asks a carrier that is there, one that rests nowhere, and schools, of which there is none.
const CAMPAIGN: &str = r#"title = "Không đọc mã OTP cho ai"
kind  = "awareness"
owner = "Sở"
basis = { number = "12/UBND-VX", date = 2026-10-01, authority = "UBND tỉnh", document = "cong-van.pdf" }

[channels]
use = ["relay"]

[relay]
partners = ["viettel", "mobifone"]
kinds    = ["school"]
sender   = "Hai Duong"
areas    = ["01"]
audience = "Mọi thuê bao"
sms      = "Không đọc mã OTP cho bất kỳ ai."
payment  = "free"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_reaches_a_partner_by_itself_and_what_is_missing_is_told() {
    let partner = Partner::start().await;
    partner.says(Say::Reply(200, |got| cap::write(&reply_to(got, MsgType::Ack, None)).unwrap()));
    let folder = Folder::new()
        .with("loa.toml", &format!("[server]\nlisten = \"127.0.0.1:{}\"\n[relay]\nprivate = [\"viettel\"]\n", free_port()))
        .with("loa.key", &"07".repeat(32))
        .with("campaigns/cong-van.pdf", "%PDF-1.7 made up")
        .with("campaigns/qua-nha-mang.toml", CAMPAIGN);
    assert_eq!(folder.loa(&["migrate"]).code, 0);
    let db = Db::find(&format!("sqlite:{}", folder.path().join("loa.db").display())).await.unwrap().unwrap();
    let seal = loa::audience::key::load(&db, &key(7), &[]).await.unwrap();
    let (url, sender) = (Some(partner.address()), "viettel.example.vn".into());
    let viettel = Written { url, sender, ..written("viettel", Kind::Carrier, Way::Push) };
    orders::add(&db, &seal, viettel, 1_793_000_000_000).await;

    let checked = folder.loa(&["check", "--json", "--lang", "en"]);
    assert_eq!(checked.code, 0, "{}", checked.err);
    let json = checked.json();
    let warnings: Vec<String> = json["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {}", one["field"].as_str().unwrap(), one["message"].as_str().unwrap()))
        .collect();
    assert_eq!(warnings, ["relay.partners there is no outlet `mobifone`", "relay.kinds there is no outlet of the kind “school”"]);
    let doctor = folder.loa(&["doctor", "--json", "--lang", "en"]).json();
    let about = |word: &str| -> Vec<String> {
        let all = doctor["findings"].as_array().unwrap().iter().filter(|one| one["about"] == word);
        all.map(|one| one["says"].as_str().unwrap().to_string()).collect()
    };
    assert_eq!(about("relay-signing").len(), 1, "{doctor}");
    assert!(about("relay-sender")[0].contains("`loa`"), "{doctor}");
    assert!(about("outlet")[0].contains("no certificate is pinned"), "{doctor}");

    assert_eq!(folder.loa(&["send", "qua-nha-mang"]).code, 0);
    let _serve = folder.serve(&[], &[], "serve.log");
    let begun = Instant::now();
    let order = loop {
        let all = order::list(&db, &order::Filter::default(), Eyes::All, 10, 0).await.unwrap();
        let [order] = &all[..] else { panic!("one order: {all:?}") };
        if order.state == State::Acknowledged {
            break order.clone();
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{:?}\n{}", order.state, folder.log("serve.log"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let document = cap::read("order.xml", &partner.got()[0].body).unwrap();
    assert_eq!(
        (&document.identifier, document.infos[0].parameter("loa:smsText")),
        (&order.identifier, Some("Khong doc ma OTP cho bat ky ai."))
    );
    assert_eq!(partner.got().len(), 1);
    assert_eq!(folder.loa(&["verify"]).code, 0);
}
