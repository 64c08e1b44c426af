//! What the VAN remembers of payments: a bounded table, in memory.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

use iso8583::element::{Amount, ResponseCode};
use serde::Serialize;

use crate::acquire::Original;
use crate::config::PaymentsConfig;
use crate::sale::{MallId, OrderId};
use crate::trace::Trace;

/// A payment's name towards malls: random, for whoever knows it may ask for the payment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PaymentId(u128);

impl PaymentId {
    const PREFIX: &'static str = "pay_";

    /// An id of 128 bits drawn by the caller.
    #[must_use]
    pub const fn new(drawn: u128) -> Self {
        Self(drawn)
    }
}

impl fmt::Display for PaymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:032x}", Self::PREFIX, self.0)
    }
}

impl fmt::Debug for PaymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PaymentId {
    type Err = UnknownPayment;

    fn from_str(text: &str) -> Result<Self, UnknownPayment> {
        let digits = text.strip_prefix(Self::PREFIX).ok_or(UnknownPayment)?;
        let drawn = u128::from_str_radix(digits, 16).map_err(|_| UnknownPayment)?;
        Ok(Self(drawn))
    }
}

/// There is no such payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPayment;

/// A mall's order: the second name of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OrderKey {
    /// The mall.
    pub mall: MallId,
    /// Its order.
    pub order: OrderId,
}

/// One payment. `W` is whoever waits for it.
#[derive(Debug)]
pub(crate) struct Payment<W> {
    pub(crate) key: OrderKey,
    pub(crate) amount: Amount,
    /// The card number, masked: all that stays of it.
    pub(crate) card: String,
    /// Tells the same order from another one under its id.
    pub(crate) fingerprint: u64,
    pub(crate) trace: Trace,
    /// There as long as there may be something to undo.
    pub(crate) original: Option<Original>,
    pub(crate) state: State,
    /// Wait for what is out now: the approval or the cancel.
    pub(crate) waiting: Vec<W>,
    /// Wait until the sale is undone.
    pub(crate) waiting_for_net_cancel: Vec<W>,
}

/// Where in its life a payment is.
///
/// ```text
///           ┌─ declined, not sent ─▶ Declined
///  Asked ───┤
///    │      └─ approved ─▶ Approved ─── cancel ──▶ Cancelling ── approved ──▶ Cancelled
///    │                       │   ▲                   │     │                     ▲
///    │ no answer             │   └──── refused ──────┘     │ no answer           │
///    │                       │ net cancel                  │                     │
///    └───────────────────────┴─────────▶ Unknown ◀─────────┘                     │
///                                           └───── net cancel confirmed ─────────┘
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The 0200 is out. `abandoned`: the mall wants it undone whatever the answer is.
    Asked { abandoned: bool },
    /// The card was charged.
    Approved(Approval),
    /// The card was not charged.
    Declined(ResponseCode),
    /// The 0400 is out.
    Cancelling(Approval),
    /// Not known, or not wanted any more: a net cancel is under way.
    Unknown(Option<Approval>),
    /// Whatever was charged was given back.
    Cancelled(Option<Approval>),
}

/// What an approval says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Approval {
    /// DE 38.
    pub(crate) number: String,
    /// DE 39.
    pub(crate) code: ResponseCode,
    /// What is left on the card, in minor units (DE 54), where the issuer says.
    pub(crate) balance: Option<i64>,
}

impl State {
    /// The approval there was, whatever became of it.
    pub(crate) const fn approval(&self) -> Option<&Approval> {
        match self {
            Self::Approved(approval) | Self::Cancelling(approval) => Some(approval),
            Self::Unknown(approval) | Self::Cancelled(approval) => approval.as_ref(),
            Self::Asked { .. } | Self::Declined(_) => None,
        }
    }
}

impl<W> Payment<W> {
    /// The payment as malls see it.
    pub(crate) fn receipt(&self, id: PaymentId) -> Receipt {
        let approval = self.state.approval();
        let (status, code, balance) = match &self.state {
            State::Asked { .. } | State::Cancelling(_) => (Status::Pending, None, None),
            State::Approved(approval) => (Status::Approved, Some(approval.code), approval.balance),
            State::Declined(code) => (Status::Declined, Some(*code), None),
            State::Unknown(_) => (Status::Unknown, None, None),
            State::Cancelled(_) => (Status::Cancelled, None, None),
        };
        Receipt {
            payment_id: id.to_string(),
            mall_id: self.key.mall.clone(),
            order_id: self.key.order.clone(),
            status,
            response_code: code.map(|code| code.to_string()),
            response_words: code.map_or_else(|| status.words(), ResponseCode::words),
            approval_number: approval.map(|approval| approval.number.clone()),
            approval_date: approval.map(|_| self.trace.full_date()),
            rrn: self.trace.rrn(),
            stan: self.trace.stan.to_string(),
            amount: self.amount.minor(),
            currency: self.amount.currency().to_string(),
            balance,
            card: self.card.clone(),
            requested_at: self.trace.shown(),
        }
    }

    /// Is nothing under way any more?
    const fn is_settled(&self) -> bool {
        matches!(
            self.state,
            State::Approved(_) | State::Declined(_) | State::Cancelled(_)
        )
    }
}

/// A payment as malls see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// The VAN's name of the payment.
    pub payment_id: String,
    /// The mall.
    pub mall_id: MallId,
    /// Its order.
    pub order_id: OrderId,
    /// What became of it.
    pub status: Status,
    /// DE 39, where the network or the VAN gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_code: Option<String>,
    /// The same in words.
    pub response_words: &'static str,
    /// DE 38.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_number: Option<String>,
    /// YYYYMMDD; with the number, the key of a cancel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval_date: Option<String>,
    /// DE 37.
    pub rrn: String,
    /// DE 11.
    pub stan: String,
    /// Minor units.
    pub amount: u64,
    /// What they are counted in.
    pub currency: String,
    /// What the approval left on the card, in minor units, where the issuer said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balance: Option<i64>,
    /// The card, masked.
    pub card: String,
    /// Local date and time of the request.
    pub requested_at: String,
}

/// What became of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// An answer is awaited.
    Pending,
    /// The card was charged.
    Approved,
    /// The card was not charged.
    Declined,
    /// Not known: it is being reversed, and will never become approved.
    Unknown,
    /// Whatever was charged was given back.
    Cancelled,
}

impl Status {
    const fn words(self) -> &'static str {
        match self {
            Self::Pending => "the answer is awaited",
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::Unknown => "no answer; the sale is being reversed",
            Self::Cancelled => "cancelled, or there was nothing to cancel",
        }
    }
}

/// All payments the VAN remembers, by id and by order.
#[derive(Debug)]
pub(crate) struct Payments<W> {
    config: PaymentsConfig,
    by_id: HashMap<PaymentId, Payment<W>>,
    orders: HashMap<OrderKey, Order>,
    /// Oldest first.
    ages: VecDeque<(Instant, OrderKey)>,
    /// The local date on which cards were last forgotten.
    today: String,
}

/// What is known of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// It became a payment.
    Placed(PaymentId),
    /// It was net-cancelled before it came: it must not be approved when it does.
    CancelledUnseen,
}

/// As many payments as allowed are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableFull;

impl<W> Payments<W> {
    pub(crate) fn new(config: PaymentsConfig) -> Self {
        Self {
            config,
            by_id: HashMap::new(),
            orders: HashMap::new(),
            ages: VecDeque::new(),
            today: String::new(),
        }
    }

    pub(crate) fn order(&self, key: &OrderKey) -> Option<Order> {
        self.orders.get(key).copied()
    }

    pub(crate) fn get(&self, id: PaymentId) -> Option<&Payment<W>> {
        self.by_id.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: PaymentId) -> Option<&mut Payment<W>> {
        self.by_id.get_mut(&id)
    }

    pub(crate) fn len(&self) -> usize {
        self.orders.len()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.len() < self.config.max
    }

    pub(crate) fn insert(&mut self, now: Instant, id: PaymentId, payment: Payment<W>) {
        self.ages.push_back((now, payment.key.clone()));
        self.orders.insert(payment.key.clone(), Order::Placed(id));
        self.by_id.insert(id, payment);
    }

    pub(crate) fn cancel_unseen(&mut self, now: Instant, key: OrderKey) -> Result<(), TableFull> {
        if !self.has_room() {
            return Err(TableFull);
        }
        self.ages.push_back((now, key.clone()));
        self.orders.insert(key, Order::CancelledUnseen);
        Ok(())
    }

    /// Forgets what is older than `keep`, and, once the local day is over, the card numbers of
    /// approved payments: those can no longer be cancelled.
    pub(crate) fn sweep(&mut self, now: Instant, today: String) {
        if self.today != today {
            for payment in self.by_id.values_mut() {
                if payment.is_settled() && payment.trace.full_date() != today {
                    payment.original = None;
                }
            }
            self.today = today;
        }
        while let Some((since, _)) = self.ages.front()
            && now.duration_since(*since) >= self.config.keep
            && let Some((_, key)) = self.ages.pop_front()
        {
            self.forget(now, key);
        }
    }

    /// What is still under way is kept for as long again.
    fn forget(&mut self, now: Instant, key: OrderKey) {
        if let Some(Order::Placed(id)) = self.order(&key) {
            if self.get(id).is_some_and(|payment| !payment.is_settled()) {
                self.ages.push_back((now, key));
                return;
            }
            self.by_id.remove(&id);
        }
        self.orders.remove(&key);
    }
}

/// How often [`Payments::sweep`] is due.
pub(crate) const SWEEP_EVERY: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_id_is_read_as_it_is_written() {
        let id = PaymentId::new(0xABC);
        assert_eq!(id.to_string(), "pay_00000000000000000000000000000abc");
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "pay_", "pay_xyz", "00000000000000000000000000000abc"] {
            assert_eq!(text.parse::<PaymentId>(), Err(UnknownPayment));
        }
    }
}
