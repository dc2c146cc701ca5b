//! What goes around a ring of PEs: cyclic shift, and the ring all-reduce.
//!
//! ```text
//! reduce-scatter   step s: place p sends slice p - s, adds what comes to slice p - s - 1
//! all-gather       step s: place p sends slice p + 1 - s, stores what comes as slice p - s
//! ```
//! Known deviation: a PE's datapath issues one word a cycle here, sent or taken, so a step of n words
//! takes about 2 n cycles. The published form, 2 (P - 1) (B / P + 7), counts a send and a take at
//! once: long slices come out up to twice as slow as it says. Whether hardware overlaps them is not
//! known.

use super::line::Line;
use super::messages::Ring;
use crate::mesh::program::{Op, OpKind};

/// Every PE's `elements` go to the next; the last one's to the first.
///
/// What a PE gets comes to lie behind what it had. `folded`: next in the folded order.
pub(super) fn shift(line: &mut Line, elements: u32, folded: bool) {
    let ring = if folded { Ring::folded(line) } else { Ring::plain(line) };
    let padded = elements.next_multiple_of(line.dtype.per_wavelet());
    if line.pes < 2 {
        return;
    }
    for (place, &pe) in ring.order.iter().enumerate() {
        let ops = ring.exchange(place, ring.moves(line, place, elements, 0, padded));
        line.pe(pe).ops.extend(ops);
    }
}

/// `elements` of all PEs add up in every PE.
pub(super) fn all_reduce(line: &mut Line, elements: u32, kind: OpKind) {
    let ring = Ring::folded(line);
    let places = ring.order.len();
    if places < 2 {
        return;
    }
    let slices = Slices { elements, lanes: line.dtype.per_wavelet(), places };
    for (place, &pe) in ring.order.iter().enumerate() {
        let mut ops: Vec<Op> = Vec::new();
        for step in 0..2 * (places - 1) {
            let gathers = step >= places - 1;
            let sent = (place + 2 * places - step) % places;
            let taken = (sent + places - 1) % places;
            let send = slices.of(sent).map(|(at, count)| ring.moves(line, place, count, at, at).0);
            let take = slices.of(taken).map(|(at, count)| {
                let mut take = ring.moves(line, place, count, at, at).1;
                if !gathers {
                    take.kind = kind;
                    take.b = crate::mesh::program::Operand::Memory(at);
                    take.period = line.timing.period(kind, line.dtype);
                }
                take
            });
            match (send, take) {
                (Some(send), Some(take)) => ops.extend(ring.exchange(place, (send, take))),
                (send, take) => ops.extend(send.into_iter().chain(take)),
            }
        }
        line.pe(pe).ops.extend(ops);
    }
}

/// How a vector is cut into one slice for each place; whole wavelets, some slices may be empty.
struct Slices {
    elements: u32,
    lanes: u32,
    places: usize,
}

impl Slices {
    /// First element and number of elements of a slice.
    fn of(&self, slice: usize) -> Option<(u32, u32)> {
        let wavelets = u64::from(self.elements.div_ceil(self.lanes));
        let cut = |place: usize| {
            let wavelet = wavelets * place as u64 / self.places as u64;
            (wavelet as u32 * self.lanes).min(self.elements)
        };
        let (from, to) = (cut(slice), cut(slice + 1));
        (to > from).then(|| (from, to - from))
    }
}
