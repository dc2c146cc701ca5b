//! Groups whose leader takes its members' words in turn off the ramp, level upon level.
//!
//! ```text
//! level 1   L <- m <- m   root <- m <- m   L <- m <- m     groups of 3
//! level 2   L ----------> root <---------- L
//! ```
//! All levels share one colour, and each router's switch goes through what the levels ask of it in
//! turn: let the own ramp out inwards (with its last word the switch advances), pass on what comes
//! from behind, or hand it to the ramp. A control wavelet from the outermost member closes a level
//! in every router it passes and turns the root to its other side; the last one returns all switches
//! to their start. So words of a level that come early wait behind those of the level before, leaders
//! see their members' words without a gap, and nothing is ever arbitrated. The four positions of a
//! switch allow three levels.

use super::line::{Line, Side};
use crate::mesh::program::{Colour, Op, OpKind, Operand, Port, PortSet, Position, Route, SendEnd};

/// Levels that the positions of a switch allow.
pub const MOST_LEVELS: usize = 3;

/// One side of the line while its levels are written.
struct Half {
    side: Side,
    /// Switch positions of the PE at each distance from the root; the root's stand apart.
    positions: Vec<Vec<Position>>,
    /// Distances of those that still hold partial results.
    holders: Vec<u32>,
}

/// `elements` of every PE are combined at the root, in groups of `groups[level]`.
///
/// On the first side groups start with the root, on the second behind it, so that all groups of a
/// level are of one size and end together. The last level's group is all that is left.
pub(super) fn reduce(line: &mut Line, elements: u32, kind: OpKind, groups: &[u32]) {
    let mut halves = halves(line, (1, 0));
    let mut root = Vec::new();
    for &group in &groups[..groups.len() - 1] {
        for half in &mut halves {
            let mut leaders = Vec::new();
            for members in std::mem::take(&mut half.holders).chunks(group as usize) {
                let leader = members[0];
                leaders.push(leader);
                if members.len() == 1 {
                    continue;
                }
                half.send(line, leader, &members[1..], elements);
                let take = Position::new(half.side.outward(), PortSet::of(&[Port::Ramp]));
                match leader {
                    0 => root.push(take),
                    _ => half.positions[leader as usize].push(take),
                }
                let members = members.len() as u32 - 1;
                take_in(line, half.side, (leader, true), members, elements, kind);
            }
            half.holders = leaders;
        }
    }
    finish(line, halves, root, elements, kind);
}

/// `elements` of every PE, or of one in `every` from `offset` on, are collected at the root.
pub(super) fn gather(line: &mut Line, elements: u32, (every, offset): (u32, u32)) {
    let halves = halves(line, (every, offset));
    finish(line, halves, Vec::new(), elements, OpKind::Move);
}

/// Both sides; every `every`-th PE of the line from `offset` on holds something, the root on the first
/// side.
fn halves(line: &Line, (every, offset): (u32, u32)) -> [Half; 2] {
    let mut first = 0;
    line.sides().map(|side| {
        let positions = vec![Vec::new(); side.pes as usize + 1];
        let holds = |&distance: &u32| line.index(side, distance) % every == offset;
        let holders = (first..=side.pes).filter(holds).collect();
        first = 1;
        Half { side, positions, holders }
    })
}

/// The root takes from all that are left, one side and then the other; routes are written.
fn finish(
    line: &mut Line,
    mut halves: [Half; 2],
    mut root: Vec<Position>,
    elements: u32,
    kind: OpKind,
) {
    let mut all = 0;
    for half in &mut halves {
        let members: Vec<u32> = half.holders.iter().copied().filter(|&d| d > 0).collect();
        if members.is_empty() {
            continue;
        }
        half.send(line, 0, &members, elements);
        root.push(Position::new(half.side.outward(), PortSet::of(&[Port::Ramp])));
        all += members.len() as u32;
    }
    if all > 0 {
        let holds = halves[0].holders.first() == Some(&0);
        take_in(line, halves[0].side, (0, holds), all, elements, kind);
    }
    if !root.is_empty() {
        line.root().routes.push(Route { colour: Colour(0), positions: root });
    }
    for half in halves {
        for (distance, positions) in half.positions.into_iter().enumerate().skip(1) {
            if !positions.is_empty() {
                let route = Route { colour: Colour(0), positions };
                line.at(half.side, distance as u32).routes.push(route);
            }
        }
    }
}

impl Half {
    /// `members` behind `leader` send; what lies between passes on.
    fn send(&mut self, line: &mut Line, leader: u32, members: &[u32], elements: u32) {
        let inward = PortSet::of(&[self.side.inward]);
        let last = members[members.len() - 1];
        let mut next = 0;
        for distance in leader + 1..=last {
            let positions = &mut self.positions[distance as usize];
            if members[next] == distance {
                next += 1;
                positions.push(Position::new(Port::Ramp, inward));
                let fabric = Operand::Fabric(Colour(0));
                let mut op = line.op(OpKind::Move, elements, Operand::Memory(0), fabric);
                let ends = distance == last;
                op.end = if ends { SendEnd::Control } else { SendEnd::AdvanceLocal };
                line.at(self.side, distance).ops.push(op);
            }
            if distance < last {
                positions.push(Position::new(self.side.outward(), inward));
            }
        }
    }
}

/// The leader takes the words of `members`. Sums in fewer wavelets than an addition takes cycles go
/// to several accumulators in turn, which are added at the end.
fn take_in(
    line: &mut Line,
    side: Side,
    (leader, holds): (u32, bool),
    members: u32,
    elements: u32,
    kind: OpKind,
) {
    let padded = elements.next_multiple_of(line.dtype.per_wavelet());
    let wavelets = padded / line.dtype.per_wavelet();
    let from = Operand::Fabric(Colour(0));
    let mut take: Op = line.op(kind, members * padded, from, Operand::Memory(0));
    // Sums add up in one place; what is gathered lies side by side, behind what the root holds itself.
    match kind {
        OpKind::Move if holds => take.dst = Operand::Memory(padded),
        OpKind::Move => {}
        _ => take.wrap = padded,
    }
    let accumulators = line.timing.accumulators;
    let combine = (kind == OpKind::Add && members > 1 && wavelets < accumulators)
        .then(|| line.local(accumulators));
    let pe = line.at(side, leader);
    pe.ops.push(take);
    pe.ops.extend(combine);
}
