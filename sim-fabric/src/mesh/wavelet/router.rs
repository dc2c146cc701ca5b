//! One cycle of a router: which wavelets could leave, which of them may, and what they do.
//!
//! ```text
//!   step:   a lane that was woken ─► ready? ─► nobody else wants its ports ─────────► leave
//!                                      └─► others may: the router's lanes take turns ─► leave
//!   ready:  position in force, first wavelet available, room at every receiver
//!   leave:  out of its buffer ─► into each receiver's ─► wakes, switch
//! ```
//! A lane is one colour in one router. The most frequent cases, one link or the ramp, a data wavelet
//! and no other colour with a wavelet for the same ports, are done on the spot ([`Kind`]); all others
//! go the long way to the same end.
//!
//! A decision reads only what was so at the start of the cycle: a wavelet that arrives in cycle `t`
//! is available later, and a buffer that lost one in cycle `t` counts as if it still held it. So
//! lanes can be taken in any order, and bands of routers at the same time.

use super::buffer::Buffer;
use super::layout::{RAMP, Way, ports};
use super::state::{CONTROL, Collision, DATA, Engine, FOREIGN, Kind, Lane, NOBODY, slot};
use super::values::Payload;
use super::wheel::bits;
use crate::mesh::check::{COLOURS, POSITIONS};
use smallvec::SmallVec;

/// Slots taken at the start of cycle `now` in a buffer that PEs or routers send into.
#[inline(always)]
pub(super) fn held(buffer: &Buffer, now: u32) -> u16 {
    buffer.len + u16::from(buffer.mark == now)
}

impl<P: Payload> Engine<'_, P> {
    /// Lets the first wavelet of lane `index` leave in cycle `now`, if it may; says whether the lane
    /// is to be looked at in the next cycle.
    #[inline(always)]
    pub(super) fn step_lane(&mut self, index: usize, now: u32) -> bool {
        let Lane { free_at, source, target, way, pe, kind, turns, .. } = self.lanes[index];
        let (source, target) = (source as usize, target as usize);
        let first = self.buffers[source].first;
        if kind == Kind::Other || first & 3 != DATA {
            return self.step_slowly(index, now);
        }
        if free_at > now || first >> 2 > now {
            return false;
        }
        let behind = &self.buffers[target];
        let next = behind.lane as usize;
        if held(behind, now) >= behind.window {
            return false;
        }
        let (mut ramp, pe) = (target, pe as usize);
        if kind == Kind::LinkAndRamp {
            ramp = self.ramp_in(pe, way);
            if self.buffers[ramp].len >= self.ramp_in_window {
                return false;
            }
        }
        if turns {
            if self.has_rivals(pe, way, now) {
                return self.step_slowly(index, now);
            }
            let way = &self.layout.ways[way as usize];
            for port in ports(way.tx) {
                self.nodes[pe].last[port as usize] = way.colour;
            }
        }
        let from = &mut self.buffers[source];
        let full = from.len == from.window;
        let second = from.pop(&self.slots);
        from.mark = now;
        let again = from.offers(now + 1);
        let value = if P::CARRIES { self.take_value(source, second) } else { P::Value::default() };
        if kind != Kind::Ramp {
            self.push(target, slot(now + self.hop, DATA), value);
            self.counts.hops += 1;
            if self.hop == 1 {
                self.lane_wheel.wake_soon(next);
            } else {
                self.lane_wheel.wake(next, now + self.hop);
            }
        }
        if kind != Kind::Link {
            self.push(ramp, slot(now + self.ramp, DATA), value);
            self.core_wheel.wake(pe, now + self.ramp);
            self.counts.copies += u64::from(kind == Kind::LinkAndRamp);
        }
        if full {
            self.made_room(source);
        }
        self.last_move = now;
        again
    }

    /// Whether a lane of router `pe` that may want a port of position `way` has a wavelet in cycle
    /// `now`, or turns have been taken. One that left on the spot in this cycle had no rivals, so
    /// none of them has become available since.
    #[inline]
    fn has_rivals(&self, pe: usize, way: u32, now: u32) -> bool {
        let node = &self.nodes[pe];
        let first = node.lanes as usize;
        node.turned == now
            || bits(u64::from(self.layout.ways[way as usize].rivals)).any(|rival| {
                let lane = &self.lanes[first + rival];
                lane.merges || self.buffers[lane.source as usize].offers(now)
            })
    }

    /// As [`Self::step_lane`], for all cases.
    #[inline(never)]
    fn step_slowly(&mut self, index: usize, now: u32) -> bool {
        if self.lanes[index].turns {
            self.take_turns(self.lanes[index].pe as usize, now);
            return false;
        }
        self.ready(index, now).is_some_and(|way| self.leave(index, way, now))
    }

    /// Lets all that may leave router `pe` in cycle `now` leave it, once.
    fn take_turns(&mut self, pe: usize, now: u32) {
        if self.nodes[pe].turned == now {
            return;
        }
        self.nodes[pe].turned = now;
        let first = self.nodes[pe].lanes as usize;
        let lanes = self.layout.classes[self.nodes[pe].class as usize].routes;
        let mut contenders = SmallVec::<[(usize, Way); COLOURS]>::new();
        let (mut wanted, mut clash) = (0, false);
        for lane in first..first + lanes {
            // One that had no rivals may have left on the spot in this cycle.
            let left = self.buffers[self.lanes[lane].source as usize].mark == now;
            if self.lanes[lane].turns
                && !left
                && let Some(way) = self.ready(lane, now)
            {
                clash |= wanted & way.tx != 0;
                wanted |= way.tx;
                contenders.push((lane, way));
            }
        }
        if !clash {
            for &(lane, way) in &contenders {
                self.take_turn(lane, way, now);
            }
            return;
        }
        // Port by port: of those that want it and whose ports are all free, the next in turn.
        let all_last = self.nodes[pe].last;
        let mut used = 0;
        for port in ports(wanted) {
            let fits = |(_, way): &&(usize, Way)| way.tx >> port & 1 == 1 && way.tx & used == 0;
            let last = all_last[port as usize] as usize;
            let turn =
                |(_, way): &&(usize, Way)| (way.colour as usize + COLOURS - 1 - last) % COLOURS;
            if let Some(&(lane, way)) = contenders.iter().filter(fits).min_by_key(turn) {
                self.counts.doubled += u64::from(used & way.tx != 0);
                used |= way.tx;
                self.take_turn(lane, way, now);
            }
        }
        for &(lane, _) in &contenders {
            self.lane_wheel.wake_soon(lane);
        }
    }

    /// Lets a lane whose turn it is use its ports.
    fn take_turn(&mut self, index: usize, way: Way, now: u32) {
        let pe = self.lanes[index].pe as usize;
        for port in ports(way.tx) {
            self.nodes[pe].last[port as usize] = way.colour;
        }
        if self.leave(index, way, now) {
            self.lane_wheel.wake_soon(index);
        }
    }

    /// The way of a lane's first wavelet, if it could leave were its ports free.
    #[inline]
    fn ready(&self, index: usize, now: u32) -> Option<Way> {
        let lane = self.lanes[index];
        let way = self.layout.ways[lane.way as usize];
        let buffer = &self.buffers[self.source(lane, way)];
        if lane.free_at > now || !buffer.offers(now) {
            return None;
        }
        let pe = lane.pe as usize;
        let has_room = |port: u8| {
            let buffer = match port {
                // A control wavelet ends there.
                RAMP if buffer.first & CONTROL != 0 => return true,
                RAMP => self.ramp_in(pe, lane.way),
                _ if port == way.link => lane.target as usize,
                _ => self.target(pe, way.colour, port),
            };
            held(&self.buffers[buffer], now) < self.buffers[buffer].window
        };
        ports(way.tx).all(has_room).then_some(way)
    }

    /// The buffer that a lane takes from: of several the one whose first wavelet came first.
    #[inline]
    fn source(&self, lane: Lane, way: Way) -> usize {
        if way.several == 0 {
            return lane.source as usize;
        }
        let buffers = self.nodes[lane.pe as usize].buffers as usize;
        let class = self.nodes[lane.pe as usize].class;
        let inputs = ports(way.several).map(|port| {
            let buffer = buffers + self.layout.entry(class, way.colour, port) as usize;
            (self.buffers[buffer].first >> 2, buffer, port)
        });
        let first_come = inputs.min_by_key(|&(at, _, port)| (at, port));
        first_come.map_or(lane.source as usize, |(_, buffer, _)| buffer)
    }

    /// The buffer between router and PE that a position leads to.
    #[inline]
    fn ramp_in(&self, pe: usize, way: u32) -> usize {
        self.nodes[pe].buffers as usize + self.layout.ways[way as usize].ramp_in as usize
    }

    /// The buffer that a wavelet of `colour` reaches through the link of `port`.
    pub(super) fn target(&self, pe: usize, colour: u8, port: u8) -> usize {
        let node = &self.nodes[pe.wrapping_add(self.steps[port as usize])];
        let buffer = self.layout.entry(node.class, colour, port ^ 1);
        node.buffers as usize + buffer as usize
    }

    /// Moves the first wavelet of a lane out of its router; says whether the lane is to be looked at
    /// in the next cycle.
    fn leave(&mut self, index: usize, way: Way, now: u32) -> bool {
        let lane = self.lanes[index];
        let (source, pe) = (self.source(lane, way), lane.pe as usize);
        let kind = self.buffers[source].first & 3;
        let (value, full) = self.pop(source);
        self.buffers[source].mark = now;
        self.last_move = now;
        self.counts.copies += u64::from(way.tx.count_ones()) - 1;
        for port in ports(way.tx) {
            if port != RAMP {
                let target = match port {
                    _ if port == way.link => lane.target as usize,
                    _ => self.target(pe, way.colour, port),
                };
                self.pass(pe, port, target, slot(now + self.hop, kind & CONTROL), value);
            } else if kind == CONTROL {
                self.counts.ended += 1;
            } else {
                self.push(self.ramp_in(pe, lane.way), slot(now + self.ramp, DATA), value);
                self.core_wheel.wake(pe, now + self.ramp);
            }
        }
        if full || self.buffers[source].sender == FOREIGN {
            self.made_room(source);
        }
        if kind != DATA {
            self.advance(index, now);
            return false;
        }
        way.several != 0 || self.buffers[source].offers(now + 1)
    }

    /// Sends a wavelet through a link into the buffer `target`.
    fn pass(&mut self, pe: usize, port: u8, target: usize, slot: u32, value: P::Value) {
        self.counts.hops += 1;
        let next = pe.wrapping_add(self.steps[port as usize]);
        if self.own.contains(&next) {
            self.receive(target, slot, value);
        } else {
            self.post(port, next, target, slot, value);
        }
    }

    /// Puts a wavelet into a buffer behind a link.
    pub(super) fn receive(&mut self, target: usize, slot: u32, value: P::Value) {
        self.push(target, slot, value);
        let lane = self.buffers[target].lane as usize;
        if self.lanes[lane].merges {
            self.check_arrival(target, slot >> 2, (slot >> 2) - self.hop);
        }
        self.lane_wheel.wake(lane, slot >> 2);
    }

    /// Notes a fault if the wavelet that came into `target`, `sent` in one cycle and available in
    /// cycle `at`, reaches the router when another of the colour does, at a port that is listed
    /// together with its own.
    #[cold]
    pub(super) fn check_arrival(&mut self, target: usize, at: u32, sent: u32) {
        let Buffer { lane, port, .. } = self.buffers[target];
        let Lane { pe, way, .. } = self.lanes[lane as usize];
        let node = self.nodes[pe as usize];
        let first = way as usize / POSITIONS * POSITIONS;
        let Way { colour, count, .. } = self.layout.ways[first];
        let positions = self.layout.ways[first..first + count as usize].iter();
        let listed = positions.filter(|way| way.several >> port & 1 == 1);
        let others = listed.fold(0, |set, way| set | way.several) & !(1 << port);
        for other in ports(others) {
            let buffer =
                node.buffers as usize + self.layout.entry(node.class, colour, other) as usize;
            if self.holds(buffer, at) {
                let ports = (port.min(other), port.max(other));
                let pe = self.origin + pe as usize;
                let collision = Collision { sent, at, pe, colour, ports };
                let first = self.collision.map_or(collision, |found| found.min(collision));
                self.collision = Some(first);
            }
        }
    }

    /// Whether a buffer has a wavelet that becomes available in cycle `at`.
    fn holds(&self, buffer: usize, at: u32) -> bool {
        let buffer = &self.buffers[buffer];
        let ring = u32::from(buffer.window) - 1;
        let mut behind = 1..u32::from(buffer.len);
        buffer.first >> 2 == at
            || behind.any(|k| {
                let place = (u32::from(buffer.head) + k - 1) % ring;
                self.slots[(buffer.ring + place) as usize] >> 2 == at
            })
    }

    /// Advances the switch of a lane.
    fn advance(&mut self, index: usize, now: u32) {
        let lane = &mut self.lanes[index];
        let position = lane.way % POSITIONS as u32;
        let count = u32::from(self.layout.ways[lane.way as usize].count);
        lane.way = lane.way - position + if position + 1 == count { 0 } else { position + 1 };
        lane.free_at = now + 1 + self.switch;
        self.aim(index);
        self.lane_wheel.wake(index, now + 1 + self.switch);
    }

    /// Lets whoever sends into a buffer know that a wavelet has left it.
    #[inline]
    fn made_room(&mut self, source: usize) {
        let &Buffer { sender, port, .. } = &self.buffers[source];
        if port == RAMP {
            self.core_wheel.wake_soon(sender as usize);
        } else if sender == FOREIGN {
            self.give_back(source);
        } else if sender != NOBODY {
            self.lane_wheel.wake_soon(sender as usize);
        }
    }
}
