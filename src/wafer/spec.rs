//! How a scenario describes the wafers.

use super::hardware::WaferPreset;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A number that the simulator finds itself unless it is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WaferSpec {
    /// Number of wafers.
    pub count: Auto,
    /// Prompt tokens that move through the pipeline together.
    pub prefill_chunk: Auto,
    /// Mapping choices to force, by operator: "o_proj": "columns=128 reduce=chain".
    pub force: BTreeMap<String, String>,
}

impl crate::machine::Machine for WaferMachine {
    fn simulate(
        &self,
        _job: &crate::machine::Job<'_>,
    ) -> Result<reports::outcome::MachineOutcome, crate::error::Error> {
        Err(crate::error::Error::Simulation("the wafer machine is not built yet".into()))
    }
}
