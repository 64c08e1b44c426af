//! A merchant's card terminal: swipe, keyed entry, card password, slip; sale, cancel, refund,
//! balance; and the automatic reversal (망취소) where no answer comes.
//!
//! What it is **not**: it knows no balance and no card but the one in its reader, decides nothing
//! the host has to decide, and keeps no stripe, no password and, but for a pending reversal
//! (encrypted), no card number.
//!
//! # Layout
//! - [`Pos`]: a running terminal; [`Order`] in, [`Outcome`] out
//! - [`terminal`]: PURE, the terminal machine; `entry`, `pinpad`, `merchant`, `trace_numbers`:
//!   what its messages are made of; `pending`: what must be finished first; `answer`: is this
//!   the answer?
//! - `link`: one line to the host; `state_file`: what outlives the power
//! - [`receipt`]: the slip; [`cli`], `prompt`: for people

mod answer;
pub mod cli;
mod entry;
mod link;
mod merchant;
mod pending;
mod pinpad;
mod pos;
mod prompt;
pub mod receipt;
mod state_file;
pub mod terminal;
mod trace_numbers;
mod transaction;

pub use answer::Mismatch;
pub use entry::{Card, Entry};
pub use link::LinkError;
pub use merchant::Merchant;
pub use pending::{Kept, Pending};
pub use pos::{Config, NetworkTest, Outcome, Pos, PosError};
pub use state_file::StateError;
pub use terminal::{Order, Refusal, State};
pub use trace_numbers::TraceNumbers;
pub use transaction::{Kind, Status, Transaction};
