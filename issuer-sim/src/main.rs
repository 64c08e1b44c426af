//! The issuer as a program of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    issuer_sim::main_with_args()
}
