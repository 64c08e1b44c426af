//! The command line.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

/// Starts issuer, switch and VAN on loopback, plays payments against them, and stays up.
#[derive(Debug, Parser)]
#[command(name = "demo", version)]
pub(crate) struct Args {
    /// Exit after the summary: 0 only if every step came out as it must.
    #[arg(long)]
    pub(crate) once: bool,
    /// Folder that keeps the ledger across runs; without it a fresh temporary one is used.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// No colours, also on a terminal.
    #[arg(long)]
    pub(crate) plain: bool,
    /// Where VANs connect: iso87-ascii, two bytes of length.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8583")]
    pub(crate) van: SocketAddr,
    /// Where terminals connect: iso87-bcd, two bytes of length and TPDU.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8584")]
    pub(crate) pos: SocketAddr,
    /// Where the issuer's host listens: iso87-ascii-binmap, two bytes of length.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8590")]
    pub(crate) issuer: SocketAddr,
    /// The issuer's office API.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9590")]
    pub(crate) office: SocketAddr,
    /// The VAN's API for malls.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8700")]
    pub(crate) malls: SocketAddr,
    /// The switch's metrics and health.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9583")]
    pub(crate) admin: SocketAddr,
}

impl Args {
    pub(crate) fn color(&self) -> bool {
        !self.plain && std::env::var_os("NO_COLOR").is_none() && std::io::stdout().is_terminal()
    }

    /// Every port with what it is for and the flag that changes it.
    pub(crate) const fn ports(&self) -> [(SocketAddr, &'static str, &'static str); 6] {
        [
            (self.van, "VAN link", "--van"),
            (self.pos, "POS link", "--pos"),
            (self.issuer, "issuer host link", "--issuer"),
            (self.office, "issuer office API", "--office"),
            (self.malls, "VAN's mall API", "--malls"),
            (self.admin, "switch admin", "--admin"),
        ]
    }
}
