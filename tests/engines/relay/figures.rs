//! The figures of what counts, and a recount that finds whatever was changed by hand.

use loa::{
    outlet::{Kind, Way},
    relay::{
        Content, Eyes, Status,
        count::{self, Cut, Selection},
        recount,
        report::{Count, Report},
    },
};

use super::{World, content, line, outlet_of, reported, take};

async fn figures_are_of_what_counts(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let vina = outlet_of(world, "vina", Kind::Carrier, Way::Hand).await;
    let (a, b) = (world.order_to(&viettel, content(world)).await, world.order_to(&vina, content(world)).await);
    for status in [Status::Exercise, Status::Test] {
        let exercise = world.order_to(&viettel, Content { status, ..content(world) }).await;
        take(world, exercise, &reported(world, 1, vec![line("01", 1, [7, 7, 7])])).await.unwrap();
    }
    take(
        world,
        a,
        &reported(world, 1, vec![line("01", 1, [100, 90, 80]), line("01", 2, [60, 60, 50]), line("79", 1, [10, 0, 0])]),
    )
    .await
    .unwrap();
    let silent = Count { delivered: None, cost: Some(5), ..line("01", 1, [40, 40, 0]) };
    take(world, b, &reported(world, 1, vec![silent])).await.unwrap();
    let figures = async |cut| count::figures(&world.db, &Selection::default(), cut, Eyes::All).await.unwrap();
    let all = figures(Cut::All).await[""];
    assert_eq!((all.orders, all.subscribers, all.targeted, all.submitted), (2, 150, 210, 190));
    assert_eq!((all.delivered, all.failed, all.parts, all.cost), (Some(130), None, Some(190), Some(5)));
    let outlets = figures(Cut::Outlet).await;
    assert_eq!((outlets["viettel"].subscribers, outlets["vina"].delivered), (110, None));
    let areas = figures(Cut::Area).await;
    assert_eq!((areas["01"].orders, areas["01"].targeted, areas["79"].targeted), (2, 200, 10));
    let rounds = figures(Cut::Round).await;
    assert_eq!((rounds["1"].targeted, rounds["2"].targeted, rounds["2"].subscribers), (150, 60, 60));
    let orders = figures(Cut::Order).await;
    assert_eq!((orders.len(), orders[&b.to_string()].cost), (2, Some(5)));
    let as_vina = count::figures(&world.db, &Selection::default(), Cut::Outlet, Eyes::Outlet(vina.id)).await.unwrap();
    assert_eq!(as_vina.keys().collect::<Vec<_>>(), ["vina"]);
    let later = Selection { from: "2999-01-01".parse().ok(), ..Selection::default() };
    assert!(count::figures(&world.db, &later, Cut::All, Eyes::All).await.unwrap().is_empty());
    let earlier = Selection { through: "2999-01-01".parse().ok(), ..Selection::default() };
    assert_eq!(count::figures(&world.db, &earlier, Cut::All, Eyes::All).await.unwrap()[""], all);
    assert_eq!(figures(Cut::Campaign).await["chien-dich"], all);

    // Whoever is counted by province first and by ward then is the same subscriber; a school that counts nothing is done all the same.
    let c = world.order_to(&vina, content(world)).await;
    let wards = vec![line("01", 1, [50, 50, 50]), line("00004", 2, [20, 20, 20]), line("79", 1, [1, 1, 1])];
    take(world, c, &reported(world, 1, wards)).await.unwrap();
    let of_c = Selection { order: Some(c), ..Selection::default() };
    let counted = async |cut| count::figures(&world.db, &of_c, cut, Eyes::All).await.unwrap();
    assert_eq!((counted(Cut::All).await[""].subscribers, counted(Cut::All).await[""].lines), (51, 3));
    let provinces = counted(Cut::Province).await;
    assert_eq!((provinces["01"].subscribers, provinces["01"].targeted, provinces["79"].subscribers), (50, 70, 1));
    assert_eq!(counted(Cut::Area).await["00004"].subscribers, 20);
    let school = outlet_of(world, "truong", Kind::School, Way::Hand).await;
    let asked = world.order_to(&school, content(world)).await;
    take(world, asked, &Report { last: true, ..reported(world, 1, vec![]) }).await.unwrap();
    let outlets = figures(Cut::Outlet).await;
    assert_eq!((outlets["truong"].orders, outlets["truong"].lines), (1, 0));
    let progress = count::progress(&world.db, None, None, Eyes::All).await.unwrap();
    let carriers = progress[&(Kind::Carrier as i16)];
    assert_eq!((carriers.asked, carriers.taken, carriers.reported, carriers.overdue), (2, 2, 0, 0));
    let schools = progress[&(Kind::School as i16)];
    assert_eq!((schools.asked, schools.reported), (1, 1));
    world.is_sound().await;
}

async fn a_hand_in_the_database_is_found(world: &World) {
    let viettel = outlet_of(world, "viettel", Kind::Carrier, Way::Hand).await;
    let id = world.order_to(&viettel, content(world)).await;
    take(world, id, &reported(world, 1, vec![line("01", 1, [50, 40, 30])])).await.unwrap();
    take(world, id, &reported(world, 2, vec![line("01", 1, [50, 50, 30])])).await.unwrap();
    world.is_sound().await;
    let wrong = async || {
        let found = world.db.snapshot(async |tx| recount::recount(tx).await).await.unwrap();
        found.wrong.into_iter().map(|wrong| wrong.fault).collect::<Vec<_>>()
    };
    let hands = [
        ("relay_count", "delivered = 31", "delivered = 30", recount::Fault::Counts),
        ("relay_report", "final = true", "final = false", recount::Fault::Report),
        ("relay_order", "state = 7", "state = 6", recount::Fault::State),
        ("relay_order", "hash = 'x'", "hash = hash", recount::Fault::Content),
    ];
    for (table, change, back, fault) in hands {
        if fault == recount::Fault::Content {
            world.sql("UPDATE relay_order SET note = hash, hash = 'x'").await;
            assert_eq!(wrong().await, [fault]);
            world.sql("UPDATE relay_order SET hash = note, note = ''").await;
            continue;
        }
        world.sql(&format!("UPDATE {table} SET {change}")).await;
        assert_eq!(wrong().await, [fault], "{change}");
        world.sql(&format!("UPDATE {table} SET {back}")).await;
    }
    world.sql("UPDATE relay_order SET report = (SELECT min(id) FROM relay_report)").await;
    assert_eq!(wrong().await, [recount::Fault::Newest]);
    world.sql("UPDATE relay_order SET report = (SELECT max(id) FROM relay_report)").await;
    world.is_sound().await;
}

on_both_engines!(figures_are_of_what_counts, a_hand_in_the_database_is_found);
