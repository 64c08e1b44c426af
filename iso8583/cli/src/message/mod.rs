//! One message: read from what the user gave, made of fields, written down.
//!
//! - `read.rs`: bytes to a message, in the dialect asked for or that which fits
//! - `fields.rs`: `mti=0800 11=000001` or JSON to a message
//! - `write.rs`: a message to hex, base64 or bytes
//! - `card.rs`: test cards, in the place of real ones
//! - `doubt.rs`: values that can hardly be meant
//! - `secret.rs`: which bytes of a message that cannot be read may not be seen
//! - `suspect.rs`: the field that is probably wrong where another is refused

mod card;
mod doubt;
mod fields;
mod read;
mod secret;
mod suspect;
mod write;

pub use card::{change_card, redact, test_pan};
pub use doubt::{Doubt, doubts, version_doubt};
pub use fields::{FieldsError, field_path, field_value, from_arguments, is_fields};
pub use read::{Given, Reading, dialects, given, hint, read, read_whole};
pub(crate) use secret::card_numbers;
pub use secret::{Secrets, byte_at_fault};
pub use suspect::{Suspect, suspect};
pub use write::{Notation, Unwritable, encoded, write};
