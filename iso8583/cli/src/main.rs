//! The `iso8583` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    iso8583_cli::cli::main_with_args()
}
