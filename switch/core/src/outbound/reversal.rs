//! The switch's own reversals: 0420 with the keys of the original.

use iso8583::element::{OriginalData, ResponseCode, transmission_time};
use iso8583::session::Now;
use iso8583::{Message, Mti};

use super::numbers::{SLOT, own};

/// What a reversal repeats of its original (domain §2.2); DE 11 as well: the class tells the two
/// apart. Of one that was sent under a trace number of the switch's own, its element as well.
pub(crate) const OF_THE_ORIGINAL: [u8; 19] = [
    2, 3, 4, 11, 12, 13, 15, 18, 22, 23, 25, 32, 33, 37, 38, 41, 42, 49, SLOT,
];

/// 0420 with DE 39 the reason and DE 90 the original.
pub(super) fn message(now: Now, original: &Message, reason: ResponseCode) -> Message {
    let mut reversal = Message::new(Mti::REVERSAL_ADVICE);
    for de in OF_THE_ORIGINAL {
        reversal.copy(de, original);
    }
    // It names the original, and nothing that the original may have named.
    if let Some(sent_under) = original.field(SLOT).and_then(own) {
        reversal.set(SLOT, sent_under);
    }
    reversal
        .set(7, &transmission_time(now.utc))
        .set(39, reason.as_bytes());
    let original = OriginalData::new(
        original.mti(),
        original.field(11).unwrap_or_default(),
        original.field(7).unwrap_or_default(),
        original.field(32),
        original.field(33),
    );
    // Admission made sure of DE 7 and 11, and the dialect of the others' lengths.
    if let Ok(original) = original {
        reversal.set(90, original.as_bytes());
    }
    reversal
}
