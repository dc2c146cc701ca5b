//! A prompt's attention with numbers: step after step on a whole small square.

use super::{Values, middle};
use crate::error::Error;
use crate::wafer::grid::buffers;
use crate::wafer::grid::rounds::Rounds;
use crate::wafer::instruction::Spot;
use crate::wafer::phase::{Axis, LinePhase, Phase};
use crate::wafer::timer::Timer;
use sim_fabric::mesh::collective::Collective;
use sim_fabric::mesh::compose::Step;
use sim_fabric::mesh::program::DType;
use sim_fabric::mesh::spec::FabricSpec;

impl Values {
    /// Runs all steps; what is not kept goes to the place behind `held` tiles of scores. What moves has a
    /// place for each step here, where hardware alternates between two.
    ///
    /// # Errors
    /// [`Error::Simulation`] if the engine fails.
    pub fn rounds(
        &mut self,
        (timer, fabric): (&Timer, &FabricSpec),
        rounds: &Rounds,
        held: u32,
    ) -> Result<(), Error> {
        let (columns, rows) = (self.shape.columns, self.shape.rows);
        let (length, band) = (rounds.length(), middle(columns, rounds.line.0));
        for step in 0..rows {
            let root = step % length;
            for (s, o) in (0..rows).flat_map(|o| (0..columns).map(move |s| (s, o))) {
                self.set((s, o), buffers::STEP, step as f32);
                let keeps = band.contains(&s) && (s - band.start) % length == root;
                let kept = if keeps { step / length } else { held };
                self.set((s, o), buffers::KEPT, kept as f32);
            }
            let mut tile = Vec::new();
            if let Some(program) = rounds.program(timer.timing(), root) {
                let on = self.address(rounds.tile.1) as u32;
                tile.push(Step::Rows(program.relocated(on), band.start));
            }
            let (work, keep) = (self.local(&rounds.work)?, self.local(&rounds.keep)?);
            let mut steps = match rounds.before {
                Some(_) => [keep, tile, work].concat(),
                None => [work, tile, keep].concat(),
            };
            let (elements, first) = rounds.moves;
            let apart = elements.next_multiple_of(DType::F16.per_wavelet());
            let line = LinePhase {
                axis: Axis::O,
                pes: rows,
                segments: 1,
                collective: Collective::Shift { interleaved: true },
                elements,
                dtype: DType::F16,
                on: Spot::default(),
            };
            let on = self.address(first.plus(step * apart)) as u32;
            if rows > 1 {
                steps.push(Step::Columns(timer.program(&line).relocated(on), 0));
            }
            self.run_steps(fabric, &steps)?;
        }
        Ok(())
    }

    fn local(&self, phases: &[Phase]) -> Result<Vec<Step>, Error> {
        let mut ops = Vec::new();
        for phase in phases {
            if let Phase::Local(local) = phase {
                for instruction in &local.instructions {
                    ops.push(self.operation("attention", instruction)?);
                }
            }
        }
        let all = [0..self.shape.columns, 0..self.shape.rows];
        Ok(vec![Step::Ops(ops, all)])
    }
}
