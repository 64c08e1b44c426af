//! The financial system: it issues anonymous prepaid cards, holds their balances and decides each
//! authorization.
//!
//! What it is **not**: a switch (it knows no route and no other issuer), a clearing house (that
//! comes with the day close), or a store of card holders (the cards are anonymous).
//!
//! # Layout
//! PURE, told the time and given no socket, file or thread:
//! - [`card`], [`money`], [`ledger`]: what there is
//! - [`trace`], [`request`], [`answer`], [`refusal`]: what is asked and said
//! - [`authorize`], [`reverse`], [`dedupe`]: how it is decided
//! - [`books`]: all of it together; [`record`]: what changes it

pub mod answer;
pub mod authorize;
pub mod books;
pub mod card;
pub mod clock;
pub mod dedupe;
pub mod desk;
pub mod faults;
pub mod hsm;
pub mod ledger;
pub mod metrics;
pub mod money;
pub mod record;
pub mod refusal;
pub mod request;
pub mod reverse;
pub mod store;
pub mod trace;
pub mod vault;
