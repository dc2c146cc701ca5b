//! How a scenario describes the wafers.

use super::hardware::WaferPreset;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A number that the simulator finds itself unless it is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Auto {
    /// Found by the simulator.
    #[default]
    Auto,
    /// Given.
    Fixed(u32),
}

/// Wafers as a scenario describes them, the preset filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct WaferMachine {
    /// Name of the machine in the outcome.
    pub name: String,
    /// Numbers of the hardware.
    pub preset: WaferPreset,
    /// Choices of the scenario.
    pub spec: WaferSpec,
}

/// The choices a scenario makes for wafers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WaferSpec {
    /// Number of wafers.
    pub count: Auto,
    /// Prompt tokens that move through the pipeline together.
    pub prefill_chunk: Auto,
    /// Engine that times the programs; both give the same cycles.
    pub engine: EngineChoice,
    /// How the routed experts of a layer lie on its PEs.
    pub experts: ExpertsChoice,
    /// Mapping choices to force, by part ("moe", "dense", "embedding", "head"), as an outcome's
    /// `mapping` names them: "moe": "qkv_rows=256 value_rows=128".
    pub force: BTreeMap<String, String>,
}

/// How routed experts lie on the PEs of their layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ExpertsChoice {
    /// Whichever is faster as simulated, within the ledger.
    #[default]
    Auto,
    /// Every PE holds a slice of every expert: choosing one is choosing addresses.
    Striped,
    /// Every expert owns a rectangle and idles unless it is chosen.
    Regions,
}

/// Engine that times programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EngineChoice {
    /// Trains of wavelets; what it does not accept goes to the reference engine.
    #[default]
    Stream,
    /// Every wavelet: the reference engine, slow.
    Wavelet,
}
