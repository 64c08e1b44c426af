//! The commands, a module each: its `Args`, whose documentation is its help, and their `run`.
//!
//! To add one, write the module, name it here and in the list below.

pub mod build;
pub mod completions;
pub mod convert;
pub mod diff;
pub mod doctor;
pub mod redact;
pub mod replay;
pub mod sample;
pub mod send;
pub mod specs;
pub mod validate;
pub mod view;

use std::io::Write;

use clap::Subcommand;

use crate::cli::{Exit, Failure, Options};

macro_rules! commands {
    ($($name:ident($module:ident)),* $(,)?) => {
        /// What to do.
        #[derive(Debug, Subcommand)]
        pub enum Command {
            $(
                #[expect(missing_docs, reason = "its help is that of its arguments")]
                $name($module::Args),
            )*
        }

        impl Command {
            pub(crate) fn run(
                &self,
                options: &Options,
                out: &mut impl Write,
                notes: &mut impl Write,
            ) -> Result<Exit, Failure> {
                match self {
                    $(Self::$name(args) => args.run(options, out, notes),)*
                }
            }
        }
    };
}

commands! {
    View(view),
    Doctor(doctor),
    Build(build),
    Convert(convert),
    Diff(diff),
    Validate(validate),
    Redact(redact),
    Sample(sample),
    Send(send),
    Replay(replay),
    Specs(specs),
    Completions(completions),
}
