//! What went wrong, for malls: problem details (RFC 9457), a sentence each.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::desk::Refusal;
use crate::payments::UnknownPayment;
use crate::sale::MallId;

/// Why a request was not served. Travels in the response's extensions to where the request's
/// debugging id is known.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
}

impl Problem {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
        }
    }

    pub(super) fn no_such_page() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is nothing at this path")
    }

    pub(super) fn wrong_method() -> Self {
        let detail = "this path does not take this method";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, detail)
    }

    pub(super) fn unknown_mall(mall: &MallId) -> Self {
        let detail = format!("mall {mall} is not under contract with this VAN");
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(super) fn bad_query() -> Self {
        let detail = "an order is named as ?mall_id=...&order_id=...";
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(super) fn late_body() -> Self {
        let detail = "the request's body did not arrive in time";
        Self::new(StatusCode::REQUEST_TIMEOUT, detail)
    }

    pub(super) fn unreadable_body(status: StatusCode, bytes_max: usize) -> Self {
        let detail = if status == StatusCode::PAYLOAD_TOO_LARGE {
            format!("the request's body is longer than {bytes_max} bytes")
        } else {
            "the request's body broke off".to_owned()
        };
        Self::new(status, detail)
    }

    pub(super) fn bad_json(error: &serde_json::Error) -> Self {
        let status = match error.classify() {
            serde_json::error::Category::Data => StatusCode::UNPROCESSABLE_ENTITY,
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => StatusCode::BAD_REQUEST,
        };
        Self::new(status, without_value(&error.to_string()))
    }

    pub(super) fn bad_amount(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    pub(super) fn no_randomness() -> Self {
        let detail = "the system gives no random numbers; nothing was done";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    pub(super) fn render(&self, debugging_id: &str) -> Response {
        let body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "debugging_id": debugging_id,
        });
        let mut response = (self.status, Json(body)).into_response();
        let content_type = HeaderValue::from_static("application/problem+json");
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type);
        response
    }
}

/// serde quotes a value of the wrong type, which may be a card number.
fn without_value(error: &str) -> String {
    match (error.split_once(": "), error.rsplit_once(", expected ")) {
        (Some((what @ ("invalid type" | "invalid value"), _)), Some((_, expected))) => {
            format!("{what}, expected {expected}")
        }
        _ => error.to_owned(),
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match &refusal {
            Refusal::UnknownPayment => StatusCode::NOT_FOUND,
            Refusal::OrderExists { .. }
            | Refusal::OrderCancelled { .. }
            | Refusal::NotApproved
            | Refusal::AnotherDay
            | Refusal::CancelRefused(_) => StatusCode::CONFLICT,
            Refusal::PaymentsFull
            | Refusal::NetCancelsFull
            | Refusal::TooManyWaiting
            | Refusal::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, refusal.to_string())
    }
}

impl From<UnknownPayment> for Problem {
    fn from(UnknownPayment: UnknownPayment) -> Self {
        Refusal::UnknownPayment.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_who_wait_is_503() {
        let problem = Problem::from(Refusal::TooManyWaiting);
        assert_eq!(problem.status, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn a_value_of_the_wrong_type_is_not_quoted() {
        for (error, shown) in [
            (
                "invalid type: integer `9999990100000005`, expected a string at line 1 column 9",
                "invalid type, expected a string at line 1 column 9",
            ),
            (
                "invalid type: string \"1, expected 2\", expected u64 at line 1 column 9",
                "invalid type, expected u64 at line 1 column 9",
            ),
            (
                "unknown field `amuont`, expected one of `amount`, `card`",
                "unknown field `amuont`, expected one of `amount`, `card`",
            ),
        ] {
            assert_eq!(without_value(error), shown);
        }
    }
}
