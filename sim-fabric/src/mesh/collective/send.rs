//! Send: one PE's words travel to another past all routers between.

use super::line::{Line, route};
use crate::mesh::program::{Colour, OpKind, Operand, Port};

/// `elements` of the first PE go to the last one.
pub(super) fn send(line: &mut Line, elements: u32) {
    if line.pes < 2 {
        return;
    }
    line.root = 0;
    let [_, side] = line.sides();
    let fabric = Operand::Fabric(Colour(0));
    let out = line.op(OpKind::Move, elements, Operand::Memory(0), fabric);
    let into = line.op(OpKind::Move, elements, fabric, Operand::Memory(0));
    let first = line.root();
    first.routes.push(route(0, &[(Port::Ramp, &[side.outward()])]));
    first.ops.push(out);
    for distance in 1..side.pes {
        let pass = route(0, &[(side.inward, &[side.outward()])]);
        line.at(side, distance).routes.push(pass);
    }
    let last = line.at(side, side.pes);
    last.routes.push(route(0, &[(side.inward, &[Port::Ramp])]));
    last.ops.push(into);
}
