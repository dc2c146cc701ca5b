//! Whether times that were found keep all rules: everybody's once more, from what all others do.
//!
//! Every rule decides by what was so before, so only one set of times keeps them all. If each actor,
//! a colour of a router or an operation, does what the rules have it do when all others do what was found,
//! then what was found is that set, however it was found. Nothing is changed here, so PEs are looked at
//! in any order, by several threads.
//!
//! Colours that met at a port and threads that share a datapath have to be played through
//! (`stream/arbitrate.rs`): of those only the ends of their channels are held against each other,
//! and they are handed back as in doubt.

use super::agree::keeps_rule;
use super::layout::{NONE, OpLayout, RAMP, RouteLayout, Way, ports};
use super::offer::{Turn, until_turn};
use super::serve::{serve, serve_flat};
use super::state::{Channel, Engine};
use super::train::{Line, Piece, Pieces, Train};
use crate::mesh::program::SendEnd;
use rayon::prelude::*;
use std::ops::Range;

/// PEs that a thread looks at before it takes others.
const CHUNK: usize = 1 << 12;

/// Somebody whose times are not proven.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubt {
    pub(super) pe: usize,
    /// A route, or the datapath.
    pub(super) route: Option<u8>,
    /// Whether they break a rule; if not it has to be played through to know.
    pub(super) wrong: bool,
}

/// What bounds the next wavelets into a channel.
enum Room {
    /// Nothing bounds so many.
    Free(u32),
    /// When the slots were left that they need.
    From(Line),
    /// It is not known.
    Unknown,
}

/// The way behind an output port.
#[inline]
fn way_out(port: u8) -> Way {
    if port == RAMP { Way::Down } else { Way::Link(port) }
}

impl Engine<'_> {
    /// All whose times are not proven, in the order of PEs.
    pub(super) fn doubts(&self) -> Vec<Doubt> {
        let pes = self.pes.len();
        if pes <= CHUNK {
            return self.doubts_in(0..pes);
        }
        let chunks = (0..pes.div_ceil(CHUNK)).into_par_iter();
        chunks
            .flat_map_iter(|chunk| self.doubts_in(chunk * CHUNK..pes.min((chunk + 1) * CHUNK)))
            .collect()
    }

    fn doubts_in(&self, pes: Range<usize>) -> Vec<Doubt> {
        let mut doubts = Vec::new();
        let mut pieces = Pieces::new();
        for pe in pes {
            let class = self.class(pe);
            for (index, layout) in class.routes.iter().enumerate() {
                let route = index as u8;
                let plays = self.pes[pe].joint && layout.rivals != 0;
                let wrong = if plays {
                    !self.route_ends_agree(pe, layout)
                } else {
                    !self.lane_stands::<false>(pe, layout, &mut pieces)
                        && !self.lane_stands::<true>(pe, layout, &mut pieces)
                        || layout.rivals != 0 && self.meets(pe, route, layout.rivals)
                };
                if plays || wrong {
                    doubts.push(Doubt { pe, route: Some(route), wrong });
                }
            }
            let wrong = if class.shares {
                let ramps = class.channels.iter().enumerate();
                let ramps = ramps.filter(|(_, channel)| !matches!(channel.way, Way::Link(_)));
                !ramps.into_iter().all(|(index, _)| self.ends_agree(pe, index as u8))
            } else {
                !self.core_stands(pe, &mut pieces)
            };
            if class.shares || wrong {
                doubts.push(Doubt { pe, route: None, wrong });
            }
        }
        doubts
    }

    /// Whether a colour of a router that waits for no other does what it has to.
    ///
    /// If not `WAITS`, as if there always were room; then every wavelet must have had it anyway.
    fn lane_stands<const WAITS: bool>(
        &self,
        pe: usize,
        layout: &RouteLayout,
        scratch: &mut Pieces,
    ) -> bool {
        let class = self.class(pe);
        // How many wavelets went, by input, by output port, and how many of those advance switches.
        let mut taken = [0u32; crate::mesh::check::POSITIONS];
        let (mut sent, mut turned) = ([0u32; 5], [0u32; 5]);
        let mut outputs = [0; 5];
        for port in ports(layout.outputs) {
            let (at, channel) = self.output(pe, layout, port);
            outputs[port as usize] = self.channel_of(at, channel);
        }
        let (mut position, mut earliest) = (0, 0);
        loop {
            let here = layout.positions[position];
            let rx = &self.channels[self.channel_of(pe, here.channel)];
            let from = taken[here.input as usize];
            let Some(line) = self.pool.line(&rx.puts, from) else { break };
            let (latency, _) = self.numbers(class.channels[here.channel as usize].way);
            let comes = (line.time + u64::from(latency), line.period);
            let mut bounds = if WAITS { [comes; 6] } else { [(0, 0); 6] };
            let mut used = 1;
            let down = here.tx >> RAMP & 1 == 1;
            let turns = self.lists.items(&rx.turns);
            let (most, mut turn) = until_turn(turns, from, line.count, down);
            let mut count = most;
            let stays = down && turn == Turn::Control;
            let goes = if stays { here.tx & !(1 << RAMP) } else { here.tx };
            for port in ports(goes) {
                if !WAITS {
                    break;
                }
                let way = way_out(port);
                let takes = &self.channels[outputs[port as usize]].takes;
                match self.room_behind(takes, sent[port as usize], way) {
                    Room::Free(free) => count = count.min(free),
                    Room::From(line) => {
                        count = count.min(line.count);
                        bounds[used] = (line.time + 1, line.period);
                        used += 1;
                    }
                    Room::Unknown => return false,
                }
            }
            if count < most {
                turn = Turn::None;
            }
            let bounds = if WAITS { &bounds[..used] } else { std::slice::from_ref(&comes) };
            let flat = serve_flat(bounds, count, earliest, 1);
            let pieces = match &flat {
                Some(piece) => std::slice::from_ref(piece),
                None => {
                    serve(bounds, count, earliest, 1, scratch);
                    &scratch[..]
                }
            };
            if !self.has(&rx.takes, from, pieces) {
                return false;
            }
            taken[here.input as usize] += count;
            for port in ports(goes) {
                let tx = &self.channels[outputs[port as usize]];
                let sent = &mut sent[port as usize];
                if !self.has(&tx.puts, *sent, pieces) {
                    return false;
                }
                *sent += count;
                if turn == Turn::Control {
                    let turned = &mut turned[port as usize];
                    let code = (*sent - 1) << 1 | 1;
                    if self.lists.items(&tx.turns).get(*turned as usize) != Some(&code) {
                        return false;
                    }
                    *turned += 1;
                }
            }
            earliest = pieces.last().map_or(0, |piece| piece.last()) + 1;
            if turn != Turn::None {
                position = if position + 1 == layout.positions.len() { 0 } else { position + 1 };
                earliest += u64::from(self.spec.switch_cycles);
            }
        }
        // And that is all that was found.
        for port in ports(layout.outputs) {
            let tx = &self.channels[outputs[port as usize]];
            let sent = sent[port as usize];
            if sent != tx.puts.total
                || turned[port as usize] as usize != self.lists.items(&tx.turns).len()
            {
                return false;
            }
            let (_, window) = self.numbers(way_out(port));
            if !WAITS
                && sent > window
                && !keeps_rule(&self.pool, (&tx.puts, window), (&tx.takes, 1))
            {
                return false;
            }
        }
        for (&input, taken) in layout.inputs.iter().zip(taken) {
            let Channel { puts, takes, .. } = &self.channels[self.channel_of(pe, input)];
            if takes.total != taken || puts.total != taken {
                return false;
            }
        }
        true
    }

    /// What bounds wavelet `next` and those behind it that are put into a channel.
    #[inline]
    fn room_behind(&self, takes: &Train, next: u32, way: Way) -> Room {
        let (_, window) = self.numbers(way);
        match next.checked_sub(window) {
            None => Room::Free(window - next),
            Some(slot) => self.pool.line(takes, slot).map_or(Room::Unknown, Room::From),
        }
    }

    /// Whether wavelets of a train, from number `at` on, pass at the times of `pieces`.
    #[inline]
    fn has(&self, train: &Train, at: u32, pieces: &[Piece]) -> bool {
        if let [piece] = pieces
            && let Some(line) = self.pool.line(train, at)
            && line.count >= piece.count
        {
            let straight = piece.count == 1 || line.period == u64::from(piece.period);
            return line.time == piece.time && straight;
        }
        self.has_apart(train, at, pieces)
    }

    fn has_apart(&self, train: &Train, mut at: u32, pieces: &[Piece]) -> bool {
        for piece in pieces {
            let (mut time, mut left) = (piece.time, piece.count);
            while left > 0 {
                let Some(line) = self.pool.line(train, at) else { return false };
                let n = left.min(line.count);
                if line.time != time || n > 1 && line.period != u64::from(piece.period) {
                    return false;
                }
                at += n;
                left -= n;
                time += u64::from(n) * u64::from(piece.period);
            }
        }
        true
    }

    /// Whether a colour leaves a router in one cycle with another that may use the same port.
    fn meets(&self, pe: usize, route: u8, rivals: u32) -> bool {
        let routes = &self.class(pe).routes;
        let takes = |channel: u8| &self.channels[self.channel_of(pe, channel)].takes;
        let others = routes.iter().take(route as usize).enumerate();
        let others = others.filter(|(other, _)| rivals >> other & 1 == 1);
        others.into_iter().any(|(_, other)| {
            routes[route as usize].inputs.iter().any(|&own| {
                let meets = |&theirs| self.pool.meeting((takes(own), 0), (takes(theirs), 0));
                other.inputs.iter().any(|theirs| meets(theirs).is_some())
            })
        })
    }

    /// Whether the operations of a PE whose threads share nothing do what they have to.
    fn core_stands(&self, pe: usize, pieces: &mut Pieces) -> bool {
        let class = self.class(pe);
        // All of what is sent and taken belongs to operations.
        let channels = &self.channels[self.channel_of(pe, 0)..];
        for (layout, Channel { puts, takes, turns }) in class.channels.iter().zip(channels) {
            let whole = match layout.way {
                Way::Link(_) => true,
                Way::Up => {
                    let turns = self.lists.items(turns).len();
                    puts.total == layout.wavelets && turns == layout.turns as usize
                }
                Way::Down => takes.total == layout.wavelets && puts.total == layout.wavelets,
            };
            if !whole {
                return false;
            }
        }
        for (at, op) in class.ops.iter().enumerate() {
            if !self.op_stands(pe, at, op, pieces) {
                return false;
            }
        }
        true
    }

    /// Whether one operation does what it has to.
    fn op_stands(&self, pe: usize, at: usize, op: &OpLayout, scratch: &mut Pieces) -> bool {
        let done = self.done[self.pes[pe].ops as usize + at];
        let Some(ready) = self.ready(pe, op) else { return false };
        let mut earliest = ready + u64::from(op.lead);
        if op.is_local() {
            return done == earliest + u64::from(op.local_cycles) + u64::from(op.tail);
        }
        let rx = (op.input != NONE).then(|| &self.channels[self.channel_of(pe, op.input)]);
        let tx = (op.output != NONE).then(|| &self.channels[self.channel_of(pe, op.output)]);
        if let Some(before) = op.taken_before.checked_sub(1)
            && let Some(last) = rx.and_then(|rx| self.pool.line(&rx.takes, before))
        {
            earliest = earliest.max(last.time + 1);
        }
        let mut issued = 0;
        let mut last = 0;
        while issued < op.issues() {
            let control = issued == op.wavelets;
            let mut count = if control { 1 } else { op.wavelets - issued };
            let mut bounds = [(0, 0); 2];
            let rx = rx.filter(|_| !control);
            if let Some(rx) = rx {
                let line = self.pool.line(&rx.puts, op.taken_before + issued);
                let Some(line) = line else { return false };
                bounds[0] = (line.time + u64::from(self.spec.ramp_cycles), line.period);
                count = count.min(line.count);
            }
            let sent = op.sent_before + issued;
            match tx.map(|tx| self.room_behind(&tx.takes, sent, Way::Up)) {
                None => {}
                Some(Room::Free(free)) => count = count.min(free),
                Some(Room::From(line)) => {
                    count = count.min(line.count);
                    bounds[1] = (line.time + 1, line.period);
                }
                Some(Room::Unknown) => return false,
            }
            let flat = serve_flat(&bounds, count, earliest, op.period);
            let pieces = match &flat {
                Some(piece) => std::slice::from_ref(piece),
                None => {
                    serve(&bounds, count, earliest, op.period, scratch);
                    &scratch[..]
                }
            };
            let took = rx.is_none_or(|rx| self.has(&rx.takes, op.taken_before + issued, pieces));
            if !took || !tx.is_none_or(|tx| self.has(&tx.puts, sent, pieces)) {
                return false;
            }
            issued += count;
            last = pieces.last().map_or(0, |piece| piece.last());
            earliest = last + u64::from(if issued < op.wavelets { op.period } else { 1 });
        }
        if let Some(tx) = tx.filter(|_| op.end != SendEnd::Plain) {
            let control = u32::from(op.end == SendEnd::Control);
            let code = (op.sent_before + op.issues() - 1) << 1 | control;
            if self.lists.items(&tx.turns).get(op.turns_before as usize) != Some(&code) {
                return false;
            }
        }
        done == last + 1 + u64::from(op.tail)
    }

    /// Whether the ends of all channels of a colour agree.
    fn route_ends_agree(&self, pe: usize, layout: &RouteLayout) -> bool {
        let behind = |port| {
            let (at, channel) = self.output(pe, layout, port);
            self.ends_agree(at, channel)
        };
        layout.inputs.iter().all(|&input| self.ends_agree(pe, input))
            && ports(layout.outputs).all(behind)
    }

    /// Whether no wavelet is taken before it is there, or put in before there is room.
    fn ends_agree(&self, pe: usize, channel: u8) -> bool {
        let (latency, window) = self.numbers(self.class(pe).channels[channel as usize].way);
        let Channel { puts, takes, .. } = &self.channels[self.channel_of(pe, channel)];
        puts.total == takes.total
            && keeps_rule(&self.pool, (takes, 0), (puts, latency))
            && keeps_rule(&self.pool, (puts, window), (takes, 1))
    }
}

#[cfg(test)]
mod tests;
