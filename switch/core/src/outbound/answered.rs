//! Answers that were given, for the repeats of their requests: the very same again, without asking
//! the issuer.
//!
//! An answer is forgotten after a time, when more would be kept than may be, and as soon as its
//! request is reversed by anyone through this switch. Then the issuer decides, which knows its
//! answers for longer. What the switch itself refused was decided by nobody and is not kept, nor is
//! that the issuer cannot just now (91, 96).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use iso8583::element::ResponseCode;
use iso8583::{FieldKey, KeyIndex, Message};

use super::forward::is_unable;
use super::{Outbound, Output, UNDOS_SWEPT_ABOVE};
use crate::record::letter_bytes;
use crate::refusal::Refusal;
use crate::request::{Request, Undo};
use crate::route::GroupId;

/// How long and how many answers are kept for repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredSettings {
    /// How long; zero: none are kept.
    pub time: Duration,
    /// How much memory they may take, about; then the oldest is forgotten.
    pub bytes_max: usize,
}

/// None.
impl Default for AnsweredSettings {
    fn default() -> Self {
        Self {
            time: Duration::ZERO,
            bytes_max: 0,
        }
    }
}

#[derive(Debug)]
pub(super) struct Answered {
    settings: AnsweredSettings,
    /// The oldest first.
    kept: VecDeque<Kept>,
    /// By key, how many were kept before it since the start.
    index: KeyIndex<u64>,
    again: u64,
    /// How many are not kept any more.
    gone: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    since: Instant,
    key: FieldKey,
    /// What tells the request from another under its key.
    content: u64,
    answer: Message,
    bytes: usize,
}

/// What one takes at least, about: its entry, and the room of an ordinary message.
const KEPT_BYTES: usize = 1_300;
/// Bytes of a message that fit that room.
const ROOM_BYTES: usize = 512;

impl Answered {
    pub(super) fn new(settings: AnsweredSettings) -> Self {
        Self {
            settings,
            kept: VecDeque::new(),
            index: KeyIndex::default(),
            again: 0,
            gone: 0,
            bytes: 0,
        }
    }

    fn find(&self, now: Instant, request: &Request) -> Option<&Kept> {
        let place = self
            .index
            .find(&request.key, |at| self.is(*at, &request.key));
        let kept = self.at(*place?)?;
        let age = now.saturating_duration_since(kept.since);
        (age < self.settings.time).then_some(kept)
    }

    fn keep(&mut self, now: Instant, request: &Request, answer: &Message) {
        if self.settings.time.is_zero() {
            return;
        }
        self.forget(&request.key);
        let bytes = KEPT_BYTES + letter_bytes(answer).saturating_sub(ROOM_BYTES);
        self.make_room(now, bytes);
        let count = u64::try_from(self.kept.len()).unwrap_or(u64::MAX);
        let at = self.gone.wrapping_add(count);
        self.index.insert(&request.key, at);
        self.bytes += bytes;
        self.kept.push_back(Kept {
            since: now,
            key: request.key,
            content: request.content(),
            answer: answer.clone(),
            bytes,
        });
    }

    pub(super) fn forget(&mut self, key: &FieldKey) {
        let (kept, gone) = (&self.kept, self.gone);
        self.index.take(key, |at| {
            place(*at, gone)
                .and_then(|place| kept.get(place))
                .is_some_and(|kept| kept.key == *key)
        });
    }

    fn make_room(&mut self, now: Instant, bytes: usize) {
        while let Some(oldest) = self.kept.front() {
            let age = now.saturating_duration_since(oldest.since);
            let fits = self.bytes + bytes <= self.settings.bytes_max;
            if fits && age < self.settings.time {
                return;
            }
            let (key, at) = (oldest.key, self.gone);
            self.bytes -= oldest.bytes;
            // It may have been forgotten, and kept anew.
            self.index.take(&key, |other| *other == at);
            self.kept.pop_front();
            self.gone = self.gone.wrapping_add(1);
        }
    }

    fn is(&self, at: u64, key: &FieldKey) -> bool {
        self.at(at).is_some_and(|kept| kept.key == *key)
    }

    fn at(&self, at: u64) -> Option<&Kept> {
        self.kept.get(place(at, self.gone)?)
    }
}

fn place(at: u64, gone: u64) -> Option<usize> {
    usize::try_from(at.checked_sub(gone)?).ok()
}

impl Outbound {
    /// How many answers are kept for repeats.
    #[must_use]
    pub fn answers_kept(&self) -> usize {
        self.answered.kept.len()
    }

    /// How many repeats were answered from these since the start.
    #[must_use]
    pub const fn answered_again(&self) -> u64 {
        self.answered.again
    }

    /// A repeat of what was answered gets that answer, another transaction under its key 94. False
    /// where it is neither.
    pub(super) fn answer_again(&mut self, now: Instant, request: &Request) -> bool {
        // An answer whose outcome was not recorded was not given.
        if !self.store.is_whole() {
            return false;
        }
        let Some(kept) = self.answered.find(now, request) else {
            return false;
        };
        if kept.content != request.content() {
            self.refuse(request, Refusal::Duplicate);
            return true;
        }
        let mut answer = request.answer_again(kept.answer.clone());
        if let Some(undo) = self.on_its_way(&request.key) {
            undo.add(1);
            answer.undo = Some(undo);
        }
        self.answered.again += 1;
        self.outputs.push_back(Output::Answer(answer));
        true
    }

    /// The issuer decided: its answer is kept as its acquirer gets it.
    pub(super) fn keep_answer(
        &mut self,
        now: Instant,
        request: &Request,
        answer: &Message,
        code: ResponseCode,
    ) {
        if request.is_asked() && !is_unable(code) {
            self.answered.keep(now, request, answer);
        }
    }

    /// What to give back if none of these copies reaches its acquirer. While an earlier approval of
    /// the same request is on its way, the copies of both count together: one that is delivered
    /// keeps what the other would give back.
    pub(super) fn undo(
        &mut self,
        request: Box<Request>,
        group: GroupId,
        copies: usize,
    ) -> Arc<Undo> {
        if self.undos.len() >= self.undos_swept_above {
            self.undos.retain(|undo| undo.strong_count() > 0);
            self.undos_swept_above = UNDOS_SWEPT_ABOVE.max(2 * self.undos.len());
        }
        if let Some(earlier) = self.on_its_way(&request.key) {
            earlier.add(copies);
            return earlier;
        }
        let key = request.key;
        let undo = Undo::new(request, group, copies);
        self.undos.insert(&key, Arc::downgrade(&undo));
        undo
    }

    /// An approval that is on its way to its acquirer.
    pub(super) fn on_its_way(&self, key: &FieldKey) -> Option<Arc<Undo>> {
        let mut earlier = None;
        self.undos.find(key, |undo| {
            earlier = undo.upgrade().filter(|undo| undo.request.key == *key);
            earlier.is_some()
        });
        earlier
    }
}
