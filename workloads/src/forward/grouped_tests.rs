//! The forward pass of grouped-query models.

use super::*;
use crate::model::FeedForward;
use crate::model::import::import;
use petgraph::algo::toposort;

const LLAMA: &str = include_str!("../../../examples/models/llama-3-8b.json");
const GPT_OSS: &str = include_str!("../../../examples/models/gpt-oss-120b.json");
const GLM: &str = include_str!("../../../examples/models/glm-4.5.json");
const ALL: [&str; 3] = [LLAMA, GPT_OSS, GLM];

fn model(text: &str) -> Model {
    import(text, "test").unwrap()
}

fn decode(context: u32) -> Step {
    Step::Decode { batch: 1, context }
}

fn sum(graph: &ForwardPass, of: impl Fn(&Operator) -> u64) -> u64 {
    graph.node_weights().map(of).sum()
}

fn of_layer<'a>(graph: &'a ForwardPass, layer: u32, name: &str) -> &'a Operator {
    let found = |operator: &&Operator| operator.layer == Some(layer) && operator.name == name;
    graph.node_weights().find(found).unwrap()
}

#[test]
fn operators_stand_in_the_order_of_the_module_text() {
    let graph = forward(&model(GLM), decode(100));
    let names = graph.node_weights().filter(|o| o.layer == Some(0)).map(|o| o.name);
    assert_eq!(
        names.collect::<Vec<_>>(),
        [
            "input_norm",
            "qkv",
            "qk_norm",
            "rope",
            "kv_append",
            "attention",
            "o_proj",
            "attention_residual",
            "post_attention_norm",
            "gate_up",
            "swiglu",
            "down",
            "ffn_residual",
        ]
    );
    assert!(toposort(&graph, None).is_ok());
    for edge in graph.edge_indices() {
        let (from, to) = graph.edge_endpoints(edge).unwrap();
        assert!(from < to, "{} before {}", graph[from].name, graph[to].name);
    }
}

#[test]
fn every_weight_belongs_to_an_operator() {
    for text in ALL {
        let mut model = model(text);
        for layer in &mut model.layers {
            if let FeedForward::Moe { experts, top_k, .. } = layer {
                *top_k = *experts;
            }
        }
        let graph = forward(&model, decode(1));
        let rows_not_read = 2 * u64::from(model.hidden) * u64::from(model.vocabulary - 1);
        let all = model.weight_bytes() + model.scale_bytes();
        assert_eq!(sum(&graph, |operator| operator.weight_bytes) + rows_not_read, all);
    }
}

#[test]
fn decode_costs_two_operations_an_active_weight_plus_attention() {
    for text in ALL {
        let model = model(text);
        let graph = forward(&model, decode(1));
        let attention = sum(&graph, |o| if o.name == "attention" { o.flops } else { 0 });
        let rest = sum(&graph, |operator| operator.flops) - attention;
        let ratio = rest as f64 / (2 * model.active_parameters()) as f64;
        assert!((0.998..1.003).contains(&ratio), "{}: {ratio}", model.architecture);
    }
}

#[test]
fn attention_counts_heads_pairs_and_cached_bytes() {
    let graph = forward(&model(LLAMA), decode(4096));
    let attention = of_layer(&graph, 0, "attention");
    assert_eq!(attention.flops, 32 * 4096 * (2 * 128 + 5 + 2 * 128));
    assert_eq!(attention.kv_bytes, 4096 * 2 * 8 * 128 * 2);
    assert_eq!(of_layer(&graph, 0, "kv_append").kv_bytes, 2 * 8 * 128 * 2);
    assert_eq!(of_layer(&graph, 0, "qkv").weight_bytes, 2 * 4096 * (4096 + 2 * 1024));
}

#[test]
fn a_window_bounds_what_a_layer_attends_to() {
    let model = model(GPT_OSS);
    let graph = forward(&model, decode(10_000));
    let attended = |layer, name: &str| match of_layer(&graph, layer, name).kind {
        OperatorKind::GroupedAttention { context, .. } => context,
        _ => 0,
    };
    assert_eq!((attended(0, "attention"), attended(1, "attention")), (128, 10_000));
    let bytes = |layer| of_layer(&graph, layer, "attention").kv_bytes;
    assert_eq!((bytes(0), bytes(1)), (128 * 2048, 10_000 * 2048));
    let short = forward(&model, decode(100));
    assert_eq!(of_layer(&short, 0, "attention").flops, of_layer(&short, 1, "attention").flops);
}

#[test]
fn chunks_of_a_prompt_cost_what_its_tokens_cost_one_by_one() {
    // 96 tokens and more than a window of 128 of them.
    for (text, before) in [(LLAMA, 0), (GPT_OSS, 0), (GPT_OSS, 100), (GPT_OSS, 500)] {
        let model = model(text);
        let body = |step| {
            let graph = forward(&model, step);
            sum(&graph, |operator| if operator.is_head() { 0 } else { operator.flops })
        };
        let whole = body(Step::Prefill { tokens: 96, before });
        let chunk = |n: u32| body(Step::Prefill { tokens: 32, before: before + 32 * n });
        assert_eq!((0..3).map(chunk).sum::<u64>(), whole);
        assert_eq!((1..=96).map(|n| body(decode(before + n))).sum::<u64>(), whole);
    }
}

#[test]
fn a_chunk_reads_the_window_of_its_first_token() {
    let read = |tokens, before| Step::Prefill { tokens, before }.cached_tokens(Some(128));
    assert_eq!(read(32, 0), 32);
    assert_eq!(read(32, 100), 132);
    assert_eq!(read(32, 5000), 127 + 32);
    assert_eq!(decode(5000).cached_tokens(Some(128)), 128);
}
