//! What one does about oneself: the password, sessions elsewhere, tokens for programs.

use std::time::Duration;

use loa::user::Role;
use reqwest::StatusCode;

use super::desk::{Desk, PASSWORD};

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    for desk in Desk::all().await {
        desk.user("an@example.vn", &[Role::Officer]).await;
        let (here, there) = (desk.signed_in("an@example.vn").await, desk.signed_in("an@example.vn").await);
        let change = async |current: &str, password: &str, again: &str| {
            here.post("/me/password", &[("current", current), ("password", password), ("again", again)]).await
        };
        for (current, password, again, says) in [
            ("sai", "một câu khác hẳn dài", "một câu khác hẳn dài", "Mật khẩu hiện tại không đúng"),
            (PASSWORD, "ngắn", "ngắn", "ít nhất 12 ký tự"),
            (PASSWORD, "một câu khác hẳn dài", "một câu khác hẳn", "không giống nhau"),
        ] {
            let answer = change(current, password, again).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
            assert!(answer.text.contains(says), "{says}: {}", answer.text);
            assert!(!answer.text.contains("khác hẳn"), "a password is never shown again");
        }
        here.post("/me/tokens", &[("name", "Báo cáo"), ("right", "read_reach"), ("ends", "2026-12-31")]).await;
        let answer = change(PASSWORD, "một câu khác hẳn dài", "một câu khác hẳn dài").await;
        assert_eq!((answer.status, answer.location.as_str()), (StatusCode::SEE_OTHER, "/me"));
        let page = here.get("/me").await;
        assert!(page.text.contains("Đã đổi mật khẩu"), "{}", page.text);
        assert!(page.text.contains("1 mã truy cập API của bạn vẫn dùng được"), "{}", page.text);
        assert!(!here.get("/me").await.text.contains("Đã đổi mật khẩu"), "it is said once");
        assert_eq!(there.get("/me").await.status, StatusCode::SEE_OTHER);
        desk.hands.advance(Duration::from_mins(61));
        assert_eq!(here.get("/me").await.status, StatusCode::SEE_OTHER, "an hour without a request");
    }
}

#[tokio::test]
async fn one_ends_ones_sessions_elsewhere() {
    for desk in Desk::all().await {
        desk.user("an@example.vn", &[Role::Officer]).await;
        desk.user("binh@example.vn", &[Role::Officer]).await;
        let (here, there, other) = (
            desk.signed_in("an@example.vn").await,
            desk.signed_in("an@example.vn").await,
            desk.signed_in("binh@example.vn").await,
        );
        // Sessions are numbered as they began; another's is not there for one.
        assert_eq!(here.post_from("/me", "/me/sessions/3/end", &[]).await.status, StatusCode::NOT_FOUND);
        assert_eq!(here.post_from("/me", "/me/sessions/2/end", &[]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(there.get("/me").await.status, StatusCode::SEE_OTHER);
        assert_eq!((here.get("/me").await.status, other.get("/me").await.status), (StatusCode::OK, StatusCode::OK));
    }
}

#[tokio::test]
async fn a_token_is_made_shown_once_and_revoked() {
    for desk in Desk::all().await {
        let user = desk.user("an@example.vn", &[Role::Manager]).await;
        let browser = desk.signed_in("an@example.vn").await;
        let wrong = browser.post("/me/tokens", &[("name", ""), ("right", "approve"), ("ends", "2020-01-01")]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(wrong.text.contains("Chọn ít nhất một quyền"), "a right that one does not have is none");
        let fields = [("name", "Báo cáo"), ("right", "read_reach"), ("right", "manage_users"), ("ends", "2026-12-31")];
        let made = browser.post("/me/tokens", &fields).await;
        let secret = made.between("<code>loa_", "<").to_string();
        let secret = format!("loa_{secret}");
        assert!(!browser.get("/me/tokens").await.text.contains(&secret));
        let find = async || loa::user::api_token::find(&desk.ground.db, &secret, desk.clock.millis()).await.unwrap();
        let bearer = find().await.unwrap();
        assert_eq!(bearer.user.rights.iter().map(loa::user::Right::name).collect::<Vec<_>>(), ["read_reach"]);
        assert_eq!(bearer.user.id, user.id);
        assert_eq!(browser.post_from("/me/tokens", "/me/tokens/1/revoke", &[]).await.status, StatusCode::SEE_OTHER);
        assert_eq!(find().await, None);
    }
}
