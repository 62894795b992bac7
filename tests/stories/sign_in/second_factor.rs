//! Codes beside the password.

use std::time::Duration;

use loa::user::{Role, second_factor};
use reqwest::StatusCode;

use super::desk::{Browser, Desk, PASSWORD};

/// Turns the second factor on; its key and recovery codes.
async fn enrolled(desk: &Desk, browser: &Browser) -> (second_factor::Key, Vec<String>) {
    let page = browser.get("/me/two-factor").await;
    assert!(page.text.contains("<svg role=\"img\""), "{}", page.text);
    let key = second_factor::Key::read(page.between("<code>", "</code>")).unwrap();
    let (token, carried) = (page.token().to_string(), page.between("name=\"key\" value=\"", "\"").to_string());
    let now = second_factor::step_of(desk.clock.millis());
    let wrong = browser.post_with("/me/two-factor", &token, &[("key", &carried), ("code", &key.code(now + 9))], &[]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = browser.post_with("/me/two-factor", &token, &[("key", &carried), ("code", &key.code(now))], &[]).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
    let codes = done.text.split("<li><code>").skip(1).map(|rest| rest.split_once('<').unwrap().0.to_string()).collect();
    (key, codes)
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_each_code_is_good_once() {
    for desk in Desk::all().await {
        desk.user("an@example.vn", &[Role::Administrator]).await;
        let (key, codes) = enrolled(&desk, &desk.signed_in("an@example.vn").await).await;
        assert_eq!(codes.len(), 10);
        let code = |desk: &Desk| key.code(second_factor::step_of(desk.clock.millis()));
        let used = code(&desk);
        let browser = desk.signed_in("an@example.vn").await;
        assert_eq!(browser.get("/users").await.location, "/sign-in/code?next=%2Fusers", "half a session opens nothing");
        let half = browser.cookies.lock().unwrap()["loa"].clone();
        let again = browser.post("/sign-in/code", &[("code", &used)]).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "the step that turned it on is used up");
        desk.hands.advance(Duration::from_secs(30));
        let done = browser.post("/sign-in/code", &[("code", &code(&desk)), ("next", "/users")]).await;
        assert_eq!((done.status, done.location.as_str()), (StatusCode::SEE_OTHER, "/users"));
        assert_eq!(browser.get("/users").await.status, StatusCode::OK);
        assert_ne!(browser.cookies.lock().unwrap()["loa"], half, "the half session's secret opens nothing more");

        let lost = desk.signed_in("an@example.vn").await;
        let done = lost.post("/sign-in/code", &[("code", &codes[0])]).await;
        assert_eq!((done.status, done.location.as_str()), (StatusCode::SEE_OTHER, "/me"));
        let again = desk.signed_in("an@example.vn").await;
        assert_eq!(again.post("/sign-in/code", &[("code", &codes[0])]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        for _ in 0..6 {
            again.post("/sign-in/code", &[("code", "000000")]).await;
        }
        assert_eq!(again.post("/sign-in/code", &[("code", &codes[1])]).await.status, StatusCode::TOO_MANY_REQUESTS);
        let off = lost.post_from("/me/two-factor", "/me/two-factor/off", &[("current", "sai")]).await;
        assert_eq!(off.status, StatusCode::UNPROCESSABLE_ENTITY);
        let off = lost.post_from("/me/two-factor", "/me/two-factor/off", &[("current", PASSWORD)]).await;
        assert_eq!(off.status, StatusCode::SEE_OTHER);
        desk.signed_in("an@example.vn").await.get("/users").await;
    }
}

#[tokio::test]
async fn a_code_is_worth_nothing_once_its_half_session_is_over() {
    for desk in Desk::all().await {
        let user = desk.user("an@example.vn", &[Role::Officer]).await;
        let whole = desk.signed_in("an@example.vn").await;
        let elsewhere = desk.signed_in("an@example.vn").await;
        let (key, codes) = enrolled(&desk, &whole).await;
        assert_eq!(elsewhere.get("/me").await.status, StatusCode::SEE_OTHER, "it began without a code");
        assert_eq!(whole.get("/me").await.status, StatusCode::OK);
        desk.hands.advance(Duration::from_secs(30));
        // Two copies of one half session at once, each with a code that is right: one of them becomes a whole one.
        let half = desk.signed_in("an@example.vn").await;
        let copy = desk.browser();
        *copy.cookies.lock().unwrap() = half.cookies.lock().unwrap().clone();
        let token = half.get("/sign-in/code").await.token().to_string();
        let code = key.code(second_factor::step_of(desk.clock.millis()));
        let (by_code, by_recovery) = ([("code", code.as_str())], [("code", codes[0].as_str())]);
        let (one, other) = tokio::join!(
            half.post_with("/sign-in/code", &token, &by_code, &[]),
            copy.post_with("/sign-in/code", &token, &by_recovery, &[]),
        );
        let mut ways = [one.location, other.location];
        ways.sort();
        assert!(ways == ["/", "/sign-in"] || ways == ["/me", "/sign-in"], "{ways:?}");
        // Nor does a half session outlive its password.
        let half = desk.signed_in("an@example.vn").await;
        let token = half.get("/sign-in/code").await.token().to_string();
        let hash = loa::user::password::hash("một câu khác hẳn dài", &desk.ground.seal).await.unwrap();
        let actor = loa::audit::Actor::command("test");
        loa::user::password::change(&desk.ground.db, &user, &hash, None, &actor, desk.clock.millis()).await.unwrap();
        let late = half.post_with("/sign-in/code", &token, &[("code", codes[1].as_str())], &[]).await;
        assert_eq!(late.location, "/sign-in");
        assert_eq!(half.get("/me").await.status, StatusCode::SEE_OTHER);
    }
}
