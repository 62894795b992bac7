//! What people agreed to and refused is remembered.

use loa::consent::{self, Said, Scope, agreement};
use providers::Channel;

use super::import_text;
use crate::helpers::grounds;

#[tokio::test]
async fn what_a_list_says_of_consent_is_remembered_where_it_changes() {
    for ground in grounds().await {
        let head = "ref,name,phone,consent_basis,consent_source,consent_at,consent_wording\n";
        let agreed = "a,An,0901111111,đồng ý,phiếu,01/10/2026,Tôi đồng ý nhận tin\nb,Bình,0902222222,,,,\n";
        let import = async |name: &str, text: String| import_text(&ground, name, &text).await.unwrap();
        import("1.csv", format!("{head}{agreed}")).await;
        // The same list again, and one without these columns, say nothing new.
        import("2.csv", format!("{head}{agreed}")).await;
        import("3.csv", "ref,name,phone\na,An,0901111111\n".to_string()).await;
        import("4.csv", "ref,phone,consent_basis,consent_source,consent_at\na,0901111111,đồng ý,phiếu,01/10/2026\n".into()).await;
        assert_eq!(ground.number("SELECT count(*) FROM consent").await, 1);
        import("5.csv", format!("{head}a,An,0901111111,nhiệm vụ công,,,\n")).await;
        import("6.csv", format!("{head}a,An,0901111111,,,,\nb,Bình,0902222222,consent,web,,\n")).await;
        let history = agreement::history(&ground.db, 1).await.unwrap();
        let said: Vec<_> = history.iter().map(|one| (one.given, one.basis.as_str(), one.wording.as_str())).collect();
        assert_eq!(said, [(true, "đồng ý", "Tôi đồng ý nhận tin"), (true, "nhiệm vụ công", ""), (false, "", ""),]);
        assert!(history.iter().all(|one| one.channel == 0 && one.by_whom == "danh-sach"), "{history:?}");
        assert_eq!(agreement::history(&ground.db, 2).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_refusal_stands_until_it_is_taken_back_and_all_of_it_is_remembered() {
    for ground in grounds().await {
        let db = &ground.db;
        let said = |at| Said { source: "link", wording: "Từ chối nhận tin", at };
        let first = consent::record(db, Channel::Sms, 7, Scope::All, said(1)).await.unwrap();
        // Refusing less afterwards does not make it less.
        consent::record(db, Channel::Sms, 7, Scope::Awareness, said(2)).await.unwrap();
        consent::record(db, Channel::Email, 7, Scope::Awareness, said(3)).await.unwrap();
        let refused = async |channel| consent::refused(db, channel, &[7, 8], 0).await.unwrap().get(&7).copied();
        assert_eq!((refused(Channel::Sms).await, refused(Channel::Email).await), (Some(Scope::All), Some(Scope::Awareness)));
        assert!(!Scope::Awareness.covers(loa::campaign::Kind::Warning) && Scope::All.covers(loa::campaign::Kind::Warning));

        let back = loa::transaction!(db, |tx| consent::take_back(tx, Channel::Sms, 7, said(4)).await).unwrap();
        assert_eq!((refused(Channel::Sms).await, refused(Channel::Chat).await), (None, None));
        let history = consent::history(db, Channel::Sms, 7).await.unwrap();
        let told: Vec<_> = history.iter().map(|event| (event.refused, event.at)).collect();
        assert_eq!(told, [(Some(Scope::All), 1), (Some(Scope::Awareness), 2), (None, 4)]);

        // Whoever polls learns how things stand now, of old events too: nothing that was committed late is missed.
        let changes = consent::since(db, back).await.unwrap();
        assert!(changes.iter().any(|change| change.id == first));
        let last = |channel| changes.iter().rev().find(|change| change.channel == channel).unwrap().standing.refuses(0);
        assert_eq!((last(Channel::Sms), last(Channel::Email)), (None, Some(Scope::Awareness)));
    }
}
