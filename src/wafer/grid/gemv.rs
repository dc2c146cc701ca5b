//! `y = x W` alone on a grid: x cut along S, y along O.
//!
//! ```text
//! x in every row  ->  tile products  ->  tree along S  ->  y in the middle column
//! ```
//! At the start each column's slice of x lies in all of its PEs; at the end each row's slice of y lies
//! in the middle of its row. A product that follows has y spread over the row first.

use super::{Grid, Ways, Writer};
use crate::error::Error;
use crate::wafer::instruction::{Place, Spot};
use crate::wafer::phase::{Axis, Phase};
use crate::wafer::timer::{Spent, Timer};
use rayon::prelude::*;
use sim_fabric::mesh::program::DType;
use sim_sram::Kind;

/// The slice of x that a column has.
pub const IN: Spot = Spot::of("in");
/// The tile, the outputs of one input together.
pub const TILE: Spot = Spot::of("tile");
/// The slice of y that a row has.
pub const OUT: Spot = Spot::of("out");

/// A matrix and a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gemv {
    /// Elements of x.
    pub ins: u32,
    /// Elements of y.
    pub outs: u32,
    /// Their type.
    pub dtype: DType,
}

/// How it ran.
#[derive(Clone, Debug)]
pub struct GemvRun {
    /// PEs in use.
    pub grid: Grid,
    /// How partial sums are combined.
    pub reduce: String,
    /// What happens.
    pub phases: Vec<Phase>,
    /// Where its time went `[cycles]`.
    pub spent: Spent,
    /// Bytes of a PE's tile `[bytes]`.
    pub tile_bytes: u64,
}

impl Gemv {
    /// Bytes of the fullest PE's tile on `grid` `[bytes]`.
    pub fn tile_bytes(&self, grid: Grid) -> u64 {
        let tile = (self.ins.div_ceil(grid.columns), self.outs.div_ceil(grid.rows));
        u64::from(tile.0) * u64::from(tile.1) * 4 / u64::from(self.dtype.per_wavelet())
    }

    /// Runs it on `grid`.
    ///
    /// # Errors
    /// [`Error::Simulation`] if an engine fails.
    pub fn on(&self, timer: &Timer, grid: Grid, ways: Ways) -> Result<GemvRun, Error> {
        let tile = (self.ins.div_ceil(grid.columns), self.outs.div_ceil(grid.rows));
        // Where there are more PEs than tiles, some have none.
        let columns = self.ins.div_ceil(tile.0);
        let mut writer = Writer::new(timer, grid, ways);
        let kind = match self.dtype {
            DType::F16 => Kind::F16,
            DType::F32 => Kind::F32Mul,
        };
        let places = [OUT, TILE, IN].map(Place::from);
        writer.multiply(kind, (tile.1, tile.0), places);
        writer.reduce(Axis::S, (columns, 1), (tile.1, OUT), (self.dtype, false))?;
        Ok(GemvRun {
            grid: Grid { columns, rows: self.outs.div_ceil(tile.1) },
            reduce: writer.how(),
            spent: writer.run()?,
            phases: writer.phases,
            tile_bytes: self.tile_bytes(grid),
        })
    }

    /// The fastest grid of at most `most` whose tiles take at most `room` bytes a PE, if there is one.
    ///
    /// # Errors
    /// [`Error::Simulation`] if an engine fails.
    pub fn best(&self, timer: &Timer, most: Grid, room: u64) -> Result<Option<GemvRun>, Error> {
        let bytes = 4 / u64::from(self.dtype.per_wavelet());
        // A tile's sides decide all; the grid follows from them.
        let mut tiles: Vec<(u32, u32)> = Vec::new();
        let least = (self.ins.div_ceil(most.columns), self.outs.div_ceil(most.rows));
        for ins in steps(least.0, self.ins) {
            for outs in steps(least.1, self.outs) {
                if u64::from(ins) * u64::from(outs) * bytes <= room {
                    tiles.push((ins, outs));
                }
            }
        }
        let runs: Vec<GemvRun> = tiles
            .par_iter()
            .map(|&(ins, outs)| {
                let grid = Grid { columns: self.ins.div_ceil(ins), rows: self.outs.div_ceil(outs) };
                self.on(timer, grid, Ways::All)
            })
            .collect::<Result<_, Error>>()?;
        Ok(runs.into_iter().min_by_key(|run| run.spent.total()))
    }
}

/// Sides of a tile that are tried: each up to twice the least, then in steps of an eighth.
fn steps(least: u32, most: u32) -> Vec<u32> {
    let mut list = Vec::new();
    let mut side = least;
    while side <= most.min(least * 8) {
        list.push(side);
        side += (side / 8).max(1);
    }
    list
}
