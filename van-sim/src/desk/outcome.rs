//! What an exchange's outcome means.

use iso8583::Message;
use iso8583::element::{
    AdditionalAmount, AdditionalAmounts, Amount, AmountType, Currency, ResponseCode,
};
use serde::Serialize;

use crate::host::Outcome;
use crate::payments::{Approval, Status};
use crate::trace::Trace;

/// What came of an approval request.
pub(super) enum Verdict {
    Approved(Approval),
    Declined(ResponseCode),
    /// Nothing that may be relied on: what became of the sale is unknown.
    Unusable(String),
}

impl Verdict {
    pub(super) fn of(outcome: &Outcome, asked: Amount) -> Self {
        let answer = match outcome {
            Outcome::Answered(answer) => answer,
            Outcome::NotSent(_) => return Self::Declined(ResponseCode::ISSUER_INOPERATIVE),
            Outcome::Unanswered(why) => return Self::Unusable(why.clone()),
        };
        let Some(code) = response_code(answer) else {
            return Self::Unusable("the answer has no response code (DE 39)".to_owned());
        };
        if !code.approves() {
            return Self::Declined(code);
        }
        if answer.field(4) != Some(&asked.to_digits()) {
            return Self::Unusable("the approval is over another amount (DE 4)".to_owned());
        }
        match answer.text(38) {
            Some(number) if !number.trim().is_empty() => Self::Approved(Approval {
                number: number.to_owned(),
                code,
                balance: amount(answer, AmountType::AVAILABLE).map(|block| block.minor),
            }),
            Some(_) | None => Self::Unusable("the approval has no number (DE 38)".to_owned()),
        }
    }
}

/// What came of a cancel request.
pub(super) enum CancelVerdict {
    Done,
    Refused(ResponseCode),
    /// Perhaps done, perhaps not.
    Open,
}

impl CancelVerdict {
    pub(super) fn of(outcome: &Outcome) -> Self {
        let code = match outcome {
            Outcome::Answered(answer) => response_code(answer),
            Outcome::NotSent(_) => return Self::Refused(ResponseCode::ISSUER_INOPERATIVE),
            Outcome::Unanswered(_) => None,
        };
        match code {
            Some(code) if code.approves() => Self::Done,
            // The switch or the issuer gave the request up half way.
            None
            | Some(
                ResponseCode::INVALID_RESPONSE
                | ResponseCode::RESPONSE_TOO_LATE
                | ResponseCode::ISSUER_INOPERATIVE
                | ResponseCode::SYSTEM_MALFUNCTION,
            ) => Self::Open,
            Some(code) => Self::Refused(code),
        }
    }
}

/// A balance inquiry as malls see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct BalanceReceipt {
    pub(crate) status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) response_code: Option<String>,
    pub(crate) response_words: &'static str,
    /// What the books say, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ledger: Option<i64>,
    /// What can be spent now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) available: Option<i64>,
    pub(crate) currency: String,
    pub(crate) card: String,
    pub(crate) rrn: String,
    pub(crate) stan: String,
}

impl BalanceReceipt {
    pub(super) fn of(outcome: &Outcome, card: String, trace: &Trace) -> Self {
        let (code, answer) = match outcome {
            Outcome::Answered(answer) => (response_code(answer), Some(answer)),
            Outcome::NotSent(_) => (Some(ResponseCode::ISSUER_INOPERATIVE), None),
            Outcome::Unanswered(_) => (None, None),
        };
        let block = |amount_type| amount(answer?, amount_type);
        let (ledger, available) = (block(AmountType::LEDGER), block(AmountType::AVAILABLE));
        let status = match code {
            Some(code) if code.approves() => Status::Approved,
            Some(_) => Status::Declined,
            None => Status::Unknown,
        };
        Self {
            status,
            response_code: code.map(|code| code.to_string()),
            response_words: code.map_or("no answer", ResponseCode::words),
            ledger: ledger.map(|block| block.minor),
            available: available.map(|block| block.minor),
            currency: available
                .or(ledger)
                .map_or(Currency::KRW, |block| block.currency)
                .to_string(),
            card,
            rrn: trace.rrn(),
            stan: trace.stan.to_string(),
        }
    }
}

fn response_code(answer: &Message) -> Option<ResponseCode> {
    ResponseCode::try_from(answer.field(39)?).ok()
}

fn amount(answer: &Message, amount_type: AmountType) -> Option<AdditionalAmount> {
    let amounts = AdditionalAmounts::try_from(answer.field(54)?).ok()?;
    amounts.find(amount_type).copied()
}
