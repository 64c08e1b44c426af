//! The VAN: the acquirer processor between malls and the card network (patent d6 to d9).
//!
//! Malls ask over HTTP; the VAN asks the switch over one ISO 8583 link, and takes back what was
//! never answered (망취소, the timeout reversal).
//!
//! What this crate is **not**: it knows no balance and no route, decides no authorization, and
//! keeps nothing across a restart.
//!
//! # Layout
//! - [`sale`], [`acquire`], [`trace`]: from what a mall wants to the message that asks for it
//! - [`netcancel`]: the machine that reverses what was not answered, pure
//! - [`payments`] and `desk`: what became of each payment, and what follows, pure
//! - `drive`, [`host`]: the loop around the desk, and the link to the switch
//! - `malls`, `http`: the API and its sockets
//! - [`config`], [`cli`], `metrics`
//!
//! ```no_run
//! # async fn example() -> Result<(), van_sim::StartError> {
//! use tokio_util::sync::CancellationToken;
//!
//! let van = van_sim::Van::bind(van_sim::config::Config::default()).await?;
//! println!("malls: http://{}", van.address());
//! let shutdown = CancellationToken::new();
//! van.run(van_sim::no_metrics(), shutdown).await;
//! # Ok(())
//! # }
//! ```

pub mod acquire;
pub mod cli;
pub mod config;
mod desk;
mod drive;
pub mod host;
mod http;
mod malls;
mod metrics;
pub mod netcancel;
pub mod payments;
pub mod sale;
pub mod trace;

use std::net::SocketAddr;
use std::sync::Arc;

use iso8583_link::{Client, LinkSettings};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::config::{Config, ConfigError};
use crate::desk::Desk;

/// What `GET /metrics` answers: given by the program, for one process may host several parties
/// under one recorder.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// For programs without a recorder.
#[must_use]
pub fn no_metrics() -> RenderMetrics {
    Arc::new(String::new)
}

/// A VAN that has its port and has not begun yet.
#[derive(Debug)]
pub struct Van {
    config: Config,
    link: LinkSettings,
    listener: TcpListener,
    address: SocketAddr,
}

impl Van {
    /// Checks the configuration and takes the port.
    ///
    /// # Errors
    /// Where the configuration cannot be, or the port cannot be had.
    pub async fn bind(config: Config) -> Result<Self, StartError> {
        let link = config.check()?;
        let cannot_listen = |reason| StartError::Listen {
            address: config.listen,
            reason,
        };
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(cannot_listen)?;
        let address = listener.local_addr().map_err(cannot_listen)?;
        Ok(Self {
            config,
            link,
            listener,
            address,
        })
    }

    /// Where malls reach it: tells the port where port 0 was asked for.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown`, then finishes what is under way, as long as `drain` allows.
    pub async fn run(self, render: RenderMetrics, shutdown: CancellationToken) {
        metrics::describe();
        // The link lives longer than the service: what is under way is finished over it.
        let link_shutdown = CancellationToken::new();
        let link = Client::spawn(self.config.switch.clone(), self.link, link_shutdown.clone());
        let _sign_off = link_shutdown.drop_guard();
        // One connection asks one thing at a time.
        let (ask, asked) = mpsc::channel(self.config.http.connections_max);
        let router = malls::router(&self.config, ask, link.clone(), render);
        let desk = Desk::new(&self.config, iso8583_link::now());
        info!(address = %self.address, switch = %self.config.switch, "VAN serves malls");

        let cut = CancellationToken::new();
        let drain = async {
            shutdown.cancelled().await;
            tokio::time::sleep(self.config.drain).await;
            cut.cancel();
        };
        let serve = async {
            let served = http::serve(self.listener, router, &self.config.http, &shutdown, &cut);
            tokio::join!(served, drive::drive(desk, asked, &link, &cut));
        };
        tokio::select! {
            () = serve => {}
            // Never the first to end: it only bounds the other.
            () = async { drain.await; std::future::pending().await } => {}
        }
        info!("VAN stopped");
    }
}

/// Why a VAN does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration cannot be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The port cannot be had.
    #[error("cannot listen for malls on {address}: {reason}; choose another with --listen")]
    Listen {
        /// What was asked for.
        address: SocketAddr,
        /// Why not.
        reason: std::io::Error,
    },
}
