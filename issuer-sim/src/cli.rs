//! The command line: `issuer-sim [flags]`, `issuer-sim keygen --key-file F`,
//! `issuer-sim journal verify | dump | replay`.

use std::io::{BufWriter, ErrorKind, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::inspect::Ledger;
use crate::metrics;
use crate::program::{self, ARCHIVE, LEDGER, Services};
use crate::vault::Vault;

/// The financial system: anonymous prepaid cards on a durable ledger.
#[derive(Debug, Parser)]
#[command(name = "issuer-sim", version)]
pub(crate) struct Arguments {
    /// Configuration file; every option is in issuer.example.toml.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Folder of the ledger.
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    /// Address of the host link.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Address of the office API.
    #[arg(long, value_name = "ADDRESS")]
    office: Option<SocketAddr>,
    /// Key file: 32 random bytes, mode 0600.
    #[arg(long, value_name = "FILE", global = true)]
    key_file: Option<PathBuf>,
    /// Cards for everybody in a fresh data folder, faults on demand.
    #[arg(long)]
    sandbox: bool,
    /// Print the configuration that would hold, and stop.
    #[arg(long)]
    check_config: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key file.
    Keygen,
    /// Look into a ledger that no issuer has open; nothing is changed, nothing secret shown.
    Journal {
        #[command(subcommand)]
        look: Look,
    },
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Look {
    /// Read every segment and snapshot, archive and all; fails where one is damaged.
    Verify,
    /// Print every record as a line of JSON.
    Dump,
    /// Build the books as a start does, and from the first record if it is there; fails where the
    /// two differ.
    Replay,
}

impl Arguments {
    /// The configuration file with the flags over it.
    ///
    /// # Errors
    /// Where the file is not valid.
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        let mut config = match &self.config {
            Some(path) => Config::load(path)?,
            None => Config::default(),
        };
        if let Some(data) = &self.data {
            config.data.clone_from(data);
        }
        if let Some(key_file) = &self.key_file {
            config.key_file.clone_from(key_file);
        }
        config.host.listen = self.listen.unwrap_or(config.host.listen);
        config.office.listen = self.office.unwrap_or(config.office.listen);
        config.sandbox |= self.sandbox;
        config.check()?;
        Ok(config)
    }
}

/// The whole program, with the arguments of the process. Another package may wrap it in a binary
/// of its own.
#[must_use]
pub fn main_with_args() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the last word to whoever started it")]
            {
                eprintln!("issuer-sim: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let config = arguments.config()?;
    match arguments.command {
        Some(Command::Keygen) => return Ok(keyfile::generate(&config.key_file)?),
        Some(Command::Journal { look }) => return inspect(&config, look),
        None => {}
    }
    if arguments.check_config {
        #[expect(clippy::print_stdout, reason = "what was asked for")]
        {
            print!("{}", toml::to_string(&config)?);
        }
        return Ok(());
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no runtime")?
        .block_on(serve(config))
}

fn inspect(config: &Config, look: Look) -> anyhow::Result<()> {
    let identity = Vault::open(&config.key_file)?.key_check();
    let (ledger, archive) = (config.data.join(LEDGER), config.data.join(ARCHIVE));
    let ledger = Ledger::open(&ledger, &archive, identity, config.policy())?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    match look {
        Look::Verify => ledger.verify(&mut out)?,
        Look::Dump => ledger.dump(&mut out)?,
        Look::Replay => ledger.replay(&mut out)?,
    }
    match out.flush() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    telemetry::start_logs("info", telemetry::LogFormat::Text)?;
    let recorder = telemetry::start_metrics()?;
    metrics::describe();
    let services = Services {
        metrics_page: Some(Arc::new(move || recorder.render())),
    };
    let shutdown = CancellationToken::new();
    let running = program::start(config, services, shutdown.clone()).await?;
    stop_signal().await?;
    shutdown.cancel();
    running.finished().await;
    Ok(())
}

/// Ctrl-C, or what an init system sends.
async fn stop_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
