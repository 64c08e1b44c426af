//! Requests that wait for their answers: by key, and by deadline.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::Instant;

use crate::key::{FieldKey, KeyMap};
use crate::session::Refused;
use crate::session::mismatch::{Mismatch, likeness};

/// Requests in flight, and the keys of those that timed out lately. Both are bounded.
#[derive(Debug)]
pub(super) struct InFlight<T> {
    max: usize,
    waiting: KeyMap<Waiting<T>>,
    /// In the order of sending, which is the order of deadlines: every request of a link has the
    /// same time to be answered. Entries of answered requests are dropped when they reach the
    /// front.
    deadlines: VecDeque<(Instant, u64, FieldKey)>,
    next_serial: u64,
    late_max: usize,
    /// Deadlines missed, by key; `late_order` may also hold keys answered since.
    late: KeyMap<Instant>,
    late_order: VecDeque<FieldKey>,
}

#[derive(Debug)]
struct Waiting<T> {
    /// Tells this request from a later one with the same key.
    serial: u64,
    token: T,
}

/// What an answer's key stands for.
pub(super) enum Arrival<T> {
    InTime(T),
    /// With the deadline it missed.
    Late(Instant),
    Unknown,
}

impl<T> InFlight<T> {
    pub(super) fn new(max: usize, late_max: usize) -> Self {
        Self {
            max,
            waiting: KeyMap::default(),
            deadlines: VecDeque::new(),
            next_serial: 0,
            late_max,
            late: KeyMap::default(),
            late_order: VecDeque::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn admit(&self, key: &FieldKey) -> Result<(), Refused> {
        if self.waiting.len() >= self.max {
            return Err(Refused::Full);
        }
        if self.waiting.contains_key(key) {
            Err(Refused::KeyInUse)
        } else {
            Ok(())
        }
    }

    pub(super) fn insert(&mut self, key: FieldKey, deadline: Instant, token: T) {
        let serial = self.next_serial;
        self.next_serial = serial.wrapping_add(1);
        self.waiting.insert(key, Waiting { serial, token });
        self.deadlines.push_back((deadline, serial, key));
    }

    pub(super) fn arrive(&mut self, key: &FieldKey) -> Arrival<T> {
        if let Some(waiting) = self.waiting.remove(key) {
            self.drop_answered();
            return Arrival::InTime(waiting.token);
        }
        self.late
            .remove(key)
            .map_or(Arrival::Unknown, Arrival::Late)
    }

    /// Of some that wait the one most like an answer's key, the first sent of several, and its
    /// deadline.
    pub(super) fn nearest(&self, key: &FieldKey, elements: &[u8]) -> Option<(FieldKey, Instant)> {
        let looked_at = self.waiting.iter().take(Mismatch::LOOKED_AT_MAX);
        let (nearest, waiting) = looked_at.max_by_key(|(other, waiting)| {
            (likeness(other, key, elements), Reverse(waiting.serial))
        })?;
        let place = self
            .deadlines
            .binary_search_by_key(&waiting.serial, |(_, serial, _)| *serial);
        let (deadline, ..) = self.deadlines.get(place.ok()?)?;
        Some((*nearest, *deadline))
    }

    /// The next request whose time is over.
    pub(super) fn expire(&mut self, now: Instant) -> Option<T> {
        self.drop_answered();
        let (deadline, _, key) = *self
            .deadlines
            .front()
            .filter(|(deadline, ..)| *deadline <= now)?;
        self.deadlines.pop_front();
        if self.late_order.len() >= self.late_max
            && let Some(oldest) = self.late_order.pop_front()
        {
            self.late.remove(&oldest);
        }
        self.late.insert(key, deadline);
        self.late_order.push_back(key);
        self.waiting.remove(&key).map(|waiting| waiting.token)
    }

    /// When the first of them times out.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadlines.front().map(|(deadline, ..)| *deadline)
    }

    pub(super) fn into_tokens(self) -> impl Iterator<Item = T> {
        self.waiting.into_values().map(|waiting| waiting.token)
    }

    fn drop_answered(&mut self) {
        while let Some((_, serial, key)) = self.deadlines.front()
            && self
                .waiting
                .get(key)
                .is_none_or(|waiting| waiting.serial != *serial)
        {
            self.deadlines.pop_front();
        }
    }
}
