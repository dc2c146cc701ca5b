//! Grouped-query architectures: what is read from their files, and what is refused.

use super::*;
use crate::model::{Attention, FeedForward, StoragePolicy, WeightFormat};

const LLAMA: &str = include_str!("../../../../examples/models/llama-3-8b.json");
const LLAMA_70B: &str = include_str!("../../../../examples/models/llama-3.1-70b.json");
const QWEN3_MOE: &str = include_str!("../../../../examples/models/qwen3-235b-a22b.json");
const GPT_OSS: &str = include_str!("../../../../examples/models/gpt-oss-120b.json");
const GLM: &str = include_str!("../../../../examples/models/glm-4.5.json");
const MIXTRAL: &str = include_str!("../../../../examples/models/mixtral-8x7b.json");

/// Small files of further architectures, with the keys that they are published with.
const QWEN2_72B: &str = r#"{"architectures": ["Qwen2ForCausalLM"], "hidden_act": "silu",
  "hidden_size": 8192, "intermediate_size": 29568, "max_position_embeddings": 32768,
  "max_window_layers": 80, "num_attention_heads": 64, "num_hidden_layers": 80,
  "num_key_value_heads": 8, "sliding_window": 131072, "tie_word_embeddings": false,
  "torch_dtype": "bfloat16", "use_sliding_window": false, "vocab_size": 152064}"#;
const LLAMA2_13B: &str = r#"{"architectures": ["LlamaForCausalLM"], "hidden_act": "silu",
  "hidden_size": 5120, "intermediate_size": 13824, "max_position_embeddings": 4096,
  "num_attention_heads": 40, "num_hidden_layers": 40, "torch_dtype": "float16",
  "vocab_size": 32000}"#;
const LLAMA32_1B: &str = r#"{"architectures": ["LlamaForCausalLM"], "head_dim": 64,
  "hidden_act": "silu", "hidden_size": 2048, "intermediate_size": 8192,
  "max_position_embeddings": 131072, "num_attention_heads": 32, "num_hidden_layers": 16,
  "num_key_value_heads": 8, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
  "vocab_size": 128256}"#;
const QWEN3_4B: &str = r#"{"model_type": "qwen3", "attention_bias": false, "head_dim": 128,
  "hidden_act": "silu", "hidden_size": 2560, "intermediate_size": 9728,
  "max_position_embeddings": 40960, "num_attention_heads": 32, "num_hidden_layers": 36,
  "num_key_value_heads": 8, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
  "vocab_size": 151936}"#;

fn read(text: &str) -> Model {
    import(text, "test").unwrap()
}

fn problem(text: &str) -> String {
    let found = import(text, "test").unwrap_err();
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn edit(text: &str, from: &str, to: &str) -> String {
    let edited = text.replace(from, to);
    assert_ne!(edited, text, "{from} is not in the file");
    edited
}

/// Published counts in billions: all weights, and those that one token uses.
#[test]
fn parameters_match_the_published_counts() {
    let rows: [(&str, f64, f64, f64); 10] = [
        (LLAMA, 8.03, 7.5, 0.002),
        (LLAMA_70B, 70.55, 69.5, 0.001),
        (QWEN3_MOE, 235.09, 22.0, 0.001),
        (GPT_OSS, 116.83, 5.13, 0.0002),
        (GLM, 355.0, 32.0, 0.01),
        (MIXTRAL, 46.7, 12.9, 0.001),
        (QWEN2_72B, 72.71, 71.5, 0.001),
        (LLAMA2_13B, 13.02, 12.85, 0.001),
        (LLAMA32_1B, 1.236, 1.236, 0.001),
        (QWEN3_4B, 4.02, 4.02, 0.002),
    ];
    for (text, all, active, tolerance) in rows {
        let model = read(text);
        let near = |count: u64, billions: f64, tolerance: f64| {
            let error = (count as f64 / 1e9 / billions - 1.0).abs();
            assert!(error < tolerance, "{}: {count} against {billions}", model.architecture);
        };
        near(model.parameters(), all, tolerance);
        near(model.active_parameters(), active, 0.03);
    }
}

#[test]
fn the_count_of_gpt_oss_is_exact() {
    let expert = 3 * 2880 * 2880 + 3 * 2880;
    let attention = 5120 * 2880 + 5120 + 4096 * 2880 + 2880 + 64;
    let layer = 128 * expert + 128 * 2880 + 128 + attention + 2 * 2880;
    assert_eq!(read(GPT_OSS).parameters(), 36 * layer + 2 * 201_088 * 2880 + 2880);
}

#[test]
fn a_missing_head_width_is_the_hidden_states_share() {
    let shape = |text| match read(text).attention {
        Attention::Gqa { heads, kv_heads, head_dim, rope, .. } => (heads, kv_heads, head_dim, rope),
        Attention::Mla { .. } => panic!("latent"),
    };
    assert_eq!(shape(LLAMA), (32, 8, 128, 128));
    assert_eq!(shape(LLAMA2_13B), (40, 40, 128, 128));
    assert_eq!(shape(QWEN3_4B), (32, 8, 128, 128));
    assert_eq!(shape(GPT_OSS), (64, 8, 64, 64));
    assert_eq!(shape(GLM), (96, 8, 128, 64));
    let text = edit(LLAMA, "\"num_attention_heads\": 32", "\"num_attention_heads\": 24");
    assert!(problem(&text).contains("`head_dim` is missing"), "{}", problem(&text));
}

#[test]
fn norms_and_biases_follow_the_architecture_and_its_keys() {
    let has = |text: &str| match read(text).attention {
        Attention::Gqa { qk_norm, qkv_bias, o_bias, sinks, .. } => {
            [qk_norm, qkv_bias, o_bias, sinks]
        }
        Attention::Mla { .. } => panic!("latent"),
    };
    assert_eq!(has(LLAMA), [false, false, false, false]);
    assert_eq!(has(QWEN2_72B), [false, true, false, false]);
    assert_eq!(has(QWEN3_MOE), [true, false, false, false]);
    assert_eq!(has(GLM), [true, true, false, false]);
    assert_eq!(has(GPT_OSS), [false, true, true, true]);
    assert!(read(GPT_OSS).mlp_bias && !read(LLAMA).mlp_bias);
    let biased = edit(LLAMA, "\"attention_bias\": false", "\"attention_bias\": true");
    let more = read(&biased).parameters() - read(LLAMA).parameters();
    assert_eq!(more, 32 * (4096 + 2 * 1024 + 4096));
}

#[test]
fn windows_come_from_layer_types_or_from_the_window_itself() {
    let windows = read(GPT_OSS).windows;
    assert_eq!((windows.len(), windows[0], windows[1]), (36, Some(128), None));
    assert!(read(QWEN2_72B).windows.iter().all(Option::is_none));
    let used = edit(QWEN2_72B, "\"use_sliding_window\": false", "\"use_sliding_window\": true");
    let used = edit(&used, "\"max_window_layers\": 80", "\"max_window_layers\": 70");
    let windows = read(&used).windows;
    assert_eq!((windows[69], windows[70], windows.len()), (None, Some(131_072), 80));
    let all = edit(MIXTRAL, "\"sliding_window\": null", "\"sliding_window\": 4096");
    assert_eq!(read(&all).windows, vec![Some(4096); 32]);
}

#[test]
fn a_window_bounds_the_cache() {
    let model = read(GPT_OSS);
    assert_eq!(model.layer_kv_bytes_per_token(), 2 * 8 * 64 * 2);
    assert_eq!(model.kv_bytes(10_000), (18 * 10_000 + 18 * 128) * 2048);
    assert_eq!(model.kv_bytes(100), 100 * model.kv_bytes_per_token());
}

#[test]
fn sparse_steps_and_listed_layers_decide_where_experts_are() {
    let text = edit(QWEN3_MOE, "\"decoder_sparse_step\": 1", "\"decoder_sparse_step\": 2");
    let text = edit(&text, "\"mlp_only_layers\": []", "\"mlp_only_layers\": [3]");
    let layers = read(&text).layers;
    let moe = |layer: usize| matches!(layers[layer], FeedForward::Moe { .. });
    assert_eq!([moe(0), moe(1), moe(2), moe(3), moe(5)], [false, true, false, false, true]);
    assert_eq!(layers[0], FeedForward::Dense { intermediate: 12_288 });
    let dense = read(GLM).layers.iter().filter(|l| matches!(l, FeedForward::Dense { .. })).count();
    assert_eq!(dense, 3);
}

#[test]
fn any_known_key_tells_the_number_of_experts() {
    for key in ["n_routed_experts", "num_experts"] {
        let text = edit(MIXTRAL, "num_local_experts", key);
        assert_eq!(read(&text).layers, read(MIXTRAL).layers, "{key}");
    }
    let text = edit(GPT_OSS, "num_experts_per_tok", "experts_per_token");
    assert_eq!(read(&text).layers, read(GPT_OSS).layers);
}

#[test]
fn quantised_files_of_every_kind_are_read() {
    let storage = read(GPT_OSS).storage;
    assert_eq!(storage.experts, WeightFormat::MXFP4);
    assert_eq!([storage.attention, storage.head, storage.router], [WeightFormat::BF16; 3]);
    // 4.25 bits a weight in the experts: the checkpoint is published with 60.8 GiB.
    let model = read(GPT_OSS);
    let gib = (model.weight_bytes() + model.scale_bytes()) as f64 / f64::from(1 << 30);
    assert!((60.0..61.5).contains(&gib), "{gib}");

    let with = |text: &str, config: &str| {
        let tail = format!("\"tie_word_embeddings\": false, \"quantization_config\": {config}");
        read(&edit(text, "\"tie_word_embeddings\": false", &tail)).storage
    };
    let block = with(
        QWEN3_MOE,
        r#"{"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128],
            "modules_to_not_convert": ["lm_head", "model.layers.0.mlp.gate"]}"#,
    );
    assert_eq!(block.experts, WeightFormat::FP8_BLOCK_128);
    let rows = with(
        LLAMA,
        r#"{"quant_method": "compressed-tensors", "ignore": ["lm_head"], "config_groups":
            {"group_0": {"targets": ["Linear"], "weights":
            {"num_bits": 8, "type": "float", "strategy": "channel", "symmetric": true}}}}"#,
    );
    assert_eq!([rows.attention, rows.dense], [WeightFormat::plain(8); 2]);
    assert_eq!(rows.head, WeightFormat::BF16);
    let nvfp4 = with(
        LLAMA,
        r#"{"quant_method": "modelopt", "quant_algo": "NVFP4", "group_size": 16,
            "ignore": ["lm_head"]}"#,
    );
    assert_eq!(nvfp4.dense, WeightFormat::NVFP4);
    let experts = with(
        MIXTRAL,
        r#"{"quant_method": "compressed-tensors", "ignore": ["re:.*self_attn.*", "lm_head"],
            "config_groups": {"group_0": {"targets": ["re:.*block_sparse_moe.experts.*"], "weights":
            {"num_bits": 4, "type": "int", "group_size": 32, "symmetric": true}}}}"#,
    );
    assert_eq!(experts.experts, WeightFormat::INT4_G32);
    let int4 = StoragePolicy::AllInt4.apply(read(LLAMA));
    assert_eq!(int4.storage.attention, WeightFormat::INT4_G32);
}

#[test]
fn wrong_values_name_the_key_and_what_was_expected() {
    let refused = |text: &str, from: &str, to: &str, expected: &[&str]| {
        let message = problem(&edit(text, from, to));
        for part in expected {
            assert!(message.contains(part), "{message}");
        }
    };
    let heads = "\"num_key_value_heads\": 8";
    refused(LLAMA, heads, "\"num_key_value_heads\": 5", &["`num_key_value_heads`", "divisor"]);
    refused(LLAMA, heads, "\"num_key_value_heads\": 0", &["whole number from 1"]);
    let types = "\"full_attention\"]";
    refused(GPT_OSS, types, "\"linear_attention\"]", &["layer_types[35]", "supported"]);
    refused(GPT_OSS, ", \"full_attention\"]", "]", &["has 35 entries", "36 layers"]);
    refused(GPT_OSS, "\"sliding_window\": 128", "\"sliding_window\": null", &["is missing"]);
    refused(GLM, "0.5", "1.5", &["`partial_rotary_factor`", "at most 1"]);
    refused(MIXTRAL, "\"num_local_experts\": 8", "\"x\": 8", &["`num_local_experts` is missing"]);
    refused(MIXTRAL, "_per_tok\": 2", "_per_tok\": 9", &["more than the 8 experts"]);
    refused(QWEN3_MOE, "[]", "[-1]", &["`mlp_only_layers`", "list of whole numbers"]);
    refused(LLAMA, "LlamaForCausalLM", "MambaForCausalLM", &["unknown", "Qwen3MoeForCausalLM"]);
    refused(QWEN3_4B, "\"qwen3\"", "\"mamba\"", &["`model_type`", "supported"]);
    refused(GPT_OSS, "\"mxfp4\"", "\"mxfp3\"", &["supported: fp8"]);
}
