//! Listening for links, with a bound on how many there are.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::warn;

/// Takes connections up to a bound; one above it is closed at once.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    places: Arc<Semaphore>,
}

/// What came of a connection attempt.
#[derive(Debug)]
pub enum Accepted {
    /// A connection, and its place among those allowed: freed when dropped.
    Connection(TcpStream, SocketAddr, OwnedSemaphorePermit),
    /// All places are taken: it was closed.
    Refused(SocketAddr),
}

impl Acceptor {
    /// An acceptor of at most `connections_max` connections at a time.
    #[must_use]
    pub fn new(listener: TcpListener, connections_max: usize) -> Self {
        let places = connections_max.min(Semaphore::MAX_PERMITS);
        Self {
            listener,
            places: Arc::new(Semaphore::new(places)),
        }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// That of the system.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The next connection. Cancel-safe. Where the system cannot give one (no file handles left),
    /// it is asked again after a pause: a listener does not die.
    pub async fn accept(&self) -> Accepted {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
                        return Accepted::Refused(peer);
                    };
                    match stream.set_nodelay(true) {
                        Ok(()) => return Accepted::Connection(stream, peer, place),
                        // Gone already.
                        Err(_) => continue,
                    }
                }
                Err(error) => {
                    warn!(%error, "cannot accept a connection, trying again");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}
