//! One listener's acquirers: a message becomes a request, once, or is refused.

use iso8583::element::{PrivateData, PrivateDataError, Track2, local_date};
use iso8583::session::Now;
use iso8583::{Bitmap, Class, Message};
use jiff::tz::Offset;

use crate::refusal::Refusal;
use crate::request::{Answer, ConnectionId, Request, Theirs, duplicate_key};
use crate::route::Choices;

/// What the switch knows of a listener.
#[derive(Clone, Debug)]
pub struct Inbound {
    /// DE 32 of messages that come without: an acquirer is a listener and a DE 32.
    pub default_acquirer: Vec<u8>,
    /// DE 33 of what we forward: the switch's own institution id.
    pub forwarder: Vec<u8>,
    /// Where the business day is reckoned: DE 15.
    pub business_offset: Offset,
}

/// What becomes of an acquirer's message.
#[derive(Debug)]
pub enum Admission {
    /// It is to be routed.
    Admitted(Box<Request>),
    /// It is answered here.
    Refused(Refusal, Answer),
    /// It is of a kind that is never answered.
    Dropped,
}

/// Without these no transaction is complete (domain §2.2). DE 4 may be absent from inquiries.
const MANDATORY: [u8; 6] = [3, 7, 11, 41, 49, 4];

impl Inbound {
    /// Admits a message of an acquirer, or says what to answer. Every check of its form is made
    /// here and nowhere later.
    #[must_use]
    pub fn admit(&self, now: Now, connection: ConnectionId, message: Message) -> Admission {
        if message.mti().response().is_none() {
            return Admission::Dropped;
        }
        let refusal = check(&message).err();
        let request = self.request(now, connection, message);
        match refusal {
            None => Admission::Admitted(Box::new(request)),
            Some(refusal) => Admission::Refused(refusal, request.refuse(refusal)),
        }
    }

    fn request(&self, now: Now, connection: ConnectionId, mut message: Message) -> Request {
        let mut added = Bitmap::EMPTY;
        let header = message.header();
        let forwarder = message.field(33).map(<[u8]>::to_vec);
        if !message.has(32) {
            added.insert(32);
            message.set(32, &self.default_acquirer);
        }
        if !message.has(2)
            && let Ok(Some(pan)) = message.pan()
        {
            // Kept when the track is forgotten: a reversal needs it.
            added.insert(2);
            message.set(2, pan.reveal().as_bytes());
        }
        // A MAC covers one link's bytes: it ends here.
        message.remove(64).remove(128);
        message.set(33, &self.forwarder);
        message.set(15, &local_date(now.utc, self.business_offset));
        Request {
            key: duplicate_key(&message),
            choices: Choices::default(),
            connection,
            admitted: now.instant,
            theirs: Theirs {
                header,
                added,
                forwarder,
            },
            message,
        }
    }
}

fn check(message: &Message) -> Result<(), Refusal> {
    let class = message.mti().class();
    let switched = matches!(
        class,
        Class::Authorization | Class::Financial | Class::Reversal
    );
    if !switched || message.mti().as_bytes().first() != Some(&b'0') {
        return Err(Refusal::UnsupportedMessage);
    }
    check_card(message)?;
    let inquiry = message.field(3).is_some_and(|code| code.starts_with(b"3"));
    for de in MANDATORY {
        if !(message.has(de) || inquiry && de == 4) {
            return Err(Refusal::Format(de));
        }
    }
    match message.field(48).map(PrivateData::parse) {
        Some(Err(PrivateDataError::RepeatedTag(_))) => Err(Refusal::Format(48)),
        Some(Ok(_) | Err(PrivateDataError::OtherLayout)) | None => Ok(()),
    }
}

/// DE 2 and track 2 are both readable and agree; one of them is there.
fn check_card(message: &Message) -> Result<(), Refusal> {
    let track2 = message
        .field(35)
        .map(Track2::try_from)
        .transpose()
        .map_err(|_| Refusal::Format(35))?;
    match (message.pan(), track2) {
        (Err(_), _) | (Ok(None), _) => Err(Refusal::Format(2)),
        (Ok(Some(pan)), Some(track2)) if *track2.pan() != pan => Err(Refusal::Format(35)),
        (Ok(Some(_)), _) => Ok(()),
    }
}
