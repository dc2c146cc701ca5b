//! Every collective computes what it is for, and numbers change no times.

use super::{BARE, FULL, WSE2, program};
use sim_fabric::mesh::collective::request::{Algorithm, Goal};
use sim_fabric::mesh::program::Program;
use sim_fabric::mesh::wavelet;

/// Different whole numbers in every element of every PE, so that sums are exact.
fn memory(pes: usize, words: u32, room: u32) -> Vec<Vec<f32>> {
    let number = |pe: usize, word: u32| {
        if word < words { ((pe as u32 * 31 + word * 7) % 101) as f32 } else { 0.0 }
    };
    (0..pes).map(|pe| (0..room).map(|word| number(pe, word)).collect()).collect()
}

pub(super) fn after(program: &Program, words: u32, room: u32) -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
    let pes = program.shape.pes();
    let before = memory(pes, words, room);
    let mut memory = before.clone();
    let start = vec![0; pes];
    let timed = wavelet::run_values(program, &WSE2, &start, &mut memory).expect("it runs");
    assert_eq!(timed, wavelet::run(program, &WSE2, &start).expect("it runs"));
    (before, memory)
}

fn sums(memory: &[Vec<f32>], words: u32) -> Vec<f32> {
    (0..words as usize).map(|word| memory.iter().map(|pe| pe[word]).sum()).collect()
}

pub(super) fn holds(goal: Goal, algorithm: &Algorithm, shape: (u32, u32), words: u32) {
    for timing in [BARE, FULL] {
        let program = program(goal, algorithm.clone(), shape, words, &timing);
        let root = super::request(goal, algorithm.clone(), shape, words).root();
        let (before, after) = after(&program, words, words);
        let root = (root.1 * shape.0 + root.0) as usize;
        let expected = match goal {
            Goal::Broadcast => before[root].clone(),
            _ => sums(&before, words),
        };
        for (pe, values) in after.iter().enumerate() {
            if goal != Goal::Reduce || pe == root {
                assert_eq!(values, &expected, "{goal:?} {algorithm} {shape:?} {words} at {pe}");
            }
        }
    }
}

fn on_a_line() -> Vec<Algorithm> {
    vec![
        Algorithm::Star,
        Algorithm::Chain,
        Algorithm::Tree,
        Algorithm::KTree { k: 2 },
        Algorithm::KTree { k: 3 },
        Algorithm::TwoPhase { step: None },
        Algorithm::Auto,
    ]
}

#[test]
fn reduces_along_a_row_sum_at_its_west_end() {
    for pes in (3..20).chain([64]) {
        for algorithm in on_a_line() {
            for words in [1, 3, 40] {
                holds(Goal::Reduce, &algorithm, (pes, 1), words);
                holds(Goal::AllReduce, &algorithm, (pes, 1), words);
            }
        }
    }
}

#[test]
fn on_rectangles_too() {
    let mut all: Vec<_> =
        on_a_line().into_iter().map(|inner| Algorithm::XY { inner: Box::new(inner) }).collect();
    all.extend([Algorithm::Snake, Algorithm::CentreStar]);
    for shape in [(3, 3), (5, 4), (8, 7)] {
        for algorithm in &all {
            for words in [1, 12] {
                holds(Goal::Reduce, algorithm, shape, words);
                holds(Goal::AllReduce, algorithm, shape, words);
            }
        }
    }
}

#[test]
fn the_smallest_shapes_have_their_sums() {
    for shape in [(1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (1, 3), (2, 3), (3, 2)] {
        for algorithm in [
            Algorithm::Snake,
            Algorithm::CentreStar,
            Algorithm::XY { inner: Box::new(Algorithm::Star) },
        ] {
            holds(Goal::AllReduce, &algorithm, shape, 2);
        }
        holds(Goal::Broadcast, &Algorithm::Broadcast, shape, 3);
    }
    for algorithm in
        [Algorithm::Star, Algorithm::Chain, Algorithm::Tree, Algorithm::Auto, Algorithm::Ring]
    {
        for pes in 1..4 {
            holds(Goal::AllReduce, &algorithm, (pes, 1), 5);
        }
    }
}

#[test]
fn a_ring_leaves_the_sums_everywhere() {
    for pes in [2, 3, 4, 7, 12] {
        for words in [1, 5, 40, 300] {
            holds(Goal::AllReduce, &Algorithm::Ring, (pes, 1), words);
        }
    }
}
