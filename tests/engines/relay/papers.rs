//! Papers that are brought with an answer or a report.

use loa::{
    outlet::{Kind, Way},
    relay::{Eyes, Happening, Refusal, answer, order, paper},
    transaction,
};

use super::{World, content, of_outlet, outlet_of, somebody};

async fn a_paper_belongs_to_the_order_that_it_was_brought_for(world: &World) {
    let [viettel, vina] =
        [outlet_of(world, "viettel", Kind::Carrier, Way::Pull).await, outlet_of(world, "vina", Kind::Carrier, Way::Pull).await];
    let (own, other) = (world.order_to(&viettel, content(world)).await, world.order_to(&vina, content(world)).await);
    let actor = somebody();
    let by = of_outlet(world, &actor, &viettel);
    let bring = || paper::attach(&world.db, own, "bien-ban.pdf", "application/pdf", b"%PDF-1.7", &by);
    let hash = bring().await.unwrap().unwrap();
    assert_eq!(bring().await.unwrap().unwrap(), hash);
    let papers = order::events(&world.db, own).await.unwrap().into_iter().filter(|event| event.happening == "paper");
    let named: Vec<_> = papers.map(|event| paper::apart(&event.detail).1.map(str::to_string)).collect();
    assert_eq!(named, [Some(hash.clone())], "once");
    let [mine, theirs] = [world.order(own).await, world.order(other).await];
    assert_eq!(paper::of_order(&world.db, &mine, &hash, Eyes::All).await.unwrap().unwrap().name, "bien-ban.pdf");
    assert_eq!(paper::of_order(&world.db, &theirs, &hash, Eyes::All).await.unwrap(), None);
    // Nor does an outlet come by another's paper by writing its name: in an answer, in a reason, or as part of its own paper's name.
    let vina_by = of_outlet(world, &actor, &vina);
    let named = format!("Đã nhận\nsha256:{hash}\nsha256:{hash}");
    answer::acknowledge(&world.db, other, &named, &vina_by).await.unwrap().unwrap();
    answer::refuse(&world.db, other, &format!("x SHA256:{hash}"), &vina_by).await.unwrap().unwrap();
    answer::acknowledge(&world.db, other, "", &vina_by).await.unwrap().unwrap();
    paper::attach(&world.db, other, &named, "application/pdf", b"%PDF-own", &vina_by).await.unwrap().unwrap();
    assert_eq!(paper::of_order(&world.db, &theirs, &hash, Eyes::All).await.unwrap(), None);
    let said: Vec<_> = order::events(&world.db, other).await.unwrap().into_iter().map(|event| event.detail).collect();
    assert!(said.contains(&"Đã nhận".to_string()), "{said:?}");
    // What an officer read on a paper is of the order whose answer it is.
    let office = world.by(&actor);
    let scan =
        transaction!(world.db, |tx| paper::keep(tx, "tra-loi.pdf", "application/pdf", b"%PDF-scan", &office).await).unwrap();
    assert_eq!(paper::of_order(&world.db, &mine, &scan, Eyes::All).await.unwrap(), None);
    for _ in 0..2 {
        let read = ("tra-loi.pdf", scan.as_str());
        answer::on_paper(&world.db, own, Happening::Acknowledge, "Đã ký", read, &office).await.unwrap().unwrap();
    }
    assert!(paper::of_order(&world.db, &mine, &scan, Eyes::All).await.unwrap().is_some());
    assert_eq!(paper::of_order(&world.db, &mine, &scan, by.eyes).await.unwrap(), None, "the office's own scan");
    assert!(paper::of_order(&world.db, &mine, &hash, by.eyes).await.unwrap().is_some());
    let events = order::events(&world.db, own).await.unwrap();
    assert_eq!(events.iter().filter(|event| event.happening == "scan").count(), 1);
    // Nobody brings one to an order that they do not see.
    let stray = paper::attach(&world.db, other, "x.pdf", "application/pdf", b"%PDF-x", &by).await.unwrap();
    assert_eq!(stray, Err(Refusal::NoSuchOrder));
    assert_eq!(paper::kept_by(&world.db, &actor.name, world.now() - 1).await.unwrap(), 3);
    assert_eq!(paper::kept_by(&world.db, &actor.name, world.now()).await.unwrap(), 0);
    world.is_sound().await;
}

on_both_engines!(a_paper_belongs_to_the_order_that_it_was_brought_for);
