use super::*;
use crate::model::StoragePolicy;
use crate::model::import::import;
use petgraph::Direction;
use petgraph::algo::toposort;

const K25: &str = include_str!("../../../examples/models/kimi-k2.5.json");

const DECODE: Step = Step::Decode { batch: 1, context: 10_000 };

fn model() -> Model {
    import(K25, "k2.5").unwrap()
}

fn sum(graph: &ForwardPass, of: impl Fn(&Operator) -> u64) -> u64 {
    graph.node_weights().map(of).sum()
}

fn operator<'a>(graph: &'a ForwardPass, name: &str) -> &'a Operator {
    graph.node_weights().find(|operator| operator.name == name).unwrap()
}

#[test]
fn the_graph_has_every_operator_of_every_layer() {
    let graph = forward(&model(), DECODE);
    let count = |layer| graph.node_weights().filter(|operator| operator.layer == layer).count();
    assert_eq!(count(None), 4);
    assert_eq!(count(Some(0)), 12 + 5);
    assert!((1..61).all(|layer| count(Some(layer)) == 12 + 7));
    let named = |name| graph.node_weights().filter(|operator| operator.name == name).count();
    assert_eq!(named("attention"), 61);
    assert_eq!(named("experts_down"), 60);
    assert_eq!(named("down"), 1);
}

#[test]
fn the_graph_is_acyclic_from_embedding_to_sample() {
    let graph = forward(&model(), DECODE);
    let order = toposort(&graph, None).unwrap();
    let name = |index: Option<&petgraph::graph::NodeIndex>| graph[*index.unwrap()].name;
    assert_eq!(name(order.first()), "embedding");
    assert_eq!(name(order.last()), "sample");
    assert_eq!(graph.externals(Direction::Incoming).count(), 1);
    assert_eq!(graph.externals(Direction::Outgoing).count(), 1);
}

#[test]
fn nodes_are_added_in_an_order_that_can_run() {
    let graph = forward(&model(), DECODE);
    for edge in graph.edge_indices() {
        let (from, to) = graph.edge_endpoints(edge).unwrap();
        assert!(from < to, "{} before {}", graph[from].name, graph[to].name);
    }
}

#[test]
fn residuals_join_two_streams() {
    let graph = forward(&model(), DECODE);
    for index in graph.node_indices() {
        if let OperatorKind::Residual { width } = graph[index].kind {
            let flows = graph.edges_directed(index, Direction::Incoming);
            let elements: Vec<_> = flows.map(|edge| edge.weight().elements).collect();
            assert_eq!(elements, [u64::from(width); 2]);
        }
    }
}

#[test]
fn decode_costs_two_operations_an_active_weight_plus_attention() {
    let model = model();
    let graph = forward(&model, DECODE);
    let attention = operator(&graph, "attention").flops;
    assert_eq!(attention, 64 * 10_000 * (2 * 576 + 5 + 2 * 512));
    let rest = sum(&graph, |operator| operator.flops) - 61 * attention;
    let ratio = rest as f64 / (2 * model.active_parameters()) as f64;
    assert!((1.0..1.002).contains(&ratio), "{ratio}");
}

#[test]
fn one_token_reads_the_weights_it_uses() {
    for policy in [StoragePolicy::Checkpoint, StoragePolicy::AllInt4] {
        let model = policy.apply(model());
        let graph = forward(&model, DECODE);
        assert_eq!(sum(&graph, |operator| operator.weight_bytes), model.active_bytes());
    }
    let graph = forward(&model(), DECODE);
    let expert = 2 * 2048 * 7168_u64;
    let routed = 8 * (expert / 2 + expert / 32 * 2);
    assert_eq!(operator(&graph, "experts_gate_up").weight_bytes, routed + 2 * expert);
    assert_eq!(operator(&graph, "embedding").weight_bytes, 2 * 7168);
    assert_eq!(operator(&graph, "lm_head").weight_bytes, 2 * 7168 * 163_840);
}

#[test]
fn every_weight_of_the_model_belongs_to_an_operator() {
    let mut model = model();
    for layer in &mut model.layers {
        if let crate::model::FeedForward::Moe { experts, top_k, .. } = layer {
            *top_k = *experts;
        }
    }
    let graph = forward(&model, DECODE);
    let rows_not_read = 2 * 7168 * (163_840 - 1);
    let all = model.weight_bytes() + model.scale_bytes();
    assert_eq!(sum(&graph, |operator| operator.weight_bytes) + rows_not_read, all);
}

#[test]
fn a_batch_multiplies_work_and_cache_but_not_weights() {
    let one = forward(&model(), DECODE);
    let many = forward(&model(), Step::Decode { batch: 32, context: 10_000 });
    for (one, many) in one.node_weights().zip(many.node_weights()) {
        assert_eq!(many.flops, 32 * one.flops);
        assert_eq!(many.kv_bytes, 32 * one.kv_bytes);
        assert_eq!(many.weight_bytes, one.weight_bytes);
    }
    let attention = operator(&one, "attention").kv_bytes;
    assert_eq!(attention, 10_000 * model().layer_kv_bytes_per_token());
    assert_eq!(operator(&one, "kv_append").kv_bytes, model().layer_kv_bytes_per_token());
}

#[test]
fn chunks_of_a_prompt_cost_what_its_tokens_cost_one_by_one() {
    let model = model();
    let body = |step| {
        let graph = forward(&model, step);
        sum(&graph, |operator| if operator.is_head() { 0 } else { operator.flops })
    };
    let whole = body(Step::Prefill { tokens: 96, before: 0 });
    let chunks = (0..3).map(|chunk| body(Step::Prefill { tokens: 32, before: 32 * chunk }));
    assert_eq!(chunks.sum::<u64>(), whole);
    let tokens = (1..=96).map(|context| body(Step::Decode { batch: 1, context }));
    assert_eq!(tokens.sum::<u64>(), whole);
}

#[test]
fn the_head_runs_for_the_last_token_of_a_chunk() {
    let chunk = forward(&model(), Step::Prefill { tokens: 512, before: 0 });
    let decode = forward(&model(), DECODE);
    let heads: Vec<_> = chunk.node_weights().filter(|operator| operator.is_head()).collect();
    let names: Vec<_> = heads.iter().map(|operator| operator.name).collect();
    assert_eq!(names, ["final_norm", "lm_head", "sample"]);
    for head in heads {
        assert_eq!(head.flops, operator(&decode, head.name).flops);
    }
    let context = match operator(&chunk, "attention").kind {
        OperatorKind::LatentAttention { context, .. } => context,
        _ => 0,
    };
    assert_eq!(context, 512);
}

#[test]
fn an_empty_step_costs_nothing() {
    for step in [Step::Decode { batch: 0, context: 5 }, Step::Prefill { tokens: 0, before: 5 }] {
        let graph = forward(&model(), step);
        assert_eq!(sum(&graph, |operator| operator.flops + operator.kv_bytes), 0);
    }
}
