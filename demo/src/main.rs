//! All parties on loopback: what a bare `cargo run --release` starts.
//!
//! It starts issuer, switch and VAN in this process, plays a script against them over TCP with
//! cards of its own, prints a masked transcript, proves the ledger balanced, and then stays up for
//! whoever wants to connect. `--once` ends after the summary: 0 only if every step came out as it
//! must.

mod args;
mod http;
mod script;
mod summary;
mod transcript;
mod world;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::Args;
use crate::transcript::Transcript;
use crate::world::World;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<ExitCode> {
    // The transcript is what people read; logs are for when something is wrong.
    telemetry::start_logs("error", telemetry::LogFormat::Text)?;
    let metrics = telemetry::start_metrics()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let world = World::start(args, metrics).await?;
        let mut transcript = Transcript::new(args.color());
        let played = play(&world, &mut transcript).await;
        if played.is_ok() && !args.once {
            summary::how_to_connect(&world, &mut transcript);
            until_stopped().await.context("waiting for Ctrl-C")?;
            transcript.line("\nstopping: what is in flight is answered, then all parties close");
        }
        world.stop().await;
        played?;
        let as_it_must = transcript.failures() == 0;
        Ok(if as_it_must {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    })
}

/// Ctrl-C, or SIGTERM.
async fn until_stopped() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

async fn play(world: &World, transcript: &mut Transcript) -> anyhow::Result<()> {
    transcript.title("Pansori: anonymous prepaid cards, authorized through the switch");
    let played = script::play(world, transcript).await?;
    summary::print(world, &played, transcript).await
}
