//! Thousands of schools: a page opens the contacts that it shows, and no others.

use loa::{
    audit::Actor,
    outlet::{self, Kind, Way, Written},
    transaction,
    user::Role,
};

use crate::{helpers::orders::written, stories::sign_in::desk::Desk};

/// More than stand on a page.
const SCHOOLS: u64 = 130;

#[tokio::test]
async fn a_page_of_outlets_opens_the_contacts_that_it_shows() {
    for desk in Desk::all().await {
        let (db, seal, actor) = (&desk.ground.db, &desk.ground.seal, Actor::command("test"));
        transaction!(db, |tx| {
            for n in 0..SCHOOLS {
                let school = written(&format!("truong-{n:03}"), Kind::School, Way::Hand);
                let school = Written { contact: Some(format!("t{n}@example.vn")), ..school };
                outlet::add(tx, seal, &school.checked(|_| true).unwrap(), &actor, desk.clock.millis()).await?.unwrap();
            }
            Ok(())
        })
        .unwrap();
        desk.user("soan@example.vn", &[Role::Officer, Role::Administrator]).await;
        let browser = desk.signed_in("soan@example.vn").await;
        let opened = async |path: &str| {
            let before = seal.opened();
            let page = browser.get(path).await.text;
            (page.matches("t…@example.vn").count(), seal.opened() - before)
        };
        assert_eq!(opened("/outlets").await, (100, 100));
        assert_eq!(opened("/outlets?page=1").await, (30, 30));
        assert_eq!(opened("/outlets?q=truong-129").await, (1, 1));
        assert_eq!(opened("/outlets?kind=carrier").await, (0, 0));
        assert_eq!(opened("/users/new").await, (0, 0), "names alone");
    }
}
