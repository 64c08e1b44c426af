//! One listener's acquirers: a message becomes a request, once, or is refused.

use std::collections::BTreeSet;

use iso8583::element::{PrivateData, PrivateDataError, Track2, local_date};
use iso8583::session::Now;
use iso8583::{Bitmap, Class, Message};
use jiff::tz::Offset;

use crate::reconcile::Reconciliation;
use crate::refusal::Refusal;
use crate::request::{Answer, ConnectionId, Request, Theirs, duplicate_key};
use crate::route::Choices;

/// What the switch knows of a listener.
#[derive(Clone, Debug)]
pub struct Inbound {
    /// DE 32 of messages that come without: an acquirer is a listener and a DE 32.
    pub default_acquirer: Vec<u8>,
    /// The values of DE 32 it takes, digit for digit; none: any.
    pub acquirers: BTreeSet<Vec<u8>>,
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
    /// It is to be held against the totals of all machines.
    Reconciliation(Box<Reconciliation>),
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
        if message.mti().class() == Class::Reconciliation {
            return self.reconcile(now, connection, message);
        }
        let refusal = self.check(&message).err();
        let request = self.request(now, connection, message);
        match refusal {
            None => Admission::Admitted(Box::new(request)),
            Some(refusal) => Admission::Refused(refusal, request.refuse(refusal)),
        }
    }

    fn check(&self, message: &Message) -> Result<(), Refusal> {
        check_kind(message)?;
        // Who may not be here learns nothing of its cards.
        let acquirer = message.field(32).unwrap_or(&self.default_acquirer);
        if !self.acquirers.is_empty() && !self.acquirers.contains(acquirer) {
            return Err(Refusal::AcquirerNotAllowed);
        }
        check_card(message)?;
        check_form(message)
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

fn check_kind(message: &Message) -> Result<(), Refusal> {
    let class = message.mti().class();
    let switched = matches!(
        class,
        Class::Authorization | Class::Financial | Class::Reversal
    );
    if !switched || message.mti().as_bytes().first() != Some(&b'0') {
        return Err(Refusal::UnsupportedMessage);
    }
    Ok(())
}

fn check_form(message: &Message) -> Result<(), Refusal> {
    let inquiry = message.field(3).is_some_and(|code| code.starts_with(b"3"));
    for de in MANDATORY {
        if !(message.has(de) || inquiry && de == 4) {
            return Err(Refusal::Format(de));
        }
    }
    match message.field(48).map(PrivateData::check) {
        Some(Err(PrivateDataError::RepeatedTag(_))) => Err(Refusal::Format(48)),
        Some(Ok(()) | Err(PrivateDataError::OtherLayout)) | None => Ok(()),
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

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use iso8583::Mti;

    use super::*;

    fn inbound(acquirers: &[&str]) -> Inbound {
        Inbound {
            default_acquirer: b"900001".to_vec(),
            acquirers: acquirers.iter().map(|id| id.as_bytes().to_vec()).collect(),
            forwarder: b"999001".to_vec(),
            business_offset: Offset::constant(9),
        }
    }

    fn purchase(acquirer: Option<&str>) -> Message {
        let mut message = Message::new(Mti::FINANCIAL_REQUEST);
        for (de, value) in [
            (2, "9999990100000005"),
            (3, "000000"),
            (4, "000000015000"),
            (7, "0315023015"),
            (11, "000123"),
            (41, "TERM0001"),
            (49, "410"),
        ] {
            message.set(de, value.as_bytes());
        }
        if let Some(acquirer) = acquirer {
            message.set(32, acquirer.as_bytes());
        }
        message
    }

    /// DE 39 of the refusal and its DE 32; None where it is admitted.
    fn refused(inbound: &Inbound, message: Message) -> Option<(Refusal, String, Option<String>)> {
        let now = Now {
            #[expect(clippy::disallowed_methods, reason = "it only has to be some time")]
            instant: Instant::now(),
            utc: "2026-03-15T15:30:15Z".parse().unwrap(),
        };
        match inbound.admit(now, ConnectionId(7), message) {
            Admission::Admitted(_) => None,
            Admission::Refused(refusal, Answer { message, .. }) => {
                let text = |de| message.text(de).map(ToOwned::to_owned);
                Some((refusal, text(39).unwrap(), text(32)))
            }
            other @ (Admission::Reconciliation(_) | Admission::Dropped) => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_the_acquirers_of_the_list_are_admitted_and_any_where_there_is_none() {
        let listed = inbound(&["450001", "900001"]);
        assert_eq!(refused(&listed, purchase(Some("450001"))), None);
        assert_eq!(refused(&listed, purchase(None)), None, "the default");
        for other in ["450002", "0450001", "45000"] {
            assert_eq!(
                refused(&listed, purchase(Some(other))),
                Some((
                    Refusal::AcquirerNotAllowed,
                    "31".to_owned(),
                    Some(other.to_owned())
                ))
            );
            assert_eq!(refused(&inbound(&[]), purchase(Some(other))), None);
        }
    }

    #[test]
    fn a_stranger_hears_31_whatever_its_card_and_an_unlisted_default_adds_no_de_32() {
        let mut other = purchase(Some("450002"));
        other.set(2, b"99").remove(49);
        let (refusal, ..) = refused(&inbound(&["450001"]), other).unwrap();
        assert_eq!(refusal, Refusal::AcquirerNotAllowed);
        let (_, code, acquirer) = refused(&inbound(&["450001"]), purchase(None)).unwrap();
        assert_eq!((code.as_str(), acquirer), ("31", None));
        let mut text = purchase(Some("450002"));
        text.set_mti("0600".parse().unwrap());
        let (refusal, ..) = refused(&inbound(&["450001"]), text).unwrap();
        assert_eq!(refusal, Refusal::UnsupportedMessage);
        let mut reconciliation = purchase(Some("450002"));
        reconciliation.set_mti("0500".parse().unwrap());
        let (refusal, ..) = refused(&inbound(&["450001"]), reconciliation).unwrap();
        assert_eq!(refusal, Refusal::AcquirerNotAllowed);
    }
}
