//! Messages as an acquirer would make them.

use std::sync::atomic::{AtomicU32, Ordering};

use iso8583::crypto::{ClearPin, TdesKey};
use iso8583::element::{OriginalData, local_date, local_time, transmission_time};
use iso8583::{Message, Mti};
use jiff::Timestamp;
use jiff::tz::Offset;

use crate::cards::EXPIRY;

/// The zone key of the sandbox.
pub const ZONE_KEY: &str = "11223344556677888877665544332211";

/// A purchase keyed online, with a trace number of its own.
#[must_use]
pub fn purchase(pan: &str, amount: u64) -> Message {
    static NEXT_STAN: AtomicU32 = AtomicU32::new(1);
    let stan = NEXT_STAN.fetch_add(1, Ordering::Relaxed);
    let now = Timestamp::now();
    let mut message = Message::new(Mti::FINANCIAL_REQUEST);
    message
        .set(2, pan.as_bytes())
        .set(3, b"000000")
        .set(4, format!("{amount:012}").as_bytes())
        .set(7, &transmission_time(now))
        .set(11, format!("{:06}", stan % 1_000_000).as_bytes())
        .set(12, &local_time(now, Offset::constant(9)))
        .set(13, &local_date(now, Offset::constant(9)))
        .set(14, EXPIRY.as_bytes())
        .set(18, b"5945")
        .set(22, b"012")
        .set(25, b"59")
        .set(32, b"450001")
        .set(37, format!("T{stan:011}").as_bytes())
        .set(41, b"TERM0001")
        .set(42, b"MERCHANT0000001")
        .set(49, b"410");
    message
}

/// The same message with its MTI's repeat digit set.
#[must_use]
pub fn repeat(message: &Message) -> Message {
    let mut repeat = message.clone();
    repeat.set_mti(message.mti().repeat());
    repeat
}

/// A balance inquiry.
#[must_use]
pub fn inquiry(pan: &str) -> Message {
    let mut message = purchase(pan, 0);
    message.set_mti(Mti::AUTHORIZATION_REQUEST);
    message.set(3, b"310000");
    message
}

/// The acquirer's reversal of an earlier request, with a trace number of its own.
#[must_use]
pub fn reversal(original: &Message, reason: &str) -> Message {
    let mut message = original.clone();
    message.set_mti(Mti::REVERSAL_ADVICE);
    let data = OriginalData::new(
        original.mti(),
        original.field(11).unwrap(),
        original.field(7).unwrap(),
        original.field(32),
        None,
    )
    .unwrap();
    let own = purchase("9999990100000005", 0);
    message.remove(14).remove(35).remove(52);
    message
        .set(7, own.field(7).unwrap())
        .set(11, own.field(11).unwrap())
        .set(39, reason.as_bytes())
        .set(90, data.as_bytes());
    message
}

/// Sets DE 52: the card password under the zone key.
pub fn set_password(message: &mut Message, password: &str) {
    let pan = message.pan().unwrap().unwrap();
    let key: TdesKey = ZONE_KEY.parse().unwrap();
    let block = password.parse::<ClearPin>().unwrap().encrypt(&pan, &key);
    message.set(52, block.as_bytes());
}

/// DE 54, type 02: what can be spent.
#[must_use]
pub fn available(answer: &Message) -> i64 {
    use iso8583::element::{AdditionalAmounts, AmountType};
    let amounts = AdditionalAmounts::try_from(answer.field(54).expect("DE 54")).unwrap();
    amounts.find(AmountType::AVAILABLE).expect("type 02").minor
}
