//! Which issuer group was given a request: whoever was is given its repeats, its reversal and its
//! completion, and nobody else is.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use iso8583::FieldKey;

use crate::route::GroupId;

/// Bounds of what is kept in mind of requests after their answer, where several groups might be
/// given the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemorySettings {
    /// How many requests that went to their first choice: then the oldest is forgotten. And how
    /// many that went to another: then no more do.
    pub requests_max: usize,
    /// How long.
    pub time: Duration,
}

impl Default for MemorySettings {
    fn default() -> Self {
        Self {
            requests_max: 262_144,
            time: Duration::from_hours(48),
        }
    }
}

/// Requests by their duplicate key, and who was given them.
///
/// What is not here went to its first choice, if to anyone. So those that went elsewhere are never
/// forgotten before their time, and those that went to their first choice only keep a second
/// sending of theirs, made without the repeat digit, from another group while the first is down.
#[derive(Debug)]
pub(super) struct Whereabouts {
    settings: MemorySettings,
    first_choice: Kept,
    elsewhere: Kept,
    forgotten: u64,
}

impl Whereabouts {
    pub(super) fn new(settings: MemorySettings) -> Self {
        Self {
            settings,
            first_choice: Kept::default(),
            elsewhere: Kept::default(),
            forgotten: 0,
        }
    }

    pub(super) fn of(&self, key: &FieldKey) -> Option<GroupId> {
        self.elsewhere.of(key).or_else(|| self.first_choice.of(key))
    }

    /// How many are kept that did not go to their first choice.
    pub(super) fn elsewhere(&self) -> usize {
        self.elsewhere.order.len()
    }

    /// How many that did were forgotten before their time.
    pub(super) const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub(super) fn may_go_elsewhere(&mut self, now: Instant) -> bool {
        self.elsewhere.expire(now, self.settings.time);
        self.elsewhere() < self.settings.requests_max
    }

    /// Given to another group than its first choice, which there was room for.
    pub(super) fn went_elsewhere(&mut self, now: Instant, key: FieldKey, group: GroupId) {
        self.elsewhere.keep(now, key, group);
    }

    /// That group did not take it either.
    pub(super) fn did_not_go(&mut self, key: &FieldKey) {
        self.elsewhere.forget(key);
    }

    /// Given to its first choice.
    pub(super) fn went(&mut self, now: Instant, key: FieldKey, group: GroupId) {
        if self.of(&key).is_some() {
            return;
        }
        self.first_choice.expire(now, self.settings.time);
        while self.first_choice.order.len() >= self.settings.requests_max.max(1) {
            self.first_choice.forget_oldest();
            self.forgotten += 1;
        }
        self.first_choice.keep(now, key, group);
    }
}

#[derive(Debug, Default)]
struct Kept {
    groups: HashMap<FieldKey, GroupId>,
    /// All of them, the oldest first.
    order: VecDeque<(Instant, FieldKey)>,
}

impl Kept {
    fn of(&self, key: &FieldKey) -> Option<GroupId> {
        self.groups.get(key).copied()
    }

    fn keep(&mut self, now: Instant, key: FieldKey, group: GroupId) {
        if self.groups.insert(key, group).is_none() {
            self.order.push_back((now, key));
        }
    }

    /// Mostly the one kept last.
    fn forget(&mut self, key: &FieldKey) {
        self.groups.remove(key);
        if let Some(place) = self.order.iter().rposition(|(_, kept)| kept == key) {
            self.order.remove(place);
        }
    }

    fn expire(&mut self, now: Instant, time: Duration) {
        while let Some((since, _)) = self.order.front()
            && now.saturating_duration_since(*since) >= time
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, oldest)) = self.order.pop_front() {
            self.groups.remove(&oldest);
        }
    }
}
