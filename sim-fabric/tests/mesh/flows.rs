//! Differential tests on flows that turn corners, sum and take turns: the stream engine against the reference engine, on random programs.
//!
//! A program is a list of flows over a small rectangle, laid down one after another: every PE works
//! on its parts of them in the same order, so nothing deadlocks, while flows run into each other's
//! links, buffers and PEs.

use super::build::*;
use proptest::prelude::*;
use sim_fabric::mesh::program::{
    DType, Op, PeClass, Port, PortSet, Position, Program, Route, SendEnd,
};
use sim_fabric::mesh::spec::FabricSpec;
use sim_fabric::mesh::{stream, wavelet};

use Port::{East, North, Ramp, South, West};

const COLUMNS: usize = 5;
const ROWS: usize = 3;
const PES: usize = COLUMNS * ROWS;

#[derive(Clone, Copy, Debug)]
enum Shape {
    /// One sender, words on a path along a row and a column; some PEs on the way take them too.
    Path { taps: u16 },
    /// A sum along a row, on two colours.
    Chain,
    /// Everyone's own words first, then those from behind, along a row.
    Star { end: SendEnd },
}

#[derive(Clone, Copy, Debug)]
struct Flow {
    shape: Shape,
    from: usize,
    to: usize,
    elements: u32,
    half: bool,
    periods: (u32, u32),
    lead: u32,
    tail: u32,
    end: SendEnd,
    work: u32,
    /// The taker takes in two operations.
    split: bool,
    /// Thread that works on it.
    thread: u8,
}

fn flows() -> impl Strategy<Value = Vec<Flow>> {
    let shape = prop_oneof![
        3 => any::<u16>().prop_map(|taps| Shape::Path { taps }),
        1 => Just(Shape::Chain),
        1 => prop_oneof![Just(SendEnd::AdvanceLocal), Just(SendEnd::Control)]
            .prop_map(|end| Shape::Star { end }),
    ];
    let end =
        prop_oneof![Just(SendEnd::Plain), Just(SendEnd::Control), Just(SendEnd::AdvanceLocal)];
    let times = (1..4u32, 1..4u32, 0..20u32, 0..8u32, 0..30u32, 0..4u8);
    let flow = (shape, 0..PES, 0..PES, 1..40u32, times, end, any::<(bool, bool)>());
    let flow = flow.prop_map(|(shape, from, to, elements, times, end, (half, split))| {
        let (send, take, lead, tail, work, thread) = times;
        let periods = (send, take);
        Flow { shape, from, to, elements, half, periods, lead, tail, end, work, split, thread }
    });
    // Half of them on one thread.
    (prop::collection::vec(flow, 1..7), any::<bool>()).prop_map(|(mut flows, alone)| {
        flows.iter_mut().filter(|_| alone).for_each(|flow| flow.thread = 0);
        flows
    })
}

fn specs() -> impl Strategy<Value = FabricSpec> {
    (1..4u32, 0..4u32, 2..6u32, 2..6u32, 2..6u32, 0..3u32).prop_map(
        |(hop_cycles, ramp_cycles, queue_depth, ramp_in_depth, ramp_out_depth, switch_cycles)| {
            FabricSpec {
                hop_cycles,
                ramp_cycles,
                queue_depth,
                ramp_in_depth,
                ramp_out_depth,
                switch_cycles,
                receive_directions: 1,
            }
        },
    )
}

struct Builder {
    pes: Vec<PeClass>,
    colour: u8,
}

impl Builder {
    fn route(&mut self, pe: usize, colour: u8, positions: &[(Port, &[Port])]) {
        self.pes[pe].routes.push(route(colour, positions));
    }

    fn op(&mut self, pe: usize, flow: &Flow, period: u32, op: Op) {
        let dtype = if flow.half { DType::F16 } else { DType::F32 };
        self.pes[pe].ops.push(Op {
            dtype,
            period,
            lead: flow.lead,
            tail: flow.tail,
            thread: flow.thread,
            ..op
        });
    }

    fn take(&mut self, pe: usize, flow: &Flow, colour: u8, elements: u32) {
        let first = elements / 2 / 2 * 2;
        if flow.split && first > 0 {
            self.op(pe, flow, flow.periods.1, take(colour, first));
            self.op(pe, flow, flow.periods.1, take(colour, elements - first));
        } else {
            self.op(pe, flow, flow.periods.1, take(colour, elements));
        }
    }

    fn path(&mut self, flow: &Flow, taps: u16) {
        let (mut x, mut y) = (flow.from % COLUMNS, flow.from / COLUMNS);
        let (to_x, to_y) = (flow.to % COLUMNS, flow.to / COLUMNS);
        let (mut pe, mut came) = (flow.from, Ramp);
        while pe != flow.to {
            let port = if x < to_x {
                x += 1;
                East
            } else if x > to_x {
                x -= 1;
                West
            } else if y < to_y {
                y += 1;
                South
            } else {
                y -= 1;
                North
            };
            let tapped = came != Ramp && taps >> pe & 1 == 1;
            let tx: &[Port] = if tapped { &[port, Ramp] } else { &[port] };
            self.route(pe, self.colour, &[(came, tx)]);
            if came == Ramp {
                let sent = Op { end: flow.end, ..send(self.colour, flow.elements) };
                self.op(pe, flow, flow.periods.0, sent);
            } else if tapped {
                self.take(pe, flow, self.colour, flow.elements);
            }
            pe = y * COLUMNS + x;
            came = port.opposite();
        }
        if flow.from != flow.to {
            self.route(pe, self.colour, &[(came, &[Ramp])]);
            self.take(pe, flow, self.colour, flow.elements);
        }
        self.colour += 1;
    }

    /// From the column of `to` to the west end of the row of `from`.
    fn chain(&mut self, flow: &Flow) {
        let (first, last) = (flow.from / COLUMNS * COLUMNS, flow.to % COLUMNS);
        for x in (0..=last).rev().filter(|_| last > 0) {
            let to = self.colour + (x % 2) as u8;
            let from = self.colour + 1 - (x % 2) as u8;
            let pe = first + x;
            if x > 0 {
                self.route(pe, to, &[(Ramp, &[West])]);
            }
            if x < last {
                self.route(pe, from, &[(East, &[Ramp])]);
            }
            match x {
                0 => self.take(pe, flow, from, flow.elements),
                _ if x == last => self.op(pe, flow, flow.periods.0, send(to, flow.elements)),
                _ => self.op(pe, flow, flow.periods.1, add_on(from, to, flow.elements)),
            }
        }
        self.colour += 2;
    }

    fn star(&mut self, flow: &Flow, end: SendEnd) {
        let (first, last) = (flow.from / COLUMNS * COLUMNS, flow.to % COLUMNS);
        let elements = flow.elements.next_multiple_of(2);
        for x in (0..=last).rev().filter(|_| last > 0) {
            let pe = first + x;
            if x == 0 {
                self.route(pe, self.colour, &[(East, &[Ramp])]);
                self.take(pe, flow, self.colour, elements * last as u32);
                continue;
            }
            // A control wavelet turns every router it passes, and each of these once more for every
            // PE behind it: on from own words, to those from behind, and around.
            let positions: &[(Port, &[Port])] = match end {
                SendEnd::AdvanceLocal => &[(Ramp, &[West]), (East, &[West])],
                _ => &[(Ramp, &[West]), (East, &[West]), (East, &[West]), (East, &[West])],
            };
            let count = if end == SendEnd::Control { last - x + 1 } else { 2 };
            self.route(pe, self.colour, &positions[..count.min(positions.len())]);
            let sent = Op { end, ..send(self.colour, elements) };
            self.op(pe, flow, flow.periods.0, sent);
        }
        self.colour += 1;
    }
}

fn program(flows: &[Flow]) -> Program {
    let mut builder = Builder { pes: vec![PeClass::default(); PES], colour: 0 };
    for flow in flows {
        match flow.shape {
            Shape::Path { taps } => builder.path(flow, taps),
            Shape::Chain => builder.chain(flow),
            Shape::Star { end } => builder.star(flow, end),
        }
        if flow.work > 0 {
            let work = Op { thread: flow.thread, ..local(flow.work) };
            builder.pes[flow.to].ops.push(work);
        }
    }
    for pe in &mut builder.pes {
        pe.routes.sort_by_key(|route| route.colour);
    }
    grid(COLUMNS as u32, ROWS as u32, builder.pes)
}

/// The same program turned around both axes; only the order among equals may change with it.
fn turned(program: &Program) -> Program {
    let mut turned = program.clone();
    for class in &mut turned.classes {
        for Route { positions, .. } in &mut class.routes {
            for Position { rx, tx, .. } in positions {
                *rx = rx.opposite();
                *tx = PortSet::of(&tx.iter().map(Port::opposite).collect::<Vec<_>>());
            }
        }
    }
    turned.class_of.reverse();
    turned
}

/// How many times longer than usual to search, from the environment.
fn soak() -> u32 {
    std::env::var("WAFERSIM_SOAK").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2000 * soak(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_stream_engine_takes_every_program_and_equals_the_reference(
        flows in flows(),
        spec in specs(),
        start in prop::collection::vec(0..40u64, PES),
    ) {
        let program = program(&flows);
        let reference = wavelet::run(&program, &spec, &start);
        prop_assert!(reference.is_ok(), "{}", reference.unwrap_err());
        prop_assert_eq!(stream::run(&program, &spec, &start), reference);
    }

    #[test]
    fn every_wavelet_travels_its_way_once(flows in flows(), spec in specs()) {
        let program = program(&flows);
        let run = run_on(&program, &spec).unwrap();
        let again = run_on(&program, &FabricSpec { hop_cycles: 2, ..spec }).unwrap();
        prop_assert_eq!(run.hops, again.hops, "the way does not depend on time");
        let turned = run_on(&turned(&program), &spec).unwrap();
        prop_assert_eq!(run.hops, turned.hops);
    }
}
