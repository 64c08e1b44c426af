//! Who can be handed a batch: pools of issuer groups by number, acquirers' connections by id.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dashmap::DashMap;
use switch_core::{Answer, ConnectionId, GroupId, PoolId, Request, Undo};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::dead_letters;
use crate::reconcile::Question;

/// What a pool's task is handed.
#[derive(Debug)]
pub(crate) enum ToPool {
    /// To be sent, with their places in the queue.
    Requests(Vec<Box<Request>>, OwnedSemaphorePermit),
    /// Approved, and a copy of the answer could not be delivered.
    Undeliverable(Vec<Arc<Undo>>),
    /// An operator's.
    DeadLetters(dead_letters::Ask),
    /// What was counted for reconciliation is asked for.
    Question(Question),
}

/// What a connection's task is handed: answers, and the pool they come from.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) pool: PoolId,
    pub(crate) answers: Vec<Answer>,
}

/// Both directions. No guard of the map leaves it, and none is held over an await.
#[derive(Debug)]
pub(crate) struct Directory {
    pools: Vec<PoolQueue>,
    /// By group: is a link of it up and signed on?
    up: Vec<AtomicBool>,
    connections: DashMap<ConnectionId, mpsc::Sender<Delivery>>,
    stopping: AtomicBool,
}

/// The way to a pool's task. Its bound counts requests, for a batch may be of one or of hundreds.
#[derive(Debug)]
pub(crate) struct PoolQueue {
    batches: mpsc::Sender<ToPool>,
    places: Arc<Semaphore>,
}

impl PoolQueue {
    /// A queue in which so many requests may wait.
    pub(crate) fn new(requests_max: usize) -> (Self, Waiting) {
        let (batches, waiting) = mpsc::channel(requests_max);
        let places = Arc::new(Semaphore::new(requests_max));
        (Self { batches, places }, Waiting(waiting))
    }

    /// Queues as many as there is room for, from the first; gives the others back.
    fn push(&self, mut batch: Vec<Box<Request>>) -> Vec<Box<Request>> {
        let room = self.places.available_permits().min(batch.len());
        let count = u32::try_from(room).unwrap_or(u32::MAX);
        // Another connection may have been given the room meanwhile.
        let Ok(places) = Arc::clone(&self.places).try_acquire_many_owned(count) else {
            return batch;
        };
        let mut rest = batch.split_off(room);
        if batch.is_empty() {
            return rest;
        }
        if let Err(refused) = self.batches.try_send(ToPool::Requests(batch, places))
            && let ToPool::Requests(mut batch, _) = refused.into_inner()
        {
            batch.append(&mut rest);
            return batch;
        }
        rest
    }
}

/// The pool's end of its queue.
#[derive(Debug)]
pub(crate) struct Waiting(mpsc::Receiver<ToPool>);

/// Requests taken at a time, and those of the batch that reaches it: about as many as a link reads
/// answers. More, and past the peak the answers would starve.
const REQUESTS_AT_A_TIME: usize = 512;

impl Waiting {
    /// Waits for a batch, and takes those that stand behind it. Cancel-safe.
    pub(crate) async fn next(&mut self, batches: &mut Vec<ToPool>) {
        let mut next = self.0.recv().await;
        let mut requests = 0;
        while let Some(batch) = next {
            requests += match &batch {
                ToPool::Requests(batch, _) => batch.len(),
                ToPool::Undeliverable(undone) => undone.len(),
                ToPool::Question(_) | ToPool::DeadLetters(_) => 1,
            };
            batches.push(batch);
            let more = requests < REQUESTS_AT_A_TIME;
            next = more.then(|| self.0.try_recv().ok()).flatten();
        }
    }

    /// What still stands in it; nobody adds to it any more.
    pub(crate) fn rest(&mut self) -> Vec<ToPool> {
        self.0.close();
        core::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }
}

impl Directory {
    pub(crate) fn new(pools: Vec<PoolQueue>, groups: usize) -> Self {
        let up = (0..groups).map(|_| AtomicBool::new(false)).collect();
        Self {
            pools,
            up,
            connections: DashMap::new(),
            stopping: AtomicBool::new(false),
        }
    }

    pub(crate) fn set_up(&self, group: GroupId, up: bool) {
        if let Some(flag) = self.up.get(usize::from(group.0)) {
            flag.store(up, Ordering::Relaxed);
        }
    }

    pub(crate) fn set_stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Is there an issuer, and is the switch here to stay?
    pub(crate) fn is_ready(&self) -> bool {
        !self.stopping.load(Ordering::Relaxed)
            && self.up.iter().any(|flag| flag.load(Ordering::Relaxed))
    }

    pub(crate) fn connect(&self, id: ConnectionId, answers: mpsc::Sender<Delivery>) {
        self.connections.insert(id, answers);
    }

    pub(crate) fn disconnect(&self, id: ConnectionId) {
        self.connections.remove(&id);
    }

    pub(crate) fn pools(&self) -> impl Iterator<Item = PoolId> + use<> {
        (0..self.pools.len()).map(PoolId)
    }

    /// Asks a pool; where it is gone, nobody answers.
    pub(crate) async fn ask(&self, pool: PoolId, ask: dead_letters::Ask) {
        if let Some(queue) = self.pools.get(pool.0) {
            let _ = queue.batches.send(ToPool::DeadLetters(ask)).await;
        }
    }

    /// The hop right. Gives back what finds no room in the pool's queue.
    pub(crate) fn forward(&self, pool: PoolId, batch: Vec<Box<Request>>) -> Vec<Box<Request>> {
        match self.pools.get(pool.0) {
            Some(queue) => queue.push(batch),
            None => batch,
        }
    }

    /// The hop left. Gives the batch back where the connection is gone or takes no more.
    pub(crate) fn deliver(&self, to: ConnectionId, delivery: Delivery) -> Result<(), Delivery> {
        match self.connections.get(&to) {
            Some(answers) => answers
                .try_send(delivery)
                .map_err(mpsc::error::TrySendError::into_inner),
            None => Err(delivery),
        }
    }

    /// Asks every pool; each answers, or drops the question where it is no more. None where one
    /// takes no more.
    pub(crate) fn ask_all<T>(
        &self,
        question: impl Fn(oneshot::Sender<T>) -> Question,
    ) -> Option<Vec<oneshot::Receiver<T>>> {
        let ask = |pool: &PoolQueue| {
            let (reply, answer) = oneshot::channel();
            pool.batches
                .try_send(ToPool::Question(question(reply)))
                .ok()?;
            Some(answer)
        };
        self.pools.iter().map(ask).collect()
    }

    /// Approvals that reached nobody go back to their pool. This waits for room: none is lost.
    pub(crate) async fn give_back(&self, pool: PoolId, undone: Vec<Arc<Undo>>) {
        if let Some(queue) = self.pools.get(pool.0).filter(|_| !undone.is_empty()) {
            // Fails only where the pool's task is gone, which outlives all connections.
            let _ = queue.batches.send(ToPool::Undeliverable(undone)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use switch_core::Admission;

    use super::*;
    use crate::testing::purchase;

    fn requests(count: usize) -> Vec<Box<Request>> {
        let sandbox = crate::Config::default().check().unwrap();
        let message = purchase();
        let now = iso8583_link::now();
        let inbound = &sandbox.listeners[0].inbound;
        let admit = |_| match inbound.admit(now, ConnectionId(1), message.clone()) {
            Admission::Admitted(request) => request,
            Admission::Refused(..) | Admission::Reconciliation(_) | Admission::Dropped => {
                panic!("it is not admitted")
            }
        };
        (0..count).map(admit).collect()
    }

    async fn taken(waiting: &mut Waiting) -> usize {
        let mut batches = Vec::new();
        waiting.next(&mut batches).await;
        let count = |batch: &ToPool| match batch {
            ToPool::Requests(batch, _) => batch.len(),
            ToPool::Undeliverable(_) | ToPool::Question(_) | ToPool::DeadLetters(_) => 0,
        };
        batches.iter().map(count).sum()
    }

    #[tokio::test]
    async fn a_full_queue_gives_back_what_it_has_no_room_for_and_has_room_once_that_is_taken() {
        let (queue, mut waiting) = PoolQueue::new(5);
        assert_eq!(queue.push(requests(3)).len(), 0);
        assert_eq!(queue.push(requests(3)).len(), 1);
        assert_eq!(queue.push(requests(1)).len(), 1);
        assert_eq!(taken(&mut waiting).await, 5);
        assert_eq!(queue.push(requests(6)).len(), 1);
    }

    /// The bound is one of requests: batches of one count as such.
    #[tokio::test]
    async fn one_request_of_each_of_many_connections_at_once_finds_room() {
        let (queue, mut waiting) = PoolQueue::new(10_000);
        for request in requests(10_000) {
            assert_eq!(queue.push(vec![request]).len(), 0);
        }
        assert_eq!(queue.push(requests(1)).len(), 1);
        assert_eq!(waiting.rest().len(), 10_000);
    }

    #[tokio::test]
    async fn no_more_is_taken_at_a_time_than_leaves_the_answers_their_turn() {
        let (queue, mut waiting) = PoolQueue::new(2_000);
        for _ in 0..10 {
            assert_eq!(queue.push(requests(200)).len(), 0);
        }
        // The batch that reaches the 512 is taken whole.
        for expected in [600, 600, 600, 200] {
            assert_eq!(taken(&mut waiting).await, expected);
        }
    }
}
