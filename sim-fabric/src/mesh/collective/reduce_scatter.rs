//! Reduce-scatter: every PE ends with the sum of one slice.
//!
//! ```text
//! PE 0 --[3,2,1]--> PE 1 --[3,2]--> PE 2 --[3]--> PE 3      then the same from the other end
//! ```
//! Slices for the PEs ahead stream along the line, farthest first; each PE adds its own part to them
//! and keeps the last, which is its own. Neighbours alternate between two colours. Both ways use the
//! same ones: a control wavelet behind the way there turns sender and receiver to the way back, so
//! that the two never meet on a ramp.

use super::line::{Line, route};
use crate::mesh::program::{Colour, Op, OpKind, Operand, Port, SendEnd, Walk};

/// `elements` for each PE are combined over all PEs of the line.
pub(super) fn reduce_scatter(line: &mut Line, elements: u32) {
    let last = line.pes - 1;
    for index in 0..line.pes {
        let send = (index % 2) as u8;
        let take = 1 - send;
        let padded = elements.next_multiple_of(line.dtype.per_wavelet());
        let slice = |pe: u32| pe * padded;
        let sum = Operand::Memory(slice(line.pes));
        let own = Operand::Memory(slice(index));
        // What both ways bring is added one behind the other; the last addition ends behind all slices.
        let there = Slices { first: slice(last), step: -(padded as i32), own, sum: own };
        let there = if index == last { Slices { sum, ..there } } else { there };
        let back = Slices { first: 0, step: padded as i32, own, sum };
        let mut ops = way(line, index, padded, (send, take), there);
        ops.extend(way(line, last - index, padded, (send, take), back));
        let mut sends: Vec<(Port, &[Port])> = Vec::new();
        let mut takes: Vec<(Port, &[Port])> = Vec::new();
        if index < last {
            sends.push((Port::Ramp, &[Port::East]));
        }
        if index > 0 {
            sends.push((Port::Ramp, &[Port::West]));
            takes.push((Port::West, &[Port::Ramp]));
        }
        if index < last {
            takes.push((Port::East, &[Port::Ramp]));
        }
        let pe = line.pe(index);
        pe.ops = ops;
        pe.routes = vec![route(send, &sends), route(take, &takes)];
    }
}

/// Where one way's slices lie.
struct Slices {
    /// The farthest PE's.
    first: u32,
    /// From there to the next.
    step: i32,
    /// The PE's own.
    own: Operand,
    /// Where the sum of its own goes.
    sum: Operand,
}

/// The operations of one way: `step` PEs stand before this one.
fn way(line: &Line, step: u32, padded: u32, (send, take): (u8, u8), slices: Slices) -> Vec<Op> {
    let remaining = line.pes - 1 - step;
    let (send, take) = (Operand::Fabric(Colour(send)), Operand::Fabric(Colour(take)));
    let mut ops = Vec::new();
    if remaining > 0 {
        let Slices { first, step: apart, .. } = slices;
        let ahead = Operand::Walk(Walk::rows(first, (padded, 1), (remaining, apart)));
        let mut op = match step {
            0 => line.op(OpKind::Move, remaining * padded, ahead, send),
            _ => Op { b: ahead, ..line.op(OpKind::Add, remaining * padded, take, send) },
        };
        op.end = SendEnd::Control;
        ops.push(op);
    }
    if step > 0 {
        ops.push(Op { b: slices.own, ..line.op(OpKind::Add, padded, take, slices.sum) });
    }
    ops
}
