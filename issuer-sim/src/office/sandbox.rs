//! Faults on demand.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use serde::{Deserialize, Serialize};

use super::Office;
use super::problem::Problem;
use crate::faults::Silence;

/// `{"on": true}` or `{"on": true, "mode": "after"}` or `{"on": false}`.
#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    on: bool,
    #[serde(default)]
    mode: Mode,
}

/// Where the silence falls.
#[derive(Clone, Copy, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    /// Nothing is processed.
    #[default]
    Before,
    /// It is processed, the answer is lost.
    After,
}

/// What holds now.
pub(super) async fn silence(State(office): State<Arc<Office>>) -> Json<Switch> {
    let (on, mode) = match office.faults.silence() {
        Silence::Off => (false, Mode::Before),
        Silence::Before => (true, Mode::Before),
        Silence::After => (true, Mode::After),
    };
    Json(Switch { on, mode })
}

/// Lets the host link fall silent towards requests and reversals, or speak again.
pub(super) async fn set_silence(
    State(office): State<Arc<Office>>,
    switch: Result<Json<Switch>, JsonRejection>,
) -> Result<Json<Switch>, Problem> {
    let Json(switch) = switch?;
    office.faults.set_silence(match (switch.on, switch.mode) {
        (false, _) => Silence::Off,
        (true, Mode::Before) => Silence::Before,
        (true, Mode::After) => Silence::After,
    });
    Ok(Json(switch))
}
