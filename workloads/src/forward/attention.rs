//! The attention half of a layer: latent attention with absorbed projections, or grouped-query attention.

use super::OperatorKind;
use super::builder::Builder;
use crate::model::Attention;
use petgraph::graph::NodeIndex;

impl Builder<'_> {
    /// From the residual stream before attention to the one after it.
    pub(super) fn attention(
        &mut self,
        attention: Attention,
        window: Option<u32>,
        stream: NodeIndex,
    ) -> NodeIndex {
        match attention {
            Attention::Mla { .. } => self.latent(attention, stream),
            Attention::Gqa { .. } => self.grouped(attention, window, stream),
        }
    }

    fn latent(&mut self, attention: Attention, stream: NodeIndex) -> NodeIndex {
        let Attention::Mla { heads, q_lora, kv_lora, nope, rope, value } = attention else {
            return stream;
        };
        let hidden = self.model.hidden;
        let format = self.model.storage.attention;
        let linear = |ins, outs| OperatorKind::Linear { ins, outs, format };
        let per_head = |ins, outs| OperatorKind::PerHeadLinear { heads, ins, outs, format };
        let norm = |width| OperatorKind::RmsNorm { width };
        let context = self.step.context();

        let input_norm = self.add("input_norm", norm(hidden));
        let q_a_kv_a = self.add("q_a_kv_a", linear(hidden, q_lora + kv_lora + rope));
        let q_norm = self.add("q_norm", norm(q_lora));
        let kv_norm = self.add("kv_norm", norm(kv_lora));
        let q_b = self.add("q_b", linear(q_lora, heads * (nope + rope)));
        // The queries of all heads and the one key.
        let rotate = self.add("rope", OperatorKind::Rope { vectors: heads + 1, width: rope });
        let q_absorb = self.add("q_absorb", per_head(nope, kv_lora));
        let kv_append = self.add("kv_append", OperatorKind::KvAppend { width: kv_lora + rope });
        let attend = OperatorKind::LatentAttention { heads, latent: kv_lora, rope, context };
        let attend = self.add("attention", attend);
        let v_up = self.add("v_up", per_head(kv_lora, value));
        let o_proj = self.add("o_proj", linear(heads * value, hidden));
        let residual = self.add("attention_residual", OperatorKind::Residual { width: hidden });

        self.connect(stream, input_norm, hidden);
        self.connect(input_norm, q_a_kv_a, hidden);
        self.connect(q_a_kv_a, q_norm, q_lora);
        self.connect(q_a_kv_a, kv_norm, kv_lora);
        self.connect(q_a_kv_a, rotate, rope);
        self.connect(q_norm, q_b, q_lora);
        self.connect(q_b, q_absorb, heads * nope);
        self.connect(q_b, rotate, heads * rope);
        self.connect(kv_norm, kv_append, kv_lora);
        self.connect(rotate, kv_append, rope);
        self.connect(q_absorb, attend, heads * kv_lora);
        self.connect(rotate, attend, heads * rope);
        self.connect(kv_append, attend, kv_lora + rope);
        self.connect(attend, v_up, heads * kv_lora);
        self.connect(v_up, o_proj, heads * value);
        self.connect(o_proj, residual, hidden);
        self.connect(stream, residual, hidden);
        residual
    }

    fn grouped(
        &mut self,
        attention: Attention,
        window: Option<u32>,
        stream: NodeIndex,
    ) -> NodeIndex {
        let Attention::Gqa { heads, kv_heads, head_dim, rope, qk_norm, .. } = attention else {
            return stream;
        };
        let hidden = self.model.hidden;
        let format = self.model.storage.attention;
        let linear = |ins, outs| OperatorKind::Linear { ins, outs, format };
        let rotated = heads + kv_heads;
        let (queries, keys) = (heads * head_dim, kv_heads * head_dim);

        let input_norm = self.add("input_norm", OperatorKind::RmsNorm { width: hidden });
        let qkv = self.add("qkv", linear(hidden, queries + 2 * keys));
        self.connect(stream, input_norm, hidden);
        self.connect(input_norm, qkv, hidden);
        let mut heads_from = qkv;
        if qk_norm {
            let norm = OperatorKind::HeadNorm { vectors: rotated, width: head_dim };
            heads_from = self.add("qk_norm", norm);
            self.connect(qkv, heads_from, queries + keys);
        }
        let rotate = self.add("rope", OperatorKind::Rope { vectors: rotated, width: rope });
        let append = self.add("kv_append", OperatorKind::KvAppend { width: 2 * keys });
        let context = window.map_or(self.step.context(), |w| w.min(self.step.context()));
        let attend = OperatorKind::GroupedAttention { heads, kv_heads, head_dim, context, window };
        let attend = self.add("attention", attend);
        let o_proj = self.add("o_proj", linear(queries, hidden));
        let residual = self.add("attention_residual", OperatorKind::Residual { width: hidden });

        self.connect(heads_from, rotate, queries + keys);
        self.connect(qkv, append, keys);
        self.connect(rotate, append, keys);
        self.connect(rotate, attend, queries);
        self.connect(append, attend, 2 * keys);
        self.connect(attend, o_proj, queries);
        self.connect(o_proj, residual, hidden);
        self.connect(stream, residual, hidden);
        residual
    }
}
