//! Why nothing moves: who waits for whom, on which colour.
//!
//! Every operation that is not done, every first wavelet of a buffer and every input that brings
//! nothing is a node; an edge leads to what it waits for. A cycle is a deadlock; a path without one
//! ends at what nobody will ever do.

use super::layout::{ClassLayout, NO_OP, NONE, RAMP, ports};
use super::state::{Collision, Engine, NEVER, NOT_DONE};
use super::values::Payload;
use crate::mesh::check::at;
use crate::mesh::program::{FabricError, Port};
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

impl<P: Payload> Engine<'_, P> {
    /// What is wrong at the end, if anything: work left, or wavelets nobody took.
    pub(super) fn check_end(&self, cycle: u64) -> Result<(), FabricError> {
        if self.left > 0 {
            return Err(FabricError::Deadlock { cycle, waits: self.waits() });
        }
        let mut held = 0;
        for pe in 0..self.nodes.len() {
            let class = self.class(pe);
            for (index, layout) in class.buffers.iter().enumerate() {
                let buffer = self.buffers[self.nodes[pe].buffers as usize + index];
                held += u64::from(buffer.len);
                if buffer.len > 0 {
                    let colour = class.routes[layout.route as usize].colour;
                    let place = match layout.port {
                        NONE => "on the way from the router to the PE".to_owned(),
                        port => format!("in the router's buffer of port {:?}", name(port)),
                    };
                    let count = buffer.len;
                    let problem = format!("{count} wavelets of colour {colour} stay {place}");
                    return Err(at(self.program, pe, problem));
                }
            }
        }
        let counts = self.counts;
        assert_eq!(
            counts.sent + counts.copies,
            counts.taken + counts.ended + held,
            "wavelets are conserved: {counts:?}, {held} held"
        );
        Ok(())
    }

    /// Two wavelets that must not reach one router at once.
    pub(super) fn collided(&self, collision: Collision) -> FabricError {
        let Collision { at, pe, colour, ports: (first, second) } = collision;
        let columns = self.program.shape.columns as usize;
        FabricError::Collision {
            x: (pe % columns) as u32,
            y: (pe / columns) as u32,
            colour,
            cycle: self.base + u64::from(at),
            first: name(first),
            second: name(second),
        }
    }

    /// Wavelets move and no operation issues, for too long.
    pub(super) fn circling(&self, now: u32) -> FabricError {
        let moving = (0..self.nodes.len()).find(|&pe| {
            let first = self.nodes[pe].buffers as usize;
            (0..self.class(pe).buffers.len()).any(|index| self.buffers[first + index].len > 0)
        });
        let place = self.place(moving.unwrap_or(0));
        let waits = format!("wavelets circle without ever reaching a PE; one is at {place}");
        FabricError::Deadlock { cycle: u64::from(now), waits }
    }

    fn class(&self, pe: usize) -> &ClassLayout {
        &self.classes[self.nodes[pe].class as usize]
    }

    fn waits(&self) -> String {
        let mut graph = DiGraph::<Wait, ()>::new();
        let mut known = BTreeMap::new();
        let mut open = Vec::new();
        for pe in 0..self.cores.len() {
            let first = self.cores[pe].threads as usize;
            for thread in &self.threads[first..first + self.class(pe).threads.len()] {
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

    fn is_done(&self, pe: usize, op: u16) -> bool {
        self.done[self.cores[pe].ops as usize + op as usize] != NOT_DONE
    }

    fn len(&self, pe: usize, buffer: u8) -> u16 {
        self.buffers[self.nodes[pe].buffers as usize + buffer as usize].len
    }

    fn op_waits_for(&self, pe: usize, index: u16) -> Vec<Wait> {
        let class = self.class(pe);
        let op = &class.ops[index as usize];
        let first = self.cores[pe].threads as usize;
        let threads = &self.threads[first..first + class.threads.len()];
        let current = threads.iter().find(|thread| thread.op == index && thread.next != NEVER);
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
            let mark = self.buffers[self.nodes[pe].buffers as usize + op.input as usize].mark;
            if mark != op.turn {
                waits.extend(self.taker(pe, op.input).map(|op| Wait::Op { pe, op }));
            } else if self.len(pe, op.input) == 0 {
                let route = class.buffers[op.input as usize].route;
                waits.push(self.at_input(pe, route));
            }
        }
        if op.output != NONE && self.len(pe, op.output) >= self.ramp_out_window {
            waits.push(Wait::Wavelet { pe, route: op.output_route, port: RAMP });
        }
        waits
    }

    /// The operation whose turn it is to take from a ramp's buffer.
    fn taker(&self, pe: usize, buffer: u8) -> Option<u16> {
        let mark = self.buffers[self.nodes[pe].buffers as usize + buffer as usize].mark;
        let ops = &self.class(pe).ops;
        let taker = ops.iter().position(|op| op.input == buffer && op.turn == mark);
        taker.map(|op| op as u16)
    }

    /// What the current input of a route has to offer: a wavelet that waits, or nothing.
    fn at_input(&self, pe: usize, route: u8) -> Wait {
        let switch = self.switches[self.nodes[pe].routes as usize + route as usize];
        let class = self.class(pe);
        let layout = &class.routes[route as usize];
        let inputs = layout.positions[switch.position as usize].inputs();
        let waits = ports(inputs)
            .find(|&port| self.len(pe, class.entry(layout.colour, port).buffer) > 0)
            .map(|port| Wait::Wavelet { pe, route, port });
        waits.unwrap_or(Wait::Input { pe, route })
    }

    fn wavelet_waits_for(&self, pe: usize, route: u8, port: u8) -> Vec<Wait> {
        let switch = self.switches[self.nodes[pe].routes as usize + route as usize];
        let layout = &self.class(pe).routes[route as usize];
        let position = layout.positions[switch.position as usize];
        if position.inputs() >> port & 1 == 0 {
            return vec![self.at_input(pe, route)];
        }
        let mut waits = Vec::new();
        for out in ports(position.tx) {
            if out != RAMP {
                let next = pe.wrapping_add(self.steps[out as usize]);
                let entry = self.class(next).entry(layout.colour, out ^ 1);
                if self.len(next, entry.buffer) >= self.link_window {
                    waits.push(Wait::Wavelet { pe: next, route: entry.route, port: out ^ 1 });
                }
            } else if self.len(pe, layout.ramp_in) >= self.ramp_in_window {
                waits.extend(self.taker(pe, layout.ramp_in).map(|op| Wait::Op { pe, op }));
            }
        }
        waits
    }

    fn input_waits_for(&self, pe: usize, route: u8) -> Vec<Wait> {
        let switch = self.switches[self.nodes[pe].routes as usize + route as usize];
        let class = self.class(pe);
        let layout = &class.routes[route as usize];
        let inputs = layout.positions[switch.position as usize].inputs();
        ports(inputs).flat_map(|port| self.brings(pe, layout.colour, port)).collect()
    }

    /// Who should bring wavelets of `colour` to the router of `pe` through `port`.
    fn brings(&self, pe: usize, colour: u8, port: u8) -> Vec<Wait> {
        let class = self.class(pe);
        if port == RAMP {
            let buffer = class.entry(colour, RAMP).buffer;
            let senders = (0..class.ops.len() as u16)
                .filter(|&op| class.ops[op as usize].output == buffer && !self.is_done(pe, op));
            return senders.map(|op| Wait::Op { pe, op }).collect();
        }
        let Some(next) = self.program.neighbour(pe, name(port)) else { return Vec::new() };
        let routes = &self.class(next).routes;
        let route = routes.iter().position(|route| {
            let sends = |p: &super::layout::PositionLayout| p.tx >> (port ^ 1) & 1 == 1;
            route.colour == colour && route.positions.iter().any(sends)
        });
        route.map(|route| self.at_input(next, route as u8)).into_iter().collect()
    }

    fn place(&self, pe: usize) -> String {
        let columns = self.program.shape.columns as usize;
        format!("PE ({}, {})", pe % columns, pe / columns)
    }

    fn colour(&self, pe: usize, route: u8) -> u8 {
        self.class(pe).routes[route as usize].colour
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
