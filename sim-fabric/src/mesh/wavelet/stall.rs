//! Why nothing moves: who waits for whom, on which colour.
//!
//! Every operation that is not done, every first wavelet of a buffer and every input that brings
//! nothing is a node; an edge leads to what it waits for. A cycle is a deadlock; a path without one
//! ends at what nobody will ever do.

use super::bands::Machine;
use super::buffer::Buffer;
use super::layout::{ClassLayout, Layout, NO_OP, NONE, RAMP, Way, ports};
use super::state::{Collision, NEVER, NOT_DONE, Node, Thread};
use super::values::Payload;
use crate::mesh::check::at;
use crate::mesh::program::{FabricError, Port, Program};
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::BTreeMap;

/// Longest list of waits in a message.
const LISTED: usize = 12;

/// Something that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wait {
    /// An operation of a PE.
    Op { pe: usize, op: u16 },
    /// The first wavelet in the buffer of a route and port.
    Wavelet { pe: usize, route: u8, port: u8 },
    /// A route whose current input brings nothing.
    Input { pe: usize, route: u8 },
}

/// What is wrong at the end, if anything: work left, or wavelets nobody took.
pub(super) fn check_end<P: Payload>(
    machine: &Machine<'_, P>,
    base: u64,
) -> Result<(), FabricError> {
    let last_move = machine.bands.iter().map(|band| band.last_move).max().unwrap_or(0);
    let cycle = base + u64::from(last_move);
    if let Some(collision) = machine.bands.iter().filter_map(|band| band.collision).min() {
        return Err(machine.collided(collision, base));
    }
    if machine.circles {
        return Err(FabricError::Deadlock { cycle, waits: machine.circling() });
    }
    if machine.bands.iter().any(|band| band.left > 0) {
        return Err(FabricError::Deadlock { cycle, waits: machine.waits() });
    }
    machine.first_left().map_or(Ok(()), Err)
}

impl<P: Payload> Machine<'_, P> {
    fn program(&self) -> &Program {
        self.bands[0].program
    }

    fn layout(&self) -> &Layout {
        self.bands[0].layout
    }

    fn pes(&self) -> usize {
        self.program().class_of.len()
    }

    fn node(&self, pe: usize) -> Node {
        let (band, pe) = self.of(pe);
        band.nodes[pe]
    }

    fn class(&self, pe: usize) -> &ClassLayout {
        let (band, pe) = self.of(pe);
        &band.layout.classes[band.nodes[pe].class as usize]
    }

    fn buffer(&self, pe: usize, buffer: u8) -> Buffer {
        let (band, pe) = self.of(pe);
        band.buffers[band.nodes[pe].buffers as usize + buffer as usize]
    }

    fn len(&self, pe: usize, buffer: u8) -> u16 {
        self.buffer(pe, buffer).len
    }

    /// The current position of a route.
    fn way(&self, pe: usize, route: u8) -> Way {
        let (band, pe) = self.of(pe);
        let lane = band.lanes[band.nodes[pe].lanes as usize + route as usize];
        band.layout.ways[lane.way as usize]
    }

    fn threads(&self, pe: usize) -> &[Thread] {
        let (band, local) = self.of(pe);
        let first = band.cores[local].threads as usize;
        &band.threads[first..first + self.class(pe).threads.len()]
    }

    fn is_done(&self, pe: usize, op: u16) -> bool {
        let (band, pe) = self.of(pe);
        band.done[band.cores[pe].ops as usize + op as usize] != NOT_DONE
    }

    fn colour(&self, pe: usize, route: u8) -> u8 {
        let (band, pe) = self.of(pe);
        band.layout.colour(band.nodes[pe].class, route)
    }

    fn place(&self, pe: usize) -> String {
        let columns = self.program().shape.columns as usize;
        format!("PE ({}, {})", pe % columns, pe / columns)
    }

    /// The first wavelets that stay behind in a buffer.
    fn first_left(&self) -> Option<FabricError> {
        (0..self.pes()).find_map(|pe| {
            let mut buffers = self.class(pe).buffers.iter().enumerate();
            let (index, layout) = buffers.find(|&(index, _)| self.len(pe, index as u8) > 0)?;
            let colour = self.colour(pe, layout.route);
            let place = match layout.port {
                NONE => "on the way from the router to the PE".to_owned(),
                port => format!("in the router's buffer of port {:?}", name(port)),
            };
            let count = self.len(pe, index as u8);
            let problem = format!("{count} wavelets of colour {colour} stay {place}");
            Some(at(self.program(), pe, problem))
        })
    }

    /// Two wavelets that must not reach one router at once.
    fn collided(&self, collision: Collision, base: u64) -> FabricError {
        let Collision { at, pe, colour, ports: (first, second), .. } = collision;
        let columns = self.program().shape.columns as usize;
        FabricError::Collision {
            x: (pe % columns) as u32,
            y: (pe / columns) as u32,
            colour,
            cycle: base + u64::from(at),
            first: name(first),
            second: name(second),
        }
    }

    /// Wavelets move and no operation issues, for too long.
    fn circling(&self) -> String {
        let holds = |&pe: &usize| {
            (0..self.class(pe).buffers.len()).any(|buffer| self.len(pe, buffer as u8) > 0)
        };
        let moving = (0..self.pes()).find(holds);
        let place = self.place(moving.unwrap_or(0));
        format!("wavelets circle without ever reaching a PE; one is at {place}")
    }

    fn waits(&self) -> String {
        let mut graph = DiGraph::<Wait, ()>::new();
        let mut known = BTreeMap::new();
        let mut open = Vec::new();
        for pe in 0..self.pes() {
            for thread in self.threads(pe) {
                if thread.op != NO_OP {
                    open.push(Wait::Op { pe, op: thread.op });
                }
            }
        }
        let first = open.first().copied();
        for &wait in &open {
            known.insert(wait, graph.add_node(wait));
        }
        while let Some(wait) = open.pop() {
            let from = known[&wait];
            for other in self.waits_for(wait) {
                let to = *known.entry(other).or_insert_with(|| {
                    open.push(other);
                    graph.add_node(other)
                });
                graph.add_edge(from, to, ());
            }
        }
        let cycle = tarjan_scc(&graph)
            .into_iter()
            .rev()
            .find(|nodes| nodes.len() > 1 || graph.find_edge(nodes[0], nodes[0]).is_some());
        if let Some(members) = cycle {
            return self.describe(&around(&graph, &members));
        }
        let Some(first) = first else { return "work is left that nobody waits for".to_owned() };
        let mut path = vec![first];
        let mut node = known[&first];
        while let Some(next) = graph.neighbors(node).next() {
            path.push(graph[next]);
            node = next;
        }
        self.describe(&path)
    }

    /// What `wait` waits for.
    fn waits_for(&self, wait: Wait) -> Vec<Wait> {
        match wait {
            Wait::Op { pe, op } => self.op_waits_for(pe, op),
            Wait::Wavelet { pe, route, port } => self.wavelet_waits_for(pe, route, port),
            Wait::Input { pe, route } => self.input_waits_for(pe, route),
        }
    }

    fn op_waits_for(&self, pe: usize, index: u16) -> Vec<Wait> {
        let class = self.class(pe);
        let op = &class.ops[index as usize];
        let current =
            self.threads(pe).iter().find(|thread| thread.op == index && thread.next != NEVER);
        let Some(thread) = current else {
            let before = (op.before != NO_OP).then_some(op.before);
            let others = op.after.iter().copied().chain(before);
            return others
                .filter(|&o| !self.is_done(pe, o))
                .map(|op| Wait::Op { pe, op })
                .collect();
        };
        let mut waits = Vec::new();
        if op.input != NONE && thread.left > 0 {
            if self.buffer(pe, op.input).sender != op.turn {
                waits.extend(self.taker(pe, op.input).map(|op| Wait::Op { pe, op }));
            } else if self.len(pe, op.input) == 0 {
                let route = class.buffers[op.input as usize].route;
                waits.push(self.at_input(pe, route));
            }
        }
        if op.output != NONE && self.len(pe, op.output) >= self.bands[0].ramp_out_window {
            let route = class.buffers[op.output as usize].route;
            waits.push(Wait::Wavelet { pe, route, port: RAMP });
        }
        waits
    }

    /// The operation whose turn it is to take from a ramp's buffer.
    fn taker(&self, pe: usize, buffer: u8) -> Option<u16> {
        let turn = self.buffer(pe, buffer).sender;
        let ops = &self.class(pe).ops;
        let taker = ops.iter().position(|op| op.input == buffer && op.turn == turn);
        taker.map(|op| op as u16)
    }

    /// What the current input of a route has to offer: a wavelet that waits, or nothing.
    fn at_input(&self, pe: usize, route: u8) -> Wait {
        let (way, of) = (self.way(pe, route), self.node(pe).class);
        let waits = ports(way.inputs())
            .find(|&port| self.len(pe, self.layout().entry(of, way.colour, port)) > 0)
            .map(|port| Wait::Wavelet { pe, route, port });
        waits.unwrap_or(Wait::Input { pe, route })
    }

    fn wavelet_waits_for(&self, pe: usize, route: u8, port: u8) -> Vec<Wait> {
        let position = self.way(pe, route);
        if position.inputs() >> port & 1 == 0 {
            return vec![self.at_input(pe, route)];
        }
        let mut waits = Vec::new();
        for out in ports(position.tx) {
            if out != RAMP {
                let next = pe.wrapping_add(self.bands[0].steps[out as usize]);
                let layout = self.layout();
                let class = self.node(next).class;
                let buffer = layout.entry(class, position.colour, out ^ 1);
                if self.len(next, buffer) >= self.bands[0].link_window {
                    let route = layout.route(class, position.colour);
                    waits.push(Wait::Wavelet { pe: next, route, port: out ^ 1 });
                }
            } else if self.len(pe, position.ramp_in) >= self.bands[0].ramp_in_window {
                waits.extend(self.taker(pe, position.ramp_in).map(|op| Wait::Op { pe, op }));
            }
        }
        waits
    }

    fn input_waits_for(&self, pe: usize, route: u8) -> Vec<Wait> {
        let way = self.way(pe, route);
        ports(way.inputs()).flat_map(|port| self.brings(pe, way.colour, port)).collect()
    }

    /// Who should bring wavelets of `colour` to the router of `pe` through `port`.
    fn brings(&self, pe: usize, colour: u8, port: u8) -> Vec<Wait> {
        let (class, layout) = (self.class(pe), self.layout());
        if port == RAMP {
            let buffer = layout.entry(self.node(pe).class, colour, RAMP);
            let senders = (0..class.ops.len() as u16)
                .filter(|&op| class.ops[op as usize].output == buffer && !self.is_done(pe, op));
            return senders.map(|op| Wait::Op { pe, op }).collect();
        }
        let Some(next) = self.program().neighbour(pe, name(port)) else { return Vec::new() };
        let sends = |way: &Way| way.colour == colour && way.tx >> (port ^ 1) & 1 == 1;
        let mut routes = 0..self.class(next).routes as u8;
        let of = self.node(next).class;
        let route = routes.find(|&route| layout.positions(of, route).iter().any(sends));
        route.map(|route| self.at_input(next, route)).into_iter().collect()
    }

    /// A path of waits in words; what only passes the wait on is left out.
    fn describe(&self, path: &[Wait]) -> String {
        let mut words = Vec::new();
        let closed = path.len() > 1 && path.first() == path.last();
        for (index, &wait) in path.iter().enumerate() {
            let next = path.get(index + 1).copied();
            if closed && next.is_none() {
                break;
            }
            let text = match (wait, next) {
                (Wait::Op { pe, op }, Some(Wait::Op { op: other, .. })) => {
                    format!("{} op {op} waits for op {other}", self.place(pe))
                }
                (Wait::Op { pe, op }, Some(Wait::Wavelet { pe: at, route, port }))
                    if at == pe && port == RAMP =>
                {
                    let colour = self.colour(pe, route);
                    format!("{} op {op} waits for room to send colour {colour}", self.place(pe))
                }
                (
                    Wait::Op { pe, op },
                    Some(Wait::Input { pe: at, route } | Wait::Wavelet { pe: at, route, .. }),
                ) => {
                    let nobody = matches!(path.last(), Some(Wait::Input { .. }))
                        && path[index + 1..].iter().all(|w| matches!(w, Wait::Input { .. }));
                    let nobody = if nobody { " that nobody sends" } else { "" };
                    let colour = self.colour(at, route);
                    let place = self.place(pe);
                    format!("{place} op {op} waits for wavelets of colour {colour}{nobody}")
                }
                (Wait::Op { pe, op }, None) => format!("{} op {op} waits", self.place(pe)),
                (Wait::Wavelet { pe, route, port }, next) => {
                    let why = match next {
                        Some(Wait::Op { op, .. }) => format!("waits for op {op} to take wavelets"),
                        Some(Wait::Wavelet { pe: at, .. }) if at != pe => {
                            format!("waits for room at {}", self.place(at))
                        }
                        Some(_) => "waits for the switch to advance".to_owned(),
                        None => "waits for an operation to take it, and none does".to_owned(),
                    };
                    let (colour, port) = (self.colour(pe, route), name(port));
                    format!("colour {colour} from {port:?} at {} {why}", self.place(pe))
                }
                (Wait::Input { pe, route }, None) if index > 0 => {
                    let colour = self.colour(pe, route);
                    format!("the trail of colour {colour} ends at {}", self.place(pe))
                }
                (Wait::Input { .. }, _) => continue,
            };
            words.push(text);
        }
        if words.len() > LISTED {
            let more = words.len() - LISTED;
            words.truncate(LISTED);
            words.push(format!("and {more} more"));
        }
        words.join("; ")
    }
}

fn name(port: u8) -> Port {
    Port::ALL[port as usize]
}

/// A way around inside a strongly connected part, beginning at its least operation.
fn around(graph: &DiGraph<Wait, ()>, members: &[NodeIndex]) -> Vec<Wait> {
    let start = *members.iter().min_by_key(|&&node| graph[node]).unwrap_or(&members[0]);
    let mut previous = BTreeMap::from([(start, start)]);
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for next in graph.neighbors(node).filter(|next| members.contains(next)) {
            if next == start {
                let mut path = vec![graph[start]];
                let mut back = node;
                while back != start {
                    path.insert(1, graph[back]);
                    back = previous[&back];
                }
                path.push(graph[start]);
                return path;
            }
            previous.entry(next).or_insert_with(|| {
                queue.push_back(next);
                node
            });
        }
    }
    vec![graph[start]]
}
