//! What the law wants of advertising, rule by rule; and that public information is bound by none of it. Lists of addresses
//! never to be written to are read, replaced and honoured.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{TimeZone as _, Utc};
use loa::{
    audience::block::{self, Binds, BlockError, Summary},
    campaign::{Campaign, Lack},
    delivery::{State, Why, record::Outcome},
    message::{self, RenderError, Templates, Terms},
    seal::Kind,
};
use providers::{Channel, Reason, SendError};

use super::dispatch::{Process, Scripted, saying};
use crate::engines::world::{EMAIL, HOUR, Person, SMS, World, by_sms, office, phone};

/// A lawful advertisement of one text message.
fn advertisement(text: &str) -> String {
    lawful(&saying(&format!("[QC] {text} {{{{ opt_out }}}}"), "awareness", "valid_for = \"48h\""))
}

fn lawful(text: &str) -> String {
    text.replace("kind = ", "law = \"advertising\"\nkind = ")
        .replace("\"Không cung cấp", "\"[QC] Không cung cấp")
        .replace("subject = \"", "subject = \"[QC] ")
}

#[test]
fn a_registered_wording_is_held_to_the_law_as_well() {
    let said = |wording: &str, one: &str| {
        let registered = format!("sms = {{ template = \"qc\", wording = \"{wording}\", values = {{ 1 = \"{one}\" }} }}");
        let text = advertisement("x").replace("sms = \"[QC] x {{ opt_out }}\"", &registered);
        assert!(text.contains("template"), "{text}");
        let campaign = Campaign::parse("qc.toml", "qc", &text).unwrap();
        let templates = Templates::compile(&campaign, &office(), None, &BTreeMap::new()).unwrap();
        templates.sample(0, Channel::Sms, message::Person::typical(), None, &Terms::default()).map(drop)
    };
    assert_eq!(said("[QC] So VHTTDL: {1}. Tu choi soan TC gui 5656", "hoi thao"), Ok(()));
    assert_eq!(said("[QC] So VHTTDL: {1}", "hoi thao. {{ opt_out }}"), Ok(()));
    assert_eq!(said("[AD] So VHTTDL: {1}. De tu choi, soan TC gui 5656 (mien phi).", "hoi thao"), Ok(()));
    assert_eq!(said("So VHTTDL: {1}. Tu choi soan TC gui 5656", "hoi thao"), Err(RenderError::Unlawful(Lack::Label)));
    for wording in ["[QC] So VHTTDL: {1}", "[QC] Soan TC gui 5656 de tu choi. {1}", "[QC] {1}. Hoi 5656"] {
        let long = "Hoi thao ve lua dao qua mang tai Ha Noi ngay mai luc tam gio";
        assert_eq!(said(wording, long), Err(RenderError::Unlawful(Lack::Instruction)), "{wording}");
    }
}

async fn agreed(world: &World, ids: &[i64]) {
    for id in ids {
        world.sql(&format!("UPDATE recipient SET consent_basis = 'đồng ý' WHERE id = {id}")).await;
    }
}

async fn whys(world: &World, run: i64) -> Vec<(State, Why)> {
    world.rows(run).await.iter().map(|row| (row.state(), row.why())).collect()
}

fn wrong(text: &str) -> String {
    Campaign::parse("qc.toml", "qc", text).map_or_else(|problems| problems.to_string(), |_| "nothing".into())
}

#[test]
fn the_label_comes_first_and_the_instruction_last() {
    assert_eq!(wrong(&advertisement("Hoi thao.")), "nothing");
    let unlabelled = wrong(&advertisement("Hoi thao.").replace("sms = \"[QC] ", "sms = \""));
    assert!(unlabelled.contains("advertising begins with the label [QC] / [AD] (NĐ 91/2020/NĐ-CP)"), "{unlabelled}");
    assert!(unlabelled.contains("qc.toml:17"), "{unlabelled}");
    let late = wrong(&advertisement("Hoi thao.").replace("{{ opt_out }}", "{{ opt_out }} Hen gap!"));
    assert!(late.contains("advertising ends with how to refuse it"), "{late}");
    for (right, text) in [(true, "{{opt_out}}."), (true, "({{ opt_out }})"), (false, ""), (false, "TC gui 5656")] {
        let said = wrong(&advertisement("Hoi thao.").replace("{{ opt_out }}", text));
        assert_eq!(said == "nothing", right, "{text}: {said}");
    }
    let subject = wrong(&advertisement("Hoi thao.").replace("subject = \"[QC] ", "subject = \""));
    assert!(subject.contains("the label"), "{subject}");
    assert!(wrong(&advertisement("x").replace("text = \"[QC] ", "text = \"")).contains("the label"));
    assert_eq!(wrong(&by_sms()), "nothing", "public information needs neither");
}

async fn only_who_agreed_gets_advertising(world: &World) {
    let people = world.people(&[phone(1), phone(2), phone(3)]).await;
    agreed(world, &people[..2]).await;
    world.sql(&format!("UPDATE recipient SET consent_basis = 'nhiệm vụ công' WHERE id = {}", people[2])).await;
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    let run = world.fanned_out(&advertisement("Hoi thao.")).await;
    assert_eq!(whys(world, run).await[2], (State::Skipped, Why::NoConsent));
    // Taken back while the run is under way.
    world.sql(&format!("UPDATE recipient SET consent_basis = NULL WHERE id = {}", people[1])).await;
    process.settle().await;
    let rows = whys(world, run).await;
    assert_eq!((rows[0].0, rows[1], rows[2].1), (State::Accepted, (State::Skipped, Why::NoConsent), Why::NoConsent));
    assert_eq!(gateway.texts(), ["[QC] Hoi thao. Soan TC gui 5656 de tu choi"]);
    world.run(&by_sms()).await;
    process.settle().await;
    assert_eq!(gateway.count(), 4, "public information reaches all three");
}

/// A list of two numbers, read as somebody would give it.
async fn listed(world: &World, name: &str, binds: Binds, text: &str) -> Result<Summary, BlockError> {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("dnc.csv");
    std::fs::write(&path, text).unwrap();
    let order = block::Order { path, name: name.into(), binds };
    block::import(&world.db, &world.seal, &world.clock, &order, |_, _| {}).await
}

async fn on_lists(world: &World, number: &str) -> i64 {
    let hash = world.seal.hash(Kind::Phone, number);
    world.number(&format!("SELECT count(*) FROM block WHERE channel = 1 AND address = {hash}")).await
}

async fn the_register_binds_advertising_and_a_list_of_the_offices_own_binds_all(world: &World) {
    let numbers = ["+84901234561", "+84901234562", "+84901234563"];
    let hashes = numbers.map(|number| world.seal.hash(Kind::Phone, number));
    let people = world.people(&hashes.map(|hash| Person { phone: Some(hash % 1000), ..Person::default() })).await;
    for (id, hash) in people.iter().zip(hashes) {
        world.sql(&format!("UPDATE recipient SET phone_hash = {hash} WHERE id = {id}")).await;
    }
    agreed(world, &people).await;
    listed(world, "dnc", Binds::Advertising, "So dien thoai\n0901234561\n").await.unwrap();
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    let run = world.fanned_out(&advertisement("Hoi thao.")).await;
    assert_eq!(whys(world, run).await[0], (State::Skipped, Why::DoNotCall));
    // A newer edition of the register comes while the run is under way: one more number, and the first one is off it.
    let newer = listed(world, "dnc", Binds::Advertising, "So dien thoai\n0901234562\n").await.unwrap();
    assert_eq!((newer.entries, newer.removed), (1, 1));
    process.settle().await;
    assert_eq!(whys(world, run).await[1], (State::Skipped, Why::DoNotCall));
    assert_eq!(gateway.count(), 1, "the third person");
    world.run(&by_sms()).await;
    process.settle().await;
    assert_eq!(gateway.count(), 4, "the register does not bind public information");
    listed(world, "rieng", Binds::Everything, "0901234563").await.unwrap();
    let warning = world.run(&saying("Canh bao!", "warning", "")).await;
    process.settle().await;
    assert_eq!(whys(world, warning).await[2], (State::Skipped, Why::DoNotCall), "the office's own list binds even warnings");
    assert_eq!(block::remove(&world.db, "rieng").await.unwrap(), Some(1));
    assert_eq!(block::remove(&world.db, "rieng").await.unwrap(), None);
    world.run(&saying("Canh bao!", "warning", "")).await;
    process.settle().await;
    assert_eq!(gateway.count(), 4 + 2 + 3);
}

async fn who_is_on_the_register_gets_a_mail_instead(world: &World) {
    let hash = world.seal.hash(Kind::Phone, "+84901234561");
    let people = world.people(&[Person { phone: Some(1), email: Some(2), ..Person::default() }]).await;
    world.sql(&format!("UPDATE recipient SET phone_hash = {hash}")).await;
    agreed(world, &people).await;
    listed(world, "dnc", Binds::Advertising, "0901234561").await.unwrap();
    let text = crate::engines::world::campaign("awareness", "use = [\"sms\", \"email\"]\npolicy = \"first\"", "");
    let run = world.fanned_out(&lawful(&text.replace("Khong cung cap ma OTP.", "[QC] Khong cung cap. {{ opt_out }}"))).await;
    assert_eq!(world.states(run).await, [(people[0], EMAIL, State::Pending)]);
}

async fn at_most_three_go_to_a_number_within_a_day(world: &World) {
    // Two people share a phone: the law counts the number.
    let people = world.people(&[phone(1).of("a"), phone(1).of("b")]).await;
    agreed(world, &people).await;
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    let of = |group: &str| format!("[moi-nguoi]\ntitle = \"Nhóm\"\ngroups = [\"{group}\"]\n");
    let mut refusals = 1;
    gateway.answers(move |_| {
        refusals -= 1;
        if refusals == 0 {
            return Err(SendError::Reject { reason: Reason::Content, detail: "no".into() });
        }
        Ok(providers::Accepted::default())
    });
    for (number, group) in [(0, "a"), (1, "a"), (2, "b"), (3, "a")] {
        world.run_with(&advertisement(&format!("So {number}.")), &of(group), &[]).await;
        process.settle().await;
        process.advance(HOUR).await;
    }
    assert_eq!(gateway.count(), 4, "the first was refused and does not count");
    let fourth = world.run_with(&advertisement("So 4."), &of("b"), &[]).await;
    world.run_with(&saying("Tin.", "awareness", ""), &of("b"), &[]).await;
    process.settle().await;
    assert_eq!(gateway.texts().last().unwrap(), "Tin.", "public information is not counted");
    assert_eq!(whys(world, fourth).await[0].0, State::Pending);
    process.advance(20 * HOUR).await;
    process.settle().await;
    assert_eq!(whys(world, fourth).await[0].0, State::Pending, "23 hours after the first of the three");
    process.advance(HOUR).await;
    process.settle().await;
    assert_eq!(whys(world, fourth).await[0].0, State::Accepted);
    assert_eq!(gateway.texts().last().unwrap(), "[QC] So 4. Soan TC gui 5656 de tu choi");
}

async fn what_was_put_back_is_not_counted(world: &World) {
    let people = world.people(&[phone(1)]).await;
    agreed(world, &people).await;
    let run = world.fanned_out(&advertisement("Mot.")).await;
    world.send(run, SMS, &Outcome::PutBack { next_at: 0 }).await;
    assert_eq!(world.number("SELECT count(*) FROM advert").await, 0);
    world.send(run, SMS, &Outcome::Accepted { ids: Vec::new(), silent_at: None }).await;
    assert_eq!(world.number("SELECT count(*) FROM advert").await, 1);
}

async fn it_keeps_the_laws_hours_whatever_its_own(world: &World) {
    let people = world.people(&[phone(1)]).await;
    agreed(world, &people).await;
    let gateway = Scripted::new();
    let mut process = Process::with_sms(world, &gateway).await;
    // 06:00 in Hà Nội is 08:00 in Tokyo, by which the campaign goes.
    world.hands.set(Utc.with_ymd_and_hms(2026, 11, 2, 23, 0, 0).unwrap());
    process.advance(0).await;
    let tokyo = "[cadence]\nevery = \"day\"\nat = \"08:30\"\ntimezone = \"Asia/Tokyo\"\n\n[audience]";
    world.run(&advertisement("Som.").replace("[audience]", tokyo)).await;
    process.settle().await;
    assert_eq!(gateway.count(), 0);
    world.run(&saying("Tin.", "awareness", "").replace("[audience]", tokyo)).await;
    process.settle().await;
    assert_eq!(gateway.texts(), ["Tin."], "public information keeps its own hours alone");
    process.advance(HOUR).await;
    process.settle().await;
    assert_eq!(gateway.count(), 2);
}

async fn a_list_is_read_as_offices_have_it(world: &World) {
    let sheet = "Danh sách không quảng cáo\nSTT;Số điện thoại\n1;0901234561\n2;01681234567\n3;84901234561\n4;02438123456\n5;12\n6;an@example.vn\n";
    let summary = listed(world, "dnc", Binds::Advertising, sheet).await.unwrap();
    assert_eq!((summary.rows, summary.entries, summary.landlines, summary.bad, summary.removed), (6, 3, 1, 1, 0));
    assert_eq!(summary.first[0].line, 7, "{:?}", summary.first);
    assert_eq!((on_lists(world, "+84381234567").await, on_lists(world, "+84901234561").await), (1, 1));
    let lists = block::lists(&world.db).await.unwrap();
    assert_eq!((lists[0].entries, lists[0].binds(), lists[0].finished_at), (3, Binds::Advertising, Some(world.now())));

    // A file without an address changes nothing.
    assert!(matches!(listed(world, "dnc", Binds::Advertising, "khong co gi\n").await, Err(BlockError::NoAddress)));
    assert_eq!(on_lists(world, "+84381234567").await, 1);
    // The same number on two lists stays blocked when it leaves one.
    listed(world, "rieng", Binds::Everything, "0381234567").await.unwrap();
    listed(world, "dnc", Binds::Advertising, "0901234561").await.unwrap();
    assert_eq!((on_lists(world, "+84381234567").await, on_lists(world, "+84901234561").await), (1, 1));
    assert_eq!(world.number("SELECT count(*) FROM block").await, 2);
}

async fn a_large_list_is_replaced_whole(world: &World) {
    let numbers = |from: usize, n: usize| (from..from + n).map(|i| format!("09{i:08}")).collect::<Vec<_>>().join("\n");
    listed(world, "dnc", Binds::Advertising, &numbers(1_000_000, 45_000)).await.unwrap();
    let newer = listed(world, "dnc", Binds::Advertising, &numbers(1_020_000, 45_000)).await.unwrap();
    assert_eq!((newer.entries, newer.removed), (45_000, 20_000));
    assert_eq!(world.number("SELECT count(*) FROM block").await, 45_000);
    assert_eq!(on_lists(world, "+84901019999").await + on_lists(world, "+84901020000").await, 1);
}

async fn a_refusal_of_advertising_needs_no_list(world: &World) {
    let people = world.people(&[phone(1)]).await;
    agreed(world, &people).await;
    let said = loa::consent::Said { source: "reply", wording: "TC", at: world.now() };
    loa::consent::record(&world.db, Channel::Sms, 1, loa::consent::Scope::Awareness, said).await.unwrap();
    let run = world.fanned_out(&advertisement("Mot.")).await;
    assert_eq!(whys(world, run).await, [(State::Skipped, Why::OptedOut)]);
}

on_both_engines!(
    only_who_agreed_gets_advertising,
    the_register_binds_advertising_and_a_list_of_the_offices_own_binds_all,
    who_is_on_the_register_gets_a_mail_instead,
    at_most_three_go_to_a_number_within_a_day,
    what_was_put_back_is_not_counted,
    it_keeps_the_laws_hours_whatever_its_own,
    a_list_is_read_as_offices_have_it,
    a_large_list_is_replaced_whole,
    a_refusal_of_advertising_needs_no_list,
);
