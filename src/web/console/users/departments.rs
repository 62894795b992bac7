//! `/departments`: a campaign belongs to the department whose name is its `owner`.

use axum::{
    extract::{self, Path},
    response::Response,
};
use minijinja::{Value, context};

use crate::{
    audience::list,
    bulletin, edition, outlet, phrase, relay, transaction,
    user::{self, Refused, Right},
    web::{
        Shared, State,
        console::{
            fault::Fault,
            form::{Fields, Mistakes},
            visitor::{Visitor, see_other},
        },
    },
};

async fn page(state: &Shared, visitor: &Visitor, name: &str, mistakes: &Mistakes) -> Result<Response, Fault> {
    let departments = user::departments(&state.parts.db).await?;
    // Owners of campaigns that no department is called like: everybody sees those.
    let owners: std::collections::BTreeSet<String> = match state.parts.library.read() {
        Ok(library) => {
            library.campaigns.values().map(|source| source.campaign.owner.clone()).filter(|owner| !owner.is_empty()).collect()
        }
        Err(_) => std::collections::BTreeSet::new(),
    };
    let unclaimed: Vec<String> =
        owners.into_iter().filter(|owner| !departments.iter().any(|department| department.is_called(owner))).collect();
    let rows: Vec<Value> =
        departments.iter().map(|d| context! { id => d.id, name => d.name.clone(), members => d.members }).collect();
    let values = context! {
        departments => rows, unclaimed => unclaimed, name => name,
        mistakes => mistakes.list(visitor.lang), errors => mistakes.by_field(visitor.lang),
    };
    Ok(state.view_as(mistakes.status(), visitor, "console/users/departments", values))
}

pub async fn show(extract::State(State(state)): extract::State<State>, visitor: Visitor) -> Result<Response, Fault> {
    visitor.needs(Right::ManageUsers)?;
    page(&state, &visitor, "", &Mistakes::default()).await
}

pub async fn add(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::ManageUsers)?;
    let mut mistakes = Mistakes::default();
    let Some(name) = user::name(fields.get("name")) else {
        mistakes
            .add("name", phrase!("Nhập tên đơn vị, nhiều nhất 100 ký tự", "Enter the department's name, at most 100 characters"));
        return page(&state, &visitor, fields.get("name"), &mistakes).await;
    };
    match user::add_department(&state.parts.db, &name, &visitor.actor, state.parts.clock.millis()).await? {
        Ok(_) => {
            visitor.flash(&phrase!("Đã thêm đơn vị “{name}”.", "“{name}” is added.")).await?;
            Ok(see_other("/departments"))
        }
        Err(refused @ Refused::DepartmentTaken) => {
            mistakes.add("name", refused.words());
            page(&state, &visitor, &name, &mistakes).await
        }
        Err(refused) => Err(refused.into()),
    }
}

pub async fn rename(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::ManageUsers)?;
    let Some(name) = user::name(fields.get("name")) else {
        return Err(Fault::Invalid(phrase!(
            "Nhập tên đơn vị, nhiều nhất 100 ký tự.",
            "Enter the department's name, at most 100 characters."
        )));
    };
    let now = state.parts.clock.millis();
    // Its lists and segments go with it: by another name nobody would own them, and everybody would see who is on them.
    let was = transaction!(state.parts.db, |tx| {
        let was = user::rename_department(tx, id, &name, &visitor.actor, now).await?;
        if let Ok(was) = &was {
            list::renamed(tx, was, &name).await?;
            edition::renamed(tx, was, &name).await?;
            outlet::renamed(tx, was, &name).await?;
            relay::order::renamed(tx, was, &name).await?;
            bulletin::renamed(tx, was, &name).await?;
        }
        Ok(was)
    })?
    .map_err(Fault::from)?;
    visitor
        .warn(&phrase!(
            "Đã đổi tên đơn vị; danh sách người nhận và nhóm đối tượng của đơn vị đi theo. Chiến dịch còn ghi “{was}” thì nay ai cũng thấy: hãy sửa mục “Đơn vị chủ trì” của chúng.",
            "The department is renamed, and its lists of recipients and its segments go with it. Campaigns that still name “{was}” are seen by everybody now: change their owner."
        ))
        .await?;
    Ok(see_other("/departments"))
}

pub async fn remove(
    extract::State(State(state)): extract::State<State>,
    visitor: Visitor,
    Path(id): Path<i64>,
    _fields: Fields,
) -> Result<Response, Fault> {
    visitor.needs(Right::ManageUsers)?;
    let now = state.parts.clock.millis();
    user::remove_department(&state.parts.db, id, &visitor.actor, now).await?.map_err(Fault::from)?;
    visitor
        .flash(&phrase!(
            "Đã bỏ đơn vị. Chiến dịch của đơn vị này nay mọi người đều thấy.",
            "The department is removed: everybody sees what it owned."
        ))
        .await?;
    Ok(see_other("/departments"))
}
