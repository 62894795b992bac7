//! An Update is approved in the place of an approver who is away.

use chrono::Days;
use loa::{
    approval::delegation,
    audit::Actor,
    relay::{By, Content, Eyes, State, answer, follow},
    user::{self, Role},
};
use reqwest::StatusCode;

use super::{Scene, leads, page};

#[tokio::test]
async fn a_delegate_approves_in_the_place_of_whoever_is_away() {
    for scene in Scene::all().await {
        scene.user("pho-phong", &[Role::Officer], None).await;
        let (db, now) = (&scene.desk.ground.db, scene.now());
        let of = async |name: &str| user::by_email(db, &format!("{name}@example.vn")).await.unwrap().unwrap();
        let (writer, deputy, chief) = (of("can-bo").await, of("pho-phong").await, of("lanh-dao").await);
        let actor = Actor { user: Some(writer.id), ..Actor::command(&writer.name) };
        let by = By { actor: &actor, eyes: Eyes::All, now };
        let order = scene.order_of("viettel").await;
        answer::acknowledge(db, order.id, "", &by).await.unwrap().unwrap();
        let changed = Content { rounds: 2, ..order.content };
        let update = follow::update(db, order.id, &changed, "Thêm một vòng", &by).await.unwrap().unwrap();
        let (at, approve) = (format!("/orders/{}", update.identifier), format!("/orders/{}/approve", update.identifier));

        let browser = scene.signed_in("pho-phong").await;
        assert!(!browser.get(&at).await.text.contains("Phê duyệt bản sửa đổi"));
        assert_eq!(browser.post_from(&at, &approve, &[]).await.status, StatusCode::FORBIDDEN, "nobody is away yet");
        let today = scene.desk.clock.now().date_naive();
        let away = delegation::New {
            approver: (chief.id, &chief.name),
            delegate: (deputy.id, &deputy.name),
            from: today - Days::new(1),
            through: today + Days::new(1),
            reason: "nghỉ phép",
        };
        delegation::make(db, away, &actor, now).await.unwrap();
        page(&browser.get(&at).await, &["Phê duyệt bản sửa đổi", "Bạn quyết định thay", "lanh-dao"]);
        leads(&browser.post_from(&at, &approve, &[]).await, &at);
        assert_eq!(scene.order_of("viettel").await.state, State::Approved);
        scene.is_sound().await;
    }
}
