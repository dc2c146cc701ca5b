//! Products of matrices as programs: tiles over a small rectangle compute what they are for.

use super::build::*;
use sim_fabric::mesh::collective::{Collective, Reduce, Timing, gathered, program as collective};
use sim_fabric::mesh::compose::{Step, compose};
use sim_fabric::mesh::program::{DType, Op, OpKind, Operand, Port, Program, Shape, Walk};
use sim_fabric::mesh::wavelet;

const TIMING: Timing = Timing {
    lead: 9,
    tail: 5,
    f16_per_cycle: 2,
    f32_per_cycle: 1,
    max_per_cycle: 1,
    accumulators: 4,
};

/// Small whole numbers, so that sums are exact whatever their order.
fn number(seed: u32) -> f32 {
    (seed.wrapping_mul(2_654_435_761) >> 24) as f32 % 17.0 - 8.0
}

fn matrix(rows: u32, columns: u32, seed: u32) -> Vec<Vec<f32>> {
    let row = |r| (0..columns).map(|c| number(seed + r * columns + c)).collect();
    (0..rows).map(row).collect()
}

/// `c += a b`, all in memory: `a` has `m` columns of `k`... every number of `b` takes a column of `a`.
fn fma([c, a, b]: [u32; 3], (m, k, n): (u32, u32, u32)) -> Op {
    // For each column j of c and each p: c[.., j] += a[.., p] * b[p, j]; columns lie one behind the other.
    let column = |first, per_p, per_j| {
        Operand::Walk(Walk::rows(first, (m, 1), (k, per_p)).repeated(n, per_j))
    };
    let scalar = Walk::rows(b, (m, 0), (k, 1)).repeated(n, k as i32);
    let sum = column(c, 0, m as i32);
    let sources = [column(a, m as i32, 0), Operand::Walk(scalar), sum];
    Op { local_cycles: m * k * n, ..Op::new(OpKind::Fma, DType::F32, m * k * n, sum, sources) }
}

/// Runs with numbers; the times must be those of a run without.
fn values(program: &Program, mut memory: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
    let start = vec![0; program.shape.pes()];
    let timed = wavelet::run_values(program, &spec(), &start, &mut memory).unwrap();
    assert_eq!(timed, run(program));
    memory
}

/// `y = W x` over a rectangle: x lies along the middle row, goes to all rows, and partial sums come
/// together in the middle column.
fn gemv(shape: Shape, (outs, ins): (u32, u32), by: Reduce) {
    let (columns, rows) = (shape.columns, shape.rows);
    let line = |pes, what: &Collective, elements, base| {
        collective(what, pes, 1, elements, DType::F32, &TIMING).relocated(base)
    };
    let (x, y, w) = (0, ins, ins + outs);
    let reduce = Collective::Reduce { by, max: false };
    let steps = [
        Step::Columns(line(rows, &Collective::Broadcast, ins, x), 0),
        Step::Ops(vec![fma([y, w, x], (outs, ins, 1))], [0..columns, 0..rows]),
        Step::Rows(line(columns, &reduce, outs, y), 0),
    ];
    let weights = matrix(rows * outs, columns * ins, 3);
    let input = &matrix(1, columns * ins, 7)[0];
    let memory = (0..rows).flat_map(|o| (0..columns).map(move |s| (s, o))).map(|(s, o)| {
        let mut memory = vec![0.0; (w + outs * ins) as usize];
        if o == rows / 2 {
            memory[..ins as usize].copy_from_slice(&input[(s * ins) as usize..][..ins as usize]);
        }
        for i in 0..ins {
            for r in 0..outs {
                let at = (w + i * outs + r) as usize;
                memory[at] = weights[(o * outs + r) as usize][(s * ins + i) as usize];
            }
        }
        memory
    });
    let after = values(&compose(shape, &steps), memory.collect());
    for (out, row) in weights.iter().enumerate() {
        let expected: f32 = row.iter().zip(input).map(|(w, x)| w * x).sum();
        let (o, r) = (out as u32 / outs, out as u32 % outs);
        let found = after[(o * columns + columns / 2) as usize][(y + r) as usize];
        assert_eq!(found, expected, "{shape:?} row {out}");
    }
}

#[test]
fn a_gemv_over_a_rectangle_computes_the_product() {
    let tree = |groups: &[u32]| Reduce::Tree { groups: groups.to_vec() };
    gemv(Shape { columns: 4, rows: 3 }, (2, 3), Reduce::Chain);
    gemv(Shape { columns: 5, rows: 2 }, (3, 1), tree(&[5]));
    gemv(Shape { columns: 9, rows: 6 }, (4, 5), tree(&[3, 3]));
    gemv(Shape { columns: 12, rows: 2 }, (1, 2), tree(&[2, 3, 2]));
    for (columns, group) in [(2, 2), (5, 2), (9, 3), (13, 4), (14, 1), (16, 20)] {
        gemv(Shape { columns, rows: 2 }, (2, 3), Reduce::Chains { group });
    }
}

#[test]
fn a_gemv_whose_input_streams_in_multiplies_it_as_it_comes() {
    // PE 0 sends x; each wavelet is multiplied with a weight on its way and added to one sum.
    let n = 7;
    let sum = Operand::Walk(Walk::line(n, n, 0));
    let sources = [fabric(0), Operand::Memory(0), sum];
    let dot = Op::new(OpKind::Fma, DType::F32, n, sum, sources);
    let program = row(vec![
        class(&[route(0, &[(Port::Ramp, &[Port::East])])], &[send(0, n)]),
        class(&[route(0, &[(Port::West, &[Port::Ramp])])], &[dot]),
    ]);
    let numbers = |seed| matrix(1, n, seed).remove(0);
    let (x, mut w) = (numbers(1), numbers(2));
    w.push(0.0);
    let after = values(&program, vec![x.clone(), w.clone()]);
    let expected: f32 = x.iter().zip(&w).map(|(x, w)| x * w).sum();
    assert_eq!(after[1][n as usize], expected);
}

/// `C = A B` over `side` x `side` PEs: tiles of A move along rows, those of B along columns, one place
/// further around the folded ring for each step.
fn gemm(side: u32, (m, k, n): (u32, u32, u32)) {
    let (size_a, size_b) = (m * k, k * n);
    let (a, b, c) = (0, side * size_a, side * (size_a + size_b));
    let shift = Collective::Shift { interleaved: true };
    let line =
        |elements, base| collective(&shift, side, 1, elements, DType::F32, &TIMING).relocated(base);
    let mut steps = Vec::new();
    for step in 0..side {
        let (a, b) = (a + step * size_a, b + step * size_b);
        steps.push(Step::Ops(vec![fma([c, a, b], (m, k, n))], [0..side, 0..side]));
        if step + 1 < side {
            steps.push(Step::Rows(line(size_a, a), 0));
            steps.push(Step::Columns(line(size_b, b), 0));
        }
    }
    // Place of each PE around the folded ring: out over even ones, back over odd ones.
    let place = |pe: u32| if pe.is_multiple_of(2) { pe / 2 } else { side - pe.div_ceil(2) };
    let (left, right) = (matrix(side * m, side * k, 5), matrix(side * k, side * n, 6));
    let memory = (0..side * side).map(|pe| {
        let (s, o) = (place(pe % side), place(pe / side));
        // Tile p of A's row and of B's column meet in the same step.
        let p = (2 * side - s - o) % side;
        let mut memory = vec![0.0; (c + m * n) as usize];
        for i in 0..m * k {
            memory[(a + i) as usize] = left[(o * m + i % m) as usize][(p * k + i / m) as usize];
        }
        for i in 0..k * n {
            memory[(b + i) as usize] = right[(p * k + i % k) as usize][(s * n + i / k) as usize];
        }
        memory
    });
    let program = compose(Shape { columns: side, rows: side }, &steps);
    let after = values(&program, memory.collect());
    for (pe, memory) in (0..side * side).zip(&after) {
        let (s, o) = (place(pe % side), place(pe / side));
        for i in 0..m * n {
            let (row, column) = (o * m + i % m, s * n + i / m);
            let expected: f32 = (0..side * k)
                .map(|q| left[row as usize][q as usize] * right[q as usize][column as usize])
                .sum();
            assert_eq!(memory[(c + i) as usize], expected, "{side} PEs: C[{row}, {column}]");
        }
    }
}

#[test]
fn a_gemm_by_cyclic_shift_computes_the_product() {
    gemm(2, (2, 3, 4));
    gemm(3, (3, 2, 2));
    gemm(4, (2, 2, 5));
}

/// A line's collective over `before`, each PE's numbers first in its memory.
fn along_a_line(
    what: &Collective,
    (pes, segments): (u32, u32),
    n: u32,
    room: u32,
) -> [Vec<Vec<f32>>; 2] {
    let before: Vec<Vec<f32>> =
        (0..pes).map(|pe| (0..room).map(|i| number(pe * 100 + i)).collect()).collect();
    let mut after = before.clone();
    for dtype in [DType::F32, DType::F16] {
        after = values(&collective(what, pes, segments, n, dtype, &TIMING), before.clone());
    }
    [before, after]
}

#[test]
fn a_gather_lays_elements_side_by_side_in_its_order() {
    for (length, every, offset) in [(7, 1, 0), (12, 3, 1), (8, 4, 0), (9, 2, 1), (6, 5, 2)] {
        let n = 4;
        let what = Collective::Gather { every, offset };
        let order = gathered(length, every, offset);
        let [before, after] = along_a_line(&what, (2 * length, 2), n, n * length);
        for segment in 0..2 {
            let root = &after[(segment * length + length / 2) as usize];
            for (place, pe) in order.iter().enumerate() {
                let found = &root[place * n as usize..][..n as usize];
                let own = &before[(segment * length + pe) as usize][..n as usize];
                assert_eq!(found, own, "PE {pe} of {length}, every {every} from {offset}");
            }
        }
    }
}

#[test]
fn a_reduce_scatter_gives_each_pe_the_sum_of_its_slice() {
    for pes in [2, 3, 4, 7] {
        let n = 2;
        let [before, after] = along_a_line(&Collective::ReduceScatter, (pes, 1), n, n * (pes + 1));
        for pe in 0..pes {
            for i in 0..n {
                let sum: f32 = before.iter().map(|memory| memory[(pe * n + i) as usize]).sum();
                assert_eq!(after[pe as usize][(pes * n + i) as usize], sum, "PE {pe} of {pes}");
            }
        }
    }
}
