//! Warnings in CAP: whose signature is believed, and what takes the place of what.

use loa::{
    bulletin::{self, Signature, Standing, Why},
    cap::{self, Alert, MsgType, Status},
    edition, notice,
};

use super::{MINUTE, alert, all, audited, by_title, item, looked, poller, rss, server::Server, settings, told};
use crate::{engines::world::World, helpers::signers::signed};

async fn only_what_the_pinned_certificate_signed_becomes_a_draft(world: &World) {
    let server = Server::open().await;
    let config = settings(&server, "certificate = \"signer.pem\"");
    let poller = poller(world, &config);
    let at = chrono::DateTime::from_timestamp_millis(world.now()).unwrap().to_rfc3339();
    let entry = |id: &str| {
        format!(
            "<entry><id>{id}</id><title>{id}</title><updated>{at}</updated><link type='application/cap+xml' href='{}/{id}'/></entry>",
            server.address
        )
    };
    let right = signed(&alert(world, "a1", "Đúng chữ ký"), "signer");
    server.says("/dung", 200, &[], right.clone());
    server.says("/la", 200, &[], signed(&alert(world, "a2", "Người khác ký"), "stranger"));
    server.says("/sua", 200, &[], signed(&alert(world, "a3", "Bị sửa"), "signer").replace("Gọi 156", "Gọi 0900"));
    server.says("/khong", 200, &[], cap::write(&alert(world, "a4", "Không ký")).unwrap());
    let feed = format!("<feed><title>NCSC</title>{}{}{}{}</feed>", entry("dung"), entry("la"), entry("sua"), entry("khong"));
    server.feed(&feed);
    let first = looked(&poller).await;
    assert_eq!((first.drafts, first.refused), (1, 3));
    let good = by_title(world, "Đúng chữ ký").await;
    assert_eq!((good.standing(), good.signature()), (Standing::Waiting, Signature::Verified));
    for (title, why, signature) in [
        ("Người khác ký", Why::Signature, Signature::Wrong),
        ("Bị sửa", Why::Signature, Signature::Wrong),
        ("Không ký", Why::Unsigned, Signature::None),
    ] {
        let one = by_title(world, title).await;
        assert_eq!((one.standing(), one.signature(), &one.campaign), (Standing::Refused(why), signature, &None), "{title}");
    }
    assert_eq!(audited(world, "bulletin.refuse").await, 3);

    // Nobody puts another warning under the name of one that was believed.
    server.says("/dung", 200, &[], signed(&alert(world, "a1", "Giả mạo"), "stranger"));
    server.feed(&feed.replace(
        &format!("<id>dung</id><title>dung</title><updated>{at}"),
        "<id>dung</id><title>dung</title><updated>2026-11-02T02:59:00Z",
    ));
    world.advance(17 * MINUTE).await;
    looked(&poller).await;
    let still = by_title(world, "Đúng chữ ký").await;
    assert!(still.is_changed() && still.remark().unwrap().en.contains("not believed"), "{still:?}");
    assert!(bulletin::said(&world.db, still.id).await.unwrap().unwrap().raw.contains("Đúng chữ ký"));

    // Once it is signed as it should be, a refused one becomes a draft.
    server.says("/khong", 200, &[], signed(&alert(world, "a4", "Không ký"), "signer"));
    server.feed(&feed);
    world.advance(17 * MINUTE).await;
    looked(&poller).await;
    assert_eq!(by_title(world, "Không ký").await.standing(), Standing::Waiting);
}

/// Anybody may write a false warning under the name of the true one, and be faster: the signed one becomes a draft all the same.
async fn nobody_keeps_a_signed_warning_away_by_taking_its_name(world: &World) {
    let server = Server::open().await;
    let config = settings(&server, "certificate = \"signer.pem\"");
    let poller = poller(world, &config);
    let actor = loa::audit::Actor::command("Lan");
    let bring = async |source: &str, alert: &Alert| {
        let document = cap::write(alert).unwrap();
        let read = bulletin::paste::read(document.as_bytes(), "", source, None, world.now()).unwrap();
        let taken = bulletin::paste::take(&world.db, ("Sở Mẫu", source), &read, &["sms"], &actor, world.now()).await;
        taken.unwrap().remove(0)
    };
    let genuine = alert(world, "a1", "Cảnh báo thật");
    let fake = alert(world, "a1", "Gọi 0900 để nhận lại tiền");
    assert!(matches!(bring("bao", &fake).await, bulletin::Became::Draft(..)));
    server.feed(&signed(&genuine, "signer"));
    assert_eq!(looked(&poller).await.drafts, 1);
    let (right, wrong) = (by_title(world, "Cảnh báo thật").await, by_title(world, "Gọi 0900 để nhận lại tiền").await);
    assert_eq!((right.standing(), right.signature(), right.earlier), (Standing::Waiting, Signature::Verified, Some(wrong.id)));
    assert!(wrong.is_changed() && !right.is_changed(), "whoever works on the false one is told");
    // The name is the signed one's from then on; and what says the same is the same, whoever brought it first.
    assert!(matches!(bring("trang-tin", &fake).await, bulletin::Became::Noted(_, Why::Repeated)));
    world.advance(17 * MINUTE).await;
    let second = alert(world, "a2", "Cảnh báo hai");
    assert!(matches!(bring("bao", &second).await, bulletin::Became::Draft(..)));
    server.feed(&signed(&second, "signer"));
    let look = looked(&poller).await;
    assert_eq!((look.drafts, look.noted), (0, 1));
}

async fn what_a_source_changes_updates_or_cancels_is_told(world: &World) {
    let server = Server::open().await;
    let config = settings(&server, "");
    let poller = poller(world, &config);
    server.feed(&rss(&[item(world, "a", "Tin a", "Bản đầu.", 0)]));
    looked(&poller).await;
    let one = by_title(world, "Tin a").await;
    let slug = one.campaign.clone().unwrap();
    server.feed(&rss(&[item(world, "a", "Tin a", "Bản sửa.", 0)]));
    world.advance(17 * MINUTE).await;
    assert_eq!(looked(&poller).await.changed, 1);
    let changed = bulletin::one(&world.db, one.id).await.unwrap().unwrap();
    assert!(changed.is_changed() && changed.standing() == Standing::Waiting);
    let said = bulletin::said(&world.db, one.id).await.unwrap().unwrap();
    assert_eq!((said.body.as_str(), said.made_body.as_str()), ("Bản sửa.", "Bản đầu."), "what the draft was made of stays");
    let draft = edition::latest(&world.db, &slug).await.unwrap().unwrap();
    assert!(draft.version == 1 && draft.text.contains("Bản đầu."), "nobody's draft is changed under their hands");
    assert!(told(world, &config).await.iter().any(|(kind, _)| *kind == notice::Kind::BulletinChanged));
    assert!(bulletin::look(&world.db, one.id, &loa::audit::Actor::command("Lan"), world.now()).await.unwrap());
    assert!(!told(world, &config).await.iter().any(|(kind, _)| *kind == notice::Kind::BulletinChanged));
    assert!(!bulletin::look(&world.db, one.id, &loa::audit::Actor::command("Lan"), world.now()).await.unwrap(), "seen already");

    // CAP says which one it takes the place of, or withdraws.
    let first = alert(world, "w1", "Bản một");
    server.feed(&cap::write(&first).unwrap());
    world.advance(17 * MINUTE).await;
    assert_eq!(looked(&poller).await.drafts, 1);
    let update = Alert { msg_type: MsgType::Update, references: vec![first.reference()], ..alert(world, "w2", "Bản hai") };
    server.feed(&cap::write(&update).unwrap());
    world.advance(17 * MINUTE).await;
    assert_eq!(looked(&poller).await.drafts, 1, "an update is to be sent, too");
    let (earlier, later) = (by_title(world, "Bản một").await, by_title(world, "Bản hai").await);
    assert_eq!((later.earlier, later.kind()), (Some(earlier.id), bulletin::Kind::Update));
    assert!(earlier.is_changed() && !later.is_changed());
    let cancel = Alert {
        msg_type: MsgType::Cancel,
        references: vec![update.reference()],
        note: Some("Nhầm địa bàn".to_string()),
        ..alert(world, "w3", "Thu hồi")
    };
    server.feed(&cap::write(&cancel).unwrap());
    world.advance(17 * MINUTE).await;
    let withdrawn = looked(&poller).await;
    assert_eq!((withdrawn.drafts, withdrawn.noted), (0, 1), "nobody is warned by a cancellation");
    let (later, cancelled) = (by_title(world, "Bản hai").await, by_title(world, "Thu hồi").await);
    assert_eq!((cancelled.standing(), cancelled.earlier), (Standing::Noted(Why::Withdraws), Some(later.id)));
    assert!(later.is_changed() && !cancelled.may_be_promoted());
    assert_eq!((audited(world, "bulletin.updated").await, audited(world, "bulletin.cancelled").await), (1, 1));

    // Exercises and what is over warn nobody; the same warning by another name is the same.
    let exercise =
        Alert { status: Status::Exercise, note: Some("Diễn tập".to_string()), ..alert(world, "w4", "Diễn tập") };
    let mut over = alert(world, "w5", "Đã hết hạn");
    over.infos[0].expires = over.infos[0].effective.or(Some(over.sent));
    let at = chrono::DateTime::from_timestamp_millis(world.now()).unwrap().to_rfc3339();
    let entries: Vec<String> = [&exercise, &over, &first]
        .iter()
        .enumerate()
        .map(|(n, alert)| {
            let document = cap::write(alert).unwrap();
            let (_, body) = document.split_once("?>").unwrap();
            format!(
                "<entry><id>e{n}</id><title>x</title><updated>{at}</updated><content type='text/xml'>{body}</content></entry>"
            )
        })
        .collect();
    server.feed(&format!("<feed><title>x</title>{}</feed>", entries.concat()));
    world.advance(17 * MINUTE).await;
    let idle = looked(&poller).await;
    assert_eq!((idle.drafts, idle.noted), (0, 3));
    assert_eq!(by_title(world, "Diễn tập").await.standing(), Standing::Noted(Why::NotActual));
    assert_eq!(by_title(world, "Đã hết hạn").await.standing(), Standing::Noted(Why::Over));
    let repeated = all(world).await.into_iter().find(|one| one.standing() == Standing::Noted(Why::Repeated)).unwrap();
    assert_eq!(repeated.earlier, Some(earlier.id));
}

on_both_engines!(
    only_what_the_pinned_certificate_signed_becomes_a_draft,
    nobody_keeps_a_signed_warning_away_by_taking_its_name,
    what_a_source_changes_updates_or_cancels_is_told,
);
