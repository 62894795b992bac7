//! `/api/v1` as programs meet it: over HTTP, against `loa serve`.

mod campaigns;
mod document;
mod lists;
mod orders;
mod outlets;
mod people;
mod rights;
mod webhooks;

use loa::{
    audit::Actor,
    sandbox::Behaviour,
    user::{self, Right, Role, api_token},
};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;

use crate::helpers::office::Office;

/// An office that serves, and programs that may ask it.
struct Desk {
    office: Office,
    client: Client,
    token: String,
}

/// Now, in unix milliseconds: `loa serve` goes by the machine's clock.
fn now() -> i64 {
    loa::clock::Clock::system().millis()
}

/// A token of a new user with these roles, who sees every department.
async fn token(office: &Office, email: &str, roles: &[Role]) -> String {
    let new = user::New {
        email: email.into(),
        name: email.split('@').next().unwrap().into(),
        roles: roles.iter().copied().collect(),
        every_department: true,
        departments: Vec::new(),
    };
    token_of(office, &new).await
}

/// A token that lends all that a new user may do.
async fn token_of(office: &Office, new: &user::New) -> String {
    let (db, seal) = (office.db().await, office.seal().await);
    let actor = Actor::command("test");
    let id = user::add(&db, new, &actor, now()).await.unwrap().unwrap();
    let user = user::find(&db, id).await.unwrap().unwrap();
    let lent = api_token::New { name: "test", rights: Right::ALL.into_iter().collect(), ends_at: now() + 3_600_000 };
    let secret = api_token::make(&db, &seal, &user, &lent, &actor, now()).await.unwrap();
    db.close().await;
    secret.0
}

impl Desk {
    async fn open(people: u64) -> Self {
        let mut office = Office::prepare(Behaviour::default()).await;
        if people > 0 {
            office.import(people);
        } else {
            office.loa(&["migrate"]);
        }
        let token = token(&office, "all@example.vn", &[Role::Officer, Role::Administrator, Role::Manager, Role::Approver]).await;
        office.serve();
        Self { office, client: Client::new(), token }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_by(&self.token, method, path)
    }

    /// A request with another token than the desk's.
    fn request_by(&self, secret: &str, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}/api/v1{path}", self.office.url));
        request.bearer_auth(secret).header("accept-language", "en")
    }

    async fn get(&self, path: &str) -> Value {
        let response = self.request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Response {
        self.request(Method::POST, path).json(&body).send().await.unwrap()
    }
}

/// The problem that an answer is: its status and type, and each thing that is wrong.
async fn problem(response: Response) -> (u16, String, Value) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], status);
    (status, body["type"].as_str().unwrap().to_string(), body["errors"].clone())
}

/// A definition that runs when it is told to.
fn definition(title: &str) -> String {
    format!(
        "title = \"{title}\"\nkind = \"awareness\"\nowner = \"Sở Mẫu\"\n[cadence]\nevery = \"week\"\non = \"mon\"\nat = \"08:30\"\n\
         [audience]\nsegments = [\"toan-dan\"]\n[channels]\nuse = [\"sms\"]\n[sending]\nhours = \"00:00-24:00\"\n\
         [[message]]\nid = \"a\"\nsms = \"Khong cung cap ma OTP cho bat ky ai.\"\n"
    )
}
