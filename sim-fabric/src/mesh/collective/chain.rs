//! Chain: the outermost PE sends its words inwards, every other adds its own on the way, two
//! colours in turn. The root adds one side after the other.

use super::line::{Line, route};
use crate::mesh::program::{Colour, OpKind, Operand, Port, SendEnd};

/// `elements` of every PE are combined at the root.
pub(super) fn reduce(line: &mut Line, elements: u32, kind: OpKind) {
    let colour = |distance: u32| (distance % 2) as u8;
    let end = if line.two_sided() { SendEnd::Control } else { SendEnd::Plain };
    for side in line.sides() {
        for distance in 1..=side.pes {
            let send = Operand::Fabric(Colour(colour(distance)));
            let own = route(colour(distance), &[(Port::Ramp, &[side.inward])]);
            let receives = route(colour(distance + 1), &[(side.outward(), &[Port::Ramp])]);
            let mut op = if distance == side.pes {
                line.op(OpKind::Move, elements, Operand::Memory(0), send)
            } else {
                line.op(kind, elements, Operand::Fabric(Colour(colour(distance + 1))), send)
            };
            if distance == 1 {
                op.end = end;
            }
            let pe = line.at(side, distance);
            pe.routes.push(own);
            if distance < side.pes {
                pe.routes.push(receives);
            }
            pe.ops.push(op);
        }
    }
    let sides = line.sides().iter().filter(|side| side.pes > 0).count() as u32;
    if sides > 0 {
        let padded = elements.next_multiple_of(line.dtype.per_wavelet());
        let from = Operand::Fabric(Colour(colour(1)));
        let mut op = line.op(kind, sides * padded, from, Operand::Memory(0));
        // Both sides' sums add up in one place.
        op.wrap = padded;
        line.root_takes(colour(1), op);
    }
}
