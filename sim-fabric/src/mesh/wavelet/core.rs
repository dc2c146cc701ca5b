//! One cycle of a PE: which of its threads issues, and what follows.
//!
//! PEs are looked at behind the routers of the same cycle. What a router took from the PE in this
//! cycle still counts as there, so that order cannot be seen; what it gave can be taken at once
//! only on a ramp of no cycles.

use super::layout::{ClassLayout, DATAPATH, NO_OP, NONE, OpLayout};
use super::router::held;
use super::state::{
    ADVANCE, CONTROL, Core, DATA, Engine, LIMIT, NEVER, NOBODY, NOT_DONE, Thread, slot,
};
use super::values::Payload;
use crate::mesh::program::SendEnd;

impl<P: Payload> Engine<'_, P> {
    /// Lets the threads of PE `pe` issue in cycle `now` that can and have their turn; says whether the
    /// PE is to be looked at in the next cycle.
    #[inline(always)]
    pub(super) fn step_core(&mut self, pe: usize, now: u32) -> bool {
        let Core { threads, free_at, count, .. } = self.cores[pe];
        if count != 1 {
            return self.take_core_turns(pe, now);
        }
        let thread = threads as usize;
        free_at <= now && self.can_issue(&self.threads[thread], now) && self.issue(pe, thread, now)
    }

    /// As [`Self::step_core`], for several threads.
    fn take_core_turns(&mut self, pe: usize, now: u32) -> bool {
        let Core { threads, free_at, count, last, .. } = self.cores[pe];
        if free_at > now {
            return false;
        }
        let (first, count) = (threads as usize, count as usize);
        let can = |engine: &Self, turn| engine.can_issue(&engine.threads[first + turn], now);
        let ready = (0..count).fold(0u16, |set, turn| set | u16::from(can(self, turn)) << turn);
        let (mut free, mut turn, mut again) = (DATAPATH, last as usize, false);
        for _ in 0..count {
            turn = if turn + 1 >= count { 0 } else { turn + 1 };
            if ready >> turn & 1 == 0 {
                continue;
            }
            let part = self.threads[first + turn].part;
            // Who issued before in this cycle may have taken the room.
            if part > free || (free < DATAPATH && !can(self, turn)) {
                again = true;
                continue;
            }
            free -= part;
            self.cores[pe].last = turn as u8;
            again |= self.issue(pe, first + turn, now);
        }
        again
    }

    #[inline]
    fn can_issue(&self, thread: &Thread, now: u32) -> bool {
        if thread.next > now {
            return false;
        }
        if thread.input != NOBODY && thread.left > 0 {
            let ramp = &self.buffers[thread.input as usize];
            if ramp.sender != thread.turn || !ramp.offers(now) {
                return false;
            }
        }
        thread.output == NOBODY
            || held(&self.buffers[thread.output as usize], now) < self.ramp_out_window
    }

    /// Issues what is next in a thread that can issue; says whether the PE is to be looked at in the
    /// next cycle.
    #[inline(always)]
    fn issue(&mut self, pe: usize, thread: usize, now: u32) -> bool {
        self.last_move = now;
        let Thread { left, input, output, period, .. } = self.threads[thread];
        if left < 2 || input == NOBODY && output == NOBODY {
            return self.issue_last(pe, thread, now);
        }
        self.issue_data(pe, thread, DATA, now);
        if period > 1 {
            let next = u64::from(now) + u64::from(period);
            self.threads[thread].next = self.wake_core(pe, next);
            return false;
        }
        self.threads[thread].next = now + 1;
        // What comes into an empty buffer wakes the PE.
        input == NOBODY || self.buffers[input as usize].offers(now + 1)
    }

    /// Takes in and sends the next data wavelet of a thread.
    #[inline(always)]
    fn issue_data(&mut self, pe: usize, thread: usize, kind: u32, now: u32) {
        let Thread { left, input, output, op, .. } = self.threads[thread];
        let mut value = P::Value::default();
        if input != NOBODY {
            let (taken, full) = self.pop(input as usize);
            value = taken;
            self.counts.taken += 1;
            if full {
                self.lane_wheel.wake_soon(self.buffers[input as usize].lane as usize);
            }
        }
        if P::CARRIES {
            let class = &self.layout.classes[self.nodes[pe].class as usize];
            let k = class.ops[op as usize].wavelets - left;
            value = self.payload.wavelet(self.program, self.origin + pe, op, k, value);
        }
        if output != NOBODY {
            self.send(output as usize, slot(now + 1 + self.ramp, kind), value);
        }
        self.threads[thread].left = left - 1;
    }

    /// Issues the last data wavelet of an operation, its control wavelet, or all of one that works
    /// inside the PE.
    #[inline(never)]
    fn issue_last(&mut self, pe: usize, thread: usize, now: u32) -> bool {
        let Thread { op: index, left, input, output, .. } = self.threads[thread];
        let class = &self.layout.classes[self.nodes[pe].class as usize];
        let op = &class.ops[index as usize];
        if op.is_local() {
            self.payload.whole(self.program, self.origin + pe, index);
            self.cores[pe].free_at = now.saturating_add(op.local_cycles);
            let end = u64::from(now) + u64::from(op.local_cycles);
            self.wake_core(pe, end);
            self.finish(pe, class, thread, end + u64::from(op.tail));
            return false;
        }
        let done = u64::from(now) + 1 + u64::from(op.tail);
        if left == 0 {
            let control = slot(now + 1 + self.ramp, CONTROL);
            self.send(output as usize, control, P::Value::default());
            self.finish(pe, class, thread, done);
            return false;
        }
        let kind = if op.end == SendEnd::AdvanceLocal { ADVANCE } else { DATA };
        self.issue_data(pe, thread, kind, now);
        if input != NOBODY {
            self.buffers[input as usize].sender += 1;
        }
        if op.end == SendEnd::Control {
            self.threads[thread].next = now + 1;
        } else {
            self.finish(pe, class, thread, done);
        }
        // Another thread's operation may be next to take from this colour.
        true
    }

    #[inline]
    fn send(&mut self, buffer: usize, slot: u32, value: P::Value) {
        self.push(buffer, slot, value);
        let lane = self.buffers[buffer].lane as usize;
        if self.lanes[lane].merges {
            self.check_arrival(buffer, slot >> 2, (slot >> 2) - 1 - self.ramp);
        }
        self.lane_wheel.wake(lane, slot >> 2);
        self.counts.sent += 1;
    }

    /// Has the PE looked at in cycle `at`, and gives that cycle as the engine counts it.
    fn wake_core(&mut self, pe: usize, at: u64) -> u32 {
        if at >= LIMIT {
            self.overrun = true;
            return NEVER - 1;
        }
        self.core_wheel.wake(pe, at as u32);
        at as u32
    }

    fn finish(&mut self, pe: usize, class: &ClassLayout, thread: usize, done: u64) {
        let op = self.threads[thread].op;
        self.done[self.cores[pe].ops as usize + op as usize] = done;
        self.left -= 1;
        self.threads[thread].op = class.ops[op as usize].behind;
        self.threads[thread].next = NEVER;
        self.settle(pe);
    }

    /// Gives a start to every operation of `pe` that now knows when it is ready.
    pub(super) fn settle(&mut self, pe: usize) {
        let class = &self.layout.classes[self.nodes[pe].class as usize];
        let first = self.cores[pe].threads as usize;
        let mut changed = true;
        while std::mem::take(&mut changed) {
            for thread in first..first + class.threads.len() {
                let Thread { op: index, next, .. } = self.threads[thread];
                if index == NO_OP || next != NEVER {
                    continue;
                }
                let op = &class.ops[index as usize];
                let Some(ready) = self.ready_at(pe, op) else { continue };
                let begin = ready + u64::from(op.lead);
                if op.is_local() && op.local_cycles == 0 {
                    self.payload.whole(self.program, self.origin + pe, index);
                    let done = begin + u64::from(op.tail);
                    self.done[self.cores[pe].ops as usize + index as usize] = done;
                    self.left -= 1;
                    self.threads[thread].op = op.behind;
                    changed = true;
                } else {
                    let next = self.wake_core(pe, begin);
                    self.threads[thread] = self.begun(pe, index, op, next);
                }
            }
        }
    }

    /// The state of a thread whose operation `op` is ready to issue in cycle `next`.
    fn begun(&self, pe: usize, index: u16, op: &OpLayout, next: u32) -> Thread {
        let buffers = self.nodes[pe].buffers;
        let place = |buffer| if buffer == NONE { NOBODY } else { buffers + u32::from(buffer) };
        Thread {
            next,
            left: op.wavelets,
            input: place(op.input),
            output: place(op.output),
            period: op.period,
            turn: op.turn,
            op: index,
            part: op.part,
        }
    }

    /// When all that `op` waits for is done, if that is known.
    fn ready_at(&self, pe: usize, op: &OpLayout) -> Option<u64> {
        let core = self.cores[pe];
        let mut ready = u64::from(core.start);
        let before = (op.before != NO_OP).then_some(op.before);
        for &other in op.after.iter().chain(&before) {
            let done = self.done[core.ops as usize + other as usize];
            if done == NOT_DONE {
                return None;
            }
            ready = ready.max(done);
        }
        Some(ready)
    }
}
