//! Trace numbers (DE 11) of the switch's own, for issuers that want one sequence of whatever
//! acquirers are behind the switch (domain §2.5).
//!
//! Inside the machine every message stays under the acquirer's numbers: keys, repeats, reversals
//! and records know no others. What it is sent under stands beside them, in an element that no
//! dialect has ([`SLOT`]): six digits, and six more for the original that its DE 90 names. So it
//! goes with the request into the records, from there its first six into its reversal, and is put
//! in its place when a message leaves:
//!
//! ```text
//! inside   DE 11 acquirer's           | DE 90 names the acquirer's DE 11 | slot
//! sent     DE 11 of the slot          | DE 90 names that of the slot     | private: DE 11, DE 7
//! ```
//!
//! A number is given by the duplicate key, once: a repeat is sent under the same, and a reversal
//! names it by the key that its DE 90 makes. A reversal that comes before its original gives it its
//! number, so that the original is refused when it comes. Numbers are kept for a time and recorded,
//! and at the bound of how many are kept no request is taken. One that was forgotten is never
//! guessed: the number of nothing is named instead of another transaction's.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use iso8583::element::OriginalData;
use iso8583::session::Now;
use iso8583::{FieldKey, KeyMap, Message};

use crate::outbound::{GroupSettings, InFlight, Outbound};
use crate::record::Numbered;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::route::GroupId;

/// A group whose requests are numbered anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberSettings {
    /// The private element that bears the acquirer's DE 11 and DE 7, 16 digits. A message that has
    /// it is refused (30).
    pub element: u8,
    /// How many numbers are kept, up to [`NumberSettings::KEPT_MAX`]: at three quarters requests
    /// are refused (91), and the rest is left to reversals and advices.
    pub kept_max: usize,
    /// How long. What comes later to what was sent cannot name it.
    pub kept_for: Duration,
}

impl NumberSettings {
    /// The most numbers kept: none is given again while it is.
    pub const KEPT_MAX: usize = 900_000;
}

impl Default for NumberSettings {
    fn default() -> Self {
        Self {
            element: 59,
            kept_max: 262_144,
            kept_for: Duration::from_hours(48),
        }
    }
}

/// Beyond every element that a dialect of 1987 has, so that nothing with it can be encoded.
pub(crate) const SLOT: u8 = 192;

/// The number that a message itself is sent under, of its slot.
pub(super) fn own(slot: &[u8]) -> Option<&[u8; 6]> {
    slot.first_chunk()
}

/// The numbers of the groups of a machine that have any.
#[derive(Debug)]
pub(super) struct Numbers(BTreeMap<GroupId, Lane>);

#[derive(Debug)]
struct Lane {
    settings: NumberSettings,
    /// The last that was given, or none.
    last: u32,
    kept: KeyMap<u32>,
    /// All of them, the oldest first, and until when each is kept. That no error of the clock
    /// changes: those of an earlier run have none until the first look at this one's clock.
    order: VecDeque<(Option<Instant>, Numbered)>,
}

/// The greatest number there is.
const MAX: u32 = 999_999;

impl Numbers {
    pub(super) fn new<'a>(groups: impl IntoIterator<Item = (GroupId, &'a GroupSettings)>) -> Self {
        let lane = |(group, settings): (GroupId, &GroupSettings)| {
            let settings = settings.numbers.clone()?;
            let lane = Lane {
                settings,
                last: 0,
                kept: KeyMap::default(),
                order: VecDeque::new(),
            };
            Some((group, lane))
        };
        Self(groups.into_iter().filter_map(lane).collect())
    }

    /// How many a group has.
    pub(super) fn count(&self, group: GroupId) -> usize {
        self.0.get(&group).map_or(0, |lane| lane.order.len())
    }

    /// Why a group cannot be given a request.
    pub(super) fn refusal(
        &mut self,
        now: Now,
        group: GroupId,
        request: &Request,
    ) -> Option<Refusal> {
        let lane = self.0.get_mut(&group)?;
        lane.expire(now);
        let max = lane.settings.kept_max;
        let max = if request.is_asked() {
            max - max / 4
        } else {
            max
        };
        if request.message.has(lane.settings.element) {
            Some(Refusal::Format(lane.settings.element))
        } else if lane.order.len() + 2 > max && !lane.kept.contains_key(&request.key) {
            Some(Refusal::NumbersFull)
        } else {
            None
        }
    }

    /// Puts into a request's slot what it is sent under; the numbers given anew.
    pub(super) fn assign(
        &mut self,
        now: Now,
        group: GroupId,
        request: &mut Request,
    ) -> Vec<Numbered> {
        let mut given = Vec::new();
        request.message.remove(SLOT);
        let Some(lane) = self.0.get_mut(&group) else {
            return given;
        };
        let originals = request.originals();
        let names_its_original = request.message.has(90);
        let own = if request.is_reversal() && !names_its_original {
            originals
        } else {
            [Some(request.key), None]
        };
        let since = now.utc.as_second();
        let mut digits = String::new();
        for keys in [own, originals]
            .iter()
            .take(1 + usize::from(names_its_original))
        {
            // Kept before the original is looked up: that may be the message itself.
            let anew = given.len();
            let number = lane.number(keys, |key, number| {
                given.push(Numbered {
                    group,
                    since,
                    number,
                    key,
                });
            });
            let until = now.instant + lane.settings.kept_for;
            for numbered in given.iter().skip(anew) {
                lane.keep(Some(until), numbered);
            }
            digits.push_str(&format!("{number:06}"));
        }
        request.message.set(SLOT, digits.as_bytes());
        given
    }

    /// Makes of a message what is sent.
    pub(super) fn send(&self, group: GroupId, message: &mut Message) {
        let Some(slot) = message.field(SLOT).map(<[u8]>::to_vec) else {
            return;
        };
        message.remove(SLOT);
        let (Some(sent_under), Some(original)) = (own(&slot), slot.last_chunk::<6>()) else {
            return;
        };
        let theirs = [11, 7].map(|de| message.field(de).unwrap_or_default());
        let theirs = theirs.concat();
        if let Some(lane) = self.0.get(&group) {
            message.set(lane.settings.element, &theirs);
        }
        message.set(11, sent_under);
        let named = message.field(90).map(OriginalData::try_from);
        if let Some(Ok(named)) = named {
            let mut digits = *named.as_bytes();
            if let Some(place) = digits.get_mut(4..10) {
                place.copy_from_slice(original);
            }
            message.set(90, &digits);
        }
    }

    /// Makes of a message that a group was not sent after all what another is sent; `inside` it is
    /// as the machine has it.
    pub(super) fn send_again(
        &self,
        left: GroupId,
        group: GroupId,
        message: &mut Message,
        inside: &Message,
    ) {
        if let Some(lane) = self.0.get(&left) {
            message.remove(lane.settings.element);
        }
        for de in [11, 90, SLOT] {
            message.copy(de, inside);
        }
        self.send(group, message);
    }

    /// Takes out of an answer what the acquirer knows nothing of.
    pub(super) fn receive(&self, asked: &InFlight, answer: &mut Message) {
        if let Some(lane) = self.0.get(&asked.link.group) {
            answer.remove(lane.settings.element);
            if answer.has(90) {
                answer.copy(90, &asked.request.message);
            }
        }
    }

    /// One of an earlier run, in the order they were given.
    pub(super) fn recover(&mut self, numbered: &Numbered) {
        if let Some(lane) = self.0.get_mut(&numbered.group) {
            lane.last = numbered.number;
            lane.keep(None, numbered);
        }
    }

    /// All of them, each group's oldest first.
    pub(super) fn each(&self) -> impl Iterator<Item = Numbered> {
        let lanes = self.0.values().flat_map(|lane| &lane.order);
        lanes.map(|(_, numbered)| numbered.clone())
    }
}

impl Outbound {
    /// Trace numbers of the switch's own that are kept of a group's requests.
    #[must_use]
    pub fn numbers(&self, group: GroupId) -> usize {
        self.numbers.count(group)
    }

    /// The trace numbers that a request is sent under are recorded before it leaves.
    pub(super) fn number(&mut self, now: Now, group: GroupId, request: &mut Request) {
        for numbered in self.numbers.assign(now, group, request) {
            self.store.numbered(&numbered);
        }
    }

    /// A request as a group is sent it; what of it may be kept stays.
    pub(super) fn numbered(&mut self, now: Now, group: GroupId, request: &mut Request) -> Message {
        self.number(now, group, request);
        let mut message = request.take_message();
        self.numbers.send(group, &mut message);
        message
    }

    /// What the one group was not sent after all, as another is, or the same.
    pub(super) fn numbered_again(
        &mut self,
        now: Now,
        (left, group): (GroupId, GroupId),
        mut unsent: Message,
        request: &mut Request,
    ) -> Message {
        self.number(now, group, request);
        self.numbers
            .send_again(left, group, &mut unsent, &request.message);
        unsent
    }

    /// Why what a request says cannot be kept for a group.
    pub(super) fn unnumbered(
        &mut self,
        now: Now,
        group: GroupId,
        request: Option<&Request>,
    ) -> Option<Refusal> {
        self.numbers.refusal(now, group, request?)
    }
}

impl Lane {
    /// The number of the first of these keys that has one; else one that they have from now on,
    /// which `give` is told for each.
    fn number(&mut self, keys: &[Option<FieldKey>], mut give: impl FnMut(FieldKey, u32)) -> u32 {
        let mut keys = keys.iter().flatten();
        if let Some(known) = keys.clone().find_map(|key| self.kept.get(key)) {
            return *known;
        }
        self.last = self.last % MAX + 1;
        keys.by_ref().for_each(|key| give(*key, self.last));
        self.last
    }

    /// One that an earlier run gave anew it had forgotten before.
    fn keep(&mut self, until: Option<Instant>, numbered: &Numbered) {
        self.kept.insert(numbered.key, numbered.number);
        self.order.push_back((until, numbered.clone()));
    }

    /// The last one stays: the next is counted from it, after a restart as well.
    fn expire(&mut self, now: Now) {
        let time = self.settings.kept_for;
        let earlier = self.order.iter_mut();
        for (until, numbered) in earlier.take_while(|(until, _)| until.is_none()) {
            let age = now.utc.as_second().saturating_sub(numbered.since);
            let age = Duration::from_secs(u64::try_from(age).unwrap_or(0));
            *until = Some(now.instant + time.saturating_sub(age));
        }
        while self.order.len() > 1
            && let Some((_, oldest)) = self
                .order
                .pop_front_if(|(until, _)| until.is_some_and(|until| until <= now.instant))
        {
            if self.kept.get(&oldest.key) == Some(&oldest.number) {
                self.kept.remove(&oldest.key);
            }
        }
    }
}
