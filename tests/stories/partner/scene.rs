//! A carrier, two schools, and an order to each.

use loa::{
    outlet::{Kind, Outlet, Way, Written},
    relay::{Content, Eyes, Order, make::Run, order},
    user::Role,
};

use crate::{
    helpers::orders::{self, written},
    stories::sign_in::desk::{Browser, Desk},
};

/// An office with outlets and their orders.
pub struct Scene {
    pub desk: Desk,
}

impl Scene {
    /// One an engine: the carrier `viettel`, the schools `truong-a` and `truong-b`, each with a user of its name and one order.
    pub async fn all() -> Vec<Self> {
        let mut scenes = Vec::new();
        for desk in Desk::all().await {
            let scene = Self { desk };
            for (slug, kind) in [("viettel", Kind::Carrier), ("truong-a", Kind::School), ("truong-b", Kind::School)] {
                let outlet = scene.outlet(slug, kind).await;
                scene.partner(slug, Some(slug)).await;
                scene.order(&outlet, scene.content(kind)).await;
            }
            scenes.push(scene);
        }
        scenes
    }

    pub fn now(&self) -> i64 {
        self.desk.clock.millis()
    }

    pub async fn outlet(&self, slug: &str, kind: Kind) -> Outlet {
        let (contact, areas) = (Some(format!("{slug}@example.vn")), vec!["01".into()]);
        let written = Written { contact, areas, ..written(slug, kind, Way::Hand) };
        orders::add(&self.desk.ground.db, &self.desk.ground.seal, written, self.now()).await
    }

    /// A partner `NAME@example.vn`, who acts for an outlet or for none.
    pub async fn partner(&self, name: &str, outlet: Option<&str>) {
        let user = self.desk.user(&format!("{name}@example.vn"), &[Role::Partner]).await;
        orders::acts_for(&self.desk.ground.db, user.id, outlet, self.now()).await;
    }

    pub fn content(&self, kind: Kind) -> Content {
        orders::content(kind, self.now())
    }

    /// An approved order of a run of its own.
    pub async fn order(&self, outlet: &Outlet, content: Content) -> Order {
        let db = &self.desk.ground.db;
        let run = self.desk.ground.number("SELECT coalesce(max(run), 0) + 1 FROM relay_order").await;
        let run = Run { run, campaign: "chien-dich", owner: "" };
        let asked = [(outlet.clone(), content)];
        let made = orders::ask(db, run, "Trần Thị Soạn", &asked, self.now()).await;
        order::one(db, made[0], Eyes::All, self.now()).await.unwrap().unwrap()
    }

    /// The first order of an outlet, as it stands.
    pub async fn order_of(&self, slug: &str) -> Order {
        let db = &self.desk.ground.db;
        let id = self
            .desk
            .ground
            .number(&format!("SELECT min(o.id) FROM relay_order o JOIN outlet t ON t.id = o.outlet WHERE t.slug = '{slug}'"))
            .await;
        order::one(db, id, Eyes::All, self.now()).await.unwrap().unwrap()
    }

    /// The page of an outlet's first order.
    pub async fn page_of(&self, slug: &str) -> String {
        format!("/partner/orders/{}", self.order_of(slug).await.identifier)
    }

    /// A browser in which a partner has signed in.
    pub async fn signed_in(&self, name: &str) -> Browser {
        self.desk.signed_in(&format!("{name}@example.vn")).await
    }
}
