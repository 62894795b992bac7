//! Campaigns and segments of the console: versions, what is in force, and who may decide.

use std::{collections::BTreeMap, sync::Arc};

use chrono::NaiveDate;
use loa::{
    approval::{self, Delegation, Refusal, Standing, delegation, submission},
    audit::{Actor, Via},
    campaign::{Library, Written},
    config::Config,
    definition,
    edition::{self, Edition, Saved, Shelf, SubmitError, segments},
    preview::mail,
};
use providers::{Attachment, Email, Picture};

use super::world::World;

const LAN: i64 = 1;
const MINH: i64 = 2;
const HOA: i64 = 3;

fn who(user: i64, name: &str) -> Actor {
    Actor { user: Some(user), name: name.to_string(), from: None, via: Via::Console }
}

fn lan() -> Actor {
    who(LAN, "Lan")
}

fn minh() -> Actor {
    who(MINH, "Minh")
}

fn hoa() -> Actor {
    who(HOA, "Hoa")
}

const SEGMENTS: &str = "[moi-nguoi]\ntitle = \"Mọi người\"\n";

fn text(kind: &str, sms: &str) -> String {
    format!(
        "title = \"Nhận diện\"\nkind = \"{kind}\"\nowner = \"Sở\"\n[audience]\nsegments = [\"moi-nguoi\"]\n[channels]\nuse = [\"sms\"]\n\
         [[message]]\nid = \"a\"\nsms = \"{sms}\"\n"
    )
}

/// A folder with segments and nothing else, the shelf over it, and settings that ask for approval.
struct Office {
    folder: tempfile::TempDir,
    shelf: Shelf,
    config: Config,
}

impl Office {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("segments.toml"), SEGMENTS).unwrap();
        std::fs::write(folder.path().join("loa.toml"), "[approval]\nrequired = true\n").unwrap();
        let config = Config::read(Some(&folder.path().join("loa.toml")), &BTreeMap::new()).unwrap();
        Self { shelf: Shelf::new(folder.path()), config, folder }
    }

    async fn library(&self, world: &World) -> std::sync::Arc<Library> {
        self.shelf.library(&world.db).await.unwrap()
    }

    /// Sends a version for approval.
    async fn submit(&self, world: &World, version: i64, actor: &Actor) -> i64 {
        let library = self.library(world).await;
        edition::submit(&world.db, &library, true, ("moi", version), "", actor, world.now()).await.unwrap()
    }

    /// What runs of the campaign.
    async fn runs(&self, world: &World) -> Option<String> {
        let library = self.library(world).await;
        let released = approval::released(&world.db, &self.config, &library).await.unwrap();
        released.into_iter().find(|kept| kept.source.campaign.slug == "moi").map(|kept| kept.source.text)
    }
}

async fn save(world: &World, text: &str, base: i64, actor: &Actor) -> Saved {
    edition::save(&world.db, "moi", text, base, actor, world.now()).await.unwrap()
}

async fn archive(world: &World) -> bool {
    let db = &world.db;
    loa::transaction!(db, |tx| edition::archive(tx, "moi", &lan(), world.now()).await).unwrap()
}

async fn hash_of(world: &World, id: i64) -> String {
    submission::get(&world.db, id).await.unwrap().hash
}

async fn approve(world: &World, id: i64, actor: &Actor) -> Result<(), Refusal> {
    let hash = hash_of(world, id).await;
    edition::approve(&world.db, id, &hash, "", actor, None, world.now()).await.map(drop)
}

async fn a_version_is_saved_on_top_of_the_one_that_was_seen(world: &World) {
    let (one, two) = (text("awareness", "Mot."), text("awareness", "Hai."));
    assert_eq!(save(world, &one, 0, &lan()).await, Saved::Done(1));
    assert_eq!(save(world, &one, 1, &minh()).await, Saved::Unchanged(1));
    assert_eq!(save(world, &two, 1, &minh()).await, Saved::Done(2));
    let Saved::Conflict(theirs) = save(world, "title = 1", 1, &lan()).await else { panic!("Lan has not seen version 2") };
    assert_eq!((theirs.version, theirs.text.as_str(), theirs.made_name.as_str()), (2, two.as_str(), "Minh"));
    let Saved::Conflict(_) = save(world, &one, 0, &lan()).await else { panic!("the name is taken") };
    assert!(edition::save(&world.db, "khac", &one, 3, &lan(), 0).await.is_err(), "there is nothing to be based on");

    // A draft may be unfinished: what it says of itself is kept as far as it can be read.
    assert_eq!(save(world, "title = \"Dở dang", 2, &lan()).await, Saved::Done(3));
    let latest = edition::latest(&world.db, "moi").await.unwrap().unwrap();
    assert_eq!((latest.title.as_str(), latest.owner.as_str(), latest.text.as_str()), ("Nhận diện", "Sở", "title = \"Dở dang"));
    let versions: Vec<i64> = edition::versions(&world.db, "moi").await.unwrap().iter().map(|edition| edition.version).collect();
    assert_eq!(versions, [3, 2, 1]);
    assert_eq!(world.number("SELECT count(*) FROM audit WHERE action = 'campaign.save'").await, 3);
}

async fn files_go_with_versions(world: &World) {
    save(world, &text("awareness", "Mot."), 0, &lan()).await;
    let (db, now) = (&world.db, world.now());
    assert_eq!(edition::attach(db, ("moi", 1), "a.pdf", b"one", &lan(), now).await.unwrap(), Saved::Done(2));
    assert_eq!(save(world, &text("awareness", "Hai."), 2, &lan()).await, Saved::Done(3));
    assert_eq!(edition::attach(db, ("moi", 3), "a.pdf", b"two", &lan(), now).await.unwrap(), Saved::Done(4));
    assert_eq!(edition::detach(db, ("moi", 4), "a.pdf", &lan(), now).await.unwrap(), Saved::Done(5));
    assert!(matches!(edition::detach(db, ("moi", 4), "a.pdf", &lan(), now).await.unwrap(), Saved::Conflict(_)));
    assert!(edition::attach(db, ("moi", 5), "../a", b"", &lan(), now).await.is_err());
    for (version, bytes) in [(1, None), (2, Some("one")), (3, Some("one")), (4, Some("two")), (5, None)] {
        let files = edition::attachments(db, "moi", version).await.unwrap();
        assert_eq!(files.get("a.pdf").map(Vec::as_slice), bytes.map(str::as_bytes), "{version}");
    }
    assert_eq!(world.number("SELECT count(*) FROM edition_bytes").await, 2, "bytes are kept once");
}

async fn four_eyes_put_a_version_in_force(world: &World) {
    let office = Office::new();
    let (one, two) = (text("awareness", "Mot."), text("awareness", "Hai."));
    save(world, &one, 0, &lan()).await;
    assert_eq!(office.runs(world).await, None, "a draft does not run");
    let first = office.submit(world, 1, &lan()).await;
    assert_eq!(office.runs(world).await, None);
    assert!(matches!(approve(world, first, &lan()).await, Err(Refusal::OwnWork)));
    let same_name = Actor { user: None, name: "lan".into(), ..lan() };
    assert!(matches!(approve(world, first, &same_name).await, Err(Refusal::OwnWork)), "at the machine itself");
    let other = edition::approve(&world.db, first, "another", "", &minh(), None, world.now()).await;
    assert!(matches!(other, Err(Refusal::Another)));
    approve(world, first, &minh()).await.unwrap();
    assert_eq!(office.runs(world).await.as_deref(), Some(one.as_str()));
    assert!(matches!(approve(world, first, &hoa()).await, Err(Refusal::Over(_))), "it is decided once");

    // The edited one waits while the approved one goes on; whoever wrote at it since may not approve it.
    save(world, &two, 1, &minh()).await;
    save(world, &text("awareness", "Ba."), 2, &lan()).await;
    let second = office.submit(world, 3, &lan()).await;
    assert_eq!(office.runs(world).await.as_deref(), Some(one.as_str()));
    assert!(matches!(approve(world, second, &minh()).await, Err(Refusal::OwnWork)), "Minh wrote version 2");
    let hash = hash_of(world, second).await;
    let silent = edition::return_(&world.db, second, &hash, " ", &hoa(), None, world.now()).await;
    assert!(matches!(silent, Err(Refusal::Silent)));
    let back = edition::return_(&world.db, second, &hash, "Sửa câu cuối", &hoa(), None, world.now()).await.unwrap();
    assert_eq!((back.standing(), back.comment.as_str()), (Standing::Returned, "Sửa câu cuối"));
    assert_eq!(office.runs(world).await.as_deref(), Some(one.as_str()));

    // A later one takes the place of what waits; whoever sent it takes it back, nobody else.
    let third = office.submit(world, 3, &lan()).await;
    let library = office.library(world).await;
    let again = edition::submit(&world.db, &library, true, ("moi", 3), "", &lan(), world.now()).await;
    assert!(matches!(again, Err(SubmitError::Waiting)));
    save(world, &text("awareness", "Bon."), 3, &lan()).await;
    let fourth = office.submit(world, 4, &lan()).await;
    assert_eq!(submission::get(&world.db, third).await.unwrap().standing(), Standing::Superseded);
    assert!(matches!(edition::withdraw(&world.db, fourth, &hoa(), world.now()).await, Err(Refusal::NotSender)));
    edition::withdraw(&world.db, fourth, &lan(), world.now()).await.unwrap();
    assert!(matches!(approve(world, fourth, &hoa()).await, Err(Refusal::Over(_))));
    assert!(edition::waiting(&world.db).await.unwrap().is_empty());

    let fifth = office.submit(world, 4, &lan()).await;
    approve(world, fifth, &hoa()).await.unwrap();
    assert_eq!(office.runs(world).await, Some(text("awareness", "Bon.")));
    assert!(archive(world).await);
    assert!(!archive(world).await);
    assert_eq!(office.runs(world).await, None);
    let archived =
        edition::submit(&world.db, office.library(world).await.as_ref(), true, ("moi", 4), "", &lan(), world.now()).await;
    assert!(matches!(archived, Err(SubmitError::Archived)));
    assert!(edition::unarchive(&world.db, "moi", &lan(), world.now()).await.unwrap());
    assert_eq!(office.runs(world).await, Some(text("awareness", "Bon.")));
    loa::audit::verify(&world.db, &[]).await.unwrap();
}

async fn an_old_text_is_still_its_writers(world: &World) {
    let office = Office::new();
    let (one, two) = (text("awareness", "Mot."), text("awareness", "Hai."));
    save(world, &one, 0, &lan()).await;
    let first = office.submit(world, 1, &lan()).await;
    approve(world, first, &minh()).await.unwrap();
    save(world, &two, 1, &hoa()).await;
    let second = office.submit(world, 2, &hoa()).await;
    approve(world, second, &minh()).await.unwrap();
    // Hoa puts Lan's text back: Lan cannot approve it.
    save(world, &one, 2, &hoa()).await;
    let third = office.submit(world, 3, &hoa()).await;
    assert!(matches!(approve(world, third, &lan()).await, Err(Refusal::OwnWork)));
    assert!(matches!(approve(world, third, &hoa()).await, Err(Refusal::OwnWork)));
    approve(world, third, &minh()).await.unwrap();
    assert_eq!(office.runs(world).await, Some(one));
}

async fn a_text_that_cannot_run_is_not_submitted(world: &World) {
    let office = Office::new();
    save(world, "title = \"Chưa xong\"\n", 0, &lan()).await;
    let library = office.library(world).await;
    let refused = edition::submit(&world.db, &library, true, ("moi", 1), "", &lan(), world.now()).await;
    let Err(SubmitError::Broken(problems)) = refused else { panic!("{refused:?}") };
    assert!(problems.0.iter().any(|problem| problem.field == "kind"), "{problems}");
    let unknown = edition::submit(&world.db, &library, true, ("moi", 9), "", &lan(), world.now()).await;
    assert!(matches!(unknown, Err(SubmitError::Unknown(..))));

    // Where nobody has to approve, what is submitted is in force.
    save(world, &text("awareness", "Mot."), 1, &lan()).await;
    edition::submit(&world.db, &library, false, ("moi", 2), "", &lan(), world.now()).await.unwrap();
    assert_eq!(edition::in_force(&world.db).await.unwrap(), [("moi".to_string(), 2)]);

    // A file of the same name wins, and the console's is hidden.
    std::fs::write(office.folder.path().join("moi.toml"), text("awareness", "Tep.")).unwrap();
    let library = office.library(world).await;
    assert!(library.is_provisioned("moi") && library.hidden.contains("moi"));
    let refused = edition::submit(&world.db, &library, true, ("moi", 2), "", &lan(), world.now()).await;
    assert!(matches!(refused, Err(SubmitError::Provisioned)));
}

async fn a_delegate_decides_within_the_days(world: &World) {
    let office = Office::new();
    let day = |day: u32| NaiveDate::from_ymd_opt(2026, 11, day).unwrap();
    let new = delegation::New {
        approver: (MINH, "Minh"),
        delegate: (HOA, "Hoa"),
        from: day(3),
        through: day(5),
        reason: "đi công tác",
    };
    let id = delegation::make(&world.db, new, &minh(), world.now()).await.unwrap();
    let held = async |on: u32| delegation::held_by(&world.db, HOA, day(on)).await.unwrap();
    assert_eq!([held(2).await.len(), held(3).await.len(), held(5).await.len(), held(6).await.len()], [0, 1, 1, 0]);
    let held: Delegation = held(4).await.remove(0);
    assert!(held.holds_on(day(3)) && !held.holds_on(day(6)));

    // Neither their own work nor that of whom they stand in for.
    for writer in [hoa(), minh()] {
        let base = edition::latest(&world.db, "moi").await.unwrap().map_or(0, |latest: Edition| latest.version);
        save(world, &text("awareness", &writer.name), base, &writer).await;
    }
    let waiting = office.submit(world, 2, &minh()).await;
    let hash = hash_of(world, waiting).await;
    let stands_in = |held: &Delegation| held.clone();
    let own = edition::approve(&world.db, waiting, &hash, "", &hoa(), Some(&stands_in(&held)), world.now()).await;
    assert!(matches!(own, Err(Refusal::OwnWork)));
    let lan = edition::approve(&world.db, waiting, &hash, "", &lan(), Some(&stands_in(&held)), world.now()).await;
    assert!(matches!(lan, Err(Refusal::WorkOfTheApprover)));

    edition::save(&world.db, "khac", &text("awareness", "Lan"), 0, &self::lan(), world.now()).await.unwrap();
    let library = office.library(world).await;
    let other = edition::submit(&world.db, &library, true, ("khac", 1), "", &self::lan(), world.now()).await.unwrap();
    let hash = hash_of(world, other).await;
    let done = edition::approve(&world.db, other, &hash, "được", &hoa(), Some(&held), world.now()).await.unwrap();
    assert_eq!((done.decided_name.as_deref(), done.instead_of.as_deref()), (Some("Hoa"), Some("Minh")));
    assert!(delegation::end(&world.db, &held, &minh(), world.now()).await.unwrap());
    assert!(!delegation::end(&world.db, &held, &minh(), world.now()).await.unwrap());
    assert!(delegation::held_by(&world.db, HOA, day(4)).await.unwrap().is_empty());
    assert_eq!(delegation::get(&world.db, id).await.unwrap().unwrap().ended_name.as_deref(), Some("Minh"));
}

async fn one_person_alone_is_looked_at_afterwards(world: &World) {
    let office = Office::new();
    save(world, &text("awareness", "Mot."), 0, &minh()).await;
    let calm = office.submit(world, 1, &minh()).await;
    let hash = hash_of(world, calm).await;
    let refused = edition::approve_in_emergency(&world.db, calm, &hash, "gấp", &minh(), world.now()).await;
    assert!(matches!(refused, Err(Refusal::NotAWarning)));
    approve(world, calm, &lan()).await.unwrap();

    save(world, &text("warning", "Khan."), 1, &minh()).await;
    let urgent = office.submit(world, 2, &minh()).await;
    let hash = hash_of(world, urgent).await;
    let silent = edition::approve_in_emergency(&world.db, urgent, &hash, "", &minh(), world.now()).await;
    assert!(matches!(silent, Err(Refusal::Silent)));
    edition::approve_in_emergency(&world.db, urgent, &hash, "ngoài giờ, thủ đoạn đang lan", &minh(), world.now()).await.unwrap();
    assert_eq!(office.runs(world).await, Some(text("warning", "Khan.")));
    let [listed] = &edition::to_review(&world.db).await.unwrap()[..] else { panic!("it is to be reviewed") };
    assert_eq!((listed.id, listed.emergency, listed.comment.as_str()), (urgent, true, "ngoài giờ, thủ đoạn đang lan"));
    let own = edition::review(&world.db, urgent, true, "", &minh(), world.now()).await;
    assert!(matches!(own, Err(Refusal::OwnWork)));
    let silent = edition::review(&world.db, urgent, false, "", &lan(), world.now()).await;
    assert!(matches!(silent, Err(Refusal::Silent)));

    // Found wrong: what was approved before is in force again.
    edition::review(&world.db, urgent, false, "sai số điện thoại", &lan(), world.now()).await.unwrap();
    assert!(edition::to_review(&world.db).await.unwrap().is_empty());
    assert_eq!(office.runs(world).await, Some(text("awareness", "Mot.")));
    let twice = edition::review(&world.db, urgent, true, "", &hoa(), world.now()).await;
    assert!(matches!(twice, Err(Refusal::NothingToReview)));
    // The same content may be approved in the usual way.
    let again = office.submit(world, 2, &minh()).await;
    approve(world, again, &minh()).await.unwrap_err();
    approve(world, again, &lan()).await.unwrap();
    assert_eq!(office.runs(world).await, Some(text("warning", "Khan.")));
}

/// Whichever node is asked has the mail that another one made, with its pictures, for its reader alone.
async fn a_mail_that_is_looked_at_is_everywhere_for_an_hour(world: &World) {
    let (db, now) = (&world.db, world.now());
    save(world, &text("awareness", "Mot."), 0, &lan()).await;
    edition::attach(db, ("moi", 1), "so-do.png", b"PNG", &lan(), now).await.unwrap();
    let file = Attachment { name: "so-do.png".into(), media_type: "image/png".into(), bytes: b"PNG"[..].into() };
    let looked_at = Email {
        to_name: None,
        subject: "Chú ý".into(),
        text: String::new(),
        html: "<img src=\"cid:a@b\">".into(),
        attachments: Vec::new(),
        pictures: vec![Picture { id: "a@b".into(), file: Arc::new(file) }],
        unsubscribe_url: None,
        list: None,
        language: "vi".into(),
        urgent: false,
    };
    let name = mail::put(db, LAN, &looked_at, now).await.unwrap();
    assert_eq!(mail::put(db, LAN, &looked_at, now + 1_000).await.unwrap(), name);
    let shown = mail::get(db, LAN, &name, now).await.unwrap();
    assert_eq!(shown.as_deref(), Some("<img src=\"data:image/png;base64,UE5H\">"));
    assert_eq!(mail::get(db, HOA, &name, now).await.unwrap(), None);
    assert_eq!(mail::get(db, LAN, &name, now + 2 * 3_600_000).await.unwrap(), None);
    mail::put(db, HOA, &looked_at, now + 2 * 3_600_000).await.unwrap();
    assert_eq!(world.number("SELECT count(*) FROM shown_mail").await, 1, "what nobody looks at any more is gone");
}

/// What one person released alone, and nobody has looked at, ends nobody's part in it.
async fn an_emergency_alone_does_not_make_a_text_anothers(world: &World) {
    let office = Office::new();
    save(world, &text("warning", "Khan."), 0, &minh()).await;
    let urgent = office.submit(world, 1, &minh()).await;
    let hash = hash_of(world, urgent).await;
    edition::approve_in_emergency(&world.db, urgent, &hash, "đang lan", &minh(), world.now()).await.unwrap();
    // Lan changes a word: most of it is still Minh's, and nobody else has read it.
    save(world, &text("warning", "Khan cap."), 1, &lan()).await;
    let second = office.submit(world, 2, &lan()).await;
    assert!(matches!(approve(world, second, &minh()).await, Err(Refusal::OwnWork)));
    edition::review(&world.db, urgent, true, "", &hoa(), world.now()).await.unwrap();
    edition::withdraw(&world.db, second, &lan(), world.now()).await.unwrap();
    let third = office.submit(world, 2, &lan()).await;
    approve(world, third, &minh()).await.unwrap();
}

/// A copy under another name is still its writer's, until somebody released what it is a copy of.
async fn a_copy_is_not_its_copiers_alone(world: &World) {
    let office = Office::new();
    let body = text("awareness", "Mot.");
    edition::save(&world.db, "cua-minh", &body, 0, &minh(), world.now()).await.unwrap();
    save(world, &body, 0, &lan()).await;
    save(world, &text("awareness", "Mot!"), 1, &lan()).await;
    let copy = office.submit(world, 2, &lan()).await;
    assert!(matches!(approve(world, copy, &minh()).await, Err(Refusal::OwnWork)));
    let library = office.library(world).await;
    let first = edition::submit(&world.db, &library, true, ("cua-minh", 1), "", &minh(), world.now()).await.unwrap();
    approve(world, first, &hoa()).await.unwrap();
    edition::withdraw(&world.db, copy, &lan(), world.now()).await.unwrap();
    let copy = office.submit(world, 2, &lan()).await;
    approve(world, copy, &minh()).await.unwrap();
}

/// A segment that a campaign names for the first time was read by none of its approvers, however old it is.
async fn a_segment_that_comes_in_later_is_its_writers(world: &World) {
    let office = Office::new();
    let table = Some("[giao-vien]\ntitle = \"Giáo viên\"\ngroups = [\"gv\"]\n");
    let draft = segments::Draft { slug: "giao-vien", text: table, owner: "", base: 0 };
    segments::save(&world.db, draft, &minh(), world.now()).await.unwrap();
    world.advance(1_000).await;
    save(world, &text("awareness", "Mot."), 0, &lan()).await;
    let first = office.submit(world, 1, &lan()).await;
    approve(world, first, &hoa()).await.unwrap();
    save(world, &text("awareness", "Mot.").replace("moi-nguoi", "giao-vien"), 1, &lan()).await;
    let second = office.submit(world, 2, &lan()).await;
    assert!(matches!(approve(world, second, &minh()).await, Err(Refusal::OwnWork)));
    approve(world, second, &hoa()).await.unwrap();
}

async fn what_changes_by_itself_is_put_forward_once(world: &World) {
    let office = Office::new();
    let file = office.folder.path().join("tep.toml");
    std::fs::write(&file, text("awareness", "Tep mot.")).unwrap();
    let watch = async || {
        let library = office.library(world).await;
        edition::watch(&world.db, &library, world.now()).await.unwrap()
    };
    assert_eq!((watch().await, watch().await), (1, 0));
    let [waiting] = &edition::waiting(&world.db).await.unwrap()[..] else { panic!("the file waits") };
    assert_eq!((waiting.version, waiting.sent_name.as_str(), waiting.writers()), (None, "", vec![]));
    approve(world, waiting.id, &lan()).await.unwrap();
    assert_eq!(watch().await, 0);

    // An edited file waits while the approved one goes on; one that is gone waits for nothing.
    std::fs::write(&file, text("awareness", "Tep hai, dai hon.")).unwrap();
    assert_eq!(watch().await, 1);
    let library = office.library(world).await;
    let released = approval::released(&world.db, &office.config, &library).await.unwrap();
    assert_eq!(released[0].source.text, text("awareness", "Tep mot."));
    let back = edition::waiting(&world.db).await.unwrap().remove(0);
    edition::return_(&world.db, back.id, &back.hash, "chưa được", &lan(), None, world.now()).await.unwrap();
    assert_eq!(watch().await, 0, "what was returned is not put forward again");
    std::fs::write(&file, text("awareness", "Tep ba.")).unwrap();
    assert_eq!(watch().await, 1);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(watch().await, 0);
    assert!(edition::waiting(&world.db).await.unwrap().is_empty());
}

async fn a_segment_of_the_console_is_part_of_what_is_approved(world: &World) {
    let office = Office::new();
    let of_teachers = "[giao-vien]\ntitle = \"Giáo viên\"\ngroups = [\"gv\"]\n";
    let library = office.library(world).await;
    assert!(segments::check(&library, "moi-nguoi", "[moi-nguoi]\ntitle = \"x\"\n").is_err(), "the file has it");
    assert!(segments::check(&library, "giao-vien", "[giao-vien]\ntitle = 1\n").is_err());
    assert!(segments::check(&library, "giao-vien", "[khac]\ntitle = \"x\"\n").is_err());
    assert!(segments::check(&library, "giao-vien", "title = \"x\"\n").is_err());
    let circle = "[giao-vien]\ntitle = \"x\"\nsegments = [\"giao-vien\"]\n";
    assert!(segments::check(&library, "giao-vien", circle).is_err());
    segments::check(&library, "giao-vien", of_teachers).unwrap();
    let save_segment = async |text: Option<&str>, base: i64, actor: &Actor| {
        let draft = segments::Draft { slug: "giao-vien", text, owner: "", base };
        segments::save(&world.db, draft, actor, world.now()).await.unwrap()
    };
    assert_eq!(save_segment(Some(of_teachers), 0, &lan()).await, segments::Saved::Done(1));
    assert!(matches!(save_segment(Some(circle), 0, &minh()).await, segments::Saved::Conflict(_)));

    let campaign = text("awareness", "Mot.").replace("moi-nguoi", "giao-vien");
    save(world, &campaign, 0, &minh()).await;
    let first = office.submit(world, 1, &minh()).await;
    assert!(matches!(approve(world, first, &lan()).await, Err(Refusal::OwnWork)), "Lan wrote the segment");
    approve(world, first, &hoa()).await.unwrap();
    let kept = definition::kept(&world.db, &hash_of(world, first).await).await.unwrap();
    assert_eq!(kept.segments, format!("{SEGMENTS}{of_teachers}"));

    // An edited segment makes its campaigns wait, and only these; whom they were approved for still gets them.
    world.advance(1_000).await;
    let edited = of_teachers.replace("\"gv\"", "\"gv\", \"gv-moi\"");
    assert_eq!(save_segment(Some(&edited), 1, &hoa()).await, segments::Saved::Done(2));
    let library = office.library(world).await;
    assert_eq!(edition::watch(&world.db, &library, world.now()).await.unwrap(), 1);
    let released = approval::released(&world.db, &office.config, &library).await.unwrap();
    assert!(!released[0].segments.contains("gv-moi"));
    let again = edition::waiting(&world.db).await.unwrap().remove(0);
    assert_eq!(again.version, Some(1));
    assert!(matches!(approve(world, again.id, &hoa()).await, Err(Refusal::OwnWork)), "Hoa edited the segment");
    approve(world, again.id, &lan()).await.unwrap();
    let released = approval::released(&world.db, &office.config, &library).await.unwrap();
    assert!(released[0].segments.contains("gv-moi"));

    assert_eq!(library.users_of("giao-vien"), ["moi"]);
    assert_eq!(save_segment(None, 2, &lan()).await, segments::Saved::Done(3));
    assert!(segments::all(&world.db).await.unwrap().is_empty());
    assert_eq!(save_segment(Some(of_teachers), 0, &lan()).await, segments::Saved::Done(4), "the name is free again");
    assert_eq!(edition::written(&world.db).await.unwrap().segments.len(), 1);
    // It may be given to a department, by which nobody's approval is touched.
    let given = segments::Draft { slug: "giao-vien", text: Some(of_teachers), owner: "Sở Giáo dục", base: 4 };
    assert_eq!(segments::save(&world.db, given, &lan(), world.now()).await.unwrap(), segments::Saved::Done(5));
    assert_eq!(edition::Owners::read(&world.db).await.unwrap().of("giao-vien"), "Sở Giáo dục");
    let db = &world.db;
    loa::transaction!(db, |tx| edition::renamed(tx, "Sở Giáo dục", "Sở Giáo dục và Đào tạo").await).unwrap();
    assert_eq!(edition::Owners::read(db).await.unwrap().of("giao-vien"), "Sở Giáo dục và Đào tạo");
    assert_ne!(edition::written(&world.db).await.unwrap(), Written::default());
}

on_both_engines!(
    a_mail_that_is_looked_at_is_everywhere_for_an_hour,
    an_emergency_alone_does_not_make_a_text_anothers,
    a_copy_is_not_its_copiers_alone,
    a_segment_that_comes_in_later_is_its_writers,
    a_version_is_saved_on_top_of_the_one_that_was_seen,
    files_go_with_versions,
    four_eyes_put_a_version_in_force,
    an_old_text_is_still_its_writers,
    a_text_that_cannot_run_is_not_submitted,
    a_delegate_decides_within_the_days,
    one_person_alone_is_looked_at_afterwards,
    what_changes_by_itself_is_put_forward_once,
    a_segment_of_the_console_is_part_of_what_is_approved,
);
