//! Reconciliation: totals by acquirer, business date and currency, and the 0500 or 0520 that is
//! held against them.
//!
//! The aim is that an acquirer which counts what it was told agrees with the switch to the unit
//! (`domain.md` §2.4, [MDS] section 4; ISO 8583:1987 DE 74 to 81, 86 to 89, 97). So what counts is
//! the answer as it was put out to the acquirer, never what an issuer did.
//!
//! # What counts
//! - Only what was approved: DE 39 of the answer is 00, 08, 10, 11 or 16. What the switch itself
//!   refused, 91 above all, never does.
//! - Of class 2, by DE 3: 0x and 1x are debits (76, 88), 2x credits (74, 86), 3x inquiries (80),
//!   4x transfers (78), from the card holder's side; any other moves nothing that these elements
//!   have a place for. Of class 1, 3x are inquiries and all else authorizations (81), which hold
//!   money and move none.
//! - The amount is DE 4 of the answer: that of the request, or less of an approval in part (10).
//!   Fees (DE 28 to 31, 82 to 85) are not counted.
//! - The date is DE 15 of the answer, the currency DE 49. The switch converts nothing: DE 50 of a
//!   0500 says the totals of which currency are meant.
//! - A reversal (0400, 0420) that is approved counts as one (75, 87 and 77, 89; 79), on its own
//!   date, by what it takes off what stood: all, or down to the first twelve digits of DE 95. It
//!   never takes anything off the counts of originals. Of an inquiry or authorization it counts
//!   nothing: 1987 has no element for that.
//! - A transaction counts once, whichever copies of it are answered; a reversal as well, and only
//!   where its original was counted and something of it stands.
//!
//! # What was never told
//! An approval that its acquirer has not got is taken out of the totals again, as if it had been
//! declined:
//! - where the switch reverses it, since the answer could not be delivered (22), or since a repeat
//!   of it got no answer in time (68) and the acquirer heard 91;
//! - where the acquirer reverses all of it with 68, response received too late, and names no
//!   approval (no DE 38, which `domain.md` §2.2 has in reversals of what was answered): it says
//!   that it got no answer.
//!
//! A transaction that was taken out, or whose reversal came first, never counts after that.
//!
//! What an acquirer cannot know of, DE 80: an inquiry whose answer is lost is repeated by nobody
//! and reversed by nobody. It is told and not compared; all else is.
//!
//! # Bounds
//! [`TotalsSettings`]. The dates that are kept are those that were counted on, whatever lies
//! between; a new one drops the oldest that are too many. Dates that are ahead of the new one by
//! more than so many days are of a clock that was wrong: they wait for their time beside the
//! others, as many again. So a clock that jumps and is put right costs nothing, unless it is wrong
//! for more dates than are kept. A date that was dropped is not opened again.
//!
//! Where a count would leave its element, no page can be opened, or the date is not kept, it is not
//! made, and from then on the answer is that no balancing was done (DE 66 is 9). Of the
//! transactions kept in mind the oldest is forgotten: should a repeat of that still come, it counts
//! again, and a reversal is taken at its word.

mod book;
mod day;
mod message;
mod page;
mod record;
mod rules;
mod totals;

pub use self::book::TotalsSettings;
pub use self::message::{Balanced, Reconciliation};
pub use self::page::PageId;
pub use self::totals::{Position, Sum, Totals};

pub(crate) use self::book::{Book, Step};

#[cfg(test)]
mod tests;
