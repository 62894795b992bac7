//! A small `OpenID` provider on loopback. It signs with a key of its own, and says what the test wants it to say.

use std::sync::{Arc, Mutex};

use axum::{
    Form, Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};

use crate::helpers::console;

/// What the next ID token says beside what every one says; null takes a claim away.
#[derive(Clone, Default)]
pub struct Said {
    pub claims: Vec<(&'static str, Value)>,
    pub challenge: String,
}

pub struct Provider {
    pub issuer: String,
    pub said: Arc<Mutex<Said>>,
}

#[derive(Clone)]
struct Shared {
    issuer: String,
    key: Arc<Vec<u8>>,
    said: Arc<Mutex<Said>>,
}

fn pair(shared: &Shared) -> EcdsaKeyPair {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &shared.key, &SystemRandom::new()).unwrap()
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

async fn about(State(shared): State<Shared>) -> Json<Value> {
    let issuer = &shared.issuer;
    Json(json!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"), "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"), "token_endpoint_auth_methods_supported": ["client_secret_basic"],
    }))
}

async fn keys(State(shared): State<Shared>) -> Json<Value> {
    let pair = pair(&shared);
    let point = pair.public_key().as_ref();
    let other = json!({ "kty": "EC", "kid": "other", "crv": "P-999", "x": "AA", "y": "AA" });
    Json(
        json!({ "keys": [other, { "kty": "EC", "kid": "k", "use": "sig", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..]) }] }),
    )
}

async fn token(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Form(fields): Form<std::collections::BTreeMap<String, String>>,
) -> Result<Json<Value>, StatusCode> {
    let said = shared.said.lock().unwrap().clone();
    let basic = base64::engine::general_purpose::STANDARD.encode("loa:not-a-secret");
    let proven = encode(digest(&SHA256, fields["code_verifier"].as_bytes())) == said.challenge;
    if headers["authorization"] != format!("Basic {basic}") || fields["code"] != "the-code" || !proven {
        return Err(StatusCode::BAD_REQUEST);
    }
    let mut claims = json!({
        "iss": shared.issuer, "aud": "loa", "sub": "42", "email": "an@example.vn", "email_verified": true,
        "iat": 1_793_588_400, "exp": 1_793_588_700,
    });
    for (name, value) in said.claims {
        claims[name] = value;
    }
    let signed = format!("{}.{}", encode(json!({ "alg": "ES256", "kid": "k" }).to_string()), encode(claims.to_string()));
    let proof = pair(&shared).sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    Ok(Json(json!({ "access_token": "x", "token_type": "Bearer", "id_token": format!("{signed}.{}", encode(proof)) })))
}

impl Provider {
    pub async fn start() -> Self {
        let (listener, issuer) = console::place().await;
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let said = Arc::default();
        let shared = Shared { issuer: issuer.clone(), key: Arc::new(key.as_ref().to_vec()), said: Arc::clone(&said) };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(about))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(shared);
        console::serve(listener, router);
        Self { issuer, said }
    }
}
