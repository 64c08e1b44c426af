//! The parts played beside the load generator.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use clap::ValueEnum;
use iso8583::element::ResponseCode;
use iso8583::{Dialect, Message};
use iso8583_link::{Event, Link, LinkConfig};
use switch::config::JournalConfig;
use switch::{Config, Switch};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// What a process does.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Role {
    /// An issuer that approves everything at once.
    Responder,
    /// The switch, with logs at `warn` and metrics on.
    Switch,
}

/// Any free port.
const ANY: &str = "127.0.0.1:0";

/// Plays a role until standard input ends: that is, until the starter is gone.
pub(crate) fn play(role: Role, issuer: Option<SocketAddr>) -> anyhow::Result<()> {
    telemetry::start_logs("warn", telemetry::LogFormat::Text)?;
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    match role {
        Role::Responder => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(respond()),
        // The runtime is the one of the program `switch`.
        Role::Switch => tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(switch(issuer.context("the switch needs --issuer")?)),
    }
}

async fn respond() -> anyhow::Result<()> {
    let listener = TcpListener::bind(ANY).await?;
    announce(listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(approve_all(stream));
    }
}

async fn approve_all(stream: TcpStream) -> anyhow::Result<()> {
    let config = LinkConfig {
        dialect: Dialect::iso87_ascii_binmap().name().to_owned(),
        ..LinkConfig::default()
    };
    let mut link: Link<()> = Link::new(stream, config.parse()?);
    let mut events = Vec::new();
    while link.next(&mut events).await.is_ok() {
        for event in events.drain(..) {
            if let Event::Request(request) = event
                && let Some(answer) = approve(&request)
            {
                link.answer(&answer)?;
            }
        }
    }
    Ok(())
}

/// Approved, with DE 38 repeating DE 11: so an answer to another's request is seen.
fn approve(request: &Message) -> Option<Message> {
    let mut answer = request.response(ResponseCode::APPROVED)?;
    answer.set(38, request.field(11)?);
    Some(answer)
}

async fn switch(issuer: SocketAddr) -> anyhow::Result<()> {
    let metrics = telemetry::start_metrics()?;
    // The sandbox's switch, with its VAN link alone, on ports and with a journal of its own.
    let folder = tempfile::tempdir()?;
    let key_file = folder.path().join("switch.key");
    switch::generate_key_file(&key_file)?;
    let mut config = Config {
        admin: ANY.to_owned(),
        journal: Some(JournalConfig {
            folder: folder.path().join("journal"),
            key_file,
            ..JournalConfig::default()
        }),
        ..Config::default()
    };
    config.listener.truncate(1);
    for listener in &mut config.listener {
        listener.address = ANY.to_owned();
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
