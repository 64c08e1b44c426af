//! A program of ours as a child process.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::eventually;

/// A running program; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it, with all it logs (at debug) in a file.
    #[must_use]
    pub fn start(program: &Path, args: &[OsString], log: &Path) -> Self {
        let output = File::options().create(true).append(true).open(log).unwrap();
        let child = Command::new(program)
            .args(args)
            .env("RUST_LOG", "debug")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        Self {
            child,
            log: log.to_owned(),
        }
    }

    /// Ends it at once, as a power cut would: `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits: SIGTERM. Panics where it does not end well.
    pub fn terminate(mut self) {
        self.signal("-TERM");
        let mut ended = None;
        eventually("the program ends when asked to", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        });
        let ended = ended.expect("it has ended");
        assert!(ended.success(), "{ended}: {}", self.log());
    }

    /// Sends it a signal, as `kill` names it.
    pub fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success(), "kill {signal} {id}");
    }

    /// Freezes it as it is, and waits until all its threads stand, or lets it go on.
    pub fn stop(&self, stopped: bool) {
        self.signal(if stopped { "-STOP" } else { "-CONT" });
        let threads = format!("/proc/{}/task", self.child.id());
        let stands = |thread: std::io::Result<std::fs::DirEntry>| {
            let status = thread.map(|thread| thread.path().join("stat"));
            let status = status.and_then(std::fs::read_to_string);
            // "7 (name) T …"; a thread that ended meanwhile stands as well.
            status.map_or(true, |status| status.contains(") T "))
        };
        eventually("it stands, or goes on", || {
            let mut threads = std::fs::read_dir(&threads).unwrap();
            threads.all(stands) == stopped
        });
    }

    /// Is it still there?
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
