//! HTTP/1.1 over TCP with the bounds that `axum::serve` has not: connections, time for the head.

use std::sync::Arc;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::config::OfficeConfig;

/// Serves until `shutdown`, then lets requests under way end, for as long as one may take.
pub(super) async fn serve(
    router: Router,
    listener: TcpListener,
    config: &OfficeConfig,
    shutdown: CancellationToken,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(config.connections_max));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout);
    loop {
        let accepted = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => {
                tokio::select! {
                    accepted = listener.accept() => (place, accepted),
                    () = shutdown.cancelled() => break,
                }
            }
            () = shutdown.cancelled() => break,
        };
        let (place, stream) = match accepted {
            (Ok(place), Ok((stream, _))) => (place, stream),
            (Err(_), _) => break,
            (_, Err(error)) => {
                warn!(%error, "cannot accept an office connection, trying again");
                tokio::time::sleep(config.header_timeout / 50).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "office connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(config.request_timeout, graceful.shutdown())
        .await
        .is_err()
    {
        warn!("office requests were cut off");
    }
}
