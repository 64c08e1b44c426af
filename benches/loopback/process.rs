//! The processes that are measured: this program in another role, or HAProxy.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Runs until it is dropped, or its starter dies.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Where it listens.
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

    /// A process that was started already and is to listen there.
    pub(crate) const fn started(child: Child, address: SocketAddr) -> Self {
        Self { child, address }
    }

    /// User and system time it has used, all its threads together.
    pub(crate) fn cpu_time(&self) -> anyhow::Result<Duration> {
        cpu_time(&self.child.id().to_string())
    }

    /// Bytes of memory it holds (VmRSS).
    pub(crate) fn resident_bytes(&self) -> anyhow::Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&path).context(path)?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.context("/proc status without VmRSS")?;
        let kibibytes = kibibytes.trim().trim_end_matches(" kB");
        Ok(kibibytes.parse::<u64>()? * 1_024)
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

/// Files a process has open beside its connections.
const OTHER_FILES: u64 = 250;

/// Lets this process, and those it starts, have so many sockets, or as many as the system lets
/// them have: how many that is.
pub(crate) fn allow_sockets(sockets: usize) -> anyhow::Result<usize> {
    let wanted = u64::try_from(sockets)? + OTHER_FILES;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Root may raise the maximum as well, unless it is one of a container.
    let more = maximum.map(|maximum| maximum.max(wanted));
    for maximum in [more, maximum] {
        let files = maximum.map_or(wanted, |maximum| maximum.min(wanted));
        let limit = Rlimit {
            current: current.map(|current| current.max(files)),
            maximum,
        };
        if setrlimit(Resource::Nofile, limit).is_ok() {
            break;
        }
    }
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    Ok(usize::try_from(allowed.saturating_sub(OTHER_FILES))?)
}
