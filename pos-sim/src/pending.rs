//! What the terminal must finish before it takes another order.

use std::collections::BTreeMap;

use iso8583::element::{OriginalData, Pan, ResponseCode};
use iso8583::{InvalidElement, Message, Mti};
use jiff::Timestamp;

/// A request that may have moved money and was not answered for certain.
///
/// It is kept before the first byte leaves, so that a terminal that loses its power, its link or
/// its patience comes back to it.
///
/// ```text
///  sale, refund ─▶ Unanswered ─ answer ─▶ (nothing pending)
///                      │ silence, wrong answer, restart
///                      ▼ reversal made (망취소)
///       not sent ┌─ Sent ◀─ sent ─ Ready ◀─┐        cancel ─▶ Sent
///                └─────────────────────────┘ not sent
///                   Sent ─ acknowledged ─▶ (nothing pending)
///                   Sent ─ silence ─▶ Sent, and from then on as a repeat
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pending {
    /// A sale or refund under way: its reversal is made of it.
    Unanswered(Kept),
    /// A reversal of which nothing has left yet.
    Ready(Kept),
    /// A reversal or cancel that may have arrived: it goes out again as a repeat.
    Sent(Kept),
}

impl Pending {
    /// The message concerned.
    #[must_use]
    pub const fn kept(&self) -> &Kept {
        match self {
            Self::Unanswered(kept) | Self::Ready(kept) | Self::Sent(kept) => kept,
        }
    }

    /// DE 37 of the transaction concerned.
    #[must_use]
    pub fn rrn(&self) -> &str {
        self.kept().text(37)
    }
}

/// A message without what may not be kept: the elements that a reversal needs, and the card number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its type when it is first sent.
    pub mti: Mti,
    /// Its data elements but DE 2; none of them is card data.
    pub fields: BTreeMap<u8, String>,
    /// DE 2.
    pub pan: Pan,
}

/// Data elements that may be kept of a message.
const KEPT: [u8; 16] = [3, 4, 7, 11, 12, 13, 22, 25, 32, 37, 38, 39, 41, 42, 49, 90];
/// Of those, what a reversal takes over unchanged from its original.
const OF_THE_ORIGINAL: [u8; 11] = [3, 4, 12, 13, 22, 25, 32, 37, 41, 42, 49];

impl Kept {
    /// What may be kept of a message about a card.
    pub(crate) fn new(message: &Message, pan: &Pan) -> Self {
        let fields = KEPT
            .into_iter()
            .filter_map(|de| Some((de, message.text(de)?.to_owned())))
            .collect();
        Self {
            mti: message.mti(),
            fields,
            pan: pan.clone(),
        }
    }

    /// The reversal of this request because no answer came (0420, reason 68).
    pub(crate) fn reversal(&self, now: Timestamp, stan: u32) -> Result<Self, InvalidElement> {
        let original = OriginalData::new(
            self.mti,
            self.text(11).as_bytes(),
            self.text(7).as_bytes(),
            self.fields.get(&32).map(String::as_bytes),
            None,
        )?;
        let mut fields = self.fields.clone();
        fields.retain(|de, _| OF_THE_ORIGINAL.contains(de));
        fields.insert(7, transmission(now));
        fields.insert(11, format!("{stan:06}"));
        fields.insert(39, ResponseCode::RESPONSE_TOO_LATE.to_string());
        fields.insert(
            90,
            String::from_utf8_lossy(original.as_bytes()).into_owned(),
        );
        Ok(Self {
            mti: Mti::REVERSAL_ADVICE,
            fields,
            pan: self.pan.clone(),
        })
    }

    /// The message to be sent.
    pub(crate) fn to_message(&self) -> Message {
        let mut message = Message::new(self.mti);
        message.set(2, self.pan.reveal().as_bytes());
        for (de, value) in &self.fields {
            message.set(*de, value.as_bytes());
        }
        message
    }

    fn text(&self, de: u8) -> &str {
        self.fields.get(&de).map_or("", String::as_str)
    }
}

/// DE 7 as text.
pub(crate) fn transmission(now: Timestamp) -> String {
    String::from_utf8_lossy(&iso8583::element::transmission_time(now)).into_owned()
}
