//! What bulletins want: drafts to be finished, changes to be looked at, and sources that cannot be read.

use super::{Found, Ground, Kind, of};
use crate::{
    bulletin::{self, Standing},
    db::Result,
    phrase,
};

/// What others published and somebody must see to, and sources that cannot be read.
pub(super) async fn all(ground: &Ground) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for one in bulletin::open(&ground.db).await? {
        let (id, title, publisher) = (one.id, &one.title, &one.publisher);
        let page = format!("/bulletins/{id}");
        let sent = matches!(one.standing(), Standing::Sent(_));
        if one.standing() == Standing::Waiting {
            let says = phrase!(
                "Bản tin của {publisher} chờ hoàn thiện để gửi: {title}",
                "A bulletin of {publisher} waits to be finished and sent: {title}"
            );
            let key = format!("bulletin/{id}/waiting");
            let urgent = matches!(one.kind(), bulletin::Kind::Alert | bulletin::Kind::Update);
            found.push(Found { owner: one.owner.clone(), urgent, ..of(key, Kind::BulletinWaiting, says, &page) });
        }
        if let Some(changed) = one.changed_at.filter(|_| one.is_changed()) {
            let says = if sent {
                phrase!(
                    "{publisher} đã sửa hoặc thu hồi bản tin mà cảnh báo đã gửi dựa vào: {title}",
                    "{publisher} changed or withdrew a bulletin whose warning was sent: {title}"
                )
            } else {
                phrase!("{publisher} đã sửa hoặc thu hồi bản tin: {title}", "{publisher} changed or withdrew a bulletin: {title}")
            };
            let key = format!("bulletin/{id}/changed/{changed}");
            found.push(Found { owner: one.owner.clone(), urgent: sent, ..of(key, Kind::BulletinChanged, says, &page) });
        }
    }
    let named = |name: &str| ground.config.bulletins.iter().any(|one| one.name == name);
    for source in bulletin::poll::sources(&ground.db).await? {
        let Some(trouble) = source.trouble().filter(|_| source.failures >= bulletin::poll::PATIENT && named(&source.name)) else {
            continue;
        };
        let (name, vi, en) = (&source.name, trouble.vi, trouble.en);
        let says = phrase!("Nguồn tin {name}: {vi}", "The source of bulletins {name}: {en}");
        let key = format!("bulletin-source/{name}");
        found.push(Found { owner: source.owner, ..of(key, Kind::BulletinSource, says, "/bulletins") });
    }
    Ok(found)
}
