//! Where the state of a PE lies: what all PEs of one class share, worked out once per run.

use crate::mesh::check::COLOURS;
use crate::mesh::program::{PeClass, Port, SendEnd};
use crate::mesh::spec::FabricSpec;
use std::ops::Range;

/// No buffer, no route.
pub(super) const NONE: u8 = u8::MAX;
/// No operation.
pub(super) const NO_OP: u16 = u16::MAX;
/// Parts of the datapath of a PE.
pub(super) const DATAPATH: u8 = 8;
/// Number of the ramp among the ports.
pub(super) const RAMP: u8 = Port::Ramp as u8;

/// One switch position of a route.
#[derive(Clone, Copy)]
pub(super) struct PositionLayout {
    /// Input port.
    pub(super) rx: u8,
    /// Buffer behind the input port.
    pub(super) buffer: u8,
    /// Set of output ports.
    pub(super) tx: u8,
    /// Set of all input ports where there are several, else 0.
    pub(super) several: u8,
}

impl PositionLayout {
    /// Set of all input ports.
    pub(super) fn inputs(self) -> u8 {
        if self.several == 0 { 1 << self.rx } else { self.several }
    }
}

/// The route of one colour.
pub(super) struct RouteLayout {
    pub(super) colour: u8,
    /// Switch positions in use.
    pub(super) count: u8,
    pub(super) positions: [PositionLayout; 4],
    /// Whether a position has several input ports.
    pub(super) merges: bool,
    /// Buffer between router and PE, or [`NONE`].
    pub(super) ramp_in: u8,
}

/// A buffer of the PE's router or ramp.
pub(super) struct BufferLayout {
    /// First slot, counted from the PE's first.
    pub(super) slot: u32,
    pub(super) route: u8,
    /// Input port, or [`NONE`] for the buffer between router and PE.
    pub(super) port: u8,
}

/// One operation.
pub(super) struct OpLayout {
    pub(super) wavelets: u32,
    pub(super) lead: u32,
    pub(super) period: u32,
    /// Part of the datapath that a wavelet takes, of [`DATAPATH`]; local work takes all.
    pub(super) part: u8,
    pub(super) tail: u32,
    pub(super) local_cycles: u32,
    /// Buffer it takes from, or [`NONE`].
    pub(super) input: u8,
    /// Buffer it sends into, or [`NONE`].
    pub(super) output: u8,
    /// Route behind that buffer.
    pub(super) output_route: u8,
    pub(super) end: SendEnd,
    /// How many operations take from the same colour before this one.
    pub(super) turn: u32,
    /// The operation before and behind in the same thread.
    pub(super) before: u16,
    pub(super) behind: u16,
    pub(super) after: Box<[u16]>,
}

impl OpLayout {
    /// Whether it works inside the PE only.
    pub(super) fn is_local(&self) -> bool {
        self.input == NONE && self.output == NONE
    }
}

/// Where a wavelet of a colour lands that comes in by a port.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) buffer: u8,
    pub(super) route: u8,
}

/// Everything PEs of one class share.
pub(super) struct ClassLayout {
    pub(super) routes: Vec<RouteLayout>,
    pub(super) buffers: Vec<BufferLayout>,
    /// Slots of all buffers.
    pub(super) slots: u32,
    pub(super) ops: Vec<OpLayout>,
    /// First operation of each thread, in the order of threads.
    pub(super) threads: Vec<u16>,
    entries: Vec<Entry>,
}

impl ClassLayout {
    /// Where a wavelet of `colour` lands that comes in by `port`.
    pub(super) fn entry(&self, colour: u8, port: u8) -> Entry {
        self.entries[colour as usize * 5 + port as usize]
    }

    pub(super) fn new(class: &PeClass, spec: &FabricSpec) -> Self {
        let mut layout = Self {
            routes: Vec::new(),
            buffers: Vec::new(),
            slots: 0,
            ops: Vec::new(),
            threads: Vec::new(),
            entries: vec![Entry { buffer: NONE, route: NONE }; COLOURS * 5],
        };
        for (index, route) in class.routes.iter().enumerate() {
            let index = index as u8;
            let nowhere = PositionLayout { rx: NONE, buffer: NONE, tx: 0, several: 0 };
            let mut positions = [nowhere; 4];
            let mut ramp_in = NONE;
            for (slot, position) in positions.iter_mut().zip(&route.positions) {
                let rx = position.rx as u8;
                for port in position.inputs().iter() {
                    let entry = route.colour.0 as usize * 5 + port as usize;
                    if layout.entries[entry].buffer == NONE {
                        let window = match port {
                            Port::Ramp => spec.ramp_out_window(),
                            _ => spec.link_window(),
                        };
                        let buffer = layout.add_buffer(index, port as u8, window);
                        layout.entries[entry] = Entry { buffer, route: index };
                    }
                }
                if position.tx.has(Port::Ramp) && ramp_in == NONE {
                    ramp_in = layout.add_buffer(index, NONE, spec.ramp_in_window());
                }
                let buffer = layout.entry(route.colour.0, rx).buffer;
                let several = if position.also_rx.0 == 0 { 0 } else { position.inputs().0 };
                *slot = PositionLayout { rx, buffer, tx: position.tx.0, several };
            }
            let count = route.positions.len() as u8;
            let merges = positions.iter().any(|position| position.several != 0);
            let colour = route.colour.0;
            layout.routes.push(RouteLayout { colour, count, positions, merges, ramp_in });
        }
        layout.add_ops(class);
        layout
    }

    fn add_buffer(&mut self, route: u8, port: u8, window: u32) -> u8 {
        let buffer = BufferLayout { slot: self.slots, route, port };
        self.slots += window;
        self.buffers.push(buffer);
        (self.buffers.len() - 1) as u8
    }

    fn add_ops(&mut self, class: &PeClass) {
        let mut last_of_thread = [NO_OP; 9];
        let mut takers = [0; COLOURS];
        for (index, op) in class.ops.iter().enumerate() {
            let index = index as u16;
            let before = std::mem::replace(&mut last_of_thread[op.thread as usize], index);
            if before != NO_OP {
                self.ops[before as usize].behind = index;
            }
            let route = |colour: u8| self.routes.iter().find(|route| route.colour == colour);
            let input = op.input().and_then(|c| route(c.0)).map_or(NONE, |route| route.ramp_in);
            let turn = op.input().map_or(0, |c| {
                takers[c.0 as usize] += 1;
                takers[c.0 as usize] - 1
            });
            let output = op.output().map(|c| self.entry(c.0, RAMP));
            self.ops.push(OpLayout {
                wavelets: op.wavelets(),
                lead: op.lead,
                period: op.period,
                part: match (op.input(), op.output()) {
                    (None, None) => DATAPATH,
                    _ => DATAPATH / op.at_once,
                },
                tail: op.tail,
                local_cycles: op.local_cycles,
                input,
                output: output.map_or(NONE, |entry| entry.buffer),
                output_route: output.map_or(NONE, |entry| entry.route),
                end: op.end,
                turn,
                before,
                behind: NO_OP,
                after: op.after.clone().into(),
            });
        }
        let mut firsts: Vec<_> = (0..class.ops.len() as u16)
            .filter(|&index| self.ops[index as usize].before == NO_OP)
            .collect();
        firsts.sort_by_key(|&index| class.ops[index as usize].thread);
        self.threads = firsts;
    }
}

/// The ports in a set, by number.
pub(super) fn ports(set: u8) -> impl Iterator<Item = u8> {
    Range { start: 0, end: 5 }.filter(move |port| set >> port & 1 == 1)
}
