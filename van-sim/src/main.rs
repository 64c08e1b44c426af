//! The `van-sim` command.

fn main() -> std::process::ExitCode {
    van_sim::cli::main()
}
