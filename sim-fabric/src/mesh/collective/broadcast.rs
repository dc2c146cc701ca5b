//! Broadcast: the root's words stream outwards; each router hands them to its PE and to the next.

use super::line::{Line, route};
use crate::mesh::program::{Colour, OpKind, Operand, Port};

/// `elements` of the root go to every PE.
pub(super) fn broadcast(line: &mut Line, elements: u32) {
    if line.pes < 2 {
        return;
    }
    let fabric = Operand::Fabric(Colour(0));
    let receive = line.op(OpKind::Move, elements, fabric, Operand::Memory(0));
    let send = line.op(OpKind::Move, elements, Operand::Memory(0), fabric);
    let mut outwards = Vec::new();
    for side in line.sides() {
        if side.pes > 0 {
            outwards.push(side.outward());
        }
        for distance in 1..=side.pes {
            let onwards: &[Port] =
                if distance == side.pes { &[Port::Ramp] } else { &[Port::Ramp, side.outward()] };
            let pe = line.at(side, distance);
            pe.routes.push(route(0, &[(side.inward, onwards)]));
            pe.ops.push(receive.clone());
        }
    }
    let root = line.root();
    root.routes.push(route(0, &[(Port::Ramp, &outwards)]));
    root.ops.push(send);
}
