//! What somebody should know arrives once, by page and by mail, and ends by itself.

use chrono::{TimeZone as _, Utc};
use loa::{
    clock::Clock,
    notice::{self, find, mail::Post},
    user::{Right, Role},
};
use reqwest::StatusCode;

use super::Console;
use crate::helpers::grounds;

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_should_know_is_told_once_and_ends_by_itself() {
    for ground in grounds().await {
        let console = Console::open(ground).await;
        let (db, seal) = (console.ground.db.clone(), console.ground.seal.clone());
        let (clock, hands) = Clock::manual(Utc.with_ymd_and_hms(2026, 11, 2, 1, 0, 0).unwrap());
        let look =
            find::Ground { db: db.clone(), clock: clock.clone(), config: console.config.clone(), served: console.served() };
        // Two nodes, as far as mails go.
        let node = || Post::new(&console.config, &db, &clock, &seal, &console.accounts);
        let (one, other) = (node(), node());
        let step = async || {
            let found = find::all(&look).await.unwrap();
            let changed = notice::reconcile(&db, &found, clock.millis()).await.unwrap();
            let (a, b) = tokio::join!(one.step(), other.step());
            (changed, a.unwrap().sent + b.unwrap().sent)
        };
        let mails = || console.sandbox.taken().into_iter().filter_map(|taken| taken.mail).count();

        // The wording lapses in eighteen days: said at thirty.
        let (changed, sent) = step().await;
        assert_eq!((changed.begun, sent, mails()), (1, 1, 1));
        assert_eq!(step().await, (notice::Changed::default(), 0), "the same cause is told of once");

        // Within a quarter of an hour nothing goes but what is urgent.
        hands.advance(std::time::Duration::from_mins(1));
        console.ground.execute("INSERT INTO request (kind, state, received_at, answer_by, due_at) VALUES (1, 0, 1, 9000000000000, 1793600000000)").await;
        let (changed, sent) = step().await;
        assert_eq!((changed.begun, sent, mails()), (1, 0, 1));
        let account = console.accounts.named("kannel").unwrap();
        loa::account::pause(&db, account.id, Some("sai mật khẩu"), clock.millis()).await.unwrap();
        let (changed, sent) = step().await;
        assert_eq!((changed.begun, sent, mails()), (1, 1, 2), "at once, with what waited");
        let mail = console.sandbox.taken().into_iter().filter_map(|taken| taken.mail).next_back().unwrap();
        let mail = String::from_utf8_lossy(&mail).into_owned();
        assert!(mail.contains("To: ") && mail.contains("truc@example.vn"), "{mail}");

        // An officer has all three; each reads for themselves.
        let officer = console.sign_in("lan", &[Role::Officer], &[]).await;
        let (_, text) = officer.get("/inbox").await;
        assert!(text.contains("sai mật khẩu") && text.contains("hết hạn sau ngày 20&#x2f;11&#x2f;2026"), "{text}");
        let ids: Vec<String> =
            text.split("name=\"notice\" value=\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_string()).collect();
        assert_eq!(officer.post("/inbox/read", &[("notice", &ids[0])]).await.0, StatusCode::SEE_OTHER);
        let may = |_: Right| true;
        let unread = async |user| {
            let reader = notice::Reader { user, may: &may, sees: &|_| true };
            notice::unread(&db, &reader).await.unwrap().all
        };
        let lan = console.ground.number("SELECT id FROM console_user WHERE email = 'lan@example.vn'").await;
        assert_eq!((unread(lan).await, unread(999).await), (2, 3));
        // A manager has no rights to people's requests.
        let manager = console.sign_in("minh", &[Role::Manager], &[]).await;
        assert!(!manager.get("/inbox").await.1.contains("dữ liệu cá nhân"));

        // The cause ends, and the notice by itself. At seven days the wording is told of anew.
        loa::account::pause(&db, account.id, None, clock.millis()).await.unwrap();
        hands.advance(std::time::Duration::from_hours(11 * 24));
        let (changed, sent) = step().await;
        assert_eq!(
            (changed.begun, changed.ended, sent, mails()),
            (2, 3, 1, 3),
            "lapses in seven days, overdue in place of due soon"
        );
        assert!(officer.get("/inbox?show=over").await.1.contains("sai mật khẩu"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_was_not_sent_is_tried_again_and_doctor_says_so() {
    for ground in grounds().await {
        let console = Console::open(ground).await;
        let (db, seal) = (console.ground.db.clone(), console.ground.seal.clone());
        let (clock, hands) = Clock::manual(Utc.with_ymd_and_hms(2026, 11, 2, 1, 0, 0).unwrap());
        let look =
            find::Ground { db: db.clone(), clock: clock.clone(), config: console.config.clone(), served: console.served() };
        let post = Post::new(&console.config, &db, &clock, &seal, &console.accounts);
        let found = find::all(&look).await.unwrap();
        notice::reconcile(&db, &found, clock.millis()).await.unwrap();
        let mail = console.accounts.named("thu").unwrap();
        loa::account::pause(&db, mail.id, Some("bảo trì"), clock.millis()).await.unwrap();
        console.accounts.refresh(&db, clock.now()).await.unwrap();
        assert_eq!(post.step().await.unwrap().sent, 0);
        let failing = notice::mail::failing(&db, clock.millis()).await.unwrap().unwrap();
        assert_eq!(failing.mails, 1);
        loa::account::pause(&db, mail.id, None, clock.millis()).await.unwrap();
        console.accounts.refresh(&db, clock.now()).await.unwrap();
        assert_eq!(post.step().await.unwrap().sent, 0, "not before its time");
        hands.advance(std::time::Duration::from_secs(61));
        assert_eq!(post.step().await.unwrap().sent, 1);
        assert_eq!(notice::mail::failing(&db, clock.millis()).await.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_no_account_serves_are_told_of_until_somebody_acts() {
    for ground in grounds().await {
        let console = Console::open(ground).await;
        let (db, clock) = (console.ground.db.clone(), console.ground.clock.clone());
        let look = find::Ground { db, clock, config: console.config.clone(), served: console.served() };
        // One message to a carrier that an account sends to, and one to Telegram, to which none does.
        let row = |id: i64, route: i64| {
            format!(
                "INSERT INTO delivery (id, run, address, segments, owner, account, price, next_at, updated_at, route, message, state,
                                       reason, attempt, tries, doubts, parts)
                 VALUES ({id}, 1, {id}, 0, 0, 0, 0, 1, 0, {route}, 0, 0, 0, 1, 0, 0, 0);"
            )
        };
        let telegram =
            i64::from(loa::delivery::route(providers::Channel::Chat, loa::audience::address::ChatService::Telegram as i16));
        let run =
            "INSERT INTO run (id, campaign, occurrence, origin, kind, definition, date, turn, message, recipients, state, paused,
                                    due_at, expires_at, fan_cursor, fan_top, created_at)
                   VALUES (1, 'nhan-dien', 'o', 0, 0, 'h', '2026-11-02', 0, 'otp', '[]', 1, false, 1, 9000000000000, 1, 1, 0);";
        console.ground.execute(&(run.to_string() + &row((1 << 36) + 0x11, 17))).await;
        let told = async || {
            let found = find::all(&look).await.unwrap();
            found.into_iter().filter(|one| one.kind == notice::Kind::RunUnserved).collect::<Vec<_>>()
        };
        assert_eq!(told().await, []);
        console.ground.execute(&row((1 << 36) + 0x23, telegram)).await;
        let standing = told().await;
        let [found] = &standing[..] else { panic!("{standing:?}") };
        assert!(found.urgent && found.page == "/runs/1", "{found:?}");
        assert!(found.says.vi.contains("thêm tài khoản cho kênh này vào loa.toml"), "{found:?}");
        console.ground.execute("UPDATE run SET paused = true").await;
        assert_eq!(told().await, [], "somebody holds it");
        console.ground.execute("UPDATE run SET paused = false; UPDATE delivery SET state = 12, next_at = NULL").await;
        assert_eq!(told().await, []);
    }
}
