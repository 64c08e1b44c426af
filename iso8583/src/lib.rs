//! ISO 8583 for switches, hosts and terminals: messages, their dialects on the wire, framing, and
//! the behaviour of the two ends of a link.
//!
//! What this crate is **not**: it opens no socket, reads no clock, draws no random number and
//! knows no route, balance or party. Time comes in as an argument; bytes come in and go out
//! (`iso8583-link` puts a tokio socket around it).
//!
//! # Layout
//! - [`Message`], [`Mti`], [`Bitmap`]: a message as values, whatever the wire
//! - [`spec`]: dialects as data; [`Dialect::decode`] and [`Dialect::encode`]
//! - [`composite`]: values made of subfields, reached by [`Path`]
//! - [`element`]: the data elements programs reckon with, as types
//! - [`typed`]: messages as structs of these types, by a derive
//! - [`emv`]: the tags of chip cards, and which of them may be seen
//! - [`words`]: what code values mean, for people
//! - [`rules`]: what a message of a type must, may and must not carry, as data
//! - [`crypto`]: keys and PIN blocks
//! - [`frame`]: lengths and TPDU, bytes to frames
//! - [`session`]: sign-on, echo, matching and deadlines of one link
//!
//! Card data never shows: [`element::Pan`], [`element::Track2`] and PIN blocks mask themselves
//! in `Debug` and `Display` and are zeroed on drop; `Message` prints masked as well.
//!
//! ```
//! use bytes::BytesMut;
//! use iso8583::{Dialect, Message, Mti, element::ResponseCode};
//!
//! let mut echo = Message::new(Mti::NETWORK_REQUEST);
//! echo.set(7, b"0315023000").set(11, b"000001").set(70, b"301");
//! let mut wire = BytesMut::new();
//! Dialect::iso87_bcd().encode(&echo, &mut wire)?;
//!
//! let received = Dialect::iso87_bcd().decode(&wire)?;
//! let answer = received.response(ResponseCode::APPROVED).expect("an echo is answered");
//! assert_eq!(answer.mti().to_string(), "0810");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bitmap;
mod codec;
pub mod composite;
pub mod crypto;
mod describe;
pub mod element;
pub mod emv;
mod encoding;
mod error;
pub mod frame;
mod key;
mod message;
mod mti;
mod respond;
pub mod rules;
pub mod session;
pub mod spec;
#[cfg(feature = "spec-files")]
pub mod spec_file;
pub mod typed;
pub mod words;

pub use bitmap::Bitmap;
pub use codec::{Change, Undecodable, Value, View};
pub use describe::Description;
pub use error::{
    DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind, InvalidElement, InvalidPath, Path,
    PathError, PathErrorKind,
};
pub use iso8583_derive::TypedMessage;
pub use key::FieldKey;
pub use message::Message;
pub use mti::{Class, Mti};
pub use spec::Dialect;
pub use typed::TypedMessage;
