//! Receipts: callbacks over HTTP until each is committed, and until each has moved its delivery.

use std::sync::Arc;
use std::time::Instant;

use sqlx::AssertSqlSafe;

use super::{
    Bench,
    figure::{Figure, rate},
    gateways,
    ground::{Ground, Store},
};
use crate::{
    account::{StandIns, callback_secret},
    app::Part,
    delivery::{Reference, State},
    on,
};

/// Callbacks as eSMS makes them: one GET a receipt.
pub async fn measure(bench: &Bench) -> anyhow::Result<Vec<Figure>> {
    let (server, serving) = gateways::server().await?;
    let ground =
        Ground::new(&bench.folder, "receipts", Store::Sqlite, bench.size.texts, &gateways::esms(server), &bench.clock).await?;
    let client = gateways::client()?;
    let (mut committed, mut applied) = (Vec::new(), Vec::new());
    for _ in 0..bench.size.samples {
        let (run, _) = ground.fan_out("sms").await?;
        let app = ground.start(&[Part::Schedule, Part::Dispatch, Part::Web], StandIns::default()).await?;
        let (sent, _) = ground.send(&app, run).await?;
        let query = format!("SELECT id FROM delivery WHERE run = {run} AND state = 3 ORDER BY id");
        let ids: Vec<i64> = on!(ground.db.read, |pool, _sql| sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(pool).await)?;
        let queries: Arc<Vec<String>> = Arc::new(
            ids.iter()
                .map(|id| {
                    let reference = Reference { delivery: *id, attempt: 1 }.encode(&ground.seal);
                    format!("SMSID=7f&SendStatus=5&SendSuccess=1&SendFailed=0&RequestId={reference}&TypeId=2")
                })
                .collect(),
        );
        let address = app.address.unwrap_or(server);
        let path = format!("receipts/esms/{}", callback_secret(&ground.seal, "esms"));
        let call = |to: std::net::SocketAddr| {
            let (client, url, queries) = (client.clone(), format!("http://{to}/{path}"), Arc::clone(&queries));
            move |number: u64| {
                let query = usize::try_from(number).ok().and_then(|n| queries.get(n)).map_or("", String::as_str);
                client.get(format!("{url}?{query}"))
            }
        };
        let begun = Instant::now();
        let answered_in = gateways::requests(sent, call(address)).await?;
        ground.until(|| async { Ok(ground.count(run, |state| state == State::Delivered).await? == sent) }).await?;
        let applied_in = begun.elapsed();
        app.stop().await?;
        let bare = gateways::requests(sent, call(server)).await?;
        committed.push((rate(sent, answered_in), rate(sent, bare)));
        applied.push(rate(sent, applied_in));
    }
    ground.close().await?;
    serving.abort();
    Ok(vec![
        Figure::against("receipts_committed", "receipts/s", "the same requests to a server that keeps nothing", &committed),
        Figure::of("receipts_applied", "receipts/s", &applied),
    ])
}
