//! Days of the people who work with Loa: an officer's, an approver's, a manager's, an administrator's and a partner's, each through a real browser
//! against `loa serve`, with stand-ins for the gateways.

mod administrator;
mod approver;
mod manager;
mod officer;
mod orders;
mod partner;

use loa::sandbox::Behaviour;

use crate::helpers::{
    browser::{Browser, Role, Theme},
    office::Office,
};

/// An office in which everybody of these stories can sign in.
struct House {
    office: Office,
}

const OFFICER: &str = "can-bo@example.vn";
const APPROVER: &str = "lanh-dao@example.vn";
const MANAGER: &str = "quan-ly@example.vn";
const ADMINISTRATOR: &str = "quan-tri@example.vn";

impl House {
    /// So many people in the list; every account sends so many messages a second.
    async fn open(people: u64, rate: u32) -> Self {
        let mut office = Office::prepare_at(Behaviour::default(), rate).await;
        office.import(people);
        office.user(ADMINISTRATOR, "Võ Văn Trị", &["administrator"]);
        office.user(OFFICER, "Trần Thị Soạn", &["officer"]);
        office.user(APPROVER, "Lê Văn Duyệt", &["approver"]);
        office.user(MANAGER, "Phạm Thị Xem", &["manager"]);
        office.serve();
        Self { office }
    }

    /// Somebody at a desk.
    async fn desk(&self, who: &str) -> Browser {
        let browser = Browser::open().await;
        self.office.sign_in(&browser, who, &Office::password(who)).await;
        browser
    }

    /// Somebody with a phone on which no script runs.
    async fn phone(&self, who: &str) -> Browser {
        let browser = Browser::open().await;
        browser.look(390, Theme::Dark).await;
        browser.scripts(false).await;
        self.office.sign_in(&browser, who, &Office::password(who)).await;
        browser
    }

    async fn go(&self, browser: &Browser, path: &str) {
        browser.go(&format!("{}{path}", self.office.url)).await;
    }

    /// Nothing was lost or doubled, and the record of who did what holds together.
    fn close(self) {
        self.office.loa(&["verify"]);
        self.office.loa(&["audit", "verify"]);
    }
}

/// What kind of file this is called.
fn kind(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or_default()
}

/// Opens a section by its name, out of the folded menu where the window is narrow.
async fn section(browser: &Browser, name: &str) {
    if !browser.has(Role::Link, name).await {
        browser.unfold("Danh mục").await;
    }
    browser.follow(name).await;
}

/// Approves what waits under a title, on a phone.
async fn approve(house: &House, phone: &Browser, title: &str, comment: &str) {
    house.go(phone, "/").await;
    section(phone, "Phê duyệt").await;
    phone.follow(title).await;
    phone.sees("Lời nhắn").await;
    if !comment.is_empty() {
        phone.fill("Ý kiến (bắt buộc khi trả lại)", comment).await;
    }
    phone.press("Phê duyệt").await;
    phone.sees("Đã phê duyệt").await;
}
