//! What of the machine must outlive the process.
//!
//! The shell writes [`Outbound::records`] before it lets go of anything the machine put out since,
//! and reports when they are durable. Only reversals wait for that: they are sent, and 91 is
//! answered, once [`Outbound::handle_stored`] says so.

use std::collections::VecDeque;

use iso8583::Message;
use iso8583::element::ResponseCode;
use iso8583::session::Now;

use super::{Outbound, Output};
use crate::record::{BootId, Records, Recovered, Unknown};
use crate::request::reference;
use crate::route::GroupId;

/// Records not yet written, and what waits for those written to be durable.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// None where nothing outlives the process.
    run: Option<Run>,
    records: Records,
    /// How many reversals were recorded.
    mark: u64,
    waiting: VecDeque<Waiting>,
    unknown: Vec<Unknown>,
    failed: bool,
    nearly_full: bool,
}

#[derive(Debug)]
struct Run {
    boot: BootId,
    names: Vec<(GroupId, String)>,
}

/// A reversal that is not durable yet.
#[derive(Debug)]
struct Waiting {
    mark: u64,
    id: u64,
    then: Vec<Output>,
}

impl Store {
    /// May requests be taken that have to be recorded?
    pub(super) const fn is_open(&self) -> bool {
        !self.failed && !self.nearly_full
    }

    pub(super) fn sent(&mut self, id: u64, group: GroupId, original: &Message) {
        if self.run.is_some() {
            self.records.sent(id, group, original);
        }
    }

    pub(super) fn closed(&mut self, id: u64) {
        if self.run.is_some() {
            self.records.closed(id);
        }
    }

    pub(super) fn reversed(&mut self, id: u64) {
        if self.run.is_some() {
            self.records.reversed(id);
        }
    }
}

impl Outbound {
    /// From here on there are records: first those of what earlier runs left, whose open requests
    /// are reversed. Groups have these names in the records.
    pub fn begin(
        &mut self,
        now: Now,
        boot: BootId,
        names: Vec<(GroupId, String)>,
        recovered: Recovered,
    ) {
        self.next_token = self.next_token.max(recovered.next_id);
        self.reversals.begin_at(recovered.next_id);
        self.store.unknown = recovered.unknown;
        self.store.run = Some(Run { boot, names });
        self.checkpoint();
        for (group, reversal) in recovered.reversals {
            let id = self.reversals.push_again(group, reversal);
            self.keep_reversal(now, id, Vec::new());
        }
        for (group, original) in recovered.open {
            let reason = ResponseCode::RESPONSE_TOO_LATE;
            let id = self.reversals.push(now, &original, group, reason);
            self.outputs.push_back(Output::ReversalQueued {
                group,
                reason,
                original: reference(&original),
            });
            self.keep_reversal(now, id, Vec::new());
        }
    }

    /// Adds to the records all that is still open, so that older ones need not be kept.
    pub fn checkpoint(&mut self) {
        let Some(run) = &self.store.run else {
            return;
        };
        let names = run.names.iter().map(|(id, name)| (*id, name.as_str()));
        let records = &mut self.store.records;
        records.begun(run.boot, names);
        for (id, in_flight) in &self.in_flight {
            if in_flight.request.moves_money() {
                records.sent(*id, in_flight.link.group, &in_flight.request.message);
            }
        }
        for (id, group, reversal) in self.reversals.each() {
            records.reversal(id, group, reversal);
        }
        for (id, unknown) in (0..).zip(&self.store.unknown) {
            records.unknown(id, unknown);
        }
    }

    /// Records of what happened since they were last taken, to be written as one batch before
    /// anything leaves that the machine put out. They hold card numbers.
    #[must_use]
    pub fn records(&self) -> &[u8] {
        self.store.records.bytes()
    }

    /// The records were written. The mark is to be given to [`Outbound::handle_stored`] once they
    /// are durable; it is the one before where nothing in them waits for that.
    pub fn records_written(&mut self) -> u64 {
        self.store.records.clear();
        self.store.mark
    }

    /// All that was recorded up to this mark is durable.
    pub fn handle_stored(&mut self, now: Now, mark: u64) {
        let mut then = Vec::new();
        while let Some(waiting) = self
            .store
            .waiting
            .pop_front_if(|waiting| waiting.mark <= mark)
        {
            self.reversals.stored(now.instant, waiting.id);
            then.extend(waiting.then);
        }
        self.send_reversals(now.instant);
        self.outputs.extend(then);
    }

    /// Records cannot be written or made durable: money requests are refused (96) from now on, and
    /// who waits for a reversal to be durable is not answered.
    pub const fn handle_journal_failed(&mut self) {
        self.store.failed = true;
    }

    /// Little or enough of the disk is left: money requests are refused (96) or taken again. What
    /// is in flight still has room, and so have reversals.
    pub const fn handle_disk(&mut self, nearly_full: bool) {
        self.store.nearly_full = nearly_full;
    }

    /// Requests of which nobody knows whether their issuer got them.
    #[must_use]
    pub fn unknown(&self) -> &[Unknown] {
        &self.store.unknown
    }

    /// Records a reversal, and keeps what is to follow it until it is durable.
    pub(super) fn keep_reversal(&mut self, now: Now, id: u64, then: Vec<Output>) {
        if self.store.run.is_none() {
            self.reversals.stored(now.instant, id);
            self.send_reversals(now.instant);
            return self.outputs.extend(then);
        }
        if let Some((group, reversal)) = self.reversals.message(id) {
            self.store.records.reversal(id, group, reversal);
        }
        self.store.mark += 1;
        let mark = self.store.mark;
        self.store.waiting.push_back(Waiting { mark, id, then });
    }
}
