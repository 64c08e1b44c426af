//! Errors of the API as problem details (RFC 9457).

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::books::{ChargeRefusal, IssueRefusal, StatusRefusal};
use crate::desk::DeskError;
use crate::money::Overflow;
use crate::vault::VaultError;

/// A status and a sentence. The sentence never repeats what was sent: it may be a card number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
        }
    }

    pub(super) fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(super) fn unprocessable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    pub(super) fn unavailable(detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the issuer cannot do that now",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let media_type = [(header::CONTENT_TYPE, "application/problem+json")];
        (self.status, media_type, Json(body)).into_response()
    }
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        Self::unavailable(&error.to_string())
    }
}

impl From<ChargeRefusal> for Problem {
    fn from(refusal: ChargeRefusal) -> Self {
        let status = match refusal {
            ChargeRefusal::NoSuchCard => StatusCode::NOT_FOUND,
            ChargeRefusal::Amount | ChargeRefusal::OverCap { .. } | ChargeRefusal::Status => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            ChargeRefusal::OtherCharge => StatusCode::CONFLICT,
            ChargeRefusal::NoRoomToRemember => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, refusal.to_string())
    }
}

impl From<IssueRefusal> for Problem {
    fn from(refusal: IssueRefusal) -> Self {
        Self::unavailable(&refusal.to_string())
    }
}

impl From<StatusRefusal> for Problem {
    fn from(refusal: StatusRefusal) -> Self {
        let status = match refusal {
            StatusRefusal::NoSuchCard => StatusCode::NOT_FOUND,
            StatusRefusal::Closed => StatusCode::CONFLICT,
        };
        Self::new(status, refusal.to_string())
    }
}

impl From<VaultError> for Problem {
    fn from(_: VaultError) -> Self {
        Self::internal()
    }
}

impl From<Overflow> for Problem {
    fn from(_: Overflow) -> Self {
        Self::internal()
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        // The parser's own words may repeat the body; only these two kinds name nothing but a
        // field.
        let text = rejection.body_text();
        let field = ["missing field `", "unknown field `"]
            .iter()
            .find_map(|kind| {
                let named = text.get(text.find(kind)?..)?;
                let end = named.get(kind.len()..)?.find('`')?;
                named.get(..kind.len() + end + 1)
            });
        let detail = match field {
            Some(field) => format!("the body is not what this resource takes: {field}"),
            None => "the body is not the JSON that this resource takes".to_owned(),
        };
        Self::new(rejection.status(), detail)
    }
}

impl From<PathRejection> for Problem {
    fn from(_: PathRejection) -> Self {
        Self::not_found("there is no such resource")
    }
}

impl From<QueryRejection> for Problem {
    fn from(_: QueryRejection) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "the query is not what this resource takes",
        )
    }
}
