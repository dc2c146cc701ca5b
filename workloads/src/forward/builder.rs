//! Adds operators and edges to the graph, with the work of each.

use super::{Flow, ForwardPass, Operator, OperatorKind, Step, work};
use crate::model::Model;
use crate::model::matrices::Matrix;
use petgraph::graph::NodeIndex;

/// The graph so far, and the layer that is being built.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    pub(super) graph: ForwardPass,
    pub(super) model: &'a Model,
    pub(super) step: Step,
    layer: Option<u32>,
    matrices: Vec<Matrix>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(model: &'a Model, step: Step) -> Self {
        let matrices = vec![model.embedding_matrix()];
        Self { graph: ForwardPass::new(), model, step, layer: None, matrices }
    }

    /// What is added from now on belongs to `layer`.
    pub(super) fn enter_layer(&mut self, layer: u32) {
        self.layer = Some(layer);
        self.matrices = self.model.layer_matrices(layer as usize);
    }

    /// What is added from now on belongs to no layer.
    pub(super) fn leave_layers(&mut self) {
        self.layer = None;
        self.matrices = vec![self.model.final_norm_matrix(), self.model.head_matrix()];
    }

    /// Adds an operator; its weights are those of the matrices that bear its name.
    pub(super) fn add(&mut self, name: &'static str, kind: OperatorKind) -> NodeIndex {
        let own = self.matrices.iter().filter(|matrix| matrix.name == name);
        let weight_bytes = own.map(Matrix::active_bytes).sum();
        let layer = self.layer;
        let mut operator = Operator { name, layer, kind, flops: 0, weight_bytes, kv_bytes: 0 };
        let head = operator.is_head();
        let tokens = if head { self.step.head_tokens() } else { self.step.tokens() };
        operator.flops = work::flops(kind, tokens, self.step);
        operator.kv_bytes = work::kv_bytes(kind, self.model, self.step);
        self.graph.add_node(operator)
    }

    /// `elements` of a token flow from `from` to `to`.
    pub(super) fn connect(&mut self, from: NodeIndex, to: NodeIndex, elements: u32) {
        self.graph.add_edge(from, to, Flow { elements: u64::from(elements) });
    }
}
