//! The least times that keep every rule, found by sweeping over the nodes until nothing changes.
//!
//! Each rule is a lower bound on one wavelet's time by another's plus a constant, so times only
//! grow while they are swept, and where they rest they are the times of the program.

use super::graph::{Channel, Graph, NONE, Node, Piece, Stretch};
use super::train::{Train, same, serve};
use crate::mesh::program::{FabricError, Op, Program};

/// Sweeps after which a program is handed over: it does not settle, most likely a deadlock.
const MOST_SWEEPS: usize = 200;

/// Times while they settle.
pub(super) struct Times<'a> {
    program: &'a Program,
    start: &'a [u64],
    graph: &'a Graph,
    /// Train of each node.
    pub(super) trains: Vec<Train>,
    /// Cycle at which each operation is done, as in [`crate::mesh::program::Run::done`].
    pub(super) done: Vec<u64>,
    dirty: Vec<bool>,
    scratch: Train,
}

/// Reads the times at one side of a channel, index after index.
struct Reader<'a> {
    pieces: &'a [Piece],
    trains: &'a [Train],
    /// Added to every time.
    add: u64,
    /// Current piece, run of its node's train, and first wavelet of that run.
    piece: usize,
    run: usize,
    run_at: u32,
}

impl<'a> Reader<'a> {
    fn new(pieces: &'a [Piece], trains: &'a [Train], add: u64) -> Self {
        Self { pieces, trains, add, piece: 0, run: 0, run_at: 0 }
    }

    /// The line through wavelet `at` of the channel, and for how many wavelets it holds. A time
    /// that is not known yet is 0, the least bound.
    fn line(&mut self, at: u32) -> ((u64, u32), u32) {
        while let Some(piece) = self.pieces.get(self.piece) {
            if at >= piece.channel_at + piece.count {
                (self.piece, self.run, self.run_at) = (self.piece + 1, 0, 0);
                continue;
            }
            let left = piece.channel_at + piece.count - at;
            let index = piece.node_at + (at - piece.channel_at);
            let train = &self.trains[piece.node as usize];
            while let Some(run) = train.get(self.run) {
                if index >= self.run_at + run.count {
                    self.run_at += run.count;
                    self.run += 1;
                    continue;
                }
                let skip = index - self.run_at;
                let time = run.time + u64::from(skip) * u64::from(run.period) + self.add;
                return ((time, run.period), left.min(run.count - skip));
            }
            return ((0, 0), left);
        }
        ((0, 0), u32::MAX)
    }
}

impl<'a> Times<'a> {
    /// Times of `program` from `start`, settled.
    pub(super) fn settle(
        program: &'a Program,
        start: &'a [u64],
        graph: &'a Graph,
    ) -> Result<Self, FabricError> {
        let mut times = Times {
            program,
            start,
            graph,
            trains: vec![Train::new(); graph.nodes.len()],
            done: vec![0; graph.op_node.len()],
            dirty: vec![true; graph.nodes.len()],
            scratch: Train::new(),
        };
        let order = data_order(program, graph);
        for &node in &order {
            times.dirty[node as usize] = false;
            times.evaluate(node, false);
        }
        times.mark_limited();
        for _ in 0..MOST_SWEEPS {
            let mut changed = false;
            for &node in order.iter().rev() {
                changed |= times.visit(node);
            }
            for &node in &order {
                changed |= times.visit(node);
            }
            if !changed {
                return Ok(times);
            }
        }
        Err(FabricError::NotAccepted {
            reason: format!("times do not settle in {MOST_SWEEPS} sweeps (a deadlock?)"),
        })
    }

    /// Marks the nodes that may have to wait for room: those that put more into a channel than it
    /// has slots.
    fn mark_limited(&mut self) {
        let graph = self.graph;
        for (node, dirty) in graph.nodes.iter().zip(&mut self.dirty) {
            let stretches = &graph.stretches[node.stretches.0 as usize..node.stretches.1 as usize];
            let mut puts = stretches
                .iter()
                .flat_map(|s| &graph.puts[s.puts.0 as usize..s.puts.1 as usize])
                .map(|put| &graph.channels[put.channel as usize]);
            *dirty |= puts.any(Channel::limits);
        }
    }

    fn visit(&mut self, node: u32) -> bool {
        if !self.dirty[node as usize] {
            return false;
        }
        self.dirty[node as usize] = false;
        self.evaluate(node, true)
    }

    /// Computes the times of a node anew and marks what depends on them; says whether they changed.
    fn evaluate(&mut self, index: u32, credits: bool) -> bool {
        let node = self.graph.nodes[index as usize];
        let mut train = std::mem::take(&mut self.scratch);
        train.clear();
        let mut floor = 0;
        let op = (node.op != NONE).then(|| self.op(&node));
        if let Some(op) = op {
            let ready = self.ready(&node, op);
            floor = ready + u64::from(op.lead);
            if op.input().is_none() && op.output().is_none() {
                let done = floor + u64::from(op.local_cycles) + u64::from(op.tail);
                self.scratch = train;
                return self.finish(&node, done);
            }
        }
        let mut previous = None;
        for s in node.stretches.0..node.stretches.1 {
            let stretch = self.graph.stretches[s as usize];
            previous = self.times_of(&mut train, &node, &stretch, floor, previous, credits);
        }
        let changed = !same(&train, &self.trains[index as usize]);
        if !changed {
            self.scratch = train;
            return false;
        }
        let old = std::mem::replace(&mut self.trains[index as usize], train);
        self.scratch = old;
        self.mark(&node, credits);
        if let Some(op) = op {
            let done = previous.unwrap_or(floor) + 1 + u64::from(op.tail);
            self.finish(&node, done);
        }
        true
    }

    /// Appends the times of one stretch to `train`; returns the last.
    fn times_of(
        &self,
        train: &mut Train,
        node: &Node,
        stretch: &Stretch,
        floor: u64,
        mut previous: Option<u64>,
        credits: bool,
    ) -> Option<u64> {
        let graph = self.graph;
        let mut gap = stretch.gap;
        let channel = |c: u32| -> &Channel { &graph.channels[c as usize] };
        let mut input = (stretch.from != NONE).then(|| {
            let from = channel(stretch.from);
            Reader::new(&from.puts, &self.trains, u64::from(from.latency))
        });
        let puts = &graph.puts[stretch.puts.0 as usize..stretch.puts.1 as usize];
        let mut rooms: [Option<Reader<'_>>; 5] = [const { None }; 5];
        if credits {
            for (room, put) in rooms.iter_mut().zip(puts) {
                if !channel(put.channel).limits() {
                    continue;
                }
                *room = Some(Reader::new(&channel(put.channel).takes, &self.trains, 1));
            }
        }
        let mut at = 0;
        while at < stretch.count {
            let mut left = stretch.count - at;
            let mut bounds = [(floor, 0); 7];
            let mut used = 1;
            let mut constrain = |line: (u64, u32), holds: u32, left: &mut u32| {
                bounds[used] = line;
                used += 1;
                *left = (*left).min(holds);
            };
            if let Some(reader) = &mut input {
                let (line, holds) = reader.line(stretch.from_at + at);
                constrain(line, holds, &mut left);
            }
            for (room, put) in rooms.iter_mut().zip(puts) {
                let Some(reader) = room else { continue };
                if at >= put.count {
                    continue;
                }
                let (k, window) = (put.channel_at + at, channel(put.channel).window);
                if k < window {
                    left = left.min(window - k).min(put.count - at);
                } else {
                    let (line, holds) = reader.line(k - window);
                    constrain(line, holds.min(put.count - at), &mut left);
                }
            }
            previous = Some(serve(train, &bounds[..used], left, previous, gap, node.spacing));
            gap = node.spacing;
            at += left;
        }
        previous
    }

    fn op(&self, node: &Node) -> &'a Op {
        &self.program.class(node.pe as usize).ops[node.op as usize]
    }

    /// When an operation's predecessors are done.
    fn ready(&self, node: &Node, op: &Op) -> u64 {
        let base = self.graph.op_base[node.pe as usize] as usize;
        let before = (node.op > 0).then(|| self.done[base + node.op as usize - 1]);
        let after = op.after.iter().map(|&i| self.done[base + i as usize]);
        after.chain(before).fold(self.start[node.pe as usize], u64::max)
    }

    /// Notes when an operation is done and marks the one behind it.
    fn finish(&mut self, node: &Node, done: u64) -> bool {
        let base = self.graph.op_base[node.pe as usize] as usize;
        let slot = base + node.op as usize;
        if self.done[slot] == done {
            return false;
        }
        self.done[slot] = done;
        let end = self.graph.op_base[node.pe as usize + 1] as usize;
        for later in slot + 1..end {
            self.dirty[self.graph.op_node[later] as usize] = true;
        }
        true
    }

    /// Marks the nodes whose times depend on this node's.
    fn mark(&mut self, node: &Node, credits: bool) {
        let graph = self.graph;
        for s in node.stretches.0..node.stretches.1 {
            let stretch = &graph.stretches[s as usize];
            for put in &graph.puts[stretch.puts.0 as usize..stretch.puts.1 as usize] {
                for take in &graph.channels[put.channel as usize].takes {
                    self.dirty[take.node as usize] = true;
                }
            }
            if credits && stretch.from != NONE && graph.channels[stretch.from as usize].limits() {
                for put in &graph.channels[stretch.from as usize].puts {
                    self.dirty[put.node as usize] = true;
                }
            }
        }
    }
}

/// Nodes in an order in which data mostly flows; what lies on a cycle comes last.
fn data_order(program: &Program, graph: &Graph) -> Vec<u32> {
    let nodes = graph.nodes.len();
    let mut waits = vec![0u32; nodes];
    let followers = |index: usize, each: &mut dyn FnMut(u32)| {
        let node = &graph.nodes[index];
        for s in node.stretches.0..node.stretches.1 {
            let stretch = &graph.stretches[s as usize];
            for put in &graph.puts[stretch.puts.0 as usize..stretch.puts.1 as usize] {
                for take in &graph.channels[put.channel as usize].takes {
                    each(take.node);
                }
            }
        }
        if node.op != NONE {
            let ops = program.class(node.pe as usize).ops.len() as u32;
            if node.op + 1 < ops {
                let base = graph.op_base[node.pe as usize];
                each(graph.op_node[(base + node.op + 1) as usize]);
            }
        }
    };
    for index in 0..nodes {
        followers(index, &mut |next| waits[next as usize] += 1);
    }
    let mut order: Vec<u32> = (0..nodes as u32).filter(|&n| waits[n as usize] == 0).collect();
    let mut done = 0;
    while done < order.len() {
        followers(order[done] as usize, &mut |next| {
            waits[next as usize] -= 1;
            if waits[next as usize] == 0 {
                order.push(next);
            }
        });
        done += 1;
    }
    order.extend((0..nodes as u32).filter(|&n| waits[n as usize] > 0));
    order
}
