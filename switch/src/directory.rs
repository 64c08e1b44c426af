//! Who can be handed a batch: issuer groups by number, acquirers' connections by id.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dashmap::DashMap;
use switch_core::{Answer, ConnectionId, GroupId, Request, Undo};
use tokio::sync::mpsc;

/// What a group's task is handed.
#[derive(Debug)]
pub(crate) enum ToGroup {
    /// To be sent.
    Requests(Vec<Box<Request>>),
    /// Approved, and a copy of the answer could not be delivered.
    Undeliverable(Vec<Arc<Undo>>),
}

/// What a connection's task is handed: answers, and the group they come from.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) group: GroupId,
    pub(crate) answers: Vec<Answer>,
}

/// Both directions. No guard of the map leaves it, and none is held over an await.
#[derive(Debug)]
pub(crate) struct Directory {
    groups: Vec<mpsc::Sender<ToGroup>>,
    /// By group: is its link up and signed on?
    up: Vec<AtomicBool>,
    connections: DashMap<ConnectionId, mpsc::Sender<Delivery>>,
    stopping: AtomicBool,
}

impl Directory {
    pub(crate) fn new(groups: Vec<mpsc::Sender<ToGroup>>) -> Self {
        let up = groups.iter().map(|_| AtomicBool::new(false)).collect();
        Self {
            groups,
            up,
            connections: DashMap::new(),
            stopping: AtomicBool::new(false),
        }
    }

    pub(crate) fn set_up(&self, group: GroupId, up: bool) {
        if let Some(flag) = self.up.get(group.0) {
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

    /// The hop right. Gives the batch back where the group's queue is full.
    pub(crate) fn forward(
        &self,
        group: GroupId,
        batch: Vec<Box<Request>>,
    ) -> Result<(), Vec<Box<Request>>> {
        let Some(queue) = self.groups.get(group.0) else {
            return Err(batch);
        };
        match queue.try_send(ToGroup::Requests(batch)) {
            Ok(()) => Ok(()),
            Err(refused) => match refused.into_inner() {
                ToGroup::Requests(batch) => Err(batch),
                ToGroup::Undeliverable(_) => Ok(()),
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

    /// Approvals that reached nobody go back to their group. This waits for room: none is lost.
    pub(crate) async fn give_back(&self, group: GroupId, undone: Vec<Arc<Undo>>) {
        if let Some(queue) = self.groups.get(group.0).filter(|_| !undone.is_empty()) {
            // Fails only where the group's task is gone, which outlives all connections.
            let _ = queue.send(ToGroup::Undeliverable(undone)).await;
        }
    }
}
