//! Where the state of a PE lies: what all PEs of one class share, worked out once per run.

use super::wheel::bits;
use crate::mesh::check::{COLOURS, POSITIONS};
use crate::mesh::program::{PeClass, Port, Program, Route, SendEnd};
use crate::mesh::spec::FabricSpec;

/// No buffer, no route.
pub(super) const NONE: u8 = u8::MAX;
/// No operation.
pub(super) const NO_OP: u16 = u16::MAX;
/// Parts of the datapath of a PE.
pub(super) const DATAPATH: u8 = 8;
/// Number of the ramp among the ports.
pub(super) const RAMP: u8 = Port::Ramp as u8;
/// Ports of a router.
const PORTS: usize = Port::ALL.len();

/// One switch position of a route, with all that a wavelet's way through it asks for.
#[derive(Clone, Copy)]
pub(super) struct Way {
    /// Input port; where there are several, the first listed.
    pub(super) rx: u8,
    /// Set of all input ports where there are several, else 0.
    pub(super) several: u8,
    /// Buffer behind the input port.
    pub(super) buffer: u8,
    /// Set of output ports.
    pub(super) tx: u8,
    /// The first output port that leads to a neighbour, or [`NONE`].
    pub(super) link: u8,
    /// Buffer between router and PE, or [`NONE`].
    pub(super) ramp_in: u8,
    /// Colour of the route.
    pub(super) colour: u8,
    /// Switch positions of the route.
    pub(super) count: u8,
    /// Whether a position of the route has several input ports.
    pub(super) merges: bool,
    /// Routes of the router that may want one of the route's output ports, one bit each.
    pub(super) rivals: u32,
}

impl Way {
    /// Set of all input ports.
    pub(super) fn inputs(self) -> u8 {
        if self.several == 0 { 1 << self.rx } else { self.several }
    }
}

/// A buffer of the PE's router or ramp.
pub(super) struct BufferLayout {
    /// Slots.
    pub(super) window: u32,
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

/// Everything PEs of one class share.
pub(super) struct ClassLayout {
    /// Its first route in [`Layout::ways`].
    pub(super) first_route: usize,
    /// Routes.
    pub(super) routes: usize,
    pub(super) buffers: Vec<BufferLayout>,
    pub(super) ops: Vec<OpLayout>,
    /// First operation of each thread, in the order of threads.
    pub(super) threads: Vec<u16>,
}

/// All classes of a program; what routers ask for lies in two flat tables.
pub(super) struct Layout {
    pub(super) classes: Vec<ClassLayout>,
    /// Switch positions, four for each route, route by route, class by class.
    pub(super) ways: Vec<Way>,
    /// Buffer where wavelets land, by class, colour and port.
    entries: Vec<u8>,
    /// Route, by class and colour.
    routes: Vec<u8>,
}

impl Layout {
    pub(super) fn new(program: &Program, spec: &FabricSpec) -> Self {
        let mut layout = Self {
            classes: Vec::with_capacity(program.classes.len()),
            ways: Vec::new(),
            entries: Vec::with_capacity(program.classes.len() * COLOURS * PORTS),
            routes: vec![NONE; program.classes.len() * COLOURS],
        };
        for class in &program.classes {
            layout.add(class, spec);
        }
        layout
    }

    /// The buffer where a wavelet of `colour` lands that comes into a PE of class `class` by `port`,
    /// or [`NONE`].
    #[inline]
    pub(super) fn entry(&self, class: u16, colour: u8, port: u8) -> u8 {
        self.entries[(class as usize * COLOURS + colour as usize) * PORTS + port as usize]
    }

    /// The route of `colour` in a class, or [`NONE`].
    #[inline]
    pub(super) fn route(&self, class: u16, colour: u8) -> u8 {
        self.routes[class as usize * COLOURS + colour as usize]
    }

    /// The switch positions of a route of a class.
    pub(super) fn positions(&self, class: u16, route: u8) -> &[Way] {
        let first = (self.classes[class as usize].first_route + route as usize) * POSITIONS;
        &self.ways[first..first + self.ways[first].count as usize]
    }

    /// The colour of a route of a class.
    pub(super) fn colour(&self, class: u16, route: u8) -> u8 {
        self.positions(class, route)[0].colour
    }

    fn add(&mut self, class: &PeClass, spec: &FabricSpec) {
        let first_route = self.ways.len() / POSITIONS;
        let mut buffers = Vec::new();
        let mut add_buffer = |route: u8, port: u8, window: u32| {
            buffers.push(BufferLayout { window, route, port });
            (buffers.len() - 1) as u8
        };
        let mut landings = [[NONE; PORTS]; COLOURS];
        let mut ramps_in = [NONE; COLOURS];
        for (route, of) in class.routes.iter().enumerate() {
            let (route, colour) = (route as u8, of.colour.0);
            self.routes[self.classes.len() * COLOURS + colour as usize] = route;
            let count = of.positions.len() as u8;
            let first = self.ways.len();
            let merges = of.positions.iter().any(|position| position.also_rx.0 != 0);
            let rivals = rivals(class, route);
            for position in &of.positions {
                for port in position.inputs().iter() {
                    let landing = &mut landings[colour as usize][port as usize];
                    if *landing == NONE {
                        let window = match port {
                            Port::Ramp => spec.ramp_out_window(),
                            _ => spec.link_window(),
                        };
                        *landing = add_buffer(route, port as u8, window);
                    }
                }
                let rx = position.rx as u8;
                let ramp_in = &mut ramps_in[colour as usize];
                if position.tx.has(Port::Ramp) && *ramp_in == NONE {
                    *ramp_in = add_buffer(route, NONE, spec.ramp_in_window());
                }
                let (buffer, ramp_in) = (landings[colour as usize][rx as usize], *ramp_in);
                let tx = position.tx.0;
                let link = position.tx.iter().next().filter(|&port| port != Port::Ramp);
                let link = link.map_or(NONE, |port| port as u8);
                self.ways.push(Way {
                    rx,
                    several: if position.also_rx.0 == 0 { 0 } else { position.inputs().0 },
                    buffer,
                    tx,
                    link,
                    ramp_in,
                    colour,
                    count,
                    merges,
                    rivals,
                });
            }
            let ramp_in = ramps_in[colour as usize];
            self.ways[first..].iter_mut().for_each(|way| way.ramp_in = ramp_in);
            self.ways.resize(first + POSITIONS, self.ways[first]);
        }
        self.entries.extend(landings.iter().flatten());
        let (ops, threads) = operations(class, |colour| {
            (ramps_in[colour as usize], landings[colour as usize][RAMP as usize])
        });
        let routes = class.routes.len();
        self.classes.push(ClassLayout { first_route, routes, buffers, ops, threads });
    }
}

/// The output ports that a route uses in one position or another.
fn outputs(route: &Route) -> u8 {
    route.positions.iter().fold(0, |ports, position| ports | position.tx.0)
}

/// The other routes of a class that use an output port of this one, one bit each.
fn rivals(class: &PeClass, route: u8) -> u32 {
    let mine = outputs(&class.routes[route as usize]);
    let is_rival =
        |&(other, of): &(usize, &Route)| other != route as usize && outputs(of) & mine != 0;
    let others = class.routes.iter().enumerate().filter(is_rival);
    others.fold(0, |set, (other, _)| set | 1 << other)
}

/// The operations of a class and the first of each thread. `ramp` gives for a colour the buffers
/// from the router to the PE and from the PE to the router.
fn operations(class: &PeClass, ramp: impl Fn(u8) -> (u8, u8)) -> (Vec<OpLayout>, Vec<u16>) {
    let mut ops: Vec<OpLayout> = Vec::with_capacity(class.ops.len());
    let mut last_of_thread = [NO_OP; 9];
    let mut takers = [0; COLOURS];
    for (index, op) in class.ops.iter().enumerate() {
        let index = index as u16;
        let before = std::mem::replace(&mut last_of_thread[op.thread as usize], index);
        if before != NO_OP {
            ops[before as usize].behind = index;
        }
        let turn = op.input().map_or(0, |c| {
            takers[c.0 as usize] += 1;
            takers[c.0 as usize] - 1
        });
        ops.push(OpLayout {
            wavelets: op.wavelets(),
            lead: op.lead,
            period: op.period,
            part: match (op.input(), op.output()) {
                (None, None) => DATAPATH,
                _ => DATAPATH / op.at_once,
            },
            tail: op.tail,
            local_cycles: op.local_cycles,
            input: op.input().map_or(NONE, |c| ramp(c.0).0),
            output: op.output().map_or(NONE, |c| ramp(c.0).1),
            end: op.end,
            turn,
            before,
            behind: NO_OP,
            after: op.after.clone().into(),
        });
    }
    let mut firsts: Vec<_> =
        (0..class.ops.len() as u16).filter(|&index| ops[index as usize].before == NO_OP).collect();
    firsts.sort_by_key(|&index| class.ops[index as usize].thread);
    (ops, firsts)
}

/// The ports in a set, by number.
#[inline]
pub(super) fn ports(set: u8) -> impl Iterator<Item = u8> {
    bits(u64::from(set)).map(|port| port as u8)
}
