//! The command line: options of all commands, exit codes, and what a failure says.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::process::ExitCode;

use anstream::AutoStream;
use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Args, ColorChoice, Parser, ValueEnum};
use iso8583::Dialect;
use iso8583::frame::Framing;
use thiserror::Error;

use crate::commands::Command;
use crate::input::SourceError;
use crate::message::{FieldsError, Unwritable};
use crate::spec;

/// What is in an ISO 8583 capture, dump or message.
///
/// Card numbers show their first six and last four digits; tracks, PIN blocks and private fields
/// show nothing, unless --unsafe is given.
#[derive(Debug, Parser)]
#[command(name = "iso8583", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// Those of all commands.
    #[command(flatten)]
    pub options: Options,
    /// Which one.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  all is well
  1  a message is faulty, differs, or is not what was expected
  2  wrong usage, or input that cannot be read
  3  the output, a file or the network failed";

/// Options that mean the same in every command.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Dialect of the messages, or a file of one; without it, each built-in one is tried
    #[arg(long, global = true, value_name = "NAME|FILE", value_parser = DialectParser)]
    pub spec: Option<&'static Dialect>,
    /// Framing of the messages on their stream, of `iso8583 specs frames`; a capture needs it
    #[arg(long, global = true, value_name = "FRAMING")]
    pub frame: Option<Framing>,
    /// Show card data in clear
    #[arg(long = "unsafe", global = true)]
    pub clear: bool,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t = Layout::Table)]
    pub format: Layout,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Layout {
    /// By time, for reading
    Table,
    /// By conversation, for reading
    Tree,
    /// An object a line, for programs
    Json,
}

/// A dialect by name or file, on the command line.
#[derive(Clone)]
pub(crate) struct DialectParser;

impl TypedValueParser for DialectParser {
    type Value = &'static Dialect;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        let read = value.to_str().map_or_else(
            || Err("a name or file that is no text".to_owned()),
            |value| spec::find(value).map_err(|error| error.to_string()),
        );
        read.map_err(|error| {
            let mut command = command.clone();
            command.error(clap::error::ErrorKind::ValueValidation, error)
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let names = Dialect::built_in()
            .iter()
            .map(|dialect| PossibleValue::new(dialect.name()));
        Some(Box::new(names.into_iter()))
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is well: 0.
    Fine,
    /// A message is faulty, differs, or is not what was expected: 1.
    Faulty,
    /// Wrong usage, or input that cannot be read: 2.
    Usage,
    /// The output, a file or the network failed: 3.
    Io,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Faulty => 1,
            Exit::Usage => 2,
            Exit::Io => 3,
        })
    }
}

/// Why a command could not do its work.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Failure {
    /// The input cannot be used.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The options do not go together with each other or the input.
    #[error("{0}")]
    Usage(String),
    /// A message that had to be whole is not.
    #[error("{0}")]
    Faulty(String),
    /// Fields that make no message.
    #[error(transparent)]
    Fields(#[from] FieldsError),
    /// A message that cannot be written.
    #[error(transparent)]
    Unwritable(#[from] Unwritable),
    /// The output failed.
    #[error("output: {0}")]
    Output(#[from] io::Error),
    /// The network failed.
    #[error("{peer}: {error}")]
    Network {
        /// Who was called.
        peer: String,
        /// Why.
        error: io::Error,
    },
}

impl Failure {
    /// The exit code. Where the reader of a pipe has seen enough, nothing is wrong.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Source(_) | Self::Usage(_) | Self::Fields(_) => Exit::Usage,
            Self::Faulty(_) | Self::Unwritable(_) => Exit::Faulty,
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
            Self::Output(_) | Self::Network { .. } => Exit::Io,
        }
    }
}

/// Runs a command. Results go to `out`; `notes`, what the user should know beside them.
///
/// # Errors
/// Where it cannot do its work. What it finds wrong with messages is no error, but its [`Exit`].
pub fn run(cli: &Cli, out: &mut impl Write, notes: &mut impl Write) -> Result<Exit, Failure> {
    let exit = cli.command.run(&cli.options, out, notes)?;
    out.flush()?;
    Ok(exit)
}

/// Runs the command line of this process.
#[must_use]
pub fn main_with_args() -> ExitCode {
    let cli = Cli::parse();
    let choice = match cli.options.color {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    };
    let mut out = AutoStream::new(io::stdout().lock(), choice);
    let mut notes = AutoStream::new(io::stderr().lock(), choice);
    let exit = run(&cli, &mut out, &mut notes).unwrap_or_else(|failure| {
        let exit = failure.exit();
        if exit != Exit::Fine {
            // Where standard error is gone as well, the exit code must do.
            let _ = writeln!(notes, "error: {failure}");
        }
        exit
    });
    exit.into()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_stand_before_and_behind_the_command() {
        for arguments in [
            [
                "iso8583",
                "--spec",
                "iso87-bcd",
                "--frame",
                "bcd2+tpdu",
                "view",
                "00",
            ],
            [
                "iso8583",
                "view",
                "00",
                "--spec",
                "iso87-bcd",
                "--frame",
                "bcd2+tpdu",
            ],
        ] {
            let cli = Cli::try_parse_from(arguments).expect("a command line");
            assert_eq!(cli.options.spec.map(Dialect::name), Some("iso87-bcd"));
            assert_eq!(cli.options.frame, "bcd2+tpdu".parse().ok());
        }
    }

    #[test]
    fn a_pipe_that_is_closed_is_no_failure() {
        let failure = |kind| Failure::Output(io::Error::from(kind)).exit();
        assert_eq!(failure(io::ErrorKind::BrokenPipe), Exit::Fine);
        assert_eq!(failure(io::ErrorKind::StorageFull), Exit::Io);
    }
}
