//! One cycle of a router: which wavelets could leave, which of them may, and what they do.
//!
//! A decision reads only what was so at the start of the cycle: a wavelet that arrives in cycle `t`
//! is available later, and a buffer that lost one in cycle `t` counts as if it still held it. So
//! routers can be taken in any order.

use super::layout::{ClassLayout, NONE, PositionLayout, RAMP, RouteLayout, ports};
use super::state::{ADVANCE, Buffer, CONTROL, Collision, DATA, Engine, Node, slot};
use super::values::Payload;
use crate::mesh::check::COLOURS;

/// Slots taken at the start of cycle `now` in a buffer that PEs or routers send into.
#[inline]
pub(super) fn held(buffer: &Buffer, now: u32) -> u16 {
    buffer.len + u16::from(buffer.mark == now)
}

impl<P: Payload> Engine<'_, P> {
    /// Lets all that may leave router `pe` in cycle `now` leave it.
    pub(super) fn step_router(&mut self, pe: usize, now: u32) {
        let node = self.nodes[pe];
        let class = &self.classes[node.class as usize];
        let mut contenders = [(0u8, 0u8); COLOURS];
        let mut count = 0;
        let (mut wanted, mut clash) = (0, false);
        let mut pending = node.pending;
        while pending != 0 {
            let route = pending.trailing_zeros();
            pending &= pending - 1;
            if let Some(tx) = self.ready(pe, &node, class, route as usize, now) {
                contenders[count] = (route as u8, tx);
                count += 1;
                clash |= wanted & tx != 0;
                wanted |= tx;
            }
        }
        let contenders = &contenders[..count];
        if !clash {
            for &(route, _) in contenders {
                self.leave(pe, class, route as usize, now);
            }
            return;
        }
        // Port by port: of those that want it and whose ports are all free, the next in turn.
        let mut free = u8::MAX;
        for port in ports(wanted) {
            let fits = |&&(_, tx): &&(u8, u8)| tx >> port & 1 == 1 && tx & !free == 0;
            let last = node.last[port as usize] as usize;
            let turn = |&&(route, _): &&(u8, u8)| {
                (class.routes[route as usize].colour as usize + COLOURS - 1 - last) % COLOURS
            };
            if let Some(&(route, tx)) = contenders.iter().filter(fits).min_by_key(turn) {
                free &= !tx;
                self.leave(pe, class, route as usize, now);
            }
        }
        self.router_wheel.wake(pe, now + 1);
    }

    /// The output ports of the wavelet of `route` that could leave if they were free.
    #[inline]
    fn ready(
        &mut self,
        pe: usize,
        node: &Node,
        class: &ClassLayout,
        route: usize,
        now: u32,
    ) -> Option<u8> {
        let switch = self.switches[node.routes as usize + route];
        if switch.free_at > now {
            return None;
        }
        let layout = &class.routes[route];
        let position = layout.positions[switch.position as usize];
        let (_, buffer) = self.input(node, class, layout, position, now)?;
        let buffer = &self.buffers[buffer];
        if buffer.len == 0 {
            self.nodes[pe].pending &= !(1 << route);
            return None;
        }
        let control = self.head(buffer, now)? & 3 == CONTROL;
        let mut links = position.tx & !(1 << RAMP);
        if position.tx >> RAMP & 1 == 1 && !control {
            let ramp = &self.buffers[node.buffers as usize + layout.ramp_in as usize];
            if ramp.len >= self.ramp_in_window {
                return None;
            }
        }
        while links != 0 {
            let port = links.trailing_zeros() as usize;
            links &= links - 1;
            let (_, target, _) = self.target(pe, layout.colour, port);
            if held(&self.buffers[target], now) >= self.link_window {
                return None;
            }
        }
        Some(position.tx)
    }

    /// Port and buffer that `position` takes from: of several with a wavelet available the first
    /// come. Nothing where there are several and none has one.
    #[inline]
    fn input(
        &self,
        node: &Node,
        class: &ClassLayout,
        layout: &RouteLayout,
        position: PositionLayout,
        now: u32,
    ) -> Option<(u8, usize)> {
        if position.several == 0 {
            return Some((position.rx, node.buffers as usize + position.buffer as usize));
        }
        let first_come = ports(position.several).filter_map(|port| {
            let buffer = node.buffers as usize + class.entry(layout.colour, port).buffer as usize;
            Some((self.head(&self.buffers[buffer], now)? >> 2, port, buffer))
        });
        first_come.min().map(|(_, port, buffer)| (port, buffer))
    }

    /// Notes a fault if another wavelet of the colour reaches the router of `pe` when this one does,
    /// at a port that is listed together with this one's.
    #[inline]
    pub(super) fn check_arrival(&mut self, pe: usize, route: u8, port: u8, arriving: u32) {
        let class = &self.classes[self.nodes[pe].class as usize];
        let layout = &class.routes[route as usize];
        if !layout.merges {
            return;
        }
        for position in &layout.positions[..layout.count as usize] {
            if position.several >> port & 1 == 0 {
                continue;
            }
            for other in ports(position.several).filter(|&other| other != port) {
                let entry = class.entry(layout.colour, other);
                let buffer = self.nodes[pe].buffers as usize + entry.buffer as usize;
                let window = if other == RAMP { self.ramp_out_window } else { self.link_window };
                if self.holds(buffer, window, arriving >> 2) {
                    self.collide(pe, layout.colour, arriving >> 2, (port, other));
                }
            }
        }
    }

    /// Whether a buffer has a wavelet that becomes available in cycle `at`.
    fn holds(&self, buffer: usize, window: u16, at: u32) -> bool {
        let buffer = &self.buffers[buffer];
        (0..buffer.len).any(|k| {
            let place = (u32::from(buffer.head) + u32::from(k)) % u32::from(window);
            self.slots[(buffer.slot + place) as usize] >> 2 == at
        })
    }

    fn collide(&mut self, pe: usize, colour: u8, at: u32, (one, other): (u8, u8)) {
        let collision = Collision { at, pe, colour, ports: (one.min(other), one.max(other)) };
        if self.collision.is_none_or(|first| collision < first) {
            self.collision = Some(collision);
        }
    }

    /// Neighbour, its buffer and its route that a wavelet of `colour` reaches through `port`.
    #[inline]
    fn target(&self, pe: usize, colour: u8, port: usize) -> (usize, usize, u8) {
        let next = pe.wrapping_add(self.steps[port]);
        let node = &self.nodes[next];
        let entry = self.classes[node.class as usize].entry(colour, port as u8 ^ 1);
        (next, node.buffers as usize + entry.buffer as usize, entry.route)
    }

    /// Moves the first wavelet of `route` out of router `pe`.
    fn leave(&mut self, pe: usize, class: &ClassLayout, route: usize, now: u32) {
        let Node { routes, buffers, .. } = self.nodes[pe];
        let layout = &class.routes[route];
        let index = routes as usize + route;
        let position = layout.positions[self.switches[index].position as usize];
        let node = self.nodes[pe];
        let Some((rx, source)) = self.input(&node, class, layout, position, now) else { return };
        let window = if rx == RAMP { self.ramp_out_window } else { self.link_window };
        let (wavelet, value, full) = self.pop(source, window);
        self.buffers[source].mark = now;
        self.last_move = now;
        let kind = wavelet & 3;

        let mut links = position.tx & !(1 << RAMP);
        self.counts.hops += u64::from(links.count_ones());
        self.counts.copies += u64::from(position.tx.count_ones()) - 1;
        while links != 0 {
            let port = links.trailing_zeros() as usize;
            links &= links - 1;
            let (next, target, bit) = self.target(pe, layout.colour, port);
            let onward = if kind == CONTROL { CONTROL } else { DATA };
            let arriving = slot(now + self.hop, onward);
            self.push(target, self.link_window, arriving, value);
            self.check_arrival(next, bit, port as u8 ^ 1, arriving);
            self.nodes[next].pending |= 1 << bit;
            self.router_wheel.wake(next, now + self.hop);
            self.nodes[pe].last[port] = layout.colour;
        }
        if position.tx >> RAMP & 1 == 1 {
            debug_assert!(layout.ramp_in != NONE);
            self.nodes[pe].last[RAMP as usize] = layout.colour;
            if kind == CONTROL {
                self.counts.ended += 1;
            } else {
                let target = buffers as usize + layout.ramp_in as usize;
                self.push(target, self.ramp_in_window, slot(now + self.ramp, DATA), value);
                self.core_wheel.wake(pe, now + self.ramp);
            }
        }

        let switch = &mut self.switches[index];
        if kind == CONTROL || kind == ADVANCE {
            switch.position =
                if switch.position + 1 == layout.count { 0 } else { switch.position + 1 };
            switch.free_at = now + 1 + self.switch;
            self.router_wheel.wake(pe, now + 1 + self.switch);
        } else {
            switch.free_at = now + 1;
            let buffer = self.buffers[source];
            if position.several != 0 {
                self.router_wheel.wake(pe, now + 1);
            } else if buffer.len == 0 {
                self.nodes[pe].pending &= !(1 << route);
            } else if self.head(&buffer, now + 1).is_some() {
                self.router_wheel.wake(pe, now + 1);
            }
        }
        if full && rx == RAMP {
            self.core_wheel.wake(pe, now + 1);
        } else if full {
            let behind = pe.wrapping_add(self.steps[rx as usize]);
            self.router_wheel.wake(behind, now + 1);
        }
    }
}
