use super::*;
use crate::model::{Attention, FeedForward, Storage, WeightFormat};
use proptest::prelude::*;

const K2: &str = include_str!("../../../../examples/models/kimi-k2.json");
const K25: &str = include_str!("../../../../examples/models/kimi-k2.5.json");
const K26: &str = include_str!("../../../../examples/models/kimi-k2.6.json");
const K26_NVFP4: &str = include_str!("../../../../examples/models/kimi-k2.6-nvfp4.json");
const DEEPSEEK: &str = include_str!("../../../../examples/models/deepseek-v3.json");
const GPT_OSS: &str = include_str!("../../../../examples/models/gpt-oss-120b.json");
const GLM: &str = include_str!("../../../../examples/models/glm-4.5.json");
const QWEN3_MOE: &str = include_str!("../../../../examples/models/qwen3-235b-a22b.json");
const ALL: [&str; 8] = [K2, K25, K26, K26_NVFP4, DEEPSEEK, GPT_OSS, GLM, QWEN3_MOE];

fn problems(text: &str) -> Vec<ConfigProblem> {
    import(text, "test").unwrap_err()
}

/// `text` with `from` replaced by `to`, which must change it.
fn edit(text: &str, from: &str, to: &str) -> String {
    let edited = text.replace(from, to);
    assert_ne!(edited, text, "{from} is not in the file");
    edited
}

#[test]
fn shapes_are_read_from_the_top_level_and_from_text_config() {
    let k2 = import(K2, "k2").unwrap();
    let k25 = import(K25, "k2.5").unwrap();
    assert_eq!(k2.architecture, "DeepseekV3ForCausalLM");
    assert_eq!(k25.architecture, "KimiK25ForConditionalGeneration");
    assert_eq!((k2.attention, &k2.layers), (k25.attention, &k25.layers));
    assert_eq!((k2.hidden, k2.vocabulary, k2.max_context), (7168, 163_840, 131_072));
    assert_eq!(k25.max_context, 262_144);
    let mla =
        Attention::Mla { heads: 64, q_lora: 1536, kv_lora: 512, nope: 128, rope: 64, value: 128 };
    assert_eq!(k2.attention, mla);
}

#[test]
fn checkpoint_storage_follows_the_ignore_list() {
    let bf16 = Storage::uniform(WeightFormat::BF16);
    let int4 = Storage { experts: WeightFormat::INT4_G32, ..bf16 };
    let nvfp4 = Storage { experts: WeightFormat::NVFP4, ..bf16 };
    let fp8 = WeightFormat::FP8_BLOCK_128;
    let blocks = Storage { attention: fp8, experts: fp8, shared: fp8, dense: fp8, ..bf16 };
    let storage = |text| import(text, "test").unwrap().storage;
    assert_eq!(storage(K25), int4);
    assert_eq!(storage(K26), int4);
    assert_eq!(storage(K26_NVFP4), nvfp4);
    assert_eq!(storage(K2), blocks);
    assert_eq!(storage(DEEPSEEK), blocks);
}

#[test]
fn without_quantisation_every_matrix_has_the_data_type() {
    let text = edit(K2, "\"quantization_config\"", "\"other\"");
    assert_eq!(import(&text, "k2").unwrap().storage, Storage::uniform(WeightFormat::BF16));
    let text = edit(&text, "bfloat16", "float32");
    assert_eq!(import(&text, "k2").unwrap().storage, Storage::uniform(WeightFormat::plain(32)));
}

#[test]
fn what_no_pattern_ignores_is_quantised() {
    let text = edit(K25, "\"lm_head\"", "\"nothing\"");
    let text = edit(&text, "re:.*shared_experts.*", "re:nothing");
    let storage = import(&text, "k2.5").unwrap().storage;
    assert_eq!(storage.head, WeightFormat::INT4_G32);
    assert_eq!(storage.shared, WeightFormat::INT4_G32);
    assert_eq!(storage.attention, WeightFormat::BF16);
    assert_eq!(storage.router, WeightFormat::BF16);
    assert_eq!(storage.embedding, WeightFormat::BF16);
}

#[test]
fn targets_choose_the_modules_of_a_group() {
    let text =
        edit(K25, r#"["Linear"]"#, r#"["re:.*experts\\.1?0\\..*", "re:.*experts\\.383\\..*"]"#);
    assert_eq!(import(&text, "k2.5").unwrap().storage.experts, WeightFormat::INT4_G32);
    let text = edit(K25, r#"["Linear"]"#, r#"["re:.*no_such.*"]"#);
    assert_eq!(import(&text, "k2.5").unwrap().storage, Storage::uniform(WeightFormat::BF16));
}

#[test]
fn formats_that_differ_inside_a_kind_are_refused() {
    let text = edit(K25, "re:.*self_attn.*", "re:.*layers.5.self_attn.*");
    let found = problems(&text);
    assert_eq!(found.len(), 1);
    let message = &found[0].message;
    assert!(message.contains("model.layers.5.self_attn.q_a_proj"), "{message}");
    assert!(message.contains("one format"), "{message}");
    assert!(found[0].line.is_some());
}

#[test]
fn dense_layers_come_from_first_k_and_frequency() {
    let text = edit(K2, "\"first_k_dense_replace\": 1", "\"first_k_dense_replace\": 3");
    let text = edit(&text, "\"moe_layer_freq\": 1", "\"moe_layer_freq\": 2");
    let text = edit(&text, "\"num_hidden_layers\": 61", "\"num_hidden_layers\": 8");
    let layers = import(&text, "k2").unwrap().layers;
    let moe: Vec<_> = layers.iter().map(|layer| matches!(layer, FeedForward::Moe { .. })).collect();
    assert_eq!(moe, [false, false, false, false, true, false, true, false]);
}

#[test]
fn a_syntax_error_has_line_and_column() {
    let found = problems("{\n  \"é\": 1,\n  \"é\" 2\n}");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].line, found[0].column), (Some(3), Some(7)));
    assert!(found[0].message.starts_with("not valid JSON: expected `:`"), "{}", found[0]);
    assert_eq!(problems("")[0].line, Some(1));
    assert_eq!(problems(&"[".repeat(100_000)).len(), 1);
}

#[test]
fn a_file_that_is_no_object_is_refused() {
    assert!(problems("[1, 2]")[0].message.contains("one JSON object"));
}

#[test]
fn an_unknown_architecture_lists_the_supported_ones() {
    let found = problems("{\n  \"architectures\": [\"BertModel\"],\n  \"hidden_size\": 1\n}");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].line, found[0].column), (Some(2), Some(3)));
    for name in ["BertModel", "DeepseekV3ForCausalLM", "KimiK25ForConditionalGeneration"] {
        assert!(found[0].message.contains(name), "{}", found[0]);
    }
}

#[test]
fn all_missing_and_wrong_keys_come_in_one_pass() {
    let text = edit(K25, "      \"strategy\"", "      \"strategy_\"");
    let text = edit(&text, "\"hidden_size\": 7168", "\"hidden_size\": \"wide\"");
    let text = edit(&text, "\"kv_lora_rank\"", "\"kv_lora_rang\"");
    let text = edit(&text, "\"num_attention_heads\": 64", "\"num_attention_heads\": 0");
    let text = edit(&text, "\"num_bits\": 4", "\"num_bits\": -4");
    let text = edit(&text, "\"n_routed_experts\": 384", "\"n_routed_experts\": 7");
    let found = problems(&text);
    let line_of = |key: &str| {
        let line = text.lines().position(|line| line.contains(&format!("\"{key}\":")));
        line.map(|index| index + 1)
    };
    let expected = [
        ("hidden_size", "must be a whole number from 1 to 131072, but is \"wide\"", "hidden_size"),
        ("num_attention_heads", "but is 0", "num_attention_heads"),
        ("`kv_lora_rank` is missing", "looked for in `text_config`", "text_config"),
        ("num_experts_per_tok", "is 8, more than the 7 experts", "num_experts_per_tok"),
        ("num_bits", "but is -4", "num_bits"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (what, how, line) in expected {
        let problem = found.iter().find(|problem| problem.message.contains(what));
        let problem = problem.unwrap_or_else(|| panic!("{what}: {found:#?}"));
        assert!(problem.message.contains(how), "{problem}");
        assert_eq!(problem.line, line_of(line), "{problem}");
    }
}

#[test]
fn an_empty_config_names_every_needed_key() {
    let found = problems("{\"architectures\": [\"DeepseekV3ForCausalLM\"]}");
    assert_eq!(found.len(), 16, "{found:#?}");
    assert!(found.iter().all(|problem| problem.message.contains("at the top level of the file")));
    assert_eq!(problems("{}").len(), 1);
}

#[test]
fn unsupported_choices_are_named() {
    let refused = |from, to, expected: &str| {
        let found = problems(&edit(K25, from, to));
        assert!(found.iter().any(|problem| problem.message.contains(expected)), "{found:#?}");
        assert!(found.iter().all(|problem| problem.line.is_some()), "{found:#?}");
    };
    refused("compressed-tensors", "gptq", "supported: fp8, compressed-tensors, modelopt");
    refused("\"strategy\": \"group\"", "\"strategy\": \"channel\"", "supported: group");
    refused("\"type\": \"int\"", "\"type\": \"ternary\"", "supported: int, float");
    refused("re:.*self_attn.*", "re:(self_attn", "ignore[1]");
    refused("\"scoring_func\": \"sigmoid\"", "\"scoring_func\": \"softmax\"", "only \"sigmoid\"");
    refused("\"symmetric\": true", "\"symmetric\": false", "only true is supported");
    refused("bfloat16", "int3", "supported: bfloat16");
    refused("\"text_config\": {", "\"text_config\": 7, \"other\": {", "must be an object");
}

#[test]
fn sizes_at_their_limits_do_not_overflow() {
    let mut text = K2.to_owned();
    let widths = ["hidden_size", "intermediate_size", "moe_intermediate_size", "q_lora_rank"];
    let heads = ["kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"];
    let copies =
        ["num_attention_heads", "n_routed_experts", "n_shared_experts", "num_experts_per_tok"];
    let mut set = |key: &str, value: u32| {
        let tail = &text[text.find(&format!("\"{key}\": ")).unwrap()..];
        let old = tail[..tail.find(',').unwrap()].to_owned();
        text = text.replace(&old, &format!("\"{key}\": {value}"));
    };
    widths.iter().chain(&heads).for_each(|key| set(key, MAX_WIDTH));
    copies.iter().for_each(|key| set(key, MAX_COPIES));
    set("num_hidden_layers", MAX_LAYERS);
    set("vocab_size", MAX_VOCABULARY);
    let text = edit(&text, "\"torch_dtype\": \"bfloat16\"", "\"torch_dtype\": \"float32\"");
    let text = edit(&text, "\"quantization_config\"", "\"other\"");
    let model = import(&text, "largest").unwrap();
    assert!(model.weight_bytes() > model.parameters());
    assert!(model.active_parameters() <= model.parameters());
    let step = crate::forward::Step::Decode { batch: u32::MAX, context: u32::MAX };
    assert!(crate::forward::forward(&model, step).node_count() > 0);
}

proptest! {
    #[test]
    fn no_text_makes_the_import_panic(text in "\\PC{0,80}") {
        let _ = import(&text, "any");
    }

    #[test]
    fn no_damage_to_a_good_file_makes_the_import_panic(
        file in 0..ALL.len(),
        cut in any::<prop::sample::Index>(),
        length in 0usize..12,
        replacement in prop::sample::select(vec![
            "", "0", "-1", "null", "1e30", "[]", "{}", "\"x\"", "9999999999999999999999", ",", "}", "é",
        ]),
    ) {
        let bytes = ALL[file].as_bytes();
        let start = cut.index(bytes.len());
        let end = (start + length).min(bytes.len());
        let mut damaged = bytes[..start].to_vec();
        damaged.extend(replacement.bytes());
        damaged.extend(&bytes[end..]);
        if let Err(problems) = import(&String::from_utf8_lossy(&damaged), "any") {
            prop_assert!(!problems.is_empty());
        }
    }

    #[test]
    fn every_value_of_every_key_is_accepted_or_reported(
        file in 0..ALL.len(),
        line in any::<prop::sample::Index>(),
        value in prop::sample::select(vec![
            "0", "1", "-1", "null", "true", "1.5", "4294967296", "18446744073709551615", "[]", "[0, 0]",
            "{}", "\"\"", "[\"re:(\"]",
        ]),
    ) {
        let lines: Vec<_> = ALL[file].lines().collect();
        let chosen = line.index(lines.len());
        let edited: Vec<_> = lines.iter().enumerate().map(|(index, text)| {
            match text.split_once(": ") {
                Some((key, old)) if index == chosen && !old.ends_with(['{', '[']) => {
                    let comma = if old.ends_with(',') { "," } else { "" };
                    format!("{key}: {value}{comma}")
                }
                _ => (*text).to_owned(),
            }
        }).collect();
        match import(&edited.join("\n"), "any") {
            Ok(model) => prop_assert!(model.parameters() > 0),
            Err(problems) => prop_assert!(!problems.is_empty()),
        }
    }
}
