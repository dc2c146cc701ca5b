//! Which colours ever want the same output port in the same cycle.
//!
//! Where they do, arbitration decides, and they have to be timed together ([`super::arbitrate`]).

use super::graph::{Graph, NONE};
use super::train::{Run, Train, append, collide};
use crate::mesh::program::Port;

/// Adds to `groups` the nodes of each router in which two colours, not yet in a group, want one port
/// in one cycle; says whether there were any.
///
/// All nodes of such a router that share ports with others are put together.
pub(super) fn find(graph: &Graph, trains: &[Train], groups: &mut Vec<Vec<u32>>) -> bool {
    let mut users: Vec<(u32, u8, u32)> = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        if node.op != NONE {
            continue;
        }
        let mut ports = 0u8;
        for stretch in &graph.stretches[node.stretches.0 as usize..node.stretches.1 as usize] {
            ports |= graph.puts_of(stretch).iter().fold(0, |set, put| set | 1 << put.port as u8);
        }
        for port in Port::ALL.into_iter().filter(|&p| ports & 1 << p as u8 != 0) {
            users.push((node.pe, port as u8, index as u32));
        }
    }
    users.sort_unstable();
    let mut grouped = vec![false; graph.nodes.len()];
    groups.iter().flatten().for_each(|&node| grouped[node as usize] = true);
    let before = groups.len();
    for router in users.chunk_by(|a, b| a.0 == b.0) {
        let contended = router.chunk_by(|a, b| a.1 == b.1).any(|users| {
            let port = Port::ALL[users[0].1 as usize];
            pairs(users).any(|(a, b)| {
                !(grouped[a as usize] && grouped[b as usize])
                    && collide(&crossing(graph, trains, a, port), &crossing(graph, trains, b, port))
            })
        });
        if contended {
            let mut nodes: Vec<u32> = router.iter().map(|user| user.2).collect();
            nodes.sort_unstable();
            nodes.dedup();
            groups.push(nodes);
        }
    }
    groups.len() > before
}

fn pairs(users: &[(u32, u8, u32)]) -> impl Iterator<Item = (u32, u32)> {
    users.iter().enumerate().flat_map(|(i, a)| users[i + 1..].iter().map(|b| (a.2, b.2)))
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
