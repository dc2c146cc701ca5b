//! The ends of the model: embedding, choosing a token, and handing vectors on.

use super::buffers;
use super::{Kernel, Lowering};
use crate::error::Error;
use crate::wafer::instruction::{Place, Spot};
use crate::wafer::phase::{Axis, LinePhase, LocalPhase, Phase};
use sim_fabric::mesh::collective::Collective;
use sim_fabric::mesh::program::{DType, OpKind};
use sim_sram::{Kind, Owner};

impl Lowering<'_> {
    /// The token's number goes to all PEs; those that hold its row send it to the middle row.
    ///
    /// The row is taken to stand at the far end of its columns.
    pub(super) fn embedding(&self, kernel: &mut Kernel, bytes: u64) -> Result<(), Error> {
        let cut = self.residual()?;
        let (token, own) = (Spot::of("token"), cut.own());
        self.spread(kernel, Axis::S, (cut.pes(), 1), (2 * self.tokens, token));
        self.spread(kernel, Axis::O, (self.rows, 1), (2 * self.tokens, token));
        let row = Place::from(Spot::of(kernel.name)).indexed(token, own as i32);
        let stream = buffers::RESIDUAL;
        self.work(kernel, &[self.op(Kind::F16, OpKind::Move, &[own], stream.into(), &[row])]);
        self.send(kernel, self.rows / 2 + 1, own * self.tokens);
        let pes = u64::from(cut.pes()) * u64::from(self.rows);
        kernel.memory.push((Owner::Weights, bytes.div_ceil(pes)));
        kernel.rectangle = [cut.pes(), self.rows];
        Ok(())
    }

    /// The largest logit, and the number of the first that is as large: the largest of the numbers
    /// counted from the end, over all that reach the best logit.
    pub(super) fn sample(&self, kernel: &mut Kernel, vocabulary: u32) -> Result<(), Error> {
        let own = vocabulary.div_ceil(self.rows);
        let logits = Place::from(self.normed("final_norm")?.out());
        let (best, numbers) = (Place::one(buffers::BEST), Place::from(Spot::of("numbers")));
        let number = Place::one(buffers::BEST.plus(1));
        let reached = Place::from(Spot::of("reached"));
        let max = |to, from| self.op(Kind::Max, OpKind::Max, &[own], to, &[from, to]);
        self.work(kernel, &[max(best, logits)]);
        let line = (self.rows, 1);
        self.combine(kernel, Axis::O, line, (1, buffers::BEST), (DType::F32, true))?;
        self.spread(kernel, Axis::O, line, (2, buffers::BEST));
        self.work(
            kernel,
            &[
                self.op(Kind::Max, OpKind::GreaterEqual, &[own], reached, &[logits, best]),
                self.op(Kind::F32, OpKind::Mul, &[own], reached, &[reached, numbers]),
                max(number, reached),
            ],
        );
        self.combine(kernel, Axis::O, line, (1, buffers::BEST.plus(1)), (DType::F32, true))?;
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
            on: buffers::RESIDUAL,
        }));
    }
}
