//! The ends of the model: embedding, choosing a token, and handing vectors on.

use super::{Kernel, Lowering};
use crate::error::Error;
use crate::wafer::instruction::Spot;
use crate::wafer::phase::{Axis, LinePhase, LocalPhase, Phase};
use sim_fabric::mesh::collective::Collective;
use sim_fabric::mesh::program::DType;
use sim_sram::{Kind, Owner, VectorOp};

impl Lowering<'_> {
    /// The token's number goes to all PEs; those that hold its row send it to the middle row.
    ///
    /// The row is taken to stand at the far end of its columns.
    pub(super) fn embedding(&self, kernel: &mut Kernel, bytes: u64) -> Result<(), Error> {
        let cut = self.residual()?;
        self.spread(kernel, Axis::S, (cut.pes(), 1), (2 * self.tokens, Spot::default()));
        self.spread(kernel, Axis::O, (self.rows, 1), (2 * self.tokens, Spot::default()));
        self.send(kernel, self.rows / 2 + 1, cut.own() * self.tokens);
        let pes = u64::from(cut.pes()) * u64::from(self.rows);
        kernel.memory.push((Owner::Weights, bytes.div_ceil(pes)));
        kernel.rectangle = [cut.pes(), self.rows];
        Ok(())
    }

    /// The largest logit and its number.
    pub(super) fn sample(&self, kernel: &mut Kernel, vocabulary: u32) -> Result<(), Error> {
        let own = vocabulary.div_ceil(self.rows);
        let scan = VectorOp { kind: Kind::Max, inner: own, outer: 1 };
        self.work(kernel, &[scan, scan]);
        self.combine(kernel, Axis::O, (self.rows, 1), (2, Spot::default()), (DType::F32, true))?;
        kernel.rectangle = [1, self.rows];
        Ok(())
    }

    /// The residual stream goes `rows` rows on, each column for itself.
    pub fn hand_on(&self, name: &'static str, rows: u32) -> Result<Kernel, Error> {
        let cut = self.residual()?;
        let mut kernel = Kernel {
            name,
            phases: vec![LocalPhase::timed(self.timer.pe.start())],
            rectangle: [cut.pes(), rows],
            collective: String::new(),
            memory: Vec::new(),
            vector_bytes: 0,
            flops: 0,
            weight_bytes: 0,
        };
        self.send(&mut kernel, rows + 1, cut.own() * self.tokens);
        Ok(kernel)
    }

    fn send(&self, kernel: &mut Kernel, pes: u32, elements: u32) {
        kernel.phases.push(Phase::Line(LinePhase {
            axis: Axis::O,
            pes,
            segments: 1,
            collective: Collective::Send,
            elements,
            dtype: DType::F16,
            on: Spot::default(),
        }));
    }
}
