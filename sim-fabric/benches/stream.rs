//! Speed of the stream engine beside the reference engine: `cargo bench -p sim-fabric --bench stream`.
//!
//! Every line also says whether both gave the same cycles. `-- wafer` adds whole wafers.

use sim_fabric::mesh::collective::Timing;
use sim_fabric::mesh::collective::request::{Algorithm, Goal, Request};
use sim_fabric::mesh::program::{DType, FabricError, Program, Shape};
use sim_fabric::mesh::spec::FabricSpec;
use sim_fabric::mesh::{stream, wavelet};
use std::time::Instant;

/// A WSE-2.
const SPEC: FabricSpec = FabricSpec {
    hop_cycles: 1,
    ramp_cycles: 2,
    queue_depth: 4,
    ramp_in_depth: 4,
    ramp_out_depth: 2,
    switch_cycles: 2,
    receive_directions: 1,
};

const TIMING: Timing = Timing {
    lead: 16,
    tail: 5,
    f16_per_cycle: 4,
    f32_per_cycle: 2,
    max_per_cycle: 1,
    accumulators: 4,
};

fn main() {
    println!(
        "{:<34} {:>10} {:>9} {:>9} {:>12}  same",
        "program", "cycles", "stream s", "wavelet s", "hops"
    );
    for words in [1, 64, 1024] {
        for pes in [64, 512] {
            for algorithm in [
                Algorithm::Chain,
                Algorithm::Star,
                Algorithm::Tree,
                Algorithm::KTree { k: 8 },
                Algorithm::Auto,
                Algorithm::TwoPhase { step: Some(8) },
                Algorithm::TwoPhase { step: Some(23) },
            ] {
                show(Goal::Reduce, algorithm, (pes, 1), words);
            }
            show(Goal::AllReduce, Algorithm::Ring, (pes, 1), words);
            show(Goal::Broadcast, Algorithm::Broadcast, (pes, 1), words);
        }
        let x_y = Algorithm::XY { inner: Box::new(Algorithm::Auto) };
        show(Goal::AllReduce, x_y, (64, 48), words);
        show(Goal::AllReduce, Algorithm::CentreStar, (64, 48), words);
        show(Goal::AllReduce, Algorithm::Snake, (64, 48), words);
    }
    if std::env::args().any(|word| word == "wafer") {
        show(Goal::AllReduce, Algorithm::CentreStar, (755, 1170), 1);
        let x_y = Algorithm::XY { inner: Box::new(Algorithm::TwoPhase { step: Some(27) }) };
        show(Goal::AllReduce, x_y, (755, 1170), 16);
    }
}

fn show(goal: Goal, algorithm: Algorithm, (columns, rows): (u32, u32), words: u32) {
    let name = format!("{algorithm} {columns}x{rows}, {words} words");
    let shape = Shape { columns, rows };
    let request = Request { goal, algorithm, shape, elements: words, dtype: DType::F32 };
    let program: Program = match request.program(&TIMING, SPEC.ramp_cycles) {
        Ok(program) => program,
        Err(error) => return println!("{name:<34} {error}"),
    };
    let start = vec![0; program.shape.pes()];
    let began = Instant::now();
    let fast = stream::run(&program, &SPEC, &start);
    let seconds = began.elapsed().as_secs_f64();
    let began = Instant::now();
    let reference = wavelet::run(&program, &SPEC, &start);
    let reference_seconds = began.elapsed().as_secs_f64();
    let (cycles, hops) = reference.as_ref().map_or((0, 0), |run| (run.last(), run.hops));
    let same = match &fast {
        Err(FabricError::NotAccepted { reason }) => format!("handed over: {reason}"),
        _ => (fast == reference).to_string(),
    };
    println!("{name:<34} {cycles:>10} {seconds:>9.4} {reference_seconds:>9.4} {hops:>12}  {same}");
}
