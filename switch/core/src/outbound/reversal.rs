//! Reversals of our own: 0420 at once, then 0421 until the issuer acknowledges.
//!
//! ```text
//! Storing ──durable──▶ Due(at) ──sent──▶ Sent ──00, 21, 25, 94──▶ gone
//!                         ▲               │
//!                         └── later, 0421 ┴── no answer, another code
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use iso8583::element::{OriginalData, ResponseCode, transmission_time};
use iso8583::session::Now;
use iso8583::{FieldKey, Message, Mti};

use crate::outbound::GroupSettings;
use crate::request::{duplicate_key, key_of_original, reference};
use crate::route::GroupId;

/// The reversals of the groups of a machine, each group's oldest first. Their number is bounded by
/// the machine, which takes no request that would have no place here.
#[derive(Debug)]
pub(super) struct Reversals {
    lanes: BTreeMap<GroupId, Lane>,
    queue: HashMap<u64, Reversal>,
    next_id: u64,
    /// How many reversals of each original.
    originals: HashMap<FieldKey, usize>,
    /// Originals undone lately, oldest first.
    settled: HashSet<FieldKey>,
    settled_order: VecDeque<FieldKey>,
}

/// How many undone originals are remembered. The issuer knows all of them; here they only keep a
/// late answer of a first from being matched to its repeat.
const SETTLED_MAX: usize = 16_384;

/// Those to one group.
#[derive(Debug)]
struct Lane {
    window: usize,
    retry: Duration,
    retry_max: Duration,
    count: usize,
    /// Those not known to be durable yet.
    storing: usize,
    /// Those not under way, by the time they are due and by age.
    due: BTreeSet<(Instant, u64)>,
}

impl Lane {
    fn under_way(&self) -> usize {
        self.count - self.storing - self.due.len()
    }
}

#[derive(Debug)]
struct Reversal {
    /// Who was given the original.
    group: GroupId,
    original: FieldKey,
    /// For the log.
    reference: String,
    message: Message,
    /// Time to the next repeat.
    wait: Duration,
}

impl Reversals {
    pub(super) fn new<'a>(groups: impl IntoIterator<Item = (GroupId, &'a GroupSettings)>) -> Self {
        let lane = |(group, settings): (GroupId, &GroupSettings)| {
            let lane = Lane {
                window: settings.reversal_window.max(1),
                retry: settings.reversal_retry,
                retry_max: settings.reversal_retry_max,
                count: 0,
                storing: 0,
                due: BTreeSet::new(),
            };
            (group, lane)
        };
        Self {
            lanes: groups.into_iter().map(lane).collect(),
            queue: HashMap::new(),
            next_id: 0,
            originals: HashMap::new(),
            settled: HashSet::new(),
            settled_order: VecDeque::new(),
        }
    }

    /// How many a group has not acknowledged.
    pub(super) fn count(&self, group: GroupId) -> usize {
        self.lanes.get(&group).map_or(0, |lane| lane.count)
    }

    /// Is the transaction of this key being undone?
    pub(super) fn undoes(&self, original: &FieldKey) -> bool {
        self.originals.contains_key(original)
    }

    /// Was the transaction of this key undone lately?
    pub(super) fn undid(&self, original: &FieldKey) -> bool {
        self.settled.contains(original)
    }

    /// Of each, who has to acknowledge it and what it is about.
    pub(super) fn references(&self) -> impl Iterator<Item = (GroupId, &str)> {
        self.queue
            .values()
            .map(|reversal| (reversal.group, reversal.reference.as_str()))
    }

    /// Who has to acknowledge it, and what it is about.
    pub(super) fn reference(&self, id: u64) -> Option<(GroupId, String)> {
        let reversal = self.queue.get(&id)?;
        Some((reversal.group, reversal.reference.clone()))
    }

    /// Adds one for an original, which is not sent before it is durable ([`Reversals::stored`]).
    pub(super) fn push(
        &mut self,
        now: Now,
        original: &Message,
        group: GroupId,
        reason: ResponseCode,
    ) -> u64 {
        let reversal = message(now, original, reason);
        self.add(group, duplicate_key(original), reversal)
    }

    /// One of an earlier run, which may have been sent: a repeat.
    pub(super) fn push_again(&mut self, group: GroupId, mut reversal: Message) -> u64 {
        reversal.set_mti(reversal.mti().repeat());
        let key = key_of_original(&reversal).unwrap_or_else(|| duplicate_key(&reversal));
        self.add(group, key, reversal)
    }

    fn add(&mut self, group: GroupId, original: FieldKey, message: Message) -> u64 {
        let id = self.next_id;
        let Some(lane) = self.lanes.get_mut(&group) else {
            return id;
        };
        let reversal = Reversal {
            group,
            original,
            reference: reference(&message),
            message,
            wait: lane.retry,
        };
        lane.count += 1;
        lane.storing += 1;
        *self.originals.entry(original).or_default() += 1;
        self.queue.insert(id, reversal);
        self.next_id = id.wrapping_add(1);
        id
    }

    /// A reversal, as it is sent next.
    pub(super) fn message(&self, id: u64) -> Option<(GroupId, &Message)> {
        let reversal = self.queue.get(&id)?;
        Some((reversal.group, &reversal.message))
    }

    /// It is durable: it may be sent.
    pub(super) fn stored(&mut self, now: Instant, id: u64) {
        if let Some(reversal) = self.queue.get(&id)
            && let Some(lane) = self.lanes.get_mut(&reversal.group)
        {
            lane.storing = lane.storing.saturating_sub(1);
            lane.due.insert((now, id));
        }
    }

    /// Ids of earlier runs are not used again.
    pub(super) fn begin_at(&mut self, id: u64) {
        self.next_id = self.next_id.max(id);
    }

    /// All of them, each with who has to acknowledge it.
    pub(super) fn each(&self) -> impl Iterator<Item = (u64, GroupId, &Message)> {
        let queue = self.queue.iter();
        queue.map(|(id, reversal)| (*id, reversal.group, &reversal.message))
    }

    /// A group's first that is due, if its window has room. It is under way then.
    pub(super) fn next_to_send(&mut self, now: Instant, group: GroupId) -> Option<(u64, Message)> {
        let lane = self.lanes.get_mut(&group)?;
        let (at, id) = *lane.due.first().filter(|(at, _)| *at <= now)?;
        if lane.under_way() >= lane.window {
            return None;
        }
        lane.due.remove(&(at, id));
        Some((id, self.queue.get(&id)?.message.clone()))
    }

    /// Did the answer settle it? 00: undone; 21, 25: nothing to undo; 94: undone before.
    pub(super) fn answered(&mut self, now: Instant, id: u64, code: Option<ResponseCode>) -> bool {
        let settled = matches!(
            code,
            Some(
                ResponseCode::APPROVED
                    | ResponseCode::NO_ACTION_TAKEN
                    | ResponseCode::RECORD_NOT_FOUND
                    | ResponseCode::DUPLICATE
            )
        );
        if !settled {
            self.unanswered(now, id);
            return false;
        }
        if let Some(reversal) = self.queue.remove(&id) {
            if let Some(lane) = self.lanes.get_mut(&reversal.group) {
                lane.count = lane.count.saturating_sub(1);
            }
            self.settle(reversal.original);
        }
        true
    }

    fn settle(&mut self, original: FieldKey) {
        if let Some(count) = self.originals.get_mut(&original) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.originals.remove(&original);
            }
        }
        if self.settled_order.len() >= SETTLED_MAX
            && let Some(oldest) = self.settled_order.pop_front()
        {
            self.settled.remove(&oldest);
        }
        if self.settled.insert(original) {
            self.settled_order.push_back(original);
        }
    }

    /// Sent, perhaps received: next time as a repeat, and later each time.
    pub(super) fn unanswered(&mut self, now: Instant, id: u64) {
        if let Some(reversal) = self.queue.get_mut(&id)
            && let Some(lane) = self.lanes.get_mut(&reversal.group)
        {
            reversal.message.set_mti(reversal.message.mti().repeat());
            lane.due.insert((now + reversal.wait, id));
            reversal.wait = (reversal.wait * 2).min(lane.retry_max);
        }
    }

    /// Not sent: the same again, a little later.
    pub(super) fn unsent(&mut self, now: Instant, id: u64) {
        if let Some(reversal) = self.queue.get(&id)
            && let Some(lane) = self.lanes.get_mut(&reversal.group)
        {
            lane.due.insert((now + lane.retry, id));
        }
    }

    /// A group is back: none waits for its time, oldest first.
    pub(super) fn retry_now(&mut self, now: Instant, group: GroupId) {
        let Some(lane) = self.lanes.get_mut(&group) else {
            return;
        };
        lane.due = lane.due.iter().map(|(_, id)| (now, *id)).collect();
        for reversal in self.queue.values_mut() {
            if reversal.group == group {
                reversal.wait = lane.retry;
            }
        }
    }

    /// When a group's next one is due; None also while its window is full.
    pub(super) fn due(&self, group: GroupId) -> Option<Instant> {
        let lane = self.lanes.get(&group)?;
        let (at, _) = lane
            .due
            .first()
            .filter(|_| lane.under_way() < lane.window)?;
        Some(*at)
    }
}

/// What a reversal repeats of its original (domain §2.2); DE 11 as well: the switch has no trace
/// numbers of its own, and the class tells the two apart.
pub(crate) const OF_THE_ORIGINAL: [u8; 18] = [
    2, 3, 4, 11, 12, 13, 15, 18, 22, 23, 25, 32, 33, 37, 38, 41, 42, 49,
];

/// 0420 with DE 39 the reason and DE 90 the original.
fn message(now: Now, original: &Message, reason: ResponseCode) -> Message {
    let mut reversal = Message::new(Mti::REVERSAL_ADVICE);
    for de in OF_THE_ORIGINAL {
        reversal.copy(de, original);
    }
    reversal
        .set(7, &transmission_time(now.utc))
        .set(39, reason.as_bytes());
    let original = OriginalData::new(
        original.mti(),
        original.field(11).unwrap_or_default(),
        original.field(7).unwrap_or_default(),
        original.field(32),
        original.field(33),
    );
    // Admission made sure of DE 7 and 11, and the dialect of the others' lengths.
    if let Ok(original) = original {
        reversal.set(90, original.as_bytes());
    }
    reversal
}
