//! Kernels against theory at two ends: where a PE has much to compute, arithmetic at the peak rate;
//! where it has little, what distance and the words through the busiest ramp allow. Never below either,
//! and faster or slower hardware moves them as theory says.

use super::rectangle::{FABRIC, PE, model};
use sim_fabric::mesh::collective::{Collective, Reduce, gathered};
use sim_fabric::mesh::spec::FabricSpec;
use sim_sram::PeSpec;
use wafersim::wafer::choices::Choices;
use wafersim::wafer::field::Field;
use wafersim::wafer::grid::Grid;
use wafersim::wafer::grid::decode::Decoding;
use wafersim::wafer::kernels::Kernel;
use wafersim::wafer::layer::Run;
use wafersim::wafer::parts::Pipeline;
use wafersim::wafer::phase::{LinePhase, Phase};
use wafersim::wafer::timer::{Engine, Memory, Timer};
use workloads::forward::{Operator, OperatorKind, Step};
use workloads::model::{Attention, FeedForward, Model, Storage, WeightFormat};

/// Which hardware, and what is varied of it.
#[derive(Clone)]
pub(super) struct Hardware {
    pub(super) fabric: FabricSpec,
    pub(super) pe: PeSpec,
}

pub(super) const HARDWARE: Hardware = Hardware { fabric: FABRIC, pe: PE };

impl Hardware {
    pub(super) fn timer(&self) -> Timer {
        Timer::new(self.fabric.clone(), self.pe, Engine::Stream, &Memory::default())
    }
}

/// Layers of 16-bit weights with latent attention, or grouped heads.
fn layers(hidden: u32, heads: u32, width: u32, grouped: bool) -> Model {
    let attention = match grouped {
        true => Attention::Gqa {
            heads,
            kv_heads: heads / 2,
            head_dim: width,
            rope: width,
            qk_norm: true,
            qkv_bias: false,
            o_bias: false,
            sinks: false,
        },
        false => Attention::Mla {
            heads,
            q_lora: width,
            kv_lora: width,
            nope: width / 2,
            rope: width / 4,
            value: width / 2,
        },
    };
    let dense = FeedForward::Dense { intermediate: 2 * hidden };
    let moe = FeedForward::Moe { experts: 64, top_k: 4, shared: 1, intermediate: hidden / 2 };
    Model {
        hidden,
        attention,
        layers: if grouped { vec![dense] } else { vec![dense, moe] },
        storage: Storage::uniform(WeightFormat::BF16),
        vocabulary: 4 * hidden,
        ..model()
    }
}

/// An operator, its kernel and its cycles from an even start.
type Timed = (Operator, Kernel, u64);

pub(super) fn time(timer: &Timer, [columns, rows]: [u32; 2], phases: &[Phase]) -> u64 {
    let mut field = Field::new(columns, rows);
    timer.run(phases, &mut field).expect("runs");
    field.last()
}

/// Each kernel of all kinds of layer and of the head on a rectangle that is placed, or on a fixed grid.
fn timed(
    hardware: &Hardware,
    model: &Model,
    shape: [u32; 2],
    choices: Option<&Choices>,
    context: u32,
) -> Vec<Timed> {
    let timer = hardware.timer();
    let [columns, rows] = shape;
    let fixed = Decoding::new(&timer, Grid { columns, rows }, model);
    let run = Run {
        timer: &timer,
        columns,
        rows,
        hidden: model.hidden,
        attention: model.attention,
        tokens: 1,
        distinct_experts: 4,
        buffer: 1 << 20,
        bytes_only: false,
    };
    let pipeline = Pipeline::new(model, Step::Decode { batch: 1, context });
    let mut all = Vec::new();
    for part in pipeline.kinds.iter().filter(|part| part.kind != "embedding") {
        let kernels: Vec<Kernel> = match choices {
            Some(choices) => run.kernels(part, choices).expect("choices fit"),
            None => part.operators.iter().map(|op| fixed.kernel(op).expect("is written")).collect(),
        };
        for (operator, kernel) in part.operators.iter().zip(kernels) {
            let cycles = time(&timer, shape, &kernel.phases);
            all.push((operator.clone(), kernel, cycles));
        }
    }
    all
}

/// Cycles that the busiest PE's datapath needs at its peak rate, from the model's shapes alone: the work
/// of all `pes` PEs shared out evenly.
fn peak(pe: &PeSpec, operator: &Operator, pes: [u32; 2]) -> f64 {
    let [columns, rows] = pes.map(f64::from);
    let (rate, special) = (f64::from(pe.f16_per_cycle), f64::from(pe.special_cycles));
    let most = f64::from(pe.max_per_cycle);
    match operator.kind {
        // Squares and a sum in one, and the weights; on a fixed grid, and for heads, squares, sum, quotient
        // and weights apart.
        OperatorKind::RmsNorm { width } => {
            let passes = if pes[0] > 1 && pes[1] > 1 { 4.0 } else { 2.0 };
            let pes = if passes > 2.0 { columns } else { columns.max(rows) };
            passes * f64::from(width) / pes / rate
        }
        OperatorKind::HeadNorm { vectors, width } => 4.0 * f64::from(vectors * width) / rows / rate,
        OperatorKind::Rope { vectors, width } => {
            2.0 * f64::from(vectors * width) / columns.max(rows) / rate
        }
        OperatorKind::SwiGlu { width } => f64::from(width) / rows * (2.0 * special + 3.0 / rate),
        // Every pair of scores is compared twice, and what is found is added up.
        OperatorKind::TopK { experts, .. } => {
            f64::from(experts).powi(2) / rows * (2.0 / most + 2.0 / rate)
        }
        // The best logit, who reaches it, and the first of those.
        OperatorKind::Sample { vocabulary } => {
            f64::from(vocabulary) / rows * (3.0 / most + 1.0 / f64::from(pe.f32_per_cycle))
        }
        OperatorKind::KvAppend { width } => f64::from(width) / rows / rate,
        OperatorKind::GroupedAttention { heads, head_dim, context, .. } => {
            let scores = f64::from(heads * context);
            let products = 2.0 * scores * f64::from(head_dim) / (columns * rows) / rate;
            products + scores / columns / f64::from(heads / 2) * special
        }
        OperatorKind::LatentAttention { heads, latent, rope, context } => {
            let scores = f64::from(heads) * f64::from(context) / (columns * rows);
            scores * (f64::from(2 * latent + rope) / rate + special)
        }
        _ => operator.flops as f64 / 2.0 / (columns * rows) / rate,
    }
}

const LARGE: Choices = Choices {
    residual_tile: 128,
    down_tile: 96,
    qkv_rows: 8,
    head_columns: 3,
    absorb_rows: 8,
    attention_rows: 8,
    heads_together: 1,
    value_rows: 8,
    router_rows: 8,
    activation_columns: 1,
    regions_across: 0,
};

/// Kernels of layers with large tiles: wide products, many cached tokens and experts, wide vectors. Of
/// the last only what has no more to do than to walk vectors.
fn large(hardware: &Hardware) -> Vec<Timed> {
    let many = FeedForward::Moe { experts: 1024, top_k: 4, shared: 1, intermediate: 96 };
    let routed = Model { layers: vec![many], ..layers(1536, 4, 32, false) };
    let routing = Choices { down_tile: 12, ..LARGE };
    let cases = [
        (layers(1536, 4, 1024, false), Some(&LARGE), 1 << 14, &[] as &[&str]),
        (layers(1536, 8, 64, true), Some(&LARGE), 1 << 14, &[]),
        (layers(1536, 8, 64, true), None, 1 << 14, &[]),
        (layers(1 << 15, 4, 1 << 13, false), Some(&WIDE), 96, &WALKS),
        (layers(1 << 15, 8, 1 << 13, true), Some(&WIDE), 96, &WALKS),
        (layers(1 << 15, 8, 1 << 13, true), None, 96, &WALKS),
        (routed, Some(&routing), 96, &["router", "top_k"]),
    ];
    let wanted = |names: &[&str], kernel: &Kernel| {
        !kernel.phases.is_empty() && (names.is_empty() || names.contains(&kernel.name))
    };
    let mut all = Vec::new();
    for (model, choices, context, names) in &cases {
        let kernels = timed(hardware, model, [12, 8], *choices, *context);
        all.extend(kernels.into_iter().filter(|(_, kernel, _)| wanted(names, kernel)));
    }
    all
}

const WALKS: [&str; 7] =
    ["input_norm", "q_norm", "qk_norm", "rope", "swiglu", "sample", "attention_residual"];

/// How many times the peak's cycles a kernel with large tiles takes at most.
fn factor(name: &str) -> f64 {
    match name {
        // Where pairs lie side by side each is a step of its own.
        "rope" => 9.0,
        // Rows of a few heads leave part of the datapath empty.
        "qk_norm" => 2.0,
        // Beyond products: 16-bit sums along lines, a loop's steps, the maxima of scores.
        _ => 1.7,
    }
}

#[test]
fn where_tiles_are_large_kernels_take_what_the_peak_rate_takes() {
    let half = PeSpec {
        f16_per_cycle: PE.f16_per_cycle / 2,
        f32_per_cycle: PE.f32_per_cycle / 2,
        max_per_cycle: PE.max_per_cycle / 2,
        special_cycles: PE.special_cycles * 2,
        ..PE
    };
    let slow = Hardware { pe: half, ..HARDWARE };
    let mut compared = Vec::new();
    for ((operator, kernel, cycles), (_, _, slower)) in large(&HARDWARE).iter().zip(large(&slow)) {
        let name = kernel.name;
        let bound = peak(&PE, operator, kernel.rectangle);
        let ratio = *cycles as f64 / bound;
        let more = (slower - cycles) as f64 / bound;
        assert!(ratio >= 1.0, "{name}: {cycles} cycles, less than {bound}");
        // What moves data about is for the other end.
        if bound > 1200.0 && name != "kv_append" {
            assert!(ratio < factor(name), "{name}: {ratio} times {bound}");
            // At half the rate it takes as much again; rows of a few heads fit the half.
            let least = if name == "qk_norm" { 0.45 } else { 0.9 };
            assert!((least..factor(name)).contains(&more), "{name}: {more} times {bound} more");
            compared.push(name);
        }
    }
    for name in [
        "q_a_kv_a",
        "q_b",
        "q_absorb",
        "attention",
        "v_up",
        "qkv",
        "o_proj",
        "input_norm",
        "qk_norm",
        "rope",
        "router",
        "top_k",
        "experts_gate_up",
        "experts_down",
        "gate_up",
        "swiglu",
        "down",
        "lm_head",
        "sample",
    ] {
        assert!(compared.contains(&name), "{name} is not compute-bound: {compared:?}");
    }
}

const WIDE: Choices = Choices { residual_tile: 1 << 13, down_tile: 1 << 13, ..LARGE };

/// The least that a collective can take: the way to the farthest PE, and words through the root's ramp.
fn least(line: &LinePhase) -> u64 {
    let length = line.pes / line.segments;
    let words = u64::from(line.elements.div_ceil(line.dtype.per_wavelet()));
    let half = u64::from(length / 2);
    match &line.collective {
        Collective::Gather { every, offset } => {
            let others =
                gathered(length, *every, *offset).iter().filter(|pe| **pe != length / 2).count();
            (others as u64 * words).max(half.saturating_sub(u64::from(*every)))
        }
        Collective::ReduceScatter => 2 * u64::from(length - 1) * words,
        Collective::PassOn => words,
        Collective::Reduce { by: Reduce::Tree { groups }, .. } if groups.len() == 1 => {
            half.max(u64::from(length - 1) * words)
        }
        _ => half + words,
    }
}

const SMALL: Choices = Choices {
    residual_tile: 4,
    down_tile: 4,
    qkv_rows: 64,
    head_columns: 16,
    absorb_rows: 32,
    attention_rows: 64,
    heads_together: 1,
    value_rows: 16,
    router_rows: 8,
    activation_columns: 1,
    regions_across: 0,
};

/// What a collective's operations take beside words and hops: start and end of each, and ramps.
fn ends(line: &LinePhase) -> u64 {
    let levels = match &line.collective {
        Collective::Reduce { by: Reduce::Tree { groups }, .. } => groups.len() as u64,
        Collective::Reduce { by: Reduce::Chains { .. }, .. } => 2,
        _ => 1,
    };
    let (pe, fabric) = (PE, FABRIC);
    let operation = pe.gap_cycles + pe.route_load_cycles + pe.pipeline_cycles;
    levels * u64::from(operation + 2 * fabric.ramp_cycles + 2)
}

fn small(hardware: &Hardware) -> Vec<Timed> {
    let cases = [
        (layers(384, 8, 64, false), Some(&SMALL)),
        (layers(384, 8, 16, true), Some(&SMALL)),
        (layers(384, 8, 16, true), None),
    ];
    cases
        .iter()
        .flat_map(|(model, choices)| timed(hardware, model, [192, 96], *choices, 768))
        .collect()
}

#[test]
fn where_tiles_are_small_kernels_take_what_distance_and_ramps_allow() {
    let far = Hardware { fabric: FabricSpec { hop_cycles: 2, ..FABRIC }, ..HARDWARE };
    let wide = Hardware { pe: PeSpec { sum_bits: 32, ..PE }, ..HARDWARE };
    let (far, wide) = (small(&far), small(&wide));
    let mut compared = Vec::new();
    for (at, (_, kernel, cycles)) in small(&HARDWARE).iter().enumerate() {
        let name = kernel.name;
        let (mut theory, mut work, mut about, mut distance, mut sums) = (0, 0, 0, 0, 0);
        for phase in &kernel.phases {
            match phase {
                Phase::Local(local) => work += local.cost.total(),
                Phase::Line(line) => {
                    theory += least(line);
                    about += ends(line);
                    if !matches!(line.collective, Collective::PassOn) {
                        distance += u64::from(line.pes / line.segments / 2);
                    }
                    if matches!(line.collective, Collective::Reduce { max: false, .. }) {
                        sums += u64::from(line.elements / 2);
                    }
                }
            }
        }
        assert!(*cycles >= work + theory, "{name}: {cycles}, {work} of work, {theory} on the way");
        let more = [&far, &wide].map(|slow| slow[at].2 as i64 - *cycles as i64);
        if theory > 60 {
            let ratio = (cycles - work).saturating_sub(about) as f64 / theory as f64;
            // Leaders of a tree take the words of all their members.
            assert!(ratio < 2.5, "{name}: {ratio} of {theory} on the way");
            // Hops twice as long, words of sums twice as many.
            let range = (0.8 * distance as f64)..(2.0 * distance as f64);
            assert!(range.contains(&(more[0] as f64)), "{name}: {more:?} for {distance} hops");
            if sums > 20 {
                let range = (0.8 * sums as f64)..(4.0 * sums as f64);
                assert!(range.contains(&(more[1] as f64)), "{name}: {more:?} for {sums} words");
            }
            compared.push(name);
        }
    }
    for name in [
        "input_norm",
        "q_a_kv_a",
        "q_b",
        "attention",
        "qkv",
        "o_proj",
        "router",
        "top_k",
        "experts_gate_up",
        "experts_down",
        "gate_up",
        "down",
        "lm_head",
        "sample",
        "kv_append",
    ] {
        assert!(compared.contains(&name), "{name} is not bound by the fabric: {compared:?}");
    }
}
