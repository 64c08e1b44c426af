//! Every metric of the issuer. Labels come from closed sets; no card, merchant or trace number is
//! ever one.

use std::collections::HashMap;
use std::time::Duration;

use ::journal::Position;
use iso8583::element::ResponseCode;
use metrics::{Counter, Unit, counter, describe_counter, describe_gauge, gauge};

use crate::request::Operation;

const ANSWERS: &str = "issuer_answers_total";
const QUEUE_FULL: &str = "issuer_queue_full_total";
const FORMAT_ERRORS: &str = "issuer_format_errors_total";
const SWALLOWED: &str = "issuer_sandbox_swallowed_total";
const GROUPS: &str = "issuer_groups_total";
const RECORDS: &str = "issuer_records_total";
const SYNC_TIME: &str = "issuer_sync_microseconds_total";
const SUSPENSE: &str = "issuer_suspense_postings_total";
const HOLDS_EXPIRED: &str = "issuer_holds_expired_total";
const REVERSALS_TOO_OLD: &str = "issuer_reversals_too_old_total";
const KEYS: &str = "issuer_duplicate_keys";
const KEYS_FULL: &str = "issuer_duplicate_keys_full";
const FROZEN: &str = "issuer_frozen";
const DISK_NEARLY_FULL: &str = "issuer_disk_nearly_full";
const SNAPSHOTS: &str = "issuer_snapshots_total";
const SNAPSHOT_BEHIND: &str = "issuer_snapshot_behind_bytes";
const CONNECTIONS: &str = "issuer_host_connections";
const OFFICE: &str = "issuer_office_requests_total";

/// Says of each metric what it counts. To be called once, after the recorder is installed.
pub fn describe() {
    describe_counter!(ANSWERS, "Decided requests, by operation and response code");
    describe_counter!(
        QUEUE_FULL,
        "Requests answered 96 because the ledger's queue was full"
    );
    describe_counter!(
        FORMAT_ERRORS,
        "Messages answered 30 or 12 before they became a request"
    );
    describe_counter!(SWALLOWED, "Messages swallowed by the sandbox's silence");
    describe_counter!(GROUPS, "Groups made durable: one write and one sync each");
    describe_counter!(RECORDS, "Records made durable");
    describe_counter!(
        SYNC_TIME,
        Unit::Microseconds,
        "Time spent writing and syncing groups"
    );
    describe_counter!(SUSPENSE, "Advices booked to suspense, in whole or in part");
    describe_counter!(HOLDS_EXPIRED, "Pre-authorizations whose hold ran out");
    describe_counter!(
        REVERSALS_TOO_OLD,
        "Reversals answered 25: original not found and older than the memory"
    );
    describe_gauge!(KEYS, "Keys remembered for repeats and reversals");
    describe_gauge!(
        KEYS_FULL,
        "1 while duplicate_keys_max is reached: new money requests get 96"
    );
    describe_gauge!(
        FROZEN,
        "1 after the journal failed: nothing is decided any more"
    );
    describe_gauge!(
        DISK_NEARLY_FULL,
        "1 while less than low_water_bytes are free: only reversals are decided"
    );
    describe_counter!(
        SNAPSHOTS,
        "Snapshots of the books, by outcome: made or failed"
    );
    describe_gauge!(
        SNAPSHOT_BEHIND,
        Unit::Bytes,
        "Journal behind the newest snapshot, up to 4 GiB: what a start would read"
    );
    describe_gauge!(CONNECTIONS, "Open host links");
    describe_counter!(OFFICE, "Office requests, by status class");
}

/// Counts answers, with one handle kept per operation and code.
#[derive(Debug, Default)]
pub(crate) struct Answers(HashMap<(&'static str, &'static str), Counter>);

impl Answers {
    pub(crate) fn count(&mut self, operation: Operation, code: ResponseCode) {
        let labels = (operation_label(operation), code_label(code));
        self.0
            .entry(labels)
            .or_insert_with(|| counter!(ANSWERS, "operation" => labels.0, "code" => labels.1))
            .increment(1);
    }
}

/// Handles of what is counted once per group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    groups: Counter,
    records: Counter,
    sync_time: Counter,
    pub(crate) suspense: Counter,
    pub(crate) holds_expired: Counter,
    pub(crate) reversals_too_old: Counter,
    keys: metrics::Gauge,
}

impl Default for Group {
    fn default() -> Self {
        Self {
            groups: counter!(GROUPS),
            records: counter!(RECORDS),
            sync_time: counter!(SYNC_TIME),
            suspense: counter!(SUSPENSE),
            holds_expired: counter!(HOLDS_EXPIRED),
            reversals_too_old: counter!(REVERSALS_TOO_OLD),
            keys: gauge!(KEYS),
        }
    }
}

impl Group {
    pub(crate) fn durable(&self, records: u64, took: Duration, keys: usize) {
        self.groups.increment(1);
        self.records.increment(records);
        self.sync_time
            .increment(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        self.keys
            .set(f64::from(u32::try_from(keys).unwrap_or(u32::MAX)));
    }
}

pub(crate) fn frozen() {
    gauge!(FROZEN).set(1.0);
}

pub(crate) fn disk_nearly_full(nearly_full: bool) {
    gauge!(DISK_NEARLY_FULL).set(f64::from(u8::from(nearly_full)));
}

pub(crate) fn keys_full(full: bool) {
    gauge!(KEYS_FULL).set(f64::from(u8::from(full)));
}

pub(crate) fn snapshot_made() {
    counter!(SNAPSHOTS, "outcome" => "made").increment(1);
}

pub(crate) fn snapshot_failed() {
    counter!(SNAPSHOTS, "outcome" => "failed").increment(1);
}

pub(crate) fn snapshot_behind(synced: Position, newest: Position) {
    let bytes = synced.bytes().saturating_sub(newest.bytes());
    gauge!(SNAPSHOT_BEHIND).set(f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)));
}

pub(crate) fn queue_full(requests: usize) {
    counter!(QUEUE_FULL).increment(u64::try_from(requests).unwrap_or(u64::MAX));
}

pub(crate) fn format_error() {
    counter!(FORMAT_ERRORS).increment(1);
}

pub(crate) fn swallowed() {
    counter!(SWALLOWED).increment(1);
}

pub(crate) fn host_connections(change: f64) {
    gauge!(CONNECTIONS).increment(change);
}

pub(crate) fn office_request(status: u16) {
    let class = match status {
        200..=299 => "2xx",
        400..=499 => "4xx",
        _ => "5xx",
    };
    counter!(OFFICE, "status" => class).increment(1);
}

const fn operation_label(operation: Operation) -> &'static str {
    match operation {
        Operation::Purchase => "purchase",
        Operation::Cash => "cash",
        Operation::Refund => "refund",
        Operation::PreAuthorization => "pre_authorization",
        Operation::Inquiry => "inquiry",
        Operation::DebitAdvice { .. } => "debit_advice",
        Operation::CreditAdvice => "credit_advice",
        Operation::Reversal { .. } => "reversal",
    }
}

const fn code_label(code: ResponseCode) -> &'static str {
    match code.as_bytes() {
        b"00" => "00",
        b"12" => "12",
        b"13" => "13",
        b"14" => "14",
        b"25" => "25",
        b"30" => "30",
        b"41" => "41",
        b"43" => "43",
        b"51" => "51",
        b"54" => "54",
        b"55" => "55",
        b"57" => "57",
        b"61" => "61",
        b"62" => "62",
        b"63" => "63",
        b"64" => "64",
        b"75" => "75",
        b"94" => "94",
        b"96" => "96",
        _ => "other",
    }
}
