//! What a collective took, for programs and for people.

use super::limit::Limit;
use super::measure::Measured;
use serde_json::{Value, json};
use sim_fabric::mesh::collective::request::{Algorithm, Goal};
use sim_fabric::mesh::load::Crossing;
use sim_fabric::mesh::program::{Port, Shape};
use std::fmt::Write;

pub(super) fn json(measured: &Measured) -> Value {
    let bounds = &measured.bounds;
    let Limit { name, pe, cycles, .. } = measured.limit;
    let columns = measured.request.shape.columns;
    let links = measured.links.iter().map(|link| {
        let [from, to] = ends(link, columns);
        json!({
            "from": from,
            "to": to,
            "wavelets": link.wavelets,
            "per_cycle": share(u64::from(link.wavelets), measured.cycles),
        })
    });
    json!({
        "cycles": measured.cycles,
        "cycles_network": measured.network,
        "wavelet_hops": measured.hops,
        "engine_used": measured.engine(),
        "build_seconds": measured.build.as_secs_f64(),
        "wall_seconds": measured.wall.as_secs_f64(),
        "bounds": {
            "compute": bounds.compute,
            "bandwidth": bounds.bandwidth,
            "bisection": bounds.bisection,
            "distance": bounds.distance,
        },
        "bound_by": {
            "resource": name,
            "pe": pe.map(|pe| place(pe, columns)),
            "busy_cycles": cycles,
            "share": share(cycles, measured.network),
        },
        "hottest_links": links.collect::<Vec<_>>(),
        "wavelets": {
            "injected": measured.wavelets.injected,
            "copied": measured.wavelets.copied,
            "delivered": measured.wavelets.delivered,
            "in_flight": measured.wavelets.in_flight,
        },
    })
}

pub(super) fn human(measured: &Measured) -> String {
    let bounds = &measured.bounds;
    let request = &measured.request;
    let Shape { columns, rows } = request.shape;
    let by = match (request.goal, &request.algorithm) {
        (Goal::AllGather | Goal::Shift { .. }, _) | (Goal::Broadcast, Algorithm::Broadcast) => {
            String::new()
        }
        (_, algorithm) => format!(" by {algorithm}"),
    };
    let mut text = format!(
        "{goal}{by} over {columns} x {rows} PEs, {words} elements each\n\
         cycles          {cycles:>12}\n\
         cycles, network {network:>12}   without start-up, set-up and gaps\n\
         no less than    {compute:>12}   compute\n\
         \u{20}               {bandwidth:>12}   bandwidth of a ramp\n\
         \u{20}               {bisection:>12}   bisection\n\
         \u{20}               {distance:>12}   distance\n\
         wavelet-hops    {hops:>12}   {engine} engine, {wall:.3} s, built in {build:.3} s\n",
        goal = request.goal,
        words = request.elements,
        cycles = measured.cycles,
        network = measured.network,
        compute = bounds.compute,
        bandwidth = bounds.bandwidth,
        bisection = bounds.bisection,
        distance = bounds.distance,
        hops = measured.hops,
        engine = measured.engine(),
        wall = measured.wall.as_secs_f64(),
        build = measured.build.as_secs_f64(),
    );
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "bound by        {cycles:>12}   {what}, {percent:.0} % of the network's cycles",
        cycles = measured.limit.cycles,
        what = limit(&measured.limit, columns),
        percent = 100.0 * share(measured.limit.cycles, measured.network),
    );
    for (number, link) in measured.links.iter().enumerate() {
        let [from, to] = ends(link, columns);
        let _ = writeln!(
            text,
            "{title:15} {wavelets:>12}   ({}, {}) to ({}, {}), {percent:.0} % of the cycles",
            from[0],
            from[1],
            to[0],
            to[1],
            title = if number == 0 { "hottest links" } else { "" },
            wavelets = link.wavelets,
            percent = 100.0 * share(u64::from(link.wavelets), measured.cycles),
        );
    }
    text
}

fn limit(limit: &Limit, columns: u32) -> String {
    match limit.pe.map(|pe| place(pe, columns)) {
        Some([x, y]) => format!("{} of PE ({x}, {y})", limit.name),
        None => limit.name.to_owned(),
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn place(pe: usize, columns: u32) -> [usize; 2] {
    let columns = columns.max(1) as usize;
    [pe % columns, pe / columns]
}

/// The PEs at both ends of a link.
fn ends(link: &Crossing, columns: u32) -> [[usize; 2]; 2] {
    let from @ [x, y] = place(link.pe, columns);
    let to = match link.port {
        Port::North => [x, y.saturating_sub(1)],
        Port::South => [x, y + 1],
        Port::East => [x + 1, y],
        Port::West => [x.saturating_sub(1), y],
        Port::Ramp => from,
    };
    [from, to]
}
