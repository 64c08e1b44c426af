//! The VAN's desk: takes what malls ask, decides what is sent, keeps what came of it.
//!
//! A machine without sockets and clocks; `W` is whoever waits for a reply. Around it stands the
//! loop of `drive.rs`.

mod outcome;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use iso8583::Message;
use iso8583::element::ResponseCode;
use iso8583::session::Now;
use jiff::tz::Offset;
use thiserror::Error;
use tokio::sync::oneshot;

pub(crate) use self::outcome::BalanceReceipt;
use self::outcome::{CancelVerdict, Verdict};
use crate::acquire::{Acquirer, Original};
use crate::config::{Config, Mall};
use crate::host::Outcome;
use crate::netcancel::{self, NetCancels};
use crate::payments::{
    Approval, Order, OrderKey, Payment, PaymentId, Payments, Receipt, SWEEP_EVERY, State, Status,
};
use crate::sale::{Card, MallId, OrderId, Sale};
use crate::trace::{StanSequence, Trace};

/// All payments of one VAN and what is under way with them.
#[derive(Debug)]
pub(crate) struct Desk<W> {
    acquirer: Acquirer,
    utc_offset: Offset,
    stans: StanSequence,
    payments: Payments<W>,
    net_cancels: NetCancels,
    next_sweep: Instant,
    outputs: VecDeque<Output<W>>,
}

/// What a mall asks.
#[derive(Debug)]
pub(crate) enum Command {
    /// Approve a sale (patent d6), under an id just drawn.
    Approve {
        id: PaymentId,
        fingerprint: u64,
        sale: Sale,
    },
    /// Cancel an approved sale on the same day (당일취소).
    Cancel(PaymentId),
    /// Undo whatever became of an order (망취소).
    NetCancel(OrderKey),
    /// What became of a payment?
    Find(PaymentId),
    /// What became of an order?
    FindOrder(OrderKey),
    /// How much is on a card?
    Balance { mall: Arc<Mall>, card: Card },
}

/// What a mall gets.
pub(crate) type Reply = Result<Answer, Refusal>;

/// The answer to a command that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Payment(Receipt),
    /// The net cancel of an order that never came.
    NothingToCancel,
    Balance(BalanceReceipt),
}

/// Why a command was not taken. Nothing was sent for it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    #[error("order {order} of mall {mall} exists with other content; use another order id")]
    OrderExists { mall: MallId, order: OrderId },
    #[error("order {order} of mall {mall} was net-cancelled before it came; use another order id")]
    OrderCancelled { mall: MallId, order: OrderId },
    #[error("there is no such payment")]
    UnknownPayment,
    #[error("the payment is not approved, so there is nothing to cancel")]
    NotApproved,
    #[error("the payment was approved on another day; only sales of the same day are cancelled")]
    AnotherDay,
    #[error("the cancel was refused with {0}, {words}", words = .0.words())]
    CancelRefused(ResponseCode),
    #[error("the VAN remembers as many payments as it may; try again later")]
    PaymentsFull,
    #[error("too many approvals and reversals are open; try again later")]
    NetCancelsFull,
    #[error("as many as may wait for this payment already do; ask what became of it")]
    TooManyWaiting,
    #[error("the VAN is stopping; ask again what became of the payment")]
    Stopping,
}

/// Whoever waits for a reply.
pub(crate) trait Waiting {
    /// Has it stopped waiting?
    fn is_gone(&self) -> bool;
}

impl Waiting for oneshot::Sender<Reply> {
    fn is_gone(&self) -> bool {
        self.is_closed()
    }
}

/// A message out at the switch, and what it is about.
#[derive(Debug)]
pub(crate) enum Exchange<W> {
    Approval(PaymentId),
    Cancel(PaymentId),
    NetCancel(PaymentId),
    Balance {
        waiting: W,
        card: String,
        trace: Trace,
    },
}

/// What the desk wants done or has to tell.
#[derive(Debug)]
pub(crate) enum Output<W> {
    /// Send this and report what became of it.
    Send(Exchange<W>, Message),
    /// Reply to who waits.
    Reply(W, Reply),
    /// For logs and metrics.
    Happened(Event),
}

/// A fact for logs and metrics.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// What became of a payment: approved, declined, unknown or cancelled.
    Payment(PaymentId, Status),
    /// Why an approval was sent and has no answer to use.
    NoAnswer(PaymentId, String),
    /// A reversal was confirmed.
    NetCancelSettled(PaymentId),
    /// A reversal was never confirmed.
    NetCancelGivenUp(PaymentId),
    /// A command was refused.
    Refused(Refusal),
}

impl<W: Waiting> Desk<W> {
    pub(crate) fn new(config: &Config, now: Now) -> Self {
        let utc_offset = config.utc_offset.0;
        Self {
            acquirer: Acquirer {
                institution: config.institution.clone(),
                pin_zone_key: config.pin_zone_key.clone(),
            },
            utc_offset,
            stans: StanSequence::starting_at(utc_offset.to_datetime(now.utc)),
            payments: Payments::new(config.payments.clone()),
            net_cancels: NetCancels::new(config.net_cancel.clone()),
            next_sweep: now.instant,
            outputs: VecDeque::new(),
        }
    }

    pub(crate) fn handle_command(&mut self, now: Now, command: Command, from: W) {
        match command {
            Command::Approve {
                id,
                fingerprint,
                sale,
            } => self.approve(now, id, fingerprint, &sale, from),
            Command::Cancel(id) => self.cancel(now, id, from),
            Command::NetCancel(key) => self.net_cancel(now, key, from),
            Command::Find(id) => self.reply_receipt(id, from),
            Command::FindOrder(key) => match self.payments.order(&key) {
                Some(Order::Placed(id)) => self.reply_receipt(id, from),
                Some(Order::CancelledUnseen) | None => {
                    self.refuse(from, Refusal::UnknownPayment);
                }
            },
            Command::Balance { mall, card } => {
                let trace = self.trace(now);
                let message = self.acquirer.balance_inquiry(&mall, &card, &trace);
                let exchange = Exchange::Balance {
                    waiting: from,
                    card: card.pan.to_string(),
                    trace,
                };
                self.outputs.push_back(Output::Send(exchange, message));
            }
        }
        self.drain_net_cancels();
    }

    pub(crate) fn handle_outcome(&mut self, now: Now, exchange: Exchange<W>, outcome: &Outcome) {
        match exchange {
            Exchange::Approval(id) => self.approval_came_back(now, id, outcome),
            Exchange::Cancel(id) => self.cancel_came_back(now, id, outcome),
            Exchange::NetCancel(id) => {
                self.net_cancels.handle_outcome(now.instant, id, outcome);
            }
            Exchange::Balance {
                waiting,
                card,
                trace,
            } => {
                let receipt = BalanceReceipt::of(outcome, card, &trace);
                let reply = Ok(Answer::Balance(receipt));
                self.outputs.push_back(Output::Reply(waiting, reply));
            }
        }
        self.drain_net_cancels();
    }

    pub(crate) fn handle_timeout(&mut self, now: Now) {
        if self.next_sweep <= now.instant {
            let today = self.today(now);
            self.payments.sweep(now.instant, today);
            self.next_sweep = now.instant + SWEEP_EVERY;
        }
        self.net_cancels.handle_timeout(now.instant);
        self.drain_net_cancels();
    }

    pub(crate) fn poll_output(&mut self) -> Option<Output<W>> {
        self.outputs.pop_front()
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        self.net_cancels
            .poll_timeout()
            .map_or(self.next_sweep, |at| at.min(self.next_sweep))
    }

    /// Payments and cancelled orders remembered.
    pub(crate) fn remembered(&self) -> usize {
        self.payments.len()
    }

    /// Reversals that the network has not confirmed yet.
    pub(crate) fn net_cancels_pending(&self) -> usize {
        self.net_cancels.pending()
    }

    fn approve(&mut self, now: Now, id: PaymentId, fingerprint: u64, sale: &Sale, from: W) {
        let key = OrderKey {
            mall: sale.mall.id.clone(),
            order: sale.order.clone(),
        };
        match self.payments.order(&key) {
            Some(Order::Placed(first)) => return self.repeat(first, fingerprint, from),
            Some(Order::CancelledUnseen) => {
                let OrderKey { mall, order } = key;
                return self.refuse(from, Refusal::OrderCancelled { mall, order });
            }
            None if !self.payments.has_room() => return self.refuse(from, Refusal::PaymentsFull),
            None => {}
        }
        if self.net_cancels.reserve(id).is_err() {
            return self.refuse(from, Refusal::NetCancelsFull);
        }
        let trace = self.trace(now);
        let message = self.acquirer.purchase(sale, &trace);
        let payment = Payment {
            key,
            amount: sale.amount,
            card: sale.card.pan.to_string(),
            fingerprint,
            trace,
            original: Some(Original::of(sale, trace)),
            state: State::Asked { abandoned: false },
            waiting: vec![from],
            waiting_for_net_cancel: Vec::new(),
        };
        self.payments.insert(now.instant, id, payment);
        self.outputs
            .push_back(Output::Send(Exchange::Approval(id), message));
    }

    /// The same order again: the same answer, however the first one comes out.
    fn repeat(&mut self, id: PaymentId, fingerprint: u64, from: W) {
        let Some(payment) = self.payments.get_mut(id) else {
            return self.refuse(from, Refusal::UnknownPayment);
        };
        if payment.fingerprint != fingerprint {
            let OrderKey { mall, order } = payment.key.clone();
            return self.refuse(from, Refusal::OrderExists { mall, order });
        }
        if matches!(payment.state, State::Asked { .. }) {
            if let Err(from) = join(&mut payment.waiting, from) {
                self.refuse(from, Refusal::TooManyWaiting);
            }
            return;
        }
        self.reply_receipt(id, from);
    }

    fn approval_came_back(&mut self, now: Now, id: PaymentId, outcome: &Outcome) {
        let Some(payment) = self.payments.get_mut(id) else {
            return;
        };
        let State::Asked { abandoned } = payment.state else {
            return;
        };
        let waiting = std::mem::take(&mut payment.waiting);
        match Verdict::of(outcome, payment.amount) {
            Verdict::Approved(approval) if !abandoned => {
                payment.state = State::Approved(approval);
                self.net_cancels.release(id);
                self.happened(id, Status::Approved);
            }
            Verdict::Approved(approval) => {
                self.undo(now, id, Some(approval));
            }
            Verdict::Declined(code) => {
                payment.state = State::Declined(code);
                payment.original = None;
                self.net_cancels.release(id);
                self.happened(id, Status::Declined);
                self.net_cancel_done(id);
            }
            Verdict::Unusable(why) => {
                self.outputs
                    .push_back(Output::Happened(Event::NoAnswer(id, why)));
                self.undo(now, id, None);
            }
        }
        for waiting in waiting {
            self.reply_receipt(id, waiting);
        }
    }

    fn cancel(&mut self, now: Now, id: PaymentId, from: W) {
        let (trace, today) = (self.trace(now), self.today(now));
        let Some(payment) = self.payments.get_mut(id) else {
            return self.refuse(from, Refusal::UnknownPayment);
        };
        let (approval, original) = match (&payment.state, &payment.original) {
            (State::Approved(approval), Some(original)) if original.trace.full_date() == today => {
                (approval.clone(), original)
            }
            (State::Approved(_), _) => return self.refuse(from, Refusal::AnotherDay),
            (State::Cancelling(_), _) => {
                if let Err(from) = join(&mut payment.waiting, from) {
                    self.refuse(from, Refusal::TooManyWaiting);
                }
                return;
            }
            (State::Cancelled(_) | State::Unknown(_), _) => return self.reply_receipt(id, from),
            (State::Asked { .. } | State::Declined(_), _) => {
                return self.refuse(from, Refusal::NotApproved);
            }
        };
        if self.net_cancels.reserve(id).is_err() {
            return self.refuse(from, Refusal::NetCancelsFull);
        }
        let message = self.acquirer.cancel(original, &approval.number, &trace);
        payment.state = State::Cancelling(approval);
        payment.waiting.push(from);
        self.outputs
            .push_back(Output::Send(Exchange::Cancel(id), message));
    }

    fn cancel_came_back(&mut self, now: Now, id: PaymentId, outcome: &Outcome) {
        let Some(payment) = self.payments.get_mut(id) else {
            return;
        };
        let State::Cancelling(approval) = payment.state.clone() else {
            return;
        };
        let waiting = std::mem::take(&mut payment.waiting);
        let refused = match CancelVerdict::of(outcome) {
            CancelVerdict::Done => {
                payment.state = State::Cancelled(Some(approval));
                payment.original = None;
                self.net_cancels.release(id);
                self.happened(id, Status::Cancelled);
                self.net_cancel_done(id);
                None
            }
            CancelVerdict::Refused(code) if payment.waiting_for_net_cancel.is_empty() => {
                payment.state = State::Approved(approval);
                self.net_cancels.release(id);
                Some(Refusal::CancelRefused(code))
            }
            // The mall wants it undone: what a request does not bring about, a reversal will.
            CancelVerdict::Refused(_) | CancelVerdict::Open => {
                self.undo(now, id, Some(approval));
                None
            }
        };
        for waiting in waiting {
            match &refused {
                Some(refusal) => self.refuse(waiting, refusal.clone()),
                None => self.reply_receipt(id, waiting),
            }
        }
    }

    fn net_cancel(&mut self, now: Now, key: OrderKey, from: W) {
        let id = match self.payments.order(&key) {
            Some(Order::Placed(id)) => id,
            Some(Order::CancelledUnseen) => return self.reply(from, Ok(Answer::NothingToCancel)),
            None => {
                let reply = match self.payments.cancel_unseen(now.instant, key) {
                    Ok(()) => Ok(Answer::NothingToCancel),
                    Err(_) => Err(Refusal::PaymentsFull),
                };
                return self.reply(from, reply);
            }
        };
        let Some(payment) = self.payments.get_mut(id) else {
            return self.refuse(from, Refusal::UnknownPayment);
        };
        match &mut payment.state {
            State::Declined(_) | State::Cancelled(_) => return self.reply_receipt(id, from),
            State::Asked { abandoned } => *abandoned = true,
            State::Cancelling(_) => {}
            // One that was given up begins anew.
            State::Unknown(_) if self.net_cancels.hurry(now.instant, id) => {}
            State::Approved(_) if payment.original.is_none() => {
                return self.refuse(from, Refusal::AnotherDay);
            }
            State::Approved(_) | State::Unknown(_) => {
                let approval = payment.state.approval().cloned();
                if self.net_cancels.reserve(id).is_err() {
                    return self.refuse(from, Refusal::NetCancelsFull);
                }
                self.undo(now, id, approval);
            }
        }
        // Whether or not there is room to wait, the net cancel goes on.
        if let Some(payment) = self.payments.get_mut(id)
            && let Err(from) = join(&mut payment.waiting_for_net_cancel, from)
        {
            self.refuse(from, Refusal::TooManyWaiting);
        }
    }

    /// From here on the payment will not be approved any more: it is reversed until the network
    /// says that it is.
    fn undo(&mut self, now: Now, id: PaymentId, approval: Option<Approval>) {
        let trace = self.trace(now);
        let Some(payment) = self.payments.get_mut(id) else {
            return;
        };
        if let Some(original) = &payment.original {
            let number = approval.as_ref().map(|approval| approval.number.as_str());
            let message = self.acquirer.net_cancel(original, number, &trace);
            self.net_cancels.start(now.instant, id, message);
        }
        payment.state = State::Unknown(approval);
        self.happened(id, Status::Unknown);
    }

    fn drain_net_cancels(&mut self) {
        while let Some(output) = self.net_cancels.poll_output() {
            match output {
                netcancel::Output::Send(id, message) => self
                    .outputs
                    .push_back(Output::Send(Exchange::NetCancel(id), message)),
                netcancel::Output::Settled(id) => self.undone(id),
                netcancel::Output::GaveUp(id) => {
                    self.outputs
                        .push_back(Output::Happened(Event::NetCancelGivenUp(id)));
                }
            }
        }
    }

    fn undone(&mut self, id: PaymentId) {
        self.outputs
            .push_back(Output::Happened(Event::NetCancelSettled(id)));
        if let Some(payment) = self.payments.get_mut(id)
            && let State::Unknown(approval) = &mut payment.state
        {
            payment.state = State::Cancelled(approval.take());
            payment.original = None;
            self.happened(id, Status::Cancelled);
            self.net_cancel_done(id);
        }
    }

    fn net_cancel_done(&mut self, id: PaymentId) {
        let waiting = self
            .payments
            .get_mut(id)
            .map(|payment| std::mem::take(&mut payment.waiting_for_net_cancel))
            .unwrap_or_default();
        for waiting in waiting {
            self.reply_receipt(id, waiting);
        }
    }

    fn trace(&mut self, now: Now) -> Trace {
        Trace::new(self.stans.take(), now.utc, self.utc_offset)
    }

    fn today(&self, now: Now) -> String {
        let local = self.utc_offset.to_datetime(now.utc);
        local.strftime("%Y%m%d").to_string()
    }

    fn happened(&mut self, id: PaymentId, status: Status) {
        self.outputs
            .push_back(Output::Happened(Event::Payment(id, status)));
    }

    fn reply_receipt(&mut self, id: PaymentId, to: W) {
        let reply = self
            .payments
            .get(id)
            .map(|payment| Answer::Payment(payment.receipt(id)))
            .ok_or(Refusal::UnknownPayment);
        self.reply(to, reply);
    }

    fn refuse(&mut self, to: W, refusal: Refusal) {
        self.outputs
            .push_back(Output::Happened(Event::Refused(refusal.clone())));
        self.reply(to, Err(refusal));
    }

    fn reply(&mut self, to: W, reply: Reply) {
        self.outputs.push_back(Output::Reply(to, reply));
    }
}

/// Joins those who wait, once those who hung up are gone; back again where too many are left.
fn join<W: Waiting>(waiting: &mut Vec<W>, from: W) -> Result<(), W> {
    waiting.retain(|other| !other.is_gone());
    if waiting.len() >= WAITING_MAX {
        return Err(from);
    }
    waiting.push(from);
    Ok(())
}

/// How many may wait for one payment: a mall asks once and repeats, so more are a mistake.
const WAITING_MAX: usize = 32;

#[cfg(test)]
mod tests;
