//! How a scenario describes the rack.

use super::hardware::Nvl72Preset;
use super::layout::Layout;
use schemars::JsonSchema;
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Nvl72Spec {
    /// Requests in flight on one replica of the model.
    pub batch: u32,
    /// How the model is spread over GPUs.
    pub layout: LayoutChoice,
    /// How evenly tokens choose experts; the exponent is that of [`super::load`].
    pub expert_load: ExpertLoad,
    /// Slots for copies of popular experts, over all sets of GPUs.
    pub redundant_experts: u32,
    /// Bits of a number in the KV cache: 16 or 8.
    pub kv_cache_bits: u32,
    /// Prompt tokens that go through the model together.
    pub prefill_chunk: u32,
}

impl Default for Nvl72Spec {
    fn default() -> Self {
        Self {
            batch: 1,
            layout: LayoutChoice::Auto,
            expert_load: ExpertLoad::PowerLaw { exponent: 1.01 },
            redundant_experts: 0,
            kv_cache_bits: 16,
            prefill_chunk: 8192,
        }
    }
}

impl Nvl72Spec {
    /// How tokens spread over experts.
    pub fn load(&self) -> super::load::Load {
        super::load::Load {
            redundant: self.redundant_experts,
            ..super::load::Load::from(self.expert_load)
        }
    }
}

/// How the model is spread over GPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LayoutChoice {
    /// The layout with the highest speed for one user at this batch, searched.
    #[default]
    Auto,
    /// Given.
    Fixed(Layout),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke_a_spec_reads_from_ron_and_refuses_unknown_fields() {
        let text = "(batch: 4, layout: Fixed((tensor_parallel: 8, expert_parallel: 4)), \
                    expert_load: PowerLaw(exponent: 1.2))";
        let spec: Nvl72Spec = ron::from_str(text).unwrap();
        let layout = Layout::new(8, 1, 4);
        assert_eq!((spec.batch, spec.layout), (4, LayoutChoice::Fixed(layout)));
        assert_eq!(ron::from_str::<Nvl72Spec>("()").unwrap(), Nvl72Spec::default());
        assert!(ron::from_str::<Nvl72Spec>("(batches: 4)").is_err());
    }
}
