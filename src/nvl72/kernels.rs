//! From an operator to kernels on one GPU.
//!
//! ```text
//!   launches ──► fixed costs ─┐
//!   waves of tiles ───────────┤
//!   bytes over HBM ───────────┼─► fixed + longest of (waves, bytes, arithmetic)
//!   arithmetic ───────────────┘
//! ```
//!
//! Which operators share a launch is decided here and nowhere else:
//!
//! | operator | launches |
//! |---|---|
//! | norms over the residual stream, residual additions | none: inside the all-reduce before them; one for both where no tensor parallel runs |
//! | norms of compressed query and latent | one for both |
//! | rotary embedding, norms of heads and cache append | one for all |
//! | products of 8-bit or 4-bit blocks | two: quantising the inputs, the product |
//! | attention | two: parts of the context, then their merge |
//! | router's top-k | one; sorting tokens by expert belongs to the experts' kernel |
//! | routed experts | one fused kernel for gate and up, SwiGLU, down and adding up by token |
//! | shared expert | a stream of its own beside router, dispatch and routed experts ([`super::step`]) |
//! | all others | one |
//!
//! [`mod@product`] times matrix products, [`attention`] what reads the cache, [`experts`] the fused kernel.
//!
//! Deviations: a second stream shares bandwidth only through its bytes of weights; no L2.

pub mod attention;
pub mod experts;
pub mod product;

use super::hardware::Nvl72Facts;
use super::layout::Layout;
use super::plan::{Plan, matrix};
use product::{Product, product};
use reports::outcome::TimeSplit;
use workloads::forward::{Operator, OperatorKind};

/// Bytes of a 16-bit number `[bytes]`.
pub(super) const WORD: u64 = 2;

/// What one GPU has to do in one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Batch {
    /// Tokens of the fullest attention group.
    pub tokens: u64,
    /// Tokens of the whole replica.
    pub all_tokens: u64,
    /// Sequences of the fullest attention group whose caches are read.
    pub sequences: u64,
    /// Cached tokens that a token attends to, on average.
    pub attended: f64,
    /// Cached tokens of one sequence that are read.
    pub cached: u64,
    /// Tokens of the group whose logits are wanted.
    pub sampled: u64,
    /// Whether it is a chunk of a prompt.
    pub prompt: bool,
}

impl Batch {
    /// One token for each of `batch` requests with `context` tokens. Where the layers form a
    /// pipeline, it is the requests of one of its stages.
    pub fn decode(layout: Layout, batch: u32, context: u64) -> Self {
        let stage = batch.div_ceil(layout.pipeline_parallel);
        let group = u64::from(layout.group_batch(stage));
        Self {
            tokens: group,
            all_tokens: u64::from(stage),
            sequences: group,
            attended: context as f64,
            cached: context,
            sampled: group,
            prompt: false,
        }
    }

    /// A chunk of one prompt, `before` tokens of which are cached.
    pub fn prefill(tokens: u64, before: u64, last: bool) -> Self {
        Self {
            tokens,
            all_tokens: tokens,
            sequences: 1,
            attended: before as f64 + (tokens as f64 + 1.0) / 2.0,
            cached: before + tokens,
            sampled: u64::from(last),
            prompt: true,
        }
    }
}

/// Work of one operator on the busiest GPU.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Kernel launches.
    pub launches: u32,
    /// Weights read `[bytes]`.
    pub weight_bytes: u64,
    /// Cache and activations read and written `[bytes]`.
    pub other_bytes: u64,
    /// Arithmetic `[FLOP]`.
    pub flops: f64,
    /// Costs that nothing hides `[us]`.
    pub fixed_us: f64,
    /// Waves of tiles one after the other, at least `[us]`.
    pub waves_us: f64,
    /// The bytes over the bandwidth `[us]`.
    pub memory_us: f64,
    /// The arithmetic over its rate `[us]`.
    pub arithmetic_us: f64,
}

impl Work {
    /// Time on a GPU, apart by cause.
    pub fn split(&self) -> TimeSplit {
        let busy = self.memory_us.max(self.arithmetic_us);
        TimeSplit {
            arithmetic_us: self.arithmetic_us,
            memory_us: busy - self.arithmetic_us,
            waiting_us: self.fixed_us + (self.waves_us - busy).max(0.0),
            ..TimeSplit::default()
        }
    }

    /// The same once more behind it.
    #[must_use]
    pub fn twice(self) -> Self {
        Self {
            launches: 2 * self.launches,
            weight_bytes: 2 * self.weight_bytes,
            other_bytes: 2 * self.other_bytes,
            flops: 2.0 * self.flops,
            fixed_us: 2.0 * self.fixed_us,
            waves_us: 2.0 * self.waves_us,
            memory_us: 2.0 * self.memory_us,
            arithmetic_us: 2.0 * self.arithmetic_us,
        }
    }

    /// Time on a GPU `[us]`.
    pub fn total_us(&self) -> f64 {
        self.fixed_us + self.waves_us.max(self.memory_us).max(self.arithmetic_us)
    }
}

/// A small kernel that touches every element of `width` for each token, in and out.
fn element_wise(facts: &Nvl72Facts, launches: u32, tokens: u64, width: u32) -> Work {
    let other_bytes = 2 * WORD * tokens * u64::from(width);
    Work {
        launches,
        other_bytes,
        fixed_us: f64::from(launches) * facts.kernel.fixed.get() * 1e6,
        memory_us: other_bytes as f64 / facts.memory_rate() * 1e6,
        ..Work::default()
    }
}

/// Work of `op` on the busiest GPU; `sets` holds, for each set of GPUs, its experts with tokens and
/// its tokens times experts.
pub fn work(
    plan: &Plan,
    op: &Operator,
    layout: Layout,
    batch: &Batch,
    sets: &[(u32, f64)],
    facts: &Nvl72Facts,
) -> Work {
    let tp = layout.tensor_parallel;
    let tokens = batch.tokens;
    let small = |launches, width: u32| element_wise(facts, launches, tokens, width);
    match op.kind {
        OperatorKind::Embedding { hidden, .. } => small(1, hidden),
        OperatorKind::RmsNorm { width } if plan.rides_along(op.name) => small(0, width),
        OperatorKind::RmsNorm { width } => {
            // The very first norm follows the embedding, the last one is the head's.
            let first = op.layer == Some(0) && op.name == "input_norm";
            let inside = width == plan.hidden && tp > 1 && op.layer.is_some() && !first;
            small(u32::from(!inside), width)
        }
        OperatorKind::Linear { ins, outs, format } => {
            let rows = if op.layer.is_none() { batch.sampled } else { tokens };
            if rows == 0 {
                return Work::default();
            }
            let (ins, outs) = plan.share(op, ins, outs, tp);
            let weights = matrix(format, ins, outs);
            product(facts, &Product { rows, ins, outs, times: 1, format, weights })
        }
        OperatorKind::PerHeadLinear { heads, ins, outs, format } => {
            let times = heads.div_ceil(tp);
            let weights = u64::from(times) * matrix(format, ins, outs);
            product(facts, &Product { rows: tokens, ins, outs, times, format, weights })
        }
        OperatorKind::HeadNorm { vectors, width } => small(0, vectors.div_ceil(tp) * width),
        OperatorKind::Rope { vectors, width } => {
            small(u32::from(vectors > 1), vectors.div_ceil(tp) * width)
        }
        OperatorKind::KvAppend { width } => small(0, width),
        OperatorKind::LatentAttention { heads, latent, rope, .. } => {
            attention::latent(plan, facts, batch, heads.div_ceil(tp), latent, rope)
        }
        OperatorKind::GroupedAttention { heads, kv_heads, head_dim, window, .. } => {
            let share = attention::Grouped {
                heads: heads.div_ceil(tp),
                kv_heads: kv_heads.div_ceil(tp),
                head_dim,
                window,
            };
            attention::grouped(plan, facts, batch, &share)
        }
        OperatorKind::TopK { experts, .. } => small(1, experts),
        OperatorKind::Experts { .. } => experts::routed(op, layout, batch, sets, facts),
        // Inside the experts' kernel.
        OperatorKind::SwiGlu { .. } if plan.group(op) == "moe" => Work::default(),
        OperatorKind::SwiGlu { width } => small(1, width.div_ceil(tp) * 2),
        OperatorKind::Residual { .. } => Work::default(),
        OperatorKind::Sample { vocabulary } => {
            let launches = u32::from(batch.sampled > 0);
            element_wise(facts, launches, batch.sampled, vocabulary.div_ceil(tp).div_ceil(2))
        }
    }
}
