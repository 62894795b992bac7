//! Somebody with every right, signed in as people sign in, and the same with an API token.

use anyhow::Context as _;
use reqwest::{
    RequestBuilder,
    header::{AUTHORIZATION, COOKIE},
};

use super::super::ground::Ground;
use crate::{
    audit::Actor,
    transaction,
    user::{self, New, Right, Role, api_token, password, session},
};

/// Who asks for the pages.
pub struct Visitor {
    cookie: String,
    token: String,
}

impl Visitor {
    /// A request as the pages or the API want it.
    pub fn sign(&self, request: RequestBuilder, path: &str) -> RequestBuilder {
        if path.starts_with("/api/") {
            request.header(AUTHORIZATION, format!("Bearer {}", self.token))
        } else {
            request.header(COOKIE, &self.cookie)
        }
    }
}

/// Adds somebody with every right, and opens a session and a token for them.
pub async fn visitor(ground: &Ground) -> anyhow::Result<Visitor> {
    let (db, seal, now) = (&ground.db, &ground.seal, ground.clock.millis());
    let actor = Actor::command("bench");
    let new = New {
        email: "bench@example.vn".into(),
        name: "Lê Thị Đo".into(),
        roles: Role::ALL.into_iter().collect(),
        every_department: true,
        departments: Vec::new(),
    };
    let id = user::add(db, &new, &actor, now).await?.map_err(|refused| anyhow::anyhow!("{refused}"))?;
    let user = user::find(db, id).await?.context("the user was not kept")?;
    let hash = password::hash("không ai gõ câu này bao giờ", seal).await?;
    password::change(db, &user, &hash, None, &actor, now).await?;
    let session = transaction!(db, |tx| session::begin(tx, seal, id, true, "", "loa bench", now).await)?;
    let rights = Right::ALL.into_iter().collect();
    let lent = api_token::New { name: "bench", rights, ends_at: now + 86_400_000 };
    let token = api_token::make(db, seal, &user, &lent, &actor, now).await?;
    Ok(Visitor { cookie: format!("loa={}", session.0), token: token.0 })
}
