//! What a card-authorization switch decides, without I/O.
//!
//! What this crate is **not**: it opens no socket, reads no clock and knows no balance and no
//! PIN. The shell (`switch`) moves messages; every decision about them is made here.
//!
//! # The life of an authorization
//! 1. **admitted**: [`Inbound::admit`] makes a [`Request`] of an acquirer's message, once, or
//!    refuses it
//! 2. **routed**: [`RouteTable::route`] finds the issuer groups that may be given it
//! 3. **sent**: [`Outbound::handle_request`] keeps it and gives it to a link of the first group
//!    that takes it
//! 4. **answered**: [`Outbound::handle_answer`] makes an [`Answer`] of the issuer's message: the
//!    acquirer's own DE 7, 11, 32, 33, 37 and TPDU, all else the issuer's; or **timed out**
//!    ([`Outbound::handle_timed_out`]): 91 to the acquirer, and a reversal to the issuer until it
//!    is acknowledged
//! 5. **delivered**: the shell hands the answer to the acquirer's link, or
//!    [`Outbound::handle_undeliverable`] reverses what it approved
//!
//! What must outlive the process is handed to the shell as records ([`Outbound::records`]): which
//! money requests are at an issuer, before they leave; what became of them, before their answers
//! leave; and what issuers must be told, reversals and kept advices, which is sent, and answered,
//! only when it is durable.
//!
//! Whoever holds the [`Request`] owns the transaction: the acquirer's side until it is routed,
//! the outbound machine until it is answered.

mod inbound;
mod outbound;
mod rate;
mod reconcile;
mod record;
mod refusal;
mod request;
mod route;

pub use inbound::{Admission, Inbound};
pub use outbound::{
    AnsweredSettings, Balance, Cause, Counts, DeadLetter, ForwardEvent, ForwardSettings, Grade,
    GroupSettings, HealthSettings, LinkId, MemorySettings, NumberSettings, Outbound,
    OutboundSettings, Output, Token, Turn,
};
pub use rate::{Bucket, Rate};
pub use reconcile::{Balanced, PageId, Position, Reconciliation, Sum, Totals, TotalsSettings};
pub use record::{BootId, NotRecords, Recovered, Replay, Unknown};
pub use refusal::Refusal;
pub use request::{Answer, ConnectionId, Request, Undo};
pub use route::{
    CardRange, Choices, Condition, Conditions, GroupId, PoolId, RouteError, RouteTable, Rule,
};
