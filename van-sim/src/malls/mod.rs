//! The HTTP API for malls: approve, cancel, net cancel, look up, balance.

mod problem;
mod request;

use std::collections::HashMap;
use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use iso8583_link::Client;
use serde::Serialize;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tracing::Instrument;

use self::problem::Problem;
use self::request::{ApproveRequest, BalanceRequest, Body, OrderRequest};
use crate::RenderMetrics;
use crate::config::{Config, HttpConfig, Mall};
use crate::desk::{Answer, BalanceReceipt, Command, Refusal, Reply};
use crate::drive::Question;
use crate::payments::{OrderKey, PaymentId, Receipt};
use crate::sale::MallId;

/// The API's routes.
pub(crate) fn router(
    config: &Config,
    ask: mpsc::Sender<Question>,
    link: Client,
    render: RenderMetrics,
) -> Router {
    let malls = config.mall.iter().cloned().map(Arc::new);
    let counter = Counter {
        ask,
        malls: malls.map(|mall| (mall.id.clone(), mall)).collect(),
        fingerprints: RandomState::new(),
        http: config.http.clone(),
        answer_timeout: config.link.answer_timeout,
        link,
        render,
    };
    Router::new()
        .route("/v1/payments", post(approve).get(find_order))
        .route("/v1/payments/net-cancel", post(net_cancel))
        .route("/v1/payments/{id}", get(find))
        .route("/v1/payments/{id}/cancel", post(cancel))
        .route("/v1/cards/balance", post(balance))
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics_page))
        .fallback(async || Problem::no_such_page())
        .method_not_allowed_fallback(async || Problem::wrong_method())
        .layer(middleware::from_fn(identify))
        .with_state(Arc::new(counter))
}

/// What handlers share: the counter malls are served at.
pub(crate) struct Counter {
    ask: mpsc::Sender<Question>,
    malls: HashMap<MallId, Arc<Mall>>,
    /// Keys the fingerprints of orders, anew in every process.
    fingerprints: RandomState,
    http: HttpConfig,
    answer_timeout: Duration,
    link: Client,
    render: RenderMetrics,
}

type At = State<Arc<Counter>>;

impl Counter {
    fn mall(&self, id: &MallId) -> Result<Arc<Mall>, Problem> {
        self.malls
            .get(id)
            .map(Arc::clone)
            .ok_or_else(|| Problem::unknown_mall(id))
    }

    async fn ask(&self, command: Command) -> Reply {
        let (waiter, reply) = oneshot::channel();
        let sent = self.ask.send((command, waiter)).await;
        match (sent, reply.await) {
            (Ok(()), Ok(reply)) => reply,
            (Ok(()) | Err(_), _) => Err(Refusal::Stopping),
        }
    }
}

async fn approve(
    State(counter): At,
    Extension(id): Extension<DebuggingId>,
    Body(request): Body<ApproveRequest>,
) -> Result<Response, Problem> {
    let mall = counter.mall(&request.mall_id)?;
    let sale = request.into_sale(mall)?;
    let command = Command::Approve {
        id: PaymentId::new(draw()?),
        fingerprint: sale.fingerprint(&counter.fingerprints),
        sale,
    };
    receipt(id, counter.ask(command).await)
}

async fn cancel(
    State(counter): At,
    Extension(id): Extension<DebuggingId>,
    Path(payment): Path<String>,
) -> Result<Response, Problem> {
    let payment = payment.parse()?;
    receipt(id, counter.ask(Command::Cancel(payment)).await)
}

async fn find(
    State(counter): At,
    Extension(id): Extension<DebuggingId>,
    Path(payment): Path<String>,
) -> Result<Response, Problem> {
    let payment = payment.parse()?;
    receipt(id, counter.ask(Command::Find(payment)).await)
}

async fn find_order(
    State(counter): At,
    Extension(id): Extension<DebuggingId>,
    query: Result<Query<OrderRequest>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(order) = query.map_err(|_| Problem::bad_query())?;
    counter.mall(&order.mall_id)?;
    let command = Command::FindOrder(order.into());
    receipt(id, counter.ask(command).await)
}

/// Waits for the network's word as long as a mall waits for any answer; the net cancel itself
/// goes on for as long as it takes.
async fn net_cancel(
    State(counter): At,
    Extension(id): Extension<DebuggingId>,
    Body(order): Body<OrderRequest>,
) -> Result<Response, Problem> {
    counter.mall(&order.mall_id)?;
    let key = OrderKey::from(order);
    let command = Command::NetCancel(key.clone());
    let (status, result, words, answer) =
        match tokio::time::timeout(counter.answer_timeout, counter.ask(command)).await {
            Ok(reply) => (StatusCode::OK, "done", DONE, reply?),
            Err(_) => {
                let now = counter.ask(Command::FindOrder(key)).await?;
                (StatusCode::ACCEPTED, "accepted", ACCEPTED, now)
            }
        };
    let payment = match answer {
        Answer::Payment(receipt) => Some(receipt),
        Answer::NothingToCancel | Answer::Balance(_) => None,
    };
    let body = json!({
        "result": result, "words": words, "payment": payment, "debugging_id": id.0,
    });
    Ok((status, Json(body)).into_response())
}

const DONE: &str = "cancelled, or there was nothing to cancel";
const ACCEPTED: &str =
    "not confirmed yet; the VAN repeats the net cancel until the card network confirms it";

async fn balance(
    State(counter): At,
    Extension(id): Extension<DebuggingId>,
    Body(request): Body<BalanceRequest>,
) -> Result<Response, Problem> {
    let mall = counter.mall(&request.mall_id)?;
    let card = request.card.into();
    receipt(id, counter.ask(Command::Balance { mall, card }).await)
}

async fn healthz(State(counter): At) -> Response {
    let link = if counter.link.is_up() { "up" } else { "down" };
    Json(json!({ "status": "ok", "link": link })).into_response()
}

async fn metrics_page(State(counter): At) -> Response {
    let content_type = (header::CONTENT_TYPE, "text/plain; version=0.0.4");
    ([content_type], (counter.render)()).into_response()
}

/// A reply as JSON.
fn receipt(DebuggingId(debugging_id): DebuggingId, reply: Reply) -> Result<Response, Problem> {
    let receipt = match reply? {
        Answer::Payment(receipt) => Shown::Payment(receipt),
        Answer::Balance(receipt) => Shown::Balance(receipt),
        Answer::NothingToCancel => return Err(Refusal::UnknownPayment.into()),
    };
    let body = Identified {
        receipt,
        debugging_id,
    };
    Ok(Json(body).into_response())
}

#[derive(Serialize)]
struct Identified {
    #[serde(flatten)]
    receipt: Shown,
    debugging_id: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Shown {
    Payment(Receipt),
    Balance(BalanceReceipt),
}

/// Names one request in its answer, in the header `x-debugging-id` and in the log.
#[derive(Clone, Debug)]
struct DebuggingId(String);

async fn identify(mut request: Request, next: Next) -> Response {
    let id = match draw() {
        Ok(drawn) => format!("{drawn:032x}"),
        Err(problem) => return problem.render(""),
    };
    let span = tracing::debug_span!("mall", debugging_id = %id);
    request.extensions_mut().insert(DebuggingId(id.clone()));
    let mut response = next.run(request).instrument(span).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = problem.render(&id);
    }
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert("x-debugging-id", value);
    }
    crate::metrics::count_response(response.status().as_u16());
    response
}

/// 128 bits of the system's randomness.
fn draw() -> Result<u128, Problem> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Problem::no_randomness())?;
    Ok(u128::from_be_bytes(bytes))
}
