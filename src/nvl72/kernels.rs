//! From an operator to kernels on one GPU.
//!
//! A launch costs its fixed time and the longer of memory and arithmetic. Which operators share a
//! launch is decided here and nowhere else:
//!
//! | operator | launches |
//! |---|---|
//! | norms over the residual stream, residual additions | none: inside the all-reduce before them; one for both where no tensor parallel runs |
//! | norms of compressed query and latent | one for both |
//! | rotary embedding and cache append | one for all |
//! | latent attention | two: parts of the context, then their merge |
//! | router's top-k | two: choice, sorting tokens by expert |
//! | experts gate and up, SwiGLU | one each |
//! | experts down | two: product, adding up by token |
//! | all others | one |

use super::hardware::Nvl72Facts;
use super::layout::Layout;
use super::plan::{Plan, expert_share, matrix, shared_cut};
use reports::outcome::TimeSplit;
use workloads::forward::{Operator, OperatorKind};

/// Bytes of a 16-bit number `[bytes]`.
const WORD: u64 = 2;

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
}

impl Batch {
    /// One token for each of `batch` requests with `context` tokens.
    pub fn decode(layout: Layout, batch: u32, context: u64) -> Self {
        let group = u64::from(layout.group_batch(batch));
        Self {
            tokens: group,
            all_tokens: u64::from(batch),
            sequences: group,
            attended: context as f64,
            cached: context,
            sampled: group,
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
}

impl Work {
    fn new(launches: u32, weight_bytes: u64, other_bytes: u64, flops: f64) -> Self {
        Self { launches, weight_bytes, other_bytes, flops }
    }

    /// Time on a GPU, apart by cause.
    pub fn split(&self, facts: &Nvl72Facts) -> TimeSplit {
        let memory = (self.weight_bytes + self.other_bytes) as f64 / facts.memory_rate() * 1e6;
        let arithmetic = self.flops / facts.arithmetic_rate() * 1e6;
        TimeSplit {
            arithmetic_us: arithmetic,
            memory_us: (memory - arithmetic).max(0.0),
            waiting_us: f64::from(self.launches) * facts.kernel.fixed.get() * 1e6,
            ..TimeSplit::default()
        }
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
    let element_wise =
        |launches, width: u32| Work::new(launches, 0, 2 * WORD * tokens * u64::from(width), 0.0);
    match op.kind {
        OperatorKind::Embedding { hidden, .. } => element_wise(1, hidden),
        OperatorKind::RmsNorm { width } if plan.rides_along(width) => element_wise(0, width),
        OperatorKind::RmsNorm { width } => {
            // The very first norm follows the embedding, the last one is the head's.
            let first = op.layer == Some(0) && op.name == "input_norm";
            let inside = width == plan.hidden && tp > 1 && op.layer.is_some() && !first;
            element_wise(u32::from(!inside), width)
        }
        OperatorKind::Linear { ins, outs, format } => {
            let rows = if op.layer.is_none() { batch.sampled } else { tokens };
            let (ins, outs) = plan.share(op, ins, outs, tp);
            let launches = u32::from(rows > 0);
            product(launches, rows.min(1) * matrix(format, ins, outs), rows, ins, outs, 1)
        }
        OperatorKind::PerHeadLinear { heads, ins, outs, format } => {
            let heads = heads.div_ceil(tp);
            let bytes = u64::from(heads) * matrix(format, ins, outs);
            product(1, bytes, tokens, ins, outs, heads)
        }
        OperatorKind::Rope { vectors, width } => {
            element_wise(u32::from(vectors > 1), vectors.div_ceil(tp) * width)
        }
        OperatorKind::KvAppend { width } => element_wise(0, width),
        OperatorKind::LatentAttention { heads, latent, rope, .. } => {
            let heads = u64::from(heads.div_ceil(tp));
            let width = u64::from(latent + rope);
            let cache = batch.sequences * batch.cached * width * WORD;
            let vectors = tokens * heads * (width + u64::from(latent)) * WORD;
            let per_pair = 2.0 * (width + u64::from(latent)) as f64;
            let flops = per_pair * (heads * tokens) as f64 * batch.attended;
            Work::new(2, 0, cache + vectors, flops)
        }
        OperatorKind::HeadNorm { vectors, width } => element_wise(1, vectors.div_ceil(tp) * width),
        OperatorKind::GroupedAttention { heads, kv_heads, head_dim, window, .. } => {
            let heads = u64::from(heads.div_ceil(tp));
            let (keys, width) = (u64::from(kv_heads.div_ceil(tp)), u64::from(head_dim));
            let seen = window.map_or(batch.cached, |w| batch.cached.min(u64::from(w)));
            let cache = batch.sequences * seen * 2 * keys * width * WORD;
            let vectors = tokens * heads * 2 * width * WORD;
            let pairs = window.map_or(batch.attended, |w| batch.attended.min(f64::from(w)));
            let flops = 4.0 * (width * heads * tokens) as f64 * pairs;
            Work::new(2, 0, cache + vectors, flops)
        }
        OperatorKind::TopK { experts, .. } => element_wise(2, experts),
        OperatorKind::Experts { .. } => experts(op, layout, batch, sets, facts),
        OperatorKind::SwiGlu { width } => {
            // Width is that of all chosen experts of a token, or of the dense MLP.
            let share = if plan.group(op) == "moe" { layout.gpus() } else { tp };
            element_wise(1, width.div_ceil(share) * 2)
        }
        OperatorKind::Residual { .. } => Work::default(),
        OperatorKind::Sample { vocabulary } => {
            let logits = batch.sampled * u64::from(vocabulary.div_ceil(tp)) * WORD;
            Work::new(u32::from(batch.sampled > 0), 0, logits, 0.0)
        }
    }
}

fn product(launches: u32, weights: u64, rows: u64, ins: u32, outs: u32, times: u32) -> Work {
    let (ins, outs, times) = (u64::from(ins), u64::from(outs), u64::from(times));
    let vectors = rows * times * (ins + outs) * WORD;
    let flops = 2.0 * (rows * times * ins * outs) as f64;
    Work::new(launches, weights, vectors, flops)
}

/// One projection of the experts on the set of GPUs that takes longest with it.
fn experts(
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
    let size = f64::from(ins) * f64::from(outs);
    let cut = layout.expert_tensor_parallel();
    let launches = if combine { 2 } else { 1 };
    // The shared expert is one more expert of the same launch, with all tokens of the GPU's group.
    let shared_bytes =
        u64::from(shared) * expert_share(shared_format, ins, outs, combine, shared_cut(layout));
    let shared_rows = u64::from(shared) * batch.tokens;
    let shared_flops = 2.0 * shared_rows as f64 * size / f64::from(shared_cut(layout));
    let one = expert_share(format, ins, outs, combine, cut);
    sets.iter()
        .map(|&(active, rows)| {
            let vectors = rows * f64::from(ins + outs) * WORD as f64 / f64::from(cut);
            Work::new(
                launches,
                u64::from(active) * one + shared_bytes,
                vectors as u64 + shared_rows * u64::from(ins + outs) * WORD,
                2.0 * rows * size / f64::from(cut) + shared_flops,
            )
        })
        .max_by(|a, b| a.split(facts).total_us().total_cmp(&b.split(facts).total_us()))
        .unwrap_or_default()
}
