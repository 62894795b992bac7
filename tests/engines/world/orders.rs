//! Outlets, relay orders to them, and whether what is kept of these is sound.

use loa::{
    audit::{self, Actor},
    outlet::{Outlet, Written},
    relay::{By, Content, Eyes, Order, make::Run, order, recount},
};

use super::{World, by_sms};
use crate::helpers::orders;

impl World {
    /// Adds an outlet.
    pub async fn outlet(&self, written: Written) -> Outlet {
        orders::add(&self.db, &self.seal, written, self.now()).await
    }

    /// Makes the orders of a run, approved, as Lan asks for them; their numbers.
    pub async fn ask(&self, run: i64, owner: &str, asked: &[(Outlet, Content)]) -> Vec<i64> {
        let run = Run { run, campaign: "chien-dich", owner };
        orders::ask(&self.db, run, "Lan", asked, self.now()).await
    }

    /// An order of a run of its own, approved.
    pub async fn order_to(&self, outlet: &Outlet, content: Content) -> i64 {
        let run = self.run(&by_sms()).await;
        self.ask(run, "", &[(outlet.clone(), content)]).await[0]
    }

    /// By an office that sees everything.
    pub fn by<'a>(&self, actor: &'a Actor) -> By<'a> {
        By { actor, eyes: Eyes::All, now: self.now() }
    }

    /// An order as it stands.
    pub async fn order(&self, id: i64) -> Order {
        order::one(&self.db, id, Eyes::All, self.now()).await.unwrap().unwrap()
    }

    /// Nothing that is kept of orders differs from what came, and the record of who did what is whole.
    pub async fn is_sound(&self) {
        let found = self.db.snapshot(async |tx| recount::recount(tx).await).await.unwrap();
        assert_eq!(found.wrong, []);
        assert_eq!(audit::verify(&self.db, &[]).await.unwrap().broken, None);
    }
}
