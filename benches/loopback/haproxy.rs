//! HAProxy in TCP mode, where it is installed.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tempfile::TempDir;

use crate::process::Process;

/// How to get it.
pub(crate) const INSTALL: &str = "apt-get install haproxy";

const READY_TIME: Duration = Duration::from_secs(5);

/// A running HAProxy and its configuration.
#[derive(Debug)]
pub(crate) struct Haproxy {
    pub(crate) process: Process,
    _folder: TempDir,
}

impl Haproxy {
    /// In front of a responder, for so many connections; None where it is not installed.
    pub(crate) fn start(
        responder: SocketAddr,
        connections: usize,
        threads: usize,
    ) -> anyhow::Result<Option<Self>> {
        let mut version = Command::new("haproxy");
        if version.arg("-v").stdout(Stdio::null()).status().is_err() {
            return Ok(None);
        }
        // Free a moment ago: HAProxy cannot tell which port the system chose.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("haproxy.cfg");
        std::fs::write(&path, config(address, responder, connections, threads))?;
        let process = Process::started(spawn(&path)?, address);
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            ensure!(started.elapsed() < READY_TIME, "haproxy does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(Self {
            process,
            _folder: folder,
        }))
    }
}

/// What it needs and no more: no health checks, no logs.
fn config(
    address: SocketAddr,
    responder: SocketAddr,
    connections: usize,
    threads: usize,
) -> String {
    format!(
        "global\n    nbthread {threads}\n    maxconn {connections}\n\
         defaults\n    mode tcp\n    timeout connect 5s\n    timeout client 1h\n    \
         timeout server 1h\n\
         listen relay\n    bind {address}\n    server responder {responder}\n"
    )
}

fn spawn(config: &Path) -> anyhow::Result<std::process::Child> {
    // -db: one process, in the foreground.
    let mut haproxy = Command::new("haproxy");
    haproxy.arg("-db").arg("-f").arg(config);
    haproxy
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .context("starting haproxy")
}
