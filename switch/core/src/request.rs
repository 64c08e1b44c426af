//! The values that travel: a request on its way to an issuer, an answer on its way back.

use std::borrow::Cow;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use iso8583::element::{OriginalData, PrivateData, ProcessingCode, ResponseCode, TransactionType};
use iso8583::frame::Tpdu;
use iso8583::{Bitmap, Class, FieldKey, Message};

use crate::refusal::Refusal;
use crate::route::{Choices, GroupId};

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
    /// Who may be given it; none before it is routed.
    pub(crate) choices: Choices,
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
const AS_RECEIVED: Bitmap = Bitmap::of(&[2, 3, 7, 11, 12, 13, 32, 33, 37, 41, 42, 49]);
/// In answers in part, and kept of a request in that part alone.
const ECHOED: Bitmap = Bitmap::of(&[48]);
/// Never in an answer (domain §2.1); a MAC is of the issuer's link alone.
const NEVER_ANSWERED: Bitmap = Bitmap::of(&[14, 22, 25, 35, 36, 43, 45, 52, 53, 64, 128]);
/// What tells a repeat from another transaction under the same key (domain §2.5).
const FINGERPRINT: [u8; 4] = [2, 3, 4, 49];
/// The duplicate key, of values that only the acquirer chooses (domain §2.5); DE 7 takes part
/// where DE 12 and 13 are both absent.
const KEY: [u8; 7] = [32, 41, 42, 11, 12, 13, 37];
const KEY_WITHOUT_LOCAL_TIME: [u8; 8] = [32, 41, 42, 11, 12, 13, 37, 7];
/// So that nobody can make two that are one.
static CONTENT_SEED: LazyLock<foldhash::fast::RandomState> = LazyLock::new(Default::default);
/// Not to be kept once a request is sent (PCI DSS 3.3.1).
const SENSITIVE: Bitmap = Bitmap::of(&[35, 36, 45, 52, 53, 55]);

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

    /// The switch's own answer to what is told and not asked: it is kept until the issuer has it.
    pub(crate) fn accept(&self) -> Answer {
        let answer = self.message.response(ResponseCode::APPROVED);
        // As for a refusal.
        let mut message = answer.unwrap_or_else(|| Message::new(self.message.mti()));
        self.restore(&mut message);
        self.answer_with(message)
    }

    /// The issuer's answer as the acquirer gets it.
    #[must_use]
    pub fn answer(&self, mut issuers: Message) -> Answer {
        for de in issuers.present().intersection(NEVER_ANSWERED).iter() {
            issuers.remove(de);
        }
        // Mostly the issuer repeated all as it had it: what stays where it lies is written at once.
        for de in issuers
            .differing(&self.message, AS_RECEIVED.union(ECHOED))
            .iter()
        {
            if AS_RECEIVED.contains(de) {
                issuers.copy(de, &self.message);
            } else {
                keep_echo_of_48(&mut issuers);
            }
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

    /// The answer that an earlier sending of this request got.
    pub(crate) fn answer_again(&self, mut first: Message) -> Answer {
        first.set_header(self.theirs.header.map(Tpdu::swapped));
        self.answer_with(first)
    }

    /// What tells a message from another under its key, as a number that differs where it does.
    pub(crate) fn content(&self) -> u64 {
        let values = FINGERPRINT.map(|de| self.message.field(de));
        CONTENT_SEED.hash_one(values)
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

    /// Is a message of the same key the same transaction?
    pub(crate) fn same_content(&self, other: &Message) -> bool {
        FINGERPRINT
            .iter()
            .all(|de| self.message.field(*de) == other.field(*de))
    }

    /// Is an answer of the card of this request, as far as it says?
    pub(crate) fn is_of_its_card(&self, answer: &Message) -> bool {
        !answer.has(2) || answer.field(2) == self.message.field(2)
    }

    /// Must it go to whom an earlier message went, and to nobody else? So must repeats, reversals,
    /// and what names its original.
    pub(crate) fn follows(&self) -> bool {
        let mti = self.message.mti();
        mti.is_repeat() || self.is_reversal() || self.message.has(90)
    }

    /// The keys its original may have.
    pub(crate) fn originals(&self) -> [Option<FieldKey>; 2] {
        originals(&self.message)
    }

    /// Is it to be kept in mind who was given it? What moves no money may be asked of anyone.
    pub(crate) fn is_remembered(&self) -> bool {
        !self.is_reversal() && !self.is_inquiry()
    }

    pub(crate) fn is_reversal(&self) -> bool {
        self.message.mti().class() == Class::Reversal
    }

    /// Does it ask something, so that an answer that comes too late helps nobody? Advices and
    /// reversals tell of what is done, and are as true later.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        !self.is_reversal() && !self.message.mti().is_advice()
    }

    fn is_inquiry(&self) -> bool {
        is_inquiry(&self.message)
    }

    /// Would an approval move money, so that it must be reversed where its answer is not known
    /// or not delivered? Advices are not: they tell of what is done, and are repeated.
    pub(crate) fn moves_money(&self) -> bool {
        let class = self.message.mti().class();
        let switched = matches!(class, Class::Authorization | Class::Financial);
        switched && self.is_asked() && !self.is_inquiry()
    }

    /// Gives the message away to be sent, and keeps of it what may be kept while the answer is
    /// waited for.
    pub(crate) fn take_message(&mut self) -> Message {
        let mut kept = self.message.without(SENSITIVE);
        // DE 48 may hold a CVV2; what the answer repeats of it is free of that.
        keep_echo_of_48(&mut kept);
        core::mem::replace(&mut self.message, kept)
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

fn is_inquiry(message: &Message) -> bool {
    message
        .field(3)
        .and_then(|code| ProcessingCode::try_from(code).ok())
        .is_some_and(|code| code.transaction_type() == TransactionType::Inquiry)
}

/// Names a transaction to people, without the card.
pub(crate) fn reference(message: &Message) -> String {
    let text = |de| message.text(de).unwrap_or("-").trim_end().to_owned();
    let [stan, rrn, acquirer, terminal] = [11, 37, 32, 41].map(text);
    format!("STAN {stan} RRN {rrn} acquirer {acquirer} terminal {terminal}")
}

/// The duplicate key of a message.
pub(crate) fn duplicate_key(message: &Message) -> FieldKey {
    FieldKey::new(message, key_elements(message))
}

fn key_elements(message: &Message) -> &'static [u8] {
    if message.has(12) || message.has(13) {
        &KEY
    } else {
        &KEY_WITHOUT_LOCAL_TIME
    }
}

/// The key of the original that DE 90 names.
pub(crate) fn key_of_original(referring: &Message) -> Option<FieldKey> {
    let original = OriginalData::try_from(referring.field(90)?).ok()?;
    let (stan, sent) = (original.stan(), original.transmission());
    let class = original.mti().class_digit();
    Some(original_key(referring, class, stan, sent))
}

/// The keys the original of a message may have: the one DE 90 names; without DE 90, and for a
/// reversal, those under its own DE 11, first of class 2, then of class 1.
pub(crate) fn originals(message: &Message) -> [Option<FieldKey>; 2] {
    if message.has(90) {
        return [key_of_original(message), None];
    }
    if message.mti().class() != Class::Reversal {
        return [None, None];
    }
    let field = |de| message.field(de).unwrap_or_default();
    [b'2', b'1'].map(|class| Some(original_key(message, class, field(11), field(7))))
}

/// The duplicate key of an original: DE 32, 41, 42, 12, 13 and 37 of what refers to it are its own
/// (domain §2.2).
fn original_key(referring: &Message, class_digit: u8, stan: &[u8], sent: &[u8]) -> FieldKey {
    let values = key_elements(referring).iter().map(|de| match de {
        11 => stan,
        7 => sent,
        other => referring.field(*other).unwrap_or_default(),
    });
    FieldKey::of_values(class_digit, values)
}

/// Leaves of DE 48 the tags that answers repeat (01 to 03 and 14).
fn keep_echo_of_48(message: &mut Message) {
    let Some(private) = message.field(48) else {
        return;
    };
    match PrivateData::echo_of(private) {
        Some(Cow::Borrowed(beginning)) => {
            let len = beginning.len();
            message.shorten(48, len)
        }
        Some(Cow::Owned(echo)) => message.set(48, &echo),
        None => message.remove(48),
    };
}

/// An approved request, to be reversed if no copy of its answer can be delivered: repeats that
/// waited beside it got one each, and so did those that came while it was on its way.
#[derive(Debug)]
pub struct Undo {
    pub(crate) request: Box<Request>,
    /// Who approved it.
    pub(crate) group: GroupId,
    copies: AtomicUsize,
}

impl Undo {
    pub(crate) fn new(request: Box<Request>, group: GroupId, copies: usize) -> Arc<Self> {
        Arc::new(Self {
            request,
            group,
            copies: AtomicUsize::new(copies),
        })
    }

    /// A repeat was approved as well: so many more copies of the answer.
    pub(crate) fn add(&self, copies: usize) {
        self.copies.fetch_add(copies, Ordering::Relaxed);
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

    /// Does it tell of something that the totals are compared by? Then it may not leave unless what
    /// it counts as is recorded: approvals but those of inquiries.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        let approves = self.response_code().is_some_and(ResponseCode::approves);
        approves && !is_inquiry(&self.message)
    }
}

pub(crate) fn response_code(message: &Message) -> Option<ResponseCode> {
    message
        .field(39)
        .and_then(|code| ResponseCode::try_from(code).ok())
}
