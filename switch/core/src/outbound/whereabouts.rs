//! Which issuer group was given a request: whoever was is given its repeats, its reversal and its
//! completion, and nobody else is.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use iso8583::session::Now;
use iso8583::{FieldKey, KeyMap};

use crate::record::Elsewhere;
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
    pub(super) fn went_elsewhere(&mut self, now: Now, key: FieldKey, group: GroupId) {
        self.elsewhere.keep(now, key, group);
    }

    /// What an earlier run knew of those, the oldest first, as far as it is not too old.
    pub(super) fn restore(&mut self, now: Now, earlier: Vec<Elsewhere>) {
        for Elsewhere { since, key, group } in earlier {
            let age = u64::try_from(now.utc.as_second().saturating_sub(since)).unwrap_or(0);
            let age = Duration::from_secs(age);
            if age < self.settings.time {
                // The machine may have been up for less long: then it is kept longer.
                let instant = now.instant.checked_sub(age).unwrap_or(now.instant);
                let since = Since {
                    instant,
                    unix: since,
                };
                self.elsewhere.insert(since, key, group);
            }
        }
    }

    /// Those that went to another group than their first choice.
    pub(super) fn each_elsewhere(&self) -> impl Iterator<Item = Elsewhere> {
        self.elsewhere.order.iter().filter_map(|(since, key)| {
            let group = self.elsewhere.of(key)?;
            Some(Elsewhere {
                since: since.unix,
                key: *key,
                group,
            })
        })
    }

    /// That group did not take it either.
    pub(super) fn did_not_go(&mut self, key: &FieldKey) {
        self.elsewhere.forget(key);
    }

    /// Given to its first choice.
    pub(super) fn went(&mut self, now: Now, key: FieldKey, group: GroupId) {
        if self.of(&key).is_some() {
            return;
        }
        self.first_choice.expire(now.instant, self.settings.time);
        while self.first_choice.order.len() >= self.settings.requests_max.max(1) {
            self.first_choice.forget_oldest();
            self.forgotten += 1;
        }
        self.first_choice.keep(now, key, group);
    }
}

#[derive(Debug, Default)]
struct Kept {
    groups: KeyMap<GroupId>,
    /// All of them, the oldest first.
    order: VecDeque<(Since, FieldKey)>,
}

#[derive(Clone, Copy, Debug)]
struct Since {
    instant: Instant,
    /// In seconds of Unix time.
    unix: i64,
}

impl Kept {
    fn of(&self, key: &FieldKey) -> Option<GroupId> {
        self.groups.get(key).copied()
    }

    fn keep(&mut self, now: Now, key: FieldKey, group: GroupId) {
        let since = Since {
            instant: now.instant,
            unix: now.utc.as_second(),
        };
        self.insert(since, key, group);
    }

    fn insert(&mut self, since: Since, key: FieldKey, group: GroupId) {
        if self.groups.insert(key, group).is_none() {
            self.order.push_back((since, key));
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
            && now.saturating_duration_since(since.instant) >= time
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
