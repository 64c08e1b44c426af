//! What the terminal remembers of a transaction and prints on its slip: never a card number, a
//! stripe or a password.

use core::fmt;

use iso8583::element::{
    AdditionalAmounts, Amount, AmountType, Currency, ProcessingCode, ResponseCode,
};
use iso8583::{InvalidElement, Message, Mti};
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use crate::entry::Entry;

/// One transaction of the terminal's journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// What was asked for.
    pub kind: Kind,
    /// What became of it.
    pub status: Status,
    /// The card number, masked.
    pub card: String,
    /// How the card came in.
    pub entry: Entry,
    /// Won; zero for an inquiry.
    pub amount: u64,
    /// DE 11.
    pub stan: u32,
    /// DE 37; that of the sale for its cancel.
    pub rrn: String,
    /// DE 7.
    pub transmission: String,
    /// When it was begun, where the terminal stands: DE 12 and 13, but for a cancel, which sends
    /// its sale's.
    pub local: DateTime,
    /// DE 32 as it was sent.
    pub institution: Option<String>,
    /// DE 39 of the answer.
    #[serde(with = "response_code")]
    pub code: Option<ResponseCode>,
    /// DE 44 of the answer: the element in error.
    pub detail: Option<String>,
    /// DE 38; a cancel that got none shows that of its sale.
    pub approval: Option<String>,
    /// DE 54, what the books say, in won.
    pub ledger: Option<i64>,
    /// DE 54, what can be spent now, in won.
    pub available: Option<i64>,
}

impl Transaction {
    /// The amount with its currency.
    ///
    /// # Errors
    /// Above twelve digits.
    pub const fn money(&self) -> Result<Amount, InvalidElement> {
        Amount::new(self.amount, Currency::KRW)
    }

    /// Takes in what the answer says.
    pub(crate) fn answered(&mut self, code: ResponseCode, answer: &Message) {
        self.status = if code.approves() {
            Status::Approved
        } else {
            Status::Declined
        };
        self.code = Some(code);
        let text = |de| answer.text(de).map(|text| text.trim_end().to_owned());
        self.detail = text(44);
        self.approval = text(38).or_else(|| self.approval.take());
        let amounts = answer
            .field(54)
            .and_then(|value| AdditionalAmounts::try_from(value).ok())
            .unwrap_or_default();
        let won = |kind| {
            let block = amounts.find(kind)?;
            (block.currency == Currency::KRW).then_some(block.minor)
        };
        self.ledger = won(AmountType::LEDGER);
        self.available = won(AmountType::AVAILABLE);
    }
}

/// What a customer can ask a terminal for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// 0200, processing code 00.
    Sale,
    /// 0200, processing code 20.
    Refund,
    /// 0400, reason 17: a sale of the day undone.
    Cancel,
    /// 0100, processing code 31.
    Balance,
}

impl Kind {
    /// The type of its request.
    #[must_use]
    pub const fn mti(self) -> Mti {
        match self {
            Self::Sale | Self::Refund => Mti::FINANCIAL_REQUEST,
            Self::Cancel => Mti::REVERSAL_REQUEST,
            Self::Balance => Mti::AUTHORIZATION_REQUEST,
        }
    }

    /// DE 3; a cancel has that of its sale.
    #[must_use]
    pub const fn processing_code(self) -> ProcessingCode {
        match self {
            Self::Sale | Self::Cancel => ProcessingCode::PURCHASE,
            Self::Refund => ProcessingCode::REFUND,
            Self::Balance => ProcessingCode::BALANCE_INQUIRY,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Sale => "sale",
            Self::Refund => "refund",
            Self::Cancel => "cancel",
            Self::Balance => "balance",
        })
    }
}

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// No answer so far. Where money may have moved, its reversal, or the cancel itself once
    /// more, is sent before anything else.
    Unanswered,
    /// Answered yes.
    Approved,
    /// Answered no.
    Declined,
    /// Unanswered, and the host has acknowledged the reversal.
    Reversed,
    /// Approved, and cancelled later.
    Cancelled,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unanswered => "unanswered",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Reversed => "reversed",
            Self::Cancelled => "cancelled",
        })
    }
}

/// DE 39 as its two characters.
mod response_code {
    use iso8583::element::ResponseCode;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        code: &Option<ResponseCode>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        code.map(|code| code.to_string()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<ResponseCode>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|code| ResponseCode::try_from(code.as_bytes()).map_err(D::Error::custom))
            .transpose()
    }
}
