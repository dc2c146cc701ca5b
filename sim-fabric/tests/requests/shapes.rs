//! Both engines give the same cycles, and what cannot be done is said.

use super::{BARE, FULL, WSE2, program, request};
use sim_fabric::mesh::collective::request::{Algorithm, Axis, Goal};
use sim_fabric::mesh::{stream, wavelet};

#[test]
fn both_engines_give_the_same_cycles() {
    let x_y = Algorithm::XY { inner: Box::new(Algorithm::Auto) };
    for (algorithm, shape, words) in [
        (Algorithm::CentreStar, (61, 40), 1),
        (Algorithm::CentreStar, (24, 31), 20),
        (Algorithm::Snake, (13, 12), 30),
        (x_y, (33, 20), 8),
        (Algorithm::Star, (90, 1), 7),
        (Algorithm::Chain, (90, 1), 70),
        (Algorithm::Tree, (64, 1), 8),
        (Algorithm::KTree { k: 2 }, (100, 1), 5),
        (Algorithm::Auto, (130, 1), 32),
    ] {
        for timing in [BARE, FULL] {
            for goal in [Goal::Reduce, Goal::AllReduce] {
                let program = program(goal, algorithm.clone(), shape, words, &timing);
                let start = vec![0; program.shape.pes()];
                let fast = stream::run(&program, &WSE2, &start);
                let fast = fast.unwrap_or_else(|why| panic!("{algorithm} {shape:?}: {why}"));
                assert_eq!(fast, wavelet::run(&program, &WSE2, &start).expect("it runs"));
            }
        }
    }
}

#[test]
fn rings_and_shifts_run_in_the_stream_engine_too() {
    let shift = |interleaved, along| Goal::Shift { interleaved, along };
    for (goal, shape, words) in [
        (Goal::AllReduce, (5, 1), 1),
        (Goal::AllReduce, (20, 1), 3),
        (Goal::AllReduce, (12, 1), 130),
        (Goal::AllReduce, (6, 5), 40),
        (Goal::AllGather, (9, 1), 1),
        (Goal::AllGather, (7, 4), 20),
        (shift(false, Axis::Rows), (30, 2), 50),
        (shift(true, Axis::Columns), (3, 14), 50),
    ] {
        for timing in [BARE, FULL] {
            let program = program(goal, Algorithm::Ring, shape, words, &timing);
            let start = vec![0; program.shape.pes()];
            let fast = stream::run(&program, &WSE2, &start);
            let fast = fast.unwrap_or_else(|why| panic!("{goal} {shape:?} {words}: {why}"));
            let exact = wavelet::run(&program, &WSE2, &start).expect("it runs");
            assert_eq!(fast, exact, "{goal} {shape:?} {words}");
        }
    }
}

#[test]
fn the_generated_tree_is_no_slower_than_the_others() {
    for pes in [8u32, 64, 300] {
        for words in [1, 16, 200] {
            let cycles = |algorithm| {
                let program = program(Goal::Reduce, algorithm, (pes, 1), words, &BARE);
                wavelet::run(&program, &WSE2, &vec![0; pes as usize]).expect("it runs").last()
            };
            let others = [
                Algorithm::Star,
                Algorithm::Chain,
                Algorithm::Tree,
                Algorithm::TwoPhase { step: None },
            ];
            let least = others.into_iter().map(cycles).min().unwrap_or(0);
            let auto = cycles(Algorithm::Auto);
            assert!(auto as f64 <= least as f64 * 1.05 + 4.0, "{pes} {words}: {auto} {least}");
        }
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    let refused = |goal, algorithm, shape, words, text: &str| {
        let error = request(goal, algorithm, shape, words).program(&FULL, 2).expect_err(text);
        assert!(error.to_string().contains(text), "{error}");
    };
    refused(Goal::Reduce, Algorithm::Ring, (4, 1), 1, "no algorithm for this goal: reduce");
    refused(Goal::Broadcast, Algorithm::Star, (4, 1), 1, "no algorithm for this goal: broadcast");
    refused(Goal::Reduce, Algorithm::Star, (4, 1), 0, "at least one PE and one word");
    refused(Goal::Reduce, Algorithm::TwoPhase { step: Some(9) }, (8, 1), 1, "step is 9");
    refused(Goal::Reduce, Algorithm::KTree { k: 0 }, (8, 1), 1, "k (levels) is 0");
}
