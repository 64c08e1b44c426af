//! The card-authorization switch: tokio around [`switch_core`].
//!
//! A task a connection, a task a pool of issuer groups (those that may be given the same requests,
//! mostly one) with all their links. An acquirer's task reads a batch, admits and routes it, and
//! hands each pool one batch (the hop right); the pool's task sends them, and hands each
//! connection one batch of answers (the hop left). No decision is made in this crate.
//!
//! ```text
//! VAN, POS ──▶ acquirers ──(Directory: batches)──▶ issuers ──▶ issuer host
//!          ◀──           ◀────────────────────────         ◀──
//! ```

mod acquirers;
mod admin;
mod cli;
pub mod config;
mod dead_letters;
mod directory;
mod files;
mod issuers;
mod journal;
mod latency;
mod members;
mod metrics;
mod reconcile;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use iso8583_link::accept::Acceptor;
use switch_core::{GroupId, Outbound, PoolId};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

pub use cli::main_with_args;
pub use config::Config;
pub use journal::JournalError;
pub use keyfile::{KeyFileError, generate as generate_key_file};

use crate::acquirers::Listener;
use crate::config::{Checked, CheckedGroup, CheckedJournal, ConfigError};
use crate::directory::{Directory, PoolQueue, Waiting};
use crate::issuers::Pool;
use crate::journal::Keeper;
use crate::latency::Latency;
use crate::reconcile::Reconciled;

/// Renders the metrics of the process.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// A switch whose ports are taken and which serves nobody yet.
#[derive(Debug)]
pub struct Switch {
    checked: Checked,
    listeners: Vec<Acceptor>,
    admin: TcpListener,
    addresses: Addresses,
    /// By [`PoolId`]: the machine, and what it records.
    machines: Vec<(Outbound, Option<Keeper>)>,
}

/// Where a switch listens.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// By the listener's name.
    pub listeners: HashMap<String, SocketAddr>,
    /// Metrics and health.
    pub admin: SocketAddr,
}

/// Why a switch does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The configuration cannot be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The journal is not to be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A journal has something left to do, or what repeats and reversals need, and nobody uses it.
    #[error(
        "journal {path} has something left (reversals, advices, requests without an outcome, or \
         what their repeats need: trace numbers and which issuer was given what), and no first \
         issuer of a pool is named {name:?} any more: start with the issuers and routes of \
         before; move the folder away only when nothing in it is to be told and none of its \
         requests can be repeated or reversed"
    )]
    LeftBehind {
        /// The folder.
        path: PathBuf,
        /// Its name.
        name: String,
    },
    /// A port cannot be taken.
    #[error("cannot listen on {address} ({what}; {hint}): {error}")]
    Listen {
        /// The address.
        address: String,
        /// Which of our listeners.
        what: String,
        /// How to choose another.
        hint: String,
        /// The system's words.
        error: std::io::Error,
    },
}

impl Switch {
    /// Checks the configuration and takes the ports.
    ///
    /// # Errors
    /// Names the option or the port.
    pub async fn bind(config: &Config) -> Result<Self, StartError> {
        let checked = config.check()?;
        let mut listeners = Vec::new();
        let mut addresses = HashMap::new();
        for listener in &checked.listeners {
            let hint = format!("--listen {}=HOST:PORT", listener.name);
            let what = format!("listener {}", listener.name);
            let (socket, address) = listen(&listener.address, what, hint).await?;
            addresses.insert(listener.name.clone(), address);
            listeners.push(Acceptor::new(socket, listener.connections_max));
        }
        let hint = "--admin HOST:PORT".to_owned();
        let (admin, address) = listen(&checked.admin, "admin".to_owned(), hint).await?;
        let addresses = Addresses {
            listeners: addresses,
            admin: address,
        };
        let machines = machines(&checked)?;
        Ok(Self {
            checked,
            listeners,
            admin,
            addresses,
            machines,
        })
    }

    /// Where it listens: of use where a port was left to the system.
    #[must_use]
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Serves until `shutdown` is cancelled: then stops accepting, lets what is in flight be
    /// answered (no longer than the drain time), signs off at the issuers and closes.
    pub async fn run(self, render: RenderMetrics, shutdown: CancellationToken) {
        metrics::describe();
        let latency = Arc::new(Latency::default());
        let reconciled = Arc::new(Reconciled::new());
        let (directory, queues) = self.directory();
        let issuers = TaskTracker::new();
        let drain_timeout = self.checked.drain_timeout;
        let leave = CancellationToken::new();
        let unknown = self.unknown();
        let pools = self.checked.pools().zip(queues).zip(self.machines);
        for (place, ((groups, queue), machine)) in pools.enumerate() {
            let pool = Pool::new(
                PoolId(place),
                &groups,
                machine,
                drain_timeout,
                queue,
                Arc::clone(&directory),
            );
            issuers.spawn(pool.run(leave.clone()));
        }
        let mut admin = tokio::spawn(admin::serve(
            self.admin,
            Arc::clone(&directory),
            Arc::clone(&latency),
            Arc::clone(&reconciled),
            render,
            unknown,
            leave.clone(),
        ));
        let acquirers = TaskTracker::new();
        for (acceptor, config) in self.listeners.into_iter().zip(&self.checked.listeners) {
            let listener = Listener::new(config, &self.checked, &directory, &latency, &reconciled);
            acquirers.spawn(listener.run(acceptor, acquirers.clone(), shutdown.clone()));
        }
        info!(listeners = ?self.addresses.listeners, admin = %self.addresses.admin, "switch is up");

        shutdown.cancelled().await;
        info!("switch drains");
        directory.set_stopping();
        acquirers.close();
        acquirers.wait().await;
        leave.cancel();
        issuers.close();
        issuers.wait().await;
        // A client that holds its connection open must not keep the switch from ending.
        if tokio::time::timeout(ADMIN_TIME, &mut admin).await.is_err() {
            admin.abort();
        }
        info!("switch is down");
    }

    /// Requests of which nobody knows what became, in words and without their cards.
    fn unknown(&self) -> Vec<String> {
        let all = self
            .machines
            .iter()
            .flat_map(|(outbound, _)| outbound.unknown());
        all.map(|unknown| {
            let group = self.checked.groups.get(usize::from(unknown.group.0));
            let issuer = group.map_or("", |group| &group.name);
            let since = jiff::Timestamp::from_second(unknown.since).unwrap_or_default();
            format!("{since} issuer {issuer} {}", unknown.reference())
        })
        .collect()
    }

    /// A pool's queue has the room of all its groups.
    fn directory(&self) -> (Arc<Directory>, Vec<Waiting>) {
        let room = |groups: Vec<(GroupId, &CheckedGroup)>| {
            groups
                .iter()
                .map(|(_, group)| group.queue_requests_max)
                .sum()
        };
        let queues = self
            .checked
            .pools()
            .map(|groups| PoolQueue::new(room(groups)));
        let (senders, receivers) = queues.unzip();
        let directory = Directory::new(senders, self.checked.groups.len());
        (Arc::new(directory), receivers)
    }
}

/// The machine of each pool, with its journal where there is one, and what that left to do.
fn machines(checked: &Checked) -> Result<Vec<(Outbound, Option<Keeper>)>, StartError> {
    let now = iso8583_link::now();
    let mut pools = HashSet::new();
    let mut machines = Vec::new();
    for groups in checked.pools() {
        let settings: Vec<_> = groups
            .iter()
            .map(|(id, group)| (*id, group.settings.clone()))
            .collect();
        let mut outbound = Outbound::new(checked.outbound.clone(), &settings);
        let keeper = match (&checked.journal, groups.first()) {
            (Some(journal), Some((_, first))) => {
                pools.insert(first.name.clone());
                let names: Vec<_> = groups
                    .iter()
                    .map(|(id, group)| (*id, group.name.clone()))
                    .collect();
                Some(Keeper::open(
                    journal,
                    &first.name,
                    &names,
                    now,
                    &mut outbound,
                )?)
            }
            _ => None,
        };
        machines.push((outbound, keeper));
    }
    match &checked.journal {
        Some(journal) => none_left_behind(journal, &pools)?,
        None => warn!(
            "no [journal]: reversals and requests in flight die with this process, no advice is \
             kept"
        ),
    }
    Ok(machines)
}

/// Journals of pools that are no more have nothing left to do, and nothing that is still needed.
fn none_left_behind(journal: &CheckedJournal, pools: &HashSet<String>) -> Result<(), StartError> {
    let folders = std::fs::read_dir(&journal.folder).into_iter().flatten();
    for folder in folders.flatten().filter(|folder| folder.path().is_dir()) {
        let name = folder.file_name().to_string_lossy().into_owned();
        if !pools.contains(&name) && Keeper::is_left_behind(journal, &name)? {
            let path = folder.path();
            return Err(StartError::LeftBehind { path, name });
        }
    }
    Ok(())
}

/// How long an admin client may keep its connection once the switch is down.
const ADMIN_TIME: Duration = Duration::from_secs(1);

async fn listen(
    address: &str,
    what: String,
    hint: String,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::Listen {
        address: address.to_owned(),
        what,
        hint,
        error,
    };
    let bound = match TcpListener::bind(address).await {
        Ok(listener) => listener.local_addr().map(|address| (listener, address)),
        Err(error) => Err(error),
    };
    bound.map_err(failed)
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
