//! What stands in the memory of each GPU, and whether it fits.

use super::hardware::Nvl72Facts;
use super::layout::Layout;
use super::plan::Plan;
use crate::error::Error;
use workloads::forward::{Operator, OperatorKind};

/// Bytes on the fullest GPU of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Weights of experts, scales included `[bytes]`.
    pub experts: u64,
    /// All other weights `[bytes]`.
    pub others: u64,
    /// KV cache of all requests of one attention group `[bytes]`.
    pub cache: u64,
    /// Activations of the largest step `[bytes]`.
    pub activations: u64,
    /// Kept for runtime and communication buffers `[bytes]`.
    pub reserve: u64,
    /// Memory there is `[bytes]`.
    pub capacity: u64,
}

impl Placement {
    /// The placement of `batch` requests of up to `context` tokens, prompts in chunks of `chunk`, with
    /// slots for `redundant` copies of experts.
    pub fn new(
        plan: &Plan,
        facts: &Nvl72Facts,
        layout: Layout,
        batch: u32,
        context: u64,
        (chunk, redundant): (u64, u32),
    ) -> Self {
        // The fullest stage of a pipeline: as many layers as any, embedding and head as if it had both.
        let stages = u64::from(layout.pipeline_parallel);
        let layers = u64::from(plan.layers);
        let most = layers.div_ceil(stages);
        let share = |bytes: u64| (bytes * most).div_ceil(layers.max(1));
        let stored = |of: &dyn Fn(&Operator) -> bool| -> u64 {
            plan.operators.iter().filter(|op| of(op)).map(|op| plan.stored(op, layout)).sum()
        };
        let expert = |op: &Operator| matches!(op.kind, OperatorKind::Experts { .. });
        let inside = stored(&|op| !expert(op) && op.layer.is_some());
        let ends = stored(&|op| op.layer.is_none());
        let experts = stored(&expert);
        let copies = u64::from(redundant.div_ceil(layout.expert_parallel));
        let held = u64::from(plan.experts.div_ceil(layout.expert_parallel)).max(1);
        let experts = experts + experts * copies / held;
        let group = u64::from(layout.group_batch(batch));
        // Residual stream, its normed copy, and the widest intermediate (top-k copies in and out).
        let width = u64::from(plan.hidden) * (2 + 2 * u64::from(plan.top_k));
        Self {
            experts: share(experts),
            others: share(inside) + ends,
            cache: share(group * plan.sequence_bytes(context, layout.tensor_parallel)),
            activations: chunk.max(group) * width * 2,
            reserve: facts.hbm.reserve.whole(),
            capacity: facts.hbm.capacity.whole(),
        }
    }

    /// Bytes in use `[bytes]`.
    pub fn used(&self) -> u64 {
        self.experts + self.others + self.cache + self.activations + self.reserve
    }

    /// Whether it fits.
    pub fn fits(&self) -> bool {
        self.used() <= self.capacity
    }

    /// What is in use, by owner `[bytes]`.
    pub fn rows(&self) -> Vec<(String, u64)> {
        [
            ("expert weights", self.experts),
            ("other weights", self.others),
            ("KV cache", self.cache),
            ("activations", self.activations),
            ("reserve", self.reserve),
        ]
        .map(|(owner, bytes)| (owner.to_string(), bytes))
        .to_vec()
    }

    /// An error that shows what does not fit and by how much.
    pub fn check(&self, layout: Layout, batch: u32) -> Result<(), Error> {
        if self.fits() {
            return Ok(());
        }
        let gb = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
        let rows: Vec<String> =
            self.rows().iter().map(|(owner, bytes)| format!("{owner} {}", gb(*bytes))).collect();
        Err(Error::DoesNotFit(format!(
            "layout {layout} at batch {batch} needs {} on a GPU that has {}: {} too much ({}); \
             spread the model over more GPUs or lower the batch",
            gb(self.used()),
            gb(self.capacity),
            gb(self.used() - self.capacity),
            rows.join(", "),
        )))
    }
}
