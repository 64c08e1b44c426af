//! Net cancel (망취소): an approval without an answer is reversed, as often as it takes.
//!
//! A machine without sockets and clocks: it is told what happened and when, and says what to
//! send. Each approval has a place in it from before it is sent, so that there is room for its
//! reversal whatever happens:
//!
//! ```text
//!  reserve()                 start()                 in_flight_max allows, time has come
//! ──────────▶  Reserved  ────────────▶  Waiting  ─────────────────────────▶  Asked
//!                 │                      ▲   │                                 │
//!     release()   │                      │   └─ older than give_up_after       │
//!                 ▼                      │                 ▼                   │
//!              (gone)                    │              GaveUp                 │
//!                                        │                                     │
//!                                        ├── no answer, or not a final one ────┤
//!                                        └── not sent: no link ────────────────┤
//!                          Settled ◀──────── 00, 21, 25 or 94 ─────────────────┘
//! ```
//!
//! The first transmission is a 0420, every later one a 0421 with the same DE 7 and 11. What
//! could not even be sent does not count as a transmission.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use iso8583::Message;
use iso8583::element::ResponseCode;
use thiserror::Error;

use crate::config::NetCancelConfig;
use crate::host::Outcome;
use crate::payments::PaymentId;

/// The reversals of one VAN.
#[derive(Debug)]
pub struct NetCancels {
    config: NetCancelConfig,
    states: HashMap<PaymentId, State>,
    /// When each reversal that waits is to be sent.
    due: BTreeSet<(Instant, PaymentId)>,
    asked: usize,
    outputs: VecDeque<Output>,
}

/// What the machine wants done or has to tell.
#[derive(Debug)]
pub enum Output {
    /// Send this and report what became of it.
    Send(PaymentId, Message),
    /// The network confirms: the sale is undone, or there was nothing to undo.
    Settled(PaymentId),
    /// Not confirmed in all the time there was: for people to settle.
    GaveUp(PaymentId),
}

/// As many approvals and reversals as allowed are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("as many approvals and reversals as allowed are open")]
pub struct Full;

#[derive(Debug)]
enum State {
    /// What may have to be reversed is under way.
    Reserved,
    /// To be sent when its time has come.
    Waiting { reversal: Reversal, at: Instant },
    /// Sent; the answer is awaited.
    Asked { reversal: Reversal },
}

#[derive(Debug)]
struct Reversal {
    message: Message,
    since: Instant,
    pause: Duration,
}

impl NetCancels {
    /// No reversals yet.
    #[must_use]
    pub fn new(config: NetCancelConfig) -> Self {
        Self {
            config,
            states: HashMap::new(),
            due: BTreeSet::new(),
            asked: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Keeps a place for a payment's reversal.
    ///
    /// # Errors
    /// [`Full`]: what needs the place must not be sent.
    pub fn reserve(&mut self, id: PaymentId) -> Result<(), Full> {
        if self.states.len() >= self.config.max {
            return Err(Full);
        }
        self.states.entry(id).or_insert(State::Reserved);
        Ok(())
    }

    /// Gives a reserved place back: there is nothing to reverse.
    pub fn release(&mut self, id: PaymentId) {
        if let Some(State::Reserved) = self.states.get(&id) {
            self.states.remove(&id);
        }
    }

    /// Begins to reverse a payment that has a reserved place. One that is being reversed already
    /// goes on as it is.
    pub fn start(&mut self, now: Instant, id: PaymentId, message: Message) {
        if let Some(State::Reserved) = self.states.get(&id) {
            let reversal = Reversal {
                message,
                since: now,
                pause: self.config.first_pause,
            };
            self.wait(id, reversal, now);
            self.handle_timeout(now);
        }
    }

    /// What became of an [`Output::Send`]. Of what is not out, nothing is believed.
    pub fn handle_outcome(&mut self, now: Instant, id: PaymentId, outcome: &Outcome) {
        let mut reversal = match self.states.remove(&id) {
            Some(State::Asked { reversal }) => reversal,
            Some(other) => {
                self.states.insert(id, other);
                return;
            }
            None => return,
        };
        self.asked = self.asked.saturating_sub(1);
        match outcome {
            Outcome::Answered(answer) if is_final(answer) => {
                self.outputs.push_back(Output::Settled(id));
            }
            // Nothing went out, so there is nothing to go easy on.
            Outcome::NotSent(_) => {
                let at = now + self.config.first_pause;
                self.wait(id, reversal, at);
            }
            Outcome::Answered(_) | Outcome::Unanswered(_) => {
                reversal.message.set_mti(reversal.message.mti().repeat());
                let at = now + reversal.pause;
                reversal.pause = (reversal.pause * 2).min(self.config.longest_pause);
                self.wait(id, reversal, at);
            }
        }
        self.handle_timeout(now);
    }

    /// Sends what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while self.asked < self.config.in_flight_max {
            if self.due.first().is_none_or(|(at, _)| *at > now) {
                return;
            }
            let Some((_, id)) = self.due.pop_first() else {
                return;
            };
            let Some(State::Waiting { reversal, .. }) = self.states.remove(&id) else {
                continue;
            };
            if now.duration_since(reversal.since) >= self.config.give_up_after {
                self.outputs.push_back(Output::GaveUp(id));
                continue;
            }
            let message = reversal.message.clone();
            self.outputs.push_back(Output::Send(id, message));
            self.asked += 1;
            self.states.insert(id, State::Asked { reversal });
        }
    }

    /// A mall asks for it again: what waits for its next transmission waits no longer. False
    /// where the payment is not being reversed.
    pub fn hurry(&mut self, now: Instant, id: PaymentId) -> bool {
        if let Some(State::Waiting { at, .. }) = self.states.get_mut(&id) {
            self.due.remove(&(*at, id));
            *at = now;
            self.due.insert((now, id));
            self.handle_timeout(now);
        }
        self.states.contains_key(&id)
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] has something to do; None while answers must come first.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let (at, _) = self.due.first()?;
        (self.asked < self.config.in_flight_max).then_some(*at)
    }

    /// Reversals not settled yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.due.len() + self.asked
    }

    fn wait(&mut self, id: PaymentId, reversal: Reversal, at: Instant) {
        self.due.insert((at, id));
        self.states.insert(id, State::Waiting { reversal, at });
    }
}

/// 00: undone. 21, 25, 94: there is nothing to undo, or it is undone already.
fn is_final(answer: &Message) -> bool {
    let code = answer.field(39).map(ResponseCode::try_from);
    matches!(
        code,
        Some(Ok(ResponseCode::APPROVED
            | ResponseCode::NO_ACTION_TAKEN
            | ResponseCode::RECORD_NOT_FOUND
            | ResponseCode::DUPLICATE))
    )
}

#[cfg(test)]
mod tests {
    use iso8583::Mti;

    use super::*;

    const ID: PaymentId = PaymentId::new(7);

    fn reversal() -> Message {
        let mut message = Message::new(Mti::REVERSAL_ADVICE);
        message.set(7, b"0315023100").set(11, b"000124");
        message
    }

    fn answered(code: &[u8]) -> Outcome {
        let mut answer = Message::new("0430".parse().unwrap());
        answer.set(39, code);
        Outcome::Answered(answer)
    }

    fn unanswered() -> Outcome {
        Outcome::Unanswered("no answer in time".to_owned())
    }

    fn sent(machine: &mut NetCancels) -> Message {
        match machine.poll_output() {
            Some(Output::Send(_, message)) => message,
            other => panic!("expected a transmission, got {other:?}"),
        }
    }

    fn started(config: NetCancelConfig) -> (NetCancels, Instant) {
        let (mut machine, now) = (NetCancels::new(config), Instant::now());
        machine.reserve(ID).unwrap();
        assert_eq!(machine.pending(), 0);
        machine.start(now, ID, reversal());
        (machine, now)
    }

    #[test]
    fn a_reversal_is_repeated_unchanged_until_it_is_answered() {
        let (mut machine, mut now) = started(NetCancelConfig::default());
        let first = sent(&mut machine);
        assert_eq!(first.mti(), Mti::REVERSAL_ADVICE);
        for pause in [5, 10, 20, 40, 80, 160, 300, 300] {
            machine.handle_outcome(now, ID, &unanswered());
            let at = machine.poll_timeout().unwrap();
            assert_eq!(at - now, Duration::from_secs(pause));
            machine.handle_timeout(at - Duration::from_millis(1));
            assert!(machine.poll_output().is_none(), "not before its time");
            machine.handle_timeout(at);
            let mut repeat = sent(&mut machine);
            assert_eq!(repeat.mti().to_string(), "0421");
            repeat.set_mti(first.mti());
            assert_eq!(repeat, first);
            now = at;
        }
        machine.handle_outcome(now, ID, &answered(b"00"));
        assert!(matches!(machine.poll_output(), Some(Output::Settled(ID))));
        assert_eq!((machine.pending(), machine.poll_timeout()), (0, None));
    }

    #[test]
    fn codes_that_settle_nothing_are_tried_again() {
        for (code, settles) in [
            (b"00", true),
            (b"21", true),
            (b"25", true),
            (b"94", true),
            (b"91", false),
            (b"96", false),
            (b"30", false),
        ] {
            let (mut machine, now) = started(NetCancelConfig::default());
            sent(&mut machine);
            machine.handle_outcome(now, ID, &answered(code));
            let settled = matches!(machine.poll_output(), Some(Output::Settled(ID)));
            assert_eq!(settled, settles, "{code:?}");
            assert_eq!(machine.pending() == 0, settles, "{code:?}");
        }
    }

    #[test]
    fn what_never_left_is_no_repeat() {
        let (mut machine, now) = started(NetCancelConfig::default());
        for _ in 0..3 {
            assert_eq!(sent(&mut machine).mti(), Mti::REVERSAL_ADVICE);
            machine.handle_outcome(now, ID, &Outcome::NotSent("not connected".to_owned()));
            let at = machine.poll_timeout().unwrap();
            assert_eq!(at - now, Duration::from_secs(5));
            machine.handle_timeout(at);
            machine.handle_outcome(now, PaymentId::new(8), &unanswered());
        }
    }

    #[test]
    fn it_is_given_up_in_the_end() {
        let (mut machine, now) = started(NetCancelConfig::default());
        sent(&mut machine);
        machine.handle_outcome(now, ID, &unanswered());
        machine.handle_timeout(now + NetCancelConfig::default().give_up_after);
        assert!(matches!(machine.poll_output(), Some(Output::GaveUp(ID))));
        assert_eq!((machine.pending(), machine.poll_timeout()), (0, None));
    }

    #[test]
    fn a_mall_that_asks_again_need_not_wait_for_the_back_off() {
        let (mut machine, now) = started(NetCancelConfig::default());
        sent(&mut machine);
        machine.hurry(now, ID);
        assert!(machine.poll_output().is_none(), "one is out already");
        machine.handle_outcome(now, ID, &unanswered());
        machine.hurry(now, ID);
        assert_eq!(sent(&mut machine).mti().to_string(), "0421");
        assert_eq!(machine.pending(), 1);
    }

    #[test]
    fn places_are_kept_for_what_is_under_way() {
        let config = NetCancelConfig {
            max: 2,
            ..NetCancelConfig::default()
        };
        let mut machine = NetCancels::new(config);
        machine.reserve(PaymentId::new(1)).unwrap();
        machine.reserve(PaymentId::new(2)).unwrap();
        assert_eq!(machine.reserve(PaymentId::new(3)), Err(Full));
        machine.start(Instant::now(), PaymentId::new(1), reversal());
        machine.release(PaymentId::new(1));
        assert_eq!(
            machine.reserve(PaymentId::new(3)),
            Err(Full),
            "1 is being reversed"
        );
        machine.release(PaymentId::new(2));
        assert_eq!(machine.reserve(PaymentId::new(3)), Ok(()));
    }

    #[test]
    fn only_so_many_are_out_at_once() {
        let config = NetCancelConfig {
            in_flight_max: 2,
            ..NetCancelConfig::default()
        };
        let (mut machine, now) = (NetCancels::new(config), Instant::now());
        for id in 0..5 {
            machine.reserve(PaymentId::new(id)).unwrap();
            machine.start(now, PaymentId::new(id), reversal());
        }
        let mut settled = 0;
        let mut out = VecDeque::new();
        loop {
            while let Some(output) = machine.poll_output() {
                match output {
                    Output::Send(id, _) => out.push_back(id),
                    Output::Settled(_) => settled += 1,
                    Output::GaveUp(id) => panic!("gave {id} up"),
                }
            }
            assert!(out.len() <= 2);
            let Some(id) = out.pop_front() else { break };
            assert!(out.is_empty() || machine.poll_timeout().is_none());
            machine.handle_outcome(now, id, &answered(b"00"));
        }
        assert_eq!((settled, machine.pending()), (5, 0));
    }

    proptest::proptest! {
        /// Whatever the network does, a reversal is never lost: it is out, waiting, or settled.
        #[test]
        fn a_reversal_is_never_lost(
            steps in proptest::collection::vec((0_u8..4, 0_u64..400), 0..60),
        ) {
            let (mut machine, mut now) = started(NetCancelConfig::default());
            let mut settled = false;
            for (step, seconds) in steps {
                now += Duration::from_secs(seconds);
                let out = std::iter::from_fn(|| machine.poll_output()).last();
                settled |= matches!(out, Some(Output::Settled(_)));
                match step {
                    0 => machine.handle_outcome(now, ID, &unanswered()),
                    1 => machine.handle_outcome(now, ID, &Outcome::NotSent(String::new())),
                    2 => machine.handle_outcome(now, ID, &answered(b"91")),
                    _ => machine.handle_outcome(now, ID, &answered(b"25")),
                }
                machine.handle_timeout(now);
                let settles = |output: &_| matches!(output, Output::Settled(_));
                settled |= machine.outputs.iter().any(settles);
                proptest::prop_assert_eq!(machine.pending(), usize::from(!settled));
                let waits = machine.asked == 1 || machine.poll_timeout().is_some();
                proptest::prop_assert!(settled || waits);
            }
        }
    }
}
