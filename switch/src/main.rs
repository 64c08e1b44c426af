//! The `switch` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    switch::main_with_args(std::env::args_os())
}
