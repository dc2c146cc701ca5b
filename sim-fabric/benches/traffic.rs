//! Speed of open-loop traffic, the best of a few runs: `cargo bench -p sim-fabric --bench traffic`.

use sim_fabric::mesh::traffic::{Pattern, TrafficError, TrafficSpec, run};
use std::time::Instant;

const RUNS: usize = 3;

fn main() -> Result<(), TrafficError> {
    println!("{:<28} {:>10} {:>12} {:>14}", "mesh", "seconds", "hops", "million hops/s");
    // Side, rate, cycles, cycles a hop; the first is the one that a limit is set for (0.25 s).
    for (side, rate, cycles, hop_cycles) in
        [(32, 0.05, 6_000, 1), (32, 0.05, 6_000, 3), (32, 0.1, 6_000, 1), (256, 0.005, 600, 1)]
    {
        let spec = TrafficSpec {
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
        };
        let (mut best, mut hops) = (f64::INFINITY, 0);
        for _ in 0..RUNS {
            let started = Instant::now();
            hops = run(&spec)?.wavelet_hops;
            best = best.min(started.elapsed().as_secs_f64());
        }
        let name = format!("{side}x{side} rate {rate}, {hop_cycles} a hop");
        println!("{name:<28} {best:>10.3} {hops:>12} {:>14.1}", hops as f64 / best / 1e6);
    }
    Ok(())
}
