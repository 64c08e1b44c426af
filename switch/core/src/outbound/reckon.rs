//! What acquirers were told, counted for reconciliation as it is put out.

use iso8583::Message;
use iso8583::element::ResponseCode;
use iso8583::session::Now;

use super::Outbound;
use crate::reconcile::{PageId, Position, Step, Totals, TotalsSettings};
use crate::request::Request;

impl Outbound {
    /// What [`crate::Replay`] needs to know of this machine.
    #[must_use]
    pub const fn totals_settings(&self) -> TotalsSettings {
        self.book.settings()
    }

    /// What this machine has counted for an acquirer on a date.
    #[must_use]
    pub fn position(&self, page: &PageId) -> Position {
        let position = self.book.position(page);
        Position {
            // What could not be written was counted and not told.
            incomplete: position.incomplete || !self.store.is_whole(),
            ..position
        }
    }

    /// All that this machine has counted.
    pub fn pages(&self) -> impl Iterator<Item = (PageId, Totals)> {
        self.book.pages()
    }

    /// How many transactions could not be counted since the start.
    #[must_use]
    pub const fn uncounted(&self) -> u64 {
        self.book.uncounted()
    }

    /// Was an acquirer told that this is approved, and stands it?
    pub(super) fn was_told(&self, request: &Request) -> bool {
        self.book.stands(request)
    }

    /// An answer is put out to an acquirer.
    pub(super) fn count(
        &mut self,
        now: Now,
        request: &Request,
        issuers: &Message,
        code: ResponseCode,
    ) {
        if code.approves() {
            let step = self.book.approved(now, request, issuers);
            self.take_step(step);
        }
    }

    /// The switch reverses a request: its acquirer was not told that it was approved.
    pub(super) fn take_out(&mut self, original: &Message) {
        let step = self.book.given_up(original);
        self.take_step(step);
    }

    fn take_step(&mut self, step: Option<Step>) {
        if let Some(step) = step {
            self.store.counted(&step);
            self.book.take(&step);
        }
    }
}
