//! Signing in by a provider who knows people already.

use std::collections::BTreeMap;

use chrono::{TimeZone as _, Utc};
use loa::user::Role;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{
    desk::{Answer, Browser, Desk},
    provider::{Provider, Said},
};
use crate::helpers::grounds;

/// A desk at which one signs in by the provider.
async fn with_provider() -> (Desk, Provider) {
    let ground = grounds().await.remove(0);
    let provider = Provider::start().await;
    let settings = format!(
        "[sign_in]\nurl = \"{{url}}\"\n[sign_in.oidc]\nname = \"Cổng dịch vụ\"\nissuer = \"{}\"\nclient_id = \"loa\"\nclient_secret = {{ env = \"OIDC_SECRET\" }}\n",
        provider.issuer
    );
    let desk = Desk::open(ground, &settings).await;
    desk.hands.set(Utc.timestamp_opt(1_793_588_400, 0).unwrap());
    (desk, provider)
}

/// Goes to the provider and comes back with what it says; `changed` are claims that are not as they should be.
async fn round(browser: &Browser, provider: &Provider, changed: &[(&'static str, Value)]) -> Answer {
    let off = browser.get("/sign-in/oidc?next=/me/tokens").await;
    let (endpoint, query) = off.location.split_once('?').unwrap();
    assert_eq!(endpoint, format!("{}/authorize", provider.issuer));
    let asked: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    assert_eq!((asked["code_challenge_method"].as_str(), asked["scope"].as_str()), ("S256", "openid email profile"));
    let mut claims = vec![("nonce", json!(asked["nonce"]))];
    claims.extend(changed.iter().cloned());
    *provider.said.lock().unwrap() = Said { claims, challenge: asked["code_challenge"].clone() };
    browser.get(&format!("{}?code=the-code&state={}", asked["redirect_uri"], asked["state"])).await
}

#[tokio::test]
async fn one_signs_in_by_the_provider_that_knows_ones_address() {
    let (desk, provider) = with_provider().await;
    desk.user("an@example.vn", &[Role::Manager]).await;
    let browser = desk.browser();
    assert!(browser.get("/sign-in").await.text.contains("Cổng dịch vụ"));
    let back = round(&browser, &provider, &[]).await;
    assert_eq!((back.status, back.location.as_str()), (StatusCode::SEE_OTHER, "/me/tokens"), "{}", back.text);
    assert_eq!(browser.get("/me/tokens").await.status, StatusCode::OK);
    // From now on it is the provider's number that counts.
    let moved = round(&desk.browser(), &provider, &[("email", json!("elsewhere@example.com"))]).await;
    assert_eq!(moved.status, StatusCode::SEE_OTHER);
    let other = round(&desk.browser(), &provider, &[("sub", json!("43"))]).await;
    assert_eq!(other.status, StatusCode::FORBIDDEN, "another account with the same address");
    for (changed, status) in [
        (("nonce", json!("x")), StatusCode::UNPROCESSABLE_ENTITY),
        (("aud", json!("other")), StatusCode::UNPROCESSABLE_ENTITY),
        (("iss", json!("https://evil.example.com")), StatusCode::UNPROCESSABLE_ENTITY),
        (("exp", json!(1_793_588_000)), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        assert_eq!(round(&desk.browser(), &provider, std::slice::from_ref(&changed)).await.status, status, "{changed:?}");
    }
    // An answer that another browser fetched, and one for nobody's question.
    let off = desk.browser();
    off.get("/sign-in/oidc").await;
    let stolen = off.get("/sign-in/oidc/back?code=the-code&state=x").await;
    assert_eq!(stolen.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(desk.browser().get("/sign-in/oidc/back?code=the-code&state=x").await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_provider_lets_nobody_in_who_was_not_invited() {
    let (desk, provider) = with_provider().await;
    desk.user("binh@example.vn", &[Role::Manager]).await;
    assert_eq!(round(&desk.browser(), &provider, &[]).await.status, StatusCode::FORBIDDEN);
    let unverified = [("email", json!("binh@example.vn")), ("email_verified", json!(false))];
    assert_eq!(round(&desk.browser(), &provider, &unverified).await.status, StatusCode::FORBIDDEN);
    assert_eq!(round(&desk.browser(), &provider, &unverified[..1]).await.status, StatusCode::SEE_OTHER);
}
