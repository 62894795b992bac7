//! Schemathesis asks the API everything that its description allows, and much that it does not; it finds nothing.

use std::{process::Command, time::Duration};

use loa::{
    audit::Actor,
    clock::Clock,
    outlet::{Kind, Way, Written},
    relay::{
        Eyes,
        order::{self, Filter},
    },
    sandbox::Behaviour,
    user::{self, Right, Role, api_token},
};

use crate::helpers::{
    office::Office,
    orders::{self, written},
    peer,
};

/// Requests for each operation and phase: enough to try each of its parameters in several ways.
const EXAMPLES: &str = "12";

/// A campaign that asks a carrier.
const RELAYED: &str = r#"title = "Qua nhà mạng"
kind  = "awareness"
owner = "Sở Văn hóa, Thể thao và Du lịch"
basis = { number = "12/UBND-VX", date = 2026-10-01, authority = "UBND tỉnh", document = "cong-van.pdf" }
[channels]
use = ["relay"]
[relay]
partners = ["nha-mang"]
sender   = "SO VHTTDL"
areas    = ["01"]
audience = "Mọi thuê bao"
sms      = "Khong cung cap ma OTP."
payment  = "free"
"#;

/// Gives the office a carrier and an order to it.
async fn relayed(office: &Office) {
    let campaigns = office.dir().join("campaigns");
    std::fs::write(campaigns.join("cong-van.pdf"), "%PDF-1.7 công văn").unwrap();
    std::fs::write(campaigns.join("qua-nha-mang.toml"), RELAYED).unwrap();
    let (db, seal, now) = (office.db().await, office.seal().await, Clock::system().millis());
    let sender = "nha-mang.example.vn".into();
    orders::add(&db, &seal, Written { sender, ..written("nha-mang", Kind::Carrier, Way::Pull) }, now).await;
    db.close().await;
    office.loa(&["approve", "qua-nha-mang", "--by", "story"]);
    office.loa(&["send", "qua-nha-mang"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing_in_the_api() {
    let mut office = Office::prepare(Behaviour::default()).await;
    office.import(50);
    office.user("may@example.vn", "Máy Thử", &["officer"]);
    office.user("khac@example.vn", "Người Khác", &["officer"]);
    relayed(&office).await;
    let roles = Role::ALL.map(Role::name);
    let everything = ["user", "role", "may@example.vn", "--outlet", "nha-mang", "--by", "story"];
    office.loa(&[&everything[..], &roles[..]].concat());
    office.serve();
    office.loa(&["approve", "nhan-dien-lua-dao", "--by", "story"]);
    office.loa(&["send", "nhan-dien-lua-dao"]);
    let (db, seal, now) = (office.db().await, office.seal().await, Clock::system().millis());
    let user = user::by_email(&db, "may@example.vn").await.unwrap().unwrap();
    let rights = Right::ALL.into_iter().collect();
    let ends_at = now + i64::try_from(Duration::from_hours(1).as_millis()).unwrap();
    let lent = api_token::New { name: "schemathesis", rights, ends_at };
    let actor = Actor::command("story");
    let token = api_token::make(&db, &seal, &user, &lent, &actor, now).await.unwrap();
    let bearer = api_token::find(&db, &token.0, now).await.unwrap().unwrap();
    let (_, spare) = api_token::lend(&db, &seal, &user, &bearer.token, &lent, &actor, now).await.unwrap();
    let other = user::by_email(&db, "khac@example.vn").await.unwrap().unwrap();
    let orders = order::list(&db, &Filter::default(), Eyes::All, 1, now).await.unwrap();
    db.close().await;

    // It asks faster than a token may. What a description cannot say is refused with 412, 422 or 428: that a campaign exists, how two
    // parameters go together, or that a key stood for another request before; what it says is right is never refused with 400,
    // 405, 406, 413 or 415. What is wrong may as well be refused with 409, for what stands in its way whatever it says. And it must not saw off the branch that it sits on: it changes another user, and takes back another token.
    let settings = format!(
        "[checks]\n\
         missing_required_header.expected-statuses = [400, 401, 406, 429]\n\
         negative_data_rejection.expected-statuses = [400, 401, 404, 406, 409, 412, 415, 422, 428, 429]\n\
         positive_data_acceptance.expected-statuses = [\"2xx\", 401, 403, 404, 409, 412, 422, 428, 429]\n\
         [[operations]]\n\
         include-operation-id = [\"change_user\", \"disable_user\"]\n\
         parameters = {{ \"path.id\" = {} }}\n\
         [[operations]]\n\
         include-operation-id = \"revoke_token\"\n\
         parameters = {{ \"path.id\" = {} }}\n\
         [[operations]]\n\
         include-path-regex = \"^/orders/.identifier.\"\n\
         parameters = {{ \"path.identifier\" = \"{}\" }}\n\
         [[operations]]\n\
         include-operation-id = [\"read_outlet\", \"enable_outlet\", \"change_outlet\"]\n\
         parameters = {{ \"path.slug\" = \"nha-mang\" }}\n",
        other.id, spare.id, orders[0].identifier,
    );
    std::fs::write(office.dir().join("schemathesis.toml"), settings).unwrap();
    let packages = peer("LOA_TEST_SCHEMATHESIS");
    let program =
        format!("import sys; sys.path.insert(0, {packages:?}); from schemathesis.cli import schemathesis; schemathesis()");
    let found = Command::new(peer("LOA_TEST_PYTHON"))
        .current_dir(office.dir())
        .env_remove("http_proxy")
        .env("NO_PROXY", "127.0.0.1")
        .args(["-c", &program, "run", &format!("{}/api/openapi.json", office.url)])
        .args(["--header", &format!("Authorization: Bearer {}", token.0), "--checks", "all"])
        .args(["--max-examples", EXAMPLES])
        .args(["--generation-deterministic", "--suppress-health-check", "all"])
        // One worker: two parse Python at the same time, which CPython 3.11 does not bear (its AST counts depth once for all).
        .args(["--workers", "1", "--continue-on-failure", "--no-color"])
        .output()
        .unwrap();
    let (said, complained) = (String::from_utf8_lossy(&found.stdout), String::from_utf8_lossy(&found.stderr));
    assert!(found.status.success(), "{said}{complained}\n{}", office.log());
    assert!(said.contains("API Operations"), "it tested something: {said}");
    // Its token held to the end, and lent everything: nothing was refused for want of a right.
    let (db, now) = (office.db().await, Clock::system().millis());
    let bearer = api_token::find(&db, &token.0, now).await.unwrap().expect("the token holds");
    assert_eq!(bearer.user.rights.iter().count(), Right::ALL.len());
    db.close().await;
    // Whatever it asked for, the figures still agree with the rows, and the record with itself.
    office.loa(&["verify"]);
    office.loa(&["audit", "verify"]);
}
