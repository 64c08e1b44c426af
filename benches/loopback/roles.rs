//! The parts played beside the load generator.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::ValueEnum;
use switch::config::JournalConfig;
use switch::{Config, Switch};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{relay, responder};

/// What a process does.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Role {
    /// An issuer that approves everything.
    Responder,
    /// A relay that looks at nothing.
    Relay,
    /// The switch, with logs at `warn` and metrics on.
    Switch,
}

/// What the part is played with.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Part {
    /// Where the switch keeps its journal.
    #[arg(long, hide = true)]
    folder: Option<PathBuf>,
    /// The responder's address, for switch and relay.
    #[arg(long, hide = true)]
    issuer: Option<SocketAddr>,
    /// How many requests a second the responder answers: absent, all at once.
    #[arg(long, value_name = "PER_SECOND")]
    pub(crate) responder_rate: Option<u32>,
}

/// Any free port.
const ANY: &str = "127.0.0.1:0";
/// Any free port, on all addresses: who comes from one address has 28,000 ports to one other.
const ANY_OF_ALL: &str = "0.0.0.0:0";

/// Connections of a listener: those of a run may come while those of the one before go.
const CONNECTIONS_MAX: usize = 50_000;

/// Plays a role until standard input ends: that is, until the starter is gone.
pub(crate) fn play(role: Role, part: &Part) -> anyhow::Result<()> {
    telemetry::start_logs("warn", telemetry::LogFormat::Text)?;
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let issuer = || part.issuer.context("--issuer is missing");
    // The runtime of switch and relay is the one of the program `switch`.
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    match role {
        Role::Responder => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(async {
                responder::run(listen(ANY_OF_ALL).await?, part.responder_rate).await
            }),
        Role::Relay => threads
            .enable_all()
            .build()?
            .block_on(async { relay::run(listen(ANY).await?, issuer()?).await }),
        Role::Switch => {
            let folder = part.folder.as_deref().context("--folder is missing")?;
            let runtime = threads.enable_all().build()?;
            runtime.block_on(switch(issuer()?, folder))
        }
    }
}

async fn listen(address: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await?;
    announce(listener.local_addr()?)?;
    Ok(listener)
}

async fn switch(issuer: SocketAddr, folder: &Path) -> anyhow::Result<()> {
    let metrics = telemetry::start_metrics()?;
    // The sandbox's switch, with its VAN link alone, on ports and with a journal of its own.
    let key_file = folder.join("switch.key");
    switch::generate_key_file(&key_file)?;
    let mut config = Config {
        admin: ANY.to_owned(),
        journal: Some(JournalConfig {
            folder: folder.join("journal"),
            key_file,
            ..JournalConfig::default()
        }),
        ..Config::default()
    };
    config.listener.truncate(1);
    for listener in &mut config.listener {
        listener.address = ANY.to_owned();
        listener.connections_max = CONNECTIONS_MAX;
    }
    for group in &mut config.issuer {
        group.addresses = vec![issuer.to_string()];
    }
    let switch = Switch::bind(&config).await?;
    let address = switch.addresses().listeners.values().next();
    announce(*address.context("the listener has an address")?)?;
    let render = Arc::new(move || metrics.render());
    switch.run(render, CancellationToken::new()).await;
    Ok(())
}

fn announce(address: SocketAddr) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{address}")?;
    Ok(stdout.flush()?)
}
