//! How well a link answers: one that answers too little is rested, then tried, then used again.
//!
//! ```text
//!            answers too little             its time is over, or a new connection
//!   Whole ─────────────────────▶ Resting ─────────────────────────────────▶ Trying
//!     ▲                             ▲                                        │  │
//!     │                             └── a trial is not answered: as long twice ─┘  │
//!     └──────────── so many trials answered in a row ──────────────────────────────┘
//! ```
//!
//! Two measures, as in Envoy's outlier detection and the circuit breakers of HTTP clients: a link
//! that is *poor* (it answers few, or slowly) is rested in favour of the others of its group, and
//! used nevertheless where none of those is left; one that is *silent* (hardly anything comes
//! back) is rested even if it is the last.
//!
//! What counts: an answer whose DE 39 can be read, whatever it says. 91 and 96 of the issuer are
//! answers as well: behind a network they tell of one bank, whose cards would be refused anyway,
//! and must not close the way to all others. What a broken connection took with it counts only of
//! a trial: the link is down then, and how soon it is tried again is the connection's back-off.
//!
//! There is no jitter: a trial is one message at a time, so that switches that try at once do no
//! harm.

use core::fmt;
use std::time::{Duration, Instant};

use crate::outbound::group::Group;
use crate::outbound::{LinkId, Outbound, Output, Token};
use crate::request::Request;
use crate::route::GroupId;

/// When a link is rested, and how it comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthSettings {
    /// How far back outcomes count.
    pub window: Duration,
    /// With fewer outcomes in the window a link is not judged.
    pub outcomes_min: u32,
    /// A link is poor that answers less of a hundred in time; 0: none ever is.
    pub poor_percent: u8,
    /// A link is silent that answers less of a hundred, however late; 0: none ever is.
    pub silent_percent: u8,
    /// An answer that took longer did not come in time.
    pub slow_after: Duration,
    /// How long a link is rested first; doubled each time that it was not whole for `rest_max`
    /// since.
    pub rest: Duration,
    /// The longest rest.
    pub rest_max: Duration,
    /// How many trials, one at a time, must be answered in a row.
    pub trials: u32,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(20),
            outcomes_min: 10,
            poor_percent: 50,
            silent_percent: 10,
            slow_after: Duration::from_secs(5),
            rest: Duration::from_secs(5),
            rest_max: Duration::from_secs(60),
            trials: 5,
        }
    }
}

/// How badly a link answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// Few answers, or slow ones: others are better.
    Poor,
    /// Hardly any.
    Silent,
}

/// How good a choice a link is, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// To be tried: the next message is its trial.
    Trial,
    /// As it should be.
    Whole,
    /// Better than none.
    Poor,
    /// For what must go to this group and can wait for its answer.
    Silent,
}

/// What came of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// An answer that can be used.
    Answered,
    /// None in time, or one that cannot be used.
    Unanswered,
    /// The connection broke.
    Lost,
}

/// Outcomes in the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answered in time.
    pub answered: u32,
    /// Answered slowly.
    pub slow: u32,
    /// Not answered.
    pub unanswered: u32,
}

/// Why a link is rested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// What it answered lately.
    Share(Counts),
    /// A trial was answered slowly or not at all.
    Trial,
}

/// A turn in a link's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is rested, perhaps again.
    Rested {
        /// How badly it answers.
        grade: Grade,
        /// Why.
        cause: Cause,
        /// For how long, unless it connects anew before.
        time: Duration,
    },
    /// It is whole again.
    Returned,
}

/// The health of one link.
#[derive(Clone, Debug, Default)]
pub(super) struct Health {
    state: State,
    /// When that began, of a link that was ever rested: what was sent before says nothing of it.
    since: Option<Instant>,
    /// How long it was rested last.
    rested: Duration,
    window: Window,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Whole,
    Resting {
        grade: Grade,
        until: Instant,
    },
    Trying {
        grade: Grade,
        /// What is under way, and since when.
        trial: Option<(Token, Instant)>,
        /// In a row.
        answered: u32,
    },
}

impl Health {
    pub(super) const fn rank(&self) -> Rank {
        match self.state {
            State::Whole => Rank::Whole,
            State::Trying { trial: None, .. } => Rank::Trial,
            State::Resting { grade, .. } | State::Trying { grade, .. } => match grade {
                Grade::Poor => Rank::Poor,
                Grade::Silent => Rank::Silent,
            },
        }
    }

    const fn grade(&self) -> Option<Grade> {
        match self.state {
            State::Whole => None,
            State::Resting { grade, .. } | State::Trying { grade, .. } => Some(grade),
        }
    }

    /// When its rest is over.
    pub(super) const fn wakes_at(&self) -> Option<Instant> {
        match self.state {
            State::Resting { until, .. } => Some(until),
            State::Whole | State::Trying { .. } => None,
        }
    }

    /// Is its rest over now?
    pub(super) fn wake(&mut self, now: Instant) -> bool {
        let over = self.wakes_at().is_some_and(|until| until <= now);
        if over {
            self.try_now();
        }
        over
    }

    /// A new connection is tried at once: whoever was silent may be another now.
    pub(super) const fn try_now(&mut self) {
        if let State::Resting { grade, .. } = self.state {
            self.state = State::Trying {
                grade,
                trial: None,
                answered: 0,
            };
        }
    }

    /// This is given to the link: its trial, if there is to be one.
    pub(super) const fn gave(&mut self, now: Instant, token: Token) {
        if let State::Trying { trial, .. } = &mut self.state
            && trial.is_none()
        {
            *trial = Some((token, now));
        }
    }

    /// The link did not take it.
    pub(super) fn took_back(&mut self, token: Token) {
        if let State::Trying { trial, .. } = &mut self.state
            && trial.is_some_and(|(of, _)| of == token)
        {
            *trial = None;
        }
    }

    /// What came of what was sent then; `alone` where no other link of the group is any better.
    pub(super) fn handle_outcome(
        &mut self,
        now: Instant,
        settings: &HealthSettings,
        (token, sent): (Token, Instant),
        outcome: Outcome,
        alone: bool,
    ) -> Option<Turn> {
        if self.is_trial(token) {
            return self.handle_trial(now, settings, token, outcome, alone);
        }
        if outcome == Outcome::Lost || self.since.is_some_and(|since| sent < since) {
            return None;
        }
        let slow = now.saturating_duration_since(sent) > settings.slow_after;
        let counts = self.window.at(now, settings.window);
        let count = match outcome {
            Outcome::Answered if slow => &mut counts.slow,
            Outcome::Answered => &mut counts.answered,
            Outcome::Unanswered | Outcome::Lost => &mut counts.unanswered,
        };
        *count = count.saturating_add(1);
        if outcome == Outcome::Answered && !slow {
            return None;
        }
        let counts = self.window.sum();
        let grade = settings.grade(counts).filter(|grade| match self.grade() {
            None => !alone || *grade == Grade::Silent,
            Some(Grade::Poor) => *grade == Grade::Silent,
            Some(Grade::Silent) => false,
        })?;
        Some(self.rest(now, settings, grade, Cause::Share(counts)))
    }

    /// What came of this, if it is a trial.
    pub(super) fn handle_trial(
        &mut self,
        now: Instant,
        settings: &HealthSettings,
        token: Token,
        outcome: Outcome,
        alone: bool,
    ) -> Option<Turn> {
        let State::Trying {
            grade,
            trial: Some((of, sent)),
            answered,
        } = self.state
        else {
            return None;
        };
        if of != token {
            return None;
        }
        let slow = now.saturating_duration_since(sent) > settings.slow_after;
        let grade = match outcome {
            Outcome::Answered if alone || !slow => {
                let answered = answered.saturating_add(1);
                return self.answered(now, settings, grade, answered);
            }
            Outcome::Answered => Grade::Poor,
            Outcome::Unanswered | Outcome::Lost => grade,
        };
        Some(self.rest(now, settings, grade, Cause::Trial))
    }

    pub(super) fn is_trial(&self, token: Token) -> bool {
        matches!(self.state, State::Trying { trial: Some((of, _)), .. } if of == token)
    }

    /// So many trials were answered.
    fn answered(
        &mut self,
        now: Instant,
        settings: &HealthSettings,
        grade: Grade,
        answered: u32,
    ) -> Option<Turn> {
        if answered < settings.trials {
            self.state = State::Trying {
                grade,
                trial: None,
                answered,
            };
            return None;
        }
        self.begin(now, State::Whole);
        Some(Turn::Returned)
    }

    fn rest(
        &mut self,
        now: Instant,
        settings: &HealthSettings,
        grade: Grade,
        cause: Cause,
    ) -> Turn {
        let whole = matches!(self.state, State::Whole)
            && self
                .since
                .is_none_or(|since| now.saturating_duration_since(since) >= settings.rest_max);
        let again = if whole {
            Duration::ZERO
        } else {
            self.rested.saturating_mul(2)
        };
        let time = again.max(settings.rest).min(settings.rest_max);
        self.rested = time;
        self.begin(
            now,
            State::Resting {
                grade,
                until: now + time,
            },
        );
        Turn::Rested { grade, cause, time }
    }

    fn begin(&mut self, now: Instant, state: State) {
        self.state = state;
        self.since = Some(now);
        self.window = Window::default();
    }
}

impl HealthSettings {
    /// How badly a link answers; None where it does well enough, or too little is known.
    fn grade(&self, counts: Counts) -> Option<Grade> {
        let total = counts.total();
        let less = |part: u64, percent: u8| part * 100 < total * u64::from(percent);
        let in_time = u64::from(counts.answered);
        if total < u64::from(self.outcomes_min) {
            None
        } else if less(in_time + u64::from(counts.slow), self.silent_percent) {
            Some(Grade::Silent)
        } else {
            less(in_time, self.poor_percent).then_some(Grade::Poor)
        }
    }
}

impl Counts {
    fn total(self) -> u64 {
        [self.answered, self.slow, self.unanswered]
            .map(u64::from)
            .iter()
            .sum()
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(counts) => write!(
                f,
                "{} of {} were answered in time, {} slowly, {} not",
                counts.answered,
                counts.total(),
                counts.slow,
                counts.unanswered
            ),
            Self::Trial => f.write_str("a trial was answered slowly or not at all"),
        }
    }
}

/// Outcomes of the last while, in steps of time, the present one first.
#[derive(Clone, Debug, Default)]
struct Window {
    steps: [Counts; Self::STEPS],
    /// When the present step began.
    began: Option<Instant>,
}

impl Window {
    /// As many as `at` divides the window by.
    const STEPS: usize = 10;

    /// The present step; what is older than the window is given up.
    fn at(&mut self, now: Instant, window: Duration) -> &mut Counts {
        let length = window / 10;
        let mut began = self.began.unwrap_or(now);
        for _ in 0..Self::STEPS {
            if now.saturating_duration_since(began) < length {
                break;
            }
            began += length;
            self.steps.rotate_right(1);
            let [present, ..] = &mut self.steps;
            *present = Counts::default();
        }
        if now.saturating_duration_since(began) >= length {
            began = now;
        }
        self.began = Some(began);
        let [present, ..] = &mut self.steps;
        present
    }

    fn sum(&self) -> Counts {
        let mut sum = Counts::default();
        for counts in &self.steps {
            sum.answered = sum.answered.saturating_add(counts.answered);
            sum.slow = sum.slow.saturating_add(counts.slow);
            sum.unanswered = sum.unanswered.saturating_add(counts.unanswered);
        }
        sum
    }
}

impl Outbound {
    /// Links whose rest is over are tried with what their group must be told, where something
    /// waits: nobody waits for its answer, and it must go there in any case.
    pub(super) fn wake(&mut self, now: Instant) {
        let rests = self.groups.values().filter_map(Group::wakes_at);
        if rests.min().is_some_and(|over| over <= now) {
            self.send_letters(now);
        }
    }

    /// The worst link that may be given a request. What tells of something done goes to a silent
    /// one as well where it cannot be kept for it.
    pub(super) fn worst(&self, request: &Request) -> Rank {
        if request.is_asked() || self.store.may_keep() {
            Rank::Poor
        } else {
            Rank::Silent
        }
    }

    /// No link took it.
    pub(super) fn took_back(&mut self, token: Token) {
        for group in self.groups.values_mut() {
            group.took_back(token);
        }
    }

    /// What came of a request that was given to a link then.
    pub(super) fn note_outcome(
        &mut self,
        now: Instant,
        link: LinkId,
        given: (Token, Instant),
        outcome: Outcome,
    ) {
        if let Some(group) = self.groups.get_mut(&link.group)
            && let Some(turn) = group.handle_outcome(now, link.place, given, outcome)
        {
            self.outputs.push_back(Output::LinkHealth { link, turn });
        }
    }

    /// What came of something that a group must be told.
    pub(super) fn note_trial(
        &mut self,
        now: Instant,
        group: GroupId,
        token: Token,
        outcome: Outcome,
    ) {
        if let Some(links) = self.groups.get_mut(&group)
            && let Some((place, turn)) = links.handle_trial(now, token, outcome)
        {
            let link = LinkId { group, place };
            self.outputs.push_back(Output::LinkHealth { link, turn });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);
    const SECOND: Duration = Duration::from_secs(1);
    const TIMEOUT: Duration = Duration::from_secs(10);

    /// A link whose requests are sent one after the other.
    struct Link {
        health: Health,
        settings: HealthSettings,
        now: Instant,
        next: u64,
        alone: bool,
        turns: Vec<Turn>,
    }

    impl Link {
        fn new(alone: bool) -> Self {
            Self {
                health: Health::default(),
                settings: HealthSettings {
                    outcomes_min: 20,
                    ..HealthSettings::default()
                },
                #[expect(
                    clippy::disallowed_methods,
                    reason = "a starting point; time is then virtual"
                )]
                now: Instant::now(),
                next: 0,
                alone,
                turns: Vec::new(),
            }
        }

        /// Sends so many at once, of which this comes after so long.
        fn batch(&mut self, count: u64, outcome: Outcome, took: Duration) {
            let sent = self.now;
            let tokens = (self.next..).take(usize::try_from(count).unwrap());
            let given: Vec<_> = tokens.map(|id| (Token::Request(id), sent)).collect();
            self.next += count;
            for (token, _) in &given {
                self.health.gave(sent, *token);
            }
            self.now += took;
            for given in given {
                let (now, settings) = (self.now, &self.settings);
                let turn = self
                    .health
                    .handle_outcome(now, settings, given, outcome, self.alone);
                self.turns.extend(turn);
            }
        }

        /// One after the other.
        fn answers(&mut self, count: u32) {
            (0..count).for_each(|_| self.batch(1, Outcome::Answered, MILLI));
        }

        fn answers_slowly(&mut self, count: u64) {
            self.batch(count, Outcome::Answered, 6 * SECOND);
        }

        fn is_silent(&mut self, count: u64) {
            self.batch(count, Outcome::Unanswered, TIMEOUT);
        }

        fn after(&mut self, time: Duration) -> bool {
            self.now += time;
            self.health.wake(self.now)
        }

        /// The grade and time of each rest; None for each return.
        fn turns(&mut self) -> Vec<Option<(Grade, u64)>> {
            let turns = self.turns.drain(..).map(|turn| match turn {
                Turn::Rested { grade, time, .. } => Some((grade, time.as_secs())),
                Turn::Returned => None,
            });
            turns.collect()
        }
    }

    #[test]
    fn a_link_that_answers_one_of_a_hundred_is_rested_even_alone_and_says_why() {
        let mut link = Link::new(true);
        link.answers(1);
        link.is_silent(18);
        assert_eq!(link.turns, [], "too few to judge");
        let mut link = Link::new(true);
        link.answers(1);
        link.is_silent(19);
        let counts = Counts {
            answered: 1,
            slow: 0,
            unanswered: 19,
        };
        let cause = Cause::Share(counts);
        let rested = Turn::Rested {
            grade: Grade::Silent,
            cause,
            time: 5 * SECOND,
        };
        assert_eq!(link.turns, [rested]);
        assert_eq!(link.health.rank(), Rank::Silent);
        assert_eq!(
            cause.to_string(),
            "1 of 20 were answered in time, 0 slowly, 19 not"
        );
    }

    #[test]
    fn a_link_that_answers_slowly_or_few_is_rested_only_while_another_is_better() {
        for sick in [Link::answers_slowly, Link::is_silent] {
            let [mut alone, mut of_several] = [true, false].map(Link::new);
            for link in [&mut alone, &mut of_several] {
                link.answers(20);
                sick(link, 21);
            }
            assert_eq!((alone.turns(), alone.health.rank()), (vec![], Rank::Whole));
            assert_eq!(of_several.turns(), [Some((Grade::Poor, 5))]);
            assert_eq!(of_several.health.rank(), Rank::Poor);
        }
    }

    #[test]
    fn half_of_the_answers_are_enough_and_what_is_older_than_the_window_counts_no_more() {
        let mut link = Link::new(false);
        link.answers(50);
        link.is_silent(50);
        assert_eq!(link.turns(), []);
        // The answers are given up, step by step, and so is what was not answered.
        link.is_silent(10);
        assert_eq!(link.turns(), [Some((Grade::Silent, 5))]);
        let mut link = Link::new(false);
        link.is_silent(19);
        link.after(TIMEOUT);
        link.is_silent(19);
        assert_eq!(link.turns(), []);
        link.after(Duration::from_hours(1));
        link.answers(1);
        assert_eq!(link.health.window.sum().total(), 1);
    }

    #[test]
    fn trials_one_at_a_time_bring_a_link_back() {
        let mut link = Link::new(true);
        link.is_silent(20);
        assert!(!link.after(4_999 * MILLI));
        assert_eq!(link.health.rank(), Rank::Silent);
        assert!(link.after(MILLI) && !link.after(MILLI), "once");
        for trial in 0..5 {
            assert_eq!(link.health.rank(), Rank::Trial, "{trial}");
            let token = Token::Letter(trial);
            link.health.gave(link.now, token);
            assert_eq!(link.health.rank(), Rank::Silent, "one at a time");
            // Another, which had to go here, is no trial.
            link.batch(1, Outcome::Unanswered, MILLI);
            let settings = &link.settings;
            let turn = link
                .health
                .handle_trial(link.now, settings, token, Outcome::Answered, true);
            link.turns.extend(turn);
        }
        assert_eq!(link.turns(), [Some((Grade::Silent, 5)), None]);
        assert_eq!(
            (link.health.rank(), link.health.wakes_at()),
            (Rank::Whole, None)
        );
        assert_eq!(link.health.window.sum().total(), 0, "it begins anew");
    }

    #[test]
    fn a_trial_that_no_link_took_is_given_again_and_one_lost_is_not_answered() {
        let mut link = Link::new(true);
        link.is_silent(20);
        link.after(5 * SECOND);
        link.health.gave(link.now, Token::Request(77));
        link.health.took_back(Token::Request(76));
        assert_eq!(link.health.rank(), Rank::Silent);
        link.health.took_back(Token::Request(77));
        assert_eq!(link.health.rank(), Rank::Trial);
        link.batch(1, Outcome::Lost, SECOND);
        let rests = [Some((Grade::Silent, 5)), Some((Grade::Silent, 10))];
        assert_eq!(link.turns(), rests);
        // A new connection is another beginning.
        link.health.try_now();
        assert_eq!(link.health.rank(), Rank::Trial);
    }

    #[test]
    fn rests_double_up_to_their_bound_and_are_short_again_after_long_health() {
        let mut link = Link::new(true);
        link.is_silent(20);
        for _ in 0..5 {
            let until = link.health.wakes_at().unwrap();
            let time = until.saturating_duration_since(link.now);
            assert!(link.after(time));
            link.is_silent(1);
        }
        let seconds = |turns: Vec<Option<(Grade, u64)>>| -> Vec<u64> {
            turns.into_iter().flatten().map(|(_, time)| time).collect()
        };
        assert_eq!(seconds(link.turns()), [5, 10, 20, 40, 60, 60]);
        for (healthy, expected) in [(59, 60), (60, 5)] {
            link.health.try_now();
            link.answers(5);
            // What was sent before that is no sign.
            let (before, settings) = (link.now.checked_sub(SECOND).unwrap(), &link.settings);
            for token in 100..200 {
                let given = (Token::Request(token), before);
                let outcome = Outcome::Unanswered;
                let turn = link
                    .health
                    .handle_outcome(link.now, settings, given, outcome, true);
                assert_eq!(turn, None);
            }
            link.after(healthy * SECOND - TIMEOUT);
            let under_way = (Token::Request(u64::MAX), link.now);
            link.is_silent(20);
            assert_eq!(seconds(link.turns()), [expected], "{healthy} s");
            // What was under way when it was rested does not rest it longer.
            let until = link.health.wakes_at();
            let (now, settings, outcome) = (link.now, &link.settings, Outcome::Unanswered);
            let health = &mut link.health;
            let turn = health.handle_outcome(now, settings, under_way, outcome, true);
            assert_eq!((turn, health.wakes_at()), (None, until));
        }
    }

    #[test]
    fn one_that_fails_half_of_its_trials_does_not_flap() {
        let mut link = Link::new(true);
        link.is_silent(20);
        let mut given = 0;
        for second in 0..600 {
            link.after(SECOND);
            if link.health.rank() <= Rank::Whole {
                given += 1;
                match second % 2 {
                    0 => link.answers(1),
                    _ => link.is_silent(1),
                }
            }
        }
        assert!(!link.turns().contains(&None), "it never came back");
        assert!(given < 30, "{given} requests in ten minutes");
    }

    #[test]
    fn a_poor_link_used_for_want_of_others_can_turn_out_silent() {
        let mut link = Link::new(false);
        link.answers(8);
        link.is_silent(12);
        link.alone = true;
        link.is_silent(20);
        let rests = [Some((Grade::Poor, 5)), Some((Grade::Silent, 10))];
        assert_eq!(link.turns(), rests);
    }

    #[test]
    fn a_silent_link_whose_trial_is_slow_is_poor_where_another_is_better() {
        let mut link = Link::new(false);
        link.is_silent(20);
        link.health.try_now();
        link.answers_slowly(1);
        assert_eq!(link.health.rank(), Rank::Poor);
        link.alone = true;
        link.health.try_now();
        (0..5).for_each(|_| link.answers_slowly(1));
        assert_eq!(link.health.rank(), Rank::Whole, "slow is better than none");
    }

    #[test]
    fn shares_of_nothing_rest_nothing() {
        let mut link = Link::new(false);
        link.settings.poor_percent = 0;
        link.settings.silent_percent = 0;
        link.is_silent(1_000);
        assert_eq!(link.turns(), []);
    }
}
