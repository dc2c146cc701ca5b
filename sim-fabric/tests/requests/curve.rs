//! Curves: cycles of the network alone against the closed forms of Luczynski et al., HPDC 2024, with
//! T_R = 2.

use super::{BARE, WSE2, program};
use sim_fabric::mesh::collective::request::{Algorithm, Goal};
use sim_fabric::mesh::{stream, wavelet};

const PES: [u32; 6] = [4, 8, 16, 64, 128, 512];
const WORDS: [u32; 6] = [1, 4, 32, 256, 1024, 4096];

/// Largest distance from `model` over the grid beyond 4 cycles, as a part of it.
fn worst(
    goal: Goal,
    algorithm: fn(u32) -> Algorithm,
    model: fn(f64, f64) -> f64,
) -> (f64, u32, u32) {
    let mut worst = (0.0, 0, 0);
    for pes in PES {
        for words in WORDS {
            let program = program(goal, algorithm(pes), (pes, 1), words, &BARE);
            let start = vec![0; pes as usize];
            let run = stream::run(&program, &WSE2, &start).or_else(|why| {
                if std::env::var("SHOW").is_ok() {
                    println!(
                        "HANDED {algorithm:?} {pes} {words}: {why}",
                        algorithm = algorithm(pes)
                    );
                }
                wavelet::run(&program, &WSE2, &start)
            });
            let run = run.expect("it runs");
            let expected = model(f64::from(pes), f64::from(words));
            let off = (run.last() as f64 - expected).abs();
            let part = if off <= 4.0 { 0.0 } else { off / expected };
            if std::env::var("SHOW").is_ok() {
                println!("{pes} {words} {} {expected} {part}", run.last());
            }
            if part > worst.0 {
                worst = (part, pes, words);
            }
        }
    }
    println!("WORST {worst:?}");
    worst
}

#[test]
fn broadcast() {
    let model = |p: f64, b: f64| b + p + 4.0;
    assert!(worst(Goal::Broadcast, |_| Algorithm::Broadcast, model).0 < 0.04);
}

#[test]
fn star() {
    let model = |p: f64, b: f64| b * (p - 1.0) + 5.0;
    assert!(worst(Goal::Reduce, |_| Algorithm::Star, model).0 < 0.04);
}

#[test]
fn chain() {
    let model = |p: f64, b: f64| b + 6.0 * (p - 1.0);
    assert!(worst(Goal::Reduce, |_| Algorithm::Chain, model).0 < 0.04);
}

#[test]
fn tree() {
    let model = |p: f64, b: f64| {
        let rounds = p.log2();
        (b * rounds).max(b * p / (2.0 * (p - 1.0)) * rounds + p - 1.0) + 5.0 * rounds
    };
    assert!(worst(Goal::Reduce, |_| Algorithm::Tree, model).0 < 0.04);
}

#[test]
fn two_phase() {
    let model = |p: f64, b: f64| 2.0 * b + p - 1.0 + 5.0 * (2.0 * p.sqrt() - 2.0);
    assert!(worst(Goal::Reduce, |_| Algorithm::TwoPhase { step: None }, model).0 < 0.04);
}

#[test]
fn ring() {
    let model = |p: f64, b: f64| 2.0 * (p - 1.0) * b / p + 4.0 * p - 6.0 + 10.0 * (p - 1.0);
    println!("{:?}", worst(Goal::AllReduce, |_| Algorithm::Ring, model));
}
