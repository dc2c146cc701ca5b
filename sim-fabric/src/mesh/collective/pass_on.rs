//! Pass on: every PE's words go to its neighbour towards the first, as a cache is kept balanced.
//!
//! ```text
//! PE 0 <-- PE 1 <-- PE 2 <-- PE 3      colours alternate; the first only takes, the last only sends
//! ```

use super::line::{Line, route};
use crate::mesh::program::{Colour, OpKind, Operand, Port};

/// Wavelets that always find room between two PEs.
const FITS: u32 = 8;

/// `elements` of every PE but the first go to the one before it.
pub(super) fn pass_on(line: &mut Line, elements: u32) {
    let padded = elements.next_multiple_of(line.dtype.per_wavelet());
    let wavelets = padded / line.dtype.per_wavelet();
    for index in 0..line.pes {
        let colour = |index: u32| (index % 2) as u8;
        let (own, behind) = (colour(index), colour(index + 1));
        let (own, behind) = (Operand::Fabric(Colour(own)), Operand::Fabric(Colour(behind)));
        let send = line.op(OpKind::Move, elements, Operand::Memory(0), own);
        let take = line.op(OpKind::Move, elements, behind, Operand::Memory(padded));
        let last = line.pes - 1;
        let pe = line.pe(index);
        if index > 0 {
            pe.routes.push(route(colour(index), &[(Port::Ramp, &[Port::West])]));
            pe.ops.push(send);
        }
        if index < last {
            pe.routes.push(route(colour(index + 1), &[(Port::East, &[Port::Ramp])]));
            // Many words fit nowhere until they are taken: of two neighbours one takes first.
            let first = if wavelets > FITS && index % 2 == 1 { 0 } else { pe.ops.len() };
            pe.ops.insert(first, take);
        }
    }
}
