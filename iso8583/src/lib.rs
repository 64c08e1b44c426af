//! ISO 8583 for switches, hosts and terminals: messages, their dialects on the wire, framing, and
//! the behaviour of the two ends of a link.
//!
//! What this crate is **not**: it opens no socket, reads no clock, draws no random number and
//! knows no route, balance or party. Time comes in as an argument; bytes come in and go out
//! (`iso8583-link` puts a tokio socket around it).
//!
//! # A tour
//!
//! **Dialects are data.** A [`Dialect`] is a table of fields, each along four independent axes:
//! value class, encoding, length, padding ([`spec::Field`]); and the coding of MTI and bitmap
//! before them. Some are built in ([`Dialect::built_in`]); others are made field by field
//! ([`Dialect::builder`]), of a built-in one ([`Dialect::to_builder`]) or of a file. What cannot
//! exist cannot be built.
//!
//! **Three ways to read** bytes where they lie, without copying them: [`Dialect::scan`] walks as
//! far as routing needs, [`Dialect::index`] over all fields, and [`Dialect::read`] checks them as
//! well. None allocates for a set of fields that was met before: a dialect keeps what it works out
//! of a bitmap, for up to 256 of them, and walks over messages of any other field by field. (`read`
//! also allocates where a value of over 512 bytes must be translated to look at its subfields.) The
//! [`View`] they give is relayed with a few fields changed ([`View::relay`]) or made another
//! message ([`View::rewrite`]); what is kept is copied byte for byte.
//!
//! ```
//! use iso8583::{Bitmap, Dialect};
//!
//! let wire = b"0200\x60\x20\0\0\0\0\0\0\
//!              169999990100000005\
//!              000000\
//!              000123";
//! let view = Dialect::iso87_ascii_binmap().scan(wire, Bitmap::of(&[2]))?;
//! assert_eq!(view.pan()?.expect("DE 2 is there").to_string(), "999999******0005");
//! assert!(view.has(11) && view.value(11).is_none(), "announced, not walked over");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Messages are values.** A [`Message`] ([`Dialect::decode`], [`Dialect::encode`]) holds
//! canonical values, whatever the wire: decoded in one dialect and encoded in another, it is
//! translated. In the same dialect, decode and encode give the same bytes: what was written
//! otherwise than we would write it is kept beside its value. [`Message::response`] is its answer.
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
//!
//! **Composites** are values made of subfields: by position, by tag, by bitmap, BER-TLV, one in
//! another ([`composite`]). A [`Path`] leads to any of them; only what it leads to is written anew,
//! with the lengths around it.
//!
//! ```
//! use iso8583::{Dialect, Message, Mti, Path};
//!
//! let dialect = Dialect::iso87_bcd();
//! let mut sale = Message::new(Mti::FINANCIAL_REQUEST);
//! sale.set(55, b"\x9F\x1A\x02\x04\x10\x9F\x36\x02\x00\x01");
//! let counter: Path = "55.9F36".parse()?;
//! sale.set_at(dialect, &counter, b"\x00\x02")?;
//! assert_eq!(sale.field(55), Some(&b"\x9F\x1A\x02\x04\x10\x9F\x36\x02\x00\x02"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **Rules** ([`rules`]) say which elements a message of a type must, may and must not carry, and
//! which of them its answer repeats: [`rules::Rules::iso87`] and its like of 2003, or tables
//! of your own.
//!
//! **Typed messages** ([`typed`]) are structs with a derive. The compiler holds each field to its
//! data element; the types are those of [`element`].
//!
//! **Framing** ([`frame`]): the catalogue of lengths and headers that set messages apart on a
//! stream, each by a name such as `binary2+tpdu`. A [`session`] is the behaviour of one link:
//! sign-on, echo, matching, deadlines.
//!
//! **Card data never shows.** [`element::Pan`], [`element::Track2`], PIN blocks ([`crypto`]) and
//! [`Message`] mask themselves when printed and are zeroed on drop; a [`View`] and errors print no
//! value of a card. [`Message::describe`] tells a message field by field, masked; [`words`] says
//! what codes mean, and [`emv`] which tags of a chip card may be seen. What leaves in clear says so
//! by its name (`reveal`) or, as [`Message::field`] and [`Message::value_at`], where it is
//! documented.
//!
//! **Files of dialects** (`spec_file`, feature `spec-files`) are read and written as TOML, and read
//! as packagers of jPOS and specs of moov-io/iso8583. This crate gets their text and opens no file.
//!
//! # Why it needs `std`
//! Link sessions take `std::time::Instant`, built-in dialects are `LazyLock`s, and files of
//! dialects come with maps and errors of `std`. To do without would cost a second set of types, and
//! buys nothing on the hosts where such messages are read.

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
pub use describe::{Description, hidden_digits};
pub use error::{
    DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind, InvalidElement, InvalidPath, Path,
    PathError, PathErrorKind,
};
pub use iso8583_derive::TypedMessage;
pub use key::{FieldKey, KeyIndex, KeyMap, KeySet};
pub use message::Message;
pub use mti::{Class, Mti};
pub use spec::Dialect;
pub use typed::TypedMessage;
