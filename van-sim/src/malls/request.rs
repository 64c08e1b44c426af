//! What malls send, parsed once.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::response::IntoResponse;
use iso8583::InvalidElement;
use iso8583::crypto::ClearPin;
use iso8583::element::{Amount, Currency, Pan};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::Counter;
use super::problem::Problem;
use crate::config::Mall;
use crate::payments::OrderKey;
use crate::sale::{Card, Contact, CustomerId, Expiry, Goods, MallId, OrderId, Sale};

/// `POST /v1/payments`: approve a sale (patent d6).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApproveRequest {
    pub(super) mall_id: MallId,
    customer_id: CustomerId,
    order_id: OrderId,
    goods_name: Option<Goods>,
    /// Minor units.
    amount: u64,
    /// KRW, USD, or any currency by its three digits (ISO 4217).
    #[serde(default = "krw")]
    currency: String,
    card: CardRequest,
    customer_contact: Option<Contact>,
}

impl ApproveRequest {
    pub(super) fn into_sale(self, mall: Arc<Mall>) -> Result<Sale, Problem> {
        let currency = match self.currency.as_str() {
            "KRW" => Currency::KRW,
            "USD" => Currency::USD,
            digits => Currency::try_from(digits.as_bytes())
                .map_err(|_| Problem::bad_amount("currency is not KRW, USD or 3 digits"))?,
        };
        if self.amount == 0 {
            return Err(Problem::bad_amount("amount is zero"));
        }
        let amount = Amount::new(self.amount, currency)
            .map_err(|error| Problem::bad_amount(error.to_string()))?;
        Ok(Sale {
            mall,
            order: self.order_id,
            customer: self.customer_id,
            goods: self.goods_name,
            contact: self.customer_contact,
            amount,
            card: self.card.into(),
        })
    }
}

fn krw() -> String {
    "KRW".to_owned()
}

/// `POST /v1/cards/balance`: how much is on a card?
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BalanceRequest {
    pub(super) mall_id: MallId,
    pub(super) card: CardRequest,
}

/// A card as the customer typed it in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CardRequest {
    #[serde(deserialize_with = "digits")]
    number: Pan,
    /// YYMM.
    #[serde(default, deserialize_with = "optional_digits")]
    expiry: Option<Expiry>,
    #[serde(default, deserialize_with = "optional_digits")]
    password: Option<ClearPin>,
}

impl From<CardRequest> for Card {
    fn from(card: CardRequest) -> Self {
        Self {
            pan: card.number,
            expiry: card.expiry,
            password: card.password,
        }
    }
}

/// Names an order: `POST /v1/payments/net-cancel`, `GET /v1/payments`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderRequest {
    pub(super) mall_id: MallId,
    order_id: OrderId,
}

impl From<OrderRequest> for OrderKey {
    fn from(order: OrderRequest) -> Self {
        Self {
            mall: order.mall_id,
            order: order.order_id,
        }
    }
}

/// A secret written in digits. The text it came in is wiped.
fn digits<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: for<'a> TryFrom<&'a [u8], Error = InvalidElement>,
{
    let text = Zeroizing::new(String::deserialize(from)?);
    T::try_from(text.as_bytes()).map_err(D::Error::custom)
}

fn optional_digits<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: for<'a> TryFrom<&'a [u8], Error = InvalidElement>,
{
    let text = Option::<String>::deserialize(from)?.map(Zeroizing::new);
    text.map(|text| T::try_from(text.as_bytes()).map_err(D::Error::custom))
        .transpose()
}

/// A JSON body, bounded in length and time.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<Counter>> for Body<T> {
    type Rejection = Problem;

    async fn from_request(mut request: Request, counter: &Arc<Counter>) -> Result<Self, Problem> {
        let http = &counter.http;
        DefaultBodyLimit::apply(DefaultBodyLimit::max(http.body_bytes_max), &mut request);
        let body = Bytes::from_request(request, counter);
        let body = tokio::time::timeout(http.read_timeout, body)
            .await
            .map_err(|_| Problem::late_body())?
            .map_err(|error| {
                let status = error.into_response().status();
                Problem::unreadable_body(status, http.body_bytes_max)
            })?;
        serde_json::from_slice(&body)
            .map(Self)
            .map_err(|error| Problem::bad_json(&error))
    }
}
