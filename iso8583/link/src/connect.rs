//! Connecting, and connecting again.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;
use tracing::{info, warn};

/// Connects to one address until it succeeds: at once, then after 1, 2, 5, 10, 30, 30 … seconds,
/// each up to a fifth longer or shorter so that links do not come back in step (domain §9).
#[derive(Debug)]
pub struct Connector {
    address: String,
    failures: usize,
    /// When the last connection was made.
    connected: Option<Instant>,
}

impl Connector {
    const BACK_OFF_SECONDS: [u64; 5] = [1, 2, 5, 10, 30];
    /// A connection that held so long is lost, not refused: the first try after it is at once. One
    /// that is made and dropped again and again backs off.
    const STEADY: Duration = Duration::from_millis(500);
    const TIMEOUT: Duration = Duration::from_secs(5);

    /// A connector to `host:port`.
    #[must_use]
    pub const fn new(address: String) -> Self {
        Self {
            address,
            failures: 0,
            connected: None,
        }
    }

    /// A connection, however long it takes. Cancel-safe.
    pub async fn connect(&mut self) -> TcpStream {
        if self
            .connected
            .is_some_and(|at| at.elapsed() >= Self::STEADY)
        {
            self.failures = 0;
        }
        loop {
            if let Some(wait) = self.back_off() {
                tokio::time::sleep(wait).await;
            }
            self.failures += 1;
            match tokio::time::timeout(Self::TIMEOUT, self.attempt()).await {
                Ok(Ok(stream)) => {
                    self.connected = Some(Instant::now());
                    info!(address = self.address, "connected");
                    return stream;
                }
                Ok(Err(error)) => self.report(&error.to_string()),
                Err(_) => self.report("no answer"),
            }
        }
    }

    async fn attempt(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn report(&self, error: &str) {
        // One line an outage, not one a try.
        if self.failures == 1 {
            warn!(
                address = self.address,
                error, "cannot connect, trying again"
            );
        }
    }

    fn back_off(&self) -> Option<Duration> {
        let step = self
            .failures
            .checked_sub(1)?
            .min(Self::BACK_OFF_SECONDS.len() - 1);
        let seconds = Self::BACK_OFF_SECONDS.get(step)?;
        // 80 to 120 %.
        let percent = 80 + RandomState::new().hash_one(self.failures) % 41;
        Some(Duration::from_millis(seconds * 10 * percent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_try_is_at_once_and_later_ones_wait_longer_up_to_a_bound() {
        let mut connector = Connector::new("127.0.0.1:1".to_owned());
        assert_eq!(connector.back_off(), None);
        for (failures, seconds) in [(1, 1), (2, 2), (3, 5), (4, 10), (5, 30), (6, 30), (600, 30)] {
            connector.failures = failures;
            let wait = connector.back_off().unwrap().as_millis();
            assert!(
                (seconds * 800..=seconds * 1_200).contains(&wait),
                "{failures}: {wait}"
            );
        }
    }
}
