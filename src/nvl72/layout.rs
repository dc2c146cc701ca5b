//! Parallel layouts: which GPUs share what.
//!
//! A stage is `tensor_parallel x attention_data_parallel` GPUs. Attention is cut by heads over
//! the GPUs of one tensor-parallel group; requests are dealt over the groups. Experts are dealt
//! over `expert_parallel` sets of GPUs, and each expert is cut over the GPUs of its set. A replica is
//! `pipeline_parallel` stages, each with a run of the layers; requests are dealt over as many
//! batches, which the stages pass around.
//!
//! With several attention groups tokens travel to the GPUs of their experts and back (dispatch and
//! combine) where every GPU is a set of its own; else all GPUs get all tokens (all-gather) and add up
//! (reduce-scatter).

use super::plan::Plan;
use crate::error::Error;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A parallel layout of one replica.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// GPUs that share the attention of one request.
    pub tensor_parallel: u32,
    /// Groups among which requests are dealt.
    #[serde(default = "one")]
    pub attention_data_parallel: u32,
    /// Sets of GPUs among which experts are dealt.
    pub expert_parallel: u32,
    /// Stages, each with its share of the layers.
    #[serde(default = "one")]
    pub pipeline_parallel: u32,
    /// Whether decode steps run in two half batches, one computing while the other's tokens travel.
    #[serde(default)]
    pub half_batches: bool,
}

fn one() -> u32 {
    1
}

impl Layout {
    /// `tp` GPUs a group, `dp` groups, `ep` sets of experts, one stage.
    pub fn new(tp: u32, dp: u32, ep: u32) -> Self {
        Self {
            tensor_parallel: tp,
            attention_data_parallel: dp,
            expert_parallel: ep,
            pipeline_parallel: 1,
            half_batches: false,
        }
    }

    /// GPUs of one stage.
    pub fn gpus(self) -> u32 {
        self.tensor_parallel * self.attention_data_parallel
    }

    /// GPUs of one replica.
    pub fn replica(self) -> u32 {
        self.gpus() * self.pipeline_parallel
    }

    /// GPUs that share one expert.
    pub fn expert_tensor_parallel(self) -> u32 {
        self.gpus() / self.expert_parallel
    }

    /// Whether tokens travel to the GPUs of their experts.
    pub fn exchanges(self) -> bool {
        self.attention_data_parallel > 1 && self.expert_parallel == self.gpus()
    }

    /// Whether tokens of one half batch travel while the other is computed.
    pub fn overlaps(self) -> bool {
        self.half_batches && self.exchanges()
    }

    /// Requests of a stage's `batch` that the fullest attention group has.
    pub fn group_batch(self, batch: u32) -> u32 {
        batch.div_ceil(self.attention_data_parallel)
    }

    /// What is wrong with it on a machine of `gpus`, if anything.
    pub fn check(self, gpus: u32) -> Result<(), Error> {
        let Self { tensor_parallel, attention_data_parallel, expert_parallel, .. } = self;
        let degrees = [
            ("tensor_parallel", tensor_parallel),
            ("attention_data_parallel", attention_data_parallel),
            ("expert_parallel", expert_parallel),
            ("pipeline_parallel", self.pipeline_parallel),
        ];
        if let Some((name, _)) = degrees.iter().find(|(_, degree)| *degree == 0) {
            return Err(Error::input(format!(
                "layout {self}: {name} is zero; 1 is the least parallel degree"
            )));
        }
        let stage = u64::from(tensor_parallel) * u64::from(attention_data_parallel);
        let used = stage * u64::from(self.pipeline_parallel);
        if used > u64::from(gpus) {
            return Err(Error::input(format!(
                "layout {self} needs {used} GPUs, the rack has {gpus}"
            )));
        }
        if !stage.is_multiple_of(u64::from(expert_parallel)) {
            return Err(Error::input(format!(
                "layout {self}: expert_parallel must divide the {stage} GPUs of tensor_parallel x \
                 attention_data_parallel"
            )));
        }
        if self.half_batches && !self.exchanges() {
            return Err(Error::input(format!(
                "layout {self}: half_batches overlaps dispatch and combine, which take \
                 attention_data_parallel above 1 and expert_parallel equal to the {stage} GPUs"
            )));
        }
        Ok(())
    }

    /// What is wrong with it for `plan`, if anything.
    pub fn check_model(self, plan: &Plan) -> Result<(), Error> {
        let problem = |what: String| Err(Error::input(format!("layout {self}: {what}")));
        let heads = plan.heads();
        if !heads.is_multiple_of(self.tensor_parallel) {
            return problem(format!(
                "tensor_parallel {} does not divide the model's {heads} attention heads",
                self.tensor_parallel
            ));
        }
        if self.pipeline_parallel > plan.layers {
            return problem(format!(
                "pipeline_parallel {} is more than the model's {} layers",
                self.pipeline_parallel, plan.layers
            ));
        }
        if self.expert_parallel > 1 && plan.experts == 0 {
            return problem("the model has no experts; set expert_parallel to 1".to_string());
        }
        if self.expert_parallel > plan.experts.max(1) {
            return problem(format!(
                "expert_parallel {} is more than the model's {} experts",
                self.expert_parallel, plan.experts
            ));
        }
        Ok(())
    }

    /// All layouts worth trying on a rack of `gpus`, in a fixed order.
    pub fn candidates(gpus: u32) -> Vec<Self> {
        let new = Self::new;
        let mut all = Vec::new();
        let mut sizes = vec![1, 2, 4, 8, 12, 16, 24, 32, 36, 48, 64, 72, gpus];
        sizes.retain(|&size| size <= gpus);
        sizes.sort_unstable();
        sizes.dedup();
        for &tensor_parallel in &sizes {
            let cuts: &[u32] = if tensor_parallel < 8 { &[1] } else { &[1, 2, 4, 8] };
            for cut in cuts.iter().filter(|&&cut| tensor_parallel % cut == 0) {
                all.push(new(tensor_parallel, 1, tensor_parallel / cut));
            }
            if tensor_parallel < 8 {
                all.push(new(tensor_parallel, 1, 1));
            }
        }
        for &size in sizes.iter().filter(|&&size| size >= 8) {
            for tensor_parallel in [1, 4].into_iter().filter(|tp| size % tp == 0) {
                all.push(new(tensor_parallel, size / tensor_parallel, size));
            }
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tp{}", self.tensor_parallel)?;
        if self.attention_data_parallel > 1 {
            write!(f, " dp{}", self.attention_data_parallel)?;
        }
        write!(f, " ep{}", self.expert_parallel)?;
        if self.pipeline_parallel > 1 {
            write!(f, " pp{}", self.pipeline_parallel)?;
        }
        if self.half_batches {
            f.write_str(" in halves")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke_every_candidate_is_a_valid_layout() {
        for gpus in [1, 8, 72] {
            let all = Layout::candidates(gpus);
            assert!(!all.is_empty());
            assert!(all.iter().all(|layout| layout.check(gpus).is_ok()));
        }
    }

    #[test]
    fn a_layout_larger_than_the_rack_says_how_large_both_are() {
        let layout = Layout::new(16, 8, 128);
        let error = layout.check(72).unwrap_err().to_string();
        assert_eq!(error, "layout tp16 dp8 ep128 needs 128 GPUs, the rack has 72");
    }
}
