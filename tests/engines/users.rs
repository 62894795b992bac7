//! Users in the store: sessions, links, second factors, throttles and tokens.

use loa::{
    audit::Actor,
    transaction,
    user::{
        self, Change, New, Refused, Right, Rights, Role, Roles, User, api_token, invitation, password,
        second_factor::{self, Given, Key, Proven, step_of},
        session,
        throttle::{self, Subject},
    },
};

use super::world::World;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn somebody() -> Actor {
    Actor::command("test")
}

async fn added(world: &World, email: &str, roles: &[Role], departments: &[i64]) -> User {
    let new = New {
        email: email.to_string(),
        name: format!("Người {email}"),
        roles: roles.iter().copied().collect(),
        every_department: departments.is_empty(),
        departments: departments.to_vec(),
    };
    let id = user::add(&world.db, &new, &somebody(), world.now()).await.unwrap().unwrap();
    user::find(&world.db, id).await.unwrap().unwrap()
}

async fn begun(world: &World, user: &User, complete: bool, now: i64) -> String {
    let begun = transaction!(world.db, |tx| session::begin(tx, &world.seal, user.id, complete, "::1", "test", now).await);
    begun.unwrap().0
}

async fn a_session_ends_by_idleness_by_age_and_by_its_owner(world: &World) {
    let an = added(world, "an@example.vn", &[Role::Officer], &[]).await;
    let now = world.now();
    let open = async |secret: &str, now: i64| session::resume(&world.db, secret, now).await.unwrap().is_some();
    let secret = begun(world, &an, true, now).await;
    assert!(open(&secret, now + 59 * MINUTE).await);
    assert!(open(&secret, now + 118 * MINUTE).await, "each request moves the end");
    assert!(!open(&secret, now + 178 * MINUTE).await, "an hour without one");
    let long = begun(world, &an, true, now).await;
    for half_hour in 1..24 {
        assert!(open(&long, now + half_hour * 30 * MINUTE).await);
    }
    assert!(!open(&long, now + 12 * HOUR).await);

    let (first, second) = (begun(world, &an, true, now).await, begun(world, &an, true, now).await);
    let (kept, _) = session::resume(&world.db, &second, now).await.unwrap().unwrap();
    let hash = password::hash("con trâu đi trước", &world.seal).await.unwrap();
    password::change(&world.db, &an, &hash, Some(kept.id), &somebody(), now).await.unwrap();
    assert!(!open(&first, now).await && open(&second, now).await, "a new password ends the others");
    let right = async |email: &str, typed: &str| password::right(&world.db, email, typed).await.unwrap();
    let proof = right("an@example.vn", "con trâu đi trước").await.unwrap();
    assert_eq!(proof.user, an.id);
    assert!(right("an@example.vn", "con trâu đi sau").await.is_none());
    assert!(right("nobody@example.vn", "con trâu đi trước").await.is_none());
    // A password that was right, and was changed before a session began with it, begins none.
    let stands = async || transaction!(world.db, |tx| proof.stands(tx).await).unwrap();
    assert!(stands().await);
    let another = password::hash("con trâu đi sau", &world.seal).await.unwrap();
    password::change(&world.db, &an, &another, Some(kept.id), &somebody(), now).await.unwrap();
    assert!(!stands().await);
    user::disable(&world.db, an.id, true, &somebody(), now).await.unwrap().unwrap();
    assert!(!open(&second, now).await);
    assert!(right("an@example.vn", "con trâu đi sau").await.is_none());
}

async fn somebody_must_be_left_to_manage_users(world: &World) {
    let first = added(world, "an@example.vn", &[Role::Administrator], &[]).await;
    let to = Change { name: first.name.clone(), roles: Roles::default(), every_department: true, departments: vec![] };
    let now = world.now();
    assert_eq!(user::change(&world.db, first.id, &to, &somebody(), now).await.unwrap(), Err(Refused::LastAdministrator));
    assert_eq!(user::disable(&world.db, first.id, true, &somebody(), now).await.unwrap(), Err(Refused::LastAdministrator));
    let second = added(world, "binh@example.vn", &[Role::Administrator], &[]).await;
    // Both at once: one of them stays.
    let take = |id: i64| {
        let (db, to) = (world.db.clone(), to.clone());
        tokio::spawn(async move { user::change(&db, id, &to, &somebody(), now).await.unwrap() })
    };
    let (one, other) = (take(first.id), take(second.id));
    let mut done = [one.await.unwrap(), other.await.unwrap()];
    done.sort_by_key(Result::is_err);
    assert_eq!(done, [Ok(()), Err(Refused::LastAdministrator)]);
    let again = New {
        email: "an@example.vn".into(),
        name: "X".into(),
        roles: Roles::default(),
        every_department: true,
        departments: vec![],
    };
    assert_eq!(user::add(&world.db, &again, &somebody(), now).await.unwrap(), Err(Refused::Taken));
}

async fn one_sees_ones_own_departments(world: &World) {
    let now = world.now();
    let mut ids = Vec::new();
    for name in ["Sở Văn hóa", "Công an tỉnh"] {
        ids.push(user::add_department(&world.db, name, &somebody(), now).await.unwrap().unwrap());
    }
    let taken = user::add_department(&world.db, "  sở  VĂN HÓA ", &somebody(), now).await.unwrap();
    assert_eq!(taken, Err(Refused::DepartmentTaken));
    let nowhere = New {
        email: "x@example.vn".into(),
        name: "X".into(),
        roles: Roles::default(),
        every_department: false,
        departments: vec![ids[0], 999],
    };
    assert_eq!(user::add(&world.db, &nowhere, &somebody(), now).await.unwrap(), Err(Refused::NoSuchDepartment));
    let an = added(world, "an@example.vn", &[Role::Officer], &ids[..1]).await;
    assert!(an.departments.sees("Sở Văn hóa") && !an.departments.sees("Công an tỉnh") && an.departments.sees("Ai đó"));
    let listed = user::list(&world.db).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&an));
    let renamed = transaction!(world.db, |tx| user::rename_department(tx, ids[1], "Công an", &somebody(), now).await);
    assert_eq!(renamed.unwrap().unwrap(), "Công an tỉnh");
    user::remove_department(&world.db, ids[0], &somebody(), now).await.unwrap().unwrap();
    let an = user::find(&world.db, an.id).await.unwrap().unwrap();
    assert!(an.departments.sees("Công an tỉnh") && !an.departments.sees("Công an"));
    assert_eq!(user::departments(&world.db).await.unwrap().len(), 1);
}

async fn a_link_is_good_once_and_for_a_while(world: &World) {
    let an = added(world, "an@example.vn", &[Role::Officer], &[]).await;
    let now = world.now();
    let make =
        async |reset: bool| invitation::make(&world.db, &world.seal, an.id, reset, &somebody(), now).await.unwrap().unwrap().0;
    let earlier = make(false).await;
    let link = make(false).await;
    assert!(invitation::whose(&world.db, &earlier, now).await.unwrap().is_none(), "a new one ends the earlier one");
    assert!(invitation::whose(&world.db, &link, now + invitation::INVITED).await.unwrap().is_none());
    assert_eq!(invitation::whose(&world.db, &link, now).await.unwrap().unwrap().0.id, an.id);
    let other = added(world, "binh@example.vn", &[Role::Officer], &[]).await;
    let before = begun(world, &other, true, now).await;
    let chosen = invitation::Chosen { user: &an, hash: "hash", agent: "test", before: Some(&before) };
    let accept = async || invitation::accept(&world.db, &world.seal, &link, &chosen, &somebody(), now).await.unwrap();
    let session = accept().await.unwrap();
    assert!(session::resume(&world.db, &session.0, now).await.unwrap().unwrap().0.complete);
    assert!(session::resume(&world.db, &before, now).await.unwrap().is_none(), "whoever had signed in there before");
    assert!(accept().await.is_none());
    let reset = make(true).await;
    assert!(invitation::whose(&world.db, &reset, now + invitation::FORGOTTEN).await.unwrap().is_none());
}

async fn codes_are_used_up(world: &World) {
    let an = added(world, "an@example.vn", &[Role::Officer], &[]).await;
    let now = world.now();
    let key = Key::new(&world.seal);
    let (here, there) = (begun(world, &an, true, now).await, begun(world, &an, true, now).await);
    let session = session::resume(&world.db, &here, now).await.unwrap().unwrap().0.id;
    let proven = Proven { key: &key, step: step_of(now) - 1, session };
    let codes = second_factor::enrol(&world.db, &world.seal, &an, proven, &somebody(), now).await.unwrap();
    assert!(session::resume(&world.db, &here, now).await.unwrap().is_some());
    assert!(session::resume(&world.db, &there, now).await.unwrap().is_none(), "it began without a code");
    assert_eq!(codes.len(), 10);
    let take = async |code: String| transaction!(world.db, |tx| second_factor::take(tx, &world.seal, an.id, &code, now).await);
    let code = key.code(step_of(now));
    assert_eq!(take(code.clone()).await.unwrap(), Some(Given::Code));
    assert_eq!(take(code).await.unwrap(), None, "a step counts once");
    assert_eq!(take(codes[0].to_uppercase().replace('-', " ")).await.unwrap(), Some(Given::Recovery));
    assert_eq!(take(codes[0].clone()).await.unwrap(), None);
    assert_eq!(second_factor::recovery_left(&world.db, an.id).await.unwrap(), 9);
    let fresh = second_factor::renew_recovery(&world.db, &world.seal, &an, &somebody(), now).await.unwrap();
    assert_eq!(take(codes[1].clone()).await.unwrap(), None);
    assert_eq!(take(fresh[1].clone()).await.unwrap(), Some(Given::Recovery));
    second_factor::remove(&world.db, &an, &somebody(), now).await.unwrap();
    assert_eq!(take(fresh[2].clone()).await.unwrap(), None);
}

async fn whoever_guesses_waits(world: &World) {
    let address = "203.0.113.9".parse().unwrap();
    let both = [Subject::Account("an@example.vn"), Subject::Address(address)];
    let now = world.now();
    let attempt =
        async |subjects: &[Subject<'_>], now: i64| throttle::attempt(&world.db, &world.seal, subjects, now).await.unwrap();
    for _ in 0..5 {
        assert_eq!(attempt(&both, now).await, Ok(()));
    }
    assert_eq!(attempt(&both, now).await, Ok(()), "the sixth begins the wait");
    assert_eq!(attempt(&both, now + 1).await, Err(29_999));
    assert_eq!(attempt(&[Subject::Account("binh@example.vn"), Subject::Address(address)], now).await, Ok(()));
    assert_eq!(attempt(&both, now + 30_000).await, Ok(()));
    assert_eq!(attempt(&both, now + 30_001).await, Err(59_999), "twice as long");
    transaction!(world.db, |tx| throttle::right(tx, &world.seal, &both).await).unwrap();
    assert_eq!(attempt(&both, now + 30_001).await, Ok(()), "the right one forgives the account");
    for n in 0..60 {
        let account = format!("{n}@example.vn");
        if attempt(&[Subject::Account(&account), Subject::Address(address)], now + 30_001).await.is_err() {
            assert!(n < 30, "an address that tries many accounts waits too");
            assert_eq!(attempt(&[Subject::Address(address)], now + 30_001 + HOUR).await, Ok(()), "an hour later it is forgotten");
            assert!(throttle::clean(&world.db, now + 10 * HOUR).await.unwrap() > 0);
            return;
        }
    }
    panic!("an address may try as many accounts as it likes");
}

/// Many at once gain nothing: of attempts that all come first, no more are judged than of attempts one after the other.
async fn whoever_guesses_many_at_once_waits_as_well(world: &World) {
    let attempts = (0..24).map(|_| {
        let (db, seal, now) = (world.db.clone(), world.seal.clone(), world.now());
        tokio::spawn(async move { throttle::attempt(&db, &seal, &[Subject::Account("an@example.vn")], now).await.unwrap() })
    });
    let mut judged = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        judged += i32::from(attempt.await.unwrap().is_ok());
    }
    assert_eq!(judged, 6, "five, and the one that begins the wait");
}

async fn a_token_lends_no_more_than_its_maker_has(world: &World) {
    let an = added(world, "an@example.vn", &[Role::Officer], &[]).await;
    let now = world.now();
    let wanted: Rights = [Right::ReadCampaigns, Right::Run, Right::Approve].into_iter().collect();
    let lent = api_token::New { name: "máy tính", rights: wanted, ends_at: now + HOUR };
    let secret = api_token::make(&world.db, &world.seal, &an, &lent, &somebody(), now).await.unwrap();
    let find = async |now: i64| api_token::find(&world.db, &secret.0, now).await.unwrap();
    let bearer = find(now).await.unwrap();
    assert_eq!(bearer.user.rights.iter().collect::<Vec<_>>(), [Right::ReadCampaigns, Right::Run]);
    assert_eq!(api_token::list(&world.db, an.id).await.unwrap()[0].used_at, Some(now));
    let to = Change {
        name: an.name.clone(),
        roles: [Role::Manager].into_iter().collect(),
        every_department: true,
        departments: vec![],
    };
    user::change(&world.db, an.id, &to, &somebody(), now).await.unwrap().unwrap();
    assert_eq!(find(now).await.unwrap().user.rights.iter().collect::<Vec<_>>(), [Right::ReadCampaigns]);
    assert_eq!(find(now + HOUR).await, None);
    assert_eq!(api_token::find(&world.db, "loa_x", now).await.unwrap(), None);
    let other = added(world, "binh@example.vn", &[Role::Officer], &[]).await;
    let token = bearer.token.id;
    assert!(!api_token::revoke(&world.db, &other, token, &somebody(), now).await.unwrap());
    assert!(api_token::revoke(&world.db, &an, token, &somebody(), now).await.unwrap());
    assert_eq!(find(now).await, None);
}

async fn what_a_token_made_ends_with_it(world: &World) {
    let an = added(world, "an@example.vn", &[Role::Officer], &[]).await;
    let now = world.now();
    let of = |name, ends_at| api_token::New { name, rights: [Right::ReadCampaigns, Right::Stop].into_iter().collect(), ends_at };
    let make = async |ends_at| api_token::make(&world.db, &world.seal, &an, &of("gốc", ends_at), &somebody(), now).await.unwrap();
    let find = async |secret: &user::Secret, now: i64| api_token::find(&world.db, &secret.0, now).await.unwrap();
    let (first, other) = (make(now + HOUR).await, make(now + HOUR).await);
    let lend = async |by: &user::Secret, ends_at| {
        let bearer = find(by, now).await.unwrap();
        api_token::lend(&world.db, &world.seal, &bearer.user, &bearer.token, &of("con", ends_at), &somebody(), now).await
    };
    let (child, token) = lend(&first, now + 300 * HOUR).await.unwrap();
    assert_eq!(token.ends_at, now + HOUR, "no longer than the one that makes it");
    let (grandchild, _) = lend(&child, now + MINUTE).await.unwrap();
    assert!(find(&grandchild, now).await.is_some() && find(&grandchild, now + MINUTE).await.is_none());
    let [first_id, other_id] = [find(&first, now).await.unwrap().token.id, find(&other, now).await.unwrap().token.id];
    let family = api_token::family(&world.db, first_id).await.unwrap();
    assert_eq!(family.len(), 3, "its own, what it lent, and what that lent");
    assert!(family.iter().all(|token| token.id != other_id));
    let bearer = find(&child, now).await.unwrap();
    assert!(api_token::revoke(&world.db, &an, first_id, &somebody(), now).await.unwrap());
    for secret in [&first, &child, &grandchild] {
        assert_eq!(find(secret, now).await, None);
    }
    assert!(find(&other, now).await.is_some());
    // A program that had been let in a moment before makes nothing any more.
    let late =
        api_token::lend(&world.db, &world.seal, &bearer.user, &bearer.token, &of("muộn", now + HOUR), &somebody(), now).await;
    assert!(late.is_err());
    let other = find(&other, now).await.unwrap();
    user::disable(&world.db, an.id, true, &somebody(), now).await.unwrap().unwrap();
    let late = api_token::make(&world.db, &world.seal, &other.user, &of("muộn", now + HOUR), &somebody(), now).await;
    assert!(late.is_err());
}

async fn an_account_of_the_provider_is_one_users(world: &World) {
    let an = added(world, "an@example.vn", &[Role::Officer], &[]).await;
    let of = async |subject: &str, email: Option<&str>| {
        let found = user::by_subject(&world.db, subject, email, &somebody(), world.now()).await.unwrap();
        found.map(|user| user.id)
    };
    assert_eq!(of("issuer 1", None).await, None, "no verified address, and nobody known");
    assert_eq!(of("issuer 1", Some("nobody@example.vn")).await, None);
    assert_eq!(of("issuer 1", Some("an@example.vn")).await, Some(an.id));
    assert_eq!(of("issuer 1", Some("moved@example.vn")).await, Some(an.id), "the subject counts from then on");
    assert_eq!(of("issuer 2", Some("an@example.vn")).await, None, "an address that the provider gave to another");
    let left = added(world, "binh@example.vn", &[Role::Officer], &[]).await;
    user::disable(&world.db, left.id, true, &somebody(), world.now()).await.unwrap().unwrap();
    assert_eq!(of("issuer 3", Some("binh@example.vn")).await, None);
    user::disable(&world.db, left.id, false, &somebody(), world.now()).await.unwrap().unwrap();
    assert!(!user::find(&world.db, left.id).await.unwrap().unwrap().has_subject, "nobody is linked who may not sign in");
}

on_both_engines!(
    a_session_ends_by_idleness_by_age_and_by_its_owner,
    somebody_must_be_left_to_manage_users,
    one_sees_ones_own_departments,
    a_link_is_good_once_and_for_a_while,
    codes_are_used_up,
    whoever_guesses_waits,
    whoever_guesses_many_at_once_waits_as_well,
    a_token_lends_no_more_than_its_maker_has,
    what_a_token_made_ends_with_it,
    an_account_of_the_provider_is_one_users,
);
