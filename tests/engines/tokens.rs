//! Tokens that are good once: whose turn it is to renew them, and what a person's own entry does to a renewal under way.

use loa::account::tokens::{self, Tokens};
use providers::zalo::{TokenStore as _, Turn};

use super::world::World;

async fn a_token_entered_meanwhile_ends_what_is_said_of_the_old_one(world: &World) {
    let tokens = Tokens { db: world.db.clone(), seal: world.seal.clone(), clock: world.clock.clone(), account: "main".into() };
    world.sql(&format!("UPDATE account SET name = 'main' WHERE id = {}", world.account)).await;
    let alarms = async || world.number("SELECT count(*) FROM trouble WHERE cause = 9 AND ended_at IS NULL").await;
    let enter = async |refresh: &str| tokens::enter(&world.db, &world.seal, "main", &refresh.into(), world.now()).await.unwrap();

    assert_eq!(tokens.load(Some(&"used up".into())).await.unwrap().unwrap().version, 0);
    assert_eq!(tokens.lease(0).await.unwrap(), Turn::Ours);
    assert_eq!(tokens.lease(0).await.unwrap(), Turn::Theirs, "one at a time");
    enter("fresh").await;
    assert!(!tokens.release(0, Some("Zalo refuses it")).await.unwrap());
    assert_eq!(alarms().await, 0, "the new one was not refused");

    assert_eq!(tokens.lease(1).await.unwrap(), Turn::Ours);
    assert!(tokens.release(1, Some("Zalo refuses it")).await.unwrap());
    assert_eq!(alarms().await, 1);
    enter("fresher").await;
    assert_eq!(alarms().await, 0);
}

on_both_engines!(a_token_entered_meanwhile_ends_what_is_said_of_the_old_one);
