//! Every page as people meet it: in both themes, on a phone and on a desk, by keyboard, without script. axe-core finds nothing.

use loa::{dispatch::unsubscribe_token, sandbox::Behaviour};
use providers::Channel;

use crate::helpers::{
    browser::{Browser, Theme, WIDTHS},
    office::Office,
};

/// The narrowest window in which everything must be readable without pushing it sideways (WCAG 2.2, 1.4.10).
const NARROWEST: u32 = 320;

/// Looks at the page that is open, in every way. `name` is what its pictures are called.
async fn look_at(browser: &Browser, name: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for width in WIDTHS {
        for theme in Theme::ALL {
            browser.look(width, theme).await;
            browser.shoot(&format!("{name}-{}-{width}", theme.name())).await;
            wrong.extend(browser.axe().await.into_iter().map(|one| format!("{} {width}: {one}", theme.name())));
        }
    }
    browser.look(NARROWEST, Theme::Light).await;
    wrong.extend(browser.sticks_out().await);
    browser.look(WIDTHS[1], Theme::Light).await;
    wrong.extend(browser.tab_walk().await);
    wrong.extend(browser.complaints().await.into_iter().map(|one| format!("the browser complains: {one}")));
    wrong.into_iter().map(|one| format!("{name}: {one}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_public_sees_is_open_to_everybody() {
    let mut office = Office::prepare(Behaviour::default()).await;
    office.import(30);
    office.serve();
    let seal = office.seal().await;
    let browser = Browser::open().await;
    let mut wrong = Vec::new();
    browser.go(&format!("{}/u/{}", office.url, unsubscribe_token(&seal, Channel::Sms, 42))).await;
    wrong.extend(look_at(&browser, "unsubscribe").await);
    browser.choose("Ngừng mọi tin").await;
    browser.press("Ngừng nhận tin").await;
    browser.sees("Đã ghi nhận lựa chọn của quý vị.").await;
    wrong.extend(look_at(&browser, "unsubscribed").await);
    browser.follow("English").await;
    browser.sees("Nothing is sent to you by SMS").await;
    browser.go(&format!("{}/u/broken", office.url)).await;
    wrong.extend(look_at(&browser, "notice").await);
    browser.go(&format!("{}/?lang=vi&refresh=off", office.url)).await;
    wrong.extend(look_at(&browser, "status-empty").await);
    office.loa(&["send", "nhan-dien-lua-dao"]);
    browser.sees_in_time("Nhận diện").await;
    wrong.extend(look_at(&browser, "status").await);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
