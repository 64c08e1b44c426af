//! An issuer as a process of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::http;
use crate::process::Process;

/// An issuer, running or not, with books of its own.
#[derive(Debug)]
pub struct Issuer {
    program: &'static str,
    /// Of its configuration, log, key and data.
    folder: PathBuf,
    /// Where switches connect.
    pub host: String,
    /// Its office API.
    pub office: String,
    process: Option<Process>,
}

impl Issuer {
    /// One that does not run yet, with everything in a folder of its own.
    #[must_use]
    pub fn new(program: &'static str, folder: PathBuf, host: String, office: String) -> Self {
        std::fs::create_dir(&folder).unwrap();
        let (data, key_file) = (folder.join("data"), folder.join("issuer.key"));
        let config = format!(
            "sandbox = true\ndata = {data:?}\nkey_file = {key_file:?}\n\
             [host]\nlisten = {host:?}\n[office]\nlisten = {office:?}\n\
             [ledger]\nlines_per_card = 100000\n\
             [journal]\nsegment_bytes = 4194304\nsnapshot_bytes = 4194304\n\
             low_water_bytes = 1048576\n",
        );
        std::fs::write(folder.join("issuer.toml"), config).unwrap();
        let keygen = [
            "keygen".as_ref(),
            "--key-file".as_ref(),
            key_file.as_os_str(),
        ];
        let made = Command::new(program).args(keygen).status().unwrap();
        assert!(made.success(), "keygen");
        Self {
            program,
            folder,
            host,
            office,
            process: None,
        }
    }

    /// Starts it.
    pub fn start(&mut self) {
        let config = self.folder.join("issuer.toml").into_os_string();
        let log = self.folder.join("issuer.log");
        let args = ["--config".into(), config];
        self.process = Some(Process::start(Path::new(self.program), &args, &log));
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.take().expect("the issuer runs").kill();
    }

    /// SIGTERM; panics where it does not end well.
    pub fn terminate(&mut self) {
        self.process.take().expect("the issuer runs").terminate();
    }

    /// Freezes it as it is (SIGSTOP), or lets it go on (SIGCONT).
    pub fn stop(&self, stopped: bool) {
        let process = self.process.as_ref().expect("the issuer runs");
        process.stop(stopped);
    }

    /// Panics where it ended by itself.
    pub fn check(&mut self) {
        if let Some(process) = &mut self.process {
            assert!(process.is_running(), "it ended: {}", process.log());
        }
    }

    /// The office's view of a card.
    #[must_use]
    pub fn card(&self, pan: &str) -> Value {
        let found = http::post(&self.office, "/v1/cards/lookup", &json!({ "number": pan }));
        http::get_json(&self.office, &format!("/v1/cards/{}", id(&found)))
    }

    /// What the ledger has on a card.
    #[must_use]
    pub fn balance(&self, pan: &str) -> i64 {
        self.card(pan)
            .get("balance")
            .and_then(Value::as_i64)
            .expect("a balance")
    }

    /// A card's entries, the latest first.
    #[must_use]
    pub fn entries(&self, pan: &str) -> Vec<Value> {
        let card = self.card(pan);
        let mut all = Vec::new();
        let mut before = String::new();
        loop {
            let path = format!("/v1/cards/{}/entries?limit=100{before}", id(&card));
            let page = http::get_json(&self.office, &path);
            let entries = page.get("entries").and_then(Value::as_array);
            all.extend(entries.expect("entries").iter().cloned());
            match page.get("next_before").and_then(Value::as_u64) {
                Some(next) => before = format!("&before={next}"),
                None => return all,
            }
        }
    }
}

fn id(card: &Value) -> &str {
    card.get("card_id")
        .and_then(Value::as_str)
        .expect("a card id")
}
