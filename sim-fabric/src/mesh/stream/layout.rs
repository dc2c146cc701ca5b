//! What all PEs of one class share, worked out once per run.

use crate::mesh::check::COLOURS;
use crate::mesh::program::{FabricError, PeClass, Port, SendEnd};
use smallvec::SmallVec;

/// No channel, no route.
pub(super) const NONE: u8 = u8::MAX;
/// No operation.
pub(super) const NO_OP: u16 = u16::MAX;
/// Number of the ramp among the ports.
pub(super) const RAMP: u8 = Port::Ramp as u8;
/// Parts of a datapath.
pub(super) const DATAPATH: u8 = 8;
/// Most wavelets that may pass one channel `[wavelets]`.
pub(super) const MOST: u64 = 1 << 30;

/// One switch position of a route.
#[derive(Clone, Copy)]
pub(super) struct PositionLayout {
    /// Channel that it takes from, and which of the route's inputs that is.
    pub(super) channel: u8,
    pub(super) input: u8,
    /// Set of output ports.
    pub(super) tx: u8,
}

/// The route of one colour.
pub(super) struct RouteLayout {
    pub(super) colour: u8,
    pub(super) positions: SmallVec<[PositionLayout; 2]>,
    /// Channels that any position takes from.
    pub(super) inputs: SmallVec<[u8; 2]>,
    /// Ports that any position sends through.
    pub(super) outputs: u8,
    /// Channel towards the PE, or [`NONE`].
    pub(super) down: u8,
    /// Routes that send through a port that this one sends through, too; one bit each.
    pub(super) rivals: u32,
}

/// Where a channel runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From the PE to its router.
    Up,
    /// From the neighbour behind this port to the router.
    Link(u8),
    /// From the router to its PE.
    Down,
}

/// A first-in first-out buffer and the way into it.
#[derive(Clone, Copy)]
pub(super) struct ChannelLayout {
    pub(super) way: Way,
    pub(super) route: u8,
    /// On a ramp: wavelets that operations send or take, and those that advance a switch.
    pub(super) wavelets: u32,
    pub(super) turns: u32,
}

/// One operation.
pub(super) struct OpLayout {
    pub(super) wavelets: u32,
    pub(super) lead: u32,
    pub(super) period: u32,
    pub(super) tail: u32,
    pub(super) local_cycles: u32,
    /// Parts of the datapath that a wavelet takes.
    pub(super) part: u8,
    /// Channel that it takes from, or [`NONE`], and what earlier operations take from it.
    pub(super) input: u8,
    pub(super) taken_before: u32,
    /// Channel that it sends into, or [`NONE`], and what earlier operations send into it.
    pub(super) output: u8,
    pub(super) sent_before: u32,
    /// How many earlier ones end with a wavelet that advances a switch.
    pub(super) turns_before: u32,
    pub(super) end: SendEnd,
    /// The operation before and behind in the same thread.
    pub(super) before: u16,
    pub(super) behind: u16,
    pub(super) after: SmallVec<[u16; 2]>,
}

impl OpLayout {
    /// Whether it works inside the PE only.
    #[inline]
    pub(super) fn is_local(&self) -> bool {
        self.input == NONE && self.output == NONE
    }

    /// Wavelets that it issues, the control wavelet behind them included.
    #[inline]
    pub(super) fn issues(&self) -> u32 {
        self.wavelets + u32::from(self.end == SendEnd::Control)
    }
}

/// Everything PEs of one class share.
pub(super) struct ClassLayout {
    pub(super) routes: Vec<RouteLayout>,
    pub(super) channels: Vec<ChannelLayout>,
    pub(super) ops: Vec<OpLayout>,
    /// First and last operation of each thread, in the order of threads.
    pub(super) threads: Vec<(u16, u16)>,
    /// Whether several threads send on one colour, so that who sends first is seen only in the run.
    pub(super) mixed: bool,
    /// Whether threads may have to wait for each other's use of the datapath.
    pub(super) shares: bool,
    /// Whether several threads may issue in one cycle.
    pub(super) wide: bool,
    /// (channel, route) by colour and input port.
    entries: Vec<(u8, u8)>,
    /// Route by colour.
    route_of: [u8; COLOURS],
}

impl ClassLayout {
    pub(super) fn new(class: &PeClass) -> Result<Self, FabricError> {
        let mut layout = Self {
            routes: Vec::new(),
            channels: Vec::new(),
            ops: Vec::new(),
            threads: Vec::new(),
            mixed: false,
            shares: false,
            wide: false,
            entries: vec![(NONE, NONE); COLOURS * 5],
            route_of: [NONE; COLOURS],
        };
        for route in &class.routes {
            layout.add_route(route);
        }
        for index in 0..layout.routes.len() {
            let outputs = layout.routes[index].outputs;
            let shares = |(other, route): (usize, &RouteLayout)| {
                u32::from(other != index && route.outputs & outputs != 0) << other
            };
            layout.routes[index].rivals = layout.routes.iter().enumerate().map(shares).sum();
        }
        layout.add_ops(class)?;
        Ok(layout)
    }

    /// How many lanes, channels, threads and operations a PE has.
    pub(super) fn sizes(&self) -> [usize; 4] {
        [self.routes.len(), self.channels.len(), self.threads.len(), self.ops.len()]
    }

    /// Channel and route of what comes in on `colour` by `port`.
    #[inline]
    pub(super) fn entry(&self, colour: u8, port: u8) -> (u8, u8) {
        self.entries[colour as usize * 5 + port as usize]
    }

    /// Route of `colour`.
    #[inline]
    pub(super) fn route_of(&self, colour: u8) -> u8 {
        self.route_of[colour as usize]
    }

    fn add_channel(&mut self, way: Way, route: u8) -> u8 {
        self.channels.push(ChannelLayout { way, route, wavelets: 0, turns: 0 });
        (self.channels.len() - 1) as u8
    }

    fn add_route(&mut self, route: &crate::mesh::program::Route) {
        let index = self.routes.len() as u8;
        let mut layout = RouteLayout {
            colour: route.colour.0,
            positions: SmallVec::new(),
            inputs: SmallVec::new(),
            outputs: 0,
            down: NONE,
            rivals: 0,
        };
        for position in &route.positions {
            let entry = route.colour.0 as usize * 5 + position.rx as usize;
            if self.entries[entry].0 == NONE {
                let way = match position.rx {
                    Port::Ramp => Way::Up,
                    port => Way::Link(port as u8),
                };
                self.entries[entry] = (self.add_channel(way, index), index);
                layout.inputs.push(self.entries[entry].0);
            }
            if position.tx.has(Port::Ramp) && layout.down == NONE {
                layout.down = self.add_channel(Way::Down, index);
            }
            let channel = self.entries[entry].0;
            let is = |&input: &u8| input == channel;
            let input = layout.inputs.iter().position(is).unwrap_or(0) as u8;
            layout.positions.push(PositionLayout { channel, input, tx: position.tx.0 });
            layout.outputs |= position.tx.0;
        }
        self.route_of[route.colour.0 as usize] = index;
        self.routes.push(layout);
    }

    fn add_ops(&mut self, class: &PeClass) -> Result<(), FabricError> {
        let mut last_of_thread = [NO_OP; 9];
        let mut taken = [0u64; COLOURS];
        let mut sent = [0u64; COLOURS];
        let mut sender = [NONE; COLOURS];
        for (index, op) in class.ops.iter().enumerate() {
            let index = index as u16;
            let before = std::mem::replace(&mut last_of_thread[op.thread as usize], index);
            if before != NO_OP {
                self.ops[before as usize].behind = index;
            }
            let mut layout = OpLayout {
                wavelets: op.wavelets(),
                lead: op.lead,
                period: op.period,
                tail: op.tail,
                local_cycles: op.local_cycles,
                part: match (op.input(), op.output()) {
                    (None, None) => DATAPATH,
                    _ => DATAPATH / op.at_once,
                },
                input: NONE,
                taken_before: 0,
                output: NONE,
                sent_before: 0,
                turns_before: 0,
                end: op.end,
                before,
                behind: NO_OP,
                after: op.after.iter().copied().collect(),
            };
            if let Some(colour) = op.input() {
                let taken = &mut taken[colour.0 as usize];
                layout.input = self.routes[self.route_of(colour.0) as usize].down;
                layout.taken_before = *taken as u32;
                *taken += u64::from(layout.wavelets);
                self.channels[layout.input as usize].wavelets = *taken as u32;
            }
            if let Some(colour) = op.output() {
                let sent = &mut sent[colour.0 as usize];
                layout.output = self.entry(colour.0, RAMP).0;
                layout.sent_before = *sent as u32;
                *sent += u64::from(layout.issues());
                let channel = &mut self.channels[layout.output as usize];
                layout.turns_before = channel.turns;
                channel.turns += u32::from(op.end != SendEnd::Plain);
                channel.wavelets = *sent as u32;
                let sender = &mut sender[colour.0 as usize];
                self.mixed |= *sender != NONE && *sender != op.thread;
                *sender = op.thread;
            }
            self.ops.push(layout);
        }
        if taken.iter().chain(&sent).any(|&count| count > MOST) {
            let reason = format!("more than {MOST} wavelets pass one ramp");
            return Err(FabricError::NotAccepted { reason });
        }
        let firsts =
            (0..class.ops.len() as u16).filter(|&op| self.ops[op as usize].before == NO_OP);
        let mut firsts: Vec<_> = firsts.map(|op| (class.ops[op as usize].thread, op)).collect();
        firsts.sort_unstable();
        let ends = firsts.iter().map(|&(thread, op)| (op, last_of_thread[thread as usize]));
        self.threads = ends.collect();
        let mut parts = [0; 9];
        for (op, layout) in class.ops.iter().zip(&self.ops) {
            if !layout.is_local() || layout.local_cycles > 0 {
                let part = &mut parts[op.thread as usize];
                *part = layout.part.max(*part);
            }
        }
        let all: u8 = parts.iter().sum();
        self.shares = self.threads.len() > 1 && (all > DATAPATH || self.mixed);
        self.wide = self.shares && class.ops.iter().any(|op| op.at_once > 1);
        Ok(())
    }
}

/// The ports in a set, by number.
#[inline]
pub(super) fn ports(mut set: u8) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let port = set.trailing_zeros() as u8;
        set &= set.wrapping_sub(1);
        (port < 8).then_some(port)
    })
}
