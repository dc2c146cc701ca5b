//! Kernels compute the right values: whole parts of a small model, every phase with numbers, against
//! a plain forward pass written from the model's formulas.

use super::rectangle::{CHOICES, FABRIC, PE, model};
use wafersim::wafer::choices::Choices;
use wafersim::wafer::field::Field;
use wafersim::wafer::layer::Run;
use wafersim::wafer::parts::Pipeline;
use wafersim::wafer::timer::{Engine, Memory, Timer};
use wafersim::wafer::values::Values;
use wafersim::wafer::values::load::{Loader, Weights};
use workloads::forward::Step;
use workloads::model::{Attention, FeedForward, Model};

const EPSILON: f64 = 1e-5;

/// Numbers between -1 and 1 that depend on all their arguments.
pub(super) fn number(seed: u64, parts: [u32; 4]) -> f64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    for part in parts {
        state = (state ^ u64::from(part)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state ^= state >> 29;
    }
    (state >> 40) as f64 / f64::from(1 << 23) - 1.0
}

pub(super) fn seed(name: &str) -> u64 {
    name.bytes().fold(7u64, |seed, byte| seed.wrapping_mul(31) ^ u64::from(byte))
}

/// A model with numbers.
struct Numbers {
    model: Model,
    /// Normed latents and rotated keys of the tokens before.
    cached: Vec<Vec<f64>>,
}

struct Shapes {
    heads: usize,
    q_lora: usize,
    kv_lora: usize,
    nope: usize,
    rope: usize,
    value: usize,
}

impl Numbers {
    fn new(context: usize) -> Self {
        let mut numbers = Self { model: model(), cached: Vec::new() };
        let shapes = numbers.shapes();
        for token in 0..context - 1 {
            let raw: Vec<f64> = (0..shapes.kv_lora + shapes.rope)
                .map(|i| number(99, [token as u32, i as u32, 0, 0]))
                .collect();
            let kept = numbers.keep(&raw, token);
            numbers.cached.push(kept);
        }
        numbers
    }

    fn shapes(&self) -> Shapes {
        let Attention::Mla { heads, q_lora, kv_lora, nope, rope, value } = self.model.attention
        else {
            panic!("latent attention");
        };
        let [heads, q_lora, kv_lora] = [heads, q_lora, kv_lora].map(|n| n as usize);
        let [nope, rope, value] = [nope, rope, value].map(|n| n as usize);
        Shapes { heads, q_lora, kv_lora, nope, rope, value }
    }

    fn weight(&self, name: &str, group: usize, out: usize, input: usize) -> f64 {
        0.3 * number(seed(name), [1, group as u32, out as u32, input as u32])
    }

    fn gain(&self, name: &str, index: usize) -> f64 {
        1.0 + 0.5 * number(seed(name), [2, index as u32, 0, 0])
    }

    fn times(&self, name: &str, group: usize, outs: usize, x: &[f64]) -> Vec<f64> {
        let row = |out| -> f64 {
            x.iter().enumerate().map(|(i, x)| self.weight(name, group, out, i) * x).sum()
        };
        (0..outs).map(row).collect()
    }

    fn root(x: &[f64]) -> f64 {
        (x.iter().map(|x| x * x).sum::<f64>() / x.len() as f64 + EPSILON).sqrt()
    }

    fn norm(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let root = Self::root(x);
        x.iter().enumerate().map(|(i, x)| x / root * self.gain(name, i)).collect()
    }

    fn rotated(&self, x: &[f64], position: usize) -> Vec<f64> {
        let pair = |i: usize| {
            let (sin, cos) = angle(i, position).sin_cos();
            [x[2 * i] * cos - x[2 * i + 1] * sin, x[2 * i + 1] * cos + x[2 * i] * sin]
        };
        (0..x.len() / 2).flat_map(pair).collect()
    }

    /// What is cached of a raw latent and key.
    fn keep(&self, raw: &[f64], position: usize) -> Vec<f64> {
        let (latent, key) = raw.split_at(self.shapes().kv_lora);
        let mut kept = self.norm("kv_norm", latent);
        kept.extend(self.rotated(key, position));
        kept
    }

    /// Attention of the token at the end of the cache, as the model's paper has it: keys and values of
    /// every head are made from the latents.
    fn attention(&self, stream: &[f64]) -> Vec<f64> {
        let Shapes { heads, q_lora, kv_lora, nope, rope, value } = self.shapes();
        let position = self.cached.len();
        let x = self.norm("input_norm", stream);
        let down = self.times("q_a_kv_a", 0, q_lora + kv_lora + rope, &x);
        let mut cache = self.cached.clone();
        cache.push(self.keep(&down[q_lora..], position));
        let query = self.norm("q_norm", &down[..q_lora]);
        let query = self.times("q_b", 0, heads * (nope + rope), &query);
        let mut values = Vec::new();
        for head in 0..heads {
            let own = &query[head * (nope + rope)..][..nope + rope];
            let rotary = self.rotated(&own[nope..], position);
            let scores: Vec<f64> = cache
                .iter()
                .map(|token| {
                    let (latent, key) = token.split_at(kv_lora);
                    let plain: f64 = (0..nope)
                        .map(|i| {
                            let key: f64 = (0..kv_lora)
                                .map(|c| self.weight("q_absorb", head, c, i) * latent[c])
                                .sum();
                            own[i] * key
                        })
                        .sum();
                    let turned: f64 = rotary.iter().zip(key).map(|(q, k)| q * k).sum();
                    (plain + turned) / ((nope + rope) as f64).sqrt()
                })
                .collect();
            let exponentials: Vec<f64> = scores.iter().map(|s| s.exp()).collect();
            let total: f64 = exponentials.iter().sum();
            let of_tokens: Vec<Vec<f64>> =
                cache.iter().map(|t| self.times("v_up", head, value, &t[..kv_lora])).collect();
            values.extend((0..value).map(|v| {
                exponentials.iter().zip(&of_tokens).map(|(e, t)| e / total * t[v]).sum::<f64>()
            }));
        }
        self.added(stream, &self.times("o_proj", 0, stream.len(), &values))
    }

    fn added(&self, a: &[f64], b: &[f64]) -> Vec<f64> {
        a.iter().zip(b).map(|(a, b)| a + b).collect()
    }

    fn gated(&self, names: [&str; 2], group: usize, width: usize, x: &[f64]) -> Vec<f64> {
        let both = self.times(names[0], group, 2 * width, x);
        let silu = |x: f64| x / (1.0 + (-x).exp());
        let h: Vec<f64> = (0..width).map(|i| silu(both[i]) * both[width + i]).collect();
        self.times(names[1], group, x.len(), &h)
    }

    fn feed_forward(&self, layer: FeedForward, stream: &[f64]) -> Vec<f64> {
        let x = self.norm("post_attention_norm", stream);
        let out = match layer {
            FeedForward::Dense { intermediate } => {
                self.gated(["gate_up", "down"], 0, intermediate as usize, &x)
            }
            FeedForward::Moe { experts, top_k, shared, intermediate } => {
                let names = ["experts_gate_up", "experts_down"];
                let scores: Vec<f64> = self
                    .times("router", 0, experts as usize, &x)
                    .into_iter()
                    .map(|s| 1.0 / (1.0 + (-s).exp()))
                    .collect();
                let mut order: Vec<usize> = (0..experts as usize).collect();
                order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
                let chosen = &order[..top_k as usize];
                let total: f64 = chosen.iter().map(|&e| scores[e]).sum();
                let mut sum = vec![0.0; x.len()];
                for &expert in chosen {
                    let out = self.gated(names, expert, intermediate as usize, &x);
                    let weight = scores[expert] / total;
                    sum.iter_mut().zip(out).for_each(|(sum, out)| *sum += weight * out);
                }
                for expert in experts..experts + shared {
                    let out = self.gated(names, expert as usize, intermediate as usize, &x);
                    sum = self.added(&sum, &out);
                }
                sum
            }
        };
        self.added(stream, &out)
    }
}

fn angle(pair: usize, position: usize) -> f64 {
    position as f64 / 10f64.powi(pair as i32)
}

impl Weights for Numbers {
    fn matrix(&self, operator: &str, group: u32, out: u32, input: u32) -> f32 {
        self.weight(operator, group as usize, out as usize, input as usize) as f32
    }

    fn norm(&self, operator: &str, index: u32) -> f32 {
        self.gain(operator, index as usize) as f32
    }

    fn epsilon(&self) -> f32 {
        EPSILON as f32
    }

    fn angle(&self, pair: u32, position: u32) -> f32 {
        angle(pair as usize, position as usize) as f32
    }

    fn cached(&self, token: u32, element: u32) -> f32 {
        let (shapes, element) = (self.shapes(), element as usize);
        let kept = self.cached[token as usize][element];
        // The norm's weights and the root of its length are part of the matrices that read latents.
        let weight = (element < shapes.kv_lora)
            .then(|| self.gain("kv_norm", element) * (shapes.kv_lora as f64).sqrt());
        (kept / weight.unwrap_or(1.0)) as f32
    }
}

/// A mapping on a rectangle.
struct Case {
    shape: [u32; 2],
    choices: Choices,
    context: u32,
}

/// Loads a part, sets its input, runs it and reads its output; its cycles must be those of the timed
/// phases.
fn run_part<T>(
    case: &Case,
    kind: &str,
    numbers: &Numbers,
    set: impl FnOnce(&Loader<'_>, &mut Values),
    read: impl FnOnce(&Loader<'_>, &Values) -> T,
) -> T {
    let timer = Timer::new(FABRIC, PE, Engine::Stream, &Memory::default());
    let model = &numbers.model;
    let [columns, rows] = case.shape;
    let run = Run {
        timer: &timer,
        columns,
        rows,
        hidden: model.hidden,
        attention: model.attention,
        tokens: 1,
        distinct_experts: 2,
        buffer: 4096,
        bytes_only: false,
    };
    let pipeline = Pipeline::new(model, Step::Decode { batch: 1, context: case.context });
    let part = pipeline.kinds.iter().find(|part| part.kind == kind).expect("the part");
    let kernels = run.kernels(part, &case.choices).expect("choices fit");
    let lowering = run.lowering_of(part, &case.choices);
    let loader = Loader { lowering: &lowering, weights: numbers, context: case.context };
    let mut values = loader.load(&part.operators, &kernels).expect("loads");
    set(&loader, &mut values);
    let mut field = Field::new(columns, rows);
    for kernel in &kernels {
        timer.run(&kernel.phases, &mut field).expect("runs");
        let done = values.run(&timer, &FABRIC, kernel).expect("runs");
        // What is sent on leaves the rectangle.
        if kernel.name != "embedding" {
            let pes = (0..rows).flat_map(|o| (0..columns).map(move |s| (s, o)));
            let lines: Vec<u64> = pes.map(|(s, o)| field.at(s, o)).collect();
            assert_eq!(done, lines, "cycles of {}", kernel.name);
        }
    }
    read(&loader, &values)
}

/// A layer's output is the reference's, to rounding.
fn layer(case: &Case, which: usize) {
    let numbers = Numbers::new(case.context as usize);
    let before: Vec<f64> = (0..numbers.model.hidden).map(|i| number(5, [i, 0, 0, 0])).collect();
    let feed_forward = numbers.model.layers[which];
    let kind = match feed_forward {
        FeedForward::Dense { .. } => "dense",
        FeedForward::Moe { .. } => "moe",
    };
    let input: Vec<f32> = before.iter().map(|x| *x as f32).collect();
    let found = run_part(
        case,
        kind,
        &numbers,
        |loader, values| loader.set_stream(values, &input).expect("fits"),
        |loader, values| loader.stream(values).expect("fits"),
    );
    let expected = numbers.feed_forward(feed_forward, &numbers.attention(&before));
    let scale = expected.iter().fold(0.0f64, |max, x| max.max(x.abs()));
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let off = (f64::from(*found) - expected).abs() / scale;
        assert!(off < 2e-5, "{kind} on {:?}: {i} is {found}, not {expected}", case.shape);
    }
}

/// Mappings that differ in all that is cut: shared and single heads, groups of columns and rows or
/// none, sizes that divide and that do not.
fn cases() -> Vec<Case> {
    let case = |shape, context, choices| Case { shape, choices, context };
    vec![
        case([13, 8], 100, CHOICES),
        case([13, 8], 3, Choices { heads_together: 4, qkv_rows: 8, ..CHOICES }),
        case(
            [12, 11],
            57,
            Choices { heads_together: 1, residual_tile: 8, down_tile: 8, ..CHOICES },
        ),
        case(
            [9, 16],
            41,
            Choices {
                residual_tile: 32,
                down_tile: 8,
                qkv_rows: 3,
                head_columns: 2,
                absorb_rows: 1,
                attention_rows: 1,
                heads_together: 2,
                value_rows: 3,
                router_rows: 3,
                activation_columns: 1,
                regions_across: 0,
            },
        ),
        case(
            [7, 5],
            20,
            Choices {
                residual_tile: 96,
                down_tile: 16,
                qkv_rows: 1,
                head_columns: 1,
                absorb_rows: 5,
                attention_rows: 2,
                heads_together: 4,
                value_rows: 1,
                router_rows: 5,
                activation_columns: 1,
                regions_across: 0,
            },
        ),
        case(
            [11, 4],
            9,
            Choices {
                residual_tile: 20,
                down_tile: 32,
                qkv_rows: 4,
                head_columns: 2,
                absorb_rows: 3,
                attention_rows: 4,
                heads_together: 1,
                value_rows: 4,
                router_rows: 1,
                activation_columns: 1,
                regions_across: 0,
            },
        ),
    ]
}

#[test]
fn a_dense_layer_computes_what_the_model_says() {
    cases().iter().for_each(|case| layer(case, 0));
}

#[test]
fn a_layer_of_experts_computes_what_the_model_says() {
    cases().iter().for_each(|case| layer(case, 1));
}

/// Rectangles of several PEs and of one, experts that fill the last row of rectangles and that do not,
/// chosen experts side by side and far apart.
#[test]
fn a_layer_of_experts_by_regions_computes_what_the_model_says() {
    let regions = |case: Case, regions_across: u32, residual_tile: u32| Case {
        choices: Choices { regions_across, residual_tile, ..case.choices },
        ..case
    };
    let [a, b, c, d, e, f] = cases().try_into().map_err(|_| ()).expect("six cases");
    for case in [
        regions(a, 4, 8),
        regions(b, 2, 32),
        regions(c, 3, 8),
        regions(d, 1, 32),
        regions(e, 7, 96),
        regions(f, 5, 20),
    ] {
        layer(&case, 1);
    }
}

#[test]
fn the_head_chooses_the_token_with_the_largest_logit() {
    for case in cases() {
        let numbers = Numbers::new(1);
        let model = &numbers.model;
        let before: Vec<f64> = (0..model.hidden).map(|i| number(6, [i, 0, 0, 0])).collect();
        let input: Vec<f32> = before.iter().map(|x| *x as f32).collect();
        let x = numbers.norm("final_norm", &before);
        let logits = numbers.times("lm_head", 0, model.vocabulary as usize, &x);
        let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
        let found = run_part(
            &case,
            "head",
            &numbers,
            |loader, values| loader.set_stream(values, &input).expect("fits"),
            |loader, values| loader.token(values, model.vocabulary),
        );
        assert_eq!(Some(found as usize), best, "on {:?}", case.shape);
    }
}

#[test]
fn the_embedding_puts_a_tokens_row_onto_the_stream() {
    for (case, token) in cases().iter().zip([0, 99, 3, 42, 7, 58]) {
        let numbers = Numbers::new(1);
        let found = run_part(
            case,
            "embedding",
            &numbers,
            |loader, values| loader.set_token(values, token),
            |loader, values| loader.stream(values).expect("fits"),
        );
        let expected: Vec<f32> =
            (0..numbers.model.hidden).map(|i| numbers.matrix("embedding", 0, token, i)).collect();
        assert_eq!(found, expected, "on {:?}", case.shape);
    }
}
