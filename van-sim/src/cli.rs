//! The `van-sim` command.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use iso8583::crypto::TdesKey;
use tokio_util::sync::CancellationToken;

use crate::Van;
use crate::config::Config;

/// The VAN: takes approval requests of malls (HTTP) to the card network (ISO 8583).
#[derive(Debug, Parser)]
#[command(name = "van-sim", version)]
pub struct Args {
    /// The configuration file; without it, every option has its default.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where malls reach the HTTP API [default: 127.0.0.1:8700].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// The switch, as host and port [default: 127.0.0.1:8583].
    #[arg(long, value_name = "ADDRESS")]
    switch: Option<String>,
    /// The key card passwords travel under, 32 hex digits.
    #[arg(
        long,
        env = "VAN_SIM_PIN_ZONE_KEY",
        hide = true,
        hide_env_values = true
    )]
    pin_zone_key: Option<TdesKey>,
    /// Print the configuration as understood, secrets masked, and stop.
    #[arg(long)]
    check_config: bool,
}

impl Args {
    fn config(self) -> anyhow::Result<Config> {
        let mut config = Config::load(self.config.as_deref())?;
        config.listen = self.listen.unwrap_or(config.listen);
        config.switch = self.switch.unwrap_or(config.switch);
        config.pin_zone_key = self.pin_zone_key.unwrap_or(config.pin_zone_key);
        config.check()?;
        Ok(config)
    }
}

/// Runs the command to its end: what `main` is, here or in a program of several.
#[must_use]
pub fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell where standard error is closed.
            let _ = writeln!(std::io::stderr(), "van-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> anyhow::Result<()> {
    let check_only = args.check_config;
    let config = args.config()?;
    if check_only {
        let printed = toml::to_string(&config).context("printing the configuration")?;
        return Ok(std::io::stdout().write_all(printed.as_bytes())?);
    }
    telemetry::start_logs("info", telemetry::LogFormat::Text)?;
    let metrics = telemetry::start_metrics()?;
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    runtime.block_on(async {
        let van = Van::bind(config).await?;
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let serve = van.run(std::sync::Arc::new(move || metrics.render()), shutdown);
        let stop_when_asked = async {
            asked_to_stop().await;
            stop.cancel();
        };
        tokio::join!(serve, stop_when_asked);
        Ok(())
    })
}

/// Ctrl-C, or the signal a service manager stops programs with.
async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};

    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => signals.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(args: &[&str]) -> anyhow::Result<Config> {
        Args::try_parse_from([&["van-sim"], args].concat())?.config()
    }

    #[test]
    fn flags_stand_above_the_file() {
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/van.example.toml");
        let args = [
            "--config",
            example,
            "--listen",
            "127.0.0.1:1",
            "--switch",
            "host:2",
        ];
        let config = config(&args).unwrap();
        assert_eq!(config.listen.port(), 1);
        assert_eq!(config.switch, "host:2");
        assert_eq!(config.mall, Config::default().mall);
    }

    #[test]
    fn err_a_file_that_is_not_there_is_named() {
        let error = config(&["--config", "nowhere.toml"])
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("nowhere.toml: No such file"), "{error}");
    }
}
