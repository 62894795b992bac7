//! Who passes texts on, as the store keeps them.

use loa::{
    outlet::{self, Kind, Way, Written},
    transaction,
};

use super::{World, content, outlet_of, somebody};
use crate::helpers::orders::written;

async fn an_outlet_is_kept_sealed_and_masked(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Push).await;
    assert_eq!(viettel.contact.as_deref(), Some("t…@example.vn"));
    assert_eq!(outlet::contact(&world.db, &world.seal, viettel.id).await.unwrap().as_deref(), Some("truc.ban@example.vn"));
    let plain = if world.db.engine() == loa::db::Engine::Sqlite {
        "SELECT count(*) FROM outlet WHERE instr(contact, CAST('truc' AS BLOB)) > 0"
    } else {
        "SELECT count(*) FROM outlet WHERE position(CAST('truc' AS BYTEA) IN contact) > 0"
    };
    assert_eq!(world.number(plain).await, 0);
    assert_eq!(world.number("SELECT count(*) FROM audit WHERE after_json LIKE '%truc%' OR before_json LIKE '%truc%'").await, 0);
    transaction!(world.db, |tx| outlet::reseal(tx, &world.seal).await).unwrap();
    assert!(outlet::contact(&world.db, &world.seal, viettel.id).await.unwrap().is_some());

    let change = async |contact: Option<&str>, title: &str| {
        let to = Written {
            title: title.into(),
            contact: contact.map(str::to_string),
            areas: vec!["01".into()],
            owner: "Sở Thông tin".into(),
            sender: "viettel.example.vn".into(),
            ..written("viettel", Kind::Carrier, Way::Pull)
        };
        transaction!(world.db, |tx| outlet::change(tx, &world.seal, &to, &somebody(), world.now()).await).unwrap().unwrap();
        outlet::by_slug(&world.db, &world.seal, "viettel").await.unwrap().unwrap()
    };
    let changed = change(None, "Viettel").await;
    assert_eq!((changed.title.as_str(), changed.contact.is_some(), changed.areas), ("Viettel", true, vec!["01".to_string()]));
    let records = "SELECT count(*) FROM audit WHERE action = 'outlet.change'";
    assert_eq!(world.number(records).await, 1);
    change(None, "Viettel").await;
    assert_eq!(world.number(records).await, 1, "nothing changed");
    assert_eq!(change(Some(""), "Viettel").await.contact, None);

    let twice = written("viettel", Kind::Carrier, Way::Hand);
    let taken = transaction!(world.db, |tx| outlet::add(tx, &world.seal, &twice, &somebody(), world.now()).await).unwrap();
    assert_eq!(taken, Err(outlet::Refused::Taken));
    world.order_to(&viettel, content(world)).await;
    let removed = outlet::remove(&world.db, "viettel", &somebody(), world.now()).await.unwrap();
    assert_eq!(removed, Err(outlet::Refused::HasOrders));
    outlet_of(world, "khac", Kind::Press, Way::Hand).await;
    outlet::remove(&world.db, "khac", &somebody(), world.now()).await.unwrap().unwrap();
    outlet::set_active(&world.db, "viettel", false, &somebody(), world.now()).await.unwrap().unwrap();
    assert!(!outlet::find(&world.db, &world.seal, viettel.id).await.unwrap().unwrap().active);
}

on_both_engines!(an_outlet_is_kept_sealed_and_masked);
