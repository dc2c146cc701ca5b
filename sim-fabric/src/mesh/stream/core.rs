//! The threads of a PE and their operations.

use super::agree::Side;
use super::lane::Sides;
use super::layout::{ClassLayout, NO_OP, NONE, OpLayout, Way};
use super::offer::{Look, Offer, Turn};
use super::serve::serve;
use super::state::{Due, Engine, NEVER, NOT_DONE, Thread};
use super::train::Piece;
use crate::mesh::program::SendEnd;
use smallvec::SmallVec;

impl Engine<'_> {
    /// Looks at the datapath of a PE.
    pub(super) fn step_core(&mut self, pe: usize, due: Due) {
        if self.class(pe).shares {
            return self.step_threads(pe, due.at);
        }
        let sides = self.open_core(pe, due.from);
        let mut ends: SmallVec<[Look; 2]> = SmallVec::new();
        loop {
            ends.clear();
            let mut moved = false;
            for thread in 0..self.class(pe).threads.len() {
                let (end, some) = self.step_thread(pe, thread, &sides);
                ends.push(end);
                moved |= some;
            }
            // What one thread did may be what another waits for.
            if !moved || ends.len() == 1 {
                break;
            }
        }
        self.note_core(pe, &ends);
        self.close_all(&sides);
    }

    /// Lets a thread go on as far as it can; says how it ended and whether it did anything.
    fn step_thread(&mut self, pe: usize, thread: usize, sides: &[Side]) -> (Look, bool) {
        let mut moved = false;
        loop {
            match self.look_thread(pe, thread, sides) {
                Look::Offer(offer) => {
                    let mut pieces = std::mem::take(&mut self.pieces);
                    let lines = offer.lines();
                    serve(lines, offer.count, offer.earliest, offer.spacing, &mut pieces);
                    self.pass_thread(pe, thread, &offer, &pieces);
                    self.pieces = pieces;
                }
                Look::Local(begin) => self.work(pe, thread, begin),
                end => return (end, moved),
            }
            moved = true;
        }
    }

    /// Notes what a datapath has to do with, and puts it back to before cycle `time`.
    pub(super) fn open_core(&mut self, pe: usize, time: u32) -> Sides {
        let class = self.class(pe);
        // Who sent what is not seen any more where threads send on one colour.
        let time = if class.mixed && time != NEVER { 0 } else { time };
        let mut sides = Sides::new();
        for (index, channel) in class.channels.iter().enumerate() {
            match channel.way {
                Way::Up => sides.push(self.open(pe, index as u8, true, time)),
                Way::Down => sides.push(self.open(pe, index as u8, false, time)),
                Way::Link(_) => {}
            }
        }
        if time != NEVER {
            for thread in 0..class.threads.len() {
                self.put_back(pe, class, thread, time);
            }
        }
        sides
    }

    /// Puts a thread back to before cycle `time`, its channels having forgotten it already.
    fn put_back(&mut self, pe: usize, class: &ClassLayout, thread: usize, time: u32) {
        let ops = self.pes[pe].ops as usize;
        let index = self.pes[pe].threads as usize + thread;
        let mut at = match self.threads[index].op {
            NO_OP => class.threads[thread].1,
            op => op,
        };
        loop {
            let op = &class.ops[at as usize];
            let done = self.done[ops + at as usize];
            let issued = if !op.is_local() {
                self.issued(pe, op)
            } else {
                let begun = done != NOT_DONE
                    && done - u64::from(op.tail) - u64::from(op.local_cycles) < u64::from(time);
                if begun { op.issues() } else { 0 }
            };
            if issued == op.issues() && done != NOT_DONE {
                self.threads[index] = Thread { op: op.behind, issued: 0, last: 0 };
                return;
            }
            self.done[ops + at as usize] = NOT_DONE;
            if issued > 0 || op.before == NO_OP {
                let last = if issued > 0 { self.last_issue(pe, op, issued) } else { 0 };
                self.threads[index] = Thread { op: at, issued, last };
                return;
            }
            at = op.before;
        }
    }

    /// Wavelets of an operation with fabric operands that its channels still know.
    fn issued(&self, pe: usize, op: &OpLayout) -> u32 {
        let of = |total: u32, before: u32, most: u32| total.saturating_sub(before).min(most);
        let sent = || {
            let total = self.channels[self.channel_of(pe, op.output)].puts.total;
            of(total, op.sent_before, op.issues())
        };
        if op.input == NONE {
            return sent();
        }
        let total = self.channels[self.channel_of(pe, op.input)].takes.total;
        let taken = of(total, op.taken_before, op.wavelets);
        if taken == op.wavelets && op.end == SendEnd::Control { sent() } else { taken }
    }

    /// When wavelet `issued - 1` of an operation was issued.
    fn last_issue(&self, pe: usize, op: &OpLayout, issued: u32) -> u32 {
        let line = if op.output != NONE {
            let puts = &self.channels[self.channel_of(pe, op.output)].puts;
            self.pool.line(puts, op.sent_before + issued - 1)
        } else {
            let takes = &self.channels[self.channel_of(pe, op.input)].takes;
            self.pool.line(takes, op.taken_before + issued - 1)
        };
        line.map_or(0, |line| line.time as u32)
    }

    /// Notes what threads wait for.
    pub(super) fn note_core(&mut self, pe: usize, ends: &[Look]) {
        for (index, channel) in self.class(pe).channels.iter().enumerate() {
            let at = self.channel_of(pe, index as u8);
            match channel.way {
                Way::Up => {
                    self.waits[at].wants_room = ends.iter().any(|end| end.wants_room(at));
                }
                Way::Down => {
                    self.waits[at].elsewhere = !ends.iter().any(|end| end.wants_more(at));
                }
                Way::Link(_) => {}
            }
        }
    }

    /// What a thread can do next but for the datapath.
    pub(super) fn look_thread(&self, pe: usize, thread: usize, sides: &[Side]) -> Look {
        let class = self.class(pe);
        let Thread { op, issued, last } = self.threads[self.pes[pe].threads as usize + thread];
        if op == NO_OP {
            return Look::Waits;
        }
        let op = &class.ops[op as usize];
        let mut earliest = if issued > 0 {
            u64::from(last) + u64::from(if issued < op.wavelets { op.period } else { 1 })
        } else {
            match self.ready(pe, op) {
                Some(ready) => ready + u64::from(op.lead),
                None => return Look::Waits,
            }
        };
        if op.is_local() {
            return Look::Local(earliest);
        }
        let control = issued == op.wavelets;
        let count = if control { 1 } else { op.wavelets - issued };
        let mut offer = Offer::new(count, earliest, op.period);
        if op.input != NONE && !control {
            let rx = self.channel_of(pe, op.input);
            if self.channels[rx].takes.total != op.taken_before + issued {
                // Another thread's operation takes first.
                return Look::Waits;
            }
            if issued == 0
                && op.taken_before > 0
                && let Some(last) = self.pool.last(&self.channels[rx].takes)
            {
                earliest = earliest.max(last + 1);
            }
            offer.earliest = earliest;
            if !self.arrivals(&mut offer, rx, self.spec.ramp_cycles) {
                return Look::Starved(rx as u32);
            }
        }
        if op.output != NONE {
            let tx = self.channel_of(pe, op.output);
            if !self.room(&mut offer, tx, Way::Up, sides) {
                return Look::NoRoom(tx as u32);
            }
        }
        offer.turn = match op.end {
            SendEnd::Control if control => Turn::Control,
            SendEnd::AdvanceLocal if offer.count == count => Turn::Advance,
            _ => Turn::None,
        };
        offer.ports = 1;
        Look::Offer(offer)
    }

    /// When all that an operation waits for is done, if that is known.
    pub(super) fn ready(&self, pe: usize, op: &OpLayout) -> Option<u64> {
        let ops = self.pes[pe].ops as usize;
        let before = (op.before != NO_OP).then_some(op.before);
        let mut ready = self.start[pe] - self.base;
        for &other in op.after.iter().chain(&before) {
            let done = self.done[ops + other as usize];
            if done == NOT_DONE {
                return None;
            }
            ready = ready.max(done);
        }
        Some(ready)
    }

    /// A thread issues wavelets of `offer` at the times of `pieces`; not all of them have to.
    pub(super) fn pass_thread(
        &mut self,
        pe: usize,
        thread: usize,
        offer: &Offer,
        pieces: &[Piece],
    ) {
        let count: u32 = pieces.iter().map(|piece| piece.count).sum();
        let turn = if count == offer.count { offer.turn } else { Turn::None };
        self.move_all(offer, pieces, turn);
        let last = pieces.last().map_or(0, |piece| piece.last());
        let time = self.time(last);
        let index = self.pes[pe].threads as usize + thread;
        let class = self.class(pe);
        let state = &mut self.threads[index];
        state.issued += count;
        state.last = time;
        let op = &class.ops[state.op as usize];
        if state.issued == op.issues() {
            self.finish(pe, thread, last + 1 + u64::from(op.tail));
        }
        self.idle = 0;
    }

    /// A thread works inside the PE from cycle `begin` on.
    pub(super) fn work(&mut self, pe: usize, thread: usize, begin: u64) {
        let op = self.threads[self.pes[pe].threads as usize + thread].op;
        let op = &self.class(pe).ops[op as usize];
        self.finish(pe, thread, begin + u64::from(op.local_cycles) + u64::from(op.tail));
    }

    fn finish(&mut self, pe: usize, thread: usize, done: u64) {
        self.time(done);
        let index = self.pes[pe].threads as usize + thread;
        let op = self.threads[index].op;
        self.done[self.pes[pe].ops as usize + op as usize] = done;
        let behind = self.class(pe).ops[op as usize].behind;
        self.threads[index] = Thread { op: behind, issued: 0, last: 0 };
    }

    /// When a thread last used the datapath, if it did: the cycle, and from when on it was free.
    pub(super) fn last_use(&self, pe: usize, thread: usize) -> Option<(u64, u64)> {
        let class = self.class(pe);
        let state = self.threads[self.pes[pe].threads as usize + thread];
        if state.issued > 0 {
            return Some((u64::from(state.last), u64::from(state.last) + 1));
        }
        let mut at = match state.op {
            NO_OP => class.threads[thread].1,
            op => class.ops[op as usize].before,
        };
        while at != NO_OP {
            let op = &class.ops[at as usize];
            let end = self.done[self.pes[pe].ops as usize + at as usize] - u64::from(op.tail);
            if !op.is_local() {
                return Some((end - 1, end));
            }
            if op.local_cycles > 0 {
                return Some((end - u64::from(op.local_cycles), end));
            }
            at = op.before;
        }
        None
    }
}
