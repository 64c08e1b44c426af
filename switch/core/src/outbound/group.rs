//! One issuer group: its links, and which of them is next.

use std::time::{Duration, Instant};

use super::forward::ForwardSettings;
use super::health::{Health, HealthSettings, Outcome, Rank, Turn};
use super::numbers::NumberSettings;
use super::pace::Pace;
use crate::outbound::Token;
use crate::route::GroupId;

/// A link of a group: its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkId {
    /// The group.
    pub group: GroupId,
    /// Its place among the group's links.
    pub place: u8,
}

/// Which of a group's links that are up is given the next request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// The first in the configuration: the others are its backups.
    #[default]
    PrimaryBackup,
    /// One after the other.
    RoundRobin,
    /// The one with the fewest requests in flight; among equals one after the other.
    LeastInFlight,
}

/// Bounds and times of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSettings {
    /// How many links it has: up to [`GroupSettings::LINKS_MAX`].
    pub links: u8,
    /// Which of them is given a request.
    pub balance: Balance,
    /// Requests in flight, and reversals and kept advices not yet acknowledged, together: a request
    /// is taken only if its reversal would have a place.
    pub transactions_max: usize,
    /// Requests in flight on one link, beside reversals.
    pub link_in_flight_max: usize,
    /// The time to answer: where answers come slowly, no more requests wait than are answered
    /// within three quarters of it.
    pub answer_timeout: Duration,
    /// How reversals and kept advices are told.
    pub forward: ForwardSettings,
    /// When a link that answers too little is rested.
    pub health: HealthSettings,
    /// Where its requests get trace numbers of the switch's own.
    pub numbers: Option<NumberSettings>,
}

impl GroupSettings {
    /// The most links of a group.
    pub const LINKS_MAX: u8 = 16;
}

impl Default for GroupSettings {
    fn default() -> Self {
        Self {
            links: 1,
            balance: Balance::default(),
            transactions_max: 65_536,
            link_in_flight_max: 16_384,
            answer_timeout: Duration::from_secs(10),
            forward: ForwardSettings::default(),
            health: HealthSettings::default(),
            numbers: None,
        }
    }
}

/// A group and the state of its links.
#[derive(Debug)]
pub(super) struct Group {
    balance: Balance,
    transactions_max: usize,
    link_in_flight_max: usize,
    pace: Pace,
    health: HealthSettings,
    links: Box<[Link]>,
    in_flight: usize,
    /// The link whose turn it is.
    turn: usize,
}

#[derive(Clone, Debug, Default)]
struct Link {
    up: bool,
    in_flight: usize,
    health: Health,
}

/// Links of one group that a request was offered to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tried(u16);

impl Tried {
    pub(super) fn add(&mut self, place: u8) {
        self.0 |= Self::bit(place);
    }

    fn has(self, place: usize) -> bool {
        u8::try_from(place).is_ok_and(|place| self.0 & Self::bit(place) != 0)
    }

    fn bit(place: u8) -> u16 {
        1_u16.checked_shl(place.into()).unwrap_or(0)
    }
}

impl Group {
    pub(super) fn new(settings: &GroupSettings) -> Self {
        let links = settings.links.min(GroupSettings::LINKS_MAX);
        Self {
            balance: settings.balance,
            transactions_max: settings.transactions_max,
            link_in_flight_max: settings.link_in_flight_max,
            pace: Pace::new(settings.answer_timeout),
            health: settings.health.clone(),
            links: vec![Link::default(); links.into()].into(),
            in_flight: 0,
            turn: 0,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.links.iter().any(|link| link.up)
    }

    /// Requests in flight on all links.
    pub(super) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Is there a place for one more, beside what takes so many?
    pub(super) const fn has_place(&self, letters: usize) -> bool {
        self.in_flight + letters < self.transactions_max
    }

    /// The places that what one acquirer told may take: half, so that there is room for others.
    pub(super) const fn share_max(&self) -> usize {
        self.transactions_max.div_ceil(2)
    }

    /// Is there room for one more request, beside what takes so many places?
    pub(super) fn has_room(&self, letters: usize) -> bool {
        self.has_place(letters) && self.pace.allows(self.in_flight)
    }

    /// A request that waited so long was answered.
    pub(super) fn answered(&mut self, now: Instant, waited: Duration) {
        self.pace.answered(now, waited);
    }

    /// A request was not answered in time.
    pub(super) fn timed_out(&mut self, now: Instant) {
        self.pace.timed_out(now);
    }

    pub(super) fn set_up(&mut self, place: u8, up: bool) {
        if let Some(link) = self.links.get_mut(usize::from(place)) {
            if up && !link.up {
                link.health.try_now();
            }
            link.up = up;
        }
    }

    /// Rests of links that are over end; was there one?
    pub(super) fn wake(&mut self, now: Instant) -> bool {
        let links = self.links.iter_mut();
        links.fold(false, |woke, link| woke | link.health.wake(now))
    }

    /// When the next link's rest is over.
    pub(super) fn wakes_at(&self) -> Option<Instant> {
        let links = self.links.iter();
        links.filter_map(|link| link.health.wakes_at()).min()
    }

    /// Is a link up that has room for no more?
    pub(super) fn has_full_link(&self) -> bool {
        let mut up = self.links.iter().filter(|link| link.up);
        up.any(|link| link.in_flight >= self.link_in_flight_max)
    }

    /// The link whose turn it is: of those that are up, have room, were not tried and are no worse
    /// than this, one of the best.
    pub(super) fn choose(&mut self, tried: Tried, worst: Rank) -> Option<u8> {
        self.choose_below(self.link_in_flight_max, tried, worst)
    }

    /// The link that is given a reversal: there is room for those where requests have none.
    pub(super) fn choose_for_reversal(&mut self) -> Option<u8> {
        self.choose_below(usize::MAX, Tried::default(), Rank::Silent)
    }

    fn choose_below(&mut self, in_flight_max: usize, tried: Tried, worst: Rank) -> Option<u8> {
        let rank = |place: usize, link: &Link| {
            let free = link.up && link.in_flight < in_flight_max && !tried.has(place);
            free.then(|| link.health.rank())
        };
        let links = self.links.iter().enumerate();
        let best = links
            .filter_map(|(place, link)| rank(place, link))
            .min()
            .filter(|best| *best <= worst);
        let first = match self.balance {
            Balance::PrimaryBackup => 0,
            Balance::RoundRobin | Balance::LeastInFlight => self.turn,
        };
        let count = self.links.len();
        let mut free = (first..count).chain(0..first).filter_map(|place| {
            let link = self.links.get(place)?;
            let is_one = best.is_some() && rank(place, link) == best;
            is_one.then_some((place, link.in_flight))
        });
        let (place, _) = match self.balance {
            Balance::PrimaryBackup | Balance::RoundRobin => free.next(),
            Balance::LeastInFlight => free.min_by_key(|(_, in_flight)| *in_flight),
        }?;
        self.turn = (place + 1) % count;
        u8::try_from(place).ok()
    }

    /// A message is given to a link.
    pub(super) fn gave(&mut self, now: Instant, place: u8, token: Token) {
        if let Some(link) = self.links.get_mut(usize::from(place)) {
            link.health.gave(now, token);
        }
    }

    /// No link took it.
    pub(super) fn took_back(&mut self, token: Token) {
        for link in &mut self.links {
            link.health.took_back(token);
        }
    }

    /// What came of a request that was sent on a link then.
    pub(super) fn handle_outcome(
        &mut self,
        now: Instant,
        place: u8,
        given: (Token, Instant),
        outcome: Outcome,
    ) -> Option<Turn> {
        let alone = self.is_alone(place);
        let link = self.links.get_mut(usize::from(place))?;
        let health = &mut link.health;
        health.handle_outcome(now, &self.health, given, outcome, alone)
    }

    /// What came of another message, which counts where it was a trial: then also of which link.
    pub(super) fn handle_trial(
        &mut self,
        now: Instant,
        token: Token,
        outcome: Outcome,
    ) -> Option<(u8, Turn)> {
        let places = 0..u8::try_from(self.links.len()).unwrap_or(GroupSettings::LINKS_MAX);
        let place = places.into_iter().find(|place| {
            let link = self.links.get(usize::from(*place));
            link.is_some_and(|link| link.health.is_trial(token))
        })?;
        let alone = self.is_alone(place);
        let link = self.links.get_mut(usize::from(place))?;
        let health = &mut link.health;
        let turn = health.handle_trial(now, &self.health, token, outcome, alone);
        Some((place, turn?))
    }

    /// Is no other link any good?
    fn is_alone(&self, place: u8) -> bool {
        let others = (0..).zip(&self.links).filter(|(other, _)| *other != place);
        !others
            .into_iter()
            .any(|(_, link): (u8, &Link)| link.up && link.health.rank() == Rank::Whole)
    }

    /// A request is in flight on a link.
    pub(super) fn enter(&mut self, place: u8) {
        self.in_flight += 1;
        if let Some(link) = self.links.get_mut(usize::from(place)) {
            link.in_flight += 1;
        }
    }

    /// It is no more.
    pub(super) fn leave(&mut self, place: u8) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(link) = self.links.get_mut(usize::from(place)) {
            link.in_flight = link.in_flight.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(links: u8, balance: Balance) -> Group {
        let mut group = Group::new(&GroupSettings {
            links,
            balance,
            ..GroupSettings::default()
        });
        (0..links).for_each(|place| group.set_up(place, true));
        group
    }

    /// Sends as many requests, of which none is answered; the links they went on.
    fn sent(group: &mut Group, requests: usize) -> Vec<u8> {
        let one = |_| {
            let place = group.choose(Tried::default(), Rank::Poor).unwrap();
            group.enter(place);
            place
        };
        (0..requests).map(one).collect()
    }

    #[test]
    fn round_robin_goes_on_from_the_last_and_leaves_out_what_is_down() {
        let mut three = group(3, Balance::RoundRobin);
        assert_eq!(sent(&mut three, 5), [0, 1, 2, 0, 1]);
        three.set_up(0, false);
        assert_eq!(sent(&mut three, 4), [2, 1, 2, 1]);
        three.set_up(0, true);
        assert_eq!(sent(&mut three, 3), [2, 0, 1]);
    }

    #[test]
    fn the_link_with_the_fewest_in_flight_is_next() {
        let mut three = group(3, Balance::LeastInFlight);
        assert_eq!(sent(&mut three, 6), [0, 1, 2, 0, 1, 2]);
        three.leave(1);
        three.leave(1);
        three.leave(2);
        assert_eq!(sent(&mut three, 4), [1, 2, 1, 2]);
        assert_eq!(three.in_flight(), 7);
    }

    #[test]
    fn a_backup_is_given_requests_only_while_those_before_it_are_down_or_were_tried() {
        let mut three = group(3, Balance::PrimaryBackup);
        assert_eq!(sent(&mut three, 2), [0, 0]);
        three.set_up(0, false);
        assert_eq!(sent(&mut three, 2), [1, 1]);
        three.set_up(0, true);
        assert_eq!(sent(&mut three, 1), [0]);
        let mut tried = Tried::default();
        tried.add(0);
        assert_eq!(three.choose(tried, Rank::Poor), Some(1));
        tried.add(1);
        tried.add(2);
        assert_eq!(three.choose(tried, Rank::Poor), None);
        (0..3).for_each(|place| three.set_up(place, false));
        assert_eq!(
            (three.choose(Tried::default(), Rank::Poor), three.is_up()),
            (None, false)
        );
    }

    #[test]
    fn as_many_links_as_may_be_are_all_used() {
        let mut most = group(GroupSettings::LINKS_MAX, Balance::RoundRobin);
        assert_eq!(sent(&mut most, 17).last(), Some(&0));
        let mut tried = Tried::default();
        (0..15).for_each(|place| tried.add(place));
        assert_eq!(most.choose(tried, Rank::Poor), Some(15));
    }

    #[test]
    fn a_full_link_is_given_reversals_and_no_requests() {
        let mut two = Group::new(&GroupSettings {
            links: 2,
            link_in_flight_max: 3,
            ..GroupSettings::default()
        });
        (0..2).for_each(|place| two.set_up(place, true));
        assert_eq!(sent(&mut two, 6), [0, 0, 0, 1, 1, 1]);
        assert_eq!(two.choose(Tried::default(), Rank::Poor), None);
        assert!(two.has_full_link());
        assert_eq!(two.choose_for_reversal(), Some(0));
        two.leave(1);
        assert_eq!(two.choose(Tried::default(), Rank::Poor), Some(1));
    }
}
