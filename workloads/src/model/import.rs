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
//! Which keys are optional, and what an architecture has without saying so by a key, stands in
//! `import/architecture.rs`. Without a data type the weights are taken to be 16-bit, as published
//! checkpoints are.
//!
//! Known deviations: routing restricted to groups of experts (`n_group`), base and scaling of the
//! rotation, which change no shape, layers that predict further tokens (`num_nextn_predict_layers`),
//! vision towers and a quantised KV cache (`kv_cache_scheme`) are read over.

mod architecture;
mod attention;
mod fields;
mod layers;
mod pattern;
mod position;
mod problem;
mod quantization;

pub use problem::ConfigProblem;

use super::Model;
use architecture::{Architecture, Family};
use fields::{Problems, Section};
use position::KeyPositions;
use quantization::Names;
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
    shapes.must_be("hidden_act", "silu");

    let hidden = shapes.size("hidden_size", 1, MAX_WIDTH);
    let vocabulary = shapes.size("vocab_size", 1, MAX_VOCABULARY);
    let max_context = shapes.size("max_position_embeddings", 1, u32::MAX);
    let (attention, layers, mlp_bias) = match architecture.family {
        Family::Latent(experts) | Family::LatentText(experts) => {
            shapes.must_be("scoring_func", "sigmoid");
            (attention::latent(&shapes), layers::experts(&shapes, &experts), false)
        }
        Family::Dense(traits) => {
            let attention = attention::grouped(&shapes, &traits, hidden);
            (attention, layers::dense(&shapes), traits.mlp_bias.read(&shapes))
        }
        Family::Experts(traits, experts) => {
            let attention = attention::grouped(&shapes, &traits, hidden);
            (attention, layers::experts(&shapes, &experts), traits.mlp_bias.read(&shapes))
        }
    };
    let windows = layers.as_ref().and_then(|layers| attention::windows(&shapes, layers.len()));
    let tied = shapes.flag("tie_word_embeddings").or_else(|| root.flag("tie_word_embeddings"));
    let names = Names { attention, experts: architecture.experts_module() };
    let storage = quantization::read(root, &shapes, names, layers.as_deref());

    Some(Model {
        name: name.to_owned(),
        architecture: architecture.name.to_owned(),
        hidden: hidden?,
        vocabulary: vocabulary?,
        max_context: max_context?,
        tied_embeddings: tied.unwrap_or(false),
        attention: attention?,
        windows: windows?,
        layers: layers?,
        mlp_bias,
        storage: storage?,
    })
}

#[cfg(test)]
mod families;
#[cfg(test)]
mod tests;
