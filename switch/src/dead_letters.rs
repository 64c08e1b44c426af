//! `/v1/dead-letters`: what issuers did not accept, listed, told again or dropped by an operator.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use tokio::sync::oneshot;

use crate::directory::Directory;

/// What an operator asks of every pool.
#[derive(Debug)]
pub(crate) enum Ask {
    /// All of them.
    List(oneshot::Sender<Vec<Listed>>),
    /// To do something with the one of an issuer and an id; was there one?
    Do(Order, String, u64, oneshot::Sender<bool>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Retry,
    Drop,
}

/// A dead letter, to an operator.
#[derive(Debug, Serialize)]
pub(crate) struct Listed {
    pub(crate) issuer: String,
    pub(crate) id: u64,
    /// When it was stored, RFC 3339.
    pub(crate) since: String,
    /// What it is about, without its card.
    pub(crate) about: String,
}

pub(crate) fn routes(directory: Arc<Directory>) -> Router {
    let retry = |State(directory): State<Arc<Directory>>, Path((issuer, id))| async move {
        order(&directory, Order::Retry, issuer, id).await
    };
    let drop = |State(directory): State<Arc<Directory>>, Path((issuer, id))| async move {
        order(&directory, Order::Drop, issuer, id).await
    };
    Router::new()
        .route("/v1/dead-letters", get(list))
        .route("/v1/dead-letters/{issuer}/{id}", post(retry).delete(drop))
        .with_state(directory)
}

async fn list(
    State(directory): State<Arc<Directory>>,
) -> Result<Json<Vec<Listed>>, (StatusCode, &'static str)> {
    let mut all = Vec::new();
    for pool in directory.pools() {
        let (answer, answered) = oneshot::channel();
        directory.ask(pool, Ask::List(answer)).await;
        all.extend(answered.await.map_err(|_| STOPPING)?);
    }
    Ok(Json(all))
}

async fn order(
    directory: &Directory,
    order: Order,
    issuer: String,
    id: u64,
) -> (StatusCode, &'static str) {
    for pool in directory.pools() {
        let (answer, answered) = oneshot::channel();
        directory
            .ask(pool, Ask::Do(order, issuer.clone(), id, answer))
            .await;
        match answered.await {
            Ok(true) => return (StatusCode::NO_CONTENT, ""),
            Ok(false) => {}
            Err(_) => return STOPPING,
        }
    }
    (
        StatusCode::NOT_FOUND,
        "no dead letter of this issuer has this id\n",
    )
}

const STOPPING: (StatusCode, &str) = (StatusCode::SERVICE_UNAVAILABLE, "the switch is stopping\n");
