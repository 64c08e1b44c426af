//! The values that travel: a request on its way to an issuer, an answer on its way back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use iso8583::element::{PrivateData, ProcessingCode, ResponseCode, TransactionType};
use iso8583::frame::Tpdu;
use iso8583::{Bitmap, Class, FieldKey, Message};

use crate::refusal::Refusal;

/// A connection of an acquirer, for as long as the process lives. No part of any key: an acquirer
/// may use as many as it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// An admitted request in the form it leaves for the issuer, with what is the acquirer's own in
/// its answer.
#[derive(Debug)]
pub struct Request {
    pub(crate) message: Message,
    pub(crate) connection: ConnectionId,
    pub(crate) admitted: Instant,
    pub(crate) theirs: Theirs,
    pub(crate) key: FieldKey,
}

/// What the forwarded message does not say of the received one.
#[derive(Clone, Debug)]
pub(crate) struct Theirs {
    pub(crate) header: Option<Tpdu>,
    /// Elements the switch added: not in the acquirer's message, so not in its answer.
    pub(crate) added: Bitmap,
    /// DE 33 as received, where there was one.
    pub(crate) forwarder: Option<Vec<u8>>,
}

/// In answers as the acquirer sent them, whatever the issuer says.
const AS_RECEIVED: [u8; 12] = [2, 3, 7, 11, 12, 13, 32, 33, 37, 41, 42, 49];
/// Never in an answer (domain §2.1); a MAC is of the issuer's link alone.
const NEVER_ANSWERED: [u8; 11] = [14, 22, 25, 35, 36, 43, 45, 52, 53, 64, 128];
/// What tells a repeat from another transaction under the same key (domain §2.5).
const FINGERPRINT: [u8; 4] = [2, 3, 4, 49];
/// Not to be kept once a request is sent (PCI DSS 3.3.1).
const SENSITIVE: [u8; 6] = [35, 36, 45, 52, 53, 55];

impl Request {
    /// The message for the issuer.
    #[must_use]
    pub const fn message(&self) -> &Message {
        &self.message
    }

    /// Where the answer goes.
    #[must_use]
    pub const fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// The switch's own answer.
    #[must_use]
    pub fn refuse(&self, refusal: Refusal) -> Answer {
        let answer = if let Refusal::Format(de) = refusal {
            self.message.format_error(Some(de))
        } else {
            self.message.response(refusal.response_code())
        };
        // Admitted requests are answerable; the fallback is never met.
        let mut message = answer.unwrap_or_else(|| Message::new(self.message.mti()));
        self.restore(&mut message);
        self.answer_with(message)
    }

    /// The issuer's answer as the acquirer gets it.
    #[must_use]
    pub fn answer(&self, mut issuers: Message) -> Answer {
        for de in NEVER_ANSWERED {
            issuers.remove(de);
        }
        keep_echo_of_48(&mut issuers);
        for de in AS_RECEIVED {
            issuers.copy(de, &self.message);
        }
        if !issuers.has(15) {
            issuers.copy(15, &self.message);
        }
        if let Some(mti) = self.message.mti().response() {
            issuers.set_mti(mti);
        }
        self.restore(&mut issuers);
        self.answer_with(issuers)
    }

    const fn answer_with(&self, message: Message) -> Answer {
        let Self {
            connection,
            admitted,
            ..
        } = *self;
        Answer {
            connection,
            admitted,
            message,
            undo: None,
        }
    }

    /// Is a request of the same key the same transaction?
    pub(crate) fn same_content(&self, other: &Self) -> bool {
        FINGERPRINT
            .iter()
            .all(|de| self.message.field(*de) == other.message.field(*de))
    }

    /// Would an approval move money, so that it must be reversed where its answer is not known
    /// or not delivered? Advices are not: they tell of what is done, and are repeated.
    pub(crate) fn moves_money(&self) -> bool {
        let request = matches!(
            self.message.mti().class(),
            Class::Authorization | Class::Financial
        ) && !self.message.mti().is_advice();
        let inquiry = self
            .message
            .field(3)
            .and_then(|code| ProcessingCode::try_from(code).ok())
            .is_some_and(|code| code.transaction_type() == TransactionType::Inquiry);
        request && !inquiry
    }

    /// Forgets what may not be kept while the answer is waited for.
    pub(crate) fn forget_sensitive(&mut self) {
        for de in SENSITIVE {
            self.message.remove(de);
        }
        // DE 48 may hold a CVV2; what the answer repeats of it is free of that.
        keep_echo_of_48(&mut self.message);
    }

    /// Names the transaction to people, without the card.
    pub(crate) fn reference(&self) -> String {
        let text = |de| self.message.text(de).unwrap_or("-").trim_end().to_owned();
        let [stan, rrn, acquirer, terminal] = [11, 37, 32, 41].map(text);
        format!("STAN {stan} RRN {rrn} acquirer {acquirer} terminal {terminal}")
    }

    fn restore(&self, answer: &mut Message) {
        answer.set_header(self.theirs.header.map(Tpdu::swapped));
        for de in self.theirs.added.iter() {
            answer.remove(de);
        }
        match &self.theirs.forwarder {
            Some(forwarder) => answer.set(33, forwarder),
            None => answer.remove(33),
        };
    }
}

/// Leaves of DE 48 the tags that answers repeat (01 to 03 and 14).
fn keep_echo_of_48(message: &mut Message) {
    if let Some(private) = message.field(48) {
        match PrivateData::parse(private)
            .ok()
            .and_then(|private| private.echo())
        {
            Some(echo) => message.set(48, &echo),
            None => message.remove(48),
        };
    }
}

/// An approved request, to be reversed if no copy of its answer can be delivered: repeats that
/// waited beside it got one each.
#[derive(Debug)]
pub struct Undo {
    pub(crate) request: Request,
    copies: AtomicUsize,
}

impl Undo {
    pub(crate) fn new(request: Request, copies: usize) -> Arc<Self> {
        Arc::new(Self {
            request,
            copies: AtomicUsize::new(copies),
        })
    }

    /// One copy reached nobody; was it the last?
    pub(crate) fn undelivered(&self) -> bool {
        self.copies.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

/// An answer on its way to the acquirer.
#[derive(Debug)]
pub struct Answer {
    /// The connection its request came on.
    pub connection: ConnectionId,
    /// When its request was admitted.
    pub admitted: Instant,
    /// What to send.
    pub message: Message,
    /// Where the answer approves money: what to give back if it cannot be delivered.
    pub undo: Option<Arc<Undo>>,
}

impl Answer {
    /// DE 39; None where the answer has none that can be read.
    #[must_use]
    pub fn response_code(&self) -> Option<ResponseCode> {
        response_code(&self.message)
    }
}

pub(crate) fn response_code(message: &Message) -> Option<ResponseCode> {
    message
        .field(39)
        .and_then(|code| ResponseCode::try_from(code).ok())
}
