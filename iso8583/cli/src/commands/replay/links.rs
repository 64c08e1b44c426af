//! The connections of a replay, and what comes over them.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use iso8583::frame::{Frame, Framing, Header};

use crate::cli::Failure;
use crate::peer::Peer;

/// Connections to one host, each read by a thread of its own.
pub(super) struct Links {
    peers: Vec<Peer>,
    received: Receiver<Received>,
    readers: Vec<JoinHandle<()>>,
}

/// Something that came, or why nothing will any more.
pub(super) struct Received {
    pub(super) link: usize,
    pub(super) at: Instant,
    pub(super) frame: Result<Frame, Failure>,
}

impl Links {
    /// Calls a host so many times. So many answers can wait to be looked at.
    pub(super) fn connect(
        address: &str,
        framing: Framing,
        timeout: Duration,
        (count, waiting_max): (usize, usize),
    ) -> Result<Self, Failure> {
        let (received_in, received) = sync_channel(waiting_max);
        let mut links = Self {
            peers: Vec::new(),
            received,
            readers: Vec::new(),
        };
        for link in 0..count {
            let connected = Peer::connect(address, framing, timeout)
                .and_then(|peer| Ok((peer.receiver()?, peer)));
            match connected {
                Ok((receiver, peer)) => {
                    links.peers.push(peer);
                    let received_in = received_in.clone();
                    let reader = thread::spawn(move || read(link, receiver, &received_in));
                    links.readers.push(reader);
                }
                Err(failure) => {
                    links.close();
                    return Err(failure);
                }
            }
        }
        Ok(links)
    }

    pub(super) const fn count(&self) -> usize {
        self.peers.len()
    }

    pub(super) fn send(
        &mut self,
        link: usize,
        message: &[u8],
        header: Option<&Header>,
    ) -> Result<(), Failure> {
        match self.peers.get_mut(link) {
            Some(peer) => peer.send(message, header),
            None => Ok(()),
        }
    }

    /// What comes next on any of them; None where nothing does until then.
    pub(super) fn receive(&self, until: Instant) -> Option<Received> {
        let left = until.saturating_duration_since(Instant::now());
        self.received.recv_timeout(left).ok()
    }

    /// What has come already.
    pub(super) fn take(&self) -> Option<Received> {
        self.received.try_recv().ok()
    }

    pub(super) fn close(self) {
        self.peers.iter().for_each(Peer::close);
        // A reader that waits for room ends with this, all others with their connection.
        drop(self.received);
        for reader in self.readers {
            let _ = reader.join();
        }
    }
}

fn read(link: usize, mut receiver: Peer, received: &SyncSender<Received>) {
    loop {
        let Some(frame) = receiver.receive(None).transpose() else {
            continue;
        };
        let ended = frame.is_err();
        let at = Instant::now();
        if received.send(Received { link, at, frame }).is_err() || ended {
            break;
        }
    }
}
