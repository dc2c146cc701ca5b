//! Chains in groups, then a chain of the groups' leaders past their members, to a root anywhere.
//!
//! ```text
//! phase 1   L <- m <- m    root <- m <- m    m -> m -> L    groups of 3; on the first side they start
//! phase 2   L ----------->  root  <-------------------- L   with the root, on the second behind it
//! ```
//! Members send on colours 0 and 1 in turn, leaders on 2 and 3 in turn, past members whose routers hand
//! those on. No switch moves but the root's, from one side's leaders to the other's and back.

use super::line::{Line, Side, route};
use crate::mesh::program::{Colour, OpKind, Operand, Port, SendEnd};

/// Colour on which the member at `place` of its group sends.
fn member(place: u32) -> u8 {
    (place % 2) as u8
}

/// Colour on which the `number`-th leader from the root sends.
fn leader(number: u32) -> u8 {
    2 + (number % 2) as u8
}

/// `elements` of every PE are combined at the root, in groups of `group`.
pub(super) fn reduce(line: &mut Line, elements: u32, kind: OpKind, group: u32) {
    let group = group.max(1);
    let fabric = |colour: u8| Operand::Fabric(Colour(colour));
    let [first, second] = line.sides();
    let own = group.min(first.pes + 1);
    if own > 1 {
        members(line, first, (0, own), elements, kind);
        let take = line.op(kind, elements, fabric(member(1)), Operand::Memory(0));
        let root = line.root();
        root.routes.push(route(member(1), &[(first.outward(), &[Port::Ramp])]));
        root.ops.push(take);
    }
    // Sides that have leaders: the root turns from one to the other behind the first's words.
    let led: Vec<(Side, u32)> =
        [(first, group), (second, 1)].into_iter().filter(|(side, at)| *at <= side.pes).collect();
    let end = if led.len() == 2 { SendEnd::Control } else { SendEnd::Plain };
    for &(side, start) in &led {
        let leaders: Vec<u32> = (start..=side.pes).step_by(group as usize).collect();
        let from = |number: u32| if number == 0 { 0 } else { leaders[number as usize - 1] };
        for (index, &at) in leaders.iter().enumerate() {
            let number = index as u32 + 1;
            let pes = group.min(side.pes + 1 - at);
            let outermost = number as usize == leaders.len();
            if pes > 1 {
                members(line, side, (at, pes), elements, kind);
                let take = line.op(kind, elements, fabric(member(1)), Operand::Memory(0));
                let class = line.at(side, at);
                class.routes.push(route(member(1), &[(side.outward(), &[Port::Ramp])]));
                class.ops.push(take);
            }
            let to = fabric(leader(number));
            // Leaders send what is in memory, so that their words pass members that are done.
            let mut op = if outermost {
                line.op(OpKind::Move, elements, Operand::Memory(0), to)
            } else {
                line.op(kind, elements, fabric(leader(number + 1)), to)
            };
            if number == 1 {
                op.end = end;
            }
            let class = line.at(side, at);
            class.routes.push(route(leader(number), &[(Port::Ramp, &[side.inward])]));
            if !outermost {
                class.routes.push(route(leader(number + 1), &[(side.outward(), &[Port::Ramp])]));
            }
            class.ops.push(op);
            for distance in from(number - 1) + 1..at {
                let pass = route(leader(number), &[(side.outward(), &[side.inward])]);
                line.at(side, distance).routes.push(pass);
            }
        }
    }
    if !led.is_empty() {
        let padded = elements.next_multiple_of(line.dtype.per_wavelet());
        let all = led.len() as u32 * padded;
        let mut op = line.op(kind, all, fabric(leader(1)), Operand::Memory(0));
        op.wrap = padded;
        let from: Vec<_> = led.iter().map(|(side, _)| (side.outward(), [Port::Ramp])).collect();
        let positions: Vec<(Port, &[Port])> =
            from.iter().map(|(rx, tx)| (*rx, tx.as_slice())).collect();
        let root = line.root();
        root.routes.push(route(leader(1), &positions));
        root.ops.push(op);
    }
}

/// The members behind the leader at distance `at`, of a group of `pes` PEs, add on the way to it.
fn members(line: &mut Line, side: Side, (at, pes): (u32, u32), elements: u32, kind: OpKind) {
    for place in 1..pes {
        let to = Operand::Fabric(Colour(member(place)));
        let tail = place + 1 == pes;
        let op = if tail {
            line.op(OpKind::Move, elements, Operand::Memory(0), to)
        } else {
            line.op(kind, elements, Operand::Fabric(Colour(member(place + 1))), to)
        };
        let class = line.at(side, at + place);
        class.routes.push(route(member(place), &[(Port::Ramp, &[side.inward])]));
        if !tail {
            class.routes.push(route(member(place + 1), &[(side.outward(), &[Port::Ramp])]));
        }
        class.ops.push(op);
    }
}
