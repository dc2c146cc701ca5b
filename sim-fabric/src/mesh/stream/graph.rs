//! The static order of every wavelet.
//!
//! Switches advance with the wavelets themselves, so which wavelet follows which through a router
//! does not depend on time. This module lays that order down: nodes (a router's service of one
//! colour, or an operation), and channels between them (a buffer, or a ramp), each with the runs of
//! wavelets that nodes put in and take out.

use crate::mesh::program::{FabricError, Port, Program, SendEnd};
use crate::mesh::spec::FabricSpec;
use smallvec::SmallVec;

/// No index.
pub(super) const NONE: u32 = u32::MAX;

/// A stretch of a channel and the stretch of a node's wavelets that it corresponds to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    /// First wavelet in the channel.
    pub(super) channel_at: u32,
    /// Node that puts in or takes out.
    pub(super) node: u32,
    /// First wavelet of that node.
    pub(super) node_at: u32,
    pub(super) count: u32,
}

/// First-in first-out storage between one producer side and one consumer side.
#[derive(Clone, Debug, Default)]
pub(super) struct Channel {
    /// Who puts wavelets in, in order.
    pub(super) puts: SmallVec<[Piece; 1]>,
    /// Who takes them out, in order.
    pub(super) takes: SmallVec<[Piece; 2]>,
    pub(super) total: u32,
    /// Latency from leaving the producer to being takeable `[cycles]`.
    pub(super) latency: u32,
    /// Slots `[wavelets]`.
    pub(super) window: u32,
    /// Wavelets that advance a switch: (index, whether it is a control wavelet).
    marks: SmallVec<[(u32, bool); 1]>,
}

impl Channel {
    /// Whether more goes through it than it has slots, so that its producer may have to wait.
    pub(super) fn limits(&self) -> bool {
        self.total > self.window
    }
}

/// What a node does with a stretch of its wavelets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) count: u32,
    /// Channel it takes from, or [`NONE`].
    pub(super) from: u32,
    pub(super) from_at: u32,
    /// Least distance to the wavelet before this stretch `[cycles]`.
    pub(super) gap: u32,
    /// Channels it puts into: a range of [`Graph::puts`].
    pub(super) puts: (u32, u32),
}

/// One channel that a stretch puts into; a stretch's last wavelets may stay out (controls at a ramp).
#[derive(Clone, Copy, Debug)]
pub(super) struct Put {
    pub(super) channel: u32,
    pub(super) channel_at: u32,
    pub(super) count: u32,
    /// Wavelets that cross the link; a control wavelet crosses a ramp without being stored.
    pub(super) crossing: u32,
    /// Port of the router that it leaves through.
    pub(super) port: Port,
}

/// A router's service of one colour, or an operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) pe: u32,
    /// Operation of the PE, or [`NONE`] for a router.
    pub(super) op: u32,
    /// Route of the PE's router, or [`NONE`] for an operation.
    pub(super) route: u32,
    /// Stretches: a range of [`Graph::stretches`].
    pub(super) stretches: (u32, u32),
    /// Least distance of two wavelets `[cycles]`.
    pub(super) spacing: u32,
}

/// All nodes and channels of a program; nodes stand in an order that data mostly follows.
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) stretches: Vec<Stretch>,
    pub(super) puts: Vec<Put>,
    pub(super) channels: Vec<Channel>,
    /// Node of operation `i` of PE `p` stands at `op_base[p] + i`.
    pub(super) op_node: Vec<u32>,
    pub(super) op_base: Vec<u32>,
}

impl Graph {
    /// Where a stretch of wavelets goes.
    pub(super) fn puts_of(&self, stretch: &Stretch) -> &[Put] {
        &self.puts[stretch.puts.0 as usize..stretch.puts.1 as usize]
    }

    /// Colour that a router's node serves.
    pub(super) fn colour(&self, program: &Program, node: &Node) -> u8 {
        program.class(node.pe as usize).routes[node.route as usize].colour.0
    }
}

fn refuse<T>(reason: impl Into<String>) -> Result<T, FabricError> {
    Err(FabricError::NotAccepted { reason: reason.into() })
}

/// A router's entry for one colour while the order is laid down.
struct RouteAt {
    pe: u32,
    colour: u8,
    /// Input channel by port, or [`NONE`].
    inputs: [u32; 5],
    /// Ramp-down channel, or [`NONE`].
    down: u32,
}

struct Builder<'a> {
    program: &'a Program,
    spec: &'a FabricSpec,
    graph: Graph,
    routes: Vec<RouteAt>,
    /// First route of each PE.
    route_base: Vec<u32>,
}

impl Graph {
    /// Lays the order of all wavelets of `program` down.
    pub(super) fn new(program: &Program, spec: &FabricSpec) -> Result<Graph, FabricError> {
        let mut builder = Builder::new(program, spec)?;
        let operations = builder.operations()?;
        builder.ramps_up(&operations)?;
        let order = builder.routing_order()?;
        let mut routers = Vec::with_capacity(order.len());
        for route in order {
            routers.push(builder.route(route)?);
        }
        builder.ramps_down(operations)?;
        builder.all_taken()?;
        Ok(builder.graph)
    }
}

impl<'a> Builder<'a> {
    fn new(program: &'a Program, spec: &'a FabricSpec) -> Result<Self, FabricError> {
        let op_base = program.op_bases();
        let ops = *op_base.last().unwrap_or(&0) as usize;
        let graph = Graph {
            nodes: Vec::new(),
            stretches: Vec::new(),
            puts: Vec::new(),
            channels: Vec::new(),
            op_node: vec![NONE; ops],
            op_base,
        };
        let mut builder = Builder { program, spec, graph, routes: Vec::new(), route_base: vec![] };
        for pe in 0..program.class_of.len() {
            builder.route_base.push(builder.routes.len() as u32);
            for route in &program.class(pe).routes {
                let mut at = RouteAt {
                    pe: pe as u32,
                    colour: route.colour.0,
                    inputs: [NONE; 5],
                    down: NONE,
                };
                for position in &route.positions {
                    let port = position.rx as usize;
                    if at.inputs[port] == NONE {
                        at.inputs[port] = builder.channel(match position.rx {
                            Port::Ramp => (1 + spec.ramp_cycles, spec.ramp_out_window()),
                            _ => (spec.hop_cycles, spec.link_window()),
                        });
                    }
                    if position.tx.has(Port::Ramp) && at.down == NONE {
                        at.down = builder.channel((spec.ramp_cycles, spec.ramp_in_window()));
                    }
                }
                builder.routes.push(at);
            }
        }
        builder.route_base.push(builder.routes.len() as u32);
        Ok(builder)
    }

    fn channel(&mut self, (latency, window): (u32, u32)) -> u32 {
        self.graph.channels.push(Channel { latency, window, ..Channel::default() });
        self.graph.channels.len() as u32 - 1
    }

    fn find(&self, pe: usize, colour: u8) -> Option<usize> {
        (self.route_base[pe] as usize..self.route_base[pe + 1] as usize)
            .find(|&r| self.routes[r].colour == colour)
    }

    /// Orders PEs' operations so that those that only send come first along a chain of `after`;
    /// nodes are made here, their stretches when all channels are known.
    fn operations(&mut self) -> Result<Vec<(u32, u32)>, FabricError> {
        let mut operations = Vec::with_capacity(self.graph.op_node.len());
        for pe in 0..self.program.class_of.len() {
            let ops = &self.program.class(pe).ops;
            if ops.iter().any(|op| op.thread != ops[0].thread) {
                return refuse(format!("PE {pe} runs several threads on one datapath"));
            }
            for i in 0..ops.len() {
                operations.push((pe as u32, i as u32));
            }
        }
        Ok(operations)
    }

    /// What each PE sends, colour by colour, in program order.
    fn ramps_up(&mut self, operations: &[(u32, u32)]) -> Result<(), FabricError> {
        for &(pe, i) in operations {
            let op = &self.program.class(pe as usize).ops[i as usize];
            let node = self.graph.nodes.len() as u32;
            self.graph.nodes.push(Node {
                pe,
                op: i,
                route: NONE,
                stretches: (0, 0),
                spacing: op.period,
            });
            self.graph.op_node[self.graph.op_base[pe as usize] as usize + i as usize] = node;
            let Some(colour) = op.output() else { continue };
            let Some(channel) = self
                .find(pe as usize, colour.0)
                .map(|r| self.routes[r].inputs[Port::Ramp as usize])
                .filter(|&c| c != NONE)
            else {
                return refuse(format!("PE {pe} sends on colour {} without a route", colour.0));
            };
            let control = op.end == SendEnd::Control;
            let count = op.wavelets() + u32::from(control);
            let channel = &mut self.graph.channels[channel as usize];
            channel.puts.push(Piece { channel_at: channel.total, node, node_at: 0, count });
            channel.total += count;
            match op.end {
                SendEnd::Plain => {}
                SendEnd::AdvanceLocal => channel.marks.push((channel.total - 1, false)),
                SendEnd::Control => channel.marks.push((channel.total - 1, true)),
            }
        }
        Ok(())
    }

    /// Routes in an order in which every router comes behind those that feed it.
    fn routing_order(&self) -> Result<Vec<u32>, FabricError> {
        let mut waits = vec![0u8; self.routes.len()];
        let mut feeds: Vec<[u32; 4]> = vec![[NONE; 4]; self.routes.len()];
        for (r, route) in self.routes.iter().enumerate() {
            let pe = route.pe as usize;
            for position in self.positions(r) {
                for port in position.tx.iter().filter(|&p| p != Port::Ramp) {
                    let next = self
                        .program
                        .neighbour(pe, port)
                        .and_then(|n| self.find(n, route.colour))
                        .filter(|&n| self.routes[n].inputs[port.opposite() as usize] != NONE);
                    let Some(next) = next else {
                        return refuse(format!(
                            "colour {} leaves PE {pe} towards a router that does not take it",
                            route.colour
                        ));
                    };
                    if feeds[r][port as usize] == NONE {
                        feeds[r][port as usize] = next as u32;
                        waits[next] += 1;
                    }
                }
            }
        }
        let mut order: Vec<u32> =
            (0..self.routes.len() as u32).filter(|&r| waits[r as usize] == 0).collect();
        let mut done = 0;
        while done < order.len() {
            for next in feeds[order[done] as usize].into_iter().filter(|&n| n != NONE) {
                waits[next as usize] -= 1;
                if waits[next as usize] == 0 {
                    order.push(next);
                }
            }
            done += 1;
        }
        if done < self.routes.len() {
            return refuse("the routes of a colour form a ring");
        }
        Ok(order)
    }

    fn positions(&self, r: usize) -> &'a [crate::mesh::program::Position] {
        let route = &self.routes[r];
        let base = self.route_base[route.pe as usize] as usize;
        &self.program.class(route.pe as usize).routes[r - base].positions
    }

    /// The order of wavelets through one router on one colour.
    fn route(&mut self, r: u32) -> Result<u32, FabricError> {
        let positions = self.positions(r as usize);
        let (pe, colour, inputs, down) = {
            let route = &self.routes[r as usize];
            (route.pe, route.colour, route.inputs, route.down)
        };
        let node = self.graph.nodes.len() as u32;
        let first = self.graph.stretches.len() as u32;
        let mut taken = [0u32; 5];
        let mut mark = [0usize; 5];
        let (mut current, mut own, mut gap) = (0, 0, 1);
        loop {
            let position = &positions[current];
            let port = position.rx as usize;
            let input = inputs[port];
            let channel = &self.graph.channels[input as usize];
            let from_at = taken[port];
            let left = channel.total - from_at;
            if left == 0 {
                break;
            }
            let next_mark = channel.marks.get(mark[port]).copied();
            let count = next_mark.map_or(left, |(at, _)| at - from_at + 1);
            let control = next_mark.is_some_and(|(_, control)| control);
            let puts_from = self.graph.puts.len() as u32;
            for port in position.tx.iter() {
                let (target, data) = if port == Port::Ramp {
                    (down, count - u32::from(control))
                } else {
                    let next = self.program.neighbour(pe as usize, port);
                    let next = next.and_then(|n| self.find(n, colour));
                    let Some(next) = next else { return refuse("a route ends at a border") };
                    (self.routes[next].inputs[port.opposite() as usize], count)
                };
                let channel = &mut self.graph.channels[target as usize];
                let at = channel.total;
                if data > 0 {
                    channel.puts.push(Piece { channel_at: at, node, node_at: own, count: data });
                    channel.total += data;
                }
                if control && port != Port::Ramp {
                    channel.marks.push((channel.total - 1, true));
                }
                self.graph.puts.push(Put {
                    channel: target,
                    channel_at: at,
                    count: data,
                    crossing: count,
                    port,
                });
            }
            let channel = &mut self.graph.channels[input as usize];
            channel.takes.push(Piece { channel_at: from_at, node, node_at: own, count });
            self.graph.stretches.push(Stretch {
                count,
                from: input,
                from_at,
                gap,
                puts: (puts_from, self.graph.puts.len() as u32),
            });
            taken[port] += count;
            own += count;
            gap = 1;
            if next_mark.is_some() {
                mark[port] += 1;
                current = (current + 1) % positions.len();
                gap += self.spec.switch_cycles;
            }
        }
        let stretches = (first, self.graph.stretches.len() as u32);
        let route = r - self.route_base[pe as usize];
        self.graph.nodes.push(Node { pe, op: NONE, route, stretches, spacing: 1 });
        Ok(node)
    }

    /// What each operation takes from its ramp.
    fn ramps_down(&mut self, operations: Vec<(u32, u32)>) -> Result<(), FabricError> {
        let mut taken = vec![0u32; self.graph.channels.len()];
        let mut sent = vec![0u32; self.graph.channels.len()];
        for (pe, i) in operations {
            let op = &self.program.class(pe as usize).ops[i as usize];
            let node = self.graph.op_node[self.graph.op_base[pe as usize] as usize + i as usize];
            let count = op.wavelets();
            let first = self.graph.stretches.len() as u32;
            let mut stretch =
                Stretch { count, from: NONE, from_at: 0, gap: op.period, puts: (0, 0) };
            if let Some(colour) = op.input() {
                let Some(down) = self
                    .find(pe as usize, colour.0)
                    .map(|r| self.routes[r].down)
                    .filter(|&c| c != NONE)
                else {
                    return refuse(format!(
                        "PE {pe} takes from colour {} without a route",
                        colour.0
                    ));
                };
                stretch.from = down;
                stretch.from_at = taken[down as usize];
                let piece = Piece { channel_at: stretch.from_at, node, node_at: 0, count };
                taken[down as usize] += count;
                let channel = &mut self.graph.channels[down as usize];
                channel.takes.push(piece);
                if taken[down as usize] > channel.total {
                    return refuse(format!("PE {pe} waits for wavelets that nobody sends"));
                }
            }
            let mut control = None;
            if let Some(colour) = op.output() {
                let r = self.find(pe as usize, colour.0).unwrap_or(0);
                let up = self.routes[r].inputs[Port::Ramp as usize];
                let at = sent[up as usize];
                let put = |at, count| Put {
                    channel: up,
                    channel_at: at,
                    count,
                    crossing: count,
                    port: Port::Ramp,
                };
                let base = self.graph.puts.len() as u32;
                self.graph.puts.push(put(at, count));
                stretch.puts = (base, base + 1);
                sent[up as usize] += count;
                if op.end == SendEnd::Control {
                    self.graph.puts.push(put(at + count, 1));
                    control = Some(Stretch {
                        count: 1,
                        from: NONE,
                        from_at: 0,
                        gap: 1,
                        puts: (base + 1, base + 2),
                    });
                    sent[up as usize] += 1;
                }
            }
            self.graph.stretches.push(stretch);
            self.graph.stretches.extend(control);
            let stretches = (first, self.graph.stretches.len() as u32);
            self.graph.nodes[node as usize].stretches = stretches;
        }
        Ok(())
    }

    /// Refuses programs that leave wavelets behind.
    fn all_taken(&self) -> Result<(), FabricError> {
        for channel in &self.graph.channels {
            let taken: u32 = channel.takes.iter().map(|piece| piece.count).sum();
            if taken != channel.total {
                return refuse("wavelets are left in a buffer");
            }
        }
        Ok(())
    }
}
