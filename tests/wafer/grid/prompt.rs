//! A prompt through a layer on a fixed square grid, operator by operator, with numbers.

use super::load::{LOWEST, within};
use super::plain::{EPSILON, Plain};
use super::{ALL, LLAMA, PLAIN_BIAS, kernel, near, run, timer};
use crate::rectangle::FABRIC;
use crate::values::number;
use wafersim::wafer::grid::Grid;
use wafersim::wafer::grid::bands::Bands;
use wafersim::wafer::grid::buffers::{self, STREAM};
use wafersim::wafer::grid::prefill::{Piece, Prefilling};
use wafersim::wafer::instruction::Spot;
use wafersim::wafer::parts::Pipeline;
use wafersim::wafer::phase::Phase;
use wafersim::wafer::timer::{Engine, Timer};
use wafersim::wafer::values::Values;
use workloads::forward::{Operator, Step};
use workloads::model::Attention;

/// A prompt on a square.
struct Prompt<'a> {
    prefilling: Prefilling<'a>,
    operators: Vec<Operator>,
    timer: &'a Timer,
}

impl<'a> Prompt<'a> {
    fn new(timer: &'a Timer, plain: &'a Plain, side: u32, tokens: u32) -> Self {
        let prefilling = Prefilling::new(timer, side, &plain.model, tokens);
        let pipeline = Pipeline::new(&plain.model, Step::Prefill { tokens, before: 0 });
        let part = pipeline.kinds.iter().find(|part| part.kind == "dense").expect("the part");
        Self { prefilling, operators: part.operators.clone(), timer }
    }

    fn pieces(&self, name: &str) -> Vec<Piece> {
        let operator = self.operators.iter().find(|operator| operator.name == name);
        self.prefilling.pieces(operator.expect("the operator")).expect("is written")
    }

    fn grid(&self) -> Grid {
        Grid { columns: self.prefilling.side, rows: self.prefilling.side }
    }

    fn memory(&self, names: &[&str], rooms: &[(&'static str, u32)]) -> Values {
        let mut kernels = Vec::new();
        for piece in names.iter().flat_map(|name| self.pieces(name)) {
            match piece {
                Piece::Phases(phases) => kernels.push(kernel("piece", self.grid(), phases)),
                Piece::Rounds(rounds) => {
                    let phases: Vec<Phase> = [rounds.work, rounds.keep].concat();
                    kernels.push(kernel("rounds", self.grid(), phases));
                }
                Piece::Product(..) => {}
            }
        }
        let grid = self.grid();
        Values::new([grid.columns, grid.rows], &kernels, rooms)
    }

    fn run(&self, name: &'static str, values: &mut Values, held: u32) {
        for piece in self.pieces(name) {
            match piece {
                // Cycles of every PE are those of its lines, in either engine.
                Piece::Phases(phases) => {
                    values.rewind();
                    run(self.grid(), &[kernel(name, self.grid(), phases)], values);
                }
                Piece::Rounds(rounds) => {
                    values.rounds((self.timer, &FABRIC), &rounds, held).expect("runs");
                }
                Piece::Product(..) => panic!("{name} is a product"),
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = (u32, u32)> + use<> {
        let side = self.prefilling.side;
        (0..side).flat_map(move |o| (0..side).map(move |s| (s, o)))
    }

    /// Position of a token of a row, if there is one: rows stand in the folded order.
    fn position(&self, o: u32, t: u32) -> Option<usize> {
        let side = self.prefilling.side;
        let order: Vec<u32> =
            (0..side).step_by(2).chain((0..side).filter(|pe| pe % 2 == 1).rev()).collect();
        let place = order.iter().position(|&at| at == o).expect("is there") as u32;
        let position = place * self.prefilling.rows() + t;
        (position < self.prefilling.tokens).then_some(position as usize)
    }
}

fn stream(token: usize, hidden: u32) -> Vec<f64> {
    (0..hidden).map(|i| number(8, [token as u32, i, 0, 0])).collect()
}

/// Norms of the stream, and the residual's sum.
fn norms(side: u32, tokens: u32) {
    let timer = timer(Engine::Stream);
    let plain = Plain::new(LLAMA, false, 0);
    let prompt = Prompt::new(&timer, &plain, side, tokens);
    let (m, own, hidden) = (prompt.prefilling.rows(), prompt.prefilling.own(), plain.model.hidden);
    let mut values = prompt.memory(&["input_norm", "attention_residual"], &[]);
    let element =
        |s: u32, slot: u32| (s * own + slot < hidden).then_some((s * own + slot) as usize);
    let norm = Spot::of("input_norm");
    for (s, o) in prompt.all() {
        for t in 0..m {
            if s == 0 {
                values.set((s, o), norm.plus(t), (EPSILON * f64::from(hidden)) as f32);
            }
            for slot in 0..own {
                let (Some(token), Some(element)) = (prompt.position(o, t), element(s, slot)) else {
                    continue;
                };
                let x = stream(token, hidden)[element] as f32;
                values.set((s, o), STREAM.plus(slot * m + t), x);
                values.set((s, o), buffers::ATTENDED.plus(slot * m + t), 2.0 * x);
                let weight = plain.gain("input_norm", element) * f64::from(hidden).sqrt();
                values.set((s, o), norm.plus(m + slot), weight as f32);
            }
        }
    }
    prompt.run("input_norm", &mut values, 0);
    prompt.run("attention_residual", &mut values, 0);
    for (s, o) in prompt.all() {
        for (t, slot) in (0..m).flat_map(|t| (0..own).map(move |slot| (t, slot))) {
            let (Some(token), Some(element)) = (prompt.position(o, t), element(s, slot)) else {
                continue;
            };
            let x = stream(token, hidden);
            let expected = [plain.norm("input_norm", &x)[element], 3.0 * x[element]];
            let found =
                [buffers::NORMED, STREAM].map(|at| values.get((s, o), at.plus(slot * m + t)));
            near(&found.map(f64::from), &expected, "norm and sum");
        }
    }
}

/// Gate and up become the gated activation.
fn activations(side: u32, tokens: u32) {
    let timer = timer(Engine::Stream);
    let plain = Plain::new(LLAMA, false, 0);
    let prompt = Prompt::new(&timer, &plain, side, tokens);
    let all = prompt.prefilling.rows() * 50u32.div_ceil(side);
    let mut values = prompt.memory(&["swiglu"], &[(buffers::ONE.buffer, 1)]);
    let x = |s: u32, o: u32, i: u32| 3.0 * number(9, [s, o, i, 0]);
    for (s, o) in prompt.all() {
        values.set((s, o), buffers::ONE, 1.0);
        (0..2 * all).for_each(|i| values.set((s, o), buffers::GATE_UP.plus(i), -x(s, o, i) as f32));
    }
    prompt.run("swiglu", &mut values, 0);
    for (s, o) in prompt.all() {
        let found = (0..all).map(|i| values.get((s, o), buffers::ACTIVATIONS.plus(i)));
        let found: Vec<f64> = found.map(f64::from).collect();
        let silu = |x: f64| x / (1.0 + (-x).exp());
        let expected: Vec<f64> = (0..all).map(|i| silu(x(s, o, i)) * x(s, o, all + i)).collect();
        near(&found, &expected, "activation");
    }
}

/// From what a layer projects to what its output projection takes: norms of heads, rotation, cache, and
/// attention of every token to itself and those before.
fn attention(attention: Attention, side: u32, tokens: u32) {
    let timer = timer(Engine::Stream);
    let plain = Plain::new(attention, false, 0);
    let prompt = Prompt::new(&timer, &plain, side, tokens);
    let Attention::Gqa { qk_norm, qkv_bias, sinks, .. } = attention else { panic!("grouped") };
    let (m, bands) = (prompt.prefilling.rows(), prompt.prefilling.bands().expect("grouped"));
    let (heads, all, query_heads) = (bands.rotated_heads(), bands.rotated(), bands.query_heads());
    let held = side.div_ceil(bands.pes);
    let keys = bands.keys() * m;
    let mut names = vec!["rope", "kv_append", "attention"];
    if qk_norm {
        names.insert(0, "qk_norm");
    }
    let rooms = [
        (buffers::CACHE.buffer, (side + 1) * keys.next_multiple_of(2)),
        (buffers::VALUES.buffer, (side + 1) * keys.next_multiple_of(2)),
        (buffers::SCORES.buffer, (held + 1) * query_heads * m * m),
        (buffers::BIAS.buffer, side * m * m),
        (buffers::STEP.buffer, 1),
        (buffers::KEPT.buffer, 1),
    ];
    let mut values = prompt.memory(&names, &rooms);
    let projected: Vec<Vec<f64>> = (0..tokens as usize)
        .map(|token| {
            let outs = (plain.heads + 2 * plain.kv_heads) * plain.width;
            plain.times("qkv", qkv_bias, outs, &stream(token, plain.model.hidden))
        })
        .collect();
    for (s, o) in prompt.all() {
        for k in 0..held * query_heads * m * m {
            values.set((s, o), buffers::SCORES.plus(k), LOWEST);
        }
        (0..query_heads * m).for_each(|k| values.set((s, o), buffers::PEAK.plus(k), LOWEST));
        let Some((band, pe)) = band(&bands, side, s) else { continue };
        for (t, h) in (0..m).flat_map(|t| (0..query_heads).map(move |h| (t, h))) {
            let head = (band * query_heads + h) as usize;
            if sinks && head < plain.heads {
                let logit = plain.sink(head) as f32;
                values.set((s, o), buffers::SINKS.plus(h * m + t), logit);
                let once = if pe == 0 { logit } else { LOWEST };
                values.set((s, o), buffers::SINKS.plus((query_heads + h) * m + t), once);
            }
        }
        let norm = Spot::of("qk_norm");
        for k in (0..heads * m).filter(|_| qk_norm && pe == 0) {
            values.set((s, o), norm.plus(k), (EPSILON * plain.width as f64) as f32);
        }
        for place in 0..bands.projected() {
            let Some((out, element, query)) = output(&plain, &bands, (band, pe), place) else {
                continue;
            };
            let norm_scale = if query { 1.0 } else { (plain.width as f64).sqrt() };
            if qk_norm && place < all {
                let gain = norm_scale * plain.gain("qk_norm", element);
                values.set((s, o), norm.plus(heads * m + place), gain as f32);
            }
            let scale = if query && !qk_norm { (plain.width as f64).powf(-0.5) } else { 1.0 };
            for t in 0..m {
                let Some(token) = prompt.position(o, t) else { continue };
                let at = place * m + t;
                values.set((s, o), buffers::HEADS.plus(at), (scale * projected[token][out]) as f32);
                if place >= all {
                    continue;
                }
                let (sin, cos) = match element < plain.rope {
                    true => plain.angle(element % (plain.rope / 2), token).sin_cos(),
                    false => (0.0, 1.0),
                };
                let sin = if place < all / 2 { -sin } else { sin };
                values.set((s, o), buffers::ROTATION.plus(at), cos as f32);
                values.set((s, o), buffers::ROTATION.plus(all * m + at), sin as f32);
            }
        }
        // At a step the keys of the row that is so many places before are here.
        for step in (0..side).filter(|_| pe == 0) {
            for (key, t) in (0..m).flat_map(|key| (0..m).map(move |t| (key, t))) {
                let place = prompt.position(o, 0).unwrap_or((side * m) as usize) as u32 / m;
                let of = (place + side - step) % side * m + key;
                let sees = prompt.position(o, t).is_some_and(|query| of as usize <= query);
                let at = buffers::BIAS.plus(step * m * m + key * m + t);
                values.set((s, o), at, if sees { 0.0 } else { LOWEST });
            }
        }
    }
    names.iter().for_each(|name| prompt.run(name, &mut values, held));
    let mut cached = Vec::new();
    let mut expected = Vec::new();
    for token in 0..tokens as usize {
        let [queries, keys, new] = plain.projected(&stream(token, plain.model.hidden), token);
        cached.push([keys, new]);
        expected.push(plain.attended(&queries, &cached));
    }
    let mut compared = 0;
    for (s, o) in prompt.all() {
        let Some(place) = band(&bands, side, s) else { continue };
        for (t, k) in (0..m).flat_map(|t| (0..bands.queries()).map(move |k| (t, k))) {
            let at = k / query_heads * heads + k % query_heads;
            let (Some(token), Some((out, ..))) =
                (prompt.position(o, t), output(&plain, &bands, place, at))
            else {
                continue;
            };
            let found = values.get((s, o), buffers::WEIGHTED.plus(k * m + t));
            let off = (f64::from(found) - expected[token][out]).abs();
            assert!(off < 2e-5, "token {token}, {out}: {found}, not {}", expected[token][out]);
            compared += 1;
        }
    }
    assert_eq!(compared, tokens as usize * plain.heads * plain.width);
}

fn band(bands: &Bands, side: u32, s: u32) -> Option<(u32, u32)> {
    within(s, side, bands.all()).map(|column| (column / bands.pes, column % bands.pes))
}

/// Which projected element a place is, which element of its head, and whether of a query.
fn output(
    plain: &Plain,
    bands: &Bands,
    (band, pe): (u32, u32),
    place: u32,
) -> Option<(usize, usize, bool)> {
    let (heads, query_heads) = (bands.rotated_heads(), bands.query_heads());
    let (dim, at, first) = match place.checked_sub(bands.rotated()) {
        None if place % heads < query_heads => {
            (place / heads, band * query_heads + place % heads, 0)
        }
        None => {
            let at = band * bands.heads + place % heads - query_heads;
            (place / heads, at, plain.heads)
        }
        Some(place) => {
            let at = band * bands.heads + place % bands.heads;
            (place / bands.heads, at, plain.heads + plain.kv_heads)
        }
    };
    let most = if first == 0 { plain.heads } else { plain.kv_heads };
    let element = bands.element(pe, dim, (plain.width as u32, plain.rope as u32))? as usize;
    let out = (first + at as usize) * plain.width + element;
    ((at as usize) < most).then_some((out, element, first == 0))
}

#[test]
fn what_each_pe_does_to_a_prompt_is_what_the_model_says() {
    for (side, tokens) in [(5, 13), (6, 12), (4, 3)] {
        norms(side, tokens);
        activations(side, tokens);
    }
}

#[test]
fn attention_of_a_prompt_on_a_grid_is_the_models() {
    attention(LLAMA, 6, 12);
    attention(LLAMA, 5, 13);
    attention(ALL, 7, 15);
    attention(ALL, 9, 9);
    attention(PLAIN_BIAS, 3, 7);
}

/// Differential: both engines time every operator of a prompt alike.
#[test]
fn a_prompts_cycles_do_not_depend_on_the_engine() {
    let plain = Plain::new(ALL, true, 0);
    let [stream, wavelet] = [Engine::Stream, Engine::Wavelet].map(timer);
    let of = |timer| Prompt::new(timer, &plain, 9, 25);
    let (stream, wavelet) = (of(&stream), of(&wavelet));
    for operator in &stream.operators {
        let cycles = [&stream, &wavelet].map(|p| p.prefilling.cycles(operator).expect("runs"));
        assert_eq!(cycles[0], cycles[1], "{}", operator.name);
    }
}
