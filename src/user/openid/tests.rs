use ring::{
    rand::SystemRandom,
    rsa::KeyPair as RsaKeyPair,
    signature::{self as made, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_800_000_000;

fn settings() -> OpenId {
    OpenId {
        issuer: "https://login.example.vn".to_string(),
        client_id: "loa".to_string(),
        client_secret: "not-a-secret".into(),
        name: "Test".to_string(),
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn claims() -> Value {
    json!({
        "iss": "https://login.example.vn", "sub": "42", "aud": "loa", "exp": NOW + 300, "iat": NOW, "nonce": "n",
        "email": "An@Example.VN", "email_verified": true,
    })
}

/// A key that signs, and what a provider publishes of it.
struct Signer {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    jwk: Jwk,
}

impl Signer {
    fn new(kid: &str) -> Self {
        let random = SystemRandom::new();
        let how = &made::ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(how, document.as_ref(), &random).unwrap();
        let point = pair.public_key().as_ref().to_vec();
        let jwk = json!({ "kty": "EC", "kid": kid, "use": "sig", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..]) });
        Self { pair, random, jwk: serde_json::from_value(jwk).unwrap() }
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let proof = self.pair.sign(&self.random, signed.as_bytes()).unwrap();
        format!("{signed}.{}", encode(proof.as_ref()))
    }
}

fn judged(token: &str, keys: &[Jwk]) -> std::result::Result<Identity, String> {
    verify_token(token, keys, &settings(), "n", NOW).map_err(|error| error.to_string())
}

#[test]
fn a_token_that_the_provider_signed_names_somebody() {
    let signer = Signer::new("a");
    let token = signer.token(&json!({ "alg": "ES256", "kid": "a" }), &claims());
    let identity = judged(&token, &[Signer::new("b").jwk, signer.jwk.clone()]).unwrap();
    let subject = "https://login.example.vn 42".to_string();
    assert_eq!(identity, Identity { subject, email: Some("an@example.vn".to_string()) });
}

#[test]
fn an_address_counts_only_if_the_provider_verified_it() {
    let signer = Signer::new("a");
    for (verified, counts) in [(json!(true), true), (json!("true"), true), (json!(false), false), (Value::Null, false)] {
        let mut said = claims();
        said["email_verified"] = verified.clone();
        if verified.is_null() {
            said.as_object_mut().unwrap().remove("email_verified");
        }
        let token = signer.token(&json!({ "alg": "ES256" }), &said);
        assert_eq!(judged(&token, std::slice::from_ref(&signer.jwk)).unwrap().email.is_some(), counts, "{verified}");
    }
}

#[test]
fn what_must_not_be_believed_is_not() {
    let signer = Signer::new("a");
    let keys = [signer.jwk.clone()];
    let with = |key: &str, value: Value| {
        let mut changed = claims();
        changed[key] = value;
        signer.token(&json!({ "alg": "ES256", "kid": "a" }), &changed)
    };
    for (token, why) in [
        (with("iss", json!("https://evil.example.com")), "another provider made it"),
        (with("aud", json!("other")), "it was made for another"),
        (with("aud", json!(["loa", "other"])), "it was made for another"),
        (with("azp", json!("other")), "it was made for another"),
        (with("exp", json!(NOW - 61)), "it is over, or not yet"),
        (with("iat", json!(NOW + 61)), "it is over, or not yet"),
        (with("nonce", json!("m")), "it was made for another sign-in"),
        (with("sub", json!("")), "it names nobody"),
        (Signer::new("a").token(&json!({ "alg": "ES256", "kid": "a" }), &claims()), "no key of the provider has signed it"),
        (signer.token(&json!({ "alg": "RS256", "kid": "a" }), &claims()), "no key of the provider has signed it"),
        (signer.token(&json!({ "alg": "HS256", "kid": "a" }), &claims()), "no key of the provider has signed it"),
        (signer.token(&json!({ "alg": "ES256", "kid": "z" }), &claims()), "no key of the provider has signed it"),
        ("a.b".to_string(), "it is not one"),
    ] {
        let told = judged(&token, &keys).unwrap_err();
        assert!(told.ends_with(why), "{told} ≠ {why}");
    }
    let unsigned = format!("{}.{}.", encode(br#"{"alg":"none"}"#), encode(claims().to_string().as_bytes()));
    assert!(judged(&unsigned, &keys).unwrap_err().ends_with("has signed it"));
}

#[test]
fn rsa_is_what_most_providers_sign_with() {
    let pem = include_str!("../../../tests/peers/dkim-rsa.pem");
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
    let pair = RsaKeyPair::from_pkcs8(&der).unwrap();
    let public = made::RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
    let jwk: Jwk = serde_json::from_value(json!({ "kty": "RSA", "n": encode(&public.n), "e": encode(&public.e) })).unwrap();
    let signed = format!("{}.{}", encode(br#"{"alg":"RS256"}"#), encode(claims().to_string().as_bytes()));
    let mut proof = vec![0; pair.public().modulus_len()];
    pair.sign(&made::RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut proof).unwrap();
    assert!(judged(&format!("{signed}.{}", encode(&proof)), std::slice::from_ref(&jwk)).is_ok());
    proof[7] ^= 1;
    assert!(judged(&format!("{signed}.{}", encode(&proof)), &[jwk]).is_err());
}
