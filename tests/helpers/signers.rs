//! Two who sign CAP documents: `signer`, and a `stranger` whom nobody knows by that certificate.

use loa::cap::{
    self, Alert, Certificate,
    signature::{self, Key},
};

/// Where their certificates and keys are.
pub const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cap");
pub const SIGNER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cap/signer.pem");
pub const SIGNER_KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cap/signer.key.pem");
pub const STRANGER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/cap/stranger.pem");

/// Somebody's certificate, as they hand it out.
pub fn pem(of: &str) -> String {
    std::fs::read_to_string(format!("{FIXTURES}/{of}.pem")).unwrap()
}

pub fn certificate(of: &str) -> Certificate {
    Certificate::from_pem(pem(of).as_bytes()).unwrap()
}

pub fn key(of: &str) -> Key {
    Key::from_pem(&std::fs::read(format!("{FIXTURES}/{of}.key.pem")).unwrap()).unwrap()
}

/// The document of an alert, signed by somebody.
pub fn signed(alert: &Alert, by: &str) -> String {
    signature::sign(&cap::write(alert).unwrap(), &key(by), &certificate(by)).unwrap()
}

/// The line of an office's settings by which it signs as somebody.
pub fn signing(of: &str) -> String {
    format!("signing = {{ certificate = \"{FIXTURES}/{of}.pem\", key = {{ file = \"{FIXTURES}/{of}.key.pem\" }} }}\n")
}
