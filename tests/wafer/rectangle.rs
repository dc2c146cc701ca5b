//! One line stands for all lines of a rectangle: whole rectangles in the reference engine, every
//! wavelet of every row and column, have the same cycles in every PE.

use sim_fabric::mesh::compose::{Step, compose};
use sim_fabric::mesh::program::Shape;
use sim_fabric::mesh::spec::FabricSpec;
use sim_fabric::mesh::wavelet;
use sim_sram::PeSpec;
use wafersim::wafer::choices::Choices;
use wafersim::wafer::field::Field;
use wafersim::wafer::kernels::Kernel;
use wafersim::wafer::layer::Run;
use wafersim::wafer::parts::Pipeline;
use wafersim::wafer::phase::{Axis, Phase};
use wafersim::wafer::timer::{Engine, Memory, Timer};
use workloads::forward::Step as ModelStep;
use workloads::model::{Attention, FeedForward, Model, Storage, WeightFormat};

pub(crate) const FABRIC: FabricSpec = FabricSpec {
    hop_cycles: 1,
    ramp_cycles: 2,
    queue_depth: 3,
    ramp_in_depth: 4,
    ramp_out_depth: 4,
    switch_cycles: 1,
    receive_directions: 1,
};

pub(crate) const PE: PeSpec = PeSpec {
    f16_per_cycle: 8,
    f32_per_cycle: 4,
    f32_mul_per_cycle: 1,
    max_per_cycle: 4,
    setup_cycles: 7,
    pipeline_cycles: 6,
    gap_cycles: 5,
    loop_cycles: 4,
    task_start_cycles: 9,
    unpack_cycles: 1,
    special_cycles: 3,
    sum_bits: 16,
    route_load_cycles: 2,
    cache_words: 16,
};

/// A model small enough for whole rectangles.
pub(crate) fn model() -> Model {
    let moe = FeedForward::Moe { experts: 8, top_k: 2, shared: 1, intermediate: 32 };
    Model {
        name: "small".into(),
        architecture: "DeepseekV3ForCausalLM".into(),
        hidden: 96,
        vocabulary: 100,
        max_context: 4096,
        tied_embeddings: false,
        attention: Attention::Mla { heads: 4, q_lora: 24, kv_lora: 16, nope: 8, rope: 4, value: 8 },
        layers: vec![FeedForward::Dense { intermediate: 64 }, moe],
        windows: Vec::new(),
        mlp_bias: false,
        storage: Storage {
            experts: WeightFormat::INT4_G32,
            ..Storage::uniform(WeightFormat::BF16)
        },
    }
}

pub(crate) const CHOICES: Choices = Choices {
    residual_tile: 32,
    down_tile: 32,
    qkv_rows: 5,
    head_columns: 3,
    absorb_rows: 4,
    attention_rows: 7,
    heads_together: 2,
    value_rows: 4,
    router_rows: 4,
    activation_columns: 1,
    regions_across: 0,
};

const COLUMNS: u32 = 13;
const ROWS: u32 = 8;

fn kernels(timer: &Timer, tokens: u32) -> Vec<Kernel> {
    kernels_of(&model(), &CHOICES, timer, tokens)
}

pub(crate) fn kernels_of(
    model: &Model,
    choices: &Choices,
    timer: &Timer,
    tokens: u32,
) -> Vec<Kernel> {
    let run = Run {
        timer,
        columns: COLUMNS,
        rows: ROWS,
        hidden: model.hidden,
        attention: model.attention,
        tokens,
        distinct_experts: 2,
        buffer: 4096,
        bytes_only: false,
    };
    let step = match tokens {
        1 => ModelStep::Decode { batch: 1, context: 100 },
        tokens => ModelStep::Prefill { tokens, before: 100 },
    };
    let pipeline = Pipeline::new(model, step);
    pipeline
        .kinds
        .iter()
        .flat_map(|part| run.kernels(part, choices).expect("choices fit"))
        .collect()
}

/// Cycle of every PE: (by lines in the field, by the whole rectangle in the reference engine).
pub(crate) fn both(timer: &Timer, kernel: &Kernel) -> (Vec<u64>, Vec<u64>) {
    let mut field = Field::new(COLUMNS, ROWS);
    timer.run(&kernel.phases, &mut field).expect("runs");
    let lines: Vec<u64> = (0..ROWS)
        .flat_map(|o| (0..COLUMNS).map(move |s| (s, o)))
        .map(|(s, o)| field.at(s, o))
        .collect();

    let middle = |length: u32, pes: u32| length / 2 - pes / 2;
    let steps: Vec<Step> = kernel
        .phases
        .iter()
        .map(|phase| match phase {
            Phase::Local(local) => Step::Work(local.cost.total() as u32),
            Phase::Line(line) => match line.axis {
                Axis::S => Step::Rows(timer.program(line), middle(COLUMNS, line.pes)),
                Axis::O => Step::Columns(timer.program(line), middle(ROWS, line.pes)),
            },
        })
        .collect();
    let program = compose(Shape { columns: COLUMNS, rows: ROWS }, &steps);
    let run = wavelet::run(&program, &FABRIC, &vec![0; program.shape.pes()]).expect("runs");
    let bases = program.op_bases();
    let whole = bases
        .windows(2)
        .map(|w| run.done[w[0] as usize..w[1] as usize].iter().copied().max().unwrap_or(0))
        .collect();
    (lines, whole)
}

#[test]
fn whole_rectangles_of_experts_by_regions_have_the_cycles_of_their_lines() {
    let timer = Timer::new(FABRIC, PE, Engine::Stream, &Memory::default());
    let choices = Choices { regions_across: 3, residual_tile: 8, ..CHOICES };
    let mut compared = Vec::new();
    for tokens in [1, 3] {
        for kernel in kernels_of(&model(), &choices, &timer, tokens) {
            let (lines, whole) = match kernel.name {
                "top_k" | "experts_gate_up" | "swiglu" | "experts_down" => both(&timer, &kernel),
                _ => continue,
            };
            assert_eq!(lines, whole, "{} of {tokens} tokens", kernel.name);
            compared.push(kernel.name);
        }
    }
    assert!(compared.len() >= 8, "{compared:?}");
}

#[test]
fn whole_rectangles_have_the_cycles_of_their_lines() {
    let timer = Timer::new(FABRIC, PE, Engine::Stream, &Memory::default());
    let mut compared = 0;
    for tokens in [1, 3] {
        for kernel in kernels(&timer, tokens) {
            // What is sent on leaves the rectangle.
            if kernel.name == "embedding" {
                continue;
            }
            let (lines, whole) = both(&timer, &kernel);
            assert_eq!(lines, whole, "{} of {tokens} tokens", kernel.name);
            compared += 1;
        }
    }
    assert!(compared > 60, "{compared}");
}
