//! The kit the system tests speak in.
