//! Requests that wait for their answers: by key, and by deadline.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::Instant;

use crate::key::{FieldKey, KeyIndex, KeyMap};
use crate::session::Refused;
use crate::session::mismatch::{Mismatch, likeness};

/// Requests in flight, and the keys of those that timed out lately. Both are bounded.
#[derive(Debug)]
pub(super) struct InFlight<T> {
    max: usize,
    /// By key, the place of each.
    waiting: KeyIndex<usize>,
    places: Vec<Place<T>>,
    /// Those that are free.
    free: Vec<usize>,
    /// With serial and place, in the order of sending, which is the order of deadlines: every
    /// request of a link has the same time to be answered. Entries of answered requests are dropped
    /// when they reach the front.
    deadlines: VecDeque<(Instant, u64, usize)>,
    next_serial: u64,
    late_max: usize,
    /// Deadlines missed, by key; `late_order` may also hold keys answered since.
    late: KeyMap<Instant>,
    late_order: VecDeque<FieldKey>,
}

#[derive(Debug)]
struct Place<T> {
    /// Tells this request from a later one in the same place.
    serial: u64,
    key: FieldKey,
    /// None where nobody waits.
    token: Option<T>,
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
            waiting: KeyIndex::default(),
            places: Vec::new(),
            free: Vec::new(),
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
        match self.waiting.find(key, |at| is_at(&self.places, *at, key)) {
            Some(_) => Err(Refused::KeyInUse),
            None => Ok(()),
        }
    }

    pub(super) fn insert(&mut self, key: FieldKey, deadline: Instant, token: T) {
        let serial = self.next_serial;
        self.next_serial = serial.wrapping_add(1);
        let place = Place {
            serial,
            key,
            token: Some(token),
        };
        let at = self.free.pop().unwrap_or(self.places.len());
        match self.places.get_mut(at) {
            Some(free) => *free = place,
            None => self.places.push(place),
        }
        self.waiting.insert(&key, at);
        self.deadlines.push_back((deadline, serial, at));
    }

    pub(super) fn arrive(&mut self, key: &FieldKey) -> Arrival<T> {
        let at = self.waiting.take(key, |at| is_at(&self.places, *at, key));
        if let Some(token) = at.and_then(|at| self.take(at)) {
            self.drop_answered();
            return Arrival::InTime(token);
        }
        self.late
            .remove(key)
            .map_or(Arrival::Unknown, Arrival::Late)
    }

    /// Of some that wait the one most like an answer's key, the first sent of several, and its
    /// deadline.
    pub(super) fn nearest(&self, key: &FieldKey, elements: &[u8]) -> Option<(FieldKey, Instant)> {
        let waiting = self.places.iter().filter(|place| place.token.is_some());
        let nearest = waiting
            .take(Mismatch::LOOKED_AT_MAX)
            .max_by_key(|place| (likeness(&place.key, key, elements), Reverse(place.serial)))?;
        let place = self
            .deadlines
            .binary_search_by_key(&nearest.serial, |(_, serial, _)| *serial);
        let (deadline, ..) = self.deadlines.get(place.ok()?)?;
        Some((nearest.key, *deadline))
    }

    /// The next request whose time is over.
    pub(super) fn expire(&mut self, now: Instant) -> Option<T> {
        self.drop_answered();
        let (deadline, _, at) = *self
            .deadlines
            .front()
            .filter(|(deadline, ..)| *deadline <= now)?;
        self.deadlines.pop_front();
        let key = self.places.get(at)?.key;
        if self.late_order.len() >= self.late_max
            && let Some(oldest) = self.late_order.pop_front()
        {
            self.late.remove(&oldest);
        }
        self.late.insert(key, deadline);
        self.late_order.push_back(key);
        self.waiting.take(&key, |waiting| *waiting == at);
        self.take(at)
    }

    /// A place becomes free.
    fn take(&mut self, at: usize) -> Option<T> {
        let token = self.places.get_mut(at)?.token.take();
        self.free.push(at);
        token
    }

    /// When the first of them times out.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadlines.front().map(|(deadline, ..)| *deadline)
    }

    pub(super) fn into_tokens(self) -> impl Iterator<Item = T> {
        self.places.into_iter().filter_map(|place| place.token)
    }

    fn drop_answered(&mut self) {
        while let Some((_, serial, at)) = self.deadlines.front() {
            let place = self.places.get(*at);
            if place.is_some_and(|place| place.serial == *serial && place.token.is_some()) {
                break;
            }
            self.deadlines.pop_front();
        }
    }
}

fn is_at<T>(places: &[Place<T>], at: usize, key: &FieldKey) -> bool {
    places.get(at).is_some_and(|place| place.key == *key)
}
