//! The pages of managers over HTTP: a period's figures, down to the rows; closing it; a bill; and whose figures one sees.

use std::sync::atomic::{AtomicU64, Ordering};

use loa::{
    audit::{Actor, Via},
    delivery::State,
    user::{self, Role},
    web,
};
use reqwest::{Client, StatusCode};

use super::{
    kept::{keeper, settle},
    scene, sms, write,
};
use crate::helpers::{
    Ground,
    console::{self, Console},
    grounds,
};

const SETTINGS: &str = "[office]\nname = \"Sở Mẫu\"\n[reporting]\nmonth_starts = 1\nweek_starts = \"monday\"\n";

/// The private side, and somebody who has signed in.
pub(super) struct Desk<'g> {
    ground: &'g Ground,
    pub(super) client: Client,
    pub(super) url: String,
}

/// A signed-in person's cookie.
pub(super) struct Who(pub(super) String);

impl<'g> Desk<'g> {
    pub(super) async fn open(ground: &'g Ground) -> Self {
        let console = Console::of(ground, &ground.clock, SETTINGS, &[], None).await;
        let (listener, url) = console::place().await;
        console::serve(listener, web::private(console.state));
        Self { ground, client: console::client(), url }
    }

    pub(super) async fn sign_in(&self, name: &str, role: Role, departments: &[i64]) -> Who {
        let (ground, now) = (self.ground, self.ground.clock.millis());
        Who(console::signed_in(&ground.db, &ground.seal, name, &[role], departments, now).await.1)
    }

    pub(super) async fn get(&self, who: &Who, path: &str) -> (StatusCode, String) {
        let request = self.client.get(format!("{}{path}", self.url)).header("cookie", &who.0).header("accept-language", "vi");
        let answer = request.send().await.unwrap();
        let status = answer.status();
        (status, String::from_utf8_lossy(&answer.bytes().await.unwrap()).into_owned())
    }

    /// The page, which must be there.
    pub(super) async fn page(&self, who: &Who, path: &str) -> String {
        let (status, text) = self.get(who, path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        text
    }

    /// The page as soon as its figures are counted.
    pub(super) async fn counted(&self, who: &Who, path: &str) -> String {
        static LATER: AtomicU64 = AtomicU64::new(1);
        let (mut keeper, _clock, hand) = keeper(self.ground);
        for _ in 0..200 {
            let page = self.page(who, path).await;
            if !["đang được đếm", "Đang đếm lại"].iter().any(|words| page.contains(words)) {
                return page;
            }
            // Later than whatever was counted before.
            hand.advance(std::time::Duration::from_mins(LATER.fetch_add(1, Ordering::Relaxed)));
            settle(&mut keeper).await;
            tokio::task::yield_now().await;
        }
        panic!("{path} is not counted");
    }

    pub(super) async fn post(&self, who: &Who, path: &str, form: &[(&str, &str)], page: &str) -> (StatusCode, String) {
        let token = page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let form: Vec<(&str, &str)> = std::iter::once(("csrf", token)).chain(form.iter().copied()).collect();
        let request = self.client.post(format!("{}{path}", self.url)).header("cookie", &who.0).header("origin", &self.url);
        let answer = request.form(&form).send().await.unwrap();
        let status = answer.status();
        (status, answer.text().await.unwrap())
    }
}

pub(super) fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    text.split(from).nth(1).and_then(|rest| rest.split(to).next()).unwrap_or_else(|| panic!("no {from} in {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_reads_a_period_down_to_its_rows_and_closes_it() {
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &[sms(1, 1, State::Delivered), sms(1, 2, State::Accepted), sms(3, 3, State::Delivered)]).await;
        let desk = Desk::open(&ground).await;
        let manager = desk.sign_in("Quản lý Mẫu", Role::Manager, &[]).await;
        let officer = desk.sign_in("Cán bộ Mẫu", Role::Officer, &[]).await;

        // Nobody counted yet: the page says so, and asks for it.
        let page = desk.page(&manager, "/reach?period=2026-10").await;
        assert!(page.contains("đang được đếm"), "{page}");
        let (mut keeper, ..) = keeper(&ground);
        for _ in 0..200 {
            settle(&mut keeper).await;
            if !desk.page(&manager, "/reach?period=2026-10").await.contains("đang được đếm") {
                break;
            }
            tokio::task::yield_now().await;
        }
        let page = desk.page(&manager, "/reach?period=2026-10").await;
        let row = between(&page, "Số người được tiếp cận, có xác nhận</th><td class=\"n\">", "</td>");
        assert_eq!(row, "2");
        assert!(
            page.contains("66,6 %") && page.contains("class=\"chart grid\"") && page.contains("class=\"chart bars\""),
            "{page}"
        );
        // Every cut, and the same figures as the command.
        for by in loa::report::Cut::ALL {
            desk.page(&manager, &format!("/reach?period=2026-10&by={}", by.name())).await;
        }
        let csv = desk.page(&manager, "/reach/export/bao-cao.csv?period=2026-10&by=campaign").await;
        let report = loa::report::report(
            &ground.db,
            &loa::report::Selection { from: "2026-10-01".parse().ok(), through: "2026-10-31".parse().ok(), ..Default::default() },
            Some(loa::report::Cut::Campaign),
            super::NOW,
        )
        .await
        .unwrap();
        let (total, relayed, lang) = (&report.total, report.relayed.as_ref(), loa::words::Lang::Vi);
        let counted = loa::report::paper::csv(total, report.by, &report.lines, relayed, lang).unwrap();
        assert_eq!(csv, String::from_utf8(counted).unwrap());
        for (file, start) in [("bao-cao.docx", "PK"), ("bao-cao.xlsx", "PK")] {
            assert!(desk.page(&manager, &format!("/reach/export/{file}?period=2026-10")).await.starts_with(start));
        }
        let answer = desk.page(&manager, "/reach/answer?period=2026-10").await;
        assert!(answer.contains("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM") && answer.contains("Sở Mẫu"), "{answer}");

        // Down to the rows: of one line, by outcome; nobody's address.
        let rows = desk.page(&manager, "/reach/rows?period=2026-10&by=campaign&line=nhan-dien").await;
        assert!(rows.contains("nd-001") && rows.contains("nd-002") && !rows.contains("nd-003"), "{rows}");
        let rows = desk.page(&manager, "/reach/rows?period=2026-10&fate=waiting").await;
        assert!(!rows.contains("nd-001") && rows.contains("nd-002"), "{rows}");

        // What is asked wrongly is told; what is not there is not.
        for (path, status) in [
            ("/reach?period=2026-Q9", StatusCode::UNPROCESSABLE_ENTITY),
            ("/reach?from=2026-99-01", StatusCode::UNPROCESSABLE_ENTITY),
            ("/reach?from=2026-10-02&through=2026-10-01", StatusCode::UNPROCESSABLE_ENTITY),
            ("/reach?campaign=khong-co", StatusCode::NOT_FOUND),
            ("/reach?area=77", StatusCode::NOT_FOUND),
            ("/periods/khong", StatusCode::NOT_FOUND),
            ("/reach/export/x.exe", StatusCode::NOT_FOUND),
        ] {
            assert_eq!(desk.get(&manager, path).await.0, status, "{path}");
        }

        // Closing: who may, and only what was seen.
        assert!(desk.page(&manager, "/periods?span=month").await.contains("Chưa chốt"));
        let page = desk.page(&manager, "/periods/2026-10").await;
        let seen = between(&page, "name=\"seen\" value=\"", "\"").to_string();
        assert!(!desk.page(&officer, "/periods/2026-10").await.contains("name=\"seen\""));
        let officers = desk.page(&officer, "/periods/2026-10").await;
        assert_eq!(desk.post(&officer, "/periods/2026-10/close", &[("seen", &seen)], &officers).await.0, StatusCode::FORBIDDEN);
        let (status, text) = desk.post(&manager, "/periods/2026-10/close", &[("seen", "1")], &page).await;
        assert!(status == StatusCode::CONFLICT && text.contains("đếm lại"), "{text}");
        let (status, text) = desk.post(&manager, "/periods/2026-10/close", &[("seen", &seen)], &page).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{text}");
        let page = desk.page(&manager, "/periods/2026-10").await;
        assert!(page.contains("Đã chốt") && page.contains("Quản lý Mẫu") && page.contains("Không có điều chỉnh"), "{page}");
        assert!(desk.page(&manager, "/reach?period=2026-10").await.contains("Đã chốt"));
        let recorded = "SELECT count(*) FROM audit WHERE action = 'period.close'";
        assert_eq!(ground.number(recorded).await, 1);
        let (status, text) = desk.post(&manager, "/periods/2026-10/close", &[("seen", &seen)], &page).await;
        assert!(status == StatusCode::CONFLICT && text.contains("đã chốt"), "{text}");
        let id = between(&page, "name=\"corrects\" value=\"", "\"").to_string();
        let (status, text) =
            desk.post(&manager, "/periods/2026-10/close", &[("seen", &seen), ("corrects", &id), ("reason", "")], &page).await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && text.contains("href=\"#reason\""), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn departments_see_their_own_figures_and_no_bills() {
    for ground in grounds().await {
        scene(&ground).await;
        write(&ground, &[sms(1, 1, State::Delivered), sms(3, 3, State::Delivered)]).await;
        // The other campaign is another department's.
        ground
            .execute("UPDATE definition SET body = replace(body, 'Sở Văn hóa, Thể thao và Du lịch', 'Sở Y tế') WHERE hash = 'h3'")
            .await;
        let actor = Actor { user: None, name: "thử".into(), from: None, via: Via::Command };
        let desk = Desk::open(&ground).await;
        let culture = user::add_department(&ground.db, "Sở Văn hóa, Thể thao và Du lịch", &actor, 1).await.unwrap().unwrap();
        user::add_department(&ground.db, "Sở Y tế", &actor, 1).await.unwrap().unwrap();
        let manager = desk.sign_in("Người Văn hóa", Role::Manager, &[culture]).await;
        let (mut keeper, ..) = keeper(&ground);
        let path = "/reach?period=2026-10";
        for _ in 0..200 {
            if !desk.page(&manager, path).await.contains("đang được đếm") {
                break;
            }
            settle(&mut keeper).await;
            tokio::task::yield_now().await;
        }
        let page = desk.page(&manager, path).await;
        assert_eq!(between(&page, "Số người cần tiếp cận</th><td class=\"n\">", "</td>"), "1");
        assert!(!page.contains("value=\"khac\""), "{page}");
        assert_eq!(desk.get(&manager, "/reach?period=2026-10&campaign=khac").await.0, StatusCode::NOT_FOUND);
        let rows = desk.page(&manager, "/reach/rows?period=2026-10").await;
        assert!(rows.contains("nd-001") && !rows.contains("nd-003"), "{rows}");
        assert_eq!(desk.get(&manager, "/reconcile").await.0, StatusCode::FORBIDDEN);
        let stranger = Who("loa=nobody".into());
        assert_eq!(desk.get(&stranger, path).await.0, StatusCode::SEE_OTHER);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_is_imported_compared_and_decided() {
    for ground in grounds().await {
        scene(&ground).await;
        ground
            .execute(
                "INSERT INTO billed (account, route, day, node, n, parts, price) VALUES (1, 17, '2026-10-01', 1, 90, 100, 30000);
                 INSERT INTO billed (account, route, day, node, n, parts, price) VALUES (1, 18, '2026-10-01', 1, 5, 5, 1750)",
            )
            .await;
        let desk = Desk::open(&ground).await;
        let manager = desk.sign_in("Quản lý Mẫu", Role::Manager, &[]).await;
        let page = desk.page(&manager, "/reconcile").await;
        let token = between(&page, "name=\"csrf\" value=\"", "\"").to_string();
        let send = async |text: &'static str| {
            let field = |head: &str, value: &str| format!("--loa\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n");
            let body = [
                field("name=\"csrf\"", &token),
                field("name=\"account\"", "viettel"),
                field("name=\"tolerance\"", "1"),
                field("name=\"file\"; filename=\"hoa-don.csv\"", text),
                "--loa--\r\n".to_string(),
            ];
            let request =
                desk.client.post(format!("{}/reconcile", desk.url)).header("cookie", &manager.0).header("origin", &desk.url);
            let request = request.header("content-type", "multipart/form-data; boundary=loa").body(body.concat());
            let answer = request.send().await.unwrap();
            (
                answer.status(),
                answer.headers().get("location").map(|to| to.to_str().unwrap().to_string()),
                answer.text().await.unwrap(),
            )
        };
        let (status, _, text) = send("ngay;nha mang;so tin;thanh tien\n01/10/2026;Viettel;ba;1\n").await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && text.contains("Dòng 2"), "{text}");
        let bill = "ngay;nha mang;so tin;thanh tien\n01/10/2026;Viettel;101;30.300\n01/10/2026;Mobi Fone;9;3.150\n";
        let (status, to, text) = send(bill).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{text}");
        let to = to.unwrap();
        assert_eq!(send(bill).await.0, StatusCode::UNPROCESSABLE_ENTITY, "the same file again");
        let page = desk.page(&manager, &to).await;
        // 101 of 100 is within 1 %; 9 of 5 is not.
        assert!(page.contains("MobiFone") && !page.contains(">Viettel<") && page.contains("<strong>1</strong>"), "{page}");
        let line = [("account", "viettel"), ("carrier", "mobifone"), ("day", "2026-10-01")];
        let path = format!("{to}/line");
        let with = |verdict: &'static str, comment: &'static str| {
            line.into_iter().chain([("verdict", verdict), ("comment", comment)]).collect::<Vec<_>>()
        };
        assert_eq!(desk.post(&manager, &path, &with("disputed", ""), &page).await.0, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(desk.post(&manager, &path, &with("disputed", "Tính thừa 4 tin"), &page).await.0, StatusCode::SEE_OTHER);
        assert_eq!(
            desk.post(&manager, &to, &[("verdict", "agreed"), ("comment", "")], &page).await.0,
            StatusCode::UNPROCESSABLE_ENTITY
        );
        assert_eq!(desk.post(&manager, &path, &with("agreed", "Đã giảm trừ"), &page).await.0, StatusCode::SEE_OTHER);
        assert_eq!(desk.post(&manager, &to, &[("verdict", "agreed"), ("comment", "")], &page).await.0, StatusCode::SEE_OTHER);
        let csv = desk.page(&manager, &format!("{to}/export.csv")).await;
        assert!(csv.contains("viettel,mobifone,2026-10-01,9,5,4,3150,1750,1400,false,agreed,Đã giảm trừ"), "{csv}");
        assert_eq!(ground.number("SELECT count(*) FROM audit WHERE action LIKE 'invoice.%'").await, 4);
        let stray = [("account", "viettel"), ("carrier", "itel"), ("day", "2026-10-01"), ("verdict", "agreed"), ("comment", "")];
        assert_eq!(desk.post(&manager, &path, &stray, &page).await.0, StatusCode::NOT_FOUND);
    }
}
