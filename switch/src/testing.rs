//! What tests of several rooms begin with.

use std::path::Path;
use std::time::Duration;

use iso8583::{Message, Mti};

use crate::config::CheckedJournal;

/// A purchase with a sandbox card.
pub(crate) fn purchase() -> Message {
    let mut purchase = Message::new(Mti::FINANCIAL_REQUEST);
    for (de, value) in [
        (2, "9999990100000005"),
        (3, "000000"),
        (4, "000000015000"),
        (7, "0315023015"),
        (11, "000123"),
        (12, "113015"),
        (13, "0315"),
        (37, "607411000123"),
        (41, "TERM0001"),
        (42, "MERCHANT0000001"),
        (49, "410"),
    ] {
        purchase.set(de, value.as_bytes());
    }
    purchase
}

/// A small journal in a folder, whose key file is made where there is none.
pub(crate) fn journal(folder: &Path) -> CheckedJournal {
    let key_file = folder.join("switch.key");
    if !key_file.exists() {
        keyfile::generate(&key_file).unwrap();
    }
    CheckedJournal {
        folder: folder.join("journal"),
        key_file,
        sync_always: false,
        sync_every: Duration::from_millis(5),
        block_bytes_max: 1 << 20,
        segment_bytes: (1 << 20) + 4096,
        checkpoint_bytes: 100_000,
        low_water_bytes: 0,
    }
}
