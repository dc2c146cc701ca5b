//! `wafersim fabric traffic`.

use super::Shape;
use crate::command::args::Format;
use crate::command::print;
use crate::error::Error;
use clap::ValueEnum;
use serde_json::json;
use sim_fabric::mesh::traffic::{Pattern, TrafficError, TrafficRun, TrafficSpec, run as simulate};
use std::time::Instant;

/// Latency between router and PE of both wafers, each way [cycles].
const RAMP_CYCLES: u32 = 2;

/// Options of `wafersim fabric traffic`.
#[derive(Debug, clap::Args)]
pub(in crate::command) struct Options {
    /// The mesh, columns x rows
    #[arg(long, value_name = "COLUMNSxROWS")]
    pub(super) shape: Shape,
    /// Where packets go
    #[arg(long, value_enum, default_value_t = To::Uniform)]
    pub(super) pattern: To,
    /// Packets that a node offers in a cycle, 0 to 1
    #[arg(long)]
    pub(super) rate: f64,
    /// Cycles of warm-up (first half) and measurement (second half); the drain comes on top
    #[arg(long, default_value_t = 6000)]
    pub(super) cycles: u32,
    /// Slots of a router's input queue, for each link
    #[arg(long, default_value_t = 8)]
    pub(super) queue_depth: u32,
    /// Cycles from leaving a router to being able to leave the next
    #[arg(long, default_value_t = 1)]
    pub(super) hop_cycles: u32,
    /// Seed of all draws
    #[arg(long, default_value_t = 42)]
    pub(super) seed: u64,
    /// Replace fabric.hop_cycles, fabric.ramp_cycles or fabric.queue_depth; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(super) settings: Vec<String>,
    /// What stdout shows, and how errors look on stderr
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
    /// Threads to use; the result does not depend on it, and one is all that a mesh takes
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,
}

/// Patterns as they are typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum To {
    /// Any node, the sender included, each as likely
    Uniform,
    /// From column x, row y to column y, row x, on the diagonal to itself; square meshes only
    Transpose,
    /// From column x, row y to column C - 1 - x, row R - 1 - y of C x R nodes: the complement of the
    /// node's number where that has all its bits
    BitComplement,
    /// One packet in ten to the node at column C / 2, row R / 2 (rounded down), the others uniform
    Hotspot,
    /// From column x, row y to column (x + 1) mod C, row (y + 1) mod R
    #[value(alias = "neighbor")]
    Neighbour,
}

/// Simulates and prints.
pub(super) fn run(options: &Options) -> Result<(), Error> {
    let spec = spec(options)?;
    let started = Instant::now();
    let run = simulate(&spec).map_err(refused)?;
    let wall = started.elapsed().as_secs_f64();
    let text = match options.format {
        Format::Human => human(&spec, &run, wall),
        Format::Json => format!("{}\n", json(&run, wall)),
    };
    print(text.as_bytes())
}

fn spec(options: &Options) -> Result<TrafficSpec, Error> {
    let mut spec = TrafficSpec {
        columns: options.shape.columns,
        rows: options.shape.rows,
        pattern: match options.pattern {
            To::Uniform => Pattern::Uniform,
            To::Transpose => Pattern::Transpose,
            To::BitComplement => Pattern::BitComplement,
            To::Hotspot => Pattern::Hotspot,
            To::Neighbour => Pattern::Neighbour,
        },
        rate: options.rate,
        cycles: options.cycles,
        queue_depth: options.queue_depth,
        hop_cycles: options.hop_cycles,
        ramp_cycles: RAMP_CYCLES,
        credit_cycles: 1,
        seed: options.seed,
    };
    for setting in &options.settings {
        let wrong = |what| Error::Arguments(format!("--set {setting}: {what}"));
        let (path, value) = setting.split_once('=').ok_or_else(|| wrong("expected PATH=VALUE"))?;
        let field = match path.trim() {
            "fabric.hop_cycles" => &mut spec.hop_cycles,
            "fabric.ramp_cycles" => &mut spec.ramp_cycles,
            "fabric.queue_depth" => &mut spec.queue_depth,
            _ => return Err(wrong("expected fabric.hop_cycles, .ramp_cycles or .queue_depth")),
        };
        // As presets write it, with the unit or without; a value may stand in quotes.
        let value = value.trim().trim_matches('"').trim();
        let number = value.trim_end_matches("cycles").trim_end_matches("cycle").trim_end();
        *field = number.parse().map_err(|_| wrong("expected a whole number"))?;
    }
    spec.credit_cycles = TrafficSpec::usual_credit_cycles(spec.hop_cycles);
    Ok(spec)
}

fn refused(error: TrafficError) -> Error {
    match error {
        TrafficError::Law(_) => Error::Simulation(error.to_string()),
        _ => Error::Arguments(error.to_string()),
    }
}

fn json(run: &TrafficRun, wall: f64) -> serde_json::Value {
    json!({
        "saturated": run.saturated,
        "mean_latency_cycles": run.latency.map(|latency| latency.mean),
        "p99_latency_cycles": run.latency.map(|latency| latency.p99),
        "offered_rate": run.offered_rate,
        "accepted_rate": run.accepted_rate,
        "wavelet_hops": run.wavelet_hops,
        "wall_seconds": wall,
    })
}

fn human(spec: &TrafficSpec, run: &TrafficRun, wall: f64) -> String {
    let mut lines = vec![format!("traffic        {}x{} PEs", spec.columns, spec.rows)];
    match run.latency {
        Some(latency) => {
            let (mean, empty) = (latency.mean, latency.zero_load_mean);
            lines.push(format!("mean latency   {mean:.2} cycles (empty mesh: {empty:.2})"));
            lines.push(format!("p99 latency    {} cycles", latency.p99));
        }
        None if run.saturated => lines.push("latency        none: the mesh is saturated".into()),
        None => lines.push("latency        none: no packet was born in the measured half".into()),
    }
    lines.push(format!("offered        {:.5} packets per node and cycle", run.offered_rate));
    lines.push(format!("accepted       {:.5} packets per node and cycle", run.accepted_rate));
    if let Some(bound) = spec.uniform_bound() {
        lines.push(format!("bisection      {bound:.5} packets per node and cycle at most"));
    }
    lines.push(format!("busiest link   {:.1} % of its cycles", 100.0 * run.link_load_max));
    lines.push(format!(
        "packets        {} entered = {} delivered + {} in flight",
        run.entered, run.delivered, run.in_flight
    ));
    let speed = run.wavelet_hops as f64 / wall / 1e6;
    lines.push(format!("simulated      {} cycles, {} hops", run.cycles, run.wavelet_hops));
    lines.push(format!("in             {wall:.3} s, {speed:.0} million hops/s"));
    lines.join("\n") + "\n"
}
