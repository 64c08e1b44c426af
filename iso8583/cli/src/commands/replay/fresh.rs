//! Requests made new, and what refers to them.

use std::collections::HashMap;

use iso8583::Message;
use iso8583::element::Pan;
use jiff::Zoned;
use jiff::tz::TimeZone;

use super::Fresh;
use crate::message::change_card;

/// Makes requests new, one after another. The same card stays one, and an original (DE 90) is
/// found by the trace number and time it was captured with.
pub(super) struct Freshener {
    stan: bool,
    date: bool,
    pan: bool,
    next_stan: u32,
    cards: HashMap<Pan, u64>,
    /// Captured DE 11 and 7 to those sent.
    sent: HashMap<Vec<u8>, Vec<u8>>,
}

impl Freshener {
    pub(super) fn new(fresh: &[Fresh]) -> Self {
        let second = jiff::Timestamp::now().as_second().rem_euclid(900_000);
        Self {
            stan: fresh.contains(&Fresh::Stan),
            date: fresh.contains(&Fresh::Date),
            pan: fresh.contains(&Fresh::Pan),
            // A host that saw the replay before is not to take this one for its repeat.
            next_stan: u32::try_from(second).unwrap_or(0),
            cards: HashMap::new(),
            sent: HashMap::new(),
        }
    }

    pub(super) fn freshen(&mut self, captured: &Message) -> Message {
        let mut message = captured.clone();
        if self.stan && message.has(11) {
            self.next_stan = self.next_stan % 999_999 + 1;
            message.set(11, format!("{:06}", self.next_stan).as_bytes());
        }
        if self.date {
            self.date(&mut message);
        }
        if self.pan
            && let Ok(Some(pan)) = message.pan()
        {
            let count = u64::try_from(self.cards.len()).unwrap_or(0);
            let number = *self.cards.entry(pan).or_insert(count + 1);
            change_card(&mut message, number);
        }
        self.original(&mut message);
        if let Some((old, new)) = reference(captured).zip(reference(&message)) {
            self.sent.insert(old, new);
        }
        message
    }

    fn date(&self, message: &mut Message) {
        let now = Zoned::now();
        let utc = now.with_time_zone(TimeZone::UTC);
        for (de, text) in [
            (7, utc.strftime("%m%d%H%M%S").to_string()),
            (12, now.strftime("%H%M%S").to_string()),
            (13, now.strftime("%m%d").to_string()),
        ] {
            // Later editions write times otherwise: what has another length stays.
            if message.field(de).is_some_and(|old| old.len() == text.len()) {
                message.set(de, text.as_bytes());
            }
        }
    }

    /// Makes DE 90 refer to the original as it was sent.
    fn original(&self, message: &mut Message) {
        let sent = original(message).and_then(|old| self.sent.get(old));
        if let Some((new, value)) = sent.zip(message.field(90)) {
            let mti = value.get(..4).unwrap_or_default();
            let rest = value.get(20..).unwrap_or_default();
            let changed = [mti, new.as_slice(), rest].concat();
            message.set(90, &changed);
        }
    }
}

/// How DE 90 of a reversal refers to a message: DE 11 and DE 7.
pub(super) fn reference(message: &Message) -> Option<Vec<u8>> {
    Some([message.field(11)?, message.field(7)?].concat())
}

/// The reference in DE 90, behind the type of the original.
pub(super) fn original(message: &Message) -> Option<&[u8]> {
    message.field(90)?.get(4..20)
}

#[cfg(test)]
mod tests {
    use iso8583::Mti;
    use iso8583::element::passes_luhn;

    use super::*;

    #[test]
    fn a_reversal_refers_to_the_purchase_as_it_was_sent() {
        let mut purchase = Message::new(Mti::FINANCIAL_REQUEST);
        purchase
            .set(2, b"4111111111111111")
            .set(7, b"0315023015")
            .set(11, b"000123");
        let mut reversal = Message::new(Mti::REVERSAL_ADVICE);
        reversal
            .set(2, b"4111111111111111")
            .set(7, b"0315023020")
            .set(11, b"000124")
            .set(90, b"020000012303150230150000045000100000000000");
        let mut freshener = Freshener::new(&[Fresh::Stan, Fresh::Date, Fresh::Pan]);
        let sent = freshener.freshen(&purchase);
        let reversed = freshener.freshen(&reversal);
        assert_ne!(sent.field(11), reversed.field(11));
        assert_ne!(sent.field(7), purchase.field(7));
        let original = reversed.text(90).unwrap();
        let refers = format!("0200{}{}", sent.text(11).unwrap(), sent.text(7).unwrap());
        assert!(original.starts_with(&refers), "{original}");
        assert!(original.ends_with("0000045000100000000000"));
        assert_eq!(sent.field(2), reversed.field(2));
        assert_ne!(sent.field(2), purchase.field(2));
        assert!(passes_luhn(sent.field(2).unwrap()));
    }

    #[test]
    fn without_a_wish_a_request_is_sent_as_captured() {
        let mut purchase = Message::new(Mti::FINANCIAL_REQUEST);
        purchase.set(2, b"4111111111111111").set(11, b"000123");
        assert_eq!(Freshener::new(&[]).freshen(&purchase), purchase);
    }
}
