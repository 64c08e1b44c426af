//! What stands around a message on a byte stream: its length and, on terminal links, a TPDU.

mod framer;
mod tpdu;

pub use framer::{Frame, FrameError, Framer, LengthHeader};
pub use tpdu::Tpdu;
