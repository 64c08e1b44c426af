//! The financial system: it issues anonymous prepaid cards, holds their balances and decides each
//! authorization.
//!
//! What it is **not**: a switch (it knows no route and no other issuer), a clearing house (that
//! comes with the day close), or a store of card holders (the cards are anonymous).
//!
//! # Layout
//! PURE, told the time and given no socket, file or thread:
//! - [`card`], [`money`], [`ledger`]: what there is; `chunks`, `index`: how much of it is kept
//! - [`trace`], [`request`], [`answer`], [`refusal`]: what is asked and said
//! - [`authorize`], [`reverse`], [`dedupe`]: how it is decided
//! - [`books`]: all of it together; [`record`]: what changes it
//!
//! Around it:
//! - [`store`]: the port behind which records become durable, the journal, snapshots (`JOURNAL.md`)
//! - [`vault`], [`hsm`]: keys, card numbers at rest, card passwords
//! - [`desk`]: the one thread that owns the books
//! - [`handler`], [`host`]: ISO 8583 in and out; [`office`]: HTTP
//! - [`faults`], [`sandbox`], [`numbers`]: the sandbox
//! - [`program`], [`config`], [`metrics`]: starting and watching it; `inspect`: its ledger, at rest
//!
//! # The way of an authorization
//! [`host`] reads a batch off its socket, [`handler`] makes requests of it, [`desk`] takes the
//! batch with all others that wait, [`books`] decides each, [`store`] makes their records durable
//! with one write and one sync, and only then do the answers go back the same way.

pub mod answer;
pub mod authorize;
pub mod books;
pub mod card;
mod chunks;
mod cli;
pub mod clock;
pub mod config;
pub mod dedupe;
pub mod desk;
pub mod faults;
pub mod handler;
pub mod host;
pub mod hsm;
mod index;
mod inspect;
#[cfg(test)]
mod kit;
pub mod ledger;
pub mod metrics;
pub mod money;
pub mod numbers;
pub mod office;
pub mod program;
pub mod record;
pub mod refusal;
pub mod request;
pub mod reverse;
pub mod sandbox;
pub mod store;
pub mod trace;
pub mod vault;

pub use cli::main_with_args;
pub use config::Config;
pub use keyfile::generate as generate_key_file;
pub use program::{Running, Services, StartError, start};
