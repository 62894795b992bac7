//! The first page shows a department's own runs, however many others go on.

use loa::user::Role;

use super::Console;
use crate::helpers::grounds;

#[tokio::test(flavor = "multi_thread")]
async fn others_runs_do_not_hide_ones_own() {
    for ground in grounds().await {
        let console = Console::open(ground).await;
        let culture = console.department("Sở Văn hóa").await;
        console.department("Sở Y tế").await;
        let definition = |hash: &str, title: &str, owner: &str| {
            format!(
                "INSERT INTO definition (hash, campaign, body, segments, created_at)
                 VALUES ('{hash}', '{hash}', 'title = \"{title}\"\nowner = \"{owner}\"', '', 0);"
            )
        };
        let run = |id: i64, hash: &str| {
            format!(
                "INSERT INTO run (id, campaign, occurrence, origin, kind, definition, date, turn, message, recipients, state, paused,
                                  due_at, expires_at, fan_cursor, fan_top, created_at)
                 VALUES ({id}, '{hash}', 'o{id}', 0, 0, '{hash}', '2026-11-02', 0, 'otp', '[]', 1, false, 1, 9000000000000, 1, 1, 0);"
            )
        };
        let theirs: String = (2..20).map(|id| run(id, "y-te")).collect();
        let scene = definition("van-hoa", "Lễ hội an toàn", "Sở Văn hóa") + &definition("y-te", "Tiêm chủng", "Sở Y tế");
        console.ground.execute(&(scene + &run(1, "van-hoa") + &theirs)).await;
        let officer = console.sign_in("lan", &[Role::Officer], &[culture]).await;
        let (_, text) = officer.get("/").await;
        assert!(text.contains("Lễ hội an toàn") && !text.contains("Tiêm chủng"), "{text}");
        let (_, text) = officer.get("/stop").await;
        assert!(text.contains("Dừng đợt 1<") && !text.contains("Dừng đợt 2<"), "{text}");
    }
}
