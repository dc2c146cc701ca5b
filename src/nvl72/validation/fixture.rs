//! Models and their operators, written by hand.

use crate::nvl72::plan::Plan;
use workloads::forward::{Operator, OperatorKind as K};
use workloads::model::{Attention, FeedForward, Model, Storage, WeightFormat};

/// NVFP4: 4 bits and an 8-bit scale for each group of 16.
const NVFP4: WeightFormat = WeightFormat { bits: 4, group: Some(16), scale_bits: 8 };

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
    model.storage.experts = NVFP4;
    model.storage.shared = NVFP4;
    model.storage.dense = NVFP4;
    model
}

/// The plan of `model`.
pub(crate) fn plan(model: &Model) -> Plan {
    let Attention::Mla { heads, q_lora, kv_lora, nope, rope, value } = model.attention;
    let hidden = model.hidden;
    let mut all = Vec::new();
    let mut add = |layer, name, kind| {
        all.push(Operator { name, layer, kind, flops: 0, weight_bytes: 0, kv_bytes: 0 });
    };
    add(None, "embedding", K::Embedding { vocabulary: model.vocabulary, hidden });
    for (index, part) in model.layers.iter().enumerate() {
        let layer = Some(index as u32);
        let format = model.storage.attention;
        let linear = |ins, outs| K::Linear { ins, outs, format };
        let heads_of = |ins, outs| K::PerHeadLinear { heads, ins, outs, format };
        add(layer, "attention_norm", K::RmsNorm { width: hidden });
        add(layer, "q_a_kv_a", linear(hidden, q_lora + kv_lora + rope));
        add(layer, "q_norm", K::RmsNorm { width: q_lora });
        add(layer, "kv_norm", K::RmsNorm { width: kv_lora });
        add(layer, "q_b", linear(q_lora, heads * (nope + rope)));
        add(layer, "rope_q", K::Rope { vectors: heads, width: rope });
        add(layer, "rope_k", K::Rope { vectors: 1, width: rope });
        add(layer, "kv_append", K::KvAppend { width: kv_lora + rope });
        add(layer, "k_absorb", heads_of(nope, kv_lora));
        add(layer, "attention", K::LatentAttention { heads, latent: kv_lora, rope, context: 1 });
        add(layer, "v_absorb", heads_of(kv_lora, value));
        add(layer, "o_proj", linear(heads * value, hidden));
        add(layer, "attention_residual", K::Residual { width: hidden });
        add(layer, "ffn_norm", K::RmsNorm { width: hidden });
        match *part {
            FeedForward::Dense { intermediate } => {
                let format = model.storage.dense;
                let linear = |ins, outs| K::Linear { ins, outs, format };
                add(layer, "dense_gate_up", linear(hidden, 2 * intermediate));
                add(layer, "dense_swiglu", K::SwiGlu { width: intermediate });
                add(layer, "dense_down", linear(intermediate, hidden));
            }
            FeedForward::Moe { experts, top_k, shared, intermediate } => {
                let router = model.storage.router;
                let experts_of = |ins, outs, combine| K::Experts {
                    experts,
                    top_k,
                    shared,
                    ins,
                    outs,
                    format: model.storage.experts,
                    shared_format: model.storage.shared,
                    combine,
                };
                add(layer, "router", K::Linear { ins: hidden, outs: experts, format: router });
                add(layer, "top_k", K::TopK { experts, top_k });
                add(layer, "experts_gate_up", experts_of(hidden, 2 * intermediate, false));
                add(layer, "experts_swiglu", K::SwiGlu { width: (top_k + shared) * intermediate });
                add(layer, "experts_down", experts_of(intermediate, hidden, true));
            }
        }
        add(layer, "ffn_residual", K::Residual { width: hidden });
    }
    add(None, "final_norm", K::RmsNorm { width: hidden });
    let format = model.storage.head;
    add(None, "lm_head", K::Linear { ins: hidden, outs: model.vocabulary, format });
    add(None, "sample", K::Sample { vocabulary: model.vocabulary });
    Plan::from_operators(model, all)
}
