//! The `iso8583` command.

fn main() {}
