//! Cards: issue, charge, status, looks.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use iso8583::crypto::ClearPin;
use iso8583::element::Pan;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::{CURRENCY, Office};
use crate::books::{CardView, IssueRefusal};
use crate::card::{CardId, Expiry, Product, Status};
use crate::clock::Now;
use crate::hsm::PASSWORD_DIGITS;
use crate::ledger::{Channel, Line, LineKind};
use crate::money::Minor;
use crate::numbers::random_card_number;
use crate::record::{Charge, NewCard};
use crate::trace::Key;
use crate::vault::VaultError;

type Shared = State<Arc<Office>>;
type Body<T> = Result<Json<T>, JsonRejection>;

/// An order of a card.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    #[serde(default = "anonymous")]
    product: Product,
    /// The card password: four digits.
    password: Secret<ClearPin>,
    /// YYMM.
    expiry: Option<String>,
}

/// A card just issued: the only answer in which its number stands in clear.
#[derive(Serialize)]
pub(super) struct Issued {
    card_id: String,
    number: String,
    expiry: String,
    product: Product,
    status: Status,
}

/// Issues a card in real time (patent a3, a4).
pub(super) async fn issue(
    State(office): Shared,
    order: Body<Order>,
) -> Result<(StatusCode, Json<Issued>), Problem> {
    let Json(order) = order?;
    if order.product == Product::Load && !office.sandbox {
        return Err(Problem::unprocessable("load cards are for the sandbox"));
    }
    let password = order.password.0;
    if password.reveal().len() != PASSWORD_DIGITS {
        return Err(Problem::unprocessable("a card password has four digits"));
    }
    let expiry = match &order.expiry {
        Some(text) => Expiry::parse(text.as_bytes())
            .ok_or_else(|| Problem::unprocessable("expiry is a date YYMM"))?,
        None => Now::from_clock(Default::default())
            .month
            .years_later(office.config.card_years),
    };
    for _ in 0..DRAWS_MAX {
        let pan = random_card_number().ok_or(VaultError::NoRandomness)?;
        let id = CardId(keyfile::random().ok_or(VaultError::NoRandomness)?);
        let card = NewCard {
            id,
            pan_key: office.reader.vault.pan_key(&pan),
            sealed_pan: office.reader.vault.seal(&pan, id)?,
            expiry,
            product: order.product,
            pvv: office.reader.hsm.verification_value(&password, &pan),
        };
        let issued = office
            .desk
            .ask_for_room(move |books, now| {
                Ok(match books.issue(card, now)? {
                    Ok(record) => (vec![record], Ok(())),
                    Err(refusal) => (Vec::new(), Err(refusal)),
                })
            })
            .await?;
        match issued {
            Ok(()) => {
                let issued = Issued {
                    card_id: id.to_string(),
                    number: pan.reveal().to_owned(),
                    expiry: expiry.to_string(),
                    product: order.product,
                    status: Status::Active,
                };
                return Ok((StatusCode::CREATED, Json(issued)));
            }
            // Somebody has the number drawn: draw another.
            Err(IssueRefusal::Taken) => {}
            Err(refusal @ IssueRefusal::Full) => return Err(refusal.into()),
        }
    }
    Err(IssueRefusal::Taken.into())
}

/// A card as it is now; its number masked.
#[derive(Serialize)]
pub(super) struct Card {
    card_id: String,
    number: String,
    expiry: String,
    product: Product,
    status: Status,
    password_tries: u8,
    balance: i64,
    held: i64,
    available: i64,
    currency: &'static str,
}

/// A card by its id.
pub(super) async fn view(
    State(office): Shared,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Card>, Problem> {
    let id = card_id(id)?;
    seen(&office, id).await
}

async fn seen(office: &Office, id: CardId) -> Result<Json<Card>, Problem> {
    let view = office
        .desk
        .ask(move |books, _| Ok((Vec::new(), books.view(id))))
        .await?;
    let view = view.ok_or_else(no_such_card)?;
    Ok(Json(card(office, &view)?))
}

fn card(office: &Office, view: &CardView) -> Result<Card, Problem> {
    let pan = office.reader.vault.unseal(&view.sealed_pan, view.id)?;
    Ok(Card {
        card_id: view.id.to_string(),
        number: pan.to_string(),
        expiry: view.expiry.to_string(),
        product: view.product,
        status: view.status,
        password_tries: view.tries,
        balance: view.funds.balance.units(),
        held: view.funds.held.units(),
        available: view.funds.available()?.units(),
        currency: CURRENCY,
    })
}

/// Money for a card.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChargeOrder {
    /// Minor units.
    amount: i64,
    channel: Channel,
}

/// A card after a charge.
#[derive(Serialize)]
pub(super) struct Charged {
    card_id: String,
    balance: i64,
    available: i64,
    /// The key was used before for the very same charge: nothing moved now.
    repeated: bool,
}

/// Charges a card (patent a7), once for each `Idempotency-Key`.
pub(super) async fn charge(
    State(office): Shared,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    order: Body<ChargeOrder>,
) -> Result<(StatusCode, Json<Charged>), Problem> {
    let id = card_id(id)?;
    let key = idempotency_key(&headers)?;
    let Json(order) = order?;
    let charged = office
        .desk
        .ask_for_room(move |books, now| {
            let charge = |card| Charge {
                card,
                amount: Minor::new(order.amount),
                channel: order.channel,
                key,
            };
            Ok(match books.charge(id, charge, now)? {
                Ok((record, charged)) => (record.into_iter().collect(), Ok(charged)),
                Err(refusal) => (Vec::new(), Err(refusal)),
            })
        })
        .await??;
    let status = if charged.repeated {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let charged = Charged {
        card_id: id.to_string(),
        balance: charged.funds.balance.units(),
        available: charged.funds.available()?.units(),
        repeated: charged.repeated,
    };
    Ok((status, Json(charged)))
}

/// A card's new status.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatusChange {
    status: Status,
}

/// Blocks, unblocks, reports lost or stolen, closes.
pub(super) async fn change_status(
    State(office): Shared,
    id: Result<Path<String>, PathRejection>,
    change: Body<StatusChange>,
) -> Result<Json<Card>, Problem> {
    let id = card_id(id)?;
    let Json(StatusChange { status }) = change?;
    office
        .desk
        .ask(move |books, now| {
            Ok(match books.change_status(id, status, now)? {
                Ok(record) => (record.into_iter().collect(), Ok(())),
                Err(refusal) => (Vec::new(), Err(refusal)),
            })
        })
        .await??;
    seen(&office, id).await
}

/// Forgives a card's wrong passwords.
pub(super) async fn reset_tries(
    State(office): Shared,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Card>, Problem> {
    let id = card_id(id)?;
    office
        .desk
        .ask(move |books, now| {
            let record = books.reset_tries(id, now)?;
            Ok((record.into_iter().collect(), ()))
        })
        .await?;
    seen(&office, id).await
}

/// A card number, in the body: never in a URL, which is logged.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LookUp {
    number: Secret<Pan>,
}

/// The id of a card.
#[derive(Serialize)]
pub(super) struct Found {
    card_id: String,
}

/// The id of the card with a number.
pub(super) async fn look_up(
    State(office): Shared,
    body: Body<LookUp>,
) -> Result<Json<Found>, Problem> {
    let Json(LookUp { number }) = body?;
    let pan_key = office.reader.vault.pan_key(&number.0);
    let id = office
        .desk
        .ask(move |books, _| Ok((Vec::new(), books.id_of(pan_key))))
        .await?;
    let card_id = id.ok_or_else(no_such_card)?.to_string();
    Ok(Json(Found { card_id }))
}

/// Which entries.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// Older than this one.
    before: Option<u64>,
    /// How many.
    #[serde(default = "page_entries")]
    limit: usize,
}

/// Movements of a card, newest first.
#[derive(Serialize)]
pub(super) struct Entries {
    entries: Vec<Entry>,
    /// `before` of the next page, where there may be one.
    next_before: Option<u64>,
}

/// One movement.
#[derive(Serialize)]
struct Entry {
    number: u64,
    at: String,
    kind: LineKind,
    amount: i64,
    balance: i64,
    merchant: String,
    terminal: String,
    rrn: String,
}

/// Pages through a card's latest movements.
pub(super) async fn entries(
    State(office): Shared,
    id: Result<Path<String>, PathRejection>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Entries>, Problem> {
    let id = card_id(id)?;
    let Query(Page { before, limit }) = page?;
    let limit = limit.clamp(1, PAGE_ENTRIES_MAX);
    let lines = office
        .desk
        .ask(move |books, _| Ok((Vec::new(), books.lines(id, before, limit))))
        .await?
        .ok_or_else(no_such_card)?;
    let full = lines.len() == limit;
    Ok(Json(Entries {
        next_before: lines.last().filter(|_| full).map(|line| line.number),
        entries: lines.iter().map(entry).collect(),
    }))
}

fn entry(line: &Line) -> Entry {
    Entry {
        number: line.number,
        at: line.at.rfc3339(),
        kind: line.kind,
        amount: line.amount.units(),
        balance: line.balance.units(),
        merchant: line.merchant.to_display(),
        terminal: line.terminal.to_display(),
        rrn: line.rrn.to_display(),
    }
}

/// A value that is read from text which is wiped afterwards and never repeated.
struct Secret<T>(T);

impl<'de, T: std::str::FromStr> Deserialize<'de> for Secret<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = zeroize::Zeroizing::new(String::deserialize(deserializer)?);
        text.parse()
            .map(Self)
            .map_err(|_| serde::de::Error::custom("not well formed"))
    }
}

fn card_id(path: Result<Path<String>, PathRejection>) -> Result<CardId, Problem> {
    CardId::parse(&path?.0).ok_or_else(no_such_card)
}

fn idempotency_key(headers: &HeaderMap) -> Result<Key, Problem> {
    headers
        .get("idempotency-key")
        .and_then(|value| value.to_str().ok())
        .filter(|text| (1..=IDEMPOTENCY_KEY_MAX).contains(&text.len()))
        .map(Key::of_charge)
        .ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "a charge needs the header Idempotency-Key of 1 to 128 characters",
            )
        })
}

fn no_such_card() -> Problem {
    Problem::not_found("there is no such card")
}

const fn anonymous() -> Product {
    Product::Anonymous
}

const fn page_entries() -> usize {
    20
}

const PAGE_ENTRIES_MAX: usize = 100;
const IDEMPOTENCY_KEY_MAX: usize = 128;
const DRAWS_MAX: u32 = 16;
