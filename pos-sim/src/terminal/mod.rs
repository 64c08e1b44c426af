//! PURE: the terminal machine. No socket, file or clock: `now` comes in, messages go out.
//!
//! One order at a time. Whatever may have moved money is pending before its first byte leaves,
//! and what is pending is finished before another order is taken (see [`Pending`]).

use iso8583::crypto::{ClearPin, TdesKey};
use iso8583::element::{Amount, Currency, OriginalData, Pan, ResponseCode, local_date, local_time};
use iso8583::frame::Tpdu;
use iso8583::{Class, InvalidElement, Message, Mti};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use thiserror::Error;

use crate::answer::{self, Mismatch};
use crate::entry::Card;
use crate::merchant::Merchant;
use crate::pending::{Kept, Pending, transmission};
use crate::pinpad::PinPad;
use crate::trace_numbers::{TraceNumbers, retrieval_reference};
use crate::transaction::{Kind, Status, Transaction};

/// Where the terminals stand: Korea, all year.
const LOCAL: Offset = jiff::tz::offset(9);
/// DE 25: nothing out of the ordinary.
const NORMAL_CONDITION: &[u8] = b"00";
/// How many of the day's transactions are remembered; beyond it the oldest is forgotten, and can
/// be refunded but not cancelled.
const JOURNAL_MAX: usize = 5_000;

/// What the operator asks the terminal to do.
#[derive(Clone, Debug)]
pub enum Order {
    /// Goods against money.
    Sale {
        /// Won.
        amount: u64,
        /// The customer's card.
        card: Card,
        /// The card password; a swiped card needs it.
        pin: Option<ClearPin>,
    },
    /// Money back for goods returned, of whatever sale.
    Refund {
        /// Won.
        amount: u64,
        /// The customer's card.
        card: Card,
        /// The card password; a swiped card needs it.
        pin: Option<ClearPin>,
    },
    /// A sale of today undone.
    Cancel {
        /// The sale's reference (DE 37), as its slip shows it.
        rrn: String,
        /// The same card again: the terminal has not kept its number.
        card: Card,
    },
    /// How much is on the card?
    Balance {
        /// The customer's card.
        card: Card,
        /// The card password; a swiped card needs it.
        pin: Option<ClearPin>,
    },
}

/// What does not change while a terminal runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whose terminal it is.
    pub merchant: Merchant,
    /// What its requests are addressed with.
    pub tpdu: Tpdu,
    /// What card passwords are encrypted under.
    pub zone_key: TdesKey,
}

/// What must outlive the terminal's power.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// DE 11, counting on.
    pub numbers: TraceNumbers,
    /// The transactions of the day, oldest first.
    pub transactions: Vec<Transaction>,
    /// What is to be finished first.
    pub pending: Option<Pending>,
}

/// A terminal between its operator and its host.
#[derive(Debug)]
pub struct Terminal {
    settings: Settings,
    state: State,
}

impl Terminal {
    /// A terminal that goes on from a state; an order that was under way then is not known to
    /// have been answered, so it is pending now.
    ///
    /// # Errors
    /// Where the merchant's values do not fit their data elements.
    pub fn new(settings: Settings, state: State) -> Result<Self, InvalidElement> {
        settings.merchant.check()?;
        Ok(Self { settings, state })
    }

    /// What must be kept.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Whose terminal it is.
    #[must_use]
    pub const fn merchant(&self) -> &Merchant {
        &self.settings.merchant
    }

    /// The transaction under a trace number.
    #[must_use]
    pub fn transaction(&self, stan: u32) -> Option<&Transaction> {
        self.state
            .transactions
            .iter()
            .rev()
            .find(|transaction| transaction.stan == stan)
    }

    /// Takes an order: the request to be sent. What it leaves pending must be kept before that.
    ///
    /// # Errors
    /// Where the terminal itself refuses; nothing has happened then.
    pub fn begin(&mut self, now: Timestamp, order: &Order) -> Result<Message, Refusal> {
        if let Some(pending) = &self.state.pending {
            return Err(Refusal::Pending {
                rrn: pending.rrn().to_owned(),
            });
        }
        let today = local(now).date();
        // One for the request and one for its reversal.
        if self.state.numbers.left(today) < 2 {
            return Err(Refusal::TraceNumbersUsedUp);
        }
        let earlier = &mut self.state.transactions;
        earlier.retain(|transaction| transaction.local.date() == today);
        earlier.drain(..(earlier.len() + 1).saturating_sub(JOURNAL_MAX));
        match order {
            Order::Sale { amount, card, pin } => {
                self.request(now, Kind::Sale, *amount, card, pin.as_ref())
            }
            Order::Refund { amount, card, pin } => {
                self.request(now, Kind::Refund, *amount, card, pin.as_ref())
            }
            Order::Balance { card, pin } => self.request(now, Kind::Balance, 0, card, pin.as_ref()),
            Order::Cancel { rrn, card } => self.cancel(now, rrn, card),
        }
    }

    /// A message of the network (0800): DE 70 001 signs on, 301 is an echo test.
    ///
    /// # Errors
    /// Where the day has no trace number left.
    pub fn network(&mut self, now: Timestamp, function: &str) -> Result<Message, Refusal> {
        let stan = self.next_stan(now)?;
        let mut message = Message::new(Mti::NETWORK_REQUEST);
        message.set_header(Some(self.settings.tpdu));
        message
            .set(7, transmission(now).as_bytes())
            .set(11, format!("{stan:06}").as_bytes())
            .set(70, function.as_bytes());
        if let Some(institution) = &self.settings.merchant.institution {
            message.set(32, institution.as_bytes());
        }
        Ok(message)
    }

    /// What is pending, as the message to be sent now: a reversal (망취소), or the cancel that was
    /// not answered; from the second time on as a repeat with the same DE 7 and 11.
    ///
    /// # Errors
    /// Where the day has no trace number left.
    pub fn next_reversal(&mut self, now: Timestamp) -> Result<Option<Message>, Refusal> {
        let (reversal, mti) = match self.state.pending.clone() {
            None => return Ok(None),
            Some(Pending::Unanswered(original)) => {
                let stan = self.next_stan(now)?;
                let reversal = original.reversal(now, stan)?;
                let mti = reversal.mti;
                (reversal, mti)
            }
            Some(Pending::Ready(reversal)) => {
                let mti = reversal.mti;
                (reversal, mti)
            }
            Some(Pending::Sent(reversal)) => {
                let mti = reversal.mti.repeat();
                (reversal, mti)
            }
        };
        let mut message = reversal.to_message();
        message.set_mti(mti);
        message.set_header(Some(self.settings.tpdu));
        self.state.pending = Some(Pending::Sent(reversal));
        Ok(Some(message))
    }

    /// Takes the answer to a request of [`Terminal::begin`], [`Terminal::next_reversal`] or
    /// [`Terminal::network`].
    ///
    /// # Errors
    /// Where it is not the answer to that request: it counts as no answer.
    pub fn handle_answer(
        &mut self,
        request: &Message,
        answer: &Message,
    ) -> Result<ResponseCode, Mismatch> {
        let code = answer::check(request, answer)?;
        match (request.mti().class(), request.mti().is_advice()) {
            (Class::Reversal, true) => self.reversal_answered(request, code),
            (Class::Reversal, false) => self.cancel_answered(request, code, answer),
            (Class::NetworkManagement, _) => {}
            _ => {
                self.state.pending = None;
                if let Some(transaction) = self.transaction_mut(stan_of(request)) {
                    transaction.answered(code, answer);
                }
            }
        }
        Ok(code)
    }

    /// Takes that a request did not leave: there is nothing to undo.
    pub fn handle_not_sent(&mut self, request: &Message) {
        if request.mti().is_repeat() || request.mti().class() == Class::NetworkManagement {
            return;
        }
        let pending = self.state.pending.take();
        if request.mti().is_advice() {
            self.state.pending = match pending {
                Some(Pending::Sent(reversal)) => Some(Pending::Ready(reversal)),
                other => other,
            };
        } else {
            let stan = stan_of(request);
            self.state
                .transactions
                .retain(|transaction| transaction.stan != stan);
        }
    }

    /// Forgets what is pending, for an operator who has settled it with the acquirer.
    pub fn give_up(&mut self) {
        self.state.pending = None;
    }

    fn request(
        &mut self,
        now: Timestamp,
        kind: Kind,
        amount: u64,
        card: &Card,
        pin: Option<&ClearPin>,
    ) -> Result<Message, Refusal> {
        if matches!(card, Card::Swiped { .. }) && pin.is_none() {
            return Err(Refusal::PasswordNeeded);
        }
        let money = Amount::new(amount, Currency::KRW)?;
        let stan = self.next_stan(now)?;
        let rrn = retrieval_reference(local(now), stan);

        let mut request = Message::new(kind.mti());
        request.set_header(Some(self.settings.tpdu));
        request
            .set(3, kind.processing_code().as_bytes())
            .set(4, &money.to_digits())
            .set(7, transmission(now).as_bytes())
            .set(11, format!("{stan:06}").as_bytes())
            .set(12, &local_time(now, LOCAL))
            .set(13, &local_date(now, LOCAL))
            .set(25, NORMAL_CONDITION)
            .set(37, rrn.as_bytes())
            .set(49, money.currency().as_bytes());
        self.settings.merchant.write_identity(&mut request);
        self.settings.merchant.write_shop(&mut request);
        let pin_pad = PinPad::write(pin, card.pan(), &self.settings.zone_key, &mut request);
        card.write(pin_pad, &mut request);

        if request.mti().class() == Class::Financial {
            self.state.pending = Some(Pending::Unanswered(Kept::new(&request, card.pan())));
        }
        self.record(now, kind, amount, stan, rrn, card);
        Ok(request)
    }

    fn cancel(&mut self, now: Timestamp, rrn: &str, card: &Card) -> Result<Message, Refusal> {
        let sale = self.cancellable(rrn, card.pan())?.clone();
        let stan = self.next_stan(now)?;
        let original = OriginalData::new(
            sale.kind.mti(),
            format!("{:06}", sale.stan).as_bytes(),
            sale.transmission.as_bytes(),
            sale.institution.as_deref().map(str::as_bytes),
            None,
        )?;
        let mut request = Message::new(Kind::Cancel.mti());
        request.set_header(Some(self.settings.tpdu));
        request
            .set(2, card.pan().reveal().as_bytes())
            .set(3, Kind::Cancel.processing_code().as_bytes())
            .set(4, &sale.money()?.to_digits())
            .set(7, transmission(now).as_bytes())
            .set(11, format!("{stan:06}").as_bytes())
            .set(12, sale.local.strftime("%H%M%S").to_string().as_bytes())
            .set(13, sale.local.strftime("%m%d").to_string().as_bytes())
            .set(22, card.mode(PinPad::Unused).as_bytes())
            .set(25, NORMAL_CONDITION)
            .set(37, sale.rrn.as_bytes())
            .set(39, ResponseCode::CUSTOMER_CANCELLATION.as_bytes())
            .set(49, Currency::KRW.as_bytes())
            .set(90, original.as_bytes());
        self.settings.merchant.write_identity(&mut request);
        if let Some(approval) = &sale.approval {
            request.set(38, format!("{approval:<6}").as_bytes());
        }
        self.state.pending = Some(Pending::Sent(Kept::new(&request, card.pan())));
        self.record(now, Kind::Cancel, sale.amount, stan, sale.rrn, card);
        if let Some(cancel) = self.transaction_mut(stan) {
            cancel.approval = sale.approval;
        }
        Ok(request)
    }

    fn cancellable(&self, rrn: &str, pan: &Pan) -> Result<&Transaction, Refusal> {
        let rrn = rrn.to_owned();
        let sale = self
            .state
            .transactions
            .iter()
            .find(|transaction| transaction.kind == Kind::Sale && transaction.rrn == rrn);
        match sale {
            None => Err(Refusal::NoSuchSale { rrn }),
            Some(sale) if sale.status != Status::Approved => Err(Refusal::NotCancellable {
                rrn,
                status: sale.status,
            }),
            Some(sale) if sale.card != pan.to_string() => Err(Refusal::OtherCard {
                rrn,
                card: sale.card.clone(),
            }),
            Some(sale) => Ok(sale),
        }
    }

    fn record(
        &mut self,
        now: Timestamp,
        kind: Kind,
        amount: u64,
        stan: u32,
        rrn: String,
        card: &Card,
    ) {
        self.state.transactions.push(Transaction {
            kind,
            status: Status::Unanswered,
            card: card.pan().to_string(),
            entry: card.entry(),
            amount,
            stan,
            rrn,
            transmission: transmission(now),
            local: local(now),
            institution: self.settings.merchant.institution.clone(),
            code: None,
            detail: None,
            approval: None,
            ledger: None,
            available: None,
        });
    }

    fn reversal_answered(&mut self, request: &Message, code: ResponseCode) {
        if !acknowledges(code) {
            return;
        }
        self.state.pending = None;
        if let Some(transaction) = self.transaction_mut(original_stan(request)) {
            transaction.status = Status::Reversed;
        }
    }

    fn cancel_answered(&mut self, request: &Message, code: ResponseCode, answer: &Message) {
        let cancel = stan_of(request);
        if unresolved(code) {
            if let Some(transaction) = self.transaction_mut(cancel) {
                transaction.code = Some(code);
            }
            return;
        }
        self.state.pending = None;
        if let Some(transaction) = self.transaction_mut(cancel) {
            transaction.answered(code, answer);
        }
        if code.approves()
            && let Some(sale) = self.transaction_mut(original_stan(request))
        {
            sale.status = Status::Cancelled;
        }
    }

    fn next_stan(&mut self, now: Timestamp) -> Result<u32, Refusal> {
        let today = local(now).date();
        self.state
            .numbers
            .next(today)
            .ok_or(Refusal::TraceNumbersUsedUp)
    }

    fn transaction_mut(&mut self, stan: u32) -> Option<&mut Transaction> {
        self.state
            .transactions
            .iter_mut()
            .rev()
            .find(|transaction| transaction.stan == stan)
    }
}

/// An advice is done with when it is carried out, or there is nothing (more) to undo; it is
/// repeated after any other answer (`domain.md` §2.5).
const fn acknowledges(code: ResponseCode) -> bool {
    matches!(code.as_bytes(), b"00" | b"21" | b"25" | b"94")
}

/// The host could not say what became of a cancel: it may have been carried out.
const fn unresolved(code: ResponseCode) -> bool {
    matches!(
        code.as_bytes(),
        b"09" | b"19" | b"20" | b"68" | b"90" | b"91" | b"96"
    )
}

fn local(now: Timestamp) -> DateTime {
    let second = Timestamp::from_second(now.as_second()).unwrap_or(now);
    second.to_zoned(TimeZone::fixed(LOCAL)).datetime()
}

/// DE 11 as a number.
pub(crate) fn stan_of(message: &Message) -> u32 {
    number(message.text(11))
}

/// The trace number that DE 90 names.
pub(crate) fn original_stan(message: &Message) -> u32 {
    number(message.text(90).and_then(|original| original.get(4..10)))
}

fn number(digits: Option<&str>) -> u32 {
    digits
        .and_then(|digits| digits.parse().ok())
        .unwrap_or_default()
}

/// Why the terminal does not send what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// First things first.
    #[error("the transaction with RRN {rrn} has to be reversed first")]
    Pending {
        /// DE 37 of the transaction concerned.
        rrn: String,
    },
    /// All of 1 to 999999 were used today.
    #[error("no trace number (DE 11) is left for today: 999999 were used")]
    TraceNumbersUsedUp,
    /// A host refuses a stripe without DE 52 with 30 and DE 44 052.
    #[error("a swiped card needs its card password (DE 52)")]
    PasswordNeeded,
    /// Only the terminal's own sales of the day are cancelled.
    #[error("no sale with RRN {rrn} was made here today: refund it instead")]
    NoSuchSale {
        /// As given.
        rrn: String,
    },
    /// It did not come about, or is undone already.
    #[error("the sale with RRN {rrn} is {status}: only an approved one can be cancelled")]
    NotCancellable {
        /// As given.
        rrn: String,
        /// What the sale is.
        status: Status,
    },
    /// Another card than the sale's.
    #[error("the sale with RRN {rrn} was made with card {card}: cancel it with the same")]
    OtherCard {
        /// As given.
        rrn: String,
        /// The sale's card, masked.
        card: String,
    },
    /// A value that its data element cannot hold.
    #[error(transparent)]
    Invalid(#[from] InvalidElement),
}

#[cfg(test)]
mod tests;
