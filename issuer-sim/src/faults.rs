//! Faults on demand, in the sandbox only: an issuer that goes silent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use serde::{Deserialize, Serialize};

/// How the host behaves towards financial requests and reversals. Echoes are always answered: a
/// host that hangs behind its link is the harder case for a switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Silence {
    /// It answers.
    #[default]
    Off,
    /// It hangs before it decides: nothing is processed, nothing answered.
    Before,
    /// It decides and the answer is lost.
    After,
}

/// The switch between them, shared by office and host.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<AtomicU8>);

impl Faults {
    /// What holds now.
    #[must_use]
    pub fn silence(&self) -> Silence {
        match self.0.load(Ordering::Relaxed) {
            1 => Silence::Before,
            2 => Silence::After,
            _ => Silence::Off,
        }
    }

    /// What holds from the next message on.
    pub fn set_silence(&self, silence: Silence) {
        let code = match silence {
            Silence::Off => 0,
            Silence::Before => 1,
            Silence::After => 2,
        };
        self.0.store(code, Ordering::Relaxed);
    }
}
