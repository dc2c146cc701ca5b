//! The stored matrices of a model: the one list from which parameters, bytes and operators follow.
//!
//! Projections that read the same input are one matrix (`q_a_kv_a`, `gate_up`), and the up-projection
//! of the latent is stored in its absorbed form, as one matrix per head for the query (`q_absorb`) and
//! one for the value (`v_up`). Queries, keys and values of grouped-query attention are one matrix (`qkv`).
//! The number of weights is that of the checkpoint.
//!
//! Norms are matrices of one row, biases matrices of one column, always in 16 bits. The balancing bias of
//! a sigmoid router, rotary tables, prediction heads for further tokens and vision towers are left out.

use super::{Attention, FeedForward, Model, WeightFormat};

/// What a matrix is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatrixKind {
    /// Embedding.
    Embedding,
    /// Language-model head.
    Head,
    /// Weight of a norm.
    Norm,
    /// Bias of a projection, or a learned logit.
    Bias,
    /// Projection of attention.
    Attention,
    /// Router.
    Router,
    /// Routed expert.
    Expert,
    /// Shared expert.
    SharedExpert,
    /// Dense MLP.
    Dense,
}

/// Matrices of one shape in one place of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// Name of the operator that uses it.
    pub name: &'static str,
    /// What it is part of.
    pub kind: MatrixKind,
    /// How it is stored.
    pub format: WeightFormat,
    /// Rows: elements out.
    pub outs: u32,
    /// Columns: elements in.
    pub ins: u32,
    /// Matrices of this shape: heads, or experts.
    pub copies: u32,
    /// How many of the copies one token uses.
    pub used: u32,
}

impl Matrix {
    /// Weights of all copies.
    pub fn parameters(&self) -> u64 {
        u64::from(self.outs) * u64::from(self.ins) * u64::from(self.copies)
    }

    /// Weights that one token uses; of the embedding, one row.
    pub fn active_parameters(&self) -> u64 {
        self.active_rows() * u64::from(self.ins) * u64::from(self.used)
    }

    /// Bytes of all copies without scales `[bytes]`.
    pub fn weight_bytes(&self) -> u64 {
        let (outs, ins) = (u64::from(self.outs), u64::from(self.ins));
        self.format.weight_bytes(outs, ins) * u64::from(self.copies)
    }

    /// Bytes of the scales of all copies `[bytes]`.
    pub fn scale_bytes(&self) -> u64 {
        let (outs, ins) = (u64::from(self.outs), u64::from(self.ins));
        self.format.scale_bytes(outs, ins) * u64::from(self.copies)
    }

    /// Bytes of weights and scales that one token uses `[bytes]`.
    pub fn active_bytes(&self) -> u64 {
        let (outs, ins) = (self.active_rows(), u64::from(self.ins));
        let copy = self.format.weight_bytes(outs, ins) + self.format.scale_bytes(outs, ins);
        copy * u64::from(self.used)
    }

    fn active_rows(&self) -> u64 {
        if self.kind == MatrixKind::Embedding { 1 } else { u64::from(self.outs) }
    }

    fn one(
        name: &'static str,
        kind: MatrixKind,
        format: WeightFormat,
        outs: u32,
        ins: u32,
    ) -> Self {
        Self { name, kind, format, outs, ins, copies: 1, used: 1 }
    }

    fn bias(name: &'static str, width: u32) -> Self {
        Self::one(name, MatrixKind::Bias, WeightFormat::BF16, width, 1)
    }

    fn norm(name: &'static str, width: u32) -> Self {
        Self::one(name, MatrixKind::Norm, WeightFormat::BF16, 1, width)
    }
}

impl Model {
    /// The matrices of layer `layer`, in the order of the forward pass; empty if there is no such layer.
    pub fn layer_matrices(&self, layer: usize) -> Vec<Matrix> {
        let Some(feed_forward) = self.layers.get(layer) else {
            return Vec::new();
        };
        let mut list = vec![Matrix::norm("input_norm", self.hidden)];
        self.attention_matrices(&mut list);
        list.push(Matrix::norm("post_attention_norm", self.hidden));
        match *feed_forward {
            FeedForward::Dense { intermediate } => self.dense_matrices(intermediate, &mut list),
            FeedForward::Moe { experts, top_k, shared, intermediate } => {
                let router = self.storage.router;
                list.push(Matrix::one("router", MatrixKind::Router, router, experts, self.hidden));
                list.extend(self.mlp_bias.then(|| Matrix::bias("router", experts)));
                let (routed, used) = (MatrixKind::Expert, top_k);
                self.expert_matrices(routed, experts, used, intermediate, &mut list);
                if shared > 0 {
                    let kind = MatrixKind::SharedExpert;
                    self.expert_matrices(kind, shared, shared, intermediate, &mut list);
                }
            }
        }
        list
    }

    /// The embedding table.
    pub fn embedding_matrix(&self) -> Matrix {
        let format = self.storage.embedding;
        Matrix::one("embedding", MatrixKind::Embedding, format, self.vocabulary, self.hidden)
    }

    /// The language-model head; the embedding once more where both are one matrix.
    pub fn head_matrix(&self) -> Matrix {
        let storage = &self.storage;
        let format = if self.tied_embeddings { storage.embedding } else { storage.head };
        Matrix::one("lm_head", MatrixKind::Head, format, self.vocabulary, self.hidden)
    }

    /// The norm before the head.
    pub fn final_norm_matrix(&self) -> Matrix {
        Matrix::norm("final_norm", self.hidden)
    }

    fn attention_matrices(&self, list: &mut Vec<Matrix>) {
        let format = self.storage.attention;
        let one = |name, outs, ins| Matrix::one(name, MatrixKind::Attention, format, outs, ins);
        match self.attention {
            Attention::Mla { heads, q_lora, kv_lora, nope, rope, value } => {
                let per_head =
                    |name, outs, ins| Matrix { copies: heads, used: heads, ..one(name, outs, ins) };
                list.extend([
                    one("q_a_kv_a", q_lora + kv_lora + rope, self.hidden),
                    Matrix::norm("q_norm", q_lora),
                    Matrix::norm("kv_norm", kv_lora),
                    one("q_b", heads * (nope + rope), q_lora),
                    per_head("q_absorb", kv_lora, nope),
                    per_head("v_up", value, kv_lora),
                    one("o_proj", self.hidden, heads * value),
                ]);
            }
            Attention::Gqa {
                heads, kv_heads, head_dim, qk_norm, qkv_bias, o_bias, sinks, ..
            } => {
                let outs = (heads + 2 * kv_heads) * head_dim;
                list.push(one("qkv", outs, self.hidden));
                list.extend(qkv_bias.then(|| Matrix::bias("qkv", outs)));
                // One weight for all query heads and one for all key heads.
                let norm = Matrix { copies: 2, used: 2, ..Matrix::norm("qk_norm", head_dim) };
                list.extend(qk_norm.then_some(norm));
                list.extend(sinks.then(|| Matrix::bias("attention", heads)));
                list.push(one("o_proj", self.hidden, heads * head_dim));
                list.extend(o_bias.then(|| Matrix::bias("o_proj", self.hidden)));
            }
        }
    }

    fn dense_matrices(&self, intermediate: u32, list: &mut Vec<Matrix>) {
        let format = self.storage.dense;
        let one = |name, outs, ins| Matrix::one(name, MatrixKind::Dense, format, outs, ins);
        list.push(one("gate_up", 2 * intermediate, self.hidden));
        list.push(one("down", self.hidden, intermediate));
        if self.mlp_bias {
            list.push(Matrix::bias("gate_up", 2 * intermediate));
            list.push(Matrix::bias("down", self.hidden));
        }
    }

    fn expert_matrices(
        &self,
        kind: MatrixKind,
        copies: u32,
        used: u32,
        intermediate: u32,
        list: &mut Vec<Matrix>,
    ) {
        let routed = kind == MatrixKind::Expert;
        let format = if routed { self.storage.experts } else { self.storage.shared };
        let one =
            |name, outs, ins| Matrix { copies, used, ..Matrix::one(name, kind, format, outs, ins) };
        list.push(one("experts_gate_up", 2 * intermediate, self.hidden));
        list.push(one("experts_down", self.hidden, intermediate));
        if self.mlp_bias {
            let bias = |name, outs| Matrix { copies, used, ..Matrix::bias(name, outs) };
            list.push(bias("experts_gate_up", 2 * intermediate));
            list.push(bias("experts_down", self.hidden));
        }
    }
}
