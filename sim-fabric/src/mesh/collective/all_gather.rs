//! All-gather: the root collects everybody's words in order and hands all of them to everybody.

use super::line::{Line, route};
use super::tree::{self, Tree};
use crate::mesh::program::{Colour, OpKind, Operand, Port};

/// `elements` of every PE come to lie side by side in every PE, in the order of the line.
pub(super) fn all_gather(line: &mut Line, elements: u32) {
    let pes = line.pes;
    if pes < 2 {
        return;
    }
    line.root = 0;
    tree::reduce(line, elements, OpKind::Move, &Tree::star(pes));
    let padded = elements.next_multiple_of(line.dtype.per_wavelet());
    let take = &mut line.pe(0).ops[0];
    (take.dst, take.wrap) = (Operand::Memory(padded), 0);
    hand_out(line, 1, pes * padded);
}

/// The first PE's `elements` go to all others on `colour`.
pub(super) fn hand_out(line: &mut Line, colour: u8, elements: u32) {
    let fabric = Operand::Fabric(Colour(colour));
    let send = line.op(OpKind::Move, elements, Operand::Memory(0), fabric);
    let take = line.op(OpKind::Move, elements, fabric, Operand::Memory(0));
    let last = line.pes - 1;
    for index in 0..=last {
        let (op, rx) = if index == 0 { (&send, Port::Ramp) } else { (&take, Port::West) };
        let tx: &[Port] = match index {
            0 => &[Port::East],
            _ if index == last => &[Port::Ramp],
            _ => &[Port::East, Port::Ramp],
        };
        let pe = line.pe(index);
        pe.routes.push(route(colour, &[(rx, tx)]));
        pe.ops.push(op.clone());
    }
}
