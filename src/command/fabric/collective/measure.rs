//! Runs a collective on a preset's numbers.
//!
//! `cycles` is counted as the published table of reduces counts: from the time stamp at the task's
//! start to the one behind the root's last operation; with all collectives but a reduce, to the last
//! operation of the last PE. Every operation waits for the gap between dependent operations first
//! and its result goes through the pipeline. The task itself starts and loads descriptors; of that the first gap is
//! counted already, and the cycle in which the stamp is taken.
//!
//! `cycles_network` leaves the start-up out, that of the task and that of every operation: it runs the same
//! program with operations that begin at once when what they wait for is there, and whose
//! results are there the cycle after. What stays is the fabric: hops, ramps, queues, switches, and the words that a
//! datapath handles in a cycle. That is what the published model of these collectives times.
//!
//! Checked on every run: wavelets are conserved, the engine counted as many hops as the program
//! says, no link carries more than one a cycle, and no time lies below a bound.

use super::Engine;
use super::bounds::Bounds;
use super::limit::{self, Limit};
use crate::error::Error;
use crate::wafer::hardware::WaferFacts;
use sim_fabric::mesh::collective::Timing;
use sim_fabric::mesh::collective::request::{Goal, Request};
use sim_fabric::mesh::load::{Crossing, Load};
use sim_fabric::mesh::program::{FabricError, Program, Run};
use sim_fabric::mesh::spec::FabricSpec;
use sim_fabric::mesh::{stream, wavelet};
use std::time::{Duration, Instant};

/// Accumulators that a sum of few words goes to in turn, as the published one-word star does.
const ACCUMULATORS: u32 = 4;

/// What came out.
pub(super) struct Measured {
    pub(super) request: Request,
    pub(super) cycles: u64,
    pub(super) network: u64,
    pub(super) hops: u64,
    pub(super) build: Duration,
    /// The simulation that gave `cycles`.
    pub(super) wall: Duration,
    pub(super) bounds: Bounds,
    /// What bound the network's cycles.
    pub(super) limit: Limit,
    /// Links that most wavelets cross.
    pub(super) links: Vec<Crossing>,
    pub(super) wavelets: Wavelets,
    asked: Engine,
    /// Why `stream` did not run it.
    pub(super) handed_over: Option<String>,
}

/// What became of all wavelets.
#[derive(Default)]
pub(super) struct Wavelets {
    /// Sent by PEs.
    pub(super) injected: u64,
    /// Added by multicast.
    pub(super) copied: u64,
    /// Handed to PEs, and control wavelets that ended at a ramp.
    pub(super) delivered: u64,
    /// Neither.
    pub(super) in_flight: u64,
}

/// Links that are listed.
const HOTTEST: usize = 10;

impl Measured {
    /// Name of the engine that gave `cycles`.
    pub(super) fn engine(&self) -> &'static str {
        match (self.asked, &self.handed_over) {
            (Engine::Stream, None) => "stream",
            _ => "wavelet",
        }
    }
}

/// Operations as the PE runs them, and the start of the task.
fn timing(facts: &WaferFacts) -> (Timing, u64) {
    let pe = facts.pe_spec();
    let timing = Timing {
        lead: pe.gap_cycles,
        tail: pe.pipeline_cycles.saturating_sub(1),
        f16_per_cycle: pe.f16_per_cycle,
        f32_per_cycle: pe.f32_per_cycle,
        max_per_cycle: pe.max_per_cycle,
        accumulators: ACCUMULATORS,
    };
    let start = pe.task_start_cycles + pe.setup_cycles;
    (timing, u64::from(start.saturating_sub(pe.gap_cycles + 1)))
}

/// Builds `request`'s program and runs it.
pub(super) fn measure(
    request: Request,
    facts: &WaferFacts,
    engine: Engine,
) -> Result<Measured, Error> {
    let spec = facts.fabric_spec();
    let (timing, start_up) = timing(facts);
    let bare = Timing { lead: 0, tail: 0, accumulators: 0, ..timing };
    let began = Instant::now();
    let build = |timing| {
        let program = request.program(timing, spec.ramp_cycles);
        program.map_err(|error| Error::input(error.to_string()))
    };
    let program = build(&timing)?;
    let built = began.elapsed();
    let began = Instant::now();
    let (run, handed_over) = simulate(&program, &spec, engine)?;
    let wall = began.elapsed();
    let cycles = end(&request, &program, &run) + start_up;
    drop(program);
    let program = build(&bare)?;
    // Both engines give the same cycles; the faster one is tried where it was not refused before.
    let other = if handed_over.is_some() { Engine::Wavelet } else { Engine::Stream };
    let (alone, _) = simulate(&program, &spec, other)?;
    let network = end(&request, &program, &alone);
    let bounds = Bounds::of(&request, &spec);
    if let Some((name, bound)) = bounds.broken(network.min(cycles)) {
        let time = network.min(cycles);
        return Err(Error::Simulation(format!(
            "{time} cycles are below the {name} bound of {bound}"
        )));
    }
    let load = Load::of(&program);
    if let Some(load) = &load {
        conserved(load, &run, network.min(cycles))?;
    }
    let limit = limit::find(&program, load.as_ref(), &bounds, network);
    let load = load.unwrap_or_default();
    Ok(Measured {
        request,
        cycles,
        network,
        hops: run.hops,
        build: built,
        wall,
        bounds,
        limit,
        links: load.hottest_links(HOTTEST),
        wavelets: Wavelets {
            injected: load.injected,
            copied: load.copies,
            delivered: load.delivered + load.ended,
            in_flight: load.in_flight(),
        },
        asked: engine,
        handed_over,
    })
}

/// Checks an engine's count, and the link use, against what the program says it moves.
fn conserved(load: &Load, run: &Run, cycles: u64) -> Result<(), Error> {
    let broken = |what: String| Err(Error::Simulation(what));
    if load.in_flight() > 0 {
        return broken(format!("{} wavelets are neither delivered nor ended", load.in_flight()));
    }
    if load.hops() != run.hops {
        let (counted, expected) = (run.hops, load.hops());
        return broken(format!(
            "{counted} link traversals were counted, the program has {expected}"
        ));
    }
    match load.hottest_links(1).first() {
        Some(link) if u64::from(link.wavelets) > cycles => broken(format!(
            "{} wavelets cross one link in {cycles} cycles, at PE {} to {:?}",
            link.wavelets, link.pe, link.port
        )),
        _ => Ok(()),
    }
}

/// The cycle that counts as the end.
fn end(request: &Request, program: &Program, run: &Run) -> u64 {
    if request.goal != Goal::Reduce {
        return run.last();
    }
    let (x, y) = request.root();
    let root = (y * request.shape.columns + x) as usize;
    let bases = program.op_bases();
    let ops = bases[root] as usize..bases[root + 1] as usize;
    run.done[ops].iter().copied().max().unwrap_or(0)
}

/// Runs `program`; says why if `stream` was asked for and another engine ran it.
fn simulate(
    program: &Program,
    spec: &FabricSpec,
    engine: Engine,
) -> Result<(Run, Option<String>), Error> {
    let start = vec![0; program.shape.pes()];
    let mut handed_over = None;
    if engine == Engine::Stream {
        match stream::run(program, spec, &start) {
            Ok(run) => return Ok((run, None)),
            Err(FabricError::NotAccepted { reason }) => handed_over = Some(reason),
            Err(error) => return Err(failed(&error)),
        }
    }
    let threads = rayon::current_num_threads();
    let run = wavelet::run_threads(program, spec, &start, threads);
    let run = run.map_err(|error| failed(&error))?;
    Ok((run, handed_over))
}

fn failed(error: &FabricError) -> Error {
    match error {
        FabricError::NotAccepted { reason } => Error::input(format!("too large to run: {reason}")),
        _ => Error::Simulation(error.to_string()),
    }
}
