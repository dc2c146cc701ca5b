//! Feed-forward part of each layer: which layers have experts, how many and how wide.

use super::architecture::{Experts, MoeLayers};
use super::fields::Section;
use super::{MAX_COPIES, MAX_LAYERS, MAX_WIDTH};
use crate::model::FeedForward;

/// Keys under which the number of routed experts is published.
const COUNTS: [&str; 3] = ["n_routed_experts", "num_experts", "num_local_experts"];
/// Keys under which the number of experts of a token is published.
const CHOSEN: [&str; 2] = ["num_experts_per_tok", "experts_per_token"];

/// One MLP in every layer.
pub(super) fn dense(shapes: &Section) -> Option<Vec<FeedForward>> {
    let count = shapes.size("num_hidden_layers", 1, MAX_LAYERS);
    let intermediate = shapes.size("intermediate_size", 1, MAX_WIDTH);
    Some(vec![FeedForward::Dense { intermediate: intermediate? }; count? as usize])
}

/// Routed experts in some layers or all, one MLP in the others.
pub(super) fn experts(shapes: &Section, described: &Experts) -> Option<Vec<FeedForward>> {
    let which = with_experts(shapes, described.layers);
    let count_key = first_of(shapes, described.count, &COUNTS);
    let experts = shapes.size(count_key, 1, MAX_COPIES);
    let chosen_key = first_of(shapes, CHOSEN[0], &CHOSEN);
    let top_k = shapes.size(chosen_key, 1, MAX_COPIES);
    let shared = match described.shared {
        true => shapes.size("n_shared_experts", 0, MAX_COPIES),
        false => shapes.optional_size("n_shared_experts", 0, MAX_COPIES, Some(0)),
    };
    let width = shapes.size(described.width, 1, MAX_WIDTH);
    if let (Some(top_k), Some(experts)) = (top_k, experts)
        && top_k > experts
    {
        shapes.report(
            chosen_key,
            &format!("is {top_k}, more than the {experts} experts of `{count_key}`"),
        );
    }
    let all = which.as_ref().is_some_and(|which| which.iter().all(|&with| with));
    let dense = if all { width } else { shapes.size("intermediate_size", 1, MAX_WIDTH) };
    let dense = FeedForward::Dense { intermediate: dense? };
    let moe = FeedForward::Moe {
        experts: experts?,
        top_k: top_k?,
        shared: shared?,
        intermediate: width?,
    };
    Some(which?.into_iter().map(|with| if with { moe } else { dense }).collect())
}

/// Which of the layers have experts.
fn with_experts(shapes: &Section, rule: MoeLayers) -> Option<Vec<bool>> {
    let layers = shapes.size("num_hidden_layers", 1, MAX_LAYERS);
    let one = Some(1);
    match rule {
        MoeLayers::All => Some(vec![true; layers? as usize]),
        MoeLayers::From => {
            let first = shapes.size("first_k_dense_replace", 0, MAX_LAYERS);
            let every = shapes.optional_size("moe_layer_freq", 1, MAX_LAYERS, one);
            let (first, every) = (first?, every?);
            Some((0..layers?).map(|layer| layer >= first && layer.is_multiple_of(every)).collect())
        }
        MoeLayers::Sparse => {
            let step = shapes.optional_size("decoder_sparse_step", 1, MAX_LAYERS, one);
            let only = match shapes.has("mlp_only_layers") {
                true => shapes.sizes("mlp_only_layers", 0, MAX_LAYERS),
                false => Some(Vec::new()),
            };
            let (step, only) = (step?, only?);
            let with = |layer: u32| (layer + 1).is_multiple_of(step) && !only.contains(&layer);
            Some((0..layers?).map(with).collect())
        }
    }
}

/// The key to read: `usual` if it is there, else the first of `known` that is.
fn first_of(shapes: &Section, usual: &'static str, known: &[&'static str]) -> &'static str {
    if shapes.has(usual) {
        return usual;
    }
    known.iter().copied().find(|key| shapes.has(key)).unwrap_or(usual)
}
