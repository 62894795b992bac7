//! The ports: they are bound early, and served when everything else stands.

use std::{net::SocketAddr, sync::Arc};

use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use super::Refusal;
use crate::{
    account::Gateways, campaign::Holidays, config::Config, dispatch::Shared, edition::Shelf, phrase, receipt::Inbox, web,
};

/// Binds a port; why it cannot be is for whoever starts it.
pub(super) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| Refusal::now(phrase!("không mở được {address}", "cannot listen on {address}").because(&error)).into())
}

/// Serves the private side, and the public one where it has a port of its own, until the application stops.
pub(super) fn serve(
    listeners: [Option<TcpListener>; 2],
    config: &Config,
    (shelf, gateways, holidays): (Arc<Shelf>, Arc<Gateways>, Holidays),
    shared: &Arc<Shared>,
    inbox: Inbox,
    stopped: &watch::Receiver<bool>,
) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let recorder = web::recorder()?;
    let parts = web::Parts {
        db: shared.db.clone(),
        clock: shared.clock.clone(),
        seal: shared.seal.clone(),
        accounts: Arc::clone(&shared.accounts),
        inbox,
        active: Arc::clone(&shared.active),
        config: config.clone(),
        library: shelf.cell(),
        shelf,
        gateways,
        holidays,
        work: Arc::clone(&shared.work),
        metrics: recorder.handle(),
    };
    let state = metrics::with_local_recorder(&recorder, || web::State::new(parts));
    let [private, public] = listeners;
    let sides = [private.map(|l| (l, web::private(state.clone()))), public.map(|l| (l, web::public(state.clone())))];
    Ok(sides
        .into_iter()
        .flatten()
        .map(|(listener, router)| {
            let (state, mut stopped) = (state.clone(), stopped.clone());
            tokio::spawn(async move {
                let shutdown = async {
                    // An error means that the application is gone.
                    let _ = stopped.wait_for(|stop| *stop).await;
                    state.leave();
                };
                if let Err(error) = web::serve(listener, router, shutdown).await {
                    tracing::error!(%error, "the web ended early");
                }
            })
        })
        .collect())
}
