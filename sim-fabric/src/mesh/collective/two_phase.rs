//! Two-phase reduce to PE 0: chains inside groups of PEs, then a chain of the groups' leaders past
//! their members.
//!
//! ```text
//! phase 1   L <- m <- m <- t   L <- m <- m <- t   L <- m <- m <- t
//! phase 2   0 <--------------- L <--------------- L
//! ```
//! There are two of it, which differ in the last leader:
//! - [`reduce`], with groups of `step`, is the program that was published with its cycle counts: the last
//!   leader has nobody behind it and sends on while its group's words come, already in phase 1;
//! - [`phases`] is the one of the published model, one phase behind the other: the last leader, too, adds
//!   its group's words in memory and then sends them. So there are `2 B` words on the way of the
//!   last word, and `2 sqrt(P) - 2` PEs. Its groups differ by one PE at most.
//!
//! The first is faster by the shorter of `B` words and one leader's distance.
//!
//! Each PE's send colour is its western neighbour's receive colour, two colours in turn. Behind its
//! last word of phase 1 a member sends a control wavelet. It turns the sender's router from "ramp to
//! west" to "east to west" and the receiver's from "east to ramp" to "east to west", so that leaders'
//! words pass at one cycle a hop. The member next to the leader turns its own router only: the
//! leader's must go on handing words to its PE, from the next leader then.
//!
//! Colours begin anew in each group, so that a leader takes both phases' words on one colour and
//! sends on the other whatever the step; for odd steps that is the strict alternation along the row.
//!
//! Source: spcl/spatial-collectives and the program behind the table of SpMM_Cerebras, in words in
//! the tests that hold it against that table. The routers end as phase 2 needs them: the program
//! runs once.

use super::line::{Line, Side, Timing, route};
use crate::mesh::program::{Colour, DType, Op, OpKind, Operand, Port, Program, Route, SendEnd};

/// Sums `words` elements of each of `pes` PEs into PE 0, in groups of `step`; a plain chain if `step`
/// is at least `pes`. The last group may be shorter.
pub fn reduce(pes: u32, words: u32, step: u32, dtype: DType, timing: &Timing) -> Program {
    let step = step.clamp(1, pes.max(1));
    let groups = (0..pes).step_by(step as usize).enumerate();
    let groups: Vec<Group> = groups
        .map(|(number, first)| Group { number: number as u32, first, pes: step.min(pes - first) })
        .collect();
    program(pes, words, &groups, true, dtype, timing)
}

/// Sums `words` elements of each of `pes` PEs into PE 0, in so many `groups` as equal as can be, the
/// larger ones in front; the second phase begins behind the first.
pub fn phases(pes: u32, words: u32, groups: u32, dtype: DType, timing: &Timing) -> Program {
    let groups = groups.clamp(1, pes.max(1));
    let (size, larger) = (pes / groups, pes % groups);
    let mut first = 0;
    let groups: Vec<Group> = (0..groups)
        .map(|number| {
            let group = Group { number, first, pes: size + u32::from(number < larger) };
            first += group.pes;
            group
        })
        .collect();
    program(pes, words, &groups, false, dtype, timing)
}

/// The number of groups that the published model finds best for a line, whatever the words: fewest PEs on the
/// way of a word, and of equal ones nearest to the root of all PEs.
pub fn best_groups(pes: u32) -> u32 {
    let depth = |groups: u32| pes.div_ceil(groups) + groups;
    let key = |groups: &u32| (depth(*groups), (groups * groups).abs_diff(pes));
    (1..=pes.min(2 * pes.isqrt() + 2)).min_by_key(key).unwrap_or(1)
}

fn program(
    pes: u32,
    words: u32,
    groups: &[Group],
    streams: bool,
    dtype: DType,
    timing: &Timing,
) -> Program {
    let mut line = Line::new(pes, 0, dtype, *timing);
    let side = Side { inward: Port::West, pes: pes.saturating_sub(1) };
    for &group in groups {
        for pe in group.first..group.first + group.pes {
            let (routes, ops) = if pe == group.first {
                leader(&line, group, pes, streams, words)
            } else {
                member(&line, group, pe, words)
            };
            let class = line.at(side, pe);
            (class.routes, class.ops) = (routes, ops);
        }
    }
    line.into_program(1)
}

/// A group: which, its leader, and how many PEs it has, the leader included.
#[derive(Clone, Copy)]
struct Group {
    number: u32,
    first: u32,
    pes: u32,
}

const WEST: (Port, &[Port]) = (Port::Ramp, &[Port::West]);
const PASS: (Port, &[Port]) = (Port::East, &[Port::West]);
const TAKE: (Port, &[Port]) = (Port::East, &[Port::Ramp]);

/// An operation that sends on `to`: a move, or an addition to what comes on `from`.
fn stream(line: &Line, words: u32, from: Option<u8>, to: u8) -> Op {
    let to = Operand::Fabric(Colour(to));
    match from {
        Some(from) => line.op(OpKind::Add, words, Operand::Fabric(Colour(from)), to),
        None => line.op(OpKind::Move, words, Operand::Memory(0), to),
    }
}

/// The colour on which a leader takes, by the number of its group; it sends on the other.
fn taken_by_leader(group: u32) -> u8 {
    (group % 2) as u8
}

/// `streams`: the last leader sends on while its group's words come.
fn leader(line: &Line, group: Group, pes: u32, streams: bool, words: u32) -> (Vec<Route>, Vec<Op>) {
    let take = taken_by_leader(group.number);
    let send = 1 - take;
    let is_last = group.first + group.pes == pes;
    let has_members = group.pes > 1;
    let into_memory = || {
        let from = Operand::Fabric(Colour(take));
        line.op(OpKind::Add, words, from, Operand::Memory(0))
    };
    let mut routes = Vec::new();
    let mut ops = Vec::new();
    if has_members || !is_last {
        routes.push(route(take, &[TAKE]));
    }
    if has_members && (group.first == 0 || !is_last || !streams) {
        ops.push(into_memory());
    }
    if group.first > 0 {
        routes.push(route(send, &[WEST]));
        let takes = if is_last { has_members && streams } else { true };
        ops.push(stream(line, words, takes.then_some(take), send));
    } else if !is_last {
        ops.push(into_memory());
    }
    (routes, ops)
}

fn member(line: &Line, group: Group, pe: u32, words: u32) -> (Vec<Route>, Vec<Op>) {
    let place = pe - group.first;
    let is_tail = place + 1 == group.pes;
    // Odd places send on the colour that the leader takes, even places on the other.
    let leader_takes = taken_by_leader(group.number);
    let send = if place % 2 == 1 { leader_takes } else { 1 - leader_takes };
    let take = 1 - send;
    let mut op = stream(line, words, (!is_tail).then_some(take), send);
    op.end = if place == 1 { SendEnd::AdvanceLocal } else { SendEnd::Control };
    let mut routes = vec![route(send, &[WEST, PASS])];
    if !is_tail {
        // Behind the member next to the leader this colour does not go on.
        routes.push(route(take, if place == 1 { &[TAKE] } else { &[TAKE, PASS] }));
    } else if take == leader_takes {
        routes.push(route(take, &[PASS]));
    }
    (routes, vec![op])
}
