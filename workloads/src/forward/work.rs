//! Operations and cache traffic of one operator, as the module of the forward pass says.

use super::{OperatorKind, Step};
use crate::model::Model;

const NORM: u128 = 4;
const ROTATE: u128 = 3;
const SWIGLU: u128 = 5;
const SIGMOID: u128 = 3;
const SOFTMAX: u128 = 5;

/// Floating-point operations for `tokens` tokens `[FLOP]`.
pub(super) fn flops(kind: OperatorKind, tokens: u64, step: Step) -> u64 {
    let for_all_tokens = match kind {
        OperatorKind::LatentAttention { heads, latent, rope, .. } => {
            let (latent, rope) = (u128::from(latent), u128::from(rope));
            let pair = 2 * (latent + rope) + SOFTMAX + 2 * latent;
            u128::from(heads) * pair * step.attended_pairs(None)
        }
        OperatorKind::GroupedAttention { heads, head_dim, window, .. } => {
            let pair = 4 * u128::from(head_dim) + SOFTMAX;
            u128::from(heads) * pair * step.attended_pairs(window)
        }
        other => for_one_token(other) * u128::from(tokens),
    };
    u64::try_from(for_all_tokens).unwrap_or(u64::MAX)
}

fn for_one_token(kind: OperatorKind) -> u128 {
    let n = |size: u32| u128::from(size);
    match kind {
        OperatorKind::Embedding { .. }
        | OperatorKind::KvAppend { .. }
        | OperatorKind::LatentAttention { .. }
        | OperatorKind::GroupedAttention { .. } => 0,
        OperatorKind::RmsNorm { width } => NORM * n(width),
        OperatorKind::HeadNorm { vectors, width } => NORM * n(vectors) * n(width),
        OperatorKind::Linear { ins, outs, .. } => 2 * n(ins) * n(outs),
        OperatorKind::PerHeadLinear { heads, ins, outs, .. } => 2 * n(heads) * n(ins) * n(outs),
        OperatorKind::Rope { vectors, width } => ROTATE * n(vectors) * n(width),
        // Sigmoid and bias of each expert, one comparison a choice, then a sum and a quotient.
        OperatorKind::TopK { experts, top_k } => {
            (SIGMOID + 1 + n(top_k)) * n(experts) + 2 * n(top_k)
        }
        OperatorKind::Experts { top_k, shared, ins, outs, combine, .. } => {
            let used = n(top_k) + n(shared);
            // Each routed output is weighted, and all but the first are added.
            let combining = if combine { (n(top_k) + used.saturating_sub(1)) * n(outs) } else { 0 };
            2 * used * n(ins) * n(outs) + combining
        }
        OperatorKind::SwiGlu { width } => SWIGLU * n(width),
        OperatorKind::Residual { width } => n(width),
        OperatorKind::Sample { vocabulary } => n(vocabulary),
    }
}

/// Bytes of KV cache that are written or read `[bytes]`.
pub(super) fn kv_bytes(kind: OperatorKind, model: &Model, step: Step) -> u64 {
    let tokens = match kind {
        OperatorKind::KvAppend { .. } => step.tokens(),
        OperatorKind::LatentAttention { .. } => step.cached_tokens(None),
        OperatorKind::GroupedAttention { window, .. } => step.cached_tokens(window),
        _ => 0,
    };
    tokens.saturating_mul(model.layer_kv_bytes_per_token())
}
