//! What of the machine must outlive the process.
//!
//! The shell writes [`Outbound::records`] before it lets go of anything the machine put out since,
//! and reports when they are durable. Only what an issuer must be told waits for that: it is sent,
//! and the acquirer answered, once [`Outbound::handle_stored`] says so.

use std::collections::VecDeque;

use iso8583::element::ResponseCode;
use iso8583::session::Now;
use iso8583::{FieldKey, Message};

use super::forward::{Letter, Origin};
use super::group::{Group, LinkId};
use super::{ForwardEvent, Outbound, Output, Token, reversal};
use crate::reconcile::Step;
use crate::record::{BootId, Numbered, Records, Recovered, Unknown};
use crate::refusal::Refusal;
use crate::request::{duplicate_key, reference};
use crate::route::GroupId;

/// Records not yet written, and what waits for those written to be durable.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// None where nothing outlives the process.
    run: Option<Run>,
    records: Records,
    /// How many records were made that something waits for.
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

/// What follows once something is durable.
#[derive(Debug)]
struct Waiting {
    mark: u64,
    what: Kept,
    then: Vec<Output>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Letter(u64),
    /// That a request is given to another group than its first choice.
    Elsewhere,
}

impl Store {
    /// Was everything written that should be?
    pub(super) const fn is_whole(&self) -> bool {
        !self.failed
    }

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

    pub(super) fn counted(&mut self, step: &Step) {
        if self.run.is_some() {
            step.write(self.records.of_totals());
        }
    }

    pub(super) fn numbered(&mut self, numbered: &Numbered) {
        if self.run.is_some() {
            self.records.numbered(numbered);
        }
    }

    pub(super) fn settled(&mut self, id: u64) {
        if self.run.is_some() {
            self.records.settled(id);
        }
    }

    pub(super) fn elsewhere(&mut self, now: Now, key: &FieldKey, group: GroupId) {
        if self.run.is_some() {
            self.records.elsewhere(now.utc.as_second(), key, group);
        }
    }

    pub(super) fn came_back(&mut self, key: &FieldKey) {
        if self.run.is_some() {
            self.records.came_back(key);
        }
    }

    pub(super) fn letter(&mut self, id: u64, letter: &Letter) {
        if self.run.is_some() {
            self.records.letter(id, letter);
        }
    }

    /// May the switch promise to keep something? Room is left for that on a disk nearly full.
    pub(super) const fn may_keep(&self) -> bool {
        self.run.is_some() && !self.failed
    }

    /// Once the records have failed nothing waits: it would for ever.
    fn wait(&mut self, what: Kept, then: Vec<Output>) {
        if self.failed {
            return;
        }
        self.mark += 1;
        let mark = self.mark;
        self.waiting.push_back(Waiting { mark, what, then });
    }

    /// One more answer waits until a letter is durable; false where none waits for it, as once the
    /// records have failed.
    pub(super) fn also(&mut self, id: u64, then: Output) -> bool {
        let mut waiting = self.waiting.iter_mut();
        let waiting = waiting.find(|waiting| waiting.what == Kept::Letter(id));
        let found = waiting.is_some();
        if let Some(waiting) = waiting {
            waiting.then.push(then);
        }
        found
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
        self.forward.begin_at(recovered.next_id);
        self.whereabouts.restore(now, recovered.elsewhere);
        self.store.unknown = recovered.unknown;
        for numbered in &recovered.numbers {
            self.numbers.recover(numbered);
        }
        self.store.run = Some(Run { boot, names });
        if let Some(book) = recovered.book {
            self.book.adopt(book);
        }
        self.checkpoint();
        for (id, letter) in recovered.letters {
            let dead = letter.dead;
            self.forward.push_again(id, letter);
            if dead {
                self.record_letter(id);
            } else {
                self.keep_letter(now, id, Vec::new());
            }
        }
        for (group, original) in recovered.open {
            let reason = ResponseCode::RESPONSE_TOO_LATE;
            self.reverse(now, &original, group, reason, Vec::new());
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
        for numbered in self.numbers.each() {
            records.numbered(&numbered);
        }
        for (id, in_flight) in &self.in_flight {
            if in_flight.request.moves_money() {
                records.sent(*id, in_flight.link.group, &in_flight.request.message);
            }
        }
        for (id, letter) in self.forward.each() {
            records.letter(id, letter);
        }
        for elsewhere in self.whereabouts.each_elsewhere() {
            records.elsewhere(elsewhere.since, &elsewhere.key, elsewhere.group);
        }
        for (id, unknown) in (0..).zip(&self.store.unknown) {
            records.unknown(id, unknown);
        }
        self.book.write(records.of_totals());
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

    /// A request goes to another group than its first choice: it leaves once that cannot be
    /// forgotten any more, at once where nothing outlives the process, and never where the records
    /// have failed.
    pub(super) fn send_elsewhere(
        &mut self,
        now: Now,
        link: LinkId,
        token: Token,
        message: Message,
    ) {
        if !self.store.is_whole() {
            return self.handle_unsent(now, token, message, Refusal::JournalFailed);
        }
        let send = Output::Send {
            link,
            token,
            message,
        };
        if self.store.run.is_some() {
            self.store.wait(Kept::Elsewhere, vec![send]);
        } else {
            self.outputs.push_back(send);
        }
    }

    /// All that was recorded up to this mark is durable.
    pub fn handle_stored(&mut self, now: Now, mark: u64) {
        let mut then = Vec::new();
        while let Some(waiting) = self
            .store
            .waiting
            .pop_front_if(|waiting| waiting.mark <= mark)
        {
            if let Kept::Letter(id) = waiting.what {
                self.stored(now, id);
            }
            then.extend(waiting.then);
        }
        self.send_letters(now.instant);
        for output in then {
            self.release(now, output);
        }
    }

    /// What asks something and waited too long for the disk is not sent any more.
    fn release(&mut self, now: Now, output: Output) {
        match output {
            Output::Send { token, message, .. } if self.is_too_old(now, token) => {
                self.handle_unsent(now, token, message, Refusal::QueuedTooLong);
            }
            output @ (Output::Send { .. }
            | Output::Answer(_)
            | Output::Refused(_)
            | Output::FailedOver(_)
            | Output::LinkHealth { .. }
            | Output::Forward { .. }) => self.outputs.push_back(output),
        }
    }

    fn is_too_old(&self, now: Now, token: Token) -> bool {
        let Token::Request(id) = token else {
            return false;
        };
        self.in_flight.get(&id).is_some_and(|in_flight| {
            let request = &in_flight.request;
            let waited = now.instant.saturating_duration_since(request.admitted);
            waited > self.queue_age_max && request.is_asked()
        })
    }

    /// Records cannot be written or made durable: money requests are refused (96) from now on, so
    /// are those that were not sent yet, and who waits for something else to be durable is never
    /// answered: it keeps its place among what its connection has in flight, which bounds them.
    /// Letters that were not durable wait for the next start.
    pub fn handle_journal_failed(&mut self, now: Now) {
        self.store.failed = true;
        let waiting = core::mem::take(&mut self.store.waiting);
        let unsent = waiting
            .into_iter()
            .filter(|waiting| waiting.what == Kept::Elsewhere);
        for output in unsent.flat_map(|waiting| waiting.then) {
            if let Output::Send { token, message, .. } = output {
                self.handle_unsent(now, token, message, Refusal::JournalFailed);
            }
        }
    }

    /// Little or enough of the disk is left: money requests are refused (96) or taken again. What
    /// is in flight still has room, and so have reversals and advices.
    pub const fn handle_disk(&mut self, nearly_full: bool) {
        self.store.nearly_full = nearly_full;
    }

    /// How much waits for the records to be durable.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        let each = self.store.waiting.iter();
        each.map(|waiting| waiting.then.len().max(1)).sum()
    }

    /// Requests of which nobody knows whether their issuer got them.
    #[must_use]
    pub fn unknown(&self) -> &[Unknown] {
        &self.store.unknown
    }

    /// Queues a reversal of ours; the outputs wait until it is durable.
    pub(super) fn reverse(
        &mut self,
        now: Now,
        original: &Message,
        group: GroupId,
        reason: ResponseCode,
        then: Vec<Output>,
    ) {
        self.take_out(original);
        self.answered.forget(&duplicate_key(original));
        let id = self.forward.push(Letter {
            origin: Origin::Ours,
            group,
            since: now.utc.as_second(),
            dead: false,
            message: reversal::message(now, original, reason),
        });
        self.outputs.push_back(Output::Forward {
            group,
            event: ForwardEvent::ReversalQueued(reason),
            original: reference(original),
        });
        self.keep_letter(now, id, then);
    }

    /// Records a letter, and keeps what is to follow it until it is durable.
    pub(super) fn keep_letter(&mut self, now: Now, id: u64, then: Vec<Output>) {
        if self.store.run.is_none() {
            self.stored(now, id);
            self.send_letters(now.instant);
            return self.outputs.extend(then);
        }
        self.record_letter(id);
        self.store.wait(Kept::Letter(id), then);
    }

    pub(super) fn record_letter(&mut self, id: u64) {
        if let Some(letter) = self.forward.letter(id) {
            self.store.letter(id, letter);
        }
    }

    fn stored(&mut self, now: Now, id: u64) {
        let group = self.forward.letter(id).map(|letter| letter.group);
        let up = group.is_some_and(|group| self.groups.get(&group).is_some_and(Group::is_up));
        self.forward.stored(now.instant, id, up);
    }
}
