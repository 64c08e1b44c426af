//! Every metric of a VAN, by name.

use std::time::Duration;

use ::metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::desk::{Event, Exchange, Refusal};
use crate::host::Outcome;
use crate::payments::Status;

const PAYMENTS: &str = "van_payments_total";
const UNANSWERED: &str = "van_unusable_answers_total";
const NET_CANCELS: &str = "van_net_cancels_total";
const REFUSALS: &str = "van_refusals_total";
const EXCHANGE_SECONDS: &str = "van_exchange_seconds";
const HTTP_RESPONSES: &str = "van_http_responses_total";
const PAYMENTS_REMEMBERED: &str = "van_payments_remembered";
const NET_CANCELS_PENDING: &str = "van_net_cancels_pending";
const LINK_UP: &str = "van_link_up";

pub(crate) fn describe() {
    describe_counter!(PAYMENTS, "payments that reached a status, by status");
    describe_counter!(UNANSWERED, "approvals without an answer that could be used");
    describe_counter!(NET_CANCELS, "net cancels that ended, by result");
    describe_counter!(REFUSALS, "commands of malls not taken, by reason");
    describe_histogram!(
        EXCHANGE_SECONDS,
        "time from a request to its outcome, by request and outcome"
    );
    describe_counter!(HTTP_RESPONSES, "HTTP responses, by status");
    describe_gauge!(PAYMENTS_REMEMBERED, "payments in memory");
    describe_gauge!(NET_CANCELS_PENDING, "net cancels not confirmed yet");
    describe_gauge!(LINK_UP, "1 while the switch takes requests");
}

pub(crate) fn count(event: &Event) {
    match event {
        Event::Payment(_, status) => {
            let status = match status {
                Status::Pending => "pending",
                Status::Approved => "approved",
                Status::Declined => "declined",
                Status::Unknown => "unknown",
                Status::Cancelled => "cancelled",
            };
            counter!(PAYMENTS, "status" => status).increment(1);
        }
        Event::NoAnswer(..) => counter!(UNANSWERED).increment(1),
        Event::NetCancelSettled(_) => counter!(NET_CANCELS, "result" => "settled").increment(1),
        Event::NetCancelGivenUp(_) => counter!(NET_CANCELS, "result" => "given_up").increment(1),
        Event::Refused(refusal) => {
            counter!(REFUSALS, "reason" => reason(refusal)).increment(1);
        }
    }
}

const fn reason(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::OrderExists { .. } => "order_exists",
        Refusal::OrderCancelled { .. } => "order_cancelled",
        Refusal::UnknownPayment => "unknown_payment",
        Refusal::NotApproved => "not_approved",
        Refusal::AnotherDay => "another_day",
        Refusal::CancelRefused(_) => "cancel_refused",
        Refusal::PaymentsFull => "payments_full",
        Refusal::TooManyWaiting => "too_many_waiting",
        Refusal::NetCancelsFull => "net_cancels_full",
        Refusal::Stopping => "stopping",
    }
}

pub(crate) fn record_exchange<W>(exchange: &Exchange<W>, outcome: &Outcome, took: Duration) {
    let request = match exchange {
        Exchange::Approval(_) => "approval",
        Exchange::Cancel(_) => "cancel",
        Exchange::NetCancel(_) => "net_cancel",
        Exchange::Balance { .. } => "balance",
    };
    let outcome = match outcome {
        Outcome::Answered(_) => "answered",
        Outcome::NotSent(_) => "not_sent",
        Outcome::Unanswered(_) => "unanswered",
    };
    histogram!(EXCHANGE_SECONDS, "request" => request, "outcome" => outcome).record(took);
}

pub(crate) fn count_response(status: u16) {
    counter!(HTTP_RESPONSES, "status" => status.to_string()).increment(1);
}

pub(crate) fn record_state(remembered: usize, net_cancels_pending: usize, link_up: bool) {
    let level = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    gauge!(PAYMENTS_REMEMBERED).set(level(remembered));
    gauge!(NET_CANCELS_PENDING).set(level(net_cancels_pending));
    gauge!(LINK_UP).set(f64::from(u8::from(link_up)));
}
