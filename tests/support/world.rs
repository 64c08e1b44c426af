//! Issuer and switch as processes of their own, on ports nobody else has.

use std::ffi::OsString;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::acquirer::Acquirer;
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
    host: String,
    issuer: Option<Process>,
    switch: Option<Process>,
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
        let [van, pos, office, admin, host] = free_addresses();
        let folder = TempDir::new().unwrap();
        let mut world = Self {
            programs,
            folder,
            van,
            pos,
            office,
            admin,
            host,
            issuer: None,
            switch: None,
        };
        world.write_configs(van_link);
        let keygen = ["keygen", "--key-file"].map(OsString::from).into_iter();
        let keygen = keygen.chain([world.path("issuer.key").into_os_string()]);
        let made = std::process::Command::new(programs.issuer)
            .args(keygen)
            .status()
            .unwrap();
        assert!(made.success(), "keygen");
        world.start_issuer();
        world.start_switch();
        world.until_ready();
        world
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
        self.issuer = Some(self.program(self.programs.issuer, "issuer.toml"));
    }

    /// Starts the switch.
    pub fn start_switch(&mut self) {
        self.switch = Some(self.program(self.programs.switch, "switch.toml"));
    }

    /// `kill -9` of the issuer.
    pub fn kill_issuer(&mut self) {
        self.issuer.take().expect("the issuer runs").kill();
    }

    /// `kill -9` of the switch.
    pub fn kill_switch(&mut self) {
        self.switch.take().expect("the switch runs").kill();
    }

    /// Freezes the issuer as it is (SIGSTOP), or lets it go on (SIGCONT).
    pub fn stop_issuer(&self, stopped: bool) {
        let signal = if stopped { "-STOP" } else { "-CONT" };
        self.issuer
            .as_ref()
            .expect("the issuer runs")
            .signal(signal);
    }

    /// SIGTERM to the switch; panics where it does not end well.
    pub fn end_switch(&mut self) {
        self.switch.take().expect("the switch runs").terminate();
    }

    /// SIGTERM to both, the switch first; panics where one does not end well.
    pub fn terminate(&mut self) {
        self.end_switch();
        self.issuer.take().expect("the issuer runs").terminate();
    }

    /// Waits until the switch has an issuer.
    pub fn until_ready(&mut self) {
        let admin = self.admin.clone();
        eventually("the switch is ready", || {
            for process in [&mut self.issuer, &mut self.switch].into_iter().flatten() {
                assert!(process.is_running(), "it ended: {}", process.log());
            }
            http::get(&admin, "/readyz").is_some_and(|(status, _)| status == 200)
        });
    }

    /// The value of a metric of the switch; 0 where it was never set.
    #[must_use]
    pub fn metric(&self, name_and_labels: &str) -> u64 {
        let (_, page) = http::get(&self.admin, "/metrics").expect("the switch answers");
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
        let found = http::post(&self.office, "/v1/cards/lookup", &json!({ "number": pan }));
        let id = found
            .get("card_id")
            .and_then(Value::as_str)
            .expect("a card id");
        http::get_json(&self.office, &format!("/v1/cards/{id}"))
    }

    /// What the issuer's ledger has on a card.
    #[must_use]
    pub fn balance(&self, pan: &str) -> i64 {
        self.card(pan)
            .get("balance")
            .and_then(Value::as_i64)
            .expect("a balance")
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

    fn program(&self, program: &str, config: &str) -> Process {
        let args = ["--config".into(), self.path(config).into_os_string()];
        Process::start(
            Path::new(program),
            &args,
            &self.path(&format!("{config}.log")),
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write_configs(&self, van_link: &str) {
        let data = self.path("data");
        let key_file = self.path("issuer.key");
        let issuer = format!(
            "sandbox = true\ndata = {data:?}\nkey_file = {key_file:?}\n\
             [host]\nlisten = {:?}\n[office]\nlisten = {:?}\n\
             [ledger]\nlines_per_card = 100000\n",
            self.host, self.office,
        );
        let switch = format!(
            "admin = {:?}\ndrain_timeout = '3s'\n\
             [[listener]]\nname = 'van'\naddress = {:?}\nacquirer = '900001'\n\
             [listener.link]\ndialect = 'iso87-ascii'\n{van_link}\n\
             [[listener]]\nname = 'pos'\naddress = {:?}\nacquirer = '900002'\n\
             [listener.link]\ndialect = 'iso87-bcd'\ntpdu = true\n\
             [[issuer]]\nname = 'prepaid'\nprefixes = ['999999']\naddress = {:?}\n\
             reversal_retry = '200ms'\n\
             [issuer.link]\ndialect = 'iso87-ascii-binmap'\nsign_on = true\n\
             answer_timeout = '2s'\ninstitution = '999001'\n\
             [[issuer]]\nname = 'unserved'\nprefixes = ['888888']\n",
            self.admin, self.van, self.pos, self.host,
        );
        for (name, text) in [("issuer.toml", issuer), ("switch.toml", switch)] {
            std::fs::write(self.path(name), text).unwrap();
        }
    }
}

/// Ports that were free a moment ago, taken together so that they differ.
fn free_addresses<const N: usize>() -> [String; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().to_string())
}
