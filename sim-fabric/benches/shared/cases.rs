//! What is timed and counted: programs and traffic of fixed sizes, each with a name.

use sim_fabric::mesh::collective::Timing;
use sim_fabric::mesh::collective::request::{Algorithm, Goal, Request};
use sim_fabric::mesh::program::{DType, FabricError, Program, Shape};
use sim_fabric::mesh::spec::FabricSpec;
use sim_fabric::mesh::traffic::{self, Pattern, TrafficSpec};
use sim_fabric::mesh::{stream, wavelet};

/// A wafer's fabric: queues of four, ramps of two cycles.
const FABRIC: FabricSpec = FabricSpec {
    hop_cycles: 1,
    ramp_cycles: 2,
    queue_depth: 4,
    ramp_in_depth: 4,
    ramp_out_depth: 8,
    switch_cycles: 0,
    receive_directions: 1,
};

/// Operations as a wafer's PE runs them.
const TIMING: Timing = Timing {
    lead: 16,
    tail: 5,
    f16_per_cycle: 8,
    f32_per_cycle: 4,
    max_per_cycle: 4,
    accumulators: 4,
};

/// An engine for programs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Engine {
    /// Every wavelet, on so many threads.
    Wavelet(usize),
    /// Whole trains.
    Stream,
}

/// Something to run.
pub(crate) enum Work {
    /// A collective over columns x rows PEs, so many words of each.
    Collective(Goal, Algorithm, [u32; 2], u32, Engine),
    /// Uniform traffic on a square mesh: side, rate, cycles, cycles of a hop.
    Traffic(u32, f64, u32, u32),
}

/// Work that is set up and only has to be run.
pub(crate) enum Ready {
    Program(Box<Program>, Vec<u64>, Engine),
    Traffic(TrafficSpec),
}

impl Work {
    /// Builds the program.
    pub(crate) fn ready(&self) -> Ready {
        match self {
            Self::Collective(goal, algorithm, [columns, rows], elements, engine) => {
                let shape = Shape { columns: *columns, rows: *rows };
                let request = Request {
                    goal: *goal,
                    algorithm: algorithm.clone(),
                    shape,
                    elements: *elements,
                    dtype: DType::F32,
                };
                let program = request.program(&TIMING, FABRIC.ramp_cycles).expect("it exists");
                Ready::Program(Box::new(program), vec![0; shape.pes()], *engine)
            }
            &Self::Traffic(side, rate, cycles, hop_cycles) => Ready::Traffic(TrafficSpec {
                columns: side,
                rows: side,
                pattern: Pattern::Uniform,
                rate,
                cycles,
                queue_depth: 8,
                hop_cycles,
                ramp_cycles: 2,
                credit_cycles: TrafficSpec::usual_credit_cycles(hop_cycles),
                seed: 42,
            }),
        }
    }
}

impl Ready {
    /// Runs it; gives the links traversed.
    pub(crate) fn run(&self) -> u64 {
        match self {
            Self::Program(program, start, engine) => {
                let run = match engine {
                    Engine::Wavelet(threads) => {
                        wavelet::run_threads(program, &FABRIC, start, *threads)
                    }
                    Engine::Stream => stream::run(program, &FABRIC, start),
                };
                run.unwrap_or_else(|error: FabricError| panic!("{error}")).hops
            }
            Self::Traffic(spec) => {
                traffic::run(spec).unwrap_or_else(|error| panic!("{error}")).wavelet_hops
            }
        }
    }
}
