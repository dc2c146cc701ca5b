//! The experts: one fused kernel for the routed ones, plain products for the shared ones beside it.
//!
//! ```text
//!   tokens ─► sort by expert ─► gate and up ─► SwiGLU ─► down ─► add up by token
//!             [        the experts with tokens, each a tile of 128 outputs a processor        ]
//! ```
//!
//! Engines have two such kernels and take the faster one: one made for few tokens, one for many. Both
//! are made of the parts of any product of scaled blocks:
//!
//! | | few | many |
//! |---|---|---|
//! | launches | 3: gate and up with SwiGLU, down, adding up | 7: counting, sorting, copying, gate and up, SwiGLU, down, adding up |
//! | a tile | the steps of its inner dimension, the next tile's first load under way | the same, and two accesses: whose rows they are, and the store |
//! | tokens | 32 warps of a block handle one each in a round trip | the same |
//!
//! The first tile shows in full; behind it the longest of the other waves, HBM (the experts that got
//! tokens, each read once) and arithmetic. Experts cut over many GPUs have a short inner dimension and pay
//! for their tiles' two accesses.
//!
//! The two projections are two operators of the plan; each takes half of the launches and tokens. The
//! kernel for few tokens exists where the tensor cores multiply 4-bit floats.

use super::product::{Arithmetic, Product, TILE, block_trips, product};
use super::{Batch, WORD, Work, element_wise};
use crate::nvl72::hardware::Nvl72Facts;
use crate::nvl72::layout::Layout;
use crate::nvl72::plan::{expert_share, shared_cut};
use workloads::forward::{Operator, OperatorKind};
use workloads::model::WeightFormat;

/// One projection of the routed experts of one set of GPUs.
#[derive(Clone, Copy, Debug)]
pub struct Projection {
    /// Experts that got tokens.
    pub active: u32,
    /// Tokens times experts.
    pub rows: f64,
    /// Tokens that go in and out.
    pub tokens: f64,
    /// Inner dimension, as cut.
    pub ins: u32,
    /// Outputs, as cut.
    pub outs: u32,
    /// How weights are stored.
    pub format: WeightFormat,
    /// Bytes of one expert, as cut `[bytes]`.
    pub expert_bytes: u64,
}

/// Which kernel the experts run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Made for few tokens.
    Few,
    /// Made for many.
    Many,
}

/// Tokens that a block of 32 warps handles in one round trip.
const TOKENS_A_TRIP: f64 = 32.0;

impl Kernel {
    /// Launches, and accesses of a tile beside its steps.
    fn costs(self) -> (u32, f64) {
        match self {
            Self::Few => (3, 0.0),
            Self::Many => (7, 2.0),
        }
    }
}

/// Work of one projection in a given kernel.
pub fn projection(facts: &Nvl72Facts, of: &Projection, kernel: Kernel) -> Work {
    let (launches, trips) = kernel.costs();
    let weight_bytes = u64::from(of.active) * of.expert_bytes;
    let vectors = of.rows * f64::from(of.ins + of.outs) * WORD as f64;
    let flops = 2.0 * of.rows * f64::from(of.ins) * f64::from(of.outs);
    let high = (of.rows / f64::from(of.active.max(1)) / TILE as f64).ceil().max(1.0);
    let tiles = f64::from(of.active) * u64::from(of.outs).div_ceil(TILE) as f64 * high;
    let waves = tiles / facts.compute.processors.get().max(1.0);
    let tile = facts.chain(0, block_trips(of.format.bits, of.ins) + trips);
    let fixed = facts.chain(launches, of.tokens / TOKENS_A_TRIP) / 2.0;
    Work {
        launches: launches.div_ceil(2),
        weight_bytes,
        other_bytes: vectors as u64,
        flops,
        fixed_us: (fixed + tile) * 1e6,
        waves_us: (waves - 1.0).max(0.0) * tile * 1e6,
        memory_us: (weight_bytes as f64 + vectors) / facts.memory_rate() * 1e6,
        arithmetic_us: flops / Arithmetic::of(of.format).rate(facts) * 1e6,
    }
}

/// Work of one projection in the faster kernel.
pub fn faster(facts: &Nvl72Facts, of: &Projection) -> Work {
    let many = projection(facts, of, Kernel::Many);
    if facts.compute.fp4.get() <= facts.compute.fp8.get() {
        return many;
    }
    let few = projection(facts, of, Kernel::Few);
    if few.total_us() <= many.total_us() { few } else { many }
}

/// One projection of the experts on the set of GPUs that takes longest with it. The bytes and operations of
/// the shared experts, which run beside, are counted here; what of their time is not hidden is
/// [`shared`]'s.
pub fn routed(
    op: &Operator,
    layout: Layout,
    batch: &Batch,
    sets: &[(u32, f64)],
    facts: &Nvl72Facts,
) -> Work {
    let OperatorKind::Experts { shared, ins, outs, format, shared_format, combine, .. } = op.kind
    else {
        return Work::default();
    };
    let cut = layout.expert_tensor_parallel();
    let expert_bytes = expert_share(format, ins, outs, combine, cut);
    let (cut_ins, cut_outs) =
        if combine { (ins.div_ceil(cut), outs) } else { (ins, outs.div_ceil(cut)) };
    let reach = if layout.exchanges() { f64::INFINITY } else { batch.all_tokens as f64 };
    let slowest = sets
        .iter()
        .map(|&(active, rows)| {
            // A GPU to which tokens are sent handles those alone.
            let tokens = if reach.is_finite() { reach } else { rows.min(batch.all_tokens as f64) };
            let (ins, outs) = (cut_ins, cut_outs);
            faster(facts, &Projection { active, rows, tokens, ins, outs, format, expert_bytes })
        })
        .max_by(|a, b| a.total_us().total_cmp(&b.total_us()));
    let mut work = slowest.unwrap_or_default();
    let cut = shared_cut(layout);
    let bytes = u64::from(shared) * expert_share(shared_format, ins, outs, combine, cut);
    let rows = u64::from(shared) * batch.tokens;
    let flops = 2.0 * rows as f64 * f64::from(ins) * f64::from(outs) / f64::from(cut);
    work.weight_bytes += bytes;
    work.flops += flops;
    work.memory_us += bytes as f64 / facts.memory_rate() * 1e6;
    work.arithmetic_us += flops / Arithmetic::of(shared_format).rate(facts) * 1e6;
    work
}

/// Time of the shared experts in a stream of their own: gate and up, SwiGLU, down `[us]`. `op` is the
/// projection down.
pub fn shared(op: &Operator, layout: Layout, batch: &Batch, facts: &Nvl72Facts) -> f64 {
    let OperatorKind::Experts { shared, ins, outs, shared_format: format, .. } = op.kind else {
        return 0.0;
    };
    if shared == 0 {
        return 0.0;
    }
    let width = (ins * shared).div_ceil(shared_cut(layout));
    let rows = batch.tokens;
    let of = |ins: u32, outs: u32| {
        let weights = crate::nvl72::plan::matrix(format, ins, outs);
        product(facts, &Product { rows, ins, outs, times: 1, format, weights }).total_us()
    };
    of(outs, 2 * width) + element_wise(facts, 1, rows, 2 * width).total_us() + of(width, outs)
}
