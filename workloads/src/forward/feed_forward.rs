//! The feed-forward half of a layer: one gated MLP, or a router and experts.

use super::OperatorKind;
use super::builder::Builder;
use crate::model::FeedForward;
use petgraph::graph::NodeIndex;

impl Builder<'_> {
    /// From the residual stream after attention to the one after the layer.
    pub(super) fn feed_forward(&mut self, layer: FeedForward, stream: NodeIndex) -> NodeIndex {
        let hidden = self.model.hidden;
        let norm = self.add("post_attention_norm", OperatorKind::RmsNorm { width: hidden });
        self.connect(stream, norm, hidden);
        let last = match layer {
            FeedForward::Dense { intermediate } => self.dense(intermediate, norm),
            FeedForward::Moe { experts, top_k, shared, intermediate } => {
                self.moe(experts, top_k, shared, intermediate, norm)
            }
        };
        let residual = self.add("ffn_residual", OperatorKind::Residual { width: hidden });
        self.connect(last, residual, hidden);
        self.connect(stream, residual, hidden);
        residual
    }

    fn dense(&mut self, intermediate: u32, norm: NodeIndex) -> NodeIndex {
        let hidden = self.model.hidden;
        let format = self.model.storage.dense;
        let linear = |ins, outs| OperatorKind::Linear { ins, outs, format };
        let gate_up = self.add("gate_up", linear(hidden, 2 * intermediate));
        let swiglu = self.add("swiglu", OperatorKind::SwiGlu { width: intermediate });
        let down = self.add("down", linear(intermediate, hidden));
        self.connect(norm, gate_up, hidden);
        self.connect(gate_up, swiglu, 2 * intermediate);
        self.connect(swiglu, down, intermediate);
        down
    }

    fn moe(
        &mut self,
        experts: u32,
        top_k: u32,
        shared: u32,
        intermediate: u32,
        norm: NodeIndex,
    ) -> NodeIndex {
        let hidden = self.model.hidden;
        let storage = self.model.storage;
        let projection = |ins, outs, combine| OperatorKind::Experts {
            experts,
            top_k,
            shared,
            ins,
            outs,
            format: storage.experts,
            shared_format: storage.shared,
            combine,
        };
        let width = intermediate * (top_k + shared);
        let router = OperatorKind::Linear { ins: hidden, outs: experts, format: storage.router };
        let router = self.add("router", router);
        let choose = self.add("top_k", OperatorKind::TopK { experts, top_k });
        let gate_up = self.add("experts_gate_up", projection(hidden, 2 * intermediate, false));
        let swiglu = self.add("swiglu", OperatorKind::SwiGlu { width });
        let down = self.add("experts_down", projection(intermediate, hidden, true));
        self.connect(norm, router, hidden);
        self.connect(router, choose, experts);
        self.connect(norm, gate_up, hidden);
        self.connect(choose, gate_up, top_k);
        self.connect(gate_up, swiglu, 2 * width);
        self.connect(swiglu, down, width);
        self.connect(choose, down, top_k);
        down
    }
}
