//! Every metric of the switch, by name; handles are registered once.

use iso8583::element::ResponseCode;
use metrics::{Counter, Gauge, Label, counter, describe_counter, describe_gauge, gauge};
use switch_core::{Balanced, ForwardEvent, Refusal};

const CONNECTIONS: &str = "switch_connections";
const CONNECTIONS_REFUSED: &str = "switch_connections_refused_total";
const LINKS_CLOSED: &str = "switch_links_closed_total";
const REQUESTS: &str = "switch_requests_total";
const ANSWERS: &str = "switch_answers_total";
const MALFORMED: &str = "switch_malformed_messages_total";
const DROPPED: &str = "switch_dropped_messages_total";
const REFUSALS: &str = "switch_refusals_total";
const ISSUER_UP: &str = "switch_issuer_up";
const LINK_UP: &str = "switch_issuer_link_up";
const LINK_RESTING: &str = "switch_issuer_link_resting";
const RESTS: &str = "switch_issuer_link_rests_total";
const SENT: &str = "switch_sent_total";
const FAILED_OVER: &str = "switch_failovers_total";
const REMEMBERED: &str = "switch_failovers_remembered";
const WITHHELD: &str = "switch_withheld_answers_total";
const FORGOTTEN: &str = "switch_requests_forgotten_total";
const IN_FLIGHT: &str = "switch_in_flight_requests";
const NUMBERS_KEPT: &str = "switch_numbers_kept";
const FORWARD_PENDING: &str = "switch_forward_pending";
const FORWARD: &str = "switch_forward_total";
const DEAD_LETTERS: &str = "switch_dead_letters";
/// Reversals of our own that were queued, advices of acquirers that were kept, and what became of
/// both.
const FORWARD_EVENTS: [&str; 5] = ["reversal", "kept", "acknowledged", "unanswered", "dead"];
const ANSWERS_KEPT: &str = "switch_answers_kept";
const ANSWERED_AGAIN: &str = "switch_answered_again_total";
const LATE: &str = "switch_late_answers_total";
const UNMATCHED: &str = "switch_unmatched_answers_total";
const RECONCILIATIONS: &str = "switch_reconciliations_total";
const UNCOUNTED: &str = "switch_uncounted_transactions_total";
const UNDELIVERED: &str = "switch_undelivered_answers_total";

/// Says what each metric means, once a recorder is there.
pub(crate) fn describe() {
    describe_gauge!(CONNECTIONS, "Connections of acquirers, by listener.");
    describe_counter!(
        CONNECTIONS_REFUSED,
        "Connections closed at the bound, by listener."
    );
    describe_counter!(
        LINKS_CLOSED,
        "Links that ended, by listener or issuer, and reason."
    );
    describe_counter!(
        REQUESTS,
        "Messages of acquirers to be switched, by listener."
    );
    describe_counter!(
        ANSWERS,
        "Answers handed to acquirers, by listener and response code."
    );
    describe_counter!(MALFORMED, "Undecodable messages, by listener or issuer.");
    describe_counter!(DROPPED, "Messages nobody answers, by listener or issuer.");
    describe_counter!(REFUSALS, "Requests the switch answered itself, by reason.");
    describe_gauge!(
        ISSUER_UP,
        "1 while a link of the issuer is up and signed on."
    );
    describe_links();
    describe_counter!(
        FAILED_OVER,
        "Requests sent to this issuer since those before it in their route could not be."
    );
    describe_gauge!(
        REMEMBERED,
        "Failed-over requests kept in mind, by the first issuer of those that share routes."
    );
    describe_counter!(
        FORGOTTEN,
        "Other requests forgotten before their time, by the first issuer of those."
    );
    describe_counter!(
        WITHHELD,
        "Approvals kept back because the journal could not be written, by the first issuer."
    );
    describe_gauge!(IN_FLIGHT, "Requests that wait for the issuer's answer.");
    describe_forward();
    describe_counter!(
        LATE,
        "Answers that came after their deadline, never delivered."
    );
    describe_counter!(UNMATCHED, "Answers that match nothing that was asked.");
    describe_totals();
    describe_counter!(
        UNDELIVERED,
        "Answers that could not be handed to their acquirer."
    );
}

fn describe_forward() {
    describe_gauge!(
        ANSWERS_KEPT,
        "Answers kept for repeats, by the first issuer of a pool."
    );
    describe_counter!(
        ANSWERED_AGAIN,
        "Repeats that got a kept answer, by the first issuer of a pool."
    );
    describe_gauge!(
        FORWARD_PENDING,
        "Reversals and kept advices not yet acknowledged by the issuer."
    );
    describe_gauge!(
        DEAD_LETTERS,
        "Of these, what is told no more unless an operator says so."
    );
    describe_counter!(
        FORWARD,
        "Reversals queued, advices kept, and what became of both, by issuer and event."
    );
}

fn describe_totals() {
    describe_counter!(
        RECONCILIATIONS,
        "Acquirers' totals held against ours, by outcome."
    );
    describe_counter!(
        UNCOUNTED,
        "Approvals and reversals that are in no totals, by the first issuer of a pool."
    );
}

/// Of the links to issuers.
fn describe_links() {
    describe_gauge!(
        NUMBERS_KEPT,
        "Trace numbers of the switch's own, by issuer."
    );
    describe_gauge!(
        LINK_UP,
        "1 while the link is up and signed on, by issuer, link and address."
    );
    describe_gauge!(
        LINK_RESTING,
        "1 while the link answers too little to be given all requests, by issuer, link and address."
    );
    describe_counter!(
        RESTS,
        "Times the link was rested for that, by issuer, link and address."
    );
    describe_counter!(
        SENT,
        "Requests and reversals given to a link, by issuer, link and address."
    );
}

/// What came of acquirers' 0500 and 0520.
#[derive(Debug)]
pub(crate) struct ReconciliationMetrics {
    in_balance: Counter,
    out_of_balance: Counter,
    not_done: Counter,
}

impl ReconciliationMetrics {
    pub(crate) fn new() -> Self {
        let outcome = |balanced| counter!(RECONCILIATIONS, "outcome" => Self::label(balanced));
        Self {
            in_balance: outcome(Balanced::Yes),
            out_of_balance: outcome(Balanced::No),
            not_done: outcome(Balanced::NotDone),
        }
    }

    pub(crate) const fn label(balanced: Balanced) -> &'static str {
        match balanced {
            Balanced::Yes => "in_balance",
            Balanced::No => "out_of_balance",
            Balanced::NotDone => "not_done",
        }
    }

    pub(crate) fn count(&self, balanced: Balanced) {
        let counter = match balanced {
            Balanced::Yes => &self.in_balance,
            Balanced::No => &self.out_of_balance,
            Balanced::NotDone => &self.not_done,
        };
        counter.increment(1);
    }
}

/// Of one listener.
#[derive(Clone, Debug)]
pub(crate) struct ListenerMetrics {
    name: String,
    pub(crate) connections: Gauge,
    pub(crate) connections_refused: Counter,
    pub(crate) requests: Counter,
    pub(crate) malformed: Counter,
    pub(crate) dropped: Counter,
    pub(crate) undelivered: Counter,
    refusals: Refusals,
    /// By the number of the response code; the last counts all codes that are no number.
    answers: Vec<Counter>,
}

impl ListenerMetrics {
    pub(crate) fn new(name: &str) -> Self {
        let name = name.to_owned();
        let codes = (0..100)
            .map(|code| format!("{code:02}"))
            .chain(["other".to_owned()]);
        let answers = codes
            .map(|code| counter!(ANSWERS, "listener" => name.clone(), "code" => code))
            .collect();
        Self {
            connections: gauge!(CONNECTIONS, "listener" => name.clone()),
            connections_refused: counter!(CONNECTIONS_REFUSED, "listener" => name.clone()),
            requests: counter!(REQUESTS, "listener" => name.clone()),
            malformed: counter!(MALFORMED, "link" => name.clone()),
            dropped: counter!(DROPPED, "link" => name.clone()),
            undelivered: counter!(UNDELIVERED, "listener" => name.clone()),
            refusals: Refusals::new(),
            answers,
            name,
        }
    }

    pub(crate) fn answered(&self, code: Option<ResponseCode>, times: u64) {
        let number = code.and_then(|code| {
            let [tens, ones] = code.as_bytes().map(|digit| digit.wrapping_sub(b'0'));
            (tens <= 9 && ones <= 9).then(|| usize::from(tens * 10 + ones))
        });
        let counter = number
            .and_then(|number| self.answers.get(number))
            .or_else(|| self.answers.last());
        if let Some(counter) = counter {
            counter.increment(times);
        }
    }

    pub(crate) fn refused(&self, refusal: Refusal) {
        self.refusals.count(refusal);
    }

    pub(crate) fn closed(&self, reason: &'static str) {
        counter!(LINKS_CLOSED, "link" => self.name.clone(), "reason" => reason).increment(1);
    }
}

/// Of one issuer group.
#[derive(Debug)]
pub(crate) struct IssuerMetrics {
    name: String,
    pub(crate) up: Gauge,
    pub(crate) in_flight: Gauge,
    pub(crate) numbers_kept: Gauge,
    pub(crate) pending: Gauge,
    pub(crate) dead_letters: Gauge,
    pub(crate) failed_over: Counter,
    forwarded: [Counter; 5],
    pub(crate) late: Counter,
    pub(crate) unmatched: Counter,
    pub(crate) malformed: Counter,
    pub(crate) dropped: Counter,
}

impl IssuerMetrics {
    pub(crate) fn new(name: &str) -> Self {
        let name = name.to_owned();
        let forwarded =
            |event: &'static str| counter!(FORWARD, "issuer" => name.clone(), "event" => event);
        Self {
            up: gauge!(ISSUER_UP, "issuer" => name.clone()),
            in_flight: gauge!(IN_FLIGHT, "issuer" => name.clone()),
            numbers_kept: gauge!(NUMBERS_KEPT, "issuer" => name.clone()),
            pending: gauge!(FORWARD_PENDING, "issuer" => name.clone()),
            dead_letters: gauge!(DEAD_LETTERS, "issuer" => name.clone()),
            failed_over: counter!(FAILED_OVER, "issuer" => name.clone()),
            forwarded: FORWARD_EVENTS.map(forwarded),
            late: counter!(LATE, "issuer" => name.clone()),
            unmatched: counter!(UNMATCHED, "issuer" => name.clone()),
            malformed: counter!(MALFORMED, "link" => name.clone()),
            dropped: counter!(DROPPED, "link" => name.clone()),
            name,
        }
    }

    pub(crate) fn closed(&self, reason: &'static str) {
        counter!(LINKS_CLOSED, "link" => self.name.clone(), "reason" => reason).increment(1);
    }

    pub(crate) fn forwarded(&self, event: ForwardEvent) {
        let [reversal, kept, acknowledged, unanswered, dead] = &self.forwarded;
        let counter = match event {
            ForwardEvent::ReversalQueued(_) => reversal,
            ForwardEvent::AdviceKept => kept,
            ForwardEvent::Acknowledged => acknowledged,
            ForwardEvent::Unanswered(_) => unanswered,
            ForwardEvent::Dead(_) => dead,
        };
        counter.increment(1);
    }
}

/// Of one link to an issuer.
#[derive(Debug)]
pub(crate) struct MemberMetrics {
    pub(crate) up: Gauge,
    pub(crate) resting: Gauge,
    pub(crate) rests: Counter,
    pub(crate) sent: Counter,
}

impl MemberMetrics {
    /// By issuer, place among its links, and address.
    pub(crate) fn new(issuer: &str, link: u8, address: &str) -> Self {
        let labels = [
            Label::new("issuer", issuer.to_owned()),
            Label::new("link", link.to_string()),
            Label::new("address", address.to_owned()),
        ];
        Self {
            up: gauge!(LINK_UP, labels.iter()),
            resting: gauge!(LINK_RESTING, labels.iter()),
            rests: counter!(RESTS, labels.iter()),
            sent: counter!(SENT, labels.iter()),
        }
    }
}

/// Of the issuers that share a task.
#[derive(Debug)]
pub(crate) struct PoolMetrics {
    pub(crate) remembered: Gauge,
    pub(crate) forgotten: Counter,
    pub(crate) answers_kept: Gauge,
    pub(crate) answered_again: Counter,
    pub(crate) withheld: Counter,
    pub(crate) uncounted: Counter,
    refusals: Refusals,
}

impl PoolMetrics {
    /// By the name of the first.
    pub(crate) fn new(first: &str) -> Self {
        let first = first.to_owned();
        Self {
            remembered: gauge!(REMEMBERED, "issuer" => first.clone()),
            forgotten: counter!(FORGOTTEN, "issuer" => first.clone()),
            answers_kept: gauge!(ANSWERS_KEPT, "issuer" => first.clone()),
            answered_again: counter!(ANSWERED_AGAIN, "issuer" => first.clone()),
            withheld: counter!(WITHHELD, "issuer" => first.clone()),
            uncounted: counter!(UNCOUNTED, "issuer" => first),
            refusals: Refusals::new(),
        }
    }

    pub(crate) fn refused(&self, refusal: Refusal) {
        self.refusals.count(refusal);
    }
}

/// A count as a gauge takes it.
pub(crate) fn level(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

#[derive(Clone, Debug)]
struct Refusals(Vec<(&'static str, Counter)>);

impl Refusals {
    fn new() -> Self {
        let counters =
            Refusal::LABELS.map(|reason| (reason, counter!(REFUSALS, "reason" => reason)));
        Self(counters.into())
    }

    fn count(&self, refusal: Refusal) {
        if let Some((_, counter)) = self.0.iter().find(|(reason, _)| *reason == refusal.label()) {
            counter.increment(1);
        }
    }
}
