//! All-gather: everybody's words come to lie side by side in everybody, behind their own.
//!
//! ```text
//! many words   around a folded ring: send own, then send on what came from the one before
//! few words    star to PE 0, which then hands all words out:   0 <- 1 <- 2   then   0 -> 1 -> 2
//! ```
//! Around the ring `B` words of `P` PEs take `(P - 1) (B + 2 T_R + 3)` cycles, as a PE sends and takes at
//! once; by PE 0 they pass two ramps, `2 P B` cycles, but wait for nobody on the way. The program is the
//! one that takes less by these forms.

use super::line::{Line, route};
use super::ring;
use super::tree::{self, Tree};
use crate::mesh::program::{Colour, Op, OpKind, Operand, Port};

/// `elements` of every PE come to lie in every PE, in the order of the line, `elements` (in whole
/// wavelets) further on than they lay.
pub(super) fn all_gather(line: &mut Line, elements: u32) {
    let lanes = line.dtype.per_wavelet();
    let (pes, words) = (u64::from(line.pes), u64::from(elements.div_ceil(lanes)));
    // Ramps of two cycles decide; where they are longer the choice is not the best, and no worse.
    if line.pes < 3 || pes.saturating_sub(1) * (words + 7) < 2 * pes * (words + 1) {
        return ring::all_gather(line, elements);
    }
    line.root = 0;
    tree::reduce(line, elements, OpKind::Move, &Tree::star(line.pes));
    let padded = elements.next_multiple_of(lanes);
    let own = own(line, elements, padded);
    let root = &mut line.pe(0).ops;
    (root[0].dst, root[0].wrap) = (Operand::Memory(2 * padded), 0);
    root.insert(0, own);
    hand_out(line, 1, line.pes * padded, padded);
}

/// A PE's own words are copied to their place.
pub(super) fn own(line: &Line, elements: u32, to: u32) -> Op {
    let to = Operand::Memory(to);
    let mut own = line.op(OpKind::Move, elements, Operand::Memory(0), to);
    own.local_cycles = elements.div_ceil(line.dtype.per_wavelet() * u32::from(own.at_once));
    own
}

/// The first PE's `elements` from `at` on go to the same place of all others on `colour`.
fn hand_out(line: &mut Line, colour: u8, elements: u32, at: u32) {
    let (fabric, memory) = (Operand::Fabric(Colour(colour)), Operand::Memory(at));
    let send = line.op(OpKind::Move, elements, memory, fabric);
    let take = line.op(OpKind::Move, elements, fabric, memory);
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
