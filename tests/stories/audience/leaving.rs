//! What is known about people leaves, is forgotten, and is sealed anew.

use std::fmt::Write as _;

use loa::{
    audience::{
        erase::erase,
        export::{export, export_to},
        import::{Order, import},
        key,
    },
    consent::{self, Said, Scope},
    seal::{Kind, Seal},
    words::Lang,
};
use providers::Channel;

use super::{exported, figures, import_text};
use crate::helpers::{self, grounds};

#[tokio::test]
async fn an_export_is_a_list_and_an_erased_person_is_in_none() {
    for ground in grounds().await {
        let list = "ref,name,phone,email,area,groups,born,nghe\na,An,0901111111,an@example.vn,00004,x;y,1950,\"thợ \"\"bạc\"\"\"\nb,Bình,0902222222,,01,x,,\n";
        import_text(&ground, "list.csv", list).await.unwrap();
        let phone = ground.seal.hash(Kind::Phone, "+84901111111");
        let said = Said { source: "officer", wording: "gọi điện", at: ground.clock.millis() };
        consent::record(&ground.db, Channel::Sms, phone, Scope::All, said).await.unwrap();

        let path = ground.folder.path().join("export.csv");
        assert_eq!(export_to(&ground.db, &ground.seal, None, &path).await.unwrap(), 2);
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap()) & 0o777, 0o600);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("sms:all") && text.contains("Phường Ba Đình, Thành phố Hà Nội"), "{text}");
        let order = Order { path, source: "danh-sach".into(), replace: true, lang: Lang::Vi };
        let summary = import(&ground.db, &ground.seal, &ground.clock, &order, |_| {}).await.unwrap();
        assert_eq!(figures(&summary), [2, 0, 2, 0, 0, 0]);
        assert_eq!(format!("\u{feff}{}", exported(&ground, None).await), text);

        let now = ground.clock.millis();
        assert!(erase(&ground.db, "a", "Lan", now).await.unwrap().is_some());
        assert!(erase(&ground.db, "a", "Lan", now).await.unwrap().is_none());
        assert!(!exported(&ground, None).await.contains("An"));
        assert_eq!(ground.number("SELECT count(*) FROM recipient").await, 2);
        let left = "SELECT count(*) FROM recipient WHERE state = 2 AND name IS NULL AND phone IS NULL AND phone_hash IS NULL \
                    AND email IS NULL AND born IS NULL AND attributes = '{}' AND ref LIKE 'erased-%'";
        assert_eq!(ground.number(left).await, 1);
        assert_eq!(ground.number("SELECT count(*) FROM membership").await, 1);
        assert_eq!(consent::refused(&ground.db, Channel::Sms, &[phone], now).await.unwrap().get(&phone), Some(&Scope::All));
    }
}

#[tokio::test]
async fn a_rotation_seals_anew_and_changes_no_hash() {
    for ground in grounds().await {
        let db = &ground.db;
        let mut list = String::from("ref,phone,email,zalo_id\n");
        for n in 0..1200 {
            writeln!(list, "r{n},090{n:07},p{n}@example.vn,{}", 1_000_000 + n).unwrap();
        }
        import_text(&ground, "list.csv", &list).await.unwrap();
        let before = exported(&ground, None).await;
        let hash = ground.seal.hash(Kind::Phone, "+84900000001");

        assert!(matches!(key::load(db, &helpers::key(2), &[]).await, Err(key::KeyError::Foreign)));
        let seal = key::load(db, &helpers::key(2), &[helpers::key(1)]).await.unwrap();
        assert_eq!(seal.hash(Kind::Phone, "+84900000001"), hash);
        assert_eq!(key::rekey(db, &seal, |_| {}).await.unwrap(), 1200);
        assert_eq!(key::rekey(db, &seal, |_| {}).await.unwrap(), 0);

        let seal: Seal = key::load(db, &helpers::key(2), &[]).await.unwrap();
        assert_eq!(seal.hash(Kind::Phone, "+84900000001"), hash);
        let mut after = Vec::new();
        export(db, &seal, None, &mut after).await.unwrap();
        assert_eq!(String::from_utf8(after).unwrap(), before);
        assert!(matches!(key::load(db, &helpers::key(1), &[]).await, Err(key::KeyError::Foreign)));
    }
}
