//! What protects card passwords on the wire: triple DES keys and PIN blocks.

mod pin_block;
mod tdes;

pub use pin_block::{ClearPin, EncryptedPinBlock, PinBlockError};
pub use tdes::TdesKey;
