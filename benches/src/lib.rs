//! What the benches share: the purchase they send, frames of it rewritten in place, and
//! how they tell time.
//!
//! What this crate is **not**: a library for anyone else.

mod cpu_time;
pub mod ours;
mod purchase;
mod spread;
mod template;

pub use cpu_time::CpuTime;
pub use purchase::{dialects, purchase, varied};
pub use spread::Spread;
pub use template::{Key, Template, frame, framer};
