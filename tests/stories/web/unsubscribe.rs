//! People refuse and take it back by a link, and find pages that speak to them.

use loa::{audience::import, consent::Scope, dispatch::unsubscribe_token, seal::Kind};
use providers::Channel;
use reqwest::{Method, StatusCode, header};

use super::{House, header_of, keep_page};
use crate::helpers::grounds;

#[tokio::test]
async fn looking_at_an_unsubscribe_link_changes_nothing() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let path = format!("/u/{}", unsubscribe_token(&house.ground.seal, Channel::Email, -42));
        for method in [Method::GET, Method::HEAD] {
            for query in ["", "?scope=all&action=stop", "?List-Unsubscribe=One-Click", "?lang=en&done"] {
                let answer = house.ask(method.clone(), &house.public, &format!("{path}{query}")).send().await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK);
            }
        }
        assert_eq!(house.said(Channel::Email, -42).await, []);
    }
}

#[tokio::test]
async fn one_click_ends_the_regular_advice_and_leaves_warnings() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let path = format!("/u/{}", unsubscribe_token(&house.ground.seal, Channel::Email, 42));
        let post = || house.ask(Method::POST, &house.public, &path);
        let answer = post().form(&[("List-Unsubscribe", "One-Click")]).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "no redirect: mail programs follow none");
        assert_eq!(house.refused(Channel::Email, 42).await, Some(Scope::Awareness));
        let parts = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
        let multipart = post().header(header::CONTENT_TYPE, "multipart/form-data; boundary=b").body(parts);
        assert_eq!(multipart.send().await.unwrap().status(), StatusCode::OK);
        let words = ("link".to_string(), "List-Unsubscribe=One-Click".to_string());
        assert_eq!(house.said(Channel::Email, 42).await, [words.clone(), words]);
        assert_eq!(house.refused(Channel::Sms, 42).await, None, "another channel is another matter");
    }
}

#[tokio::test]
async fn the_form_refuses_as_much_as_was_chosen_and_takes_it_back() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let path = format!("/u/{}?lang=vi", unsubscribe_token(&house.ground.seal, Channel::Sms, 9));
        let post =
            async |fields: &[(&str, &str)]| house.ask(Method::POST, &house.public, &path).form(fields).send().await.unwrap();
        let page = async || house.ask(Method::GET, &house.public, &path).send().await.unwrap().text().await.unwrap();
        let fresh = page().await;
        assert!(fresh.contains("value=\"awareness\" checked"), "{fresh}");
        assert!(fresh.contains("Sở VHTTDL &lt;Mẫu&gt;"), "{fresh}");

        let answer = post(&[("action", "stop"), ("scope", "awareness")]).await;
        assert_eq!((answer.status(), header_of(&answer, "location")), (StatusCode::SEE_OTHER, "?lang=vi&done"));
        assert_eq!(house.refused(Channel::Sms, 9).await, Some(Scope::Awareness));
        assert!(page().await.contains("cảnh báo khẩn vẫn được gửi"));

        post(&[("action", "stop"), ("scope", "all")]).await;
        assert_eq!(house.refused(Channel::Sms, 9).await, Some(Scope::All));
        let all = page().await;
        assert!(all.contains("Đã ngừng mọi tin") && all.contains("value=\"undo\""), "{all}");

        post(&[("action", "undo")]).await;
        assert_eq!(house.refused(Channel::Sms, 9).await, None);
        let said: Vec<String> = house.said(Channel::Sms, 9).await.into_iter().map(|(_, wording)| wording).collect();
        assert_eq!(
            said,
            [
                "Ngừng tin tuyên truyền định kỳ qua tin nhắn SMS",
                "Ngừng mọi tin qua tin nhắn SMS, kể cả cảnh báo khẩn",
                "Nhận lại tin qua tin nhắn SMS",
            ]
        );
        assert!(said[..2].iter().all(|words| fresh.contains(words)), "what is recorded stood on the page");

        let nonsense = post(&[("scope", "everything")]).await;
        assert_eq!(nonsense.status(), StatusCode::BAD_REQUEST);
        assert!(nonsense.text().await.unwrap().contains("Chưa có gì được thay đổi"));
        assert_eq!(house.said(Channel::Sms, 9).await.len(), 3);
    }
}

#[tokio::test]
async fn the_form_offers_other_channels_and_months_without_saying_which_there_are() {
    for ground in grounds().await {
        let list = "ref,name,phone,email\na,An,0901111111,an@example.vn\nb,Bình,0902222222,b@example.vn\nc,Chi,0902222222,\n";
        let file = ground.folder.path().join("list.csv");
        std::fs::write(&file, list).unwrap();
        let order = import::Order { path: file, source: "ds".into(), replace: false, lang: loa::words::Lang::Vi };
        import::import(&ground.db, &ground.seal, &ground.clock, &order, |_| {}).await.unwrap();
        let house = House::open(ground).await;
        let hash = |kind, plain: &str| house.ground.seal.hash(kind, plain);
        let (email, phone) = (hash(Kind::Email, "an@example.vn"), hash(Kind::Phone, "+84901111111"));
        let path = |channel, address| format!("/u/{}?lang=vi", unsubscribe_token(&house.ground.seal, channel, address));
        let own = path(Channel::Email, email);
        let post =
            async |fields: &[(&str, &str)]| house.ask(Method::POST, &house.public, &own).form(fields).send().await.unwrap();
        let (_, fresh) = house.get(&own).await;
        keep_page("fresh", &fresh);
        assert!(fresh.contains("Qua kênh nào?") && fresh.contains("<label for=\"months\">"), "{fresh}");
        assert!(!fresh.contains("example.vn") && !fresh.contains("SMS") && !fresh.contains("0901"), "{fresh}");
        assert!(house.said(Channel::Email, email).await.is_empty(), "looking changes nothing");

        // For three months, everywhere: it is 2 November 2026.
        let wish = [("action", "stop"), ("scope", "awareness"), ("months", "3"), ("where", "all")];
        assert_eq!(post(&wish).await.status(), StatusCode::SEE_OTHER);
        let (_, paused) = house.get(&format!("{own}&done")).await;
        keep_page("paused", &paused);
        assert!(paused.replace("&#x2f;", "/").contains("02/02/2027") && paused.contains("value=\"undo-all\""), "{paused}");
        for (channel, address) in [(Channel::Email, email), (Channel::Sms, phone)] {
            assert_eq!(house.refused(channel, address).await, Some(Scope::Awareness));
            let words = "Ngừng tin tuyên truyền định kỳ · Qua mọi kênh mà chúng tôi có địa chỉ của quý vị · Trong 3 tháng";
            assert_eq!(house.said(channel, address).await, [("link".to_string(), words.to_string())]);
            assert!(words.split(" · ").all(|part| fresh.contains(part)), "what is recorded stood on the page");
        }
        // Back on this channel alone, and then on all.
        post(&[("action", "undo")]).await;
        assert_eq!(
            (house.refused(Channel::Email, email).await, house.refused(Channel::Sms, phone).await.is_some()),
            (None, true)
        );
        let (_, back) = house.get(&format!("{own}&done")).await;
        keep_page("back", &back);
        assert!(back.contains("Qua kênh khác vẫn còn ngừng"), "{back}");
        post(&[("action", "undo-all")]).await;
        assert_eq!(house.refused(Channel::Sms, phone).await, None);
        post(&[("action", "stop"), ("scope", "all"), ("where", "here"), ("months", "")]).await;
        assert_eq!(
            (house.refused(Channel::Email, email).await, house.refused(Channel::Sms, phone).await),
            (Some(Scope::All), None)
        );
        let (_, all) = house.get(&own).await;
        keep_page("all", &all);
        // Nonsense changes nothing.
        let wrong = post(&[("action", "stop"), ("scope", "all"), ("months", "1000")]).await;
        assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
        keep_page("wrong", &wrong.text().await.unwrap());

        // A phone that two share speaks for itself alone.
        let shared = hash(Kind::Phone, "+84902222222");
        let (_, page) = house.get(&path(Channel::Sms, shared)).await;
        assert!(!page.contains("Qua kênh nào?"), "{page}");
        house.ask(Method::POST, &house.public, &path(Channel::Sms, shared)).form(&wish).send().await.unwrap();
        assert_eq!(house.refused(Channel::Email, hash(Kind::Email, "b@example.vn")).await, None);
    }
}

#[tokio::test]
async fn a_broken_link_is_told_kindly() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let token = unsubscribe_token(&house.ground.seal, Channel::Email, 42);
        for broken in [&token[..23], "x", &token.replace(|c: char| c.is_ascii_digit(), "z")] {
            for method in [Method::GET, Method::POST] {
                let request =
                    house.ask(method, &house.public, &format!("/u/{broken}")).form(&[("List-Unsubscribe", "One-Click")]);
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), StatusCode::NOT_FOUND);
                assert!(answer.text().await.unwrap().contains("Liên kết này không dùng được"));
            }
        }
    }
}

#[tokio::test]
async fn pages_speak_the_readers_language_and_load_nothing() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        let path = format!("/u/{}", unsubscribe_token(&house.ground.seal, Channel::Chat, 1));
        let english =
            house.ask(Method::GET, &house.public, &path).header(header::ACCEPT_LANGUAGE, "en-GB,vi;q=0.5").send().await.unwrap();
        let policy = header_of(&english, "content-security-policy").to_string();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("x-robots-tag", "noindex, nofollow"),
            ("content-language", "en"),
        ] {
            assert_eq!(header_of(&english, name), value, "{name}");
        }
        let text = english.text().await.unwrap();
        assert!(text.contains("<html lang=\"en\">") && text.contains("Which messages should stop?"), "{text}");
        assert!(!text.contains("src=") && !text.contains("<script") && !text.contains("style=\""), "{text}");
        let vietnamese = house.ask(Method::GET, &house.public, &format!("{path}?lang=vi")).header(header::ACCEPT_LANGUAGE, "en");
        assert!(vietnamese.send().await.unwrap().text().await.unwrap().contains("<html lang=\"vi\">"));
    }
}

#[tokio::test]
async fn the_internet_sees_receipts_and_unsubscribe_pages_alone() {
    for ground in grounds().await {
        let house = House::open(ground).await;
        for path in ["/", "/metrics", "/readyz", "/healthz", "/api/v1/runs", "/receipts/kannel"] {
            let answer = house.ask(Method::GET, &house.public, path).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
            assert_eq!(header_of(&answer, "x-content-type-options"), "nosniff");
        }
    }
}
