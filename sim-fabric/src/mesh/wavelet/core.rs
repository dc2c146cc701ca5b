//! One cycle of a PE: which of its threads issues, and what follows.
//!
//! PEs are looked at behind the routers of the same cycle. What a router took from the PE in this
//! cycle still counts as there, so that order cannot be seen; what it gave can be taken at once
//! only on a ramp of no cycles.

use super::layout::{ClassLayout, DATAPATH, NO_OP, NONE, OpLayout};
use super::router::held;
use super::state::{ADVANCE, CONTROL, DATA, Engine, LIMIT, NEVER, NOT_DONE, Thread, slot};
use super::values::Payload;
use crate::mesh::program::SendEnd;

impl<P: Payload> Engine<'_, P> {
    /// Lets the threads of PE `pe` issue in cycle `now` that can and have their turn.
    pub(super) fn step_core(&mut self, pe: usize, now: u32) {
        let core = self.cores[pe];
        if core.free_at > now {
            return;
        }
        let class = &self.layout.classes[self.nodes[pe].class as usize];
        let (count, first) = (class.threads.len(), core.threads as usize);
        if count == 1 {
            if self.can_issue(pe, class, &self.threads[first], now) {
                self.last_move = now;
                self.issue(pe, class, first, now);
            }
            return;
        }
        let can =
            |engine: &Self, turn| engine.can_issue(pe, class, &engine.threads[first + turn], now);
        let ready = (0..count).fold(0u16, |set, turn| set | u16::from(can(self, turn)) << turn);
        let (mut free, mut turn) = (DATAPATH, core.last as usize);
        for _ in 0..count {
            turn = if turn + 1 >= count { 0 } else { turn + 1 };
            if ready >> turn & 1 == 0 {
                continue;
            }
            let part = class.ops[self.threads[first + turn].op as usize].part;
            // Who issued before in this cycle may have taken the room.
            if part > free || (free < DATAPATH && !can(self, turn)) {
                self.core_wheel.wake(pe, now + 1);
                continue;
            }
            free -= part;
            self.last_move = now;
            self.cores[pe].last = turn as u8;
            self.issue(pe, class, first + turn, now);
        }
    }

    #[inline]
    fn can_issue(&self, pe: usize, class: &ClassLayout, thread: &Thread, now: u32) -> bool {
        if thread.next > now || thread.op == NO_OP {
            return false;
        }
        let op = &class.ops[thread.op as usize];
        let base = self.nodes[pe].buffers as usize;
        if op.input != NONE && thread.left > 0 {
            let ramp = &self.buffers[base + op.input as usize];
            if ramp.sender != op.turn || !ramp.offers(now) {
                return false;
            }
        }
        op.output == NONE
            || held(&self.buffers[base + op.output as usize], now) < self.ramp_out_window
    }

    /// Issues what is next in a thread that can issue.
    fn issue(&mut self, pe: usize, class: &ClassLayout, thread: usize, now: u32) {
        let Thread { op: index, left, .. } = self.threads[thread];
        let op = &class.ops[index as usize];
        if op.is_local() {
            self.payload.whole(self.program, self.origin + pe, index);
            self.cores[pe].free_at = now.saturating_add(op.local_cycles);
            let end = u64::from(now) + u64::from(op.local_cycles);
            self.wake_core(pe, end);
            return self.finish(pe, class, thread, end + u64::from(op.tail));
        }
        if left == 0 {
            self.send(pe, op, slot(now + 1 + self.ramp, CONTROL), P::Value::default());
            return self.finish(pe, class, thread, u64::from(now) + 1 + u64::from(op.tail));
        }
        let mut value = P::Value::default();
        if op.input != NONE {
            let ramp = self.nodes[pe].buffers as usize + op.input as usize;
            let (taken, full) = self.pop(ramp);
            value = taken;
            self.counts.taken += 1;
            if full {
                self.lane_wheel.wake_soon(self.buffers[ramp].lane as usize);
            }
            if left == 1 {
                self.buffers[ramp].sender += 1;
            }
        }
        let k = op.wavelets - left;
        let value = self.payload.wavelet(self.program, self.origin + pe, index, k, value);
        if op.output != NONE {
            let advances = left == 1 && op.end == SendEnd::AdvanceLocal;
            let kind = if advances { ADVANCE } else { DATA };
            self.send(pe, op, slot(now + 1 + self.ramp, kind), value);
        }
        self.threads[thread].left = left - 1;
        if left > 1 || op.end == SendEnd::Control {
            let distance = if left > 1 { op.period } else { 1 };
            let next = u64::from(now) + u64::from(distance);
            self.threads[thread].next = self.wake_core(pe, next);
        } else {
            self.finish(pe, class, thread, u64::from(now) + 1 + u64::from(op.tail));
        }
        if left == 1 {
            // Another thread's operation may be next to take from this colour.
            self.core_wheel.wake(pe, now + 1);
        }
    }

    fn send(&mut self, pe: usize, op: &OpLayout, slot: u32, value: P::Value) {
        let buffer = self.nodes[pe].buffers as usize + op.output as usize;
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
                    self.threads[thread].left = op.wavelets;
                    self.threads[thread].next = self.wake_core(pe, begin);
                }
            }
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
