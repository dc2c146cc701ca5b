//! A scenario as it is written.

use crate::nvl72::Nvl72Spec;
use crate::wafer::spec::WaferSpec;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use workloads::model::StoragePolicy;

/// What a scenario file holds.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScenarioFile {
    /// Name; the result folder is called so.
    pub name: String,
    /// A published `config.json`, looked up from the scenario's folder.
    pub model: String,
    /// How the weights are stored.
    #[serde(default)]
    pub storage: StoragePolicy,
    /// The request.
    pub request: RequestFile,
    /// Seed of all random streams.
    #[serde(default)]
    pub seed: u64,
    /// The machines.
    pub machines: Vec<MachineFile>,
}

/// The request of a scenario.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestFile {
    /// Tokens of the prompt, at least 1.
    pub prompt_tokens: u32,
    /// Tokens that a reasoning model thinks with.
    #[serde(default)]
    pub reasoning_tokens: u32,
    /// Fewest and most of them, where their number is an assumption.
    #[serde(default)]
    pub reasoning_tokens_range: Option<(u32, u32)>,
    /// Tokens of the answer, at least 1.
    pub answer_tokens: u32,
}

/// One machine of a scenario.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub enum MachineFile {
    /// Wafers.
    Wafer {
        /// Name in the outcome.
        name: String,
        /// Name of a preset, or a RON file that holds one.
        preset: String,
        /// Hardware numbers that differ from the preset: "clock": "0.9 GHz".
        #[serde(default)]
        set: BTreeMap<String, String>,
        /// How the wafers are used.
        #[serde(default)]
        choices: WaferSpec,
    },
    /// A GPU rack.
    Nvl72 {
        /// Name in the outcome.
        name: String,
        /// Name of a preset, or a RON file that holds one.
        preset: String,
        /// Hardware numbers that differ from the preset: "hbm.reached": "0.7".
        #[serde(default)]
        set: BTreeMap<String, String>,
        /// How the rack is used.
        #[serde(default)]
        choices: Nvl72Spec,
    },
}

/// The fields of a machine.
pub(super) const MACHINE_FIELDS: [&str; 4] = ["name", "preset", "set", "choices"];

impl MachineFile {
    /// Name in the outcome.
    pub fn name(&self) -> &str {
        match self {
            Self::Wafer { name, .. } | Self::Nvl72 { name, .. } => name,
        }
    }
}
