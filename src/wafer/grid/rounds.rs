//! Steps of attention over a prompt on a fixed grid.
//!
//! ```text
//! scores:  [ multiply with the keys here, keys move on along O ] -> sums over a band, to one column of it,
//!                                                                   the next step's to the next -> kept there
//! values:  kept scores -> from their column to the band -> [ multiply with the values here, they move on ]
//! ```
//! A step's parts follow each other; only what moves on does so while tiles are multiplied.

use super::gemm;
use crate::error::Error;
use crate::wafer::instruction::Spot;
use crate::wafer::phase::Phase;
use crate::wafer::timer::Timer;
use rayon::prelude::*;
use sim_fabric::mesh::collective::{Collective, Line, Timing, with_root};
use sim_fabric::mesh::program::{DType, Program};
use sim_sram::Cost;

/// As many steps as the grid has rows.
#[derive(Clone, Debug)]
pub struct Rounds {
    /// What a band does with a tile of scores before it is multiplied.
    pub before: Option<Collective>,
    /// What is done with tiles.
    pub work: Vec<Phase>,
    /// What moves on along O meanwhile, and where it lies.
    pub moves: (u32, Spot),
    /// What a band does with a tile of scores behind that.
    pub after: Option<Collective>,
    /// PEs of all bands, and bands.
    pub line: (u32, u32),
    /// A tile of scores, and where it lies.
    pub tile: (u32, Spot),
    /// Type in which scores travel.
    pub dtype: DType,
    /// Between a tile and what is kept: put behind `after`, fetched ahead of `before`.
    pub keep: Vec<Phase>,
}

impl Rounds {
    /// PEs of a band.
    pub fn length(&self) -> u32 {
        self.line.0 / self.line.1
    }

    /// What a band does in a step whose scores the column `root` of it keeps; none where a band is one PE.
    pub fn program(&self, timing: Timing, root: u32) -> Option<Program> {
        let collective = self.before.as_ref().or(self.after.as_ref())?;
        let line = Line::new(self.length(), root, self.dtype, timing);
        let wanted = self.length() > 1 && self.tile.0 > 0;
        wanted.then(|| with_root(collective, line, self.tile.0).into_program(self.line.1))
    }

    /// All steps on a grid of `side` rows `[cycles]`.
    ///
    /// # Errors
    /// [`Error::Simulation`] if an engine fails.
    pub fn cycles(&self, timer: &Timer, side: u32) -> Result<u64, Error> {
        let work = gemm::step(timer, gemm::SMALL, cost(&self.work), (0, self.moves.0))?;
        let one = work + cost(&self.keep).total();
        let length = self.length();
        let lines = (0..length.min(side))
            .into_par_iter()
            .map(|root| {
                let steps = u64::from((side - root).div_ceil(length));
                // All bands do the same.
                let band = Self { line: (length, 1), ..self.clone() };
                let program = |timing| band.program(timing, root).unwrap_or_else(nothing);
                if length < 2 { Ok(0) } else { Ok(steps * timer.last_of(program, length)?) }
            })
            .sum::<Result<u64, Error>>()?;
        Ok(u64::from(side) * one + lines)
    }
}

fn nothing() -> Program {
    let shape = sim_fabric::mesh::program::Shape { columns: 0, rows: 0 };
    Program { shape, classes: Vec::new(), class_of: Vec::new() }
}

fn cost(phases: &[Phase]) -> Cost {
    let mut all = Cost::default();
    for phase in phases {
        if let Phase::Local(local) = phase {
            all += local.cost;
        }
    }
    all
}
