//! What goes around a ring of PEs: cyclic shift, all-gather, and the ring all-reduce.
//!
//! ```text
//! reduce-scatter   round s: place p sends slice p - s, adds what comes to slice p - s - 1
//! all-gather       round s: place p sends slice p - s, stores what comes as slice p - s - 1
//! ```
//! In a round a place sends one slice while it takes the next one: two threads, which share the
//! datapath as its width allows (two 32-bit words a cycle on a WSE-2). It sends on what it has taken when
//! it has taken all of it. So a round of `n` words between places two hops apart takes `n + 2 T_R + 3`
//! cycles, and all `2 (P - 1)` of them `2 (P - 1) (B / P + 2 T_R + 1) + 4 P - 6`: the published form.
//!
//! That form has the same `B / P` words in every round, whole or not. Where slices are not equal the
//! longest ones decide, and would wait for a word more in every round. So in as many rounds as make that up,
//! spread evenly, places do not wait for the last word of such a slice: they send the others when they have
//! those, and the last one behind them. Slices of a single word are sent on as they come:
//!
//! ```text
//! reduce-scatter   fabric <- memory + fabric
//! all-gather       fabric <- fabric, and the own router hands a copy back (memory <- fabric)
//! ```
//! Source: Luczynski et al., Near-Optimal Wafer-Scale Reduce, HPDC 2024.

use super::all_gather::own;
use super::line::Line;
use super::messages::{Ring, SENDS};
use crate::mesh::program::{Op, OpKind, Operand};

/// Every PE's `elements` go to the next; the last one's to the first.
///
/// What a PE gets comes to lie behind what it had. `folded`: next in the folded order.
pub(super) fn shift(line: &mut Line, elements: u32, folded: bool) {
    let ring = if folded { Ring::folded(line) } else { Ring::plain(line) };
    let padded = elements.next_multiple_of(line.dtype.per_wavelet());
    if line.pes < 2 {
        return;
    }
    for (place, &pe) in ring.order.iter().enumerate() {
        let (send, take) = ring.moves(line, place, elements, 0, padded);
        line.pe(pe).ops.extend([send, take]);
    }
}

/// Every PE's `elements` come to lie in every PE, in the order of the line, behind its own.
pub(super) fn all_gather(line: &mut Line, elements: u32) {
    let ring = Ring::folded(line);
    let places = ring.order.len();
    let padded = elements.next_multiple_of(line.dtype.per_wavelet());
    for (place, &pe) in ring.order.iter().enumerate() {
        let mut ops: Vec<Op> = Vec::new();
        for round in 0..places.saturating_sub(1) {
            let from = match round {
                0 => Operand::Memory(0),
                _ => ops[ops.len() - 1].dst,
            };
            let mut send = line.op(OpKind::Move, elements, from, ring.send(place));
            send.thread = SENDS;
            send.after.extend((round > 0).then(|| ops.len() as u16 - 1));
            ops.push(send);
            let whose = ring.order[(place + places - 1 - round) % places];
            let to = Operand::Memory((1 + whose) * padded);
            ops.push(line.op(OpKind::Move, elements, ring.take(place), to));
        }
        ops.push(own(line, elements, (1 + pe) * padded));
        line.pe(pe).ops.extend(ops);
    }
}

/// `elements` of all PEs add up in every PE.
pub(super) fn all_reduce(line: &mut Line, elements: u32, kind: OpKind) {
    let ring = Ring::folded(line);
    let places = ring.order.len();
    if places < 2 {
        return;
    }
    let slices = Slices { elements, lanes: line.dtype.per_wavelet(), places };
    let rounds = Rounds::new(&slices);
    let echo = rounds.gather_streams().then(|| ring.echoing(line));
    let plan = Plan { ring: &ring, echo: echo.as_ref().unwrap_or(&ring), slices, rounds, kind };
    for (place, &pe) in ring.order.iter().enumerate() {
        let ops = plan.operations(line, place);
        line.pe(pe).ops.extend(ops);
    }
}

/// All that a place's operations follow from.
struct Plan<'a> {
    ring: &'a Ring,
    /// The ways of rounds of the all-gather that stream.
    echo: &'a Ring,
    slices: Slices,
    rounds: Rounds,
    kind: OpKind,
}

impl Plan<'_> {
    fn operations(&self, line: &Line, place: usize) -> Vec<Op> {
        let (places, rounds) = (self.slices.places, self.rounds.eager.len());
        let mut ops: Vec<Op> = Vec::new();
        if let Some((at, count)) = self.slices.of(place) {
            ops.push(self.send(line, place, at, count, 0));
        }
        for round in 0..rounds {
            let taken = (place + 2 * places - 1 - round) % places;
            let Some((at, count)) = self.slices.of(taken) else { continue };
            let from = self.way(round).take(place);
            let gathers = round + 1 >= places;
            let kind = if gathers { OpKind::Move } else { self.kind };
            let with_own = |at: u32, mut op: Op| {
                op.b = if gathers { Operand::None } else { Operand::Memory(at) };
                op
            };
            let sent = round + 1;
            if self.streams(sent) {
                let mut on = with_own(at, line.op(kind, count, from, self.way(sent).send(place)));
                on.thread = SENDS;
                ops.push(on);
                if sent >= places {
                    let back = self.echo.send(place);
                    ops.push(line.op(OpKind::Move, count, back, Operand::Memory(at)));
                }
                continue;
            }
            let apart = sent < rounds && self.rounds.eager[sent] && self.slices.is_longest(count);
            let last = if apart { self.slices.last_word(count) } else { 0 };
            for (at, count) in [(at, count - last), (at + count - last, last)] {
                if count == 0 {
                    continue;
                }
                ops.push(with_own(at, line.op(kind, count, from, Operand::Memory(at))));
                if sent < rounds {
                    let mut on = self.send(line, place, at, count, sent);
                    on.after.push(ops.len() as u16 - 1);
                    ops.push(on);
                }
            }
        }
        ops
    }

    /// Whether words are sent in `round` as they come.
    fn streams(&self, round: usize) -> bool {
        self.rounds.streams && self.rounds.eager.get(round) == Some(&true)
    }

    /// Sends `count` elements from `at` on.
    fn send(&self, line: &Line, place: usize, at: u32, count: u32, round: usize) -> Op {
        let to = self.way(round).send(place);
        let mut op = line.op(OpKind::Move, count, Operand::Memory(at), to);
        op.thread = SENDS;
        op
    }

    /// The ways on which words of `round` go.
    fn way(&self, round: usize) -> &Ring {
        let echoes = round >= self.slices.places && self.streams(round);
        if echoes { self.echo } else { self.ring }
    }
}

/// Rounds in which places send a slice's last word without waiting for it.
struct Rounds {
    /// For each round, those of the reduce-scatter first.
    eager: Vec<bool>,
    /// Whether slices have one word at most, which is then sent on as it comes.
    streams: bool,
}

impl Rounds {
    /// As many as give each round `B / P` words on average. The first round has nothing to wait for; a
    /// single word that comes in the last round of the reduce-scatter is not sent on as it
    /// comes, as the sum has to be stored.
    fn new(slices: &Slices) -> Self {
        let (places, words) = (slices.places, u64::from(slices.wavelets()));
        let longest = words.div_ceil(places as u64);
        let mut eager = vec![false; 2 * (places - 1)];
        // Words that the longest slices have too many, all rounds together.
        let rounds = eager.len() as u64;
        let excess = (longest * places as u64 - words) as f64 / places as f64;
        let wanted = (rounds as f64 * excess).round() as usize;
        let streams = longest == 1;
        let half = places.saturating_sub(2);
        let spans = if streams {
            let scatter = wanted.min(half);
            vec![(1, half, scatter), (places, half, (wanted - scatter).min(half))]
        } else {
            vec![(1, eager.len() - 1, wanted.min(eager.len() - 1))]
        };
        for (first, length, count) in spans {
            let even = |place: usize| place * count / length;
            for place in 0..length {
                eager[first + place] = even(place + 1) > even(place);
            }
        }
        Self { eager, streams }
    }

    /// Whether words of the all-gather are sent on as they come.
    fn gather_streams(&self) -> bool {
        self.streams && self.eager[self.eager.len() / 2..].contains(&true)
    }
}

/// How a vector is cut into one slice for each place; whole wavelets, some slices may be empty.
struct Slices {
    elements: u32,
    lanes: u32,
    places: usize,
}

impl Slices {
    fn wavelets(&self) -> u32 {
        self.elements.div_ceil(self.lanes)
    }

    /// Whether a slice of `count` elements has as many words as any.
    fn is_longest(&self, count: u32) -> bool {
        count.div_ceil(self.lanes) == self.wavelets().div_ceil(self.places as u32)
    }

    /// Elements of the last word of a slice of `count`.
    fn last_word(&self, count: u32) -> u32 {
        count - (count.div_ceil(self.lanes) - 1) * self.lanes
    }

    /// First element and number of elements of a slice.
    fn of(&self, slice: usize) -> Option<(u32, u32)> {
        let wavelets = u64::from(self.wavelets());
        let cut = |place: usize| {
            let wavelet = wavelets * place as u64 / self.places as u64;
            (wavelet as u32 * self.lanes).min(self.elements)
        };
        let (from, to) = (cut(slice), cut(slice + 1));
        (to > from).then(|| (from, to - from))
    }
}
