//! Store and forward: what an issuer group must be told until it acknowledges.
//!
//! Reversals of our own, and those advices and reversals of acquirers that could not be given to
//! the issuer when they came. Those of one card and acquirer are told in their order, the next when
//! the one before is settled; others beside each other, up to a window.
//!
//! ```text
//! Storing ──durable──▶ Waiting ──first of its card──▶ Due ──sent──▶ Under way ──accepted──▶ gone
//!                         ▲                            ▲              │
//!                         │                            └─ later, 042x ┤ no answer, another code
//!                         └────── retried ◀── Dead ◀── too old ───────┘
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use iso8583::element::ResponseCode;
use iso8583::session::Now;
use iso8583::{Class, FieldKey, KeyMap, KeySet, Message};

use crate::outbound::GroupSettings;
use crate::record;
use crate::request::{duplicate_key, originals, reference};
use crate::route::GroupId;

/// How what must be told to a group is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardSettings {
    /// How many are under way at a time. Of these a fifth, and one at least, may be of a backlog.
    pub window: usize,
    /// How long after it was not acknowledged one is first repeated; doubled each time, and a
    /// fifth longer or shorter, so that many do not come at once.
    pub retry: Duration,
    /// The longest time between two repeats.
    pub retry_max: Duration,
    /// DE 39 of the issuer's answers that settle one.
    pub accepted: Vec<ResponseCode>,
    /// After how many answers with another code one is a dead letter. That the issuer cannot just
    /// now (91, 96) does not count.
    pub refused_max: u32,
    /// After how long without an answer that settles it one is a dead letter.
    pub age_max: Duration,
    /// How many dead letters may lie, one that is longer than 512 bytes counted several times; at
    /// the bound the others go on being repeated.
    pub dead_letters_max: usize,
}

impl Default for ForwardSettings {
    /// 00: done; 21, 25: nothing to undo; 94: done before (domain §2.5).
    fn default() -> Self {
        Self {
            window: 64,
            retry: Duration::from_secs(5),
            retry_max: Duration::from_mins(5),
            accepted: vec![
                ResponseCode::APPROVED,
                ResponseCode::NO_ACTION_TAKEN,
                ResponseCode::RECORD_NOT_FOUND,
                ResponseCode::DUPLICATE,
            ],
            refused_max: 10,
            age_max: Duration::from_hours(72),
            dead_letters_max: 10_000,
        }
    }
}

/// Whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A reversal of our own.
    Ours,
    /// An advice or a reversal of an acquirer, who heard that it is kept.
    Acquirers,
}

/// Something to be told, as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) origin: Origin,
    /// Who has to acknowledge it.
    pub(crate) group: GroupId,
    /// When it was stored, in seconds of Unix time.
    pub(crate) since: i64,
    /// It is told no more until an operator says so.
    pub(crate) dead: bool,
    pub(crate) message: Message,
}

/// Something the issuer did not accept, which is not told again unless an operator says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// By which an operator names it, for as long as it lies.
    pub id: u64,
    /// Who has not acknowledged it.
    pub group: GroupId,
    /// When it was stored, in seconds of Unix time.
    pub since: i64,
    /// What it is about, in words and without its card.
    pub reference: String,
}

/// What became of an answer to something told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Accepted,
    Again,
    Dead,
}

/// All that is to be told. How much that is, is bounded by the machine, which takes nothing that
/// would have no place here.
#[derive(Debug)]
pub(super) struct Forward {
    lanes: BTreeMap<GroupId, Lane>,
    queue: HashMap<u64, Item>,
    next_id: u64,
    /// How many undo each original.
    originals: KeyMap<usize>,
    /// Those of acquirers, by their own keys.
    acquirers: KeyMap<u64>,
    /// Originals undone lately, oldest first.
    settled: KeySet,
    settled_order: VecDeque<FieldKey>,
}

/// How many undone originals are remembered. The issuer knows all of them; here they only keep a
/// late answer of a first from being matched to its repeat.
const SETTLED_MAX: usize = 16_384;

/// Bytes of a record for which one takes a place: that of a request in flight.
const PLACE_BYTES: usize = 512;

/// What is to be told to one group.
#[derive(Debug)]
struct Lane {
    settings: ForwardSettings,
    /// All but the dead, and the places they take.
    count: usize,
    places: usize,
    /// The places of each acquirer.
    shares: HashMap<Acquirer, usize>,
    dead_places: usize,
    dead: BTreeSet<u64>,
    /// Those of each card that are not dead, oldest first: only the first is told.
    cards: HashMap<Card, VecDeque<u64>>,
    /// To be told for the first time, and stored while the group was up.
    fresh: BTreeSet<u64>,
    /// The backlog, by the time each is due and by age.
    due: BTreeSet<(Instant, u64)>,
    fresh_under_way: usize,
    backlog_under_way: usize,
}

/// A card at an acquirer, for the order of what is told of it: nobody waits for what another
/// acquirer told. Two that are one here only wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Card(u64);

/// Who told it, as DE 32. Two that are one here share their part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Acquirer(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not known to be durable.
    Storing,
    /// Durable: behind another of its card, or due.
    Waiting,
    UnderWay {
        backlog: bool,
    },
    Dead,
}

#[derive(Debug)]
struct Item {
    letter: Letter,
    state: State,
    card: Card,
    acquirer: Acquirer,
    places: usize,
    /// What it undoes, where it does.
    originals: [Option<FieldKey>; 2],
    /// For the log.
    reference: String,
    /// Time to the next repeat.
    wait: Duration,
    /// Answers with a code that does not settle it.
    refused: u32,
}

impl Forward {
    pub(super) fn new<'a>(groups: impl IntoIterator<Item = (GroupId, &'a GroupSettings)>) -> Self {
        let lanes = groups
            .into_iter()
            .map(|(group, settings)| (group, Lane::new(settings.forward.clone())));
        Self {
            lanes: lanes.collect(),
            queue: HashMap::new(),
            next_id: 0,
            originals: KeyMap::default(),
            acquirers: KeyMap::default(),
            settled: KeySet::default(),
            settled_order: VecDeque::new(),
        }
    }

    /// How many a group has not acknowledged, without the dead.
    pub(super) fn count(&self, group: GroupId) -> usize {
        self.lanes.get(&group).map_or(0, |lane| lane.count)
    }

    /// The places these take: one that is long takes several, so that their bytes are bounded.
    pub(super) fn places(&self, group: GroupId) -> usize {
        self.lanes.get(&group).map_or(0, |lane| lane.places)
    }

    /// Of these, the places of who told this message.
    pub(super) fn share(&self, group: GroupId, message: &Message) -> usize {
        let lane = self.lanes.get(&group);
        let share = lane.and_then(|lane| lane.shares.get(&Acquirer::of(message)));
        share.copied().unwrap_or(0)
    }

    pub(super) fn dead(&self, group: GroupId) -> usize {
        self.lanes.get(&group).map_or(0, |lane| lane.dead.len())
    }

    pub(super) fn dead_letters(&self) -> impl Iterator<Item = DeadLetter> {
        let dead = self.lanes.values().flat_map(|lane| &lane.dead);
        dead.filter_map(|id| {
            let item = self.queue.get(id)?;
            Some(DeadLetter {
                id: *id,
                group: item.letter.group,
                since: item.letter.since,
                reference: item.reference.clone(),
            })
        })
    }

    /// Is the transaction of this key being undone?
    pub(super) fn undoes(&self, original: &FieldKey) -> bool {
        self.originals.contains_key(original)
    }

    /// Was the transaction of this key undone lately?
    pub(super) fn undid(&self, original: &FieldKey) -> bool {
        self.settled.contains(original)
    }

    /// An acquirer's advice or reversal of this key that is kept, and whether it is durable.
    pub(super) fn kept(&self, key: &FieldKey) -> Option<(u64, &Message, bool)> {
        let id = self.acquirers.get(key)?;
        let item = self.queue.get(id)?;
        Some((*id, &item.letter.message, item.state != State::Storing))
    }

    /// Is something to be told of the card of this message, before it?
    pub(super) fn is_before(&self, group: GroupId, message: &Message) -> bool {
        self.lanes
            .get(&group)
            .is_some_and(|lane| lane.cards.contains_key(&Card::of(message)))
    }

    /// Of each that is not dead, who has to acknowledge it and what it is about.
    pub(super) fn references(&self) -> impl Iterator<Item = (GroupId, &str)> {
        let alive = self.queue.values().filter(|it| it.state != State::Dead);
        alive.map(|item| (item.letter.group, item.reference.as_str()))
    }

    /// Who has to acknowledge it, and what it is about.
    pub(super) fn reference(&self, id: u64) -> Option<(GroupId, String)> {
        let item = self.queue.get(&id)?;
        Some((item.letter.group, item.reference.clone()))
    }

    /// Adds a letter, which is not sent before it is durable ([`Forward::stored`]).
    pub(super) fn push(&mut self, letter: Letter) -> u64 {
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        self.insert(id, letter);
        id
    }

    /// One of an earlier run, which may have been sent: a repeat.
    pub(super) fn push_again(&mut self, id: u64, mut letter: Letter) {
        letter.message.set_mti(letter.message.mti().repeat());
        self.insert(id, letter);
    }

    fn insert(&mut self, id: u64, letter: Letter) {
        let Some(lane) = self.lanes.get_mut(&letter.group) else {
            return;
        };
        let message = &letter.message;
        let item = Item {
            card: Card::of(message),
            acquirer: Acquirer::of(message),
            places: record::letter_bytes(message).div_ceil(PLACE_BYTES),
            originals: undone(message),
            reference: reference(message),
            wait: lane.settings.retry,
            refused: 0,
            state: State::Storing,
            letter,
        };
        for original in item.originals.into_iter().flatten() {
            *self.originals.entry(original).or_default() += 1;
        }
        if item.letter.origin == Origin::Acquirers {
            self.acquirers
                .insert(duplicate_key(&item.letter.message), id);
        }
        lane.enter(&item, id);
        let dead = item.letter.dead;
        self.queue.insert(id, item);
        if dead {
            self.bury(id);
        }
    }

    /// A letter, as it is sent next.
    pub(super) fn letter(&self, id: u64) -> Option<&Letter> {
        Some(&self.queue.get(&id)?.letter)
    }

    /// It is durable: it may be sent, at once where the group is up.
    pub(super) fn stored(&mut self, now: Instant, id: u64, up: bool) {
        let Some(item) = self.queue.get_mut(&id) else {
            return;
        };
        if item.state != State::Storing {
            return;
        }
        item.state = State::Waiting;
        if let Some(lane) = self.lanes.get_mut(&item.letter.group)
            && lane.is_first(item.card, id)
        {
            if up && !item.letter.message.mti().is_repeat() {
                lane.fresh.insert(id);
            } else {
                lane.due.insert((now, id));
            }
        }
    }

    /// Ids of earlier runs are not used again.
    pub(super) fn begin_at(&mut self, id: u64) {
        self.next_id = self.next_id.max(id);
    }

    /// All of them, the dead too.
    pub(super) fn each(&self) -> impl Iterator<Item = (u64, &Letter)> {
        let queue = self.queue.iter();
        queue.map(|(id, item)| (*id, &item.letter))
    }

    /// A group's next that is due, if its window has room. It is under way then.
    pub(super) fn next_to_send(&mut self, now: Instant, group: GroupId) -> Option<(u64, Message)> {
        let lane = self.lanes.get_mut(&group)?;
        loop {
            let (id, backlog) = lane.next(now)?;
            let mut under_way = State::UnderWay { backlog };
            match self.queue.get_mut(&id) {
                Some(item) if item.state == State::Waiting => {
                    item.state = under_way;
                    return Some((id, item.letter.message.clone()));
                }
                Some(_) | None => lane.is_back(&mut under_way),
            }
        }
    }

    /// The issuer answered: is it settled?
    pub(super) fn answered(&mut self, now: Now, id: u64, code: Option<ResponseCode>) -> Told {
        let Some(item) = self.queue.get_mut(&id) else {
            return Told::Again;
        };
        let Some(lane) = self.lanes.get_mut(&item.letter.group) else {
            return Told::Again;
        };
        if !code.is_some_and(|code| item.is_settled(&lane.settings, code)) {
            if code.is_some_and(|code| !is_unable(code)) {
                item.refused = item.refused.saturating_add(1);
            }
            return self.unanswered(now, id);
        }
        for original in self.remove(now.instant, id).into_iter().flatten() {
            self.settle(original);
        }
        Told::Accepted
    }

    fn settle(&mut self, original: FieldKey) {
        if self.settled_order.len() >= SETTLED_MAX
            && let Some(oldest) = self.settled_order.pop_front()
        {
            self.settled.remove(&oldest);
        }
        if self.settled.insert(original) {
            self.settled_order.push_back(original);
        }
    }

    /// Sent, perhaps received: next time as a repeat, and later each time, until it is dead.
    pub(super) fn unanswered(&mut self, now: Now, id: u64) -> Told {
        let Some(item) = self.queue.get_mut(&id) else {
            return Told::Again;
        };
        let Some(lane) = self.lanes.get_mut(&item.letter.group) else {
            return Told::Again;
        };
        lane.is_back(&mut item.state);
        item.letter
            .message
            .set_mti(item.letter.message.mti().repeat());
        let settings = &lane.settings;
        let room = lane.dead_places + item.places <= settings.dead_letters_max;
        if room && item.is_over(settings, now) {
            self.bury(id);
            self.advance(now.instant, id);
            return Told::Dead;
        }
        lane.due
            .insert((now.instant + spread(item.wait, id, item.refused), id));
        item.wait = (item.wait * 2).min(settings.retry_max);
        Told::Again
    }

    /// Not sent: the same again, a little later.
    pub(super) fn unsent(&mut self, now: Instant, id: u64) {
        if let Some(item) = self.queue.get_mut(&id)
            && let Some(lane) = self.lanes.get_mut(&item.letter.group)
        {
            lane.is_back(&mut item.state);
            lane.due.insert((now + lane.settings.retry, id));
        }
    }

    /// No link can say it: nothing is to be hoped for.
    pub(super) fn never(&mut self, id: u64) {
        if let Some(item) = self.queue.get_mut(&id) {
            item.refused = u32::MAX;
        }
    }

    /// A group is back: none waits for its time, and all are of the backlog, oldest first.
    pub(super) fn retry_now(&mut self, now: Instant, group: GroupId) {
        let Some(lane) = self.lanes.get_mut(&group) else {
            return;
        };
        let ids = lane
            .due
            .iter()
            .map(|(_, id)| *id)
            .chain(lane.fresh.iter().copied());
        lane.due = ids.map(|id| (now, id)).collect();
        lane.fresh.clear();
        for item in self.queue.values_mut() {
            if item.letter.group == group {
                item.wait = lane.settings.retry;
            }
        }
    }

    /// When a group's next one is due; None also while its window is full.
    pub(super) fn due(&self, group: GroupId) -> Option<Instant> {
        let lane = self.lanes.get(&group)?;
        let (at, _) = lane.due.first().filter(|_| lane.has_room_for_backlog())?;
        Some(*at)
    }

    /// An operator has it told again; false where it is no dead letter.
    pub(super) fn revive(&mut self, now: Now, id: u64) -> bool {
        let Some(item) = self.queue.get_mut(&id) else {
            return false;
        };
        let Some(lane) = self.lanes.get_mut(&item.letter.group) else {
            return false;
        };
        if !lane.dead.remove(&id) {
            return false;
        }
        item.letter.dead = false;
        item.letter.since = now.utc.as_second();
        item.state = State::Storing;
        item.refused = 0;
        item.wait = lane.settings.retry;
        lane.dead_places = lane.dead_places.saturating_sub(item.places);
        lane.enter(item, id);
        true
    }

    /// An operator gives it up; false where it is no dead letter.
    pub(super) fn give_up(&mut self, now: Instant, id: u64) -> bool {
        let dead = self
            .queue
            .get(&id)
            .is_some_and(|it| it.state == State::Dead);
        if dead {
            self.remove(now, id);
        }
        dead
    }

    /// It is told no more, and those behind it of its card no longer wait for it.
    fn bury(&mut self, id: u64) {
        if let Some(item) = self.queue.get_mut(&id)
            && let Some(lane) = self.lanes.get_mut(&item.letter.group)
        {
            item.letter.dead = true;
            item.state = State::Dead;
            lane.dead.insert(id);
            lane.dead_places += item.places;
            lane.leave(item, id);
        }
    }

    /// Takes one out; what it undid, or was to undo.
    fn remove(&mut self, now: Instant, id: u64) -> [Option<FieldKey>; 2] {
        let Some(mut item) = self.queue.remove(&id) else {
            return [None, None];
        };
        for original in item.originals.iter().flatten() {
            if let Some(count) = self.originals.get_mut(original) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.originals.remove(original);
                }
            }
        }
        if item.letter.origin == Origin::Acquirers {
            self.acquirers.remove(&duplicate_key(&item.letter.message));
        }
        if let Some(lane) = self.lanes.get_mut(&item.letter.group) {
            lane.is_back(&mut item.state);
            if lane.dead.remove(&id) {
                lane.dead_places = lane.dead_places.saturating_sub(item.places);
            } else {
                lane.leave(&item, id);
                self.next_of_card(now, item.letter.group, item.card);
            }
        }
        item.originals
    }

    fn advance(&mut self, now: Instant, id: u64) {
        if let Some(item) = self.queue.get(&id) {
            self.next_of_card(now, item.letter.group, item.card);
        }
    }

    /// The first of a card is due now, if it is durable.
    fn next_of_card(&mut self, now: Instant, group: GroupId, card: Card) {
        if let Some(lane) = self.lanes.get_mut(&group)
            && let Some(first) = lane.cards.get(&card).and_then(VecDeque::front)
            && let Some(item) = self.queue.get(first)
            && item.state == State::Waiting
        {
            lane.due.insert((now, *first));
        }
    }
}

impl Lane {
    fn new(settings: ForwardSettings) -> Self {
        Self {
            settings,
            count: 0,
            places: 0,
            shares: HashMap::new(),
            dead_places: 0,
            dead: BTreeSet::new(),
            cards: HashMap::new(),
            fresh: BTreeSet::new(),
            due: BTreeSet::new(),
            fresh_under_way: 0,
            backlog_under_way: 0,
        }
    }

    fn has_room(&self) -> bool {
        self.fresh_under_way + self.backlog_under_way < self.settings.window.max(1)
    }

    fn has_room_for_backlog(&self) -> bool {
        self.has_room() && self.backlog_under_way < (self.settings.window / 5).max(1)
    }

    /// What is sent next, and whether it is of the backlog.
    fn next(&mut self, now: Instant) -> Option<(u64, bool)> {
        if !self.has_room() {
            return None;
        }
        if let Some(id) = self.fresh.pop_first() {
            self.fresh_under_way += 1;
            return Some((id, false));
        }
        let (at, id) = *self.due.first().filter(|(at, _)| *at <= now)?;
        if !self.has_room_for_backlog() {
            return None;
        }
        self.due.remove(&(at, id));
        self.backlog_under_way += 1;
        Some((id, true))
    }

    /// Is under way no more.
    fn is_back(&mut self, state: &mut State) {
        if let State::UnderWay { backlog } = *state {
            let under_way = if backlog {
                &mut self.backlog_under_way
            } else {
                &mut self.fresh_under_way
            };
            *under_way = under_way.saturating_sub(1);
            *state = State::Waiting;
        }
    }

    fn is_first(&self, card: Card, id: u64) -> bool {
        let first = self.cards.get(&card).and_then(VecDeque::front);
        first == Some(&id)
    }

    fn enter(&mut self, item: &Item, id: u64) {
        self.count += 1;
        self.places += item.places;
        *self.shares.entry(item.acquirer).or_default() += item.places;
        self.cards.entry(item.card).or_default().push_back(id);
    }

    fn leave(&mut self, item: &Item, id: u64) {
        self.count = self.count.saturating_sub(1);
        self.places = self.places.saturating_sub(item.places);
        if let Some(share) = self.shares.get_mut(&item.acquirer) {
            *share = share.saturating_sub(item.places);
            if *share == 0 {
                self.shares.remove(&item.acquirer);
            }
        }
        let card = item.card;
        if let Some(ids) = self.cards.get_mut(&card) {
            match ids.front() {
                Some(first) if *first == id => drop(ids.pop_front()),
                Some(_) | None => ids.retain(|other| *other != id),
            }
            if ids.is_empty() {
                self.cards.remove(&card);
            }
        }
    }
}

impl Item {
    /// Of an advice, nothing done (21) and nothing found (25) say that it is not posted.
    fn is_settled(&self, settings: &ForwardSettings, code: ResponseCode) -> bool {
        let of_reversals = matches!(
            code,
            ResponseCode::NO_ACTION_TAKEN | ResponseCode::RECORD_NOT_FOUND
        );
        let reverses = self.letter.message.mti().class() == Class::Reversal;
        settings.accepted.contains(&code) && (reverses || !of_reversals)
    }

    fn is_over(&self, settings: &ForwardSettings, now: Now) -> bool {
        let age = now.utc.as_second().saturating_sub(self.letter.since);
        let age = Duration::from_secs(u64::try_from(age).unwrap_or(0));
        self.refused >= settings.refused_max || age >= settings.age_max
    }
}

impl Card {
    fn of(message: &Message) -> Self {
        Self(hashed([2, 32].map(|de| message.field(de))))
    }
}

impl Acquirer {
    fn of(message: &Message) -> Self {
        Self(hashed(message.field(32)))
    }
}

fn hashed(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Does an issuer say that it cannot just now?
pub(super) const fn is_unable(code: ResponseCode) -> bool {
    matches!(
        code,
        ResponseCode::ISSUER_INOPERATIVE | ResponseCode::SYSTEM_MALFUNCTION
    )
}

/// The keys of what a message undoes.
fn undone(message: &Message) -> [Option<FieldKey>; 2] {
    if message.mti().class() == Class::Reversal {
        originals(message)
    } else {
        [None, None]
    }
}

/// A fifth longer or shorter, by what it is for.
fn spread(wait: Duration, id: u64, times: u32) -> Duration {
    let percent = u32::try_from(hashed((id, times)) % 41).unwrap_or(20) + 80;
    wait * percent / 100
}
