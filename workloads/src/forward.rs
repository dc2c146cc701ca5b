//! The forward pass as a graph of operators with shapes, FLOPs and bytes.

use crate::model::WeightFormat;
use petgraph::graph::DiGraph;
use serde::{Deserialize, Serialize};

/// The forward pass: operators, and edges that carry the number of elements that flow.
pub type ForwardPass = DiGraph<Operator, Flow>;

/// What flows from one operator to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Elements for one token.
    pub elements: u64,
}

/// Which step of inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Step {
    /// One token for each of `batch` sequences, each with `context` tokens in its cache, this one included.
    Decode {
        /// Sequences.
        batch: u32,
        /// Tokens each attends to.
        context: u32,
    },
    /// A chunk of one prompt.
    Prefill {
        /// Tokens in this chunk.
        tokens: u32,
        /// Tokens already in the cache.
        before: u32,
    },
}

/// One operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operator {
    /// Name: "q_a_kv_a", "o_proj", "experts_gate_up".
    pub name: &'static str,
    /// Layer it belongs to; `None` for embedding and head.
    pub layer: Option<u32>,
    /// What it computes.
    pub kind: OperatorKind,
    /// Floating-point operations, a multiply-accumulate counted as two [FLOP].
    pub flops: u64,
    /// Bytes of weights and scales that it reads once [bytes]; for experts, of those chosen by one token.
    pub weight_bytes: u64,
    /// Bytes of KV cache that it reads or writes [bytes].
    pub kv_bytes: u64,
}

/// What an operator computes; sizes are for one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OperatorKind {
    /// Looks one row of the table up.
    Embedding {
        /// Rows of the table.
        vocabulary: u32,
        /// Elements of a row.
        hidden: u32,
    },
    /// Root-mean-square norm with a learned weight.
    RmsNorm {
        /// Elements.
        width: u32,
    },
    /// `y = W x`.
    Linear {
        /// Elements in.
        ins: u32,
        /// Elements out.
        outs: u32,
        /// How the matrix is stored.
        format: WeightFormat,
    },
    /// One matrix for each head (block diagonal).
    PerHeadLinear {
        /// Heads.
        heads: u32,
        /// Elements in, of one head.
        ins: u32,
        /// Elements out, of one head.
        outs: u32,
        /// How the matrices are stored.
        format: WeightFormat,
    },
    /// Rotary position embedding.
    Rope {
        /// Vectors that are rotated.
        vectors: u32,
        /// Elements of each.
        width: u32,
    },
    /// Stores the new token's latent and rotary key.
    KvAppend {
        /// Elements stored.
        width: u32,
    },
    /// Attention of all heads over the cached latents: scores, softmax, weighted sum.
    LatentAttention {
        /// Heads.
        heads: u32,
        /// Width of the latent.
        latent: u32,
        /// Width of the rotary key.
        rope: u32,
        /// Tokens attended to (of the last token of the step).
        context: u32,
    },
    /// Sigmoid, the best `top_k` of `experts`, normalised weights.
    TopK {
        /// Experts to choose from.
        experts: u32,
        /// Experts chosen.
        top_k: u32,
    },
    /// One projection of the chosen experts and of the shared ones.
    Experts {
        /// Routed experts stored.
        experts: u32,
        /// Routed experts used by a token.
        top_k: u32,
        /// Shared experts.
        shared: u32,
        /// Elements into each.
        ins: u32,
        /// Elements out of each.
        outs: u32,
        /// How routed experts are stored.
        format: WeightFormat,
        /// How shared experts are stored.
        shared_format: WeightFormat,
        /// Whether the outputs are added, weighted by the router (down), or kept apart (gate and up).
        combine: bool,
    },
    /// `silu(gate) * up`.
    SwiGlu {
        /// Elements out.
        width: u32,
    },
    /// Adds to the residual stream.
    Residual {
        /// Elements.
        width: u32,
    },
    /// Chooses the next token from the logits (arg-max).
    Sample {
        /// Logits.
        vocabulary: u32,
    },
}
