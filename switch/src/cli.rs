//! The command line of the `switch` program.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{Config, Switch};

/// The ISO 8583 card-authorization switch.
#[derive(Debug, Parser)]
#[command(name = "switch", version)]
struct Args {
    /// Configuration file; without one the sandbox's configuration is used.
    #[arg(long, env = "SWITCH_CONFIG")]
    config: Option<PathBuf>,
    /// Check the configuration, print it and exit.
    #[arg(long)]
    check_config: bool,
    /// Another address for a listener: NAME=HOST:PORT. May be given several times.
    #[arg(long, value_name = "NAME=HOST:PORT")]
    listen: Vec<String>,
    /// Other addresses for an issuer: NAME=HOST:PORT,HOST:PORT. May be given several times.
    #[arg(long, value_name = "NAME=HOST:PORT,...")]
    issuer: Vec<String>,
    /// Another address for metrics and health: HOST:PORT.
    #[arg(long, value_name = "HOST:PORT")]
    admin: Option<String>,
    /// Log lines as JSON objects.
    #[arg(long)]
    log_json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make the key file under which the journal is sealed.
    Keygen {
        /// The file: 32 random bytes, mode 0600.
        #[arg(long, value_name = "FILE")]
        key_file: PathBuf,
    },
}

/// Runs the program with these arguments, the first being its name.
pub fn main_with_args(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(usage) => usage.exit(),
    };
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "switch: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(Command::Keygen { key_file }) = &args.command {
        return Ok(keyfile::generate(key_file)?);
    }
    let config = configuration(args)?;
    if args.check_config {
        config.check()?;
        let text = toml::to_string(&config).context("printing the configuration")?;
        return writeln!(std::io::stdout(), "{text}").context("writing to standard output");
    }
    let format = if args.log_json {
        telemetry::LogFormat::Json
    } else {
        telemetry::LogFormat::Text
    };
    telemetry::start_logs("info", format)?;
    if let Err(too_few) = crate::files::allow(&config) {
        warn!(%too_few, "not all connections can be taken");
    }
    let metrics = telemetry::start_metrics()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let switch = Switch::bind(&config).await?;
        let shutdown = CancellationToken::new();
        tokio::spawn(until_signalled(shutdown.clone()));
        switch
            .run(Arc::new(move || metrics.render()), shutdown)
            .await;
        Ok(())
    })
}

fn configuration(args: &Args) -> anyhow::Result<Config> {
    let mut config = match &args.config {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("reading {}", path.display()))?;
            toml::from_str(&text).with_context(|| format!("in {}", path.display()))?
        }
        None => Config::default(),
    };
    for option in &args.listen {
        let (name, address) = named(option, "--listen")?;
        let listener = config
            .listener
            .iter_mut()
            .find(|listener| listener.name == name);
        let listener = listener.with_context(|| format!("--listen: no listener named {name:?}"))?;
        address.clone_into(&mut listener.address);
    }
    for option in &args.issuer {
        let (name, addresses) = named(option, "--issuer")?;
        let issuer = config.issuer.iter_mut().find(|issuer| issuer.name == name);
        let issuer = issuer.with_context(|| format!("--issuer: no issuer named {name:?}"))?;
        issuer.addresses = addresses.split(',').map(str::to_owned).collect();
    }
    if let Some(admin) = &args.admin {
        admin.clone_into(&mut config.admin);
    }
    Ok(config)
}

fn named<'a>(option: &'a str, flag: &str) -> anyhow::Result<(&'a str, &'a str)> {
    option
        .split_once('=')
        .with_context(|| format!("{flag} {option}: expected NAME=HOST:PORT"))
}

/// Ctrl-C or SIGTERM.
async fn until_signalled(shutdown: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let interrupt = tokio::signal::ctrl_c();
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = interrupt => {}
            _ = terminate.recv() => {}
        },
        Err(_) => {
            let _ = interrupt.await;
        }
    }
    shutdown.cancel();
}
