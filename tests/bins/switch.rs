//! `switch`, as a process that a test may kill.

fn main() -> std::process::ExitCode {
    switch::main_with_args(std::env::args_os())
}
