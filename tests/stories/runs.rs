//! What people do to runs and definitions from the command line, and to the database beneath.

use crate::{
    folder::Folder,
    helpers::{Ground, grounds},
};

const CAMPAIGN: &str = r#"
title = "Nhận diện lừa đảo"
kind = "awareness"
owner = "Sở"
[audience]
segments = ["moi-nguoi"]
[channels]
use = ["sms"]
[[message]]
id = "otp"
sms = "Khong cung cap ma OTP"
"#;

/// A folder from which `loa` is run on the ground's database.
struct Office<'g>(Folder, &'g Ground);

impl<'g> Office<'g> {
    fn of(ground: &'g Ground) -> Self {
        let folder = Folder::new()
            .with("loa.toml", "[approval]\nrequired = true\n")
            .with("campaigns/segments.toml", "[moi-nguoi]\ntitle = \"Mọi người\"\n")
            .with("campaigns/nhan-dien.toml", CAMPAIGN);
        Self(folder, ground)
    }

    fn loa(&self, arguments: &[&str]) -> crate::folder::Ended {
        self.loa_as("", arguments)
    }

    /// As somebody who is signed in on the machine.
    fn loa_as(&self, user: &str, arguments: &[&str]) -> crate::folder::Ended {
        self.0.loa_with(arguments, &[("LOA_DATABASE__URL", &self.1.url), ("USER", user)])
    }
}

/// A run that is sending, one that is over, and one that is being listed.
async fn scene(ground: &Ground) {
    for (id, state, settled) in [(1, 1, "NULL"), (2, 2, "5000"), (3, 0, "NULL")] {
        ground
            .execute(&format!(
                "INSERT INTO run (id, campaign, occurrence, origin, kind, definition, date, turn, message, recipients, state, paused,
                                  due_at, expires_at, fan_cursor, fan_top, created_at, settled_at)
                 VALUES ({id}, 'nhan-dien', 'o{id}', 0, 0, 'h', '2026-10-05', 0, 'otp', '[]', {state}, false, 1000, 0, 1, 4, 0, {settled});
                 INSERT INTO tally (run, channel, account, state, node, n, parts, price) VALUES ({id}, 1, 1, 5, 1, 3, 3, 900);
                 INSERT INTO tally (run, channel, account, state, node, n, parts, price) VALUES ({id}, 1, 0, 0, 1, 1, 0, 0)"
            ))
            .await;
    }
}

#[tokio::test]
async fn a_run_is_paused_resumed_and_aborted() {
    for ground in grounds().await {
        scene(&ground).await;
        let office = Office::of(&ground);
        let state = |run: i64| office.loa(&["runs", "--json"]).json()[usize::try_from(3 - run).unwrap()]["state"].clone();
        assert_eq!(office.loa(&["pause", "1"]).out, "Đã tạm dừng đợt gửi 1 (nhan-dien).\n");
        assert_eq!(state(1), "paused");
        assert_eq!(office.loa(&["resume", "1", "--lang", "en"]).out, "Run 1 (nhan-dien) is resumed.\n");
        assert_eq!(state(1), "sending");
        assert_eq!(office.loa(&["stop", "--all", "--json"]).json()["paused"], 2);
        assert_eq!((state(1), state(2), state(3)), ("paused".into(), "settled".into(), "paused".into()));
        assert_eq!(office.loa(&["abort", "1"]).code, 0);
        assert_eq!(state(1), "aborted");
        assert_eq!(office.loa(&["abort", "1"]).code, 0, "aborting twice is aborting once");

        let over = office.loa(&["pause", "2"]);
        assert_eq!((over.code, over.err.as_str()), (2, "lỗi: đợt gửi 2 đã xong: không thay đổi được nữa\n"));
        let missing = office.loa(&["resume", "9"]);
        assert_eq!((missing.code, missing.err.as_str()), (2, "lỗi: không có đợt gửi 9: `loa runs` liệt kê các đợt\n"));
        assert_eq!(office.loa(&["stop"]).code, 2);
    }
}

#[tokio::test]
async fn the_list_shows_how_far_each_run_is() {
    for ground in grounds().await {
        scene(&ground).await;
        ground.execute("UPDATE run SET held = 'hết ngân sách' WHERE id = 1").await;
        let office = Office::of(&ground);
        let table = office.loa(&["runs"]).out;
        assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
        // Those under way have a rate by the machine's clock; how wide that is decides where headings break.
        let over: Vec<&str> = table.lines().filter(|line| line.starts_with("2 ")).flat_map(str::split_whitespace).collect();
        assert_eq!(over.join(" "), "2 nhan-dien 05/10/2026 Đã xong 4 75,0 % 75,0 % 0 900", "{table}");
        assert!(table.contains("\nĐợt 1: hết ngân sách"), "why it stands still is a sentence below: {table}");
        let rows = office.loa(&["runs", "nhan-dien", "--json"]).json();
        assert_eq!((&rows[2]["state"], &rows[2]["held"]), (&"held".into(), &"hết ngân sách".into()));
        assert_eq!(
            (&rows[1]["per_second"], &rows[1]["done"], &rows[1]["states"]["delivered"]),
            (&0.into(), &3.into(), &3.into())
        );
        assert_eq!(office.loa(&["runs", "khac"]).out, "Chưa có đợt gửi nào.\n");
    }
}

#[tokio::test]
async fn an_approval_is_for_the_content_that_was_seen() {
    for ground in grounds().await {
        let office = Office::of(&ground);
        let config =
            loa::config::Config::read(Some(&office.0.path().join("loa.toml")), &std::collections::BTreeMap::new()).unwrap();
        let source = || loa::campaign::Library::read(&office.0.path().join("campaigns")).0.campaigns["nhan-dien"].clone();
        let approved = async || loa::approval::approved(&ground.db, &config, &source()).await.unwrap();
        assert!(!approved().await);
        assert_eq!(office.loa(&["approve", "nhan-dien"]).code, 2, "nobody knows who approves it");
        assert_eq!(office.loa(&["approve", "nhan-dein", "--by", "Lan"]).code, 2);
        let done = office.loa(&["approve", "nhan-dien", "--by", "Lan", "--json"]).json();
        assert_eq!((&done["by"], &done["new"], &done["hash"]), (&"Lan".into(), &true.into(), &source().hash.as_str().into()));
        assert_eq!(office.loa(&["approve", "nhan-dien", "--json"]).code, 2);
        assert_eq!(office.loa_as("Lan", &["approve", "nhan-dien", "--json"]).json()["new"], false);
        assert!(approved().await);

        office.0.write("campaigns/nhan-dien.toml", CAMPAIGN.replace("ma OTP", "ma OTP cho ai").as_bytes());
        assert!(!approved().await);

        // What goes on running is the version that was approved, segments and all.
        office.0.write("campaigns/segments.toml", "[moi-nguoi]\ntitle = \"Ai cũng vậy\"\n".as_bytes());
        let library = loa::campaign::Library::read(&office.0.path().join("campaigns")).0;
        let released = loa::approval::released(&ground.db, &config, &library).await.unwrap();
        let [kept] = &released[..] else { panic!("{released:?}") };
        assert_eq!((kept.source.text.as_str(), kept.segments.contains("Mọi người")), (CAMPAIGN, true));
        // The ground was sealed with a key that this office does not have; nobody's address is in it.
        ground.execute("DELETE FROM meta WHERE key = 'seal-root'").await;
        let sent = office.loa(&["send", "nhan-dien"]);
        assert_eq!(sent.code, 1, "what a person sends is the file as it is: {}", sent.err);
        assert_eq!(office.loa(&["approve", "nhan-dien", "--by", "Lan"]).code, 0);
        let released = loa::approval::released(&ground.db, &config, &library).await.unwrap();
        assert_ne!(released[0].source.text, CAMPAIGN);
    }
}

#[test]
fn a_missing_database_is_not_made_by_asking() {
    let office = Folder::new().with("loa.toml", "[database]\nurl = \"sqlite:loa.db\"\n");
    for command in ["runs", "report", "verify"] {
        let ended = office.loa(&[command]);
        assert_eq!(ended.code, 2);
        assert!(ended.err.contains("chạy `loa migrate` để tạo"), "{}", ended.err);
    }
    assert!(!office.path().join("loa.db").exists());

    office.write("loa.db", b"");
    assert!(office.loa(&["runs"]).err.contains("chạy `loa migrate` để tạo"));
    assert_eq!(office.loa(&["migrate"]).out, "Cơ sở dữ liệu đã sẵn sàng.\n");
    assert_eq!(office.loa(&["migrate", "--json"]).json()["migrated"], true);
    assert_eq!(office.loa(&["runs"]).out, "Chưa có đợt gửi nào.\n");
    assert_eq!(office.loa(&["verify", "--json"]).json()["ok"], true);
}

#[tokio::test]
async fn verify_exits_one_and_says_what_differs() {
    for ground in grounds().await {
        scene(&ground).await;
        let office = Office::of(&ground);
        let ended = office.loa(&["verify"]);
        assert_eq!(ended.code, 1);
        assert!(ended.out.contains("3 / 3 / 900"), "{}", ended.out);
        assert!(ended.out.contains("✗ 2 đợt gửi chưa lập hết danh sách (ví dụ số 1)"), "{}", ended.out);
        let json = office.loa(&["verify", "--json"]).json();
        assert_eq!((json["ok"].clone(), json["differences"].as_array().unwrap().len()), (false.into(), 6));
    }
}
