//! Runs a collective on a preset's numbers.
//!
//! `cycles` is counted as the published table of reduces counts: from the time stamp at the task's
//! start to the one behind the root's last operation; with an all-reduce or a broadcast, to the last
//! operation of the last PE. Every operation waits for the gap between dependent operations first
//! and its result goes through the pipeline. The task itself starts and loads descriptors; of that the first gap is
//! counted already, and the cycle in which the stamp is taken.
//!
//! `cycles_network` runs the same program with operations that begin at once.

use super::Engine;
use super::bounds::Bounds;
use crate::error::Error;
use crate::wafer::hardware::WaferFacts;
use sim_fabric::mesh::collective::Timing;
use sim_fabric::mesh::collective::request::{Algorithm, Goal, Request};
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
    asked: Engine,
    /// Why `stream` did not run it.
    pub(super) handed_over: Option<String>,
}

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
    mut request: Request,
    facts: &WaferFacts,
    engine: Engine,
) -> Result<Measured, Error> {
    let spec = facts.fabric_spec();
    let (timing, start_up) = timing(facts);
    let bare = Timing { lead: 0, tail: 0, accumulators: 0, ..timing };
    let began = Instant::now();
    search(&mut request, &timing, &spec)?;
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
    let hops = run.hops;
    Ok(Measured {
        request,
        cycles,
        network,
        hops,
        build: built,
        wall,
        bounds,
        asked: engine,
        handed_over,
    })
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

/// Finds the step of a two-phase reduce along a row that names none: the fastest near the root of
/// the row's PEs, by simulation.
fn search(request: &mut Request, timing: &Timing, spec: &FabricSpec) -> Result<(), Error> {
    let Algorithm::TwoPhase { step: None } = request.algorithm else { return Ok(()) };
    let root = request.shape.columns.isqrt();
    let reach = root / 4;
    let mut best: Option<(u64, u32)> = None;
    for step in (root - reach..=root + reach + 1).step_by(reach.div_ceil(3).max(1) as usize) {
        let step = step.clamp(1, request.shape.columns);
        request.algorithm = Algorithm::TwoPhase { step: Some(step) };
        let program = request.program(timing, spec.ramp_cycles);
        let program = program.map_err(|error| Error::input(error.to_string()))?;
        let (run, _) = simulate(&program, spec, Engine::Stream)?;
        let cycles = end(request, &program, &run);
        if best.is_none_or(|(least, _)| cycles < least) {
            best = Some((cycles, step));
        }
    }
    request.algorithm = Algorithm::TwoPhase { step: best.map(|(_, step)| step) };
    Ok(())
}
