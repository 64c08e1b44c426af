//! Metrics and health over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::RenderMetrics;
use crate::dead_letters;
use crate::directory::Directory;
use crate::latency::Latency;
use crate::reconcile::{self, Reconciled};

/// Serves until `shutdown`: `/metrics`, `/healthz` (the process answers), `/readyz` (and an
/// issuer's link is up), `/v1/unknown` (requests of which nobody knows what became), `/v1/totals`
/// (what acquirers were told, by acquirer, business date and currency), `/v1/reconciliations` (the
/// last ones, the newest first), `/v1/dead-letters`.
pub(crate) async fn serve(
    listener: TcpListener,
    directory: Arc<Directory>,
    latency: Arc<Latency>,
    reconciled: Arc<Reconciled>,
    render: RenderMetrics,
    unknown: Vec<String>,
    shutdown: CancellationToken,
) {
    let metrics = move || async move {
        let mut page = render();
        latency.render(&mut page);
        page
    };
    let dead_letters = dead_letters::routes(Arc::clone(&directory));
    let asked = Arc::clone(&directory);
    let totals = move || async move {
        match reconcile::pages(&asked).await {
            Some(pages) => (StatusCode::OK, axum::Json(pages)),
            None => (StatusCode::SERVICE_UNAVAILABLE, axum::Json(Vec::new())),
        }
    };
    let ready = move || async move {
        if directory.is_ready() {
            (StatusCode::OK, "ready\n")
        } else {
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "no issuer link is up, or the switch is stopping\n",
            )
        }
    };
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/v1/totals", get(totals))
        .route(
            "/v1/reconciliations",
            get(|| async move { axum::Json(reconciled.last()) }),
        )
        .route("/v1/unknown", get(|| async { axum::Json(unknown) }))
        .merge(dead_letters);
    let served = axum::serve(listener, router)
        .with_graceful_shutdown(async move { shutdown.cancelled().await })
        .await;
    if let Err(error) = served {
        error!(%error, "admin server failed");
    }
}
