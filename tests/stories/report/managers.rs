//! What a manager sees with an hour before a meeting, and what neither a manager nor anybody else gets at: other departments'
//! figures, other departments' closings, a period closed twice.

use loa::{
    audit::{Actor, Via},
    delivery::State,
    user::{self, Role},
};
use reqwest::StatusCode;

use super::{
    Row,
    console::{Desk, Who, between},
    scene, sms, write,
};
use crate::helpers::{Ground, grounds};

/// A receipt for everything that was accepted, of which some was delivered before; tallies change as they do then.
async fn receipts(ground: &Ground) {
    ground
        .execute(
            "UPDATE delivery SET state = 5 WHERE state = 3;
             UPDATE tally SET changes = changes + 1,
                 n = (SELECT count(*) FROM delivery d
                      WHERE d.run = tally.run AND d.id & 15 = tally.channel AND d.account = tally.account AND d.state = tally.state),
                 parts = (SELECT coalesce(sum(d.parts), 0) FROM delivery d
                          WHERE d.run = tally.run AND d.id & 15 = tally.channel AND d.account = tally.account AND d.state = tally.state),
                 price = (SELECT coalesce(sum(d.price), 0) FROM delivery d
                          WHERE d.run = tally.run AND d.id & 15 = tally.channel AND d.account = tally.account AND d.state = tally.state)",
        )
        .await;
}

fn tile<'p>(page: &'p str, label: &str) -> &'p str {
    between(page, &format!("<dt>{label}</dt><dd>"), "</dd>")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_screen_answers_whom_whom_not_what_it_cost_and_against_before() {
    for ground in grounds().await {
        scene(&ground).await;
        ground.execute("UPDATE run SET date = '2026-09-07' WHERE id = 1; UPDATE run SET origin = 2 WHERE id = 2").await;
        write(
            &ground,
            &[
                sms(1, 1, State::Delivered),
                sms(1, 2, State::Rejected),
                Row { price: 500, ..sms(3, 1, State::Delivered) },
                sms(3, 2, State::Delivered),
                sms(3, 3, State::Rejected),
            ],
        )
        .await;
        let desk = Desk::open(&ground).await;
        let manager = desk.sign_in("Quản lý Mẫu", Role::Manager, &[]).await;
        desk.counted(&manager, "/reach?period=2026-09").await;
        let page = desk.counted(&manager, "/reach?period=2026-10").await;
        let first = page.split("id=\"compared\"").next().unwrap();
        for (label, figure, change) in [
            ("Số người cần tiếp cận", "3", "+1 so với kỳ trước"),
            ("Số người được tiếp cận, có xác nhận", "2", "66,6 % · +1 so với kỳ trước"),
            ("Số người chưa tiếp cận được", "1", "33,3 % · 0 so với kỳ trước"),
            ("Chi phí (đồng)", "1.100", "+500 so với kỳ trước"),
            ("Chi phí cho một người tiếp cận có xác nhận (đồng)", "550", "−50 so với kỳ trước"),
        ] {
            let tile = tile(first, label);
            assert!(tile.starts_with(&format!("{figure}<")) && tile.contains(change), "{label}: {tile}");
        }
        // Of the whole list, as soon as it was counted.
        assert!(!page.contains("So với cả danh sách"), "{page}");
        loa::audience::figure::count(&ground.db, ground.clock.millis()).await.unwrap();
        let page = desk.page(&manager, "/reach?period=2026-10").await;
        let list = between(&page, "So với cả danh sách", "</p>");
        assert!(list.contains("20 người") && list.contains("<strong>10,0 %</strong>"), "{list}");
        // Against a period without anybody nothing is called a rise.
        let before = desk.counted(&manager, "/reach?period=2026-09").await;
        assert!(!tile(&before, "Số người cần tiếp cận").contains("so với"), "{before}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_follows_its_figures_while_they_are_counted_again() {
    for ground in grounds().await {
        scene(&ground).await;
        ground.execute("UPDATE run SET state = 2, settled_at = 5").await;
        write(&ground, &[sms(1, 1, State::Delivered), sms(1, 2, State::Accepted)]).await;
        let desk = Desk::open(&ground).await;
        let manager = desk.sign_in("Quản lý Mẫu", Role::Manager, &[]).await;
        let path = "/reach?period=2026-10";
        desk.counted(&manager, "/reach?period=2026-09").await;
        let page = desk.counted(&manager, path).await;
        let counted = between(&page, "data-counted=\"", "\"").to_string();
        assert!(!page.contains("data-follow") && !page.contains("http-equiv=\"refresh\""), "{page}");
        receipts(&ground).await;
        let page = desk.page(&manager, path).await;
        assert!(page.contains("Đang đếm lại") && page.contains("data-follow=\"5\""), "{page}");
        // With a script the figures are replaced; without one the page is looked at again by a link, and never by itself.
        let script = between(&page, "follow-", ".js").to_string();
        let source = desk.page(&manager, &format!("/static/follow-{script}.js")).await;
        assert!(source.contains("dataset.follow"), "{source}");
        assert!(page.contains("<a href=\"\">Xem lại</a>") && !page.contains("http-equiv=\"refresh\""), "{page}");
        let page = desk.counted(&manager, path).await;
        assert_ne!(between(&page, "data-counted=\"", "\""), counted);
        assert!(tile(&page, "Số người được tiếp cận, có xác nhận").starts_with('2'), "{page}");
        // While a run goes on it looks now and then.
        ground.execute("UPDATE run SET state = 1, settled_at = NULL WHERE id = 1").await;
        let page = desk.counted(&manager, path).await;
        assert!(page.contains("data-follow=\"30\""), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_lead_to_their_rows_and_gaps_to_the_next_campaign() {
    for ground in grounds().await {
        scene(&ground).await;
        write(
            &ground,
            &[
                Row { segments: 0, area: None, ..sms(1, 1, State::Delivered) },
                sms(1, 2, State::Accepted),
                Row { reason: 1, ..sms(1, 3, State::Rejected) },
                Row { reason: 2, ..sms(1, 4, State::Rejected) },
            ],
        )
        .await;
        let desk = Desk::open(&ground).await;
        let manager = desk.sign_in("Quản lý Mẫu", Role::Manager, &[]).await;
        let officer = desk.sign_in("Cán bộ Mẫu", Role::Officer, &[]).await;
        for (line, shown, hidden, name) in [
            ("by=segment&line=none", "nd-001", "nd-002", "Nhóm đối tượng: (không thuộc nhóm nào)"),
            ("by=area&line=none", "nd-001", "nd-002", "(chưa rõ địa bàn)"),
            ("by=segment&line=can-bo", "nd-002", "nd-001", "Cán bộ, công chức"),
            ("by=account&line=viettel", "nd-001", "nd-009", "Tài khoản: viettel"),
        ] {
            let rows = desk.page(&manager, &format!("/reach/rows?period=2026-10&{line}")).await;
            assert!(rows.contains(shown) && !rows.contains(hidden), "{line}: {rows}");
            let called = rows.split("class=\"lead\"").nth(1).unwrap().split("</p>").next().unwrap();
            assert!(called.contains(name), "{line}: {called}");
        }
        let path = "/reach?period=2026-10&campaign=nhan-dien";
        let page = desk.counted(&manager, path).await;
        let gaps = page.split("id=\"gaps\"").nth(1).unwrap();
        let failed = between(gaps, "href=\"", "\"").replace("&amp;", "&").replace("&#x2f;", "/");
        assert!(failed.contains("by=reason"), "{failed}");
        let rows = desk.page(&manager, &failed).await;
        assert_eq!(usize::from(rows.contains("nd-003")) + usize::from(rows.contains("nd-004")), 1, "{failed}: {rows}");
        // A segment of the unreached is one click away for whoever may make one; whoever may not is told who may.
        assert!(!page.contains("/segments/new") && page.contains("Cán bộ soạn tin"), "{page}");
        let page = desk.page(&officer, path).await;
        assert!(page.contains("segments") && page.contains("unreached=nhan-dien"), "{page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_is_compared_by_the_figures_that_were_closed() {
    for ground in grounds().await {
        scene(&ground).await;
        ground.execute("UPDATE run SET date = '2026-09-07' WHERE id = 1").await;
        write(&ground, &[sms(1, 1, State::Delivered), sms(1, 2, State::Accepted), sms(2, 1, State::Delivered)]).await;
        let desk = Desk::open(&ground).await;
        let manager = desk.sign_in("Quản lý Mẫu", Role::Manager, &[]).await;
        let page = desk.counted(&manager, "/periods/2026-09").await;
        let seen = between(&page, "name=\"seen\" value=\"", "\"").to_string();
        let (status, text) = desk.post(&manager, "/periods/2026-09/close", &[("seen", &seen)], &page).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{text}");
        receipts(&ground).await;
        let own = "/reach?period=2026-09&campaign=nhan-dien";
        desk.counted(&manager, own).await;
        let page = desk.counted(&manager, "/reach?period=2026-10&campaign=nhan-dien").await;
        let row = between(&page, "Số người được tiếp cận, có xác nhận</th>", "</tr>");
        assert!(row.contains("<td class=\"n\">1 <span") && page.contains("(đã chốt)"), "{row}");
        // The closed period's own page is of now, and tells what changed.
        let page = desk.counted(&manager, own).await;
        assert!(tile(&page, "Số người được tiếp cận, có xác nhận").starts_with('2'), "{page}");
        assert!(page.contains("Điều chỉnh sau chốt") && page.contains("Kỳ này đã chốt cho tất cả chiến dịch"), "{page}");
        let whole = desk.page(&manager, "/reach?period=2026-09").await;
        assert!(tile(&whole, "Số người được tiếp cận, có xác nhận").starts_with('1'), "{whole}");
        desk.counted(&manager, "/periods/2026-09").await;
        // On paper: closed figures, with what changed told apart.
        let answer = desk.page(&manager, "/reach/answer?period=2026-09").await;
        assert!(answer.contains("Điều chỉnh sau chốt, không tính vào các số trên") && answer.contains("đã chốt lúc"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bills_stand_beside_the_figures_and_are_never_added() {
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &[sms(1, 1, State::Delivered)]).await;
        ground
            .execute(
                "DELETE FROM billed;
                 INSERT INTO billed (account, route, day, node, n, parts, price) VALUES (1, 17, '2026-10-05', 1, 1, 1, 300);
                 INSERT INTO billed (account, route, day, node, n, parts, price) VALUES (1, 17, '2026-10-06', 1, 7, 7, 2100);
                 INSERT INTO invoice (id, name, file_hash, day_from, day_to, accounts, tolerance, state, comment, imported_at, by_whom)
                 VALUES (1, 'a', 'a', '2026-10-05', '2026-10-05', '[\"viettel\"]', 0, 0, '', 0, '');
                 INSERT INTO invoice_line (invoice, account, carrier, day, parts, amount, state, comment, by_whom)
                 VALUES (1, 'viettel', 'viettel', '2026-10-05', 4321, 98765, 0, '', '')",
            )
            .await;
        let desk = Desk::open(&ground).await;
        let manager = desk.sign_in("Quản lý Mẫu", Role::Manager, &[]).await;
        let page = desk.counted(&manager, "/reach?period=2026-10").await;
        let bills = page.split("id=\"reported\"").nth(1).unwrap_or_else(|| panic!("{page}")).split("id=\"gaps\"").next().unwrap();
        for figure in ["4.321", "98.765", ">1</td>", ">300<"] {
            assert!(bills.contains(figure), "{figure}: {bills}");
        }
        assert!(!bills.contains("2.100") && tile(&page, "Chi phí (đồng)") == "300", "{page}");
        let page = desk.counted(&manager, "/reach?period=2026-10&campaign=nhan-dien").await;
        assert!(!page.contains("id=\"reported\""), "bills tell no campaigns apart");
    }
}

/// Two departments with a campaign each, and a manager each.
async fn two_departments(ground: &Ground) -> (Desk<'_>, Who, Who) {
    scene(ground).await;
    write(ground, &[sms(1, 1, State::Delivered), sms(1, 2, State::Accepted), sms(3, 3, State::Delivered)]).await;
    ground
        .execute("UPDATE definition SET body = replace(body, 'Sở Văn hóa, Thể thao và Du lịch', 'Sở Y tế') WHERE hash = 'h3'")
        .await;
    let actor = Actor { user: None, name: "thử".into(), from: None, via: Via::Command };
    let desk = Desk::open(ground).await;
    let culture = user::add_department(&ground.db, "Sở Văn hóa, Thể thao và Du lịch", &actor, 1).await.unwrap().unwrap();
    let health = user::add_department(&ground.db, "Sở Y tế", &actor, 1).await.unwrap().unwrap();
    let one = desk.sign_in("Người Văn hóa", Role::Manager, &[culture]).await;
    let other = desk.sign_in("Người Y tế", Role::Manager, &[health]).await;
    (desk, one, other)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_reads_or_closes_for_another_department() {
    for ground in grounds().await {
        let (desk, culture, health) = two_departments(&ground).await;
        desk.counted(&culture, "/reach?period=2026-10").await;
        for path in [
            "/reach",
            "/reach/answer",
            "/reach/rows",
            "/reach/export/bao-cao.csv",
            "/reach/export/bao-cao.xlsx",
            "/reach/export/bao-cao.docx",
        ] {
            let foreign = format!("{path}?period=2026-10&campaign=khac");
            assert_eq!(desk.get(&culture, &foreign).await.0, StatusCode::NOT_FOUND, "{foreign}");
        }
        for by in loa::report::Cut::ALL {
            let csv = desk.page(&culture, &format!("/reach/export/bao-cao.csv?period=2026-10&by={}", by.name())).await;
            let total: Vec<&str> = csv.lines().nth(1).unwrap().split(',').collect();
            assert!(total[3] == "2" && !csv.contains("khac"), "{}: {csv}", by.name());
        }
        assert!(
            desk.page(&culture, "/reach/answer?period=2026-10")
                .await
                .contains("các chiến dịch của Sở Văn hóa, Thể thao và Du lịch")
        );

        // Each closes for its own; neither can correct the other's, whatever number the form is made to carry.
        let page = desk.counted(&health, "/periods/2026-10").await;
        let seen = between(&page, "name=\"seen\" value=\"", "\"").to_string();
        assert_eq!(desk.post(&health, "/periods/2026-10/close", &[("seen", &seen)], &page).await.0, StatusCode::SEE_OTHER);
        let closed = ground.number("SELECT max(id) FROM closing").await.to_string();
        let page = desk.counted(&culture, "/periods/2026-10").await;
        assert!(!page.contains("Người Y tế") && page.contains("Chốt số liệu kỳ này"), "{page}");
        let seen = between(&page, "name=\"seen\" value=\"", "\"").to_string();
        let forged = [("seen", seen.as_str()), ("corrects", closed.as_str()), ("reason", "của tôi"), ("department", "Sở Y tế")];
        assert_eq!(desk.post(&culture, "/periods/2026-10/close", &forged, &page).await.0, StatusCode::CONFLICT);
        assert_eq!(ground.number("SELECT count(*) FROM closing").await, 1);
        for key in ["2026-13", "..%2f2026-10", "2026-10'--", "2026-10%00", "99999999999999999999"] {
            assert_eq!(desk.get(&culture, &format!("/periods/{key}")).await.0, StatusCode::NOT_FOUND, "{key}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_is_closed_once_however_many_nodes_are_asked_at_once() {
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &[sms(1, 1, State::Delivered)]).await;
        let (one, other) = (Desk::open(&ground).await, Desk::open(&ground).await);
        let manager = one.sign_in("Quản lý Mẫu", Role::Manager, &[]).await;
        let page = one.counted(&manager, "/periods/2026-10").await;
        let seen = between(&page, "name=\"seen\" value=\"", "\"").to_string();
        let form = [("seen", seen.as_str())];
        let path = "/periods/2026-10/close";
        let answers = tokio::join!(
            one.post(&manager, path, &form, &page),
            other.post(&manager, path, &form, &page),
            one.post(&manager, path, &form, &page),
            other.post(&manager, path, &form, &page),
        );
        let mut statuses = [answers.0.0, answers.1.0, answers.2.0, answers.3.0].map(|status| status.as_u16());
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 409, 409, 409]);
        assert_eq!(ground.number("SELECT count(*) FROM closing").await, 1);
        assert_eq!(ground.number("SELECT count(*) FROM audit WHERE action = 'period.close'").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_runs_in_a_spreadsheet() {
    for ground in grounds().await {
        scene(&ground).await;
        let title = "=HYPERLINK(0)";
        ground.execute(&format!("UPDATE definition SET body = replace(body, 'Nhận diện lừa đảo trực tuyến', '{title}')")).await;
        ground.execute("UPDATE membership SET grp = '@SUM(1)' WHERE recipient = 1").await;
        write(&ground, &[sms(1, 1, State::Delivered)]).await;
        let desk = Desk::open(&ground).await;
        let manager = desk.sign_in("Quản lý Mẫu", Role::Manager, &[]).await;
        desk.counted(&manager, "/reach?period=2026-10").await;
        for (by, cell) in [("campaign", ",'=HYPERLINK(0),"), ("group", ",'@SUM(1),'@SUM(1),")] {
            let csv = desk.page(&manager, &format!("/reach/export/bao-cao.csv?period=2026-10&by={by}")).await;
            assert!(csv.contains(cell), "{csv}");
        }
    }
}
