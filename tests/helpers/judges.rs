//! Judges of CAP documents that are not ours: xmllint with the schema of OASIS, and xmlsec1.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::peer;

/// Whether a program is content with files, and what it says.
pub fn judge(program: &str, arguments: &[&str], files: &[PathBuf]) -> (bool, String) {
    let output = Command::new(peer(program)).args(arguments).args(files).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Whether all of them keep to the schema, and what xmllint says of each.
pub fn keep_to_the_schema(files: &[PathBuf]) -> (bool, String) {
    judge("LOA_TEST_XMLLINT", &["--noout", "--nonet", "--schema", &peer("LOA_TEST_CAP_SCHEMA")], files)
}

/// Whether a file bears the signature of this certificate.
pub fn is_signed(file: &Path, certificate: &str) -> bool {
    let (held, said) = judge("LOA_TEST_XMLSEC", &["--verify", "--pubkey-cert-pem", certificate], &[file.to_path_buf()]);
    assert!(held || said.contains("FAIL") || said.contains("rror"), "{said}");
    held
}

/// Stops unless a document keeps to the schema and bears the signature of this certificate.
pub fn hold(document: &[u8], certificate: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("document.cap");
    fs::write(&file, document).unwrap();
    let text = String::from_utf8_lossy(document);
    let (valid, said) = keep_to_the_schema(std::slice::from_ref(&file));
    assert!(valid, "{said}{text}");
    assert!(is_signed(&file, certificate), "not signed by {certificate}: {text}");
}
