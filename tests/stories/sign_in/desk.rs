//! The console in this process, with a clock that is moved by hand, and browsers that keep cookies.

use std::{collections::BTreeMap, sync::Mutex};

use chrono::{TimeZone as _, Utc};
use loa::{
    audit::Actor,
    clock::{Clock, ManualClock},
    user::{self, New, Role, User, password},
    web,
};
use reqwest::{Client, StatusCode};

use crate::helpers::{
    Ground,
    console::{self, Console},
    grounds,
};

/// A password that will do.
pub const PASSWORD: &str = "con trâu đi trước cái cày";

pub struct Desk {
    pub ground: Ground,
    pub hands: ManualClock,
    pub clock: Clock,
    pub url: String,
}

impl Desk {
    /// One an engine.
    pub async fn all() -> Vec<Self> {
        let mut desks = Vec::new();
        for ground in grounds().await {
            desks.push(Self::open(ground, "").await);
        }
        desks
    }

    /// `settings` are lines of loa.toml; `{url}` in them is the console's own address.
    pub async fn open(ground: Ground, settings: &str) -> Self {
        let (listener, url) = console::place().await;
        let (clock, hands) = Clock::manual(Utc.with_ymd_and_hms(2026, 11, 2, 3, 0, 0).unwrap());
        let secret = [("OIDC_SECRET", "not-a-secret")];
        let console = Console::of(&ground, &clock, &settings.replace("{url}", &url), &secret, None).await;
        console::serve(listener, web::private(console.state));
        Self { ground, hands, clock, url }
    }

    /// A user who signs in with [`PASSWORD`].
    pub async fn user(&self, email: &str, roles: &[Role]) -> User {
        let new = New {
            email: email.to_string(),
            name: format!("Người {}", email.split('@').next().unwrap()),
            roles: roles.iter().copied().collect(),
            every_department: true,
            departments: Vec::new(),
        };
        let (db, now, actor) = (&self.ground.db, self.clock.millis(), Actor::command("test"));
        let id = user::add(db, &new, &actor, now).await.unwrap().unwrap();
        let user = user::find(db, id).await.unwrap().unwrap();
        let hash = password::hash(PASSWORD, &self.ground.seal).await.unwrap();
        password::change(db, &user, &hash, None, &actor, now).await.unwrap();
        user::find(db, id).await.unwrap().unwrap()
    }

    pub fn browser(&self) -> Browser {
        Browser { client: console::client(), url: self.url.clone(), cookies: Mutex::default(), from: None }
    }

    /// A browser in which somebody has signed in by password.
    pub async fn signed_in(&self, email: &str) -> Browser {
        let browser = self.browser();
        browser.get("/sign-in").await;
        let answer = browser.post("/sign-in", &[("email", email), ("password", PASSWORD)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        browser
    }
}

pub struct Browser {
    client: Client,
    url: String,
    pub cookies: Mutex<BTreeMap<String, String>>,
    /// What a proxy says of whom it was asked by.
    pub from: Option<String>,
}

pub struct Answer {
    pub status: StatusCode,
    pub location: String,
    pub text: String,
}

impl Answer {
    /// The token of the page's forms.
    pub fn token(&self) -> &str {
        self.between("name=\"csrf\" value=\"", "\"")
    }

    pub fn between(&self, before: &str, after: &str) -> &str {
        let (_, rest) = self.text.split_once(before).unwrap_or_else(|| panic!("no {before} in {}", self.text));
        rest.split_once(after).unwrap().0
    }
}

impl Browser {
    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let line = {
            let cookies = self.cookies.lock().unwrap();
            cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
        };
        let mut request = request.header("cookie", line).header("accept-language", "vi");
        if let Some(from) = &self.from {
            request = request.header("x-forwarded-for", from);
        }
        let answer = request.send().await.unwrap();
        for set in answer.headers().get_all("set-cookie") {
            let (pair, rest) = set.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            let mut cookies = self.cookies.lock().unwrap();
            if rest.contains("Max-Age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_string(), value.to_string());
            }
        }
        let location = answer.headers().get("location").map(|value| value.to_str().unwrap().to_string()).unwrap_or_default();
        Answer { status: answer.status(), location, text: answer.text().await.unwrap() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        let address = if path.starts_with("http") { path.to_string() } else { format!("{}{path}", self.url) };
        self.send(self.client.get(address)).await
    }

    /// Sends a form back with the token of the page that has it.
    pub async fn post_from(&self, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.get(page).await.token().to_string();
        self.post_with(path, &token, fields, &[]).await
    }

    /// The same from the page of the same address.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_from(path, path, fields).await
    }

    /// Sends a form with a part and no token, as another site's page would send files.
    pub async fn post_parts(&self, path: &str) -> Answer {
        let body = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n";
        let request = self.client.post(format!("{}{path}", self.url)).header("content-type", "multipart/form-data; boundary=x");
        self.send(request.body(body)).await
    }

    /// Sends a form with files, with the token of the page that has it; a file is its field, its name and what is in it.
    pub async fn post_files(&self, page: &str, path: &str, fields: &[(&str, &str)], files: &[(&str, &str, &[u8])]) -> Answer {
        let token = self.get(page).await.token().to_string();
        let mut body = Vec::new();
        for (name, value) in [("csrf", token.as_str())].into_iter().chain(fields.iter().copied()) {
            let part = format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        for (field, name, bytes) in files {
            let head = format!(
                "--x\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n"
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--x--\r\n");
        let request = self.client.post(format!("{}{path}", self.url)).header("content-type", "multipart/form-data; boundary=x");
        self.send(request.body(body)).await
    }

    pub async fn post_with(&self, path: &str, token: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let all: Vec<(&str, &str)> = [("csrf", token)].into_iter().chain(fields.iter().copied()).collect();
        let mut request = self.client.post(format!("{}{path}", self.url)).form(&all);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request).await
    }
}
