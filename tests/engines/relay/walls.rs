//! Who sees an order: its outlet, its department, and nobody else.

use loa::{
    outlet::{self, Kind, Way},
    relay::{
        By, Eyes, Refusal, State, answer,
        count::{self, Cut, Selection},
        hand, order,
        report::{self, Rejected},
    },
    user::{self, Scope},
};

use super::{World, content, line, of_outlet, outlet_of, province, reported, somebody, state, take};
use crate::engines::world::{HOUR, by_sms};

async fn a_partner_sees_its_own_orders_alone(world: &World) {
    let (viettel, vina) =
        (outlet_of(world, "viettel", Kind::Carrier, Way::Pull).await, outlet_of(world, "vina", Kind::Carrier, Way::Pull).await);
    let (own, other) = (world.order_to(&viettel, content(world)).await, world.order_to(&vina, content(world)).await);
    let actor = somebody();
    let as_viettel = of_outlet(world, &actor, &viettel);
    assert_eq!(answer::acknowledge(&world.db, other, "", &as_viettel).await.unwrap(), Err(Refusal::NoSuchOrder));
    assert_eq!(hand::fetch(&world.db, other, &as_viettel).await.unwrap(), Err(Refusal::NoSuchOrder));
    let report = reported(world, 1, vec![line("01", 1, [10, 10, 9])]);
    let rejected = report::take(&world.db, other, &report, province, &as_viettel).await.unwrap();
    assert_eq!(rejected, Err(Rejected::Refused(Refusal::NoSuchOrder)));
    assert_eq!(state(world, other).await, State::Approved);
    let identifier = world.order(other).await.identifier;
    assert!(order::by_identifier(&world.db, &identifier, as_viettel.eyes, world.now()).await.unwrap().is_none());
    let filter = order::Filter { outlet: Some(vina.id), ..order::Filter::default() };
    assert_eq!(order::list(&world.db, &filter, as_viettel.eyes, 10, world.now()).await.unwrap(), []);
    let seen = order::list(&world.db, &order::Filter::default(), as_viettel.eyes, 10, world.now()).await.unwrap();
    assert_eq!(seen.iter().map(|order| order.id).collect::<Vec<_>>(), [own]);

    // The feed hands nothing over; fetching does, once.
    assert_eq!(hand::feed(&world.db, viettel.id, world.now()).await.unwrap().len(), 1);
    assert_eq!(state(world, own).await, State::Approved);
    hand::fetch(&world.db, own, &as_viettel).await.unwrap().unwrap();
    world.advance(HOUR).await;
    let again = hand::fetch(&world.db, own, &of_outlet(world, &actor, &viettel)).await.unwrap().unwrap();
    assert_eq!((again.state, again.handed_at), (State::HandedOver, Some(world.now() - HOUR)));
    // What was withdrawn before anybody had it was never there.
    order::withdraw(&world.db, other, "nhầm", &world.by(&actor)).await.unwrap().unwrap();
    assert!(order::one(&world.db, other, Eyes::Outlet(vina.id), world.now()).await.unwrap().is_none());
    world.is_sound().await;
}

async fn departments_see_their_own(world: &World) {
    let now = world.now();
    let school = outlet_of(world, "truong", Kind::School, Way::Hand).await;
    let mut scopes: Vec<Scope> = Vec::new();
    for (name, email) in [("Sở Văn hóa", "an@example.vn"), ("Công an tỉnh", "binh@example.vn")] {
        let department = user::add_department(&world.db, name, &somebody(), now).await.unwrap().unwrap();
        let new = user::New {
            email: email.into(),
            name: name.into(),
            roles: [user::Role::Officer].into_iter().collect(),
            every_department: false,
            departments: vec![department],
        };
        let id = user::add(&world.db, &new, &somebody(), now).await.unwrap().unwrap();
        scopes.push(user::find(&world.db, id).await.unwrap().unwrap().departments);
    }
    let run = world.run(&by_sms()).await;
    let id = world.ask(run, "Sở Văn hóa", &[(school, content(world))]).await[0];
    take(world, id, &reported(world, 1, vec![line("01", 1, [10, 10, 9])])).await.unwrap();
    let selection = Selection::default();
    for (scope, sees) in [(&scopes[0], true), (&scopes[1], false)] {
        let eyes = Eyes::Office(scope);
        assert_eq!(order::one(&world.db, id, eyes, now).await.unwrap().is_some(), sees);
        assert_eq!(!count::figures(&world.db, &selection, Cut::All, eyes).await.unwrap().is_empty(), sees);
        assert_eq!(!count::progress(&world.db, None, None, eyes).await.unwrap().is_empty(), sees);
        let actor = somebody();
        let closed = order::close(&world.db, id, "đủ", &By { actor: &actor, eyes, now }).await.unwrap();
        assert_eq!(closed.is_ok(), sees, "{closed:?}");
    }
}

/// A character that an address may have and no database takes is no fault of ours to be logged, but a name that nobody has.
async fn a_name_that_no_database_takes_is_nobodys(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Pull).await;
    world.order_to(&viettel, content(world)).await;
    for name in ["\0", "viettel\0", "loa-1-viettel-0\0"] {
        assert!(order::by_identifier(&world.db, name, Eyes::All, world.now()).await.unwrap().is_none());
        assert!(outlet::by_slug(&world.db, &world.seal, name).await.unwrap().is_none());
        assert_eq!(loa::publish::document(&world.db, name).await.unwrap(), None);
        let filter = order::Filter { campaign: Some(name.to_string()), ..order::Filter::default() };
        assert_eq!(order::list(&world.db, &filter, Eyes::All, 10, world.now()).await.unwrap(), []);
    }
}

on_both_engines!(a_partner_sees_its_own_orders_alone, departments_see_their_own, a_name_that_no_database_takes_is_nobodys);
