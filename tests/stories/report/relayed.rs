//! What outlets reported, beside people and never among them: on the page, on paper, in files, closed with its period, and found again
//! by whoever recounts it.

use std::io::Read as _;

use calamine::{Reader as _, Xlsx};
use loa::{
    audience::place::Places,
    audit::Actor,
    delivery::State,
    outlet::{Kind, Outlet, Way},
    relay::{
        By, Content, Eyes, Status, answer, follow,
        make::Run,
        order,
        report::{self, Count, Report},
    },
    report::{closing, kept},
    user::Role,
};
use reqwest::StatusCode;

use super::{
    Office,
    console::{Desk, between},
    scene, sms, write,
};
use crate::helpers::{
    Ground, grounds,
    orders::{self, written},
};

async fn outlet(ground: &Ground, slug: &str, kind: Kind) -> Outlet {
    orders::add(&ground.db, &ground.seal, written(slug, kind, Way::Hand), ground.clock.millis()).await
}

/// Orders of a run, approved.
async fn ask(ground: &Ground, run: i64, outlets: &[&Outlet], status: Status) -> Vec<i64> {
    let now = ground.clock.millis();
    let areas = vec!["01".into(), "79".into()];
    let content = Content { status, rounds: 2, areas, ..orders::content(Kind::Carrier, now) };
    let asked: Vec<(Outlet, Content)> = outlets.iter().map(|outlet| ((*outlet).clone(), content.clone())).collect();
    let run = Run { run, campaign: "nhan-dien", owner: "" };
    orders::ask(&ground.db, run, "thử", &asked, now).await
}

fn line(area: &str, round: u16, [targeted, submitted]: [i64; 2], delivered: Option<i64>) -> Count {
    Count { delivered, ..orders::line(area, round, [targeted, submitted, 0]) }
}

async fn take(ground: &Ground, order: i64, sequence: i64, last: bool, counts: Vec<Count>) {
    let now = ground.clock.millis();
    let actor = Actor::command("thử");
    let by = By { actor: &actor, eyes: Eyes::All, now };
    let report = Report { sequence, as_of: now, last, correction: None, evidence: None, counts };
    let places = |code: &str| Places::built_in().province_of(code);
    report::take(&ground.db, order, &report, places, &by).await.unwrap().unwrap();
}

/// An Update takes an order's place.
async fn replace(ground: &Ground, order: i64) {
    let actor = Actor::command("thử");
    let by = By { actor: &actor, eyes: Eyes::All, now: ground.clock.millis() };
    let earlier = order::one(&ground.db, order, Eyes::All, by.now).await.unwrap().unwrap();
    let content = Content { title: "Bản sửa".into(), ..earlier.content };
    let update = follow::update(&ground.db, order, &content, "", &by).await.unwrap().unwrap().id;
    order::approve(&ground.db, update, &by).await.unwrap().unwrap();
    answer::acknowledge(&ground.db, update, "", &by).await.unwrap().unwrap();
}

/// Two carriers, of which one reported, and two schools, of which one confirmed; and an exercise.
async fn asked(ground: &Ground) -> Vec<i64> {
    scene(ground).await;
    write(ground, &[sms(1, 1, State::Delivered), sms(1, 2, State::Accepted)]).await;
    let viettel = outlet(ground, "viettel", Kind::Carrier).await;
    let vina = outlet(ground, "vina", Kind::Carrier).await;
    let (a, b) = (outlet(ground, "truong-a", Kind::School).await, outlet(ground, "truong-b", Kind::School).await);
    let made = ask(ground, 1, &[&viettel, &vina, &a, &b], Status::Actual).await;
    let exercise = ask(ground, 2, &[&viettel], Status::Exercise).await;
    take(ground, exercise[0], 1, true, vec![line("01", 1, [777_777, 777_777], None)]).await;
    let counts = vec![
        line("00004", 1, [54_321, 50_000], Some(48_765)),
        line("01", 2, [4_321, 4_000], Some(3_999)),
        line("79", 1, [60_000, 1_000], None),
    ];
    take(ground, made[0], 1, false, counts).await;
    take(ground, made[2], 1, true, vec![line("01", 1, [913, 912], None)]).await;
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn outlets_counts_stand_beside_people_and_never_among_them() {
    for ground in grounds().await {
        let made = asked(&ground).await;
        let desk = Desk::open(&ground).await;
        let manager = desk.sign_in("Quản lý Mẫu", Role::Manager, &[]).await;
        let page = desk.counted(&manager, "/reach?period=2026-10").await;
        let people = page.split("id=\"relayed\"").next().unwrap();
        for figure in ["114.321", "55.000", "52.764"] {
            assert!(!people.contains(figure), "{figure} is no figure of people: {people}");
        }
        let section = between(&page, "id=\"relayed\"", "</section>");
        assert!(section.contains("Số thuê bao do nhà mạng báo cáo (không cộng với số người nhận theo danh sách)"), "{section}");
        let total = between(section, "<tfoot>", "</tfoot>");
        // Subscribers once, whatever the rounds; what nobody counts is not known.
        let cells: Vec<&str> = total.split("<td class=\"n\">").skip(1).map(|cell| cell.split('<').next().unwrap()).collect();
        assert_eq!(cells, ["1", "114.321", "118.642", "55.000", "52.764", "—", "—", "—", "—"]);
        for wanted in ["Thành phố Hà Nội", "Thành phố Hồ Chí Minh", "Nhận diện lừa đảo trực tuyến", "Đơn vị viettel", "50,0 %"]
        {
            assert!(section.contains(wanted), "{wanted}: {section}");
        }
        assert!(!section.contains("777.777"), "an exercise: {section}");
        // The schools' people are in no sum with the carriers' subscribers.
        assert!(section.contains("913") && !section.contains("115.234"), "{section}");
        let silent = section.split("<details").nth(1).unwrap();
        assert!(
            silent.contains("Đơn vị vina") && silent.contains("Đơn vị truong-b") && !silent.contains("Đơn vị viettel"),
            "{silent}"
        );
        // Of one province alone, by its wards.
        let hanoi = desk.counted(&manager, "/reach?period=2026-10&area=01").await;
        let section = between(&hanoi, "id=\"relayed\"", "</section>");
        assert!(section.contains("Phường Ba Đình") && section.contains("54.321") && !section.contains("60.000"), "{section}");
        // Another month has no orders.
        let september = desk.counted(&manager, "/reach?period=2026-09").await;
        assert!(!september.contains("id=\"relayed\""));
        // What comes later is counted anew.
        let counts = vec![
            line("00004", 1, [54_321, 54_000], Some(48_765)),
            line("01", 2, [4_321, 4_000], Some(3_999)),
            line("79", 1, [60_000, 1_000], None),
        ];
        take(&ground, made[0], 2, false, counts).await;
        let page = desk.page(&manager, "/reach?period=2026-10").await;
        assert!(page.contains("Đang đếm lại"), "{page}");
        assert!(desk.counted(&manager, "/reach?period=2026-10").await.contains("59.000"));
        let (compared, wrong) = ground.db.snapshot(async |tx| kept::wrong(tx).await).await.unwrap();
        assert!(compared > 0 && wrong.is_empty(), "{wrong:?}");
        // A figure that somebody changed in the database is found.
        ground.execute("UPDATE relay_count SET submitted = submitted - 1 WHERE area = '79'").await;
        let (_, wrong) = ground.db.snapshot(async |tx| kept::wrong(tx).await).await.unwrap();
        assert!(!wrong.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_period_keeps_what_outlets_had_reported() {
    for ground in grounds().await {
        let made = asked(&ground).await;
        let desk = Desk::open(&ground).await;
        let manager = desk.sign_in("Quản lý Mẫu", Role::Manager, &[]).await;
        let page = desk.counted(&manager, "/periods/2026-10").await;
        let seen = between(&page, "name=\"seen\" value=\"", "\"").to_string();
        let (status, text) = desk.post(&manager, "/periods/2026-10/close", &[("seen", &seen)], &page).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{text}");
        // The carrier that was silent reports after the closing.
        take(&ground, made[1], 1, true, vec![Count { cost: Some(5_000), ..line("01", 1, [200, 100], Some(90)) }]).await;
        desk.counted(&manager, "/periods/2026-10").await;
        let page = desk.page(&manager, "/reach?period=2026-10").await;
        let section = between(&page, "id=\"relayed\"", "</section>");
        assert!(section.contains("55.000") && !section.contains("55.100"), "as it was closed: {section}");
        let adjusted = between(&page, "id=\"adjusted\"", "</section>");
        let row = |label: &str| {
            let row = between(adjusted, &format!("{label}</th>"), "</tr>");
            row.split("<td class=\"n\">").skip(1).map(|cell| cell.split('<').next().unwrap().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(row("Nhà mạng báo cáo: đã gửi"), ["55.000", "55.100", "+100"]);
        assert_eq!(row("Nhà mạng báo cáo: chi phí (đồng)"), ["—", "5.000", "+5.000"], "it was not known");
        assert!(!adjusted.contains("Số người"), "people did not change: {adjusted}");
        let answer = desk.page(&manager, "/reach/answer?period=2026-10").await;
        assert!(answer.contains("nhà mạng báo cáo: đã gửi: +100 (đã chốt 55.000, hiện nay 55.100)"), "{answer}");
        let broken = ground.db.snapshot(async |tx| closing::broken(tx).await).await.unwrap();
        assert!(broken.is_empty(), "{broken:?}");
        ground.execute("UPDATE closing SET body = replace(body, '55000', '56000')").await;
        assert_eq!(ground.db.snapshot(async |tx| closing::broken(tx).await).await.unwrap(), [1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_and_its_papers_tell_them_apart() {
    for ground in grounds().await {
        let made = asked(&ground).await;
        let office = Office::of(&ground).await;
        office.0.write("loa.toml", "[office]\nname = \"Sở Mẫu\"\n[reporting]\nmonth_starts = 1\n".as_bytes());
        let report = |arguments: &[&str]| {
            let ended = office.loa(&[["report", "--period", "2026-10"].as_slice(), arguments].concat());
            assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
            ended.out
        };
        let text = report(&[]);
        assert!(text.contains("không cộng với số người") && text.contains("114.321") && text.contains("Đơn vị vina"), "{text}");
        let json = office.loa(&["--json", "report", "--period", "2026-10"]).json();
        assert_eq!(json["people"]["addressed"].as_i64().or(json["measures"]["people"].as_i64()), Some(2));
        let relayed = &json["relayed"];
        assert_eq!((&relayed["total"]["submitted"], &relayed["total"]["failed"]), (&55_000.into(), &serde_json::Value::Null));
        assert_eq!((&relayed["others"][0]["key"], &relayed["others"][0]["counts"]["submitted"]), (&"school".into(), &912.into()));
        assert_eq!(relayed["kinds"][1]["done"], 1);
        assert_eq!(relayed["silent"].as_array().unwrap().len(), 2);

        let csv = report(&["--by", "campaign", "--format", "csv"]);
        let mut reader = csv::Reader::from_reader(csv.trim_start_matches('\u{feff}').as_bytes());
        let heading = reader.headers().unwrap().clone();
        let at = |name: &str| heading.iter().position(|column| column == name).unwrap();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let total = rows.iter().find(|row| &row[0] == "relay_total").unwrap();
        assert_eq!([&total[at("relay_submitted")], &total[at("relay_failed")], &total[at("people")]], ["55000", "", ""]);
        let people: i64 = rows.iter().filter_map(|row| row[at("people")].parse::<i64>().ok()).sum();
        assert_eq!(people, 4, "the total and its one campaign");

        report(&["--format", "xlsx", "--output", "b.xlsx"]);
        let mut book: Xlsx<_> = calamine::open_workbook(office.0.path().join("b.xlsx")).unwrap();
        let sheet = book.worksheet_range("Nhà mạng báo cáo").unwrap();
        let texts: Vec<String> = sheet.cells().map(|(_, _, cell)| cell.to_string()).collect();
        for wanted in ["114321", "55000", "—", "Đơn vị viettel", "Đơn vị vina", "Trường học"] {
            assert!(texts.iter().any(|text| text == wanted), "{wanted}: {texts:?}");
        }
        report(&["--format", "docx", "--output", "b.docx"]);
        let mut archive = zip::ZipArchive::new(std::fs::File::open(office.0.path().join("b.docx")).unwrap()).unwrap();
        let mut xml = String::new();
        archive.by_name("word/document.xml").unwrap().read_to_string(&mut xml).unwrap();
        for wanted in [
            "không cộng với số người nhận theo danh sách",
            "114.321",
            "Đơn vị vina",
            "Trường học đã xác nhận triển khai: 1 trên 2",
        ] {
            assert!(xml.contains(wanted), "{wanted} is not in the document");
        }

        // What was reported on and replaced since is among the orders: never were more reported on than there are.
        replace(&ground, made[0]).await;
        let json = office.loa(&["--json", "report", "--period", "2026-10"]).json();
        let relayed = &json["relayed"];
        assert_eq!((&relayed["orders"], &relayed["total"]["orders"]), (&3.into(), &1.into()));
    }
}
