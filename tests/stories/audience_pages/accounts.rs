//! Accounts are looked at by some, and tested and paused by others.

use loa::user::Role;
use reqwest::StatusCode;

use super::Console;
use crate::helpers::grounds;

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_tested_and_paused_with_a_reason() {
    for ground in grounds().await {
        let console = Console::open(ground).await;
        let administrator = console.sign_in("an", &[Role::Administrator], &[]).await;
        let (status, text) = administrator.get("/accounts").await;
        assert!(status == StatusCode::OK && text.contains("kannel") && text.contains("thu"), "{text}");
        assert!(administrator.get("/gateways").await.1.contains("esms"));
        let bad = administrator.post("/accounts/kannel/send", &[("to", "mau@example.vn"), ("text", "Thu")]).await;
        assert!(bad.0 == StatusCode::UNPROCESSABLE_ENTITY && bad.2.contains("ghi một số di động"), "{}", bad.2);
        let (status, ..) = administrator.post("/accounts/kannel/send", &[("to", "0901234567"), ("text", "Tin thu")]).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        let taken = console.sandbox.taken();
        assert_eq!((taken.len(), taken[0].text.as_str()), (1, "Tin thu"));
        let (_, text) = administrator.get("/accounts/kannel").await;
        assert!(text.contains("tin thử") && !text.contains("901234567"), "{text}");
        assert!(text.contains("otp") && text.contains("2026-11-20"), "its wording: {text}");

        let (status, _, text) = administrator.post("/accounts/kannel/pause", &[("why", "")]).await;
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && text.contains("Ghi lý do dừng"), "{text}");
        assert_eq!(administrator.post("/accounts/kannel/pause", &[("why", "đổi hợp đồng")]).await.0, StatusCode::SEE_OTHER);
        let (status, ..) = administrator.post("/accounts/kannel/send", &[("to", "0901234567"), ("text", "Tin thu")]).await;
        assert_eq!(status, StatusCode::CONFLICT, "it is paused");
        assert_eq!(console.sandbox.taken().len(), 1);
        assert!(administrator.get("/accounts/kannel").await.1.contains("an: đổi hợp đồng"));
        assert_eq!(administrator.post("/accounts/kannel/resume", &[]).await.0, StatusCode::SEE_OTHER);
        assert_eq!(administrator.post("/accounts/kannel/resume", &[]).await.0, StatusCode::CONFLICT);
        // Twenty tests in an hour.
        console
            .ground
            .execute(&"INSERT INTO account_test (account, by_whom, at, kind, ok, said) SELECT account, by_whom, at, kind, ok, said FROM account_test;".repeat(5))
            .await;
        assert_eq!(administrator.post("/accounts/kannel/test", &[]).await.0, StatusCode::TOO_MANY_REQUESTS);
        let actions: Vec<String> = console.audited().await.into_iter().map(|(action, _)| action).collect();
        for action in ["account.test_send", "account.pause", "account.resume"] {
            assert!(actions.iter().any(|one| one == action), "{action}: {actions:?}");
        }
        // An officer looks, and acts on nothing.
        let officer = console.sign_in("lan", &[Role::Officer], &[]).await;
        assert!(!officer.get("/accounts/kannel").await.1.contains("/accounts/kannel/pause"));
        assert_eq!(officer.post("/accounts/kannel/pause", &[("why", "x")]).await.0, StatusCode::FORBIDDEN);
    }
}
