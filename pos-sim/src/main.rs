//! The `pos-sim` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    pos_sim::cli::run(std::env::args_os())
}
