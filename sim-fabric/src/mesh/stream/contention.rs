//! Whether colours ever want the same output port in the same cycle.
//!
//! Where they do, arbitration decides and the settled times are not those of the program.

use super::graph::{Graph, NONE};
use super::train::{Run, Train, append, collide};
use crate::mesh::program::Port;

/// A port that two colours want in one cycle: (PE, port).
pub(super) fn find(graph: &Graph, trains: &[Train]) -> Option<(u32, Port)> {
    let mut users: Vec<(u32, u8, u32)> = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        if node.op != NONE {
            continue;
        }
        let mut ports = 0u8;
        for s in node.stretches.0..node.stretches.1 {
            let puts = graph.stretches[s as usize].puts;
            for put in &graph.puts[puts.0 as usize..puts.1 as usize] {
                ports |= 1 << put.port as u8;
            }
        }
        for port in Port::ALL.into_iter().filter(|&p| ports & 1 << p as u8 != 0) {
            users.push((node.pe, port as u8, index as u32));
        }
    }
    users.sort_unstable();
    for group in users.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let port = Port::ALL[group[0].1 as usize];
        for (i, a) in group.iter().enumerate() {
            for b in &group[i + 1..] {
                if collide(&crossing(graph, trains, a.2, port), &crossing(graph, trains, b.2, port))
                {
                    return Some((a.0, port));
                }
            }
        }
    }
    None
}

/// Times at which a router's wavelets of one colour cross a port.
fn crossing(graph: &Graph, trains: &[Train], index: u32, port: Port) -> Train {
    let node = &graph.nodes[index as usize];
    let mut out = Train::new();
    let mut at = 0;
    for s in node.stretches.0..node.stretches.1 {
        let stretch = &graph.stretches[s as usize];
        let puts = &graph.puts[stretch.puts.0 as usize..stretch.puts.1 as usize];
        if let Some(put) = puts.iter().find(|put| put.port == port) {
            slice(&trains[index as usize], at, put.crossing, &mut out);
        }
        at += stretch.count;
    }
    out
}

/// Appends wavelets `from..from + count` of a train.
fn slice(train: &[Run], from: u32, count: u32, out: &mut Train) {
    let mut at = 0;
    for run in train {
        let low = from.max(at);
        let high = (from + count).min(at + run.count);
        if low < high {
            let time = run.time + u64::from(low - at) * u64::from(run.period);
            append(out, time, high - low, run.period);
        }
        at += run.count;
    }
}
