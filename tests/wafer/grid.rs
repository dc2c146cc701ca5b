//! A layer on a fixed grid computes what the model says: the phases that are timed, with numbers, on
//! whole rectangles, against a plain forward pass; and every PE has the cycles of its lines.

#[path = "grid/cache.rs"]
mod cache;
#[path = "grid/experts.rs"]
mod experts;
#[path = "grid/load.rs"]
mod load;
#[path = "grid/plain.rs"]
mod plain;
#[path = "grid/prompt.rs"]
mod prompt;

use super::rectangle::{FABRIC, PE};
use super::values::number;
use cache::Cache;
use load::{Loader, within};
use plain::Plain;
use sim_fabric::mesh::program::DType;
use wafersim::wafer::field::Field;
use wafersim::wafer::grid::decode::Decoding;
use wafersim::wafer::grid::gemv::{Gemv, IN, OUT, TILE};
use wafersim::wafer::grid::{Grid, Ways};
use wafersim::wafer::kernels::Kernel;
use wafersim::wafer::parts::Pipeline;
use wafersim::wafer::phase::Phase;
use wafersim::wafer::timer::{Engine, Memory, Timer};
use wafersim::wafer::values::Values;
use workloads::forward::Step;
use workloads::model::{Attention, FeedForward, Model};

const LLAMA: Attention = Attention::Gqa {
    heads: 4,
    kv_heads: 2,
    head_dim: 8,
    rope: 8,
    qk_norm: false,
    qkv_bias: false,
    o_bias: false,
    sinks: false,
};
/// All that the families have beside: norms of heads, biases, sinks, heads that are rotated in part.
const ALL: Attention = Attention::Gqa {
    heads: 6,
    kv_heads: 3,
    head_dim: 10,
    rope: 4,
    qk_norm: true,
    qkv_bias: true,
    o_bias: true,
    sinks: true,
};
const PLAIN_BIAS: Attention = Attention::Gqa {
    heads: 5,
    kv_heads: 5,
    head_dim: 6,
    rope: 6,
    qk_norm: false,
    qkv_bias: true,
    o_bias: false,
    sinks: false,
};

fn timer(engine: Engine) -> Timer {
    Timer::new(FABRIC, PE, engine, &Memory::default())
}

fn kernels(decoding: &Decoding<'_>, model: &Model, kind: &str, context: u32) -> Vec<Kernel> {
    let pipeline = Pipeline::new(model, Step::Decode { batch: 1, context });
    let part = pipeline.kinds.iter().find(|part| part.kind == kind).expect("the part");
    let decoding = decoding.of(&part.operators);
    part.operators.iter().map(|op| decoding.kernel(op).expect("is written")).collect()
}

/// Runs `kernels` with numbers; every PE is done in the cycle that its lines say, in either engine.
fn run(grid: Grid, kernels: &[Kernel], values: &mut Values) {
    let timers = [timer(Engine::Stream), timer(Engine::Wavelet)];
    let mut fields = [0, 1].map(|_| Field::new(grid.columns, grid.rows));
    for kernel in kernels {
        let done = values.run(&timers[0], &FABRIC, kernel).expect("runs");
        for (timer, field) in timers.iter().zip(&mut fields) {
            timer.run(&kernel.phases, field).expect("runs");
            // What is sent on leaves the rectangle.
            if kernel.name != "embedding" {
                let pes = (0..grid.rows).flat_map(|o| (0..grid.columns).map(move |s| (s, o)));
                let lines: Vec<u64> = pes.map(|(s, o)| field.at(s, o)).collect();
                assert_eq!(done, lines, "cycles of {}", kernel.name);
            }
        }
    }
}

fn near(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0.0f64, |max, x| max.max(x.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let off = (found - expected).abs() / scale;
        assert!(off < 2e-5, "{what}: {i} is {found}, not {expected}");
    }
}

/// Tokens one after another through a layer, from `before` cached ones on.
fn tokens(attention: Attention, mlp_bias: bool, shape: [u32; 2], before: usize) {
    let dense = FeedForward::Dense { intermediate: 50 };
    tokens_through(dense, attention, mlp_bias, shape, before);
}

fn tokens_through(
    layer: FeedForward,
    attention: Attention,
    mlp_bias: bool,
    [columns, rows]: [u32; 2],
    before: usize,
) {
    let grid = Grid { columns, rows };
    let timer = timer(Engine::Stream);
    let mut plain = Plain::new(attention, mlp_bias, before);
    plain.model.layers = vec![layer];
    let kind = match layer {
        FeedForward::Dense { .. } => "dense",
        FeedForward::Moe { .. } => "moe",
    };
    let mut cache = Cache::new(columns, before);
    for step in 0..3 {
        let context = (before + step + 1) as u32;
        let model = plain.model.clone();
        let decoding = Decoding::new(&timer, grid, &model);
        let kernels = kernels(&decoding, &model, kind, context);
        let stream: Vec<f64> =
            (0..model.hidden).map(|i| number(5, [i, step as u32, 0, 0])).collect();
        let slots = decoding.tokens(context);
        let loader = Loader { decoding: &decoding, plain: &plain };
        let mut values = loader.load(&kernels, before + step, context);
        cache.load(&loader, &mut values, slots);
        cache.grow(&loader, &mut values, slots);
        loader.set_stream(&mut values, &stream);
        run(grid, &kernels, &mut values);
        let found = loader.stream(&values);
        let expected = plain.layer(&stream);
        near(&found, &expected, &format!("{columns} x {rows}, {context} tokens"));
        // Every entry is where the next token will look for it.
        let loader = Loader { decoding: &decoding, plain: &plain };
        cache.check(&loader, &values);
    }
}

#[test]
fn tokens_through_a_layer_on_a_grid_become_what_the_model_says() {
    tokens(LLAMA, false, [7, 12], 17);
    tokens(LLAMA, false, [12, 5], 30);
}

#[test]
fn norms_of_heads_biases_and_sinks_on_a_grid_are_the_models() {
    tokens(ALL, true, [5, 16], 13);
    tokens(ALL, true, [6, 7], 6);
    tokens(PLAIN_BIAS, false, [4, 3], 10);
    tokens(PLAIN_BIAS, true, [64, 31], 100);
}

#[test]
fn experts_on_a_grid_are_chosen_and_added_as_the_model_says() {
    let experts = |experts, top_k, shared, intermediate| FeedForward::Moe {
        experts,
        top_k,
        shared,
        intermediate,
    };
    tokens_through(experts(8, 2, 1, 20), LLAMA, false, [7, 12], 17);
    tokens_through(experts(13, 3, 0, 9), ALL, true, [5, 8], 6);
    tokens_through(experts(5, 4, 2, 30), LLAMA, true, [6, 5], 12);
}

/// The head, for as many rows as there are tokens and for more; the embedding's table may divide or not.
#[test]
fn the_ends_on_a_grid_look_a_token_up_and_choose_one() {
    for ([columns, rows], token) in [([7, 12], 3), ([5, 64], 99), ([64, 3], 42)] {
        let grid = Grid { columns, rows };
        let timer = timer(Engine::Stream);
        let plain = Plain::new(LLAMA, false, 0);
        let model = &plain.model;
        let decoding = Decoding::new(&timer, grid, model);
        let loader = Loader { decoding: &decoding, plain: &plain };

        let embedding = kernels(&decoding, model, "embedding", 1);
        let mut values = loader.load(&embedding, 0, 1);
        loader.set_token(&mut values, token);
        run(grid, &embedding, &mut values);
        let row = |i| f64::from(plain.weight("embedding", token as usize, i as usize) as f32);
        assert_eq!(loader.stream(&values), (0..model.hidden).map(row).collect::<Vec<_>>());

        let head = kernels(&decoding, model, "head", 1);
        let mut values = loader.load(&head, 0, 1);
        let stream: Vec<f64> = (0..model.hidden).map(|i| number(6, [i, token, 0, 0])).collect();
        loader.set_stream(&mut values, &stream);
        run(grid, &head, &mut values);
        let x = plain.norm("final_norm", &stream);
        let logits = plain.times("lm_head", false, model.vocabulary as usize, &x);
        let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
        assert_eq!(Some(loader.token(&values)), best, "{columns} x {rows}");
    }
}

/// Alone too, in one level and in two, whether sizes divide or not.
#[test]
fn a_vector_times_a_matrix_on_a_grid_is_their_product() {
    for (ins, outs, [columns, rows]) in [(40, 30, [10, 6]), (37, 41, [9, 4]), (5, 3, [8, 8])] {
        for ways in [Ways::TwoLevels, Ways::All] {
            let timer = timer(Engine::Stream);
            let grid = Grid { columns, rows };
            let gemv = Gemv { ins, outs, dtype: DType::F16 };
            let phases = gemv.on(&timer, grid, ways).expect("runs").phases;
            let kernel = kernel("gemv", grid, phases);
            let kernels = [kernel];
            let mut values = Values::new([columns, rows], &kernels, &[]);
            let (tile, row) = (ins.div_ceil(columns), outs.div_ceil(rows));
            let used = ins.div_ceil(tile);
            let x = |i: u32| number(1, [i, 0, 0, 0]);
            let w = |o: u32, i: u32| number(2, [o, i, 0, 0]);
            for (s, o) in (0..rows).flat_map(|o| (0..columns).map(move |s| (s, o))) {
                let Some(column) = within(s, columns, used) else { continue };
                for i in (0..tile).filter(|i| column * tile + i < ins) {
                    let input = column * tile + i;
                    values.set((s, o), IN.plus(i), x(input) as f32);
                    for out in (0..row).filter(|out| o * row + out < outs) {
                        let weight = w(o * row + out, input) as f32;
                        values.set((s, o), TILE.plus(i * row + out), weight);
                    }
                }
            }
            run(grid, &kernels, &mut values);
            let found = |out: u32| values.get((columns / 2, out / row), OUT.plus(out % row));
            let found: Vec<f64> = (0..outs).map(|out| f64::from(found(out))).collect();
            let expected: Vec<f64> =
                (0..outs).map(|out| (0..ins).map(|i| w(out, i) * x(i)).sum()).collect();
            near(&found, &expected, "product");
        }
    }
}

/// Phases of no operator in particular.
fn kernel(name: &'static str, grid: Grid, phases: Vec<Phase>) -> Kernel {
    Kernel {
        name,
        phases,
        rectangle: [grid.columns, grid.rows],
        collective: String::new(),
        memory: Vec::new(),
        vector_bytes: 0,
        flops: 0,
        weight_bytes: 0,
    }
}
