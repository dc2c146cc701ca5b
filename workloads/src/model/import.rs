//! Reads a Hugging Face `config.json` as it is published.
//!
//! ```text
//! text -> serde_json -> architecture -> section with the shapes -> Model
//!                                  \-> quantization_config ------> Storage
//! ```
//!
//! All problems of a file are collected and reported together. Every size has an upper limit that is
//! far above anything published and low enough that no count of parameters or bytes can overflow.
//!
//! Known deviations: routing restricted to groups of experts (`n_group`), position scaling, layers
//! that predict further tokens (`num_nextn_predict_layers`), vision towers and a quantised KV cache
//! (`kv_cache_scheme`) are read over.

mod architecture;
mod fields;
mod pattern;
mod position;
mod problem;
mod quantization;

pub use problem::ConfigProblem;

use super::{Attention, FeedForward, Model};
use architecture::Architecture;
use fields::{Problems, Section};
use position::KeyPositions;
use serde_json::Value;

/// Most elements of a vector: hidden state, head, latent, intermediate.
const MAX_WIDTH: u32 = 1 << 17;
/// Most heads, routed experts or shared experts.
const MAX_COPIES: u32 = 1 << 12;
/// Most layers.
const MAX_LAYERS: u32 = 1 << 10;
/// Most tokens of a vocabulary.
const MAX_VOCABULARY: u32 = 1 << 24;

/// Reads the model called `name` from the text of its `config.json`; on failure, every problem found.
pub fn import(text: &str, name: &str) -> Result<Model, Vec<ConfigProblem>> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| vec![ConfigProblem::syntax(text, &error)])?;
    let Value::Object(root) = &value else {
        let message = "the file must hold one JSON object, `{ … }`".to_owned();
        return Err(vec![ConfigProblem { message, line: Some(1), column: Some(1) }]);
    };
    let positions = KeyPositions::scan(text);
    let problems = Problems::new(&positions);
    let root = Section::root(root, &problems);
    let model = read(&root, name);
    let problems = problems.into_list();
    match model {
        Some(model) if problems.is_empty() => Ok(model),
        _ => Err(problems),
    }
}

/// `None` only where at least one problem has been reported.
fn read(root: &Section, name: &str) -> Option<Model> {
    let architecture = Architecture::read(root)?;
    let shapes = architecture.shapes(root)?;
    shapes.must_be("scoring_func", "sigmoid");
    shapes.must_be("hidden_act", "silu");
    shapes.must_be("attention_bias", false);

    let hidden = shapes.size("hidden_size", 1, MAX_WIDTH);
    let vocabulary = shapes.size("vocab_size", 1, MAX_VOCABULARY);
    let max_context = shapes.size("max_position_embeddings", 1, u32::MAX);
    let attention = attention(&shapes);
    let layers = layers(&shapes);
    let tied = shapes.flag("tie_word_embeddings").or_else(|| root.flag("tie_word_embeddings"));
    let storage = quantization::read(root, &shapes, layers.as_deref());

    Some(Model {
        name: name.to_owned(),
        architecture: architecture.name().to_owned(),
        hidden: hidden?,
        vocabulary: vocabulary?,
        max_context: max_context?,
        tied_embeddings: tied.unwrap_or(false),
        attention: attention?,
        layers: layers?,
        storage: storage?,
    })
}

fn attention(shapes: &Section) -> Option<Attention> {
    let heads = shapes.size("num_attention_heads", 1, MAX_COPIES);
    let q_lora = shapes.size("q_lora_rank", 1, MAX_WIDTH);
    let kv_lora = shapes.size("kv_lora_rank", 1, MAX_WIDTH);
    let nope = shapes.size("qk_nope_head_dim", 1, MAX_WIDTH);
    let rope = shapes.size("qk_rope_head_dim", 1, MAX_WIDTH);
    let value = shapes.size("v_head_dim", 1, MAX_WIDTH);
    Some(Attention::Mla {
        heads: heads?,
        q_lora: q_lora?,
        kv_lora: kv_lora?,
        nope: nope?,
        rope: rope?,
        value: value?,
    })
}

/// A layer has experts from `first_k_dense_replace` on, where its index divides by `moe_layer_freq`.
fn layers(shapes: &Section) -> Option<Vec<FeedForward>> {
    let count = shapes.size("num_hidden_layers", 1, MAX_LAYERS);
    let first_moe = shapes.size("first_k_dense_replace", 0, MAX_LAYERS);
    let every = shapes.size("moe_layer_freq", 1, MAX_LAYERS);
    let dense = shapes.size("intermediate_size", 1, MAX_WIDTH);
    let experts = shapes.size("n_routed_experts", 1, MAX_COPIES);
    let top_k = shapes.size("num_experts_per_tok", 1, MAX_COPIES);
    let shared = shapes.size("n_shared_experts", 0, MAX_COPIES);
    let expert = shapes.size("moe_intermediate_size", 1, MAX_WIDTH);
    if let (Some(top_k), Some(experts)) = (top_k, experts)
        && top_k > experts
    {
        shapes.report(
            "num_experts_per_tok",
            &format!("is {top_k}, more than the {experts} experts of `n_routed_experts`"),
        );
    }
    let dense = FeedForward::Dense { intermediate: dense? };
    let moe = FeedForward::Moe {
        experts: experts?,
        top_k: top_k?,
        shared: shared?,
        intermediate: expert?,
    };
    let (count, first_moe, every) = (count?, first_moe?, every?);
    let is_moe = |layer: u32| layer >= first_moe && layer.is_multiple_of(every);
    Some((0..count).map(|layer| if is_moe(layer) { moe } else { dense }).collect())
}

#[cfg(test)]
mod tests;
