//! Programs compute what they are for: results of runs with numbers.

use super::build::*;
use sim_fabric::mesh::collective::Timing;
use sim_fabric::mesh::collective::cyclic_gemm::{Alignment, CyclicGemm, Tiles};
use sim_fabric::mesh::collective::two_phase::reduce;
use sim_fabric::mesh::program::{DType, Op, OpKind, Operand, Port, Program, SendEnd};
use sim_fabric::mesh::wavelet::run_values;

use Port::{East, Ramp, West};

/// Different whole numbers in every element of every PE, so that sums are exact.
fn memory(pes: u32, words: u32) -> Vec<Vec<f32>> {
    let number = |pe: u32, word: u32| ((pe * 31 + word * 7) % 101) as f32;
    (0..pes).map(|pe| (0..words).map(|word| number(pe, word)).collect()).collect()
}

fn sums(memory: &[Vec<f32>]) -> Vec<f32> {
    (0..memory[0].len()).map(|word| memory.iter().map(|pe| pe[word]).sum()).collect()
}

/// Runs with numbers; the times must be those of a run without.
fn values(program: &Program, mut memory: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
    let start = vec![0; program.shape.pes()];
    let timed = run_values(program, &spec(), &start, &mut memory).unwrap();
    assert_eq!(timed, run(program));
    memory
}

#[test]
fn a_chain_sums_at_its_root() {
    for (pes, words) in [(2, 1), (5, 3), (16, 40)] {
        let before = memory(pes, words);
        assert_eq!(values(&chain(pes, words), before.clone())[0], sums(&before));
    }
}

#[test]
fn a_two_phase_reduce_sums_at_its_root_whatever_the_step() {
    let timing = Timing {
        lead: 16,
        tail: 5,
        f16_per_cycle: 4,
        f32_per_cycle: 2,
        max_per_cycle: 1,
        accumulators: 4,
    };
    for pes in 2..20 {
        for step in 1..=pes {
            for dtype in [DType::F32, DType::F16] {
                let before = memory(pes, 9);
                let after = values(&reduce(pes, 9, step, dtype, &timing), before.clone());
                assert_eq!(after[0], sums(&before), "{pes} PEs, step {step}, {dtype:?}");
            }
        }
    }
}

#[test]
fn a_star_sums_at_its_root() {
    let (pes, words) = (9u32, 6);
    let takes: Vec<_> = (1..pes).map(|_| add(0, words)).collect();
    let own = [Op { end: SendEnd::AdvanceLocal, ..send(0, words) }];
    let switched = [route(0, &[(Ramp, &[West]), (East, &[West])])];
    let mut classes = vec![class(&[route(0, &[(East, &[Ramp])])], &takes)];
    classes.extend((2..pes).map(|_| class(&switched, &own)));
    classes.push(class(&[route(0, &[(Ramp, &[West])])], &[send(0, words)]));
    let before = memory(pes, words);
    assert_eq!(values(&row(classes), before.clone())[0], sums(&before));
}

#[test]
fn a_broadcast_gives_everyone_the_roots_words() {
    let mut classes = vec![class(&[route(3, &[(Ramp, &[East])])], &[send(3, 5)])];
    classes.extend((0..3).map(|_| class(&[route(3, &[(West, &[East, Ramp])])], &[take(3, 5)])));
    classes.push(class(&[route(3, &[(West, &[Ramp])])], &[take(3, 5)]));
    let before = memory(5, 5);
    assert_eq!(values(&row(classes), before.clone()), vec![before[0].clone(); 5]);
}

#[test]
fn each_kind_of_operation_computes_what_it_says() {
    let (a, b, dst) = (Operand::Memory(0), Operand::Memory(2), Operand::Memory(4));
    for (kind, result) in [
        (OpKind::Move, [3.0, -4.0]),
        (OpKind::Add, [5.0, 1.0]),
        (OpKind::Max, [3.0, 5.0]),
        (OpKind::Mul, [6.0, -20.0]),
        (OpKind::Sub, [1.0, -9.0]),
        (OpKind::Greater, [1.0, 0.0]),
        (OpKind::GreaterEqual, [1.0, 0.0]),
        (OpKind::Exp, [3.0f32.exp(), (-4.0f32).exp()]),
        (OpKind::Reciprocal, [1.0 / 3.0, -0.25]),
        (OpKind::Local, [0.0, 0.0]),
    ] {
        let program = row(vec![class(&[], &[op(kind, 2, dst, a, b)])]);
        let after = values(&program, vec![vec![3.0, -4.0, 2.0, 5.0, 0.0, 0.0]]);
        assert_eq!(after[0][4..], result, "{kind:?}");
    }
}

#[test]
fn a_number_in_memory_decides_where_an_operand_lies() {
    use sim_fabric::mesh::program::Walk;
    let chosen = Operand::Walk(Walk::line(1, 2, 1).indexed(0, 2));
    let fetch = op(OpKind::Move, 2, Operand::Memory(7), chosen, Operand::None);
    let program = row(vec![class(&[], &[fetch])]);
    let table = |choice| vec![choice, 10.0, 11.0, 20.0, 21.0, 30.0, 31.0, 0.0, 0.0];
    assert_eq!(values(&program, vec![table(2.0)])[0][7..], [30.0, 31.0]);
    assert_eq!(values(&program, vec![table(1.0)])[0][7..], [20.0, 21.0]);
    let error = run_values(&program, &spec(), &[0], &mut [table(4.0)]).unwrap_err().to_string();
    assert!(error.contains("op 0 reads an address in memory that leads out of it"), "{error}");
}

#[test]
fn operands_must_lie_in_memory() {
    let program = chain(3, 4);
    let error = run_values(&program, &spec(), &[0; 3], &mut memory(3, 3)).unwrap_err();
    assert!(error.to_string().contains("op 0 reaches element 4 of a memory of 3"), "{error}");
}

/// The place of each PE of a line in the folded order: out over even ones, back over odd ones.
fn folded(side: u32) -> Vec<u32> {
    let order: Vec<u32> =
        (0..side).step_by(2).chain((0..side).filter(|pe| pe % 2 == 1).rev()).collect();
    let place = |pe| order.iter().position(|&at| at == pe).expect("is there") as u32;
    (0..side).map(place).collect()
}

/// Two matrices cut into tiles, one of each for a PE, become their product: rows of A are moved to where
/// the first step needs them, then both factors move on, step after step.
#[test]
fn a_cyclic_shift_multiplies_two_matrices() {
    let timing = Timing {
        lead: 6,
        tail: 5,
        f16_per_cycle: 4,
        f32_per_cycle: 2,
        max_per_cycle: 1,
        accumulators: 4,
    };
    for (side, m, k, n) in
        [(2, 2, 1, 2), (3, 1, 3, 2), (5, 3, 4, 2), (6, 2, 2, 5), (7, 1, 1, 1), (4, 8, 9, 3)]
    {
        for busy in [1, 200] {
            let tiles = Tiles { m, k, n };
            let dtype = DType::F16;
            let align = Alignment { side, elements: m * k, to: tiles.a(0), dtype };
            let gemm = CyclicGemm {
                side,
                steps: side,
                along_rows: m * k,
                along_columns: k * n,
                busy,
                waiting: 3,
                dtype,
                tiles: Some(tiles),
            };
            let places = folded(side);
            let a = |row: u32, column: u32| ((row * 13 + column * 7) % 11) as f32 - 5.0;
            let b = |row: u32, column: u32| ((row * 5 + column * 3) % 7) as f32 - 3.0;
            let mut memory = vec![vec![0.0; tiles.len() as usize]; (side * side) as usize];
            for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
                let (row, column) = (places[y as usize], places[x as usize]);
                let memory = &mut memory[(y * side + x) as usize];
                for (i, j) in (0..m).flat_map(|i| (0..k).map(move |j| (i, j))) {
                    memory[(align.from(row) + i * k + j) as usize] = a(row * m + i, column * k + j);
                }
                // Weights lie as the first step needs them.
                let first = (row + column) % side;
                for (i, j) in (0..k).flat_map(|i| (0..n).map(move |j| (i, j))) {
                    memory[(tiles.b(0) + i * n + j) as usize] = b(first * k + i, column * n + j);
                }
            }
            let aligned = values(&align.program(timing), memory);
            let after = values(&gemm.program(timing), aligned.clone());
            // A PE that starts late holds its neighbours' tiles up: what comes must not lie on them.
            let mut late = aligned;
            let mut start = vec![0; (side * side) as usize];
            start[(side + 1) as usize] = 700;
            run_values(&gemm.program(timing), &spec(), &start, &mut late).unwrap();
            let result = |memory: &[Vec<f32>]| -> Vec<Vec<f32>> {
                memory.iter().map(|pe| pe[..(m * n) as usize].to_vec()).collect()
            };
            assert_eq!(result(&late), result(&after), "one PE of {side} late");
            for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
                let (row, column) = (places[y as usize], places[x as usize]);
                for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                    let (row, column) = (row * m + i, column * n + j);
                    let sum: f32 = (0..k * side).map(|l| a(row, l) * b(l, column)).sum();
                    let found = after[(y * side + x) as usize][(i * n + j) as usize];
                    assert_eq!(found, sum, "{row}, {column} on {side}");
                }
            }
        }
    }
}
