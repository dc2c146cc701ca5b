//! Products and shifts alone against theory at both ends.

use super::curve::{HARDWARE, Hardware, time};
use super::rectangle::PE;
use sim_fabric::mesh::collective::Collective;
use sim_fabric::mesh::program::DType;
use sim_sram::{Cost, Kind, PeSpec};
use wafersim::wafer::grid::gemm::{self, Tiles};
use wafersim::wafer::grid::gemv::Gemv;
use wafersim::wafer::grid::{Grid, Ways, product};
use wafersim::wafer::instruction::Spot;
use wafersim::wafer::phase::{Axis, LinePhase, Phase};

/// A product alone, in one level and in two: large tiles at the peak rate, small ones by the way to the
/// middle; at half the rate the former takes twice its arithmetic.
#[test]
fn a_gemv_with_either_reduce_is_bound_by_its_tile_or_by_its_line() {
    let dtype = DType::F16;
    let half = Hardware { pe: PeSpec { f16_per_cycle: 4, ..PE }, ..HARDWARE };
    for ways in [Ways::TwoLevels, Ways::All] {
        let cycles = |hardware: &Hardware, gemv: Gemv, grid| {
            gemv.on(&hardware.timer(), grid, ways).expect("runs").spent.total() as f64
        };
        let (grid, tile) = (Grid { columns: 16, rows: 12 }, 192);
        let large = Gemv { ins: 16 * tile, outs: 12 * tile, dtype };
        let bound = f64::from(tile * tile) / 8.0;
        let took = cycles(&HARDWARE, large, grid);
        assert!((1.0..1.5).contains(&(took / bound)), "{took} against {bound}");
        let more = cycles(&half, large, grid) - took;
        assert!((0.95..1.05).contains(&(more / bound)), "{more} more");
        let grid = Grid { columns: 300, rows: 20 };
        let small = Gemv { ins: 300, outs: 20 * 16, dtype };
        let (took, bound) = (cycles(&HARDWARE, small, grid), 150.0 + 8.0);
        assert!((1.0..2.5).contains(&(took / bound)), "{took} against {bound}");
    }
}

/// Steps of a product by cyclic shift: in the line's order the last PE's words go all the way back, with
/// interleaved neighbours two hops at most; many words take what the ramp lets through, in both.
#[test]
fn a_cyclic_shift_is_bound_by_distance_or_by_its_ramp() {
    let timer = HARDWARE.timer();
    let cycles = |collective: Collective, pes: u32, elements: u32| {
        let (dtype, on) = (DType::F16, Spot::default());
        let line = LinePhase { axis: Axis::S, pes, segments: 1, collective, elements, dtype, on };
        time(&timer, [pes, 1], &[Phase::Line(line)])
    };
    let shift = |interleaved| Collective::Shift { interleaved };
    for elements in [2, 40, 4000] {
        let words = u64::from(elements / 2);
        let near = cycles(shift(true), 200, elements);
        let far = cycles(shift(false), 200, elements);
        // Each PE sends its words and takes as many: the datapath moves one at a time.
        assert!((words + 2..=2 * words + 40).contains(&near), "{near} for {words} words");
        assert!(far >= words + 199 && far <= near + 199, "{far} for {words} words, {near} near");
        // Neighbours pass a cached entry on, whatever the line's length.
        let (short, long) =
            (cycles(Collective::PassOn, 8, elements), cycles(Collective::PassOn, 200, elements));
        assert!(short == long && (words..=2 * words + 40).contains(&long), "{short}, {long}");
    }
}

/// A whole product by cyclic shift: as many steps as the square has PEs in a row, each of its tiles at
/// the peak rate or of the words that move.
#[test]
fn a_gemm_by_cyclic_shift_is_bound_by_tiles_or_by_what_moves() {
    let timer = HARDWARE.timer();
    let side = 20;
    let time = |m, k, n, works: bool| {
        let tiles = Tiles { m, k, n };
        let work = if works { product(&PE, Kind::F16, (m, k, n)) } else { Cost::default() };
        gemm::product(&timer, side, tiles, work, true).expect("runs") as f64 / f64::from(side)
    };
    let large = time(40, 20, 40, true);
    let bound = 40.0 * 20.0 * 40.0 / 8.0;
    // Beside the multiply-adds, a loop's step for each scalar.
    assert!((1.0..2.0).contains(&(large / bound)), "{large} against {bound}");
    // Two tiles leave and two come, a word at a time.
    let (small, words) = (time(20, 20, 20, false), 4.0 * 200.0);
    assert!((1.0..1.3).contains(&(small / words)), "{small} against {words}");
}
