//! Groups whose leader takes its members' words in turn off the ramp, level upon level.
//!
//! ```text
//! level 1   L <- m <- m   root <- m <- m   L <- m <- m     groups of 3
//! level 2   L ----------> root <---------- L
//! ```
//! A member's router first lets its own ramp out inwards; with its last word the switch advances and
//! passes on what comes from behind. So the leader sees its members' words without a gap, nearest
//! first. The outermost member ends with a control wavelet that returns every switch it passes, and
//! turns the root to its other side.

use super::line::{Line, Side, route};
use crate::mesh::program::{Colour, OpKind, Operand, Port, SendEnd};

/// `elements` of every PE are combined at the root, in groups of `groups[level]`.
///
/// On the first side groups start with the root, on the second behind it, so that all groups of a
/// level are of one size and end together.
pub(super) fn reduce(line: &mut Line, elements: u32, kind: OpKind, groups: &[u32]) {
    let mut reach = 1;
    for (level, &group) in groups.iter().enumerate() {
        let colour = level as u8;
        if level + 1 == groups.len() {
            to_root(line, colour, reach, elements, kind);
            return;
        }
        for (index, side) in line.sides().into_iter().enumerate() {
            let mut leader = index as u32;
            while leader <= side.pes {
                let last = (leader + reach * (group - 1)).min(side.pes);
                let members = (last - leader) / reach;
                if members > 0 {
                    let first = leader + reach;
                    let end = if members > 1 { SendEnd::Control } else { SendEnd::Plain };
                    members_send(
                        line,
                        side,
                        colour,
                        (leader, first, reach, members),
                        elements,
                        end,
                    );
                    let op = take(line, colour, members, elements, kind);
                    let pe = line.at(side, leader);
                    pe.routes.push(route(colour, &[(side.outward(), &[Port::Ramp])]));
                    pe.ops.push(op);
                    combine(line, side, leader, members, elements, kind);
                }
                leader += reach * group;
            }
        }
        reach *= group;
    }
}

/// `elements` of every PE are collected at the root.
pub(super) fn gather(line: &mut Line, elements: u32) {
    to_root(line, 0, 1, elements, OpKind::Move);
}

/// The last level: the root takes from all leaders, `reach` apart, of one side and then the other.
fn to_root(line: &mut Line, colour: u8, reach: u32, elements: u32, kind: OpKind) {
    let two_sided = line.two_sided();
    let mut all = 0;
    for (index, side) in line.sides().into_iter().enumerate() {
        let first = if index == 0 { reach } else { 1 };
        if first > side.pes {
            continue;
        }
        let members = (side.pes - first) / reach + 1;
        let plain = members == 1 && !two_sided;
        let end = if plain { SendEnd::Plain } else { SendEnd::Control };
        members_send(line, side, colour, (0, first, reach, members), elements, end);
        all += members;
    }
    if all > 0 {
        let op = take(line, colour, all, elements, kind);
        let served = line.sides().map(|side| side.pes > 0);
        if served == [true, true] && line.root < reach {
            one_sided_root(line, colour, op);
        } else {
            line.root_takes(colour, op);
        }
        let side = line.sides()[0];
        combine(line, side, 0, all, elements, kind);
    }
}

/// The root's first side holds no leader: it takes from the second alone.
fn one_sided_root(line: &mut Line, colour: u8, op: crate::mesh::program::Op) {
    let root = line.root();
    root.routes.push(route(colour, &[(Port::East, &[Port::Ramp])]));
    root.ops.push(op);
}

/// Members at `first`, `first + reach`, ... behind `leader` send, and what lies between passes on.
fn members_send(
    line: &mut Line,
    side: Side,
    colour: u8,
    (leader, first, reach, members): (u32, u32, u32, u32),
    elements: u32,
    end: SendEnd,
) {
    let last = first + (members - 1) * reach;
    for distance in leader + 1..=last {
        let member = distance >= first && (distance - first).is_multiple_of(reach);
        let pass: (Port, &[Port]) = (side.outward(), &[side.inward]);
        let own: (Port, &[Port]) = (Port::Ramp, &[side.inward]);
        let positions: &[(Port, &[Port])] = match (member, distance == last) {
            (true, true) => &[own],
            (true, false) => &[own, pass],
            (false, _) => &[pass],
        };
        let fabric = Operand::Fabric(Colour(colour));
        let mut op = line.op(OpKind::Move, elements, Operand::Memory(0), fabric);
        op.end = if distance == last { end } else { SendEnd::AdvanceLocal };
        let pe = line.at(side, distance);
        pe.routes.push(route(colour, positions));
        if member {
            pe.ops.push(op);
        }
    }
}

/// The operation that takes the words of `members`.
fn take(
    line: &Line,
    colour: u8,
    members: u32,
    elements: u32,
    kind: OpKind,
) -> crate::mesh::program::Op {
    let padded = elements.next_multiple_of(line.dtype.per_wavelet());
    line.op(kind, members * padded, Operand::Fabric(Colour(colour)), Operand::Memory(0))
}

/// Sums in fewer wavelets than an addition takes cycles go to several accumulators in turn, which
/// are added at the end.
fn combine(line: &mut Line, side: Side, leader: u32, members: u32, elements: u32, kind: OpKind) {
    let wavelets = elements.div_ceil(line.dtype.per_wavelet());
    if kind == OpKind::Add && members > 1 && wavelets < line.timing.accumulators {
        let op = line.local(line.timing.accumulators);
        line.at(side, leader).ops.push(op);
    }
}
