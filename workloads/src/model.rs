//! A transformer model: its shapes and how its weights are stored.
//!
//! [`import`](import::import) reads a published `config.json`; [`matrices`] lists the stored matrices,
//! from which every count of parameters and bytes follows; [`StoragePolicy`] changes the storage.

pub mod import;
pub mod matrices;
mod size;
mod storage_policy;

pub use storage_policy::StoragePolicy;

use serde::{Deserialize, Serialize};

/// A model as its published `config.json` describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Name for people.
    pub name: String,
    /// Architecture as published: "DeepseekV3ForCausalLM".
    pub architecture: String,
    /// Width of the residual stream `[elements]`.
    pub hidden: u32,
    /// Vocabulary `[tokens]`.
    pub vocabulary: u32,
    /// Longest context `[tokens]`.
    pub max_context: u32,
    /// Whether embedding and head are one matrix.
    pub tied_embeddings: bool,
    /// Attention of every layer; what may differ from layer to layer is in `windows`.
    pub attention: Attention,
    /// Tokens that each layer attends to at most, itself included; `None` where it sees the whole
    /// context. One for each layer.
    pub windows: Vec<Option<u32>>,
    /// Feed-forward part of each layer; its length is the number of layers.
    pub layers: Vec<FeedForward>,
    /// Whether the projections of MLPs, experts and router have biases.
    pub mlp_bias: bool,
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
    /// Grouped-query attention; with as many key heads as query heads, plain multi-head attention.
    Gqa {
        /// Query heads.
        heads: u32,
        /// Heads of keys and values; each serves `heads / kv_heads` query heads.
        kv_heads: u32,
        /// Width of a head of queries, keys and values.
        head_dim: u32,
        /// Width of a head's rotary part, at its start.
        rope: u32,
        /// Whether each head of queries and keys goes through a norm, whose weight all heads share.
        qk_norm: bool,
        /// Whether the projections to queries, keys and values have biases.
        qkv_bias: bool,
        /// Whether the output projection has a bias.
        o_bias: bool,
        /// Whether each head has a learned logit that takes part in the softmax ("attention sink").
        sinks: bool,
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
    /// Rows (outputs) that share one scale: 1 for plain groups, more where a scale covers a block.
    pub group_rows: u32,
    /// Bits of one scale.
    pub scale_bits: u32,
}

impl WeightFormat {
    /// 16 bits a weight, no scales.
    pub const BF16: Self = Self::plain(16);
    /// 4 bits a weight and a 16-bit scale for each group of 32.
    pub const INT4_G32: Self = Self { bits: 4, group: Some(32), group_rows: 1, scale_bits: 16 };
    /// 8 bits a weight and a 32-bit scale for each block of 128 x 128, as DeepSeek-V3 is published.
    pub const FP8_BLOCK_128: Self =
        Self { bits: 8, group: Some(128), group_rows: 128, scale_bits: 32 };
    /// 4-bit floats and an 8-bit scale for each group of 16; the one 32-bit scale of a whole matrix
    /// is not counted.
    pub const NVFP4: Self = Self { bits: 4, group: Some(16), group_rows: 1, scale_bits: 8 };
    /// 4-bit floats and an 8-bit exponent for each group of 32.
    pub const MXFP4: Self = Self { bits: 4, group: Some(32), group_rows: 1, scale_bits: 8 };

    /// `bits` bits a weight, no scales.
    pub const fn plain(bits: u32) -> Self {
        Self { bits, group: None, group_rows: 1, scale_bits: 0 }
    }

    /// Bytes of the weights of an `outs` x `ins` matrix, without scales `[bytes]`.
    pub fn weight_bytes(self, outs: u64, ins: u64) -> u64 {
        (outs * ins * u64::from(self.bits)).div_ceil(8)
    }

    /// Bytes of the scales of an `outs` x `ins` matrix `[bytes]`.
    pub fn scale_bytes(self, outs: u64, ins: u64) -> u64 {
        self.group.map_or(0, |group| {
            let rows = outs.div_ceil(u64::from(self.group_rows.max(1)));
            let columns = ins.div_ceil(u64::from(group.max(1)));
            (rows * columns * u64::from(self.scale_bits)).div_ceil(8)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_counted_by_group_and_by_block() {
        assert_eq!(WeightFormat::BF16.scale_bytes(128, 256), 0);
        assert_eq!(WeightFormat::INT4_G32.scale_bytes(128, 256), 128 * 8 * 2);
        assert_eq!(WeightFormat::NVFP4.scale_bytes(128, 256), 128 * 16);
        assert_eq!(WeightFormat::FP8_BLOCK_128.scale_bytes(129, 256), 2 * 2 * 4);
    }

    #[test]
    fn weights_are_counted_in_whole_bytes() {
        assert_eq!(WeightFormat::INT4_G32.weight_bytes(1, 3), 2);
        assert_eq!(WeightFormat::BF16.weight_bytes(2, 3), 12);
    }
}
