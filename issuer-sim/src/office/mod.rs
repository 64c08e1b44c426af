//! The office: an HTTP API by which cards are issued (patent a3, a4), charged (a7), blocked and
//! looked at. JSON in and out, errors as problem details (RFC 9457), amounts in won.
//!
//! It asks for no credentials yet: whoever reaches it is the office.

mod cards;
mod problem;
mod sandbox;
mod server;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde::Serialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::problem::Problem;
use crate::config::OfficeConfig;
use crate::desk::Desk;
use crate::faults::Faults;
use crate::handler::Reader;
use crate::metrics;
use crate::money::Minor;
use crate::program::Services;

/// What the office works with.
#[derive(Clone, Debug)]
pub struct Office {
    /// Encrypts card numbers, makes verification values.
    pub reader: Arc<Reader>,
    /// Changes and reads the books.
    pub desk: Desk,
    /// Sandbox only: silence.
    pub faults: Faults,
    /// The metrics page.
    pub services: Services,
    /// Are there faults on demand?
    pub sandbox: bool,
    /// Limits.
    pub config: OfficeConfig,
}

/// Serves the API until `shutdown`, then lets what is under way end.
pub async fn serve(office: Office, listener: TcpListener, shutdown: CancellationToken) {
    let config = office.config.clone();
    let router = router(Arc::new(office));
    server::serve(router, listener, &config, shutdown).await;
}

fn router(office: Arc<Office>) -> Router {
    let mut router = Router::new()
        .route("/v1/cards", post(cards::issue))
        .route("/v1/cards/lookup", post(cards::look_up))
        .route("/v1/cards/{id}", get(cards::view))
        .route("/v1/cards/{id}/charges", post(cards::charge))
        .route("/v1/cards/{id}/status", put(cards::change_status))
        .route(
            "/v1/cards/{id}/password-tries",
            axum::routing::delete(cards::reset_tries),
        )
        .route("/v1/cards/{id}/entries", get(cards::entries))
        .route("/v1/trial-balance", get(trial_balance))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics_page));
    if office.sandbox {
        router = router.route(
            "/v1/sandbox/silence",
            get(sandbox::silence).post(sandbox::set_silence),
        );
    }
    router
        .fallback(|| async { Problem::not_found("there is no such resource") })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "this resource has no such method",
            )
        })
        .layer(DefaultBodyLimit::max(office.config.body_bytes_max))
        .layer(middleware::from_fn_with_state(Arc::clone(&office), watch))
        .with_state(office)
}

/// Bounds the time of a request and counts it.
async fn watch(State(office): State<Arc<Office>>, request: Request, next: Next) -> Response {
    let response = tokio::time::timeout(office.config.request_timeout, next.run(request))
        .await
        .unwrap_or_else(|_| Problem::unavailable("the request took too long").into_response());
    metrics::office_request(response.status().as_u16());
    response
}

/// All accounts by kind, credits positive. `charged - spent = accounts.cards` and `sum = 0`, or
/// the books are wrong.
#[derive(Debug, Serialize)]
struct TrialBalance {
    balanced: bool,
    sum: i64,
    accounts: Accounts,
    charged: i64,
    spent: i64,
    held: i64,
    cards: usize,
    cards_below_zero: u64,
    open_holds: usize,
    remembered_keys: usize,
    currency: &'static str,
}

#[derive(Debug, Serialize)]
struct Accounts {
    cards: i64,
    load_clearing: i64,
    merchant_payable: i64,
    suspense: i64,
}

async fn trial_balance(State(office): State<Arc<Office>>) -> Result<Json<TrialBalance>, Problem> {
    let overview = office
        .desk
        .ask(|books, _| Ok((Vec::new(), books.overview()?)))
        .await?;
    let sums = overview.balance;
    let charged = sums.load_clearing.negated()?;
    let spent = sums.merchant_payable.plus(sums.suspense)?;
    Ok(Json(TrialBalance {
        balanced: sums.sum == Minor::ZERO && charged.minus(spent)? == sums.cards,
        sum: sums.sum.units(),
        accounts: Accounts {
            cards: sums.cards.units(),
            load_clearing: sums.load_clearing.units(),
            merchant_payable: sums.merchant_payable.units(),
            suspense: sums.suspense.units(),
        },
        charged: charged.units(),
        spent: spent.units(),
        held: sums.held.units(),
        cards: overview.cards,
        cards_below_zero: sums.cards_below_zero,
        open_holds: overview.holds,
        remembered_keys: overview.keys,
        currency: CURRENCY,
    }))
}

/// Well while the ledger answers: a frozen one does not.
async fn health(State(office): State<Arc<Office>>) -> Result<Response, Problem> {
    office.desk.ask(|_, _| Ok((Vec::new(), ()))).await?;
    Ok(Json(json!({ "status": "ok" })).into_response())
}

async fn metrics_page(State(office): State<Arc<Office>>) -> Response {
    match &office.services.metrics_page {
        Some(render) => ([("content-type", "text/plain; version=0.0.4")], render()).into_response(),
        None => Problem::not_found("this process keeps no metrics").into_response(),
    }
}

const CURRENCY: &str = "KRW";
