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
    let problems = library.reread(dir.path(), &Written::default());
    assert_eq!(library, good);
    let said = problems.to_string();
    assert_eq!(said.matches("last good version").count(), 2, "{said}");
    fs::write(dir.path().join("otp.toml"), CAMPAIGN.replace("OTP", "OTP!")).unwrap();
    fs::write(dir.path().join("segments.toml"), SEGMENTS).unwrap();
    assert!(library.reread(dir.path(), &Written::default()).is_empty());
    assert_ne!(library, good);
    fs::remove_file(dir.path().join("otp.toml")).unwrap();
    assert!(library.reread(dir.path(), &Written::default()).is_empty() && library.campaigns.is_empty());
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
    assert_eq!(library.reread(&dir.path().join("none"), &Written::default()).len(), 1);
    assert_eq!(library, good);
}

const OF_CONSOLE: &str = "title = \"Nguoi cao tuoi\"\nkind = \"awareness\"\nowner = \"So\"\n[audience]\nsegments = [\"cao-tuoi\"]\n\
                          [channels]\nuse = [\"sms\"]\n[[message]]\nid = \"a\"\nsms = \"Canh giac.\"\n";

fn written(segments: &[(&str, &str)], campaigns: &[(&str, &str)]) -> Written {
    let sheet = |text: &str| Sheet { text: text.to_string(), ..Sheet::default() };
    Written {
        segments: segments.iter().map(|(slug, text)| ((*slug).to_string(), (*text).to_string())).collect(),
        campaigns: campaigns.iter().map(|(slug, text)| ((*slug).to_string(), sheet(text))).collect(),
    }
}

#[test]
fn what_the_console_has_joins_the_folder_and_a_file_wins() {
    let dir = folder();
    let old = "[cao-tuoi]\ntitle = \"Cao tuổi\"\nborn_before = 1965-01-01\n";
    let of_console =
        written(&[("cao-tuoi", old), ("tat-ca", "[tat-ca]\ntitle = \"Khác\"\n")], &[("moi", OF_CONSOLE), ("otp", OF_CONSOLE)]);
    let (library, problems) = Library::read_with(dir.path(), &of_console);
    assert_eq!(problems, Problems::default());
    assert_eq!(library.segments_text, format!("{SEGMENTS}{old}"));
    assert_eq!(library.segments.get("tat-ca").unwrap().title, "Mọi người");
    assert_eq!(library.campaigns["otp"].text, CAMPAIGN);
    assert!(library.is_provisioned("otp") && !library.is_provisioned("moi"));
    let set = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!((&library.edited, &library.hidden), (&set(&["moi"]), &set(&["otp"])));
    assert_eq!((&library.edited_segments, &library.hidden_segments), (&set(&["cao-tuoi"]), &set(&["tat-ca"])));

    // What a campaign does not name is none of its business; what it names is.
    let other = Library::read_with(dir.path(), &written(&[("cao-tuoi", &old.replace("1965", "1960"))], &[("moi", OF_CONSOLE)])).0;
    assert_eq!(other.campaigns["otp"].hash, library.campaigns["otp"].hash);
    assert_ne!(other.campaigns["moi"].hash, library.campaigns["moi"].hash);
}

#[test]
fn a_segment_of_the_console_that_does_not_fit_is_left_out_alone() {
    let dir = folder();
    let good = "[cao-tuoi]\ntitle = \"Cao tuổi\"\n";
    let broken = written(&[("hong", "[hong]\ntitel = 1\n"), ("cao-tuoi", good), ("sai", "[sai\n")], &[]);
    let (library, problems) = Library::read_with(dir.path(), &broken);
    assert_eq!(library.edited_segments, BTreeSet::from(["cao-tuoi".to_string()]), "{problems}");
    assert_eq!(library.campaigns.len(), 1);
    let said = problems.to_string();
    assert!(said.contains("`hong` of the console") && said.contains("`sai` of the console"), "{said}");
}

#[test]
fn a_text_of_the_console_needs_its_attachments() {
    let dir = folder();
    let (library, _) = Library::read(dir.path());
    let mut sheet = Sheet { text: CAMPAIGN.to_string(), ..Sheet::default() };
    assert!(library.source("otp", &sheet).unwrap_err().to_string().contains("`a.pdf` was not uploaded"));
    sheet.attachments.insert("a.pdf".into(), b"one".to_vec());
    sheet.attachments.insert("b.pdf".into(), b"unused".to_vec());
    assert_eq!(library.source("otp", &sheet).unwrap(), library.campaigns["otp"]);
}
