//! Parallel layouts: which GPUs share what.
//!
//! A replica is `tensor_parallel x attention_data_parallel` GPUs. Attention is cut by heads over
//! the GPUs of one tensor-parallel group; requests are dealt over the groups. Experts are dealt
//! over `expert_parallel` sets of GPUs, and each expert is cut over the GPUs of its set.

use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A parallel layout of one replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// GPUs that share the attention of one request.
    pub tensor_parallel: u32,
    /// Groups among which requests are dealt.
    #[serde(default = "one")]
    pub attention_data_parallel: u32,
    /// Sets of GPUs among which experts are dealt.
    pub expert_parallel: u32,
}

fn one() -> u32 {
    1
}

impl Layout {
    /// GPUs of one replica.
    pub fn gpus(self) -> u32 {
        self.tensor_parallel * self.attention_data_parallel
    }

    /// GPUs that share one expert.
    pub fn expert_tensor_parallel(self) -> u32 {
        self.gpus() / self.expert_parallel
    }

    /// Requests of a replica's `batch` that the fullest attention group has.
    pub fn group_batch(self, batch: u32) -> u32 {
        batch.div_ceil(self.attention_data_parallel)
    }

    /// What is wrong with it on a rack of `gpus`, if anything.
    pub fn check(self, gpus: u32) -> Result<(), Error> {
        let Self { tensor_parallel, attention_data_parallel, expert_parallel } = self;
        if tensor_parallel == 0 || attention_data_parallel == 0 || expert_parallel == 0 {
            return Err(Error::input("a parallel degree of the layout is zero; 1 is the least"));
        }
        let used = u64::from(tensor_parallel) * u64::from(attention_data_parallel);
        if used > u64::from(gpus) {
            return Err(Error::input(format!(
                "layout {self} needs {used} GPUs, the rack has {gpus}"
            )));
        }
        if !used.is_multiple_of(u64::from(expert_parallel)) {
            return Err(Error::input(format!(
                "layout {self}: expert_parallel must divide the replica's {used} GPUs"
            )));
        }
        if attention_data_parallel > 1 && u64::from(expert_parallel) != used {
            return Err(Error::input(format!(
                "layout {self}: with attention_data_parallel above 1, whole experts are dealt over \
                 all GPUs: set expert_parallel to {used}"
            )));
        }
        Ok(())
    }

    /// All layouts worth trying on a rack of `gpus`, in a fixed order.
    pub fn candidates(gpus: u32) -> Vec<Self> {
        let mut all = Vec::new();
        let mut sizes = vec![1, 2, 4, 8, 12, 16, 24, 32, 36, 48, 64, 72, gpus];
        sizes.retain(|&size| size <= gpus);
        sizes.sort_unstable();
        sizes.dedup();
        for &tensor_parallel in &sizes {
            let cuts: &[u32] = if tensor_parallel < 8 { &[1] } else { &[1, 2, 4, 8] };
            for cut in cuts.iter().filter(|&&cut| tensor_parallel % cut == 0) {
                all.push(Self {
                    tensor_parallel,
                    attention_data_parallel: 1,
                    expert_parallel: tensor_parallel / cut,
                });
            }
            if tensor_parallel < 8 {
                all.push(Self { tensor_parallel, attention_data_parallel: 1, expert_parallel: 1 });
            }
        }
        for &size in sizes.iter().filter(|&&size| size >= 8) {
            for tensor_parallel in [1, 4].into_iter().filter(|tp| size % tp == 0) {
                all.push(Self {
                    tensor_parallel,
                    attention_data_parallel: size / tensor_parallel,
                    expert_parallel: size,
                });
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
        write!(f, " ep{}", self.expert_parallel)
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
        let layout =
            Layout { tensor_parallel: 16, attention_data_parallel: 8, expert_parallel: 128 };
        let error = layout.check(72).unwrap_err().to_string();
        assert_eq!(error, "layout tp16 dp8 ep128 needs 128 GPUs, the rack has 72");
    }
}
