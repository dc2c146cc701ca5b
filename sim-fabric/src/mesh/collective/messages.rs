//! Messages between PEs of a line, each on a path of its own: what goes around a ring.
//!
//! A line is a ring if its two ends are joined by one long message ([`Ring::plain`]), or folded, so
//! that neighbours of the ring are at most two PEs apart ([`Ring::folded`]):
//!
//! ```text
//!   0 -> 2 -> 4 -> 6 -> 7 -> 5 -> 3 -> 1 -> 0
//! ```
//! Every message gets the first colour that no router on its path routes yet, so nobody's words
//! wait for anybody else's switch.

use super::line::{Line, route};
use crate::mesh::program::{Colour, Op, OpKind, Operand, Port};

/// The order of PEs around a ring, and the colours between neighbours.
pub(super) struct Ring {
    /// PE at each place.
    pub(super) order: Vec<u32>,
    /// Colour on which the PE at each place sends to the next.
    colours: Vec<u8>,
}

impl Ring {
    /// In the order of the line.
    pub(super) fn plain(line: &mut Line) -> Self {
        let order = (0..line.pes).collect();
        Self::with(line, order)
    }

    /// Out over even PEs and back over odd ones.
    pub(super) fn folded(line: &mut Line) -> Self {
        let back = (0..line.pes).filter(|pe| pe % 2 == 1).rev();
        let order = (0..line.pes).step_by(2).chain(back).collect();
        Self::with(line, order)
    }

    fn with(line: &mut Line, order: Vec<u32>) -> Self {
        let next = |place: usize| order[(place + 1) % order.len()];
        let colours = match order.len() {
            0 | 1 => Vec::new(),
            places => (0..places).map(|place| path(line, order[place], next(place))).collect(),
        };
        Self { order, colours }
    }

    /// What the PE at `place` sends on.
    pub(super) fn send(&self, place: usize) -> Operand {
        Operand::Fabric(Colour(self.colours[place]))
    }

    /// What the PE at `place` takes from.
    pub(super) fn take(&self, place: usize) -> Operand {
        let places = self.order.len();
        self.send((place + places - 1) % places)
    }

    /// One PE's part of moving words on by one place: two operations, the one to send and the one
    /// to take. Fewer than fit between two PEs are sent before any is taken; of more, every second
    /// PE takes first, or all would wait for room.
    pub(super) fn exchange(&self, place: usize, (send, take): (Op, Op)) -> [Op; 2] {
        let fits = send.wavelets() <= FITS && take.wavelets() <= FITS;
        if fits || place.is_multiple_of(2) { [send, take] } else { [take, send] }
    }

    /// A move out of memory at `from` and one into memory at `to`.
    pub(super) fn moves(
        &self,
        line: &Line,
        place: usize,
        elements: u32,
        from: u32,
        to: u32,
    ) -> (Op, Op) {
        let send = line.op(OpKind::Move, elements, Operand::Memory(from), self.send(place));
        let take = line.op(OpKind::Move, elements, self.take(place), Operand::Memory(to));
        (send, take)
    }
}

/// Wavelets that always find room between two PEs: ramp, link and ramp of the shallowest buffers.
const FITS: u32 = 8;

/// Routes from `from` to `to`, on the first colour that is free along the way.
fn path(line: &mut Line, from: u32, to: u32) -> u8 {
    let (low, high) = (from.min(to), from.max(to));
    let mut used = 0u32;
    for pe in low..=high {
        for route in &line.pe(pe).routes {
            used |= 1 << route.colour.0;
        }
    }
    let colour = used.trailing_ones() as u8;
    let (onward, back) =
        if from < to { (Port::East, Port::West) } else { (Port::West, Port::East) };
    for pe in low..=high {
        let rx = if pe == from { Port::Ramp } else { back };
        let tx = if pe == to { Port::Ramp } else { onward };
        line.pe(pe).routes.push(route(colour, &[(rx, &[tx])]));
    }
    colour
}
