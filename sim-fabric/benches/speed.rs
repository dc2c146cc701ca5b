//! Wall-clock speed for people, the best of a few runs: `cargo bench -p sim-fabric --bench speed`,
//! with words of a name behind `--` to run only the cases whose name has them.

#[path = "shared/cases.rs"]
mod cases;

use cases::{Engine, Work};
use sim_fabric::mesh::collective::request::{Algorithm, Goal};
use std::time::Instant;

const RUNS: usize = 3;

fn main() {
    let star = |shape, words, engine| {
        Work::Collective(Goal::AllReduce, Algorithm::CentreStar, shape, words, engine)
    };
    let chains = Algorithm::XY { inner: Box::new(Algorithm::Chain) };
    let chains = |shape, words, engine| {
        Work::Collective(Goal::AllReduce, chains.clone(), shape, words, engine)
    };
    let (one, two) = (Engine::Wavelet(1), Engine::Wavelet(2));
    let wafer = [755, 1170];
    let reduce = |shape, words, engine| {
        Work::Collective(Goal::Reduce, Algorithm::Chain, shape, words, engine)
    };
    let broadcast = |shape, words, engine| {
        Work::Collective(Goal::Broadcast, Algorithm::Broadcast, shape, words, engine)
    };
    let work = [
        ("wavelet star 32x32", star([32, 32], 500, one)),
        ("wavelet chains 32x32", chains([32, 32], 1000, one)),
        ("wavelet chain 32x32", reduce([32, 32], 4000, one)),
        ("wavelet broadcast 32x32", broadcast([32, 32], 4000, one)),
        ("wavelet broadcast wafer, one thread", broadcast(wafer, 20, one)),
        ("wavelet broadcast wafer, two threads", broadcast(wafer, 20, two)),
        ("wavelet star wafer, one thread", star(wafer, 1, one)),
        ("wavelet star wafer, two threads", star(wafer, 1, two)),
        ("stream star wafer", star(wafer, 1, Engine::Stream)),
        // A limit is set for this one: 0.25 s.
        ("traffic 32x32 rate 0.05", Work::Traffic(32, 0.05, 6_000, 1)),
        ("traffic 32x32 rate 0.05, 3 a hop", Work::Traffic(32, 0.05, 6_000, 3)),
        ("traffic 32x32 rate 0.1", Work::Traffic(32, 0.1, 6_000, 1)),
        ("traffic 256x256 rate 0.005", Work::Traffic(256, 0.005, 600, 1)),
    ];
    // Cargo's own arguments begin with a dash.
    let words: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    println!("{:<36} {:>10} {:>12} {:>14}", "", "seconds", "hops", "million hops/s");
    for (name, work) in work {
        if !words.iter().all(|word| name.contains(word.as_str())) {
            continue;
        }
        let ready = work.ready();
        let (mut best, mut hops) = (f64::INFINITY, 0);
        for _ in 0..RUNS {
            let started = Instant::now();
            hops = ready.run();
            best = best.min(started.elapsed().as_secs_f64());
        }
        println!("{name:<36} {best:>10.3} {hops:>12} {:>14.1}", hops as f64 / best / 1e6);
    }
}
