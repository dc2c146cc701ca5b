//! One band of rows: sweeps over its PEs, and what a colour of a router and a thread do when nothing
//! but what comes in holds them.

use super::super::agenda::Agenda;
use super::super::layout::{ClassLayout, NO_OP, NONE, OpLayout, RouteLayout, ports};
use super::super::list::Lists;
use super::super::offer::{Turn, until_turn};
use super::super::serve::serve_first;
use super::super::state::{CORE, Channel, LIMIT, Lane, NOT_DONE, Pe, Thread, is_ramp, numbers};
use super::super::train::{Piece, Pool};
use super::post::{Mail, Post};
use crate::mesh::program::SendEnd;
use crate::mesh::spec::FabricSpec;

/// Looks at each PE, on average, after which it gives up.
const MOST_LOOKS: usize = 64;

/// What all bands know.
#[derive(Clone, Copy)]
pub(super) struct Machine<'e> {
    pub(super) classes: &'e [ClassLayout],
    pub(super) spec: &'e FabricSpec,
    /// Start of each PE, and what counts as cycle 0.
    pub(super) start: &'e [u64],
    pub(super) base: u64,
    /// What to add to a PE's index to get its neighbour's, by port.
    pub(super) steps: [usize; 4],
    /// PEs of a band, except perhaps the last.
    pub(super) size: usize,
}

/// A band's part of the state.
pub(super) struct State<'e> {
    pub(super) pes: &'e mut [Pe],
    pub(super) lanes: &'e mut [Lane],
    pub(super) channels: &'e mut [Channel],
    pub(super) threads: &'e mut [Thread],
    pub(super) done: &'e mut [u64],
    /// Number of its first lane, channel, thread and operation in the machine.
    pub(super) firsts: [usize; 4],
}

/// A band of rows.
pub(super) struct Band<'e> {
    machine: Machine<'e>,
    state: State<'e>,
    index: usize,
    pool: Pool,
    lists: Lists,
    agenda: Agenda,
    /// Whether a time is too late to be counted -- state.
    overrun: bool,
}

/// A PE: its number in the band, its class, and its first lane, channel, thread and operation there.
#[derive(Clone, Copy)]
struct Here<'e> {
    pe: usize,
    class: &'e ClassLayout,
    lanes: usize,
    channels: usize,
    threads: usize,
    ops: usize,
}

impl<'e> Band<'e> {
    pub(super) fn new(machine: Machine<'e>, state: State<'e>, index: usize, bands: usize) -> Self {
        let (part, parts) = (index as u32, bands as u32);
        Self {
            agenda: Agenda::new(state.pes.len()),
            machine,
            state,
            index,
            pool: Pool::part(part, parts),
            lists: Lists::part(part, parts),
            overrun: false,
        }
    }

    /// What its trains hold besides its part of the state.
    pub(super) fn into_rest(self) -> (Pool, Lists) {
        (self.pool, self.lists)
    }

    /// Sweeps, there and back, until nothing is left to do in any band.
    pub(super) fn run(&mut self, post: &Post) {
        let pes = self.state.pes.len();
        for pe in 0..pes {
            if self.state.pes[pe].dirty != 0 {
                self.agenda.add(pe, 0);
            }
        }
        let mut left = MOST_LOOKS * (pes + 64);
        let mut mail = Vec::new();
        loop {
            while self.agenda.is_active() {
                let mut at = 0;
                while let Some(pe) = self.agenda.upwards(at) {
                    self.visit(pe, post);
                    left = left.saturating_sub(1);
                    at = pe + 1;
                }
                let mut end = pes;
                while let Some(pe) = self.agenda.downwards(end) {
                    self.visit(pe, post);
                    left = left.saturating_sub(1);
                    end = pe;
                }
                if left == 0 || self.overrun {
                    return post.give_up();
                }
            }
            if !post.wait(self.index, &mut mail) {
                return;
            }
            for mail in mail.drain(..) {
                let pe = mail.pe as usize - self.index * self.machine.size;
                self.arrive(pe, (mail.port, mail.colour), mail.piece, mail.control);
            }
        }
    }

    fn here(&self, pe: usize) -> Here<'e> {
        let Pe { class, lanes, channels, threads, ops, .. } = self.state.pes[pe];
        let firsts = self.state.firsts;
        Here {
            pe,
            class: &self.machine.classes[class as usize],
            lanes: lanes as usize - firsts[0],
            channels: channels as usize - firsts[1],
            threads: threads as usize - firsts[2],
            ops: ops as usize - firsts[3],
        }
    }

    fn visit(&mut self, pe: usize, post: &Post) {
        let here = self.here(pe);
        loop {
            let dirty = &mut self.state.pes[pe].dirty;
            if *dirty & CORE != 0 {
                *dirty &= !CORE;
                self.core(here);
            } else if *dirty != 0 {
                let route = dirty.trailing_zeros() as u8;
                *dirty &= *dirty - 1;
                self.lane(here, route, post);
            } else {
                return;
            }
        }
    }

    /// Wavelets of a colour come in at a port.
    fn arrive(&mut self, pe: usize, (port, colour): (u8, u8), piece: Piece, control: bool) {
        let Pe { class, channels, .. } = self.state.pes[pe];
        let (channel, route) = self.machine.classes[class as usize].entry(colour, port);
        let channel = channels as usize - self.state.firsts[1] + channel as usize;
        let channel = &mut self.state.channels[channel];
        self.pool.append(&mut channel.puts, piece);
        if control {
            let code = (channel.puts.total - 1) << 1 | 1;
            self.lists.push(&mut channel.turns, code);
        }
        self.state.pes[pe].dirty |= 1 << route;
        self.agenda.add(pe, 0);
    }

    /// A router passes what has come on one colour.
    fn lane(&mut self, here: Here<'_>, route: u8, post: &Post) {
        let layout = &here.class.routes[route as usize];
        let Lane { mut earliest, mut position, .. } = self.state.lanes[here.lanes + route as usize];
        loop {
            let at = layout.positions[position as usize];
            let (latency, _) =
                numbers(self.machine.spec, here.class.channels[at.channel as usize].way);
            let channel = &mut self.state.channels[here.channels + at.channel as usize];
            let taken = channel.takes.total;
            let Some(line) = self.pool.line(&channel.puts, taken) else { break };
            let down = at.tx >> super::super::layout::RAMP & 1 == 1;
            let turns = self.lists.items(&channel.turns);
            let (count, turn) = until_turn(turns, taken, line.count, down);
            let bound = (line.time + u64::from(latency), line.period);
            let piece = serve_first(bound, count, u64::from(earliest), 1);
            let turn = if piece.count < count { Turn::None } else { turn };
            self.pool.append(&mut channel.takes, piece);
            let last = piece.last();
            self.overrun |= last >= LIMIT;
            if self.overrun {
                break;
            }
            earliest = last as u32 + 1;
            if turn != Turn::None {
                position =
                    if position as usize + 1 == layout.positions.len() { 0 } else { position + 1 };
                earliest += self.machine.spec.switch_cycles;
            }
            self.leave(here, layout, at.tx, piece, turn == Turn::Control, post);
        }
        let lane = &mut self.state.lanes[here.lanes + route as usize];
        (lane.earliest, lane.position) = (earliest, position);
    }

    /// What leaves a router through `tx`, the last of it a control wavelet or not.
    fn leave(
        &mut self,
        here: Here<'_>,
        layout: &RouteLayout,
        tx: u8,
        piece: Piece,
        control: bool,
        post: &Post,
    ) {
        let Machine { steps, size, .. } = self.machine;
        for port in ports(tx) {
            let next = here.pe.wrapping_add(steps[port as usize & 3]);
            if is_ramp(port) {
                if !control {
                    let channel = here.channels + layout.down as usize;
                    self.pool.append(&mut self.state.channels[channel].puts, piece);
                    self.state.pes[here.pe].dirty |= CORE;
                }
            } else if next < self.state.pes.len() {
                self.arrive(next, (port ^ 1, layout.colour), piece, control);
            } else {
                let pe = (self.index * size).wrapping_add(next);
                let (port, colour) = (port ^ 1, layout.colour);
                post.send(pe / size, Mail { pe: pe as u32, port, colour, control, piece });
            }
        }
    }

    /// A PE's operations go on.
    fn core(&mut self, here: Here<'_>) {
        let threads = here.class.threads.len();
        loop {
            let mut moved = false;
            for thread in 0..threads {
                moved |= self.thread(here, thread);
            }
            if !moved || threads == 1 || self.overrun {
                return;
            }
        }
    }

    /// A thread goes on; says whether it did anything.
    fn thread(&mut self, here: Here<'_>, thread: usize) -> bool {
        let index = here.threads + thread;
        let mut moved = false;
        while self.state.threads[index].op != NO_OP && !self.overrun {
            let Thread { op: at, issued, last } = self.state.threads[index];
            let op = &here.class.ops[at as usize];
            let earliest = if issued > 0 {
                u64::from(last) + u64::from(if issued < op.wavelets { op.period } else { 1 })
            } else {
                match self.ready(here, op) {
                    Some(ready) => ready + u64::from(op.lead),
                    None => break,
                }
            };
            let (issued, last) = if op.is_local() {
                (0, earliest + u64::from(op.local_cycles))
            } else {
                match self.issue(here, op, issued, earliest) {
                    Some((issued, last)) => (issued, last + 1),
                    None => break,
                }
            };
            moved = true;
            self.overrun |= last + u64::from(op.tail) >= LIMIT;
            self.state.threads[index] = if issued == op.issues() || op.is_local() {
                self.state.done[here.ops + at as usize] = last + u64::from(op.tail);
                Thread { op: op.behind, issued: 0, last: 0 }
            } else {
                Thread { op: at, issued, last: last as u32 - 1 }
            };
        }
        moved
    }

    /// When all that an operation waits for is done, if that is known.
    fn ready(&self, here: Here<'_>, op: &OpLayout) -> Option<u64> {
        let pe = self.index * self.machine.size + here.pe;
        let mut ready = self.machine.start[pe] - self.machine.base;
        let before = (op.before != NO_OP).then_some(op.before);
        for &other in op.after.iter().chain(&before) {
            let done = self.state.done[here.ops + other as usize];
            if done == NOT_DONE {
                return None;
            }
            ready = ready.max(done);
        }
        Some(ready)
    }

    /// An operation, of which so many wavelets are issued, issues those that it can; gives how many
    /// are then, and when the last was.
    fn issue(
        &mut self,
        here: Here<'_>,
        op: &OpLayout,
        issued: u32,
        mut earliest: u64,
    ) -> Option<(u32, u64)> {
        let control = issued == op.wavelets;
        let mut count = if control { 1 } else { op.wavelets - issued };
        let mut bound = None;
        let takes = op.input != NONE && !control;
        if takes {
            let channel = &self.state.channels[here.channels + op.input as usize];
            let taken = channel.takes.total;
            if taken != op.taken_before + issued {
                return None;
            }
            if issued == 0
                && let Some(last) = self.pool.last(&channel.takes)
            {
                earliest = earliest.max(last + 1);
            }
            let line = self.pool.line(&channel.puts, taken)?;
            count = count.min(line.count);
            bound = Some((line.time + u64::from(self.machine.spec.ramp_cycles), line.period));
        }
        let piece = serve_first(bound.unwrap_or((0, 0)), count, earliest, op.period);
        let last = piece.last();
        self.overrun |= last >= LIMIT;
        if takes {
            let takes = &mut self.state.channels[here.channels + op.input as usize].takes;
            self.pool.append(takes, piece);
        }
        let issued = issued + piece.count;
        if op.output != NONE {
            let channel = &mut self.state.channels[here.channels + op.output as usize];
            self.pool.append(&mut channel.puts, piece);
            if op.end != SendEnd::Plain && issued == op.issues() {
                let code = (channel.puts.total - 1) << 1 | u32::from(control);
                self.lists.push(&mut channel.turns, code);
            }
            let route = here.class.channels[op.output as usize].route;
            self.state.pes[here.pe].dirty |= 1 << route;
        }
        Some((issued, last))
    }
}
