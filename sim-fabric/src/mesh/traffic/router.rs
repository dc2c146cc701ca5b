//! One cycle of a router: which packets want which output, who gets it, who crosses.
//!
//! A decision reads what was so when the cycle began: a packet sent in cycle `t` can leave from
//! `t + hop_cycles`, and says so; a slot left in cycle `t` counts as taken before `t + credit_cycles`. So routers can be taken in any order.

use super::spec::{CREDIT, TrafficSpec};
use super::state::{Engine, LINKS, NONE, PORTS, RAMP, Slot};
use crate::mesh::program::Port;
use crate::mesh::wavelet::wheel::bits;

/// Bits per link of a router's memory of departures, and the lowest bit of each link.
const LANE: u32 = CREDIT;
const LANES: u64 = 0x0001_0001_0001_0001;

/// The output of a router at `at` towards `to`: along the row first, then along the column.
#[inline]
fn route(at: [u16; 2], to: [u16; 2]) -> usize {
    let along = if to[0] > at[0] { Port::East } else { Port::West };
    let across = if to[1] > at[1] { Port::South } else { Port::North };
    let column = if to[1] == at[1] { Port::Ramp } else { across };
    (if to[0] == at[0] { column } else { along }) as usize
}

/// Of the ports in `set`, the first of those in `turn`, or the first of all where `turn` has none.
#[inline]
fn from_turn(set: u32, turn: u8) -> u8 {
    let later = set & u32::from(turn);
    (if later == 0 { set } else { later }).trailing_zeros() as u8
}

/// The ports behind `port`: with [`from_turn`], the turn of the one after it on the circle.
#[inline]
fn after(port: u8) -> u8 {
    (0xfe_u32 << port) as u8
}

impl Engine<'_> {
    /// Lets all that may leave router `node` in cycle `now` leave it.
    #[inline]
    pub(super) fn step(&mut self, node: usize, now: u32) {
        let router = &self.routers[node];
        let mut wants = [0u8; PORTS];
        let mut wanted = 0u64;
        for port in bits(u64::from(router.occupied)) {
            let first = &router.first[port];
            if first.time <= now {
                let out = route(router.at, first.to);
                wants[out] |= 1 << port;
                wanted |= 1 << out;
            }
        }
        if router.source.time <= now {
            let out = route(router.at, router.source.to);
            wants[out] |= 1 << RAMP;
            wanted |= 1 << out;
        }
        let mut again = false;
        for out in bits(wanted) {
            let want = u32::from(wants[out]);
            let free = out == RAMP || self.has_room(node, out, now);
            match self.allocate(node, out, want, free) {
                Some(port) => {
                    again |= want & (want - 1) != 0;
                    again |= self.leave(node, port as usize, out, now);
                }
                None => again = true,
            }
        }
        if again {
            self.wheel.wake_soon(node);
        }
    }

    /// Whether the neighbour of `node` behind `out` had a free slot, as far as `node` can know.
    #[inline]
    fn has_room(&self, node: usize, out: usize, now: u32) -> bool {
        let next = &self.routers[node.wrapping_add(self.steps[out])];
        let port = out ^ 1;
        let taken = u32::from(next.len[port]);
        let &TrafficSpec { queue_depth, credit_cycles, .. } = self.spec;
        if taken + credit_cycles < queue_depth {
            return true;
        }
        let unknown = credit_cycles.saturating_sub(now - next.left_at);
        let left = (next.left >> (LANE * port as u32)) & ((1 << unknown) - 1);
        taken + left.count_ones() < queue_depth
    }

    /// The input in `want` whose packet crosses to `out` in this cycle, if one does.
    ///
    /// The output and the crossing are given away in the same cycle, each to the next in its own
    /// turn. Without a free slot the crossing is not given, so the two turns part; where they then
    /// name different inputs the crossing is lost, and the one that has the output crosses next.
    #[inline]
    fn allocate(&mut self, node: usize, out: usize, want: u32, free: bool) -> Option<u8> {
        let router = &mut self.routers[node];
        let owner = router.owner[out];
        if owner != NONE {
            router.owner[out] = if free { NONE } else { owner };
            return free.then_some(owner);
        }
        let winner = from_turn(want, router.output_turn[out]);
        router.output_turn[out] = after(winner);
        if free {
            let crosses = from_turn(want, router.switch_turn[out]);
            router.switch_turn[out] = after(crosses);
            if crosses == winner {
                return Some(winner);
            }
        }
        router.owner[out] = winner;
        None
    }

    /// Moves the first packet of input `port` out by `out`; says whether the next packet of that
    /// input can leave in the next cycle.
    #[inline]
    fn leave(&mut self, node: usize, port: usize, out: usize, now: u32) -> bool {
        let (packet, more) = if port == RAMP {
            let packet = self.routers[node].source;
            self.measure.entered += 1;
            self.bear(node, packet.birth + 1, now + 1);
            (packet, false)
        } else {
            self.pop(node, port, now)
        };
        if out == RAMP {
            self.measure.delivery(packet.birth, now + self.spec.ramp_cycles + 1);
        } else {
            let next = node.wrapping_add(self.steps[out]);
            let time = now + self.spec.hop_cycles;
            self.push(next, out ^ 1, Slot { time, ..packet });
            if self.spec.hop_cycles == 1 {
                self.wheel.wake_soon(next);
            } else {
                self.wheel.wake(next, time);
            }
        }
        more
    }

    /// Puts a packet behind the others of a link into `node`.
    #[inline]
    fn push(&mut self, node: usize, port: usize, packet: Slot) {
        let router = &mut self.routers[node];
        let len = router.len[port] as usize;
        router.len[port] += 1;
        router.carried[port] += 1;
        router.occupied |= 1 << port;
        if len == 0 {
            router.first[port] = packet;
        } else {
            let tail = router.head[port] as usize + len - 1;
            let tail = if tail >= self.rest { tail - self.rest } else { tail };
            self.slots[(node * LINKS + port) * self.rest + tail] = packet;
        }
    }

    /// Takes the first packet of a link into `node`; says whether the next can leave in the next
    /// cycle.
    #[inline]
    fn pop(&mut self, node: usize, port: usize, now: u32) -> (Slot, bool) {
        let router = &mut self.routers[node];
        // Nobody asks as long as the link cannot fill up before this is too long ago to matter.
        let &TrafficSpec { queue_depth, credit_cycles, .. } = self.spec;
        if u32::from(router.len[port]) + 2 * credit_cycles > queue_depth {
            let age = now - router.left_at;
            if age > 0 {
                let kept = if age < LANE { u64::from(u16::MAX >> age) * LANES } else { 0 };
                router.left = (router.left & kept) << (age & (LANE - 1));
                router.left_at = now;
            }
            router.left |= 1 << (LANE * port as u32);
        }
        let packet = router.first[port];
        router.len[port] -= 1;
        if router.len[port] == 0 {
            router.occupied &= !(1 << port);
            return (packet, false);
        }
        let head = router.head[port] as usize;
        let second = self.slots[(node * LINKS + port) * self.rest + head];
        router.first[port] = second;
        let head = head + 1;
        router.head[port] = if head == self.rest { 0 } else { head as u16 };
        (packet, second.time <= now + 1)
    }
}
