//! The program: from a configuration to a running issuer, and to its end.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use ::journal::{Position, RealDisk};
use durable::make_folder;
use iso8583::crypto::TdesKey;
use iso8583_link::LinkConfigError;
use iso8583_link::accept::Acceptor;
use keyfile::{KeyFileError, owner_only};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};
use zeroize::Zeroizing;

use crate::books::Books;
use crate::clock::Now;
use crate::config::{Config, ConfigError};
use crate::desk::Desk;
use crate::faults::Faults;
use crate::handler::Reader;
use crate::host::Host;
use crate::hsm::SoftwareHsm;
use crate::office::{self, Office};
use crate::sandbox::{self, SeedError};
use crate::store::archive::Archive;
use crate::store::journal::{Journal, OpenError};
use crate::vault::{PROGRAM, Vault};

/// What the process lends to the program: one process may run several programs with one recorder.
#[derive(Clone, Default)]
pub struct Services {
    /// Renders the metrics page; without it `/metrics` answers 404.
    pub metrics_page: Option<Arc<dyn Fn() -> String + Send + Sync>>,
}

impl std::fmt::Debug for Services {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "Services {{ metrics_page: {} }}",
            self.metrics_page.is_some()
        )
    }
}

/// An issuer that is up.
#[derive(Debug)]
pub struct Running {
    /// Where the host link listens.
    pub host: SocketAddr,
    /// Where the office API listens.
    pub office: SocketAddr,
    tasks: TaskTracker,
    ledger: JoinHandle<()>,
}

/// Why the issuer does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An option of the host link.
    #[error("[host.link] is not valid")]
    Link(#[from] LinkConfigError),
    /// The key file.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// No zone key outside the sandbox.
    #[error("no zone key: name zone_key_file in the configuration, or start with --sandbox")]
    NoZoneKey,
    /// The zone key file.
    #[error("zone key file {path} does not hold 32 hex digits for its owner alone (mode 0600)")]
    ZoneKey {
        /// The file.
        path: PathBuf,
    },
    /// The data folder.
    #[error("data folder {path} cannot be made")]
    Data {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The journal.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// A journal of before 0.2.
    #[error(
        "{path} is a journal of format 1, which this version does not read: move it away to begin \
         anew, or go on with the version that wrote it"
    )]
    OldJournal {
        /// The file.
        path: PathBuf,
    },
    /// The archive.
    #[error("archive folder {path} cannot be made")]
    Archive {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The cards of the sandbox.
    #[error("the sandbox cannot be filled")]
    Seed(#[from] SeedError),
    /// A port.
    #[error("cannot listen on {address} (change it with {flag})")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The flag that changes it.
        flag: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No thread for the ledger.
    #[error("no thread for the ledger")]
    Thread(#[source] io::Error),
}

/// Starts an issuer: opens its keys and journal, fills a fresh sandbox, listens. It runs until
/// `shutdown`, then drains; [`Running::finished`] waits for that.
///
/// # Errors
/// [`StartError`]; nothing is left running then.
pub async fn start(
    config: Config,
    services: Services,
    shutdown: CancellationToken,
) -> Result<Running, StartError> {
    config.check()?;
    let settings = config.host.link.parse()?;
    let vault = Vault::open(&config.key_file)?;
    let reader = Arc::new(Reader {
        hsm: SoftwareHsm::new(zone_key(&config)?, vault.pvk().clone()),
        vault,
    });
    let host = listen(config.host.listen, "--listen").await?;
    let office_listener = listen(config.office.listen, "--office").await?;
    let (host_address, office_address) = (host.1, office_listener.1);
    let (books, journal) = open_books(&config, &reader)?;
    let (desk, ledger) =
        Desk::open(books, journal, config.desk_limits()).map_err(StartError::Thread)?;
    let faults = Faults::default();
    let tasks = TaskTracker::new();
    let host_link = Host {
        reader: Arc::clone(&reader),
        desk: desk.clone(),
        faults: faults.clone(),
        settings,
        batches_max: config.host.batches_max,
        drain: config.host.drain,
    };
    let acceptor = Acceptor::new(host.0, config.host.connections_max);
    tasks.spawn(host_link.serve(acceptor, shutdown.clone()));
    let office = Office {
        reader,
        desk,
        faults,
        services,
        sandbox: config.sandbox,
        config: config.office,
    };
    tasks.spawn(office::serve(office, office_listener.0, shutdown));
    tasks.close();
    info!(host = %host_address, office = %office_address, sandbox = config.sandbox, "issuer is up");
    Ok(Running {
        host: host_address,
        office: office_address,
        tasks,
        ledger,
    })
}

impl Running {
    /// Waits until the issuer has drained and all that it promised is durable.
    pub async fn finished(self) {
        self.tasks.wait().await;
        // The ledger thread ends when the last task that could ask it is gone.
        let joined = tokio::task::spawn_blocking(move || self.ledger.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            warn!("the ledger thread did not end well");
        }
        info!("issuer is down");
    }
}

fn open_books(config: &Config, reader: &Reader) -> Result<(Books, Journal), StartError> {
    make_folder(&config.data).map_err(|source| StartError::Data {
        path: config.data.clone(),
        source,
    })?;
    let path = config.data.join(OLD_JOURNAL);
    if path.is_file() {
        return Err(StartError::OldJournal { path });
    }
    let ledger = config.data.join(LEDGER);
    let disk = RealDisk::open(&ledger).map_err(OpenError::from)?;
    let settings = config.store(reader.vault.key_check());
    let opened = Journal::open(Arc::new(disk), settings, config.policy())?;
    let (mut books, mut journal) = (opened.books, opened.journal);
    let cut = opened.recovered.cut_bytes;
    if cut > 0 {
        warn!(
            bytes = cut,
            "the journal ended in a torn tail, which was cut off: none of it was answered"
        );
    }
    journal
        .keep(opened.keeper, archive(config, ledger)?)
        .map_err(StartError::Thread)?;
    if config.sandbox && books.cards_len() == 0 {
        let now = Now::from_clock(books.newest());
        sandbox::seed(&mut books, &mut journal, reader, now)?;
    }
    info!(
        snapshot = opened.snapshot.map(Position::bytes),
        records = opened.recovered.records,
        cards = books.cards_len(),
        keys = books.keys_len(),
        "books are open"
    );
    Ok((books, journal))
}

fn archive(config: &Config, ledger: PathBuf) -> Result<Option<Archive>, StartError> {
    let keep = config.journal.archive_keep;
    if keep.is_zero() {
        return Ok(None);
    }
    let path = config.data.join(ARCHIVE);
    let archive = Archive::open(ledger, path.clone(), keep);
    let archive = archive.map_err(|source| StartError::Archive { path, source })?;
    Ok(Some(archive))
}

fn zone_key(config: &Config) -> Result<TdesKey, StartError> {
    let path = &config.zone_key_file;
    let unusable = || StartError::ZoneKey { path: path.clone() };
    if path.as_os_str().is_empty() {
        return if config.sandbox {
            sandbox::ZONE_KEY.parse().map_err(|_| unusable())
        } else {
            Err(StartError::NoZoneKey)
        };
    }
    let mut text = Zeroizing::new(String::new());
    owner_only(path, PROGRAM)
        .map_err(|_| unusable())?
        .read_to_string(&mut text)
        .map_err(|_| unusable())?;
    text.trim().parse().map_err(|_| unusable())
}

async fn listen(
    address: SocketAddr,
    flag: &'static str,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let error = |source| StartError::Listen {
        address,
        flag,
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(error)?;
    let bound = listener.local_addr().map_err(error)?;
    Ok((listener, bound))
}

/// Of the data folder: segments and snapshots.
pub(crate) const LEDGER: &str = "ledger";
/// Of the data folder: segments that a start does not need.
pub(crate) const ARCHIVE: &str = "archive";
/// What the ledger was before 0.2: one file.
const OLD_JOURNAL: &str = "journal";
