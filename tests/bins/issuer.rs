//! `issuer-sim`, as a process that a test may kill.

fn main() -> std::process::ExitCode {
    issuer_sim::main_with_args()
}
