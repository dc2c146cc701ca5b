//! `C = A B` by cyclic shift on a square grid, with interleaved neighbours.
//!
//! ```text
//! align A -> [ multiply tiles, shift A along S and B along O ] x side
//! ```
//! Row i starts with A's tiles moved on by i places; weights lie as the first step needs them. Steps
//! repeat, and neither their time nor the way to a neighbour depends on the side: a square of
//! [`SMALL`] PEs is simulated for a few steps and its steady state stands for all. A test finds the
//! same step on other sides.

use crate::error::Error;
use crate::wafer::timer::Timer;
use sim_fabric::mesh::collective::cyclic_gemm::CyclicGemm;
pub use sim_fabric::mesh::collective::cyclic_gemm::Tiles;
use sim_fabric::mesh::program::DType;
use sim_sram::Cost;

/// Side of the square that is simulated `[PEs]`.
pub const SMALL: u32 = 6;
/// Steps that are run and left out, and those that are counted.
const STEPS: (u32, u32) = (4, 4);

/// One step in which each PE works for `product`, while `a` elements move along S and `b` along O,
/// as it repeats `[cycles]`.
///
/// # Errors
/// [`Error::Simulation`] if an engine fails.
pub fn step(timer: &Timer, side: u32, product: Cost, (a, b): (u32, u32)) -> Result<u64, Error> {
    let busy = (product.arithmetic + product.memory) as u32;
    let gemm = |steps| CyclicGemm {
        side,
        steps,
        along_rows: a,
        along_columns: b,
        busy,
        waiting: product.waiting as u32,
        dtype: DType::F16,
        tiles: None,
    };
    let last = |steps| timer.last_of(|timing| gemm(steps).program(timing), side * side);
    let (first, counted) = STEPS;
    Ok((last(first + counted)? - last(first)?).div_ceil(u64::from(counted)))
}

/// A whole product on a square of `side` PEs `[cycles]`; with `aligned`, A lies as the first step needs it.
///
/// # Errors
/// [`Error::Simulation`] if an engine fails.
pub fn product(
    timer: &Timer,
    side: u32,
    tiles: Tiles,
    work: Cost,
    aligned: bool,
) -> Result<u64, Error> {
    let Tiles { m, k, n } = tiles;
    let each = step(timer, SMALL, work, (m * k, k * n))?;
    // Rows move on the shorter way round, so by half the side at most.
    let align = if aligned { 0 } else { step(timer, SMALL, Cost::default(), (m * k, 0))? };
    Ok(each * u64::from(side) + align * u64::from(side / 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::preset;
    use crate::wafer::hardware::WaferPreset;
    use crate::wafer::timer::{Engine, Memory};
    use sim_fabric::mesh::collective::cyclic_gemm::Alignment;

    fn timer() -> Timer {
        let preset: WaferPreset = preset::built_in("wse2").expect("is built in");
        let facts = preset.facts;
        let memory = Memory::default();
        Timer::new(facts.fabric_spec(), facts.pe_spec(), Engine::Stream, &memory)
    }

    fn work(cycles: u64) -> Cost {
        Cost { arithmetic: cycles, ..Cost::default() }
    }

    /// Differential: steps on any square are those of the small one, whatever bounds them.
    #[test]
    fn a_step_takes_the_same_on_every_square() {
        let timer = timer();
        for (cycles, tiles) in [(400, (50, 50)), (10, (50, 170)), (10, (0, 14)), (0, (64, 0))] {
            let small = step(&timer, SMALL, work(cycles), tiles).expect("runs");
            for side in [5, 8, 9, 12] {
                let other = step(&timer, side, work(cycles), tiles).expect("runs");
                assert_eq!(other, small, "{side} {cycles} {tiles:?}");
            }
        }
    }

    /// Curve: large products hide what moves but for its share of the datapath; small ones wait for it.
    #[test]
    fn a_step_is_bound_by_its_product_or_by_what_moves() {
        let timer = timer();
        let time = |cycles, tiles| step(&timer, SMALL, work(cycles), tiles).expect("runs");
        // 25 wavelets each way on both axes also issue from the datapath.
        let bound = time(5000, (50, 50));
        assert!((5000..=5000 + 4 * 25 + 10).contains(&bound), "{bound}");
        let (short, long) = (time(1, (0, 200)), time(1, (0, 2200)));
        // 1,000 more wavelets, sent and taken.
        assert!((1000..=2100).contains(&(long - short)), "{short} {long}");
    }

    /// Both engines run it, or one hands it to the other.
    #[test]
    fn both_engines_give_a_step_the_same_cycles() {
        let preset: WaferPreset = preset::built_in("wse3").expect("is built in");
        let (fabric, pe) = (preset.facts.fabric_spec(), preset.facts.pe_spec());
        let with = |engine| {
            let timer = Timer::new(fabric.clone(), pe, engine, &Memory::default());
            step(&timer, SMALL, work(100), (40, 60)).expect("runs")
        };
        assert_eq!(with(Engine::Stream), with(Engine::Wavelet));
    }

    /// Differential: whole products with their alignment on small squares take what steps say, but for
    /// where the first and the last steps are less than the others.
    #[test]
    fn a_whole_product_takes_its_steps() {
        let timer = timer();
        for (side, tiles, cycles) in [
            (6, Tiles { m: 4, k: 10, n: 6 }, 300),
            (9, Tiles { m: 20, k: 8, n: 3 }, 20),
            (8, Tiles { m: 1, k: 60, n: 2 }, 500),
        ] {
            let steps = product(&timer, side, tiles, work(cycles), false).expect("runs") as f64;
            let Tiles { m, k, n } = tiles;
            let align = Alignment { side, elements: m * k, to: tiles.a(0), dtype: DType::F16 };
            let gemm = CyclicGemm {
                side,
                steps: side,
                along_rows: m * k,
                along_columns: k * n,
                busy: cycles as u32,
                waiting: 0,
                dtype: DType::F16,
                tiles: Some(tiles),
            };
            let align = timer.last_of(|timing| align.program(timing), side * side).expect("runs");
            let whole = timer.last_of(|timing| gemm.program(timing), side * side).expect("runs");
            let ratio = (align + whole) as f64 / steps;
            assert!((0.85..1.15).contains(&ratio), "{side}: {align} + {whole} against {steps}");
        }
    }
}
