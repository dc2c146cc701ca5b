//! The model as a pipeline of parts: embedding, layers, head.

use super::layer::Part;
use workloads::forward::{Operator, Step, forward};
use workloads::model::{FeedForward, Model};

/// The model's parts in pipeline order, by index into the distinct ones.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Distinct parts: layers of one shape are one part.
    pub kinds: Vec<Part>,
    /// Part of each stage.
    pub stages: Vec<usize>,
    /// Layer of the model that each stage is, if it is one.
    pub layers: Vec<Option<u32>>,
}

impl Pipeline {
    /// The pipeline of `model` for one step.
    pub fn new(model: &Model, step: Step) -> Self {
        let graph = forward(model, step);
        let mut sections: Vec<(Option<u32>, Vec<Operator>)> = Vec::new();
        for operator in graph.node_weights() {
            match sections.last_mut() {
                Some((layer, list)) if *layer == operator.layer => list.push(operator.clone()),
                _ => sections.push((operator.layer, vec![operator.clone()])),
            }
        }
        let mut pipeline = Pipeline { kinds: Vec::new(), stages: Vec::new(), layers: Vec::new() };
        for (index, (layer, mut operators)) in sections.into_iter().enumerate() {
            let kind = match layer.and_then(|l| model.layers.get(l as usize)) {
                Some(FeedForward::Dense { .. }) => "dense",
                Some(FeedForward::Moe { .. }) => "moe",
                None if index == 0 => "embedding",
                None => "head",
            };
            // Layers of one shape are the same part, whatever their number.
            operators.iter_mut().for_each(|operator| operator.layer = None);
            let part = Part { kind, operators };
            let known = pipeline.kinds.iter().position(|other| *other == part);
            let kind = known.unwrap_or_else(|| {
                pipeline.kinds.push(part);
                pipeline.kinds.len() - 1
            });
            pipeline.stages.push(kind);
            pipeline.layers.push(layer);
        }
        pipeline
    }
}
