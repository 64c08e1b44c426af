//! The `iso8583` command: what is in a capture, a dump or a message, for the one who has to say
//! why it does not work.
//!
//! What it is **not**: a switch or a simulator. It knows messages ([`iso8583`]) and, for commands
//! that talk, one link (`iso8583-link`); it decides nothing.
//!
//! # Layout
//! Bytes in, values out, no I/O:
//! - [`capture`]: pcap and pcapng to conversations
//! - [`input`]: what the user gave: hex, base64, a dump, a capture (one function reads files)
//! - [`frames`]: conversations to framed messages
//! - [`message`]: one message read, made and written
//! - [`shown`]: values for people, masked; what codes mean
//! - [`hexdump`]: bytes for people, a fault marked, secrets masked
//! - [`spec`]: dialects by name or file
//! - [`peer`]: a socket, for commands that talk
//!
//! The program:
//! - [`cli`]: its options, its exit codes, [`cli::run`]
//! - [`commands`]: one module a command

pub mod capture;
pub mod cli;
pub mod commands;
pub mod frames;
pub mod hexdump;
pub mod input;
pub mod message;
pub mod peer;
pub mod shown;
pub mod spec;
