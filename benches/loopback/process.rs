//! A process of this program in another role.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;

/// Runs until it is dropped, or its starter dies.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Where it listens: the first line it prints.
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts this program with these arguments.
    pub(crate) fn start(args: &[&str]) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("this program's own path")?;
        let mut child = Command::new(program)
            .args(args)
            // Never written to: its end tells the child that we are gone.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {args:?}"))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        match line.trim().parse() {
            Ok(address) => Ok(Self { child, address }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error).with_context(|| format!("{args:?} printed {line:?}, not its address"))
            }
        }
    }

    /// User and system time it has used.
    pub(crate) fn cpu_time(&self) -> anyhow::Result<Duration> {
        cpu_time(&self.child.id().to_string())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// User and system time this process has used.
pub(crate) fn own_cpu_time() -> anyhow::Result<Duration> {
    cpu_time("self")
}

fn cpu_time(process: &str) -> anyhow::Result<Duration> {
    let path = format!("/proc/{process}/stat");
    let stat = std::fs::read_to_string(&path).context(path)?;
    // The name, in parentheses, may hold anything: fields are counted behind it (proc(5): utime
    // is the 14th, stime the 15th, the state behind the name the 3rd).
    let (_, fields) = stat
        .rsplit_once(") ")
        .context("/proc stat without a name")?;
    let ticks = fields
        .split(' ')
        .skip(11)
        .take(2)
        .map(str::parse::<u64>)
        .sum::<Result<u64, _>>()?;
    Ok(Duration::from_nanos(
        ticks * 1_000_000_000 / rustix::param::clock_ticks_per_second(),
    ))
}
