//! What stands around a message on a byte stream, as a catalogue with names: an [`Envelope`] that
//! sets the frames apart, and the [`Header`] that some links put before each message in it.
//!
//! | name | bytes around a message of 123 (0x7B) | users |
//! |---|---|---|
//! | `binary2` | `00 7B` | jPOS CMF, Postilion, Visa-style gateways, most of Asia |
//! | `binary2-inclusive` | `00 7D` | some terminal concentrators |
//! | `binary2-le` | `7B 00` | hosts that write their own byte order |
//! | `binary3`, `binary4` | `00 00 7B`, `00 00 00 7B` | hosts and middleware |
//! | `ascii2` to `ascii6` | `"123"`, `"0123"`, `"00123"`, .. | PayEx, jPOS ASCIIChannel, Korea |
//! | `bcd2` | `01 23` | network access controllers, jPOS NCC and BCD |
//! | `hex4` | `"007B"` | legacy hosts |
//! | `cs` | `00 7B 00 00` | jPOS CSChannel |
//! | `gicc` | `00 00 00 7B` | German GICC |
//! | `vap` | `00 7B 00 00` | Visa access points |
//! | `base24-x25` | nothing before, `03` after | BASE24 over X.25 or async |
//! | `base24-tcp` | `00 7C` before, `03` after | BASE24 over TCP |
//! | `stx-etx-lrc` | `02` before, `03` and LRC after | serial terminals, VISA II dial |
//!
//! | header | bytes before the message, counted by the length | the answer's |
//! |---|---|---|
//! | `tpdu` | `60 0003 0000`: id, destination, source | swapped |
//! | `unionpay` | a TPDU and `603100311004` | TPDU swapped |
//! | `base1` | 22 bytes, 26 with a reject group, two in a chain | stations swapped |
//! | `base24` | `ISO026000050` | last digit 5: the host answered |
//!
//! A framing is named by the two: `binary2`, `vap+base1`, `base24-tcp+base24`.
//! [`Framing::catalogue`] lists those in use; other pairs can be built, but for a binary header
//! in an envelope that ends at an ETX, which such a header may hold.
//!
//! A length of zero is a keep-alive ([`KeepAlive`]); the envelopes without a length have none.
//! Whatever else the framing does not allow is a [`FrameError`]: the stream is out of step.

mod base1;
mod base24;
mod envelope;
mod error;
mod framer;
mod framing;
mod header;
mod length;
mod tpdu;
mod unionpay;

#[cfg(test)]
mod tests;

pub use base1::Base1;
pub use base24::Base24;
pub use envelope::Envelope;
pub use error::FrameError;
pub use framer::{Frame, FrameAt, Framer, KeepAlive, Received};
pub use framing::{FRAME_BYTES_MAX, Framing, FramingError};
pub use header::{Header, HeaderKind};
pub use length::LengthHeader;
pub use tpdu::Tpdu;
pub use unionpay::UnionPay;
