//! Sources are looked at: each in its time, by one node, as rarely as it asks, and without harm.

use loa::{
    bulletin::{Standing, Why},
    edition, notice,
    run::warning,
};

use super::{MINUTE, all, audited, by_title, item, looked, poller, rss, server::Server, settings, source, told};
use crate::{
    engines::world::{HOUR, World},
    helpers::orders::DAY,
};

async fn each_new_warning_becomes_one_draft_and_an_old_feed_floods_nobody(world: &World) {
    let server = Server::open().await;
    let config = settings(&server, "");
    let old: Vec<String> = (4..20).map(|day| item(world, &format!("cu-{day}"), "Tin cũ", "Đã qua.", day * DAY)).collect();
    let many: Vec<String> = (0..12).map(|n| item(world, &format!("moi-{n}"), &format!("Tin {n}"), "Mới.", HOUR)).collect();
    let undated = "<item><guid>khong-ngay</guid><title>Không ngày</title></item>".to_string();
    server.feed(&rss(&[many.clone(), vec![undated.clone()], old.clone()].concat()));
    let poller = poller(world, &config);
    let first = looked(&poller).await;
    assert_eq!((first.drafts, first.noted, first.trouble), (10, 2 + 1 + 16, None), "ten of the last days, and no more");
    assert_eq!(by_title(world, "Tin 11").await.standing(), Standing::Noted(Why::Many));
    assert_eq!(by_title(world, "Không ngày").await.standing(), Standing::Noted(Why::Older));
    assert!(poller.step().await.unwrap().is_empty(), "it is not due yet");

    // Nothing new: the server is asked by its marks, and says so.
    world.advance(17 * MINUTE).await;
    assert!(looked(&poller).await.unchanged);
    let (_, headers) = server.last();
    assert_eq!(
        (headers["if-none-match"].as_str(), headers["if-modified-since"].as_str()),
        ("\"0\"", "Mon, 02 Nov 2026 01:00:00 GMT")
    );

    // One more item: one more draft, with its source, for an officer to finish.
    let fresh = item(world, "a&amp;b", "Giả danh điện lực", "Không chuyển tiền. {{ name }} Gọi <b>156</b>.", 0);
    server.feed(&rss(&[vec![fresh.clone()], many.clone(), vec![undated.clone()], old.clone()].concat()));
    world.advance(17 * MINUTE).await;
    let second = looked(&poller).await;
    assert_eq!((second.drafts, second.noted, second.changed), (1, 0, 0));
    let one = by_title(world, "Giả danh điện lực").await;
    assert_eq!((one.standing(), one.owner.as_str(), one.publisher.as_str()), (Standing::Waiting, "Sở Mẫu", "Trung tâm Giám sát"));
    let slug = one.campaign.clone().unwrap();
    let draft = edition::latest(&world.db, &slug).await.unwrap().unwrap();
    assert_eq!((draft.kind, draft.owner.as_str(), draft.made_name.as_str()), (1, "Sở Mẫu", "loa"));
    assert!(
        draft.text.contains("Không chuyển tiền.") && draft.text.contains("Nguồn: Trung tâm Giám sát, 02/11/2026"),
        "{}",
        draft.text
    );
    assert!(!draft.text.contains("{{") && draft.text.contains("(( name ))"), "words, and never a placeholder: {}", draft.text);
    assert!(draft.comment.starts_with("Từ bản tin của Trung tâm Giám sát"), "{}", draft.comment);
    assert!(warning::get(&world.db, &slug).await.unwrap().is_some_and(|warning| warning.run.is_none()));
    assert!(warning::send_approved(&world.db, world.now()).await.unwrap().is_empty(), "nothing goes out by itself");
    assert_eq!((audited(world, "bulletin.draft").await, audited(world, "campaign.save").await), (11, 11));
    assert!(told(world, &config).await.iter().any(|(kind, says)| *kind == notice::Kind::BulletinWaiting
        && says == "A bulletin of Trung tâm Giám sát waits to be finished and sent: Giả danh điện lực"));

    // The same items in another order, dates and marks: nothing.
    server.feed(&rss(&[old, vec![undated, fresh], many].concat()));
    world.advance(17 * MINUTE).await;
    let third = looked(&poller).await;
    assert_eq!((third.drafts, third.noted, third.changed, third.unchanged), (0, 0, 0, false));
    assert_eq!(audited(world, "bulletin.draft").await, 11);
}

async fn of_two_nodes_one_looks_and_nothing_comes_twice(world: &World) {
    let server = Server::open().await;
    let config = settings(&server, "");
    let items: Vec<String> = (0..8).map(|n| item(world, &format!("g{n}"), &format!("Tin {n}"), "Mới.", HOUR)).collect();
    server.feed(&rss(&items));
    let (one, other) = (poller(world, &config), poller(world, &config));
    let (first, second) = tokio::join!(one.step(), other.step());
    assert_eq!(first.unwrap().len() + second.unwrap().len(), 1, "a look is claimed");
    assert_eq!(server.count(), 1);
    assert_eq!(all(world).await.len(), 8);

    // Both look all the same, as when a lease ran out while its node was only slow.
    let items: Vec<String> = (0..16).map(|n| item(world, &format!("g{n}"), &format!("Tin {n}"), "Mới.", HOUR)).collect();
    server.feed(&rss(&items));
    let (first, second) = tokio::join!(one.now(None), other.now(None));
    let made: usize = first.unwrap().iter().chain(&second.unwrap()).map(|looked| looked.drafts).sum();
    assert_eq!((made, all(world).await.len()), (8, 16));
    assert_eq!(world.number("SELECT count(DISTINCT campaign) FROM bulletin").await, 16);
    assert_eq!(world.number("SELECT count(*) FROM edition").await, 16);
    assert_eq!(world.number("SELECT count(*) FROM warning").await, 16);
}

async fn a_source_that_fails_is_asked_ever_more_rarely_and_somebody_is_told(world: &World) {
    let server = Server::open().await;
    let config = settings(&server, "every = \"10m\"");
    let poller = poller(world, &config);
    let begun = world.now();
    server.says("/feed", 500, &[], "");
    for wait in [63, 126] {
        let failed = looked(&poller).await;
        assert_eq!(failed.trouble.unwrap().en, "it cannot be read: HTTP 500");
        let now = world.now();
        assert_eq!(source(world).await.next_at, now + wait * 1_000, "a minute, doubled, and a twentieth of it");
        assert!(poller.step().await.unwrap().is_empty());
        world.advance(wait * 1_000).await;
    }
    assert!(told(world, &config).await.is_empty(), "twice is nothing to tell of");
    server.says("/feed", 503, &[("retry-after", "7200")], "");
    looked(&poller).await;
    assert_eq!(source(world).await.next_at, world.now() + 2 * HOUR, "as it asked");
    assert_eq!(
        told(world, &config).await,
        [(notice::Kind::BulletinSource, "The source of bulletins ncsc: it cannot be read: HTTP 503".to_string())]
    );
    world.advance(2 * HOUR).await;
    // An answer that is no feed is a failure, too: its mark is not kept.
    server.says("/feed", 200, &[("etag", "\"x\"")], "<html><body>Bảo trì</body></html>");
    let failed = looked(&poller).await;
    assert!(failed.trouble.unwrap().en.contains("neither Atom nor RSS nor CAP"), "told what it is");
    assert_eq!(source(world).await.failures, 4);
    world.advance(HOUR).await;
    server.feed(&rss(&[item(world, "a", "Tin", "Mới.", 0)]));
    let well = looked(&poller).await;
    assert_eq!((well.drafts, well.trouble), (1, None));
    assert!(!server.last().1.contains_key("if-none-match"), "nothing was known of it");
    let source = source(world).await;
    assert_eq!((source.failures, source.trouble(), source.next_at), (0, None, world.now() + 630_000));
    assert!(source.first_at.unwrap() > begun && told(world, &config).await.len() == 1);
}

async fn what_is_hostile_is_refused_and_harms_nobody(world: &World) {
    let server = Server::open().await;
    let config = settings(&server, "");
    let poller = poller(world, &config);
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE rss [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;\">]>\
                <rss><channel><item><title>&b;</title></item></channel></rss>";
    let outside = "<?xml version=\"1.0\"?><!DOCTYPE rss [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><rss><channel><item><title>&x;</title></item></channel></rss>";
    let deep = format!("<rss><channel><item>{}</item></channel></rss>", "<a>".repeat(100_000));
    let huge = format!("<rss><channel><title>{}</title></channel></rss>", "x".repeat(5 * 1024 * 1024));
    for (body, why) in [
        (bomb, "DOCTYPE"),
        (outside, "DOCTYPE"),
        (deep.as_str(), "too many elements"),
        (huge.as_str(), "longer than"),
        ("\u{0}\u{1}", "neither Atom"),
        ("", "neither Atom"),
    ] {
        server.says("/feed", 200, &[], body);
        let failed = poller.now(None).await.unwrap().remove(0);
        let said = failed.trouble.unwrap_or_else(|| panic!("{why}")).en;
        assert!(said.contains(why), "{why}: {said}");
    }
    assert!(all(world).await.is_empty());

    // What may lie inside is the server that was named, and no other that it leads to.
    let other = Server::open().await;
    other.feed(&rss(&[item(world, "b", "Bên trong", "Bí mật.", 0)]));
    for to in [
        format!("{}/feed", other.address),
        "http://169.254.169.254/latest".to_string(),
        "file:///etc/passwd".to_string(),
        "https://localhost/".to_string(),
    ] {
        server.says("/feed", 302, &[("location", to.as_str())], "");
        let failed = poller.now(None).await.unwrap().remove(0);
        assert!(failed.trouble.is_some(), "{to}");
    }
    server.says("/feed", 302, &[("location", "/feed")], "");
    assert!(poller.now(None).await.unwrap()[0].trouble.as_ref().unwrap().en.contains("more than 3 times"));
    assert_eq!((other.count(), all(world).await.len()), (0, 0));
    server.says("/feed", 301, &[("location", "/moi")], "");
    server.says("/moi", 200, &[], rss(&[item(world, "c", "<![CDATA[<script>alert(1)</script> [[x]]]]>", "", 0)]));
    assert_eq!(poller.now(None).await.unwrap()[0].drafts, 1, "on the same server it is followed");
    let item = &all(world).await[0];
    assert!(!item.title.contains("script"), "{}", item.title);

    // A document that an item leads to is asked for by the same rules.
    let entry = format!(
        "<feed><title>x</title><entry><id>e</id><title>Ngắn</title><updated>{}</updated><link type='application/cap+xml' href='{}/feed'/></entry></feed>",
        chrono::DateTime::from_timestamp_millis(world.now()).unwrap().to_rfc3339(),
        other.address
    );
    for _ in 0..3 {
        server.says("/feed", 200, &[], entry.clone());
        poller.now(None).await.unwrap();
    }
    assert_eq!(other.count(), 0, "nobody inside was asked");
    let given_up = by_title(world, "Ngắn").await;
    assert!(given_up.remark().unwrap().en.contains("could not be fetched"), "taken in the end as the feed has it");
}

on_both_engines!(
    each_new_warning_becomes_one_draft_and_an_old_feed_floods_nobody,
    of_two_nodes_one_looks_and_nothing_comes_twice,
    a_source_that_fails_is_asked_ever_more_rarely_and_somebody_is_told,
    what_is_hostile_is_refused_and_harms_nobody,
);
