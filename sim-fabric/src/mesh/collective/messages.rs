//! Messages between PEs of a line, each on a path of its own: what goes around a ring.
//!
//! A line is a ring if its two ends are joined by one long message ([`Ring::plain`]), or folded, so
//! that neighbours of the ring are at most two PEs apart ([`Ring::folded`]):
//!
//! ```text
//!   0 -> 2 -> 4 -> 6 -> 7 -> 5 -> 3 -> 1 -> 0
//! ```
//! Every message gets the first colour that no router on its path routes yet, so nobody's words
//! wait for anybody else's switch. A PE sends on one thread and takes on another.

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
        let colours = paths(line, &order, false);
        Self { order, colours }
    }

    /// The same neighbours, the other way round, on a line without routes of its own.
    pub(super) fn reversed(&self, line: &mut Line) -> Self {
        let order = self.order.iter().rev().copied().collect();
        Self::with(line, order)
    }

    /// Second ways between the same neighbours, on which a PE's words also come back to itself.
    pub(super) fn echoing(&self, line: &mut Line) -> Self {
        let order = self.order.clone();
        let colours = paths(line, &order, true);
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

    /// A move out of memory at `from` and one into memory at `to`: one PE's part of moving words on
    /// by one place. The two need threads of their own, or all PEs would wait for each other to take.
    pub(super) fn moves(
        &self,
        line: &Line,
        place: usize,
        elements: u32,
        from: u32,
        to: u32,
    ) -> (Op, Op) {
        let mut send = line.op(OpKind::Move, elements, Operand::Memory(from), self.send(place));
        send.thread = SENDS;
        let take = line.op(OpKind::Move, elements, self.take(place), Operand::Memory(to));
        (send, take)
    }
}

/// The thread that sends; the main thread takes, so that a PE does both at once.
pub(super) const SENDS: u8 = 1;

/// Routes from each place of `order` to the next, `echo`: and back to the sender.
fn paths(line: &mut Line, order: &[u32], echo: bool) -> Vec<u8> {
    let next = |place: usize| order[(place + 1) % order.len()];
    match order.len() {
        0 | 1 => Vec::new(),
        places => (0..places).map(|place| path(line, order[place], next(place), echo)).collect(),
    }
}

/// Routes from `from` to `to`, on the first colour that is free along the way.
fn path(line: &mut Line, from: u32, to: u32, echo: bool) -> u8 {
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
        let tx: &[Port] = match pe {
            _ if pe == to => &[Port::Ramp],
            _ if pe == from && echo => &[onward, Port::Ramp],
            _ => &[onward],
        };
        line.pe(pe).routes.push(route(colour, &[(rx, tx)]));
    }
    colour
}
