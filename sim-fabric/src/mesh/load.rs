//! How many wavelets cross each link and ramp, from the program alone.
//!
//! ```text
//! what PEs send  ->  router by router along each colour  ->  wavelets on each link and ramp
//!                    (switches say what goes where, and in which order)
//! ```
//! Times do not matter for this: the order of wavelets through a router is fixed by its switches. So
//! it is a second opinion on what an engine counted, and says where a program is crowded. Colours
//! that list several receive directions, and routes that form a ring, have no such order.

use super::program::{PeClass, Port, Program, SendEnd};

const NONE: u32 = u32::MAX;

/// What crosses links and ramps in one run of a program `[wavelets]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// For each PE's router: out of its north, south, east and west ports, and down its ramp.
    pub out: Vec<[u32; 5]>,
    /// Sent by PEs, control wavelets included.
    pub injected: u64,
    /// Added by multicast.
    pub copies: u64,
    /// Handed to PEs' operations.
    pub delivered: u64,
    /// Control wavelets that end at a ramp.
    pub ended: u64,
}

/// A link or ramp and what crosses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crossing {
    /// PE whose router it leaves.
    pub pe: usize,
    /// Through this port; [`Port::Ramp`] is the way down to the PE.
    pub port: Port,
    /// How many `[wavelets]`.
    pub wavelets: u32,
}

impl Load {
    /// Counts what `program`, a valid one, moves; nothing where its order is not fixed.
    pub fn of(program: &Program) -> Option<Self> {
        if program.merges() {
            return None;
        }
        let mut count = Count::new(program);
        count.inject();
        let order = count.order()?;
        for route in order {
            count.route(route);
        }
        Some(count.load)
    }

    /// Link traversals between routers.
    pub fn hops(&self) -> u64 {
        self.out.iter().flat_map(|ports| &ports[..4]).map(|&wavelets| u64::from(wavelets)).sum()
    }

    /// Wavelets that were sent or copied and neither delivered nor ended.
    pub fn in_flight(&self) -> u64 {
        (self.injected + self.copies).saturating_sub(self.delivered + self.ended)
    }

    /// The `most` links that most wavelets cross, most first, of equals the first by PE and port.
    pub fn hottest_links(&self, most: usize) -> Vec<Crossing> {
        self.hottest(most, &[Port::North, Port::South, Port::East, Port::West])
    }

    /// The PE that most wavelets reach.
    pub fn hottest_ramp(&self) -> Option<Crossing> {
        self.hottest(1, &[Port::Ramp]).pop()
    }

    fn hottest(&self, most: usize, ports: &[Port]) -> Vec<Crossing> {
        let mut hottest: Vec<Crossing> = Vec::with_capacity(most + 1);
        for (pe, out) in self.out.iter().enumerate() {
            for &port in ports {
                let wavelets = out[port as usize];
                let least = hottest.get(most.wrapping_sub(1)).map_or(0, |last| last.wavelets);
                if wavelets > least {
                    let place = hottest.partition_point(|other| other.wavelets >= wavelets);
                    hottest.insert(place, Crossing { pe, port, wavelets });
                    hottest.truncate(most);
                }
            }
        }
        hottest
    }
}

/// Cycles for which the operations of `class` hold its datapath at least: their parts of it all
/// together, or the longest thread.
pub fn datapath_cycles(class: &PeClass) -> u64 {
    let mut threads = [0u64; 9];
    let mut eighths = 0;
    for op in &class.ops {
        let (cycles, parts) = if op.input().is_none() && op.output().is_none() {
            (u64::from(op.local_cycles), 8 * u64::from(op.local_cycles))
        } else {
            let wavelets = u64::from(op.wavelets()) + u64::from(op.end == SendEnd::Control);
            (u64::from(op.wavelets()) * u64::from(op.period), wavelets * 8 / u64::from(op.at_once))
        };
        threads[op.thread as usize] += cycles;
        eighths += parts;
    }
    threads.into_iter().max().unwrap_or(0).max(eighths.div_ceil(8))
}

/// How a piece of what goes through a router ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Plain,
    /// Advances the sender's own switch.
    Advance,
    /// With a control wavelet, which is counted.
    Control,
}

/// Wavelets that come one behind the other.
#[derive(Clone, Copy)]
struct Piece {
    count: u32,
    end: End,
    next: u32,
}

/// The pieces that wait at the inputs of one route: first and last of each port's.
#[derive(Clone, Copy)]
struct Inputs {
    pe: u32,
    colour: u8,
    lists: [(u32, u32); 5],
}

struct Count<'a> {
    program: &'a Program,
    /// First route of each PE.
    bases: Vec<u32>,
    inputs: Vec<Inputs>,
    pieces: Vec<Piece>,
    load: Load,
}

impl<'a> Count<'a> {
    fn new(program: &'a Program) -> Self {
        let pes = program.class_of.len();
        let mut bases = Vec::with_capacity(pes + 1);
        let mut inputs = Vec::new();
        for pe in 0..pes {
            bases.push(inputs.len() as u32);
            let routes = program.class(pe).routes.iter();
            inputs.extend(routes.map(|route| Inputs {
                pe: pe as u32,
                colour: route.colour.0,
                lists: [(NONE, NONE); 5],
            }));
        }
        bases.push(inputs.len() as u32);
        let load = Load { out: vec![[0; 5]; pes], ..Load::default() };
        Self { program, bases, inputs, pieces: Vec::new(), load }
    }

    fn find(&self, pe: usize, colour: u8) -> Option<usize> {
        let routes = self.bases[pe] as usize..self.bases[pe + 1] as usize;
        routes.into_iter().find(|&route| self.inputs[route].colour == colour)
    }

    /// Puts pieces at an input; plain ones behind each other become one.
    fn put(&mut self, route: usize, port: Port, count: u32, end: End) {
        let (first, last) = &mut self.inputs[route].lists[port as usize];
        if let Some(before) = self.pieces.get_mut(*last as usize)
            && before.end == End::Plain
        {
            (before.count, before.end) = (before.count + count, end);
            return;
        }
        let index = self.pieces.len() as u32;
        if let Some(before) = self.pieces.get_mut(*last as usize) {
            before.next = index;
        } else {
            *first = index;
        }
        *last = index;
        self.pieces.push(Piece { count, end, next: NONE });
    }

    /// What PEs send.
    fn inject(&mut self) {
        let program = self.program;
        for pe in 0..program.class_of.len() {
            for op in &program.class(pe).ops {
                let Some(colour) = op.output() else { continue };
                let Some(route) = self.find(pe, colour.0) else { continue };
                let (control, end) = match op.end {
                    SendEnd::Plain => (0, End::Plain),
                    SendEnd::AdvanceLocal => (0, End::Advance),
                    SendEnd::Control => (1, End::Control),
                };
                self.load.injected += u64::from(op.wavelets()) + u64::from(control);
                self.put(route, Port::Ramp, op.wavelets() + control, end);
            }
        }
    }

    /// The route behind `port` of `pe`.
    fn next(&self, pe: usize, port: Port, colour: u8) -> Option<usize> {
        self.find(self.program.neighbour(pe, port)?, colour)
    }

    /// Ports through which a route ever sends to neighbours.
    fn links(&self, route: usize) -> impl Iterator<Item = Port> + use<> {
        let pe = self.inputs[route].pe as usize;
        let routes = &self.program.class(pe).routes[route - self.bases[pe] as usize];
        let all = routes.positions.iter().fold(0, |set, position| set | position.tx.0);
        Port::ALL.into_iter().filter(move |&port| port != Port::Ramp && all >> port as u8 & 1 == 1)
    }

    /// Routes, each behind all that feed it; nothing if they form a ring.
    fn order(&self) -> Option<Vec<u32>> {
        let mut waits = vec![0u8; self.inputs.len()];
        for (route, inputs) in self.inputs.iter().enumerate() {
            for port in self.links(route) {
                waits[self.next(inputs.pe as usize, port, inputs.colour)?] += 1;
            }
        }
        let mut order: Vec<u32> = Vec::with_capacity(waits.len());
        order.extend((0..waits.len() as u32).filter(|&route| waits[route as usize] == 0));
        let mut at = 0;
        while let Some(&route) = order.get(at) {
            let inputs = self.inputs[route as usize];
            for port in self.links(route as usize) {
                let next = self.next(inputs.pe as usize, port, inputs.colour)?;
                waits[next] -= 1;
                if waits[next] == 0 {
                    order.push(next as u32);
                }
            }
            at += 1;
        }
        (order.len() == waits.len()).then_some(order)
    }

    /// Sends on what waits at a route, as its switch goes through its positions.
    fn route(&mut self, route: u32) {
        let program = self.program;
        let Inputs { pe, colour, mut lists } = self.inputs[route as usize];
        let pe = pe as usize;
        let positions = &program.class(pe).routes[(route - self.bases[pe]) as usize].positions;
        let mut current = 0;
        loop {
            let position = positions[current];
            let list = &mut lists[position.rx as usize].0;
            let Some(&Piece { count, end, next }) = self.pieces.get(*list as usize) else { break };
            *list = next;
            let control = u32::from(end == End::Control);
            self.load.copies += u64::from(count) * (position.tx.iter().count() as u64 - 1);
            for port in position.tx.iter() {
                self.load.out[pe][port as usize] += count;
                if port == Port::Ramp {
                    self.load.delivered += u64::from(count - control);
                    self.load.ended += u64::from(control);
                } else if let Some(behind) = self.next(pe, port, colour) {
                    let end = if control == 1 { End::Control } else { End::Plain };
                    self.put(behind, port.opposite(), count, end);
                }
            }
            if end != End::Plain {
                current = (current + 1) % positions.len();
            }
        }
    }
}
