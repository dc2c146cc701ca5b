//! The least times that keep every rule, found by sweeping over the nodes until nothing changes.
//!
//! Each rule is a lower bound on one wavelet's time by another's plus a constant, so times only
//! grow while they are swept, and where they rest they are the times of the program. Arbitration is
//! no bound, but it too decides by what is earlier: a state in which every node agrees with all
//! others is the program's, whatever the sweeps went through to find it.

use super::arbitrate;
use super::graph::{Channel, Graph, NONE, Node};
use super::lane::Lane;
use super::train::{Train, same};
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
    /// Nodes of one router whose colours contend for its ports, and the group of each node.
    groups: &'a [Vec<u32>],
    group_of: Vec<u32>,
}

impl<'a> Times<'a> {
    /// Times of `program` from `start`, settled.
    pub(super) fn settle(
        program: &'a Program,
        start: &'a [u64],
        graph: &'a Graph,
        groups: &'a [Vec<u32>],
    ) -> Result<Self, FabricError> {
        let mut group_of = vec![NONE; graph.nodes.len()];
        for (index, group) in groups.iter().enumerate() {
            for &node in group {
                group_of[node as usize] = index as u32;
            }
        }
        let mut times = Times {
            program,
            start,
            graph,
            trains: vec![Train::new(); graph.nodes.len()],
            done: vec![0; graph.op_node.len()],
            dirty: vec![true; graph.nodes.len()],
            scratch: Train::new(),
            groups,
            group_of,
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
        if self.group_of[index as usize] != NONE {
            return self.evaluate_group(self.group_of[index as usize], credits);
        }
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
        let mut lane = Lane::new(self.graph, &self.trains, &node, train, (floor, credits));
        while let Some(bounds) = lane.bounds() {
            lane.pass(&bounds, bounds.left);
        }
        let (train, previous) = lane.into_train();
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

    /// The same for colours that share ports of one router: they are arbitrated together.
    fn evaluate_group(&mut self, group: u32, credits: bool) -> bool {
        let members = &self.groups[group as usize];
        let trains = arbitrate::run(self.graph, &self.trains, self.program, members, credits);
        let mut changed = false;
        for (&index, train) in members.iter().zip(trains) {
            self.dirty[index as usize] = false;
            if same(&train, &self.trains[index as usize]) {
                continue;
            }
            self.trains[index as usize] = train;
            changed = true;
            let node = self.graph.nodes[index as usize];
            self.mark(&node, credits);
        }
        changed
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
