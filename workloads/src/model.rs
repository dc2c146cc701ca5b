//! A transformer model: its shapes and how its weights are stored.

use serde::{Deserialize, Serialize};

/// A model as its published `config.json` describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Name for people.
    pub name: String,
    /// Architecture as published: "DeepseekV3ForCausalLM".
    pub architecture: String,
    /// Width of the residual stream [elements].
    pub hidden: u32,
    /// Vocabulary [tokens].
    pub vocabulary: u32,
    /// Longest context [tokens].
    pub max_context: u32,
    /// Whether embedding and head are one matrix.
    pub tied_embeddings: bool,
    /// Attention of every layer.
    pub attention: Attention,
    /// Feed-forward part of each layer; its length is the number of layers.
    pub layers: Vec<FeedForward>,
    /// How the weights are stored.
    pub storage: Storage,
}

/// Attention of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attention {
    /// Multi-head latent attention.
    Mla {
        /// Query heads.
        heads: u32,
        /// Width of the compressed query.
        q_lora: u32,
        /// Width of the latent that is cached for each token.
        kv_lora: u32,
        /// Width of a head's part without position.
        nope: u32,
        /// Width of a head's rotary part; one rotary key a token is cached beside the latent.
        rope: u32,
        /// Width of a head's value.
        value: u32,
    },
}

/// Feed-forward part of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeedForward {
    /// One gated MLP.
    Dense {
        /// Width between the projections.
        intermediate: u32,
    },
    /// Routed experts and shared ones, each a gated MLP.
    Moe {
        /// Routed experts.
        experts: u32,
        /// Routed experts that one token uses.
        top_k: u32,
        /// Shared experts, used by every token.
        shared: u32,
        /// Width between the projections of one expert.
        intermediate: u32,
    },
}

/// How one group of matrices is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WeightFormat {
    /// Bits of one weight.
    pub bits: u32,
    /// Weights that share one scale, along the input dimension; `None` where there are no scales.
    pub group: Option<u32>,
    /// Bits of one scale.
    pub scale_bits: u32,
}

impl WeightFormat {
    /// 16 bits a weight, no scales.
    pub const BF16: Self = Self { bits: 16, group: None, scale_bits: 0 };
    /// 4 bits a weight and a 16-bit scale for each group of 32.
    pub const INT4_G32: Self = Self { bits: 4, group: Some(32), scale_bits: 16 };

    /// Bytes of the weights of an `outs` x `ins` matrix, without scales [bytes].
    pub fn weight_bytes(self, outs: u64, ins: u64) -> u64 {
        (outs * ins * u64::from(self.bits)).div_ceil(8)
    }

    /// Bytes of the scales of an `outs` x `ins` matrix [bytes].
    pub fn scale_bytes(self, outs: u64, ins: u64) -> u64 {
        self.group.map_or(0, |group| {
            (outs * ins.div_ceil(u64::from(group)) * u64::from(self.scale_bits)).div_ceil(8)
        })
    }
}

/// How the weights of each kind of matrix are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storage {
    /// Embedding.
    pub embedding: WeightFormat,
    /// Language-model head.
    pub head: WeightFormat,
    /// Projections of attention.
    pub attention: WeightFormat,
    /// Router.
    pub router: WeightFormat,
    /// Routed experts.
    pub experts: WeightFormat,
    /// Shared experts.
    pub shared: WeightFormat,
    /// Dense MLP layers.
    pub dense: WeightFormat,
}
