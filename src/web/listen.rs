//! Takes connections and ends gracefully.
//!
//! Unlike `axum::serve` it bounds what a stranger can hold: the number of connections, the time until a request's head is
//! there (a slow-headers attack otherwise costs nothing), and, at the end, the time that is spent waiting for the last
//! answers. `TCP_NODELAY` is on: a receipt's answer is one small packet that a gateway waits for.

use std::{future::Future, io, net::SocketAddr, pin::pin, time::Duration};

use axum::{Extension, Router, extract::ConnectInfo};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tower_layer::Layer as _;

/// Connections at once; further ones wait in the kernel's queue.
const CONNECTIONS: usize = 4_096;
/// How long a request's head may take, and how long a connection may be idle.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// How large a request's head may be: gateways report by GET, with long queries.
const HEAD_SIZE: usize = 64 * 1024;
/// How long the last answers are waited for.
const LAST_ANSWERS: Duration = Duration::from_secs(10);
/// The pause after `accept` failed for want of something (file descriptors): it will fail again at once.
const OUT_OF_BREATH: Duration = Duration::from_millis(200);

/// Serves until `shutdown`, then takes no further connection, finishes the requests that have begun, and returns.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let address = listener.local_addr()?;
    let (closing, closed) = watch::channel(());
    let mut open = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(ended) = open.join_next() => report(ended),
            accepted = listener.accept(), if open.len() < CONNECTIONS => match accepted {
                Ok((stream, peer)) => {
                    open.spawn(converse(stream, peer, router.clone(), closed.clone()));
                }
                Err(error) => {
                    tracing::warn!(%address, %error, "could not take a connection");
                    tokio::time::sleep(OUT_OF_BREATH).await;
                }
            },
        }
    }
    drop(listener);
    drop(closing);
    let finish = async {
        while let Some(ended) = open.join_next().await {
            report(ended);
        }
    };
    if tokio::time::timeout(LAST_ANSWERS, finish).await.is_err() {
        tracing::warn!(%address, connections = open.len(), "closed connections whose requests did not end");
    }
    Ok(())
}

/// One connection, request after request. Handlers learn who is at its other end (`ConnectInfo`).
async fn converse(stream: TcpStream, peer: SocketAddr, router: Router, mut closed: watch::Receiver<()>) {
    // Without it answers only come later.
    let _ = stream.set_nodelay(true);
    let service = Extension(ConnectInfo(peer)).layer(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_SIZE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // Only its sender's end wakes it.
        _ = closed.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a request's handler panicked");
    }
}
