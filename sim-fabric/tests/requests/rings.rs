//! All-gather and cyclic shifts.

use super::{BARE, FULL, WSE2, values};
use sim_fabric::mesh::collective::request::{Algorithm, Axis, Goal};
use sim_fabric::mesh::collective::{Collective, program};
use sim_fabric::mesh::program::{DType, Program};
use sim_fabric::mesh::wavelet;

fn line(collective: &Collective, pes: u32, words: u32) -> Program {
    program(collective, pes, 1, words, DType::F32, &BARE)
}

#[test]
fn an_all_gather_leaves_everything_everywhere() {
    for (pes, words) in [(2, 1), (5, 3), (9, 20), (14, 50)] {
        let program = line(&Collective::AllGather, pes, words);
        let (before, after) = values::after(&program, words, (1 + pes) * words);
        let all: Vec<f32> =
            before.iter().flat_map(|pe| pe[..words as usize].iter().copied()).collect();
        for (pe, values) in after.iter().enumerate() {
            assert_eq!(values[words as usize..], all, "{pe} of {pes}");
        }
        let run = wavelet::run(&program, &WSE2, &vec![0; pes as usize]).expect("it runs");
        // Around the ring, or by PE 0 for few words; the own words are copied last.
        let (around, by_root) = ((pes - 1) * (words + 7), 2 * pes * (words + 1));
        let most = u64::from(around.min(by_root) + words + 10);
        let least = u64::from((pes - 1) * words);
        assert!((least..=most).contains(&run.last()), "{pes} {words}: {} {most}", run.last());
    }
}

#[test]
fn a_shift_hands_everybodys_words_to_the_next() {
    for interleaved in [false, true] {
        for (pes, words) in [(2, 1), (3, 4), (8, 5), (9, 60)] {
            let program = line(&Collective::Shift { interleaved }, pes, words);
            let (before, after) = values::after(&program, words, 2 * words);
            let order: Vec<u32> = match interleaved {
                false => (0..pes).collect(),
                true => {
                    (0..pes).step_by(2).chain((0..pes).filter(|pe| pe % 2 == 1).rev()).collect()
                }
            };
            for (place, &pe) in order.iter().enumerate() {
                let next = order[(place + 1) % order.len()];
                let words = words as usize;
                assert_eq!(after[next as usize][words..], before[pe as usize][..words]);
            }
        }
    }
}

#[test]
fn the_interleaved_shift_does_not_know_the_length_of_the_line() {
    let last = |pes: u32| {
        let program = line(&Collective::Shift { interleaved: true }, pes, 4);
        wavelet::run(&program, &WSE2, &vec![0; pes as usize]).expect("it runs").last()
    };
    assert_eq!(last(8), last(400));
    // Sent and taken at once: 4 words, two hops, both ramps, and the cycle of the send.
    assert_eq!(last(8), 4 + 2 + 4 + 1);
}

#[test]
fn an_all_gather_over_a_rectangle_goes_along_rows_and_then_columns() {
    for (shape, words) in [((2, 2), 1), ((3, 2), 5), ((2, 5), 3), ((6, 4), 7)] {
        for timing in [BARE, FULL] {
            let program = super::program(Goal::AllGather, Algorithm::Ring, shape, words, &timing);
            let room = (1 + shape.0 + shape.0 * shape.1) * words;
            let (before, after) = values::after(&program, words, room);
            let all: Vec<f32> =
                before.iter().flat_map(|pe| pe[..words as usize].iter().copied()).collect();
            for (pe, values) in after.iter().enumerate() {
                let gathered = &values[((1 + shape.0) * words) as usize..];
                assert_eq!(gathered, all, "{pe} of {shape:?}, {words} words");
            }
        }
    }
}

#[test]
fn rings_along_rows_and_then_columns_leave_the_sums_everywhere() {
    let x_y = Algorithm::XY { inner: Box::new(Algorithm::Ring) };
    for algorithm in [Algorithm::Ring, x_y] {
        for (shape, words) in [((2, 2), 1), ((4, 3), 30), ((3, 5), 8), ((7, 2), 64)] {
            values::holds(Goal::AllReduce, &algorithm, shape, words);
        }
    }
}

#[test]
fn a_shift_stays_in_its_row_or_column() {
    let words = 9;
    for (columns, rows) in [(2u32, 3u32), (5, 4), (4, 7)] {
        for (interleaved, along) in
            [(false, Axis::Rows), (true, Axis::Rows), (false, Axis::Columns), (true, Axis::Columns)]
        {
            let goal = Goal::Shift { interleaved, along };
            let program =
                super::program(goal, Algorithm::Ring, (columns, rows), words as u32, &FULL);
            let (before, after) = values::after(&program, words as u32, 2 * words as u32);
            let (pes, lines) = match along {
                Axis::Rows => (columns, rows),
                Axis::Columns => (rows, columns),
            };
            let odd = (0..pes).filter(|pe| pe % 2 == 1).rev();
            let order: Vec<u32> = match interleaved {
                false => (0..pes).collect(),
                true => (0..pes).step_by(2).chain(odd).collect(),
            };
            for line in 0..lines {
                let at = |place: u32| match along {
                    Axis::Rows => (line * columns + place) as usize,
                    Axis::Columns => (place * columns + line) as usize,
                };
                for (place, &pe) in order.iter().enumerate() {
                    let next = order[(place + 1) % order.len()];
                    let (from, to) = (&before[at(pe)], &after[at(next)]);
                    assert_eq!(to[words..], from[..words], "{goal} {columns}x{rows}");
                }
            }
        }
    }
}
