//! Who approves an Update in the place of an approver who is away.

use chrono::Days;
use loa::{
    approval::{Power, delegation},
    audit::Actor,
    outlet::{Kind, Way},
    relay::{By, Content, Eyes, Refusal, State, answer, follow, order},
    user::{self, Role, User},
};

use super::{World, content, outlet_of, somebody, state};

async fn user_of(world: &World, name: &str, role: Role) -> User {
    let new = user::New {
        email: format!("{name}@example.vn"),
        name: name.into(),
        roles: [role].into_iter().collect(),
        every_department: true,
        departments: Vec::new(),
    };
    let id = user::add(&world.db, &new, &somebody(), world.now()).await.unwrap().unwrap();
    user::find(&world.db, id).await.unwrap().unwrap()
}

fn of(user: &User) -> Actor {
    Actor { user: Some(user.id), ..Actor::command(&user.name) }
}

async fn a_delegate_approves_in_the_place_of_whoever_is_away(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let (officer, deputy) = (user_of(world, "lan", Role::Officer).await, user_of(world, "binh", Role::Officer).await);
    let chief = user_of(world, "minh", Role::Approver).await;
    let update_by = async |writer: &User| {
        let id = world.order_to(&viettel, content(world)).await;
        answer::acknowledge(&world.db, id, "", &world.by(&somebody())).await.unwrap().unwrap();
        let changed = Content { title: "Bản sửa".into(), ..content(world) };
        follow::update(&world.db, id, &changed, "", &world.by(&of(writer))).await.unwrap().unwrap().id
    };
    let updates = [update_by(&officer).await, update_by(&chief).await, update_by(&deputy).await];
    let power = async |user: &User, id| order::power(&world.db, user, &world.order(id).await, world.now()).await.unwrap();
    assert_eq!((power(&chief, updates[0]).await, power(&deputy, updates[0]).await), (Some(Power::Own), None));

    let today = world.clock.now().date_naive();
    let away = delegation::New {
        approver: (chief.id, &chief.name),
        delegate: (deputy.id, &deputy.name),
        from: today - Days::new(1),
        through: today + Days::new(1),
        reason: "nghỉ phép",
    };
    delegation::make(&world.db, away, &of(&chief), world.now()).await.unwrap();
    assert_eq!(power(&officer, updates[0]).await, None, "that is another");
    let approved = async |id| {
        let power = power(&deputy, id).await.unwrap();
        let (actor, eyes) = (of(&deputy), Eyes::Office(&deputy.departments));
        let by = By { actor: &actor, eyes, now: world.now() };
        order::approve_for(&world.db, id, &by, power.stands_in()).await.unwrap().map(|order| order.state)
    };
    assert_eq!(approved(updates[1]).await, Err(Refusal::WritingOfTheApprover));
    assert_eq!(approved(updates[2]).await, Err(Refusal::OwnWriting));
    assert_eq!(approved(updates[0]).await, Ok(State::Approved));
    let record = "SELECT count(*) FROM audit WHERE action = 'order.approve' AND who = 'binh' AND after_json LIKE '%minh%'";
    assert_eq!(world.number(record).await, 1, "it says in whose place");
    assert_eq!(state(world, updates[1]).await, State::Drafted);

    // Whoever lost the right has none to leave to others.
    world.sql(&format!("UPDATE console_user SET disabled_at = 1 WHERE id = {}", chief.id)).await;
    assert_eq!(power(&deputy, updates[1]).await, None);
    world.is_sound().await;
}

on_both_engines!(a_delegate_approves_in_the_place_of_whoever_is_away);
