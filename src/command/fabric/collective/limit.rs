//! What bound a run: the resource that was busy for most of it, or none.

use super::bounds::Bounds;
use sim_fabric::mesh::load::{Load, datapath_cycles};
use sim_fabric::mesh::program::Program;

/// What was busy longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    /// Its name.
    pub(super) name: &'static str,
    /// PE that has it, if one does.
    pub(super) pe: Option<usize>,
    /// For how long, or how long it takes at least `[cycles]`.
    pub(super) cycles: u64,
}

/// Finds what bound `program`, which took `network` cycles on the fabric alone.
///
/// The busiest ramp, link or datapath, or the distance; where none of these explains half of the
/// time, PEs waited for each other: operations one behind the other, each over two ramps.
pub(super) fn find(program: &Program, load: Option<&Load>, bounds: &Bounds, network: u64) -> Limit {
    let link = load.and_then(|load| load.hottest_links(1).pop());
    let ramp = load.and_then(Load::hottest_ramp);
    let datapath = program
        .classes
        .iter()
        .enumerate()
        .map(|(class, ops)| (datapath_cycles(ops), std::cmp::Reverse(class)))
        .max()
        .and_then(|(cycles, std::cmp::Reverse(class))| {
            let pe = program.class_of.iter().position(|&of| of as usize == class)?;
            Some(Limit { name: "datapath", pe: Some(pe), cycles })
        });
    let crossing = |name, crossing: Option<sim_fabric::mesh::load::Crossing>| {
        crossing.map(|at| Limit { name, pe: Some(at.pe), cycles: u64::from(at.wavelets) })
    };
    let distance = Limit { name: "distance", pe: None, cycles: bounds.distance };
    // Of equals the first stands for all: words that fill a link or a datapath come over a ramp.
    let all = [crossing("ramp", ramp), crossing("link", link), datapath, Some(distance)];
    let most = all.into_iter().flatten().fold(None::<Limit>, |most, limit| match most {
        Some(most) if most.cycles >= limit.cycles => Some(most),
        _ => Some(limit),
    });
    match most {
        Some(limit) if 2 * limit.cycles >= network => limit,
        most => Limit {
            name: "operations one behind the other",
            pe: None,
            cycles: network - most.map_or(0, |most| most.cycles).min(network),
        },
    }
}
