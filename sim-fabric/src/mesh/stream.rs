//! The stream engine: the times of whole trains of wavelets, equal to the reference engine's to the cycle.
//!
//! ```text
//! program -> graph (which wavelet follows which, fixed by the switches)
//!         -> settle (least times that keep every rule, a train at a time)
//!         -> contention (do two colours want one port in one cycle?) -> done
//!            where they do: settle again, the colours of that router arbitrated together
//! ```
//!
//! # Why it is exact
//! Every rule of [`super::program`] but one bounds a wavelet's time from below by the time of
//! another plus a constant: what arrives before it, what leaves before it, the slot that it needs.
//! The order of wavelets through each router is fixed by the switches. So the times of the program
//! are the least solution of those bounds, and trains of equally spaced wavelets stand for all their
//! members. The one rule left, colours that want a port in the same cycle, is checked on the
//! solution: where it never happens, it never decided anything. Where it happens, the colours of that
//! router are timed together, cycle by cycle while they contend (`stream/arbitrate.rs`), and all is settled
//! again. Every rule decides by what is strictly earlier, so a state in which all nodes agree is the
//! program's. What does not settle, and PEs that run several threads, are not accepted: the
//! reference engine has to run them.
//!
//! Cost: a few visits of each (router, colour) and operation, whatever the length of the trains.

mod arbitrate;
mod contention;
mod graph;
mod lane;
mod settle;
mod train;

use super::check::check;
use super::program::{FabricError, Port, Program, Run};
use super::spec::FabricSpec;
use graph::{Graph, NONE};
use settle::Times;

/// Runs `program`, each PE from its cycle in `start` on.
///
/// # Errors
/// [`FabricError::NotAccepted`] where it cannot be exact; see the module's text.
pub fn run(program: &Program, spec: &FabricSpec, start: &[u64]) -> Result<Run, FabricError> {
    check(program, spec, start)?;
    if program.merges() {
        let reason = "a colour lists several receive directions".to_owned();
        return Err(FabricError::NotAccepted { reason });
    }
    let graph = Graph::new(program, spec)?;
    let mut groups = Vec::new();
    let done = loop {
        let times = Times::settle(program, start, &graph, &groups)?;
        let (done, trains) = (times.done, times.trains);
        if !contention::find(&graph, &trains, &mut groups) {
            break done;
        }
    };
    let hops = graph
        .nodes
        .iter()
        .filter(|node| node.op == NONE)
        .flat_map(|node| &graph.stretches[node.stretches.0 as usize..node.stretches.1 as usize])
        .flat_map(|stretch| &graph.puts[stretch.puts.0 as usize..stretch.puts.1 as usize])
        .filter(|put| put.port != Port::Ramp)
        .map(|put| u64::from(put.crossing))
        .sum();
    Ok(Run { done, hops })
}

/// Wavelets that leave each PE's router over its links to neighbours, in the order of the PEs: what
/// routes and operations say, whenever it happens. None where this engine does not take the program.
pub fn link_words(program: &Program, spec: &FabricSpec) -> Option<Vec<u64>> {
    if program.merges() {
        return None;
    }
    let graph = Graph::new(program, spec).ok()?;
    let mut words = vec![0; program.class_of.len()];
    for node in graph.nodes.iter().filter(|node| node.op == NONE) {
        let stretches = &graph.stretches[node.stretches.0 as usize..node.stretches.1 as usize];
        let puts = stretches.iter().flat_map(|stretch| graph.puts_of(stretch));
        let links = puts.filter(|put| put.port != Port::Ramp);
        words[node.pe as usize] += links.map(|put| u64::from(put.crossing)).sum::<u64>();
    }
    Some(words)
}
