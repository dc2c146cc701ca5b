//! Models, written by hand.

use crate::nvl72::plan::Plan;
use workloads::forward::{Step, forward};
use workloads::model::{Attention, FeedForward, Model, Storage, WeightFormat};

fn model(name: &str, heads: u32, experts: u32, vocabulary: u32, dense: usize) -> Model {
    let moe = FeedForward::Moe { experts, top_k: 8, shared: 1, intermediate: 2048 };
    let mut layers = vec![FeedForward::Dense { intermediate: 18_432 }; dense];
    layers.resize(61, moe);
    let bf16 = WeightFormat::BF16;
    Model {
        name: name.to_string(),
        architecture: "DeepseekV3ForCausalLM".to_string(),
        hidden: 7168,
        vocabulary,
        max_context: 262_144,
        tied_embeddings: false,
        attention: Attention::Mla {
            heads,
            q_lora: 1536,
            kv_lora: 512,
            nope: 128,
            rope: 64,
            value: 128,
        },
        layers,
        windows: Vec::new(),
        mlp_bias: false,
        storage: Storage {
            embedding: bf16,
            head: bf16,
            attention: bf16,
            router: bf16,
            experts: WeightFormat::INT4_G32,
            shared: bf16,
            dense: bf16,
        },
    }
}

/// Kimi K2.6: int4 experts, all else 16 bit.
pub(crate) fn kimi() -> Model {
    model("Kimi K2.6", 64, 384, 163_840, 1)
}

/// DeepSeek-R1 in NVFP4: attention in 16 bit, MLPs in NVFP4.
pub(crate) fn deepseek_fp4() -> Model {
    let mut model = model("DeepSeek-R1", 128, 256, 129_280, 3);
    model.storage.experts = WeightFormat::NVFP4;
    model.storage.shared = WeightFormat::NVFP4;
    model.storage.dense = WeightFormat::NVFP4;
    model
}

/// The plan of `model`.
pub(crate) fn plan(model: &Model) -> Plan {
    Plan::new(model, &forward(model, Step::Decode { batch: 1, context: 1 })).unwrap()
}
