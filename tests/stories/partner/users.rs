//! Who acts for an outlet is written with it.

use loa::{outlet, user::Role};
use reqwest::StatusCode;

use super::scene::Scene;

#[tokio::test]
async fn a_partner_is_added_with_its_outlet_and_moved_to_another() {
    for scene in Scene::all().await {
        let db = &scene.desk.ground.db;
        scene.desk.user("tri@example.vn", &[Role::Administrator]).await;
        let admin = scene.desk.signed_in("tri@example.vn").await;
        let add = async |outlet: &str| {
            let fields = [
                ("name", "Văn thư"),
                ("email", "van-thu@example.vn"),
                ("role", "partner"),
                ("scope", "some"),
                ("outlet", outlet),
            ];
            admin.post_from("/users/new", "/users", &fields).await
        };
        for none in ["", "khong-co"] {
            let answer = add(none).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{none}");
            assert!(answer.text.contains("href=\"#outlet\""), "{}", answer.text);
        }
        assert_eq!(scene.desk.ground.number("SELECT count(*) FROM console_user WHERE name = 'Văn thư'").await, 0);
        // A link from the outlet's page says which.
        assert!(admin.get("/users/new?outlet=truong-a").await.text.contains("value=\"truong-a\""));
        let added = add("Đơn vị truong-a").await;
        assert_eq!(added.status, StatusCode::OK, "{}", added.text);
        let id = scene.desk.ground.number("SELECT id FROM console_user WHERE name = 'Văn thư'").await;
        let of = async || {
            let outlet = outlet::user_outlet(db, id).await.unwrap();
            match outlet {
                Some(outlet) => outlet::find(db, &scene.desk.ground.seal, outlet).await.unwrap().map(|outlet| outlet.slug),
                None => None,
            }
        };
        assert_eq!(of().await.as_deref(), Some("truong-a"));
        let page = format!("/users/{id}");
        assert!(admin.get(&page).await.text.contains("Đơn vị truong-a"));
        let change = async |role: &str, outlet: &str| {
            let fields = [("name", "Văn thư"), ("role", role), ("scope", "all"), ("outlet", outlet)];
            admin.post_from(&page, &page, &fields).await
        };
        assert_eq!(change("partner", "viettel").await.status, StatusCode::SEE_OTHER);
        assert!(admin.get("/users").await.text.contains("Đơn vị viettel"), "it sees one outlet, not all departments");
        assert_eq!(of().await.as_deref(), Some("viettel"));
        // Whoever is no partner acts for nobody.
        assert_eq!(change("manager", "viettel").await.status, StatusCode::SEE_OTHER);
        assert_eq!(of().await, None);
        assert_eq!(change("partner", "").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}
