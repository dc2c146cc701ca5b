//! How a scenario describes the rack.

use super::hardware::Nvl72Preset;
use super::layout::Layout;
use serde::{Deserialize, Serialize};
use workloads::routing::ExpertLoad;

/// A rack as a scenario describes it, the preset filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Nvl72Machine {
    /// Name of the machine in the outcome.
    pub name: String,
    /// Numbers of the hardware.
    pub preset: Nvl72Preset,
    /// Choices of the scenario.
    pub spec: Nvl72Spec,
}

/// The choices a scenario makes for a rack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Nvl72Spec {
    /// Requests in flight on one replica of the model.
    pub batch: u32,
    /// How the model is spread over GPUs.
    pub layout: LayoutChoice,
    /// How evenly tokens choose experts; the exponent is that of [`super::load`].
    pub expert_load: ExpertLoad,
    /// Prompt tokens that go through the model together.
    pub prefill_chunk: u32,
}

impl Default for Nvl72Spec {
    fn default() -> Self {
        Self {
            batch: 1,
            layout: LayoutChoice::Auto,
            expert_load: ExpertLoad::PowerLaw { exponent: 1.01 },
            prefill_chunk: 8192,
        }
    }
}

/// How the model is spread over GPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LayoutChoice {
    /// The layout with the highest speed for one user at this batch, searched.
    #[default]
    Auto,
    /// Given.
    Fixed(Layout),
}
