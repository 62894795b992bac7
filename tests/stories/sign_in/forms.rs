//! A form is taken from its own page alone.

use loa::{
    audit::Actor,
    bulletin, on,
    outlet::{Kind, Way},
    relay::{By, Eyes, hand, make::Run},
    user::Role,
};
use reqwest::StatusCode;

use super::desk::{Desk, PASSWORD};
use crate::helpers::{
    grounds,
    orders::{self, written},
    routes::routes,
};

#[tokio::test]
async fn a_form_of_another_site_changes_nothing() {
    for desk in Desk::all().await {
        desk.user("an@example.vn", &[Role::Officer]).await;
        let browser = desk.signed_in("an@example.vn").await;
        let token = browser.get("/me").await.token().to_string();
        let other = desk.signed_in("an@example.vn").await.get("/me").await.token().to_string();
        let fields = [("name", "Kẻ khác"), ("theme", "dark"), ("lang", "")];
        let send = async |token: &str, headers: &[(&str, &str)]| browser.post_with("/me", token, &fields, headers).await.status;
        assert_eq!(send("", &[]).await, StatusCode::FORBIDDEN);
        assert_eq!(send(&other, &[]).await, StatusCode::FORBIDDEN, "a token belongs to its session");
        assert_eq!(send(&token, &[("sec-fetch-site", "cross-site")]).await, StatusCode::FORBIDDEN);
        assert_eq!(send(&token, &[("sec-fetch-site", "same-site")]).await, StatusCode::FORBIDDEN);
        assert_eq!(send(&token, &[("origin", "https://evil.example.com")]).await, StatusCode::FORBIDDEN);
        assert!(!browser.get("/me").await.text.contains("Kẻ khác"));
        assert_eq!(send(&token, &[("sec-fetch-site", "same-origin")]).await, StatusCode::SEE_OTHER);
        let page = browser.get("/me").await.text;
        assert!(page.contains("Kẻ khác") && page.contains("data-theme=\"dark\""), "{page}");
        // Nor does one sign in by another site's form.
        let stranger = desk.browser();
        let signed_in = stranger.post_with("/sign-in", "x", &[("email", "an@example.vn"), ("password", PASSWORD)], &[]).await;
        assert_eq!(signed_in.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn no_address_takes_a_form_without_its_pages_token() {
    let desk = Desk::open(grounds().await.remove(0), "").await;
    let user = desk.user("an@example.vn", &Role::ALL).await;
    // Else a partner's pages would turn the user away before they look at a form.
    let (db, seal, now) = (&desk.ground.db, &desk.ground.seal, desk.clock.millis());
    let viettel = orders::add(db, seal, written("viettel", Kind::Carrier, Way::Hand), now).await;
    orders::acts_for(db, user.id, Some("viettel"), now).await;
    // And with an order or a bulletin that is not there nobody does anything, with a token or without.
    let run = Run { run: 1, campaign: "ma-otp", owner: "" };
    let made = orders::ask(db, run, "Lan", &[(viettel, orders::content(Kind::Carrier, now))], now).await;
    let by = By { actor: &Actor::command("Lan"), eyes: Eyes::All, now };
    hand::by_hand(db, made[0], "công văn", &by).await.unwrap().unwrap();
    let of = "SELECT identifier FROM relay_order";
    let order: String = on!(db.read, |pool, _sql| sqlx::query_scalar(of).fetch_one(pool).await).unwrap();
    let read = bulletin::paste::read("Giả danh điện lực".as_bytes(), "", "Công an tỉnh", None, now).unwrap();
    let brought = bulletin::paste::take(db, ("Sở Mẫu", "Công an tỉnh"), &read, &["sms"], &Actor::command("test"), now).await;
    assert_eq!(brought.unwrap().len(), 1);
    let browser = desk.signed_in("an@example.vn").await;
    let addresses = routes("src/web/console", "post");
    assert!(addresses.len() > 50, "{addresses:?}");
    for address in addresses {
        let path: String = address
            .split('{')
            .enumerate()
            .map(|(n, part)| {
                let (name, rest) = part.split_once('}').unwrap_or((part, part));
                let value = if name == "identifier" { &*order } else { "1" };
                if n == 0 { part.to_string() } else { format!("{value}{rest}") }
            })
            .collect();
        let mut answer = browser.post_with(&path, "", &[], &[]).await;
        if answer.status == StatusCode::BAD_REQUEST {
            // A form with files.
            answer = browser.post_parts(&path).await;
        }
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}: {}", answer.text);
        assert!(answer.text.contains("Trang này đã cũ"), "{path}: {}", answer.text);
    }
}
