//! A second switch as a process of its own, beside the one of the world.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::acquirer::Acquirer;
use crate::process::Process;
use crate::{eventually, http};

/// A switch with a journal, one VAN listener and tables of its own.
#[derive(Debug)]
pub struct Switch {
    van: String,
    process: Process,
}

impl Switch {
    /// Starts one under an institution id of its own, and waits until it has an issuer. `tables`
    /// are its `[[issuer]]` and `[[route]]`.
    #[must_use]
    pub fn start(program: &Path, folder: &Path, institution: &str, tables: &str) -> Self {
        let [van, admin] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [van, admin] = [van, admin].map(|it| it.local_addr().unwrap().to_string());
        std::fs::create_dir(folder).unwrap();
        let (key_file, config) = (folder.join("switch.key"), folder.join("switch.toml"));
        let keygen = [
            "keygen".as_ref(),
            "--key-file".as_ref(),
            key_file.as_os_str(),
        ];
        let made = Command::new(program).args(keygen).status().unwrap();
        assert!(made.success(), "keygen");
        let options = format!(
            "institution = {institution:?}\nadmin = {admin:?}\n\
             [journal]\nfolder = {:?}\nkey_file = {key_file:?}\nsegment_bytes = 1048576\n\
             checkpoint_bytes = 4194304\nlow_water_bytes = 1048576\n\
             [[listener]]\nname = 'van'\naddress = {van:?}\nacquirer = '900001'\n\
             [listener.link]\ndialect = 'iso87-ascii'\n{tables}",
            folder.join("data"),
        );
        std::fs::write(&config, options).unwrap();
        let args = ["--config".into(), config.into_os_string()];
        let mut process = Process::start(program, &args, &folder.join("switch.log"));
        eventually("the switch is ready", || {
            assert!(process.is_running(), "it ended: {}", process.log());
            http::get(&admin, "/readyz").is_some_and(|(status, _)| status == 200)
        });
        Self { van, process }
    }

    /// A connection to its VAN link.
    #[must_use]
    pub fn van(&self) -> Acquirer {
        Acquirer::van(&self.van)
    }

    /// SIGTERM; panics where it does not end well.
    pub fn terminate(self) {
        self.process.terminate();
    }
}
