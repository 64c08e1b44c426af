//! Issuer and switch as processes of their own, on ports nobody else has.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::acquirer::Acquirer;
use crate::issuer::Issuer;
use crate::process::Process;
use crate::{eventually, http};

/// The programs to run, as cargo built them for the test.
#[derive(Clone, Copy, Debug)]
pub struct Programs {
    /// Path of `issuer-process`.
    pub issuer: &'static str,
    /// Path of `switch-process`.
    pub switch: &'static str,
}

/// An issuer and a switch in front of it.
#[derive(Debug)]
pub struct World {
    programs: Programs,
    folder: TempDir,
    /// Where VANs connect.
    pub van: String,
    /// Where terminals connect.
    pub pos: String,
    /// The issuer's office API.
    pub office: String,
    /// The switch's metrics and health.
    pub admin: String,
    /// The issuer.
    pub issuer: Issuer,
    /// Another issuer, with books of its own, that runs only where it is started.
    pub backup: Issuer,
    switch: Option<Process>,
    answers_kept_for: &'static str,
}

impl World {
    /// A world that is up, with a short deadline for the issuer.
    #[must_use]
    pub fn start(programs: Programs) -> Self {
        Self::start_with(programs, "")
    }

    /// The same, with more options for the switch's VAN listener (`[listener.link]`).
    #[must_use]
    pub fn start_with(programs: Programs, van_link: &str) -> Self {
        Self::start_listening(programs, "", van_link)
    }

    /// The same, with more options for the VAN listener itself (`[[listener]]`) as well.
    #[must_use]
    pub fn start_listening(programs: Programs, van: &str, van_link: &str) -> Self {
        let mut world = Self::new(programs);
        let tables = world.one_issuer();
        world.start_all(van, van_link, &tables);
        world
    }

    /// A world whose switch keeps answers for repeats. Others do not, so that their tests see what
    /// the issuer says.
    #[must_use]
    pub fn start_keeping_answers(programs: Programs) -> Self {
        let mut world = Self::new(programs);
        world.answers_kept_for = "1m";
        let tables = world.one_issuer();
        world.start_all("", "", &tables);
        world
    }

    fn one_issuer(&self) -> String {
        format!(
            "[[issuer]]\nname = 'prepaid'\naddresses = [{:?}]\n{}\
             [[route]]\nname = 'sandbox'\nprefixes = ['999999']\nissuers = ['prepaid']\n\
             [[route]]\nname = 'unserved'\nprefixes = ['888888']\n",
            self.issuer.host, ISSUER_OPTIONS,
        )
    }

    /// A world with both issuers, and these `[[issuer]]` and `[[route]]` tables for the switch,
    /// made of it.
    #[must_use]
    pub fn start_routed(programs: Programs, tables: impl FnOnce(&Self) -> String) -> Self {
        let mut world = Self::new(programs);
        world.backup.start();
        let tables = tables(&world);
        world.start_all("", "", &tables);
        world
    }

    fn new(programs: Programs) -> Self {
        let [van, pos, admin, host, office, backup_host, backup_office] = free_addresses();
        let folder = TempDir::new().unwrap();
        let issuer = |name, host, office| {
            Issuer::new(programs.issuer, folder.path().join(name), host, office)
        };
        Self {
            issuer: issuer("issuer", host, office.clone()),
            backup: issuer("backup", backup_host, backup_office),
            programs,
            folder,
            van,
            pos,
            office,
            admin,
            switch: None,
            answers_kept_for: "0s",
        }
    }

    fn start_all(&mut self, van: &str, van_link: &str, tables: &str) {
        self.write_config(van, van_link, tables);
        let made = Command::new(self.programs.switch)
            .args(["keygen", "--key-file"])
            .arg(self.path("switch.key"))
            .status();
        assert!(made.unwrap().success(), "keygen");
        self.start_issuer();
        self.start_switch();
        self.until_ready();
    }

    /// A connection to the VAN link.
    #[must_use]
    pub fn van(&self) -> Acquirer {
        Acquirer::van(&self.van)
    }

    /// A connection to the POS link.
    #[must_use]
    pub fn pos(&self) -> Acquirer {
        Acquirer::pos(&self.pos)
    }

    /// Starts the issuer.
    pub fn start_issuer(&mut self) {
        self.issuer.start();
    }

    /// Starts the switch.
    pub fn start_switch(&mut self) {
        let args = ["--config".into(), self.path("switch.toml").into_os_string()];
        let log = self.path("switch.toml.log");
        self.switch = Some(Process::start(Path::new(self.programs.switch), &args, &log));
    }

    /// `kill -9` of the issuer.
    pub fn kill_issuer(&mut self) {
        self.issuer.kill();
        // Or what comes next might be sent on a link that is no more.
        eventually("the switch notices", || {
            self.metric("switch_issuer_up") == 0
        });
    }

    /// `kill -9` of the switch.
    pub fn kill_switch(&mut self) {
        self.switch.take().expect("the switch runs").kill();
    }

    /// Freezes the issuer as it is (SIGSTOP), or lets it go on (SIGCONT).
    pub fn stop_issuer(&self, stopped: bool) {
        self.issuer.stop(stopped);
    }

    /// SIGTERM to the switch; panics where it does not end well.
    pub fn end_switch(&mut self) {
        self.switch.take().expect("the switch runs").terminate();
    }

    /// SIGTERM to both, the switch first; panics where one does not end well.
    pub fn terminate(&mut self) {
        self.end_switch();
        self.issuer.terminate();
    }

    /// Waits until the switch has an issuer.
    pub fn until_ready(&mut self) {
        let admin = self.admin.clone();
        eventually("the switch is ready", || {
            self.issuer.check();
            if let Some(process) = &mut self.switch {
                assert!(process.is_running(), "it ended: {}", process.log());
            }
            http::get(&admin, "/readyz").is_some_and(|(status, _)| status == 200)
        });
    }

    /// The value of a metric of the switch; 0 where it has none with these labels. Panics where no
    /// metric has this name: what is waited for would never come, or be there at once.
    #[must_use]
    pub fn metric(&self, name_and_labels: &str) -> u64 {
        let (_, page) = http::get(&self.admin, "/metrics").expect("the switch answers");
        let name = name_and_labels.split('{').next().unwrap();
        // That one has a label for each reason, and is not there before the first.
        let known = page.contains(name) || name == "switch_links_closed_total";
        assert!(known, "there is no metric {name}");
        let line = page.lines().find(|line| line.starts_with(name_and_labels));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
            .unwrap_or(0)
    }

    /// Lets the issuer fall silent, or speak again.
    pub fn silence(&self, order: &Value) {
        let _ = http::post(&self.office, "/v1/sandbox/silence", order);
    }

    /// The office's view of a card.
    #[must_use]
    pub fn card(&self, pan: &str) -> Value {
        self.issuer.card(pan)
    }

    /// What the issuer's ledger has on a card.
    #[must_use]
    pub fn balance(&self, pan: &str) -> i64 {
        self.issuer.balance(pan)
    }

    /// Everything that was logged and written so far: logs, journal, metrics.
    #[must_use]
    pub fn all_output(&self) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push((path.display().to_string(), std::fs::read(&path).unwrap()));
                }
            }
        }
        let (_, page) = http::get(&self.admin, "/metrics").expect("the switch answers");
        files.push(("metrics".to_owned(), page.into_bytes()));
        files
    }

    /// A file or folder of the switch.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write_config(&self, van: &str, van_link: &str, tables: &str) {
        let switch = format!(
            "admin = {:?}\ndrain_timeout = '3s'\n\
             [reconciliation]\nremembered_max = 8192\n[repeats]\ntime = {:?}\n\
             [journal]\nfolder = {:?}\nkey_file = {:?}\nsegment_bytes = 1048576\n\
             checkpoint_bytes = 4194304\nlow_water_bytes = 1048576\n\
             [[listener]]\nname = 'van'\naddress = {:?}\nacquirer = '900001'\n{van}\n\
             [listener.link]\ndialect = 'iso87-ascii'\n{van_link}\n\
             [[listener]]\nname = 'pos'\naddress = {:?}\nacquirer = '900002'\n\
             [listener.link]\ndialect = 'iso87-bcd'\ntpdu = true\n{tables}",
            self.admin,
            self.answers_kept_for,
            self.path("switch-data"),
            self.path("switch.key"),
            self.van,
            self.pos,
        );
        std::fs::write(self.path("switch.toml"), switch).unwrap();
    }
}

/// Of a `[[issuer]]` table: reversals and deadlines that do not keep tests waiting.
pub const ISSUER_OPTIONS: &str = "forward.retry = '200ms'\ntransactions_max = 8192\n\
    [issuer.link]\ndialect = 'iso87-ascii-binmap'\nsign_on = true\n\
    answer_timeout = '2s'\ninstitution = '999001'\n";

/// Ports that were free a moment ago, taken together so that they differ.
fn free_addresses<const N: usize>() -> [String; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().to_string())
}
