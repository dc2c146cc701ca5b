//! The forward pass as a graph of operators with shapes, FLOPs and bytes.
//!
//! ```text
//! embedding -> [layer]* -> final_norm -> lm_head -> sample
//!
//! layer:   input_norm -> q_a_kv_a -+-> q_norm -> q_b -+-> q_absorb --------------+
//!      |                           |                  +-> rope -------------+    |
//!      |                           +---------------------> rope -> kv_append -> attention -> v_up -> o_proj
//!      |                           +-> kv_norm --------------------^                                    |
//!      +--------------------------------------------------------------------> attention_residual <------+
//!          attention_residual -> post_attention_norm -> feed-forward -> ffn_residual
//!          attention_residual ------------------------------------------^
//!
//! feed-forward, dense:  gate_up -> swiglu -> down
//!               experts: router -> top_k -> experts_gate_up -> swiglu -> experts_down
//! ```
//!
//! Grouped-query attention has `qkv -> [qk_norm] -> rope -> kv_append -> attention -> o_proj` in the place of
//! `q_a_kv_a` to `o_proj`; the values go from `qkv` to `kv_append` directly.
//!
//! Latent attention is in its absorbed form: the query of each head is taken into the space of the latent, so
//! that one latent and one rotary key per token serve all heads.
//!
//! How operations are counted, when a step handles `n` tokens: `2 * outs * ins * n` for a matrix;
//! 4 for an element of a norm, 3 for a rotated element, 5 for an element of a gated activation (of which
//! 3 the sigmoid), 1 for an element of a residual; for attention, per head and pair of tokens,
//! `2 * (latent + rope)` for the score, 5 for the softmax and `2 * latent` for the weighted sum; an
//! exponential counts as one and so does a comparison. Grouped-query attention counts `2 * head_dim` for
//! a score and for a weighted value. A bias counts nothing: it is what a sum starts from. Routers with
//! a softmax are counted as those with a sigmoid. A count too large for 64 bits saturates.

mod attention;
mod builder;
mod feed_forward;
mod work;

use crate::model::{Model, WeightFormat};
use builder::Builder;
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

impl Step {
    /// Tokens that the step handles.
    pub fn tokens(self) -> u64 {
        match self {
            Self::Decode { batch, .. } => u64::from(batch),
            Self::Prefill { tokens, .. } => u64::from(tokens),
        }
    }

    /// Tokens that the head handles: every sequence of a decode step, the last token of a chunk.
    pub fn head_tokens(self) -> u64 {
        match self {
            Self::Decode { batch, .. } => u64::from(batch),
            Self::Prefill { tokens, .. } => u64::from(tokens.min(1)),
        }
    }

    /// Tokens that the last token attends to, itself included.
    pub fn context(self) -> u32 {
        match self {
            Self::Decode { context, .. } => context,
            Self::Prefill { tokens, before } => before.saturating_add(tokens),
        }
    }

    /// Pairs of a token and a token it attends to; in a chunk each token sees those before it, of a
    /// layer with a window the last `window` ones, itself included.
    pub fn attended_pairs(self, window: Option<u32>) -> u128 {
        let window = window.map_or(u128::MAX, u128::from);
        match self {
            Self::Decode { batch, context } => u128::from(batch) * u128::from(context).min(window),
            Self::Prefill { tokens, before } => {
                // Pairs of the first n tokens of a sequence.
                let first = |n: u128| {
                    let growing = n.min(window);
                    growing * (growing + 1) / 2 + (n - growing) * window
                };
                let (tokens, before) = (u128::from(tokens), u128::from(before));
                first(before + tokens) - first(before)
            }
        }
    }

    /// Cached tokens that attention reads, each once: a chunk reads its own and those before it once, of
    /// a layer with a window those that its first token sees and later ones.
    pub fn cached_tokens(self, window: Option<u32>) -> u64 {
        let window = window.map_or(u64::MAX, u64::from);
        match self {
            Self::Decode { batch, context } => u64::from(batch) * u64::from(context).min(window),
            Self::Prefill { tokens: 0, .. } => 0,
            Self::Prefill { tokens, before } => {
                u64::from(before).min(window.saturating_sub(1)) + u64::from(tokens)
            }
        }
    }
}

/// The forward pass of `model` for `step`. The head is always there; a chunk of a prompt that is not the
/// last one has no use for it, and its replay skips what [`Operator::is_head`] marks.
pub fn forward(model: &Model, step: Step) -> ForwardPass {
    let mut builder = Builder::new(model, step);
    let hidden = model.hidden;
    let embedding = OperatorKind::Embedding { vocabulary: model.vocabulary, hidden };
    let mut stream = builder.add("embedding", embedding);
    for (layer, feed_forward) in (0..).zip(&model.layers) {
        builder.enter_layer(layer);
        let attended = builder.attention(model.attention, model.window(layer as usize), stream);
        stream = builder.feed_forward(*feed_forward, attended);
    }
    builder.leave_layers();
    let norm = builder.add("final_norm", OperatorKind::RmsNorm { width: hidden });
    let format = model.head_matrix().format;
    let head = OperatorKind::Linear { ins: hidden, outs: model.vocabulary, format };
    let head = builder.add("lm_head", head);
    let sample = builder.add("sample", OperatorKind::Sample { vocabulary: model.vocabulary });
    builder.connect(stream, norm, hidden);
    builder.connect(norm, head, hidden);
    builder.connect(head, sample, model.vocabulary);
    builder.graph
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
    /// Floating-point operations, a multiply-accumulate counted as two `[FLOP]`.
    pub flops: u64,
    /// Bytes of weights and scales that it reads once `[bytes]`; for experts, of those chosen by one token.
    pub weight_bytes: u64,
    /// Bytes of KV cache that it reads or writes `[bytes]`.
    pub kv_bytes: u64,
}

impl Operator {
    /// Whether it turns the last hidden state into a token: `final_norm`, `lm_head`, `sample`.
    pub fn is_head(&self) -> bool {
        self.layer.is_none() && self.name != "embedding"
    }
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
    /// The same norm over each of several heads.
    HeadNorm {
        /// Heads.
        vectors: u32,
        /// Elements of each.
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
    /// Stores what is cached of the new token: its latent and rotary key, or its keys and values.
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
    /// Attention of all heads over the cached keys and values: scores, softmax, weighted sum.
    GroupedAttention {
        /// Query heads.
        heads: u32,
        /// Heads of keys and values.
        kv_heads: u32,
        /// Width of a head.
        head_dim: u32,
        /// Tokens attended to (of the last token of the step), within the window.
        context: u32,
        /// Tokens attended to at most; `None` where the whole context is.
        window: Option<u32>,
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

#[cfg(test)]
mod grouped_tests;
#[cfg(test)]
mod tests;
