use std::fs;

use super::*;

const SEGMENTS: &str = "[tat-ca]\ntitle = \"Mọi người\"\n";
const CAMPAIGN: &str = r#"title = "Nhận diện"
kind = "awareness"
owner = "Sở"
[audience]
segments = ["tat-ca"]
[channels]
use = ["email"]
[[message]]
id = "otp"
email = { subject = "OTP", body = "Không cung cấp mã OTP.", attach = ["a.pdf"] }
"#;

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("segments.toml", SEGMENTS), ("otp.toml", CAMPAIGN), ("a.pdf", "one")] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

#[test]
fn a_broken_file_keeps_its_last_good_version_and_says_so() {
    let dir = folder();
    let (mut library, problems) = Library::read(dir.path());
    assert_eq!(problems, Problems::default());
    let good = library.clone();
    fs::write(dir.path().join("otp.toml"), "title = 1").unwrap();
    fs::write(dir.path().join("segments.toml"), "[tat-ca]\n").unwrap();
    let problems = library.reread(dir.path());
    assert_eq!(library, good);
    let said = problems.to_string();
    assert_eq!(said.matches("last good version").count(), 2, "{said}");
    fs::write(dir.path().join("otp.toml"), CAMPAIGN.replace("OTP", "OTP!")).unwrap();
    fs::write(dir.path().join("segments.toml"), SEGMENTS).unwrap();
    assert!(library.reread(dir.path()).is_empty());
    assert_ne!(library, good);
    fs::remove_file(dir.path().join("otp.toml")).unwrap();
    assert!(library.reread(dir.path()).is_empty() && library.campaigns.is_empty());
}

#[test]
fn without_segments_only_their_own_problem_is_told() {
    let dir = folder();
    fs::write(dir.path().join("segments.toml"), "[tat-ca]\ntitel = \"Mọi người\"\n").unwrap();
    let (library, problems) = Library::read(dir.path());
    assert!(library.campaigns.is_empty());
    assert!(problems.0.iter().all(|problem| problem.file.ends_with("segments.toml")), "{problems}");
}

#[test]
fn a_hash_covers_text_segments_and_attachments() {
    let dir = folder();
    let hash = || Library::read(dir.path()).0.campaigns["otp"].hash.clone();
    let first = hash();
    assert_eq!((first.len(), hash()), (64, first.clone()));
    for (name, text) in
        [("a.pdf", "two"), ("segments.toml", "[tat-ca]\ntitle = \"Tất cả\"\n"), ("otp.toml", &CAMPAIGN.replace("Sở", "Phòng"))]
    {
        let before = hash();
        fs::write(dir.path().join(name), text).unwrap();
        assert_ne!(hash(), before, "{name}");
    }
}

#[test]
fn a_folder_that_does_not_exist_changes_nothing() {
    let dir = folder();
    let (mut library, _) = Library::read(dir.path());
    let good = library.clone();
    assert_eq!(library.reread(&dir.path().join("none")).len(), 1);
    assert_eq!(library, good);
}
