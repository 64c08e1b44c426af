//! `iso8583 completions`: scripts that complete the command line.

use std::io::Write;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::{Cli, Exit, Failure, Options};

/// Print a script that completes this command's options in a shell.
///
/// For bash: iso8583 completions bash > ~/.local/share/bash-completion/completions/iso8583
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whose script
    shell: Shell,
}

impl Args {
    pub(crate) fn run(
        &self,
        _: &Options,
        out: &mut impl Write,
        _: &mut impl Write,
    ) -> Result<Exit, Failure> {
        // The generator panics where its output fails; memory does not.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "iso8583", &mut script);
        out.write_all(&script)?;
        Ok(Exit::Fine)
    }
}
