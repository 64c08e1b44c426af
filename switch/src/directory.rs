//! Who can be handed a batch: pools of issuer groups by number, acquirers' connections by id.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dashmap::DashMap;
use switch_core::{Answer, ConnectionId, GroupId, PoolId, Request, Undo};
use tokio::sync::mpsc;

use crate::dead_letters;

/// What a pool's task is handed.
#[derive(Debug)]
pub(crate) enum ToPool {
    /// To be sent.
    Requests(Vec<Box<Request>>),
    /// Approved, and a copy of the answer could not be delivered.
    Undeliverable(Vec<Arc<Undo>>),
    /// An operator's.
    DeadLetters(dead_letters::Ask),
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
    pools: Vec<mpsc::Sender<ToPool>>,
    /// By group: is a link of it up and signed on?
    up: Vec<AtomicBool>,
    connections: DashMap<ConnectionId, mpsc::Sender<Delivery>>,
    stopping: AtomicBool,
}

impl Directory {
    pub(crate) fn new(pools: Vec<mpsc::Sender<ToPool>>, groups: usize) -> Self {
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
            let _ = queue.send(ToPool::DeadLetters(ask)).await;
        }
    }

    /// The hop right. Gives the batch back where the pool's queue is full.
    pub(crate) fn forward(
        &self,
        pool: PoolId,
        batch: Vec<Box<Request>>,
    ) -> Result<(), Vec<Box<Request>>> {
        let Some(queue) = self.pools.get(pool.0) else {
            return Err(batch);
        };
        match queue.try_send(ToPool::Requests(batch)) {
            Ok(()) => Ok(()),
            Err(refused) => match refused.into_inner() {
                ToPool::Requests(batch) => Err(batch),
                ToPool::Undeliverable(_) | ToPool::DeadLetters(_) => Ok(()),
            },
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

    /// Approvals that reached nobody go back to their pool. This waits for room: none is lost.
    pub(crate) async fn give_back(&self, pool: PoolId, undone: Vec<Arc<Undo>>) {
        if let Some(queue) = self.pools.get(pool.0).filter(|_| !undone.is_empty()) {
            // Fails only where the pool's task is gone, which outlives all connections.
            let _ = queue.send(ToPool::Undeliverable(undone)).await;
        }
    }
}
