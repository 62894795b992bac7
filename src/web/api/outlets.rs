//! Outlets: who passes texts on, and how orders get there. Contacts are masked, and who acts for an outlet is written with the users.

use axum::{
    extract,
    http::{HeaderMap, StatusCode, header::IF_MATCH},
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    answer::{List, created, moment, versioned},
    caller::Caller,
    input::{Json, Name, Query, Slug},
    problem::{Kind as Sort, Problem},
};
use crate::{
    audience::place::Places,
    cap::Certificate,
    outlet::{self, Kind, Refused, Way, Written},
    phrase, transaction,
    user::{self, Right},
    web::{Shared, State},
};

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(read, change, remove))
        .routes(routes!(enable))
        .routes(routes!(disable))
}

/// Who passes texts on.
#[derive(Debug, Serialize, ToSchema)]
struct Outlet {
    /// Its name in campaigns, files and addresses.
    slug: String,
    /// For people.
    title: String,
    /// What it is.
    kind: Kind,
    /// How orders get there: pushed to its address, fetched by it, or by hand.
    way: Way,
    /// Where they are pushed to.
    url: Option<String>,
    /// PEM: whose signature its documents bear; null: they need none.
    certificate: Option<String>,
    /// SHA-256 of that certificate: what two people compare on the telephone.
    certificate_sha256: Option<String>,
    /// Its contact's mailbox, masked.
    contact: Option<String>,
    /// Codes of its areas; none: the whole country.
    areas: Vec<String>,
    /// The department that works with it; empty: all do.
    department: String,
    /// What it calls itself in CAP documents.
    sender: String,
    /// Whether it gets orders.
    active: bool,
    /// When it was added.
    created_at: DateTime<Utc>,
    /// When it was changed last.
    changed_at: DateTime<Utc>,
}

impl From<outlet::Outlet> for Outlet {
    fn from(outlet: outlet::Outlet) -> Self {
        let pinned = outlet.certificate.as_ref().and_then(|pem| Certificate::from_pem(pem.as_bytes()).ok());
        Self {
            slug: outlet.slug,
            title: outlet.title,
            kind: outlet.kind,
            way: outlet.way,
            url: outlet.url,
            certificate_sha256: pinned.map(|certificate| certificate.fingerprint()),
            certificate: outlet.certificate,
            contact: outlet.contact,
            areas: outlet.areas,
            department: outlet.owner,
            sender: outlet.sender,
            active: outlet.active,
            created_at: moment(outlet.created_at),
            changed_at: moment(outlet.changed_at),
        }
    }
}

/// A body that says what an outlet is to be: its own fields, and those that every one has. They cannot be a struct within it (`flatten`), for
/// serde would let unknown fields pass, and name no field that is wrong.
macro_rules! body {
    ($(#[$about:meta])* struct $name:ident { $($(#[$of:meta])* $field:ident: $kind:ty,)* }) => {
        #[derive(Debug, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        $(#[$about])*
        struct $name {
            $($(#[$of])* $field: $kind,)*
            /// For people.
            #[schema(min_length = 1, max_length = 200, example = "Viettel Đồng Nai")]
            title: String,
            /// What it is.
            kind: Kind,
            /// How orders get there.
            way: Way,
            /// Where they are pushed to: `https`. Needed where they are.
            #[schema(example = "https://relay.example.vn/cap")]
            url: Option<String>,
            /// PEM, of an RSA key: whose signature its documents bear.
            certificate: Option<String>,
            /// Its contact's mailbox. In a change, left out it stays, and empty it is removed.
            #[schema(example = "truc.ban@example.vn")]
            contact: Option<String>,
            /// Codes of provinces and wards; none: the whole country.
            #[serde(default)]
            areas: Vec<String>,
            /// The department that works with it; empty: all do.
            #[serde(default)]
            department: String,
            /// What it calls itself in CAP documents; empty: as its slug.
            #[serde(default)]
            #[schema(max_length = 200)]
            sender: String,
        }

        impl $name {
            /// What is written about the outlet of this name.
            fn written(self, slug: String) -> Written {
                Written {
                    slug,
                    title: self.title,
                    kind: self.kind,
                    way: self.way,
                    url: self.url,
                    certificate: self.certificate,
                    contact: self.contact,
                    areas: self.areas,
                    owner: self.department,
                    sender: self.sender,
                }
            }
        }
    };
}

body! {
    /// What an outlet is to be.
    #[schema(as = OutletToBe)]
    struct Wanted {}
}

body! {
    /// A new outlet.
    #[schema(as = NewOutlet)]
    struct New {
        /// Its name in campaigns, files and addresses; it never changes.
        #[schema(min_length = 1, max_length = 60, pattern = "^[a-z0-9-]{1,60}$", example = "viettel")]
        slug: String,
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::NoSuchOutlet => Self::not_found(),
            Refused::Field(field, why) => Self::field(&format!("/{}", if field == "owner" { "department" } else { field }), why),
            Refused::Taken | Refused::HasOrders => Self::conflict(refused.words()),
        }
    }
}

/// The same tidied, where everything fits and the caller may write for this department.
async fn checked(state: &Shared, caller: &Caller, written: Written) -> Result<Written, Problem> {
    let written = written.checked(|code| Places::built_in().province_of(code).is_some())?;
    if let Some(pem) = &written.certificate {
        Certificate::from_pem(pem.as_bytes()).map_err(|error| Problem::field("/certificate", error.words()))?;
    }
    let known = written.owner.is_empty()
        || user::departments(&state.parts.db).await?.iter().any(|department| department.name == written.owner);
    if !known || !caller.user.departments.sees(&written.owner) {
        let words =
            phrase!("nêu đúng tên một đơn vị của bạn, hoặc để trống", "name one of your departments as it is written, or none");
        return Err(Problem::field("/department", words));
    }
    Ok(written)
}

/// One that the caller sees.
async fn seen(state: &Shared, caller: &Caller, slug: &str) -> Result<outlet::Outlet, Problem> {
    let outlet = outlet::by_slug(&state.parts.db, &state.parts.seal, slug).await?.ok_or_else(Problem::not_found)?;
    caller.sees(&outlet.owner)?;
    Ok(outlet)
}

/// As it stands, with its version.
async fn standing(state: &Shared, caller: &Caller, slug: &str) -> Result<Response, Problem> {
    let outlet = seen(state, caller, slug).await?;
    let version = outlet.changed_at.to_string();
    Ok(versioned(axum::Json(Outlet::from(outlet)).into_response(), &version))
}

/// Which of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Of this kind.
    #[param(inline)]
    kind: Option<Kind>,
    /// Those alone that get orders, or that rest.
    active: Option<bool>,
}

#[utoipa::path(get, path = "/outlets", tag = "outlets", operation_id = "list_outlets",
    summary = "Danh sách đơn vị phối hợp | The outlets", params(Which),
    responses((status = 200, description = "Those that the caller sees, by kind and title", body = List<Outlet>)))]
async fn list(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Query(which): Query<Which>,
) -> Result<List<Outlet>, Problem> {
    caller.needs(Right::ReadOrders)?;
    let mut all = outlet::without_contacts(&state.parts.db).await?;
    let wanted = |outlet: &outlet::Outlet| {
        caller.user.departments.sees(&outlet.owner)
            && which.kind.is_none_or(|kind| kind == outlet.kind)
            && which.active.is_none_or(|active| active == outlet.active)
    };
    all.retain(wanted);
    outlet::with_contacts(&state.parts.db, &state.parts.seal, &mut all).await?;
    Ok(List::whole(all.into_iter().map(Outlet::from).collect()))
}

#[utoipa::path(post, path = "/outlets", tag = "outlets", operation_id = "add_outlet",
    summary = "Thêm đơn vị phối hợp | Add an outlet", request_body = New,
    responses((status = 201, description = "It gets orders from now on", body = Outlet), (status = 409, description = "Another has this slug")))]
async fn add(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Json(new): Json<New>,
) -> Result<Response, Problem> {
    caller.needs(Right::ManageOutlets)?;
    let slug = new.slug.clone();
    let written = checked(&state, &caller, new.written(slug)).await?;
    let (db, seal, now) = (&state.parts.db, &state.parts.seal, state.parts.clock.millis());
    let added = transaction!(db, |tx| outlet::add(tx, seal, &written, &caller.actor, now).await)?;
    added?;
    let outlet = seen(&state, &caller, &written.slug).await?;
    let version = outlet.changed_at.to_string();
    Ok(versioned(created(&format!("/api/v1/outlets/{}", written.slug), &Outlet::from(outlet)), &version))
}

#[utoipa::path(get, path = "/outlets/{slug}", tag = "outlets", operation_id = "read_outlet",
    summary = "Một đơn vị phối hợp | One outlet", params(Slug),
    responses((status = 200, description = "As it stands", body = Outlet, headers(("ETag" = String, description = "Its version, for `If-Match`")))))]
async fn read(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Name(slug): Name,
) -> Result<Response, Problem> {
    caller.needs(Right::ReadOrders)?;
    standing(&state, &caller, &slug).await
}

/// The version that a writer saw.
fn base(headers: &HeaderMap) -> Result<i64, Problem> {
    let Some(tag) = headers.get(IF_MATCH).and_then(|value| value.to_str().ok()) else {
        let words = phrase!("gửi `If-Match` với `ETag` đã đọc", "send `If-Match` with the `ETag` that was read");
        return Err(Problem::header(Sort::PreconditionRequired, "If-Match", words));
    };
    tag.trim().trim_matches('"').parse().map_err(|_| changed())
}

fn changed() -> Problem {
    let words = phrase!("đơn vị này vừa được sửa: hãy đọc lại", "somebody has just changed this outlet: read it again");
    Problem::header(Sort::Changed, "If-Match", words)
}

#[utoipa::path(put, path = "/outlets/{slug}", tag = "outlets", operation_id = "change_outlet",
    summary = "Sửa đơn vị phối hợp | Change an outlet",
    description = "As a whole, its contact aside, which stays unless it is named.",
    params(Slug, ("If-Match" = Option<String>, Header, description = "The `ETag` that was read")), request_body = Wanted,
    responses((status = 200, description = "As it stands now", body = Outlet, headers(("ETag" = String, description = "Its version"))),
        (status = 412, description = "Somebody changed it in between"), (status = 428, description = "`If-Match` is missing")))]
async fn change(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Name(slug): Name,
    headers: HeaderMap,
    Json(wanted): Json<Wanted>,
) -> Result<Response, Problem> {
    caller.needs(Right::ManageOutlets)?;
    seen(&state, &caller, &slug).await?;
    let base = base(&headers)?;
    let written = checked(&state, &caller, wanted.written(slug)).await?;
    let (db, seal, now) = (&state.parts.db, &state.parts.seal, state.parts.clock.millis());
    let done = transaction!(db, |tx| {
        let names = std::slice::from_ref(&written.slug);
        let stands = outlet::within_by_slug(tx, names, &[]).await?.into_iter().next();
        if stands.as_ref().is_some_and(|stands| stands.changed_at != base) {
            return Ok(None);
        }
        let was = stands.map(|stands| stands.owner).unwrap_or_default();
        if let Err(refused) = outlet::may_pass(&was, &written.owner, caller.user.departments.is_everything()) {
            return Ok(Some(Err(refused)));
        }
        outlet::change(tx, seal, &written, &caller.actor, now).await.map(Some)
    })?;
    done.ok_or_else(changed)??;
    standing(&state, &caller, &written.slug).await
}

#[utoipa::path(delete, path = "/outlets/{slug}", tag = "outlets", operation_id = "remove_outlet",
    summary = "Xóa đơn vị phối hợp | Remove an outlet", description = "One that never got an order: others can rest.", params(Slug),
    responses((status = 204, description = "It is gone"), (status = 409, description = "There are orders to it")))]
async fn remove(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Name(slug): Name,
) -> Result<StatusCode, Problem> {
    caller.needs(Right::ManageOutlets)?;
    seen(&state, &caller, &slug).await?;
    outlet::remove(&state.parts.db, &slug, &caller.actor, state.parts.clock.millis()).await??;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_active(state: &Shared, caller: &Caller, slug: &str, active: bool) -> Result<Response, Problem> {
    caller.needs(Right::ManageOutlets)?;
    seen(state, caller, slug).await?;
    outlet::set_active(&state.parts.db, slug, active, &caller.actor, state.parts.clock.millis()).await??;
    standing(state, caller, slug).await
}

#[utoipa::path(post, path = "/outlets/{slug}/enable", tag = "outlets", operation_id = "enable_outlet",
    summary = "Cho đơn vị nhận yêu cầu trở lại | Let an outlet get orders again", params(Slug),
    responses((status = 200, description = "As it stands now", body = Outlet)))]
async fn enable(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Name(slug): Name,
) -> Result<Response, Problem> {
    set_active(&state, &caller, &slug, true).await
}

#[utoipa::path(post, path = "/outlets/{slug}/disable", tag = "outlets", operation_id = "disable_outlet",
    summary = "Ngừng giao yêu cầu cho đơn vị | Let an outlet rest",
    description = "It gets no new orders; those that it has it can still answer and report on.", params(Slug),
    responses((status = 200, description = "As it stands now", body = Outlet)))]
async fn disable(
    caller: Caller,
    extract::State(State(state)): extract::State<State>,
    Name(slug): Name,
) -> Result<Response, Problem> {
    set_active(&state, &caller, &slug, false).await
}
