//! How long mapping takes: all operators of the main example's model onto wafers, and one token through them,
//! from nothing known. `cargo bench --bench mapping`

use std::path::Path;
use std::time::Instant;
use wafersim::machine::Job;
use wafersim::scenario::MachineSpec;
use wafersim::wafer::machine::Bench;
use wafersim::wafer::timer::Memory;

const RUNS: usize = 5;

fn main() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/kimi-k2.6.ron");
    let scenario = wafersim::Scenario::load(&example).expect("the example is right");
    let wafers = scenario.machines.iter().find_map(|machine| match machine {
        MachineSpec::Wafer(wafers) => Some(wafers),
        MachineSpec::Nvl72(_) => None,
    });
    let machine = wafers.expect("the example has wafers");
    let job = Job::of(&scenario);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads start");
    let mut times: Vec<[f64; 2]> = (0..RUNS)
        .map(|_| {
            let memory = Memory::default();
            let bench = Bench::new(machine, &job, &machine.preset.facts, &memory);
            let start = Instant::now();
            let placement = pool.install(|| bench.place()).expect("it fits");
            let placed = start.elapsed().as_secs_f64();
            let decode = pool.install(|| bench.decode(&placement)).expect("it runs");
            assert!(decode.tokens() > 0);
            [placed, start.elapsed().as_secs_f64()]
        })
        .collect();
    times.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let [mapped, all] = times[RUNS / 2];
    println!("mapping on two threads: median {mapped:.2} s of {RUNS} runs (limit 2 s)");
    println!("with the output tokens of the request behind it: {all:.2} s");
}
