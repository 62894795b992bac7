//! One signs in and out; whoever guesses learns nothing.

use std::time::Duration;

use loa::{
    audit::{self, Filter},
    user::Role,
};
use reqwest::StatusCode;

use super::desk::{Answer, Desk, PASSWORD};

async fn actions(desk: &Desk) -> Vec<String> {
    let entries = audit::list(&desk.ground.db, &Filter::default(), None, 100).await.unwrap();
    entries.into_iter().rev().map(|entry| format!("{} {}", entry.action, entry.subject)).collect()
}

#[tokio::test]
async fn one_signs_in_goes_where_one_wanted_and_signs_out() {
    for desk in Desk::all().await {
        desk.user("an@example.vn", &[Role::Administrator]).await;
        let browser = desk.browser();
        let turned = browser.get("/users?sort=name").await;
        assert_eq!((turned.status, turned.location.as_str()), (StatusCode::SEE_OTHER, "/sign-in?next=%2Fusers%3Fsort%3Dname"));
        let before = browser.get(&turned.location).await;
        assert_eq!(before.between("name=\"next\" value=\"", "\""), "/users?sort=name".replace('/', "&#x2f;"));
        let answer = browser.post(&turned.location, &[]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "a form without its fields");
        let fields = [("email", " An@Example.vn "), ("password", PASSWORD), ("next", "/users?sort=name")];
        let answer = browser.post("/sign-in", &fields).await;
        assert_eq!((answer.status, answer.location.as_str()), (StatusCode::SEE_OTHER, "/users?sort=name"));
        let page = browser.get("/users").await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.text.contains("Người an") && page.text.contains("an@example.vn"), "{}", page.text);
        assert_eq!(browser.get("/sign-in?next=//evil.example.com").await.location, "/", "signed in already");
        let out = browser.post_from("/me", "/sign-out", &[]).await;
        assert_eq!((out.status, out.location.as_str()), (StatusCode::SEE_OTHER, "/sign-in"));
        assert_eq!(browser.get("/users").await.status, StatusCode::SEE_OTHER);
        assert!(actions(&desk).await.contains(&"user.sign-in an@example.vn".to_string()));
    }
}

#[tokio::test]
async fn whoever_guesses_learns_nothing_and_waits() {
    for desk in Desk::all().await {
        desk.user("an@example.vn", &[Role::Officer]).await;
        let browser = desk.browser();
        let of = async |email: &str, password: &str| browser.post("/sign-in", &[("email", email), ("password", password)]).await;
        let plain = |answer: &Answer, email: &str| {
            answer.text.replace(answer.token(), "").replace(&email.replace('@', "&#x40;"), "").replace(email, "")
        };
        let (known, unknown) = (of("an@example.vn", "sai").await, of("ai@example.vn", "sai").await);
        assert_eq!(known.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(plain(&known, "an@example.vn"), plain(&unknown, "ai@example.vn"), "the same words");
        for _ in 0..5 {
            of("an@example.vn", "sai").await;
            of("ai@example.vn", "sai").await;
        }
        let (known, unknown) = (of("an@example.vn", PASSWORD).await, of("ai@example.vn", PASSWORD).await);
        assert_eq!((known.status, unknown.status), (StatusCode::TOO_MANY_REQUESTS, StatusCode::TOO_MANY_REQUESTS));
        assert_eq!(plain(&known, "an@example.vn"), plain(&unknown, "ai@example.vn"));
        desk.hands.advance(Duration::from_secs(31));
        assert_eq!(of("an@example.vn", PASSWORD).await.status, StatusCode::SEE_OTHER);
    }
}
