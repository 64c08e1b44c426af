//! Totals of all pools: what an acquirer's 0500 or 0520 is held against, `/v1/totals`, and what
//! came of the last reconciliations, `/v1/reconciliations`.
//!
//! Each pool's machine has counted its part before an answer leaves it, so whoever asks the pools
//! after an answer was received finds it counted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use switch_core::{
    Answer, ConnectionId, Outbound, PageId, PoolId, Position, Reconciliation, Refusal, Sum,
};
use tokio::sync::oneshot;
use tracing::debug;

use crate::directory::{Delivery, Directory};
use crate::metrics::ReconciliationMetrics;

/// What a pool is asked.
#[derive(Debug)]
pub(crate) enum Question {
    /// What it counted on one page.
    Of(PageId, oneshot::Sender<Position>),
    /// All that it counted.
    All(oneshot::Sender<Vec<(PageId, Position)>>),
}

impl Question {
    /// Who asked may have gone.
    pub(crate) fn answer(self, outbound: &Outbound) {
        match self {
            Self::Of(page, reply) => {
                let _ = reply.send(outbound.position(&page));
            }
            Self::All(reply) => {
                let pages = outbound.pages();
                let _ = reply.send(
                    pages
                        .map(|(page, _)| (page, outbound.position(&page)))
                        .collect(),
                );
            }
        }
    }
}

/// What came of the last reconciliations.
#[derive(Debug)]
pub(crate) struct Reconciled {
    metrics: ReconciliationMetrics,
    /// The newest last. No authorization waits for it.
    last: Mutex<VecDeque<Outcome>>,
}

/// How many are kept for people to look at.
const LAST: usize = 256;

impl Reconciled {
    pub(crate) fn new() -> Self {
        Self {
            metrics: ReconciliationMetrics::new(),
            last: Mutex::new(VecDeque::with_capacity(LAST)),
        }
    }

    /// The newest first.
    pub(crate) fn last(&self) -> Vec<Outcome> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.iter().rev().cloned().collect()
    }

    fn compare(&self, reconciliation: &Reconciliation, ours: &Position) -> Answer {
        let (balanced, answer) = reconciliation.answer(ours);
        self.metrics.count(balanced);
        let page = reconciliation.page();
        debug!(?page, ?balanced, "reconciled");
        let theirs = Position {
            totals: reconciliation.theirs(),
            incomplete: false,
        };
        let outcome = Outcome {
            at: iso8583_link::now().utc.to_string(),
            outcome: ReconciliationMetrics::label(balanced),
            ours: Page::new(&page, ours),
            theirs: Page::new(&page, &theirs),
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() >= LAST {
            last.pop_front();
        }
        last.push_back(outcome);
        answer
    }
}

/// One reconciliation, as `/v1/reconciliations` shows it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    /// UTC.
    at: String,
    outcome: &'static str,
    ours: Page,
    theirs: Page,
}

/// Asks all pools and has the answer delivered to its connection, as an answer of theirs is.
///
/// # Errors
/// Gives the reconciliation back where a pool's queue is full.
pub(crate) fn begin(
    directory: &Arc<Directory>,
    reconciled: &Arc<Reconciled>,
    reconciliation: Box<Reconciliation>,
) -> Result<(), Box<Reconciliation>> {
    let page = reconciliation.page();
    let Some(parts) = directory.ask_all(|reply| Question::Of(page, reply)) else {
        return Err(reconciliation);
    };
    let (directory, reconciled) = (Arc::clone(directory), Arc::clone(reconciled));
    tokio::spawn(async move {
        let answer = match together(parts).await {
            Some(position) => reconciled.compare(&reconciliation, &position),
            None => reconciliation.refuse(Refusal::Stopping),
        };
        deliver(&directory, reconciliation.connection(), answer);
    });
    Ok(())
}

/// The sum of what all pools have; None where one of them is no more.
async fn together(parts: Vec<oneshot::Receiver<Position>>) -> Option<Position> {
    let mut sum = Position::default();
    for part in parts {
        sum = sum.plus(part.await.ok()?);
    }
    Some(sum)
}

/// The connection has room for it, or is gone: the acquirer asks again.
fn deliver(directory: &Directory, connection: ConnectionId, answer: Answer) {
    let delivery = Delivery {
        // It approves nothing, so that no pool is given anything back.
        pool: PoolId(0),
        answers: vec![answer],
    };
    let _ = directory.deliver(connection, delivery);
}

/// A page as `/v1/totals` shows it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Page {
    acquirer: String,
    /// DE 15, with its year.
    date: String,
    currency: String,
    credits: Pair,
    credit_reversals: Pair,
    debits: Pair,
    debit_reversals: Pair,
    transfers: u64,
    transfer_reversals: u64,
    inquiries: u64,
    authorizations: u64,
    /// Minor units due to the acquirer, from it where negative.
    net: Option<i64>,
    /// Something is missing from these.
    incomplete: bool,
}

/// How many, and how much in minor units.
#[derive(Clone, Debug, Serialize)]
struct Pair {
    number: u64,
    amount: u64,
}

impl From<Sum> for Pair {
    fn from(sum: Sum) -> Self {
        Self {
            number: sum.number,
            amount: sum.amount,
        }
    }
}

impl Page {
    fn new(page: &PageId, position: &Position) -> Self {
        let totals = position.totals;
        Self {
            acquirer: page.acquirer().to_owned(),
            date: page.date().to_string(),
            currency: page.currency().to_owned(),
            credits: totals.credits.into(),
            credit_reversals: totals.credit_reversals.into(),
            debits: totals.debits.into(),
            debit_reversals: totals.debit_reversals.into(),
            transfers: totals.transfers,
            transfer_reversals: totals.transfer_reversals,
            inquiries: totals.inquiries,
            authorizations: totals.authorizations,
            net: totals.net(),
            incomplete: position.incomplete,
        }
    }
}

/// All that all pools have, by date, acquirer and currency; None where a pool cannot be asked now.
pub(crate) async fn pages(directory: &Directory) -> Option<Vec<Page>> {
    let mut all: BTreeMap<PageId, Position> = BTreeMap::new();
    for part in directory.ask_all(Question::All)? {
        for (page, position) in part.await.ok()? {
            let sum = all.entry(page).or_default();
            *sum = sum.plus(position);
        }
    }
    let pages = all.iter();
    Some(
        pages
            .map(|(page, position)| Page::new(page, position))
            .collect(),
    )
}
