//! How weights are stored on GPUs, where it is not as the published file says.

use workloads::model::{Attention, Model, WeightFormat};

/// A way to store the weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weights {
    /// As the file declares it.
    #[default]
    Checkpoint,
    /// As NVIDIA's NVFP4 checkpoints of such models: MLPs and experts in NVFP4, latent attention, router
    /// and head in 16 bit; grouped-query attention in NVFP4 too.
    Nvfp4,
    /// As DeepSeek-V3 is published: every product but router and head in blocks of 8-bit floats.
    Fp8,
    /// Everything in 16 bit.
    Bf16,
    /// As Kimi K2.6 is published: routed experts in 4-bit integers, all else in 16 bit.
    Int4,
}

impl Weights {
    /// The model stored so.
    #[must_use]
    pub fn apply(self, mut model: Model) -> Model {
        let bf16 = WeightFormat::BF16;
        let latent = matches!(model.attention, Attention::Mla { .. });
        let stored = &mut model.storage;
        let (attention, experts, others) = match self {
            Self::Checkpoint => return model,
            Self::Nvfp4 if latent => (bf16, WeightFormat::NVFP4, WeightFormat::NVFP4),
            Self::Nvfp4 => (WeightFormat::NVFP4, WeightFormat::NVFP4, WeightFormat::NVFP4),
            Self::Fp8 => {
                let fp8 = WeightFormat::FP8_BLOCK_128;
                (fp8, fp8, fp8)
            }
            Self::Bf16 => (bf16, bf16, bf16),
            Self::Int4 => (bf16, WeightFormat::INT4_G32, bf16),
        };
        stored.attention = attention;
        stored.experts = experts;
        (stored.shared, stored.dense) = (others, others);
        (stored.router, stored.head, stored.embedding) = (bf16, bf16, bf16);
        model
    }
}
