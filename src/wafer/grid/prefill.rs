//! A prompt through a layer on a fixed square grid.
//!
//! ```text
//! tokens along O, elements along S, nothing twice
//! products: cyclic shift      norms: sums along S
//! attention: heads in bands of columns; keys move along O a step at a time: scores of a step add up
//!            over the band and stay in one column of it, the next step's in the next
//!            maxima, sums over a band; values move along O, the scores of a step go to their band
//! ```
//! Rows move in step, so a causal mask saves no time: at each step some row has keys it may see.

use super::bands::Bands;
use super::decode::kind;
use super::gemm::{self, Tiles};
use super::{Grid, Ways, Writer, product};
use crate::error::Error;
use crate::wafer::instruction::Spot;
use crate::wafer::phase::Axis;
use crate::wafer::timer::Timer;
use sim_fabric::mesh::program::DType;
use sim_sram::{Cost, Kind};
use workloads::forward::{Operator, OperatorKind};
use workloads::model::{Attention, WeightFormat};

/// What a prompt's operators are timed with.
#[derive(Clone, Copy)]
pub struct Prefilling<'a> {
    /// Hardware.
    pub timer: &'a Timer,
    /// PEs of a row and of a column.
    pub side: u32,
    /// Elements of the residual stream.
    pub hidden: u32,
    /// Shapes of attention.
    pub attention: Attention,
    /// Tokens of the prompt.
    pub tokens: u32,
}

impl Prefilling<'_> {
    /// Cycles of `operator` for all tokens, from an even start.
    ///
    /// # Errors
    /// [`Error::Input`] for latent attention and experts, [`Error::Simulation`] if an engine fails.
    pub fn cycles(&self, operator: &Operator) -> Result<u64, Error> {
        let side = self.side;
        let m = self.tokens.div_ceil(side);
        let own = self.hidden.div_ceil(side);
        let bands = Bands::new(self.attention, side)?;
        let per_token = bands.queries() + bands.keys();
        match (operator.kind, operator.name) {
            (OperatorKind::Linear { format, .. }, "qkv") => {
                self.product((m, own, per_token + bands.keys()), format)
            }
            (OperatorKind::Linear { format, .. }, "o_proj") => {
                self.product((m, bands.queries(), own), format)
            }
            (OperatorKind::Linear { ins, format, .. }, "down") => {
                self.product((m, ins.div_ceil(side), own), format)
            }
            (OperatorKind::Linear { outs, format, .. }, _) => {
                self.product((m, own, outs.div_ceil(side)), format)
            }
            (OperatorKind::GroupedAttention { .. }, _) => self.attend(m, &bands),
            (OperatorKind::RmsNorm { .. }, _) => self.run(|to| {
                to.each(Kind::F16, m * own);
                to.rows_of(Kind::F16, own, m);
                to.all_reduce(Axis::S, (side, 1), on(m), (to.sums(), false))?;
                to.each(Kind::Special, m);
                to.rows_of(Kind::F16, own, m);
                to.rows_of(Kind::F16, own, m);
                Ok(())
            }),
            (OperatorKind::HeadNorm { .. }, _) => self.run(|to| {
                let heads = m * (bands.query_heads() + bands.heads);
                to.each(Kind::F16, heads * bands.dims);
                to.rows_of(Kind::F16, bands.dims, heads);
                to.all_reduce(Axis::S, (bands.all(), bands.count), on(heads), (to.sums(), false))?;
                to.each(Kind::Special, heads);
                to.rows_of(Kind::F16, bands.dims, heads);
                to.each(Kind::F16, heads * bands.dims);
                Ok(())
            }),
            (OperatorKind::Rope { .. }, _) => self.run(|to| {
                (0..3).for_each(|_| to.each(Kind::F16, m * per_token));
                Ok(())
            }),
            (OperatorKind::KvAppend { .. }, _) => self.run(|to| {
                to.each(Kind::F16, m * 2 * bands.keys());
                Ok(())
            }),
            (OperatorKind::SwiGlu { width }, _) => self.run(|to| {
                let all = m * width.div_ceil(side);
                to.each(Kind::Special, 2 * all);
                (0..3).for_each(|_| to.each(Kind::F16, all));
                Ok(())
            }),
            (OperatorKind::Residual { .. }, _) => self.run(|to| {
                to.each(Kind::F16, m * own);
                Ok(())
            }),
            // Half of all tokens cross the middle of each column, two ways.
            (OperatorKind::Embedding { .. }, _) => self.run(|to| {
                to.send(Axis::O, side, on(self.tokens.div_ceil(4) * own));
                Ok(())
            }),
            _ => Err(Error::input(
                "prompts of mixture-of-experts models have no mapping on a fixed grid; use \
                 `wafersim run` with a scenario, or a dense model",
            )),
        }
    }

    fn run(&self, write: impl Fn(&mut Writer<'_>) -> Result<(), Error>) -> Result<u64, Error> {
        let grid = Grid { columns: self.side, rows: self.side };
        let mut writer = Writer::new(self.timer, grid, Ways::TwoLevels);
        write(&mut writer)?;
        Ok(writer.run()?.total())
    }

    /// The same without the start of a task, as it repeats in a loop.
    fn repeated(&self, write: impl Fn(&mut Writer<'_>) -> Result<(), Error>) -> Result<u64, Error> {
        Ok(self.run(write)? - self.timer.pe.start().total())
    }

    fn product(&self, (m, k, n): (u32, u32, u32), format: WeightFormat) -> Result<u64, Error> {
        let work = product(&self.timer.pe, kind(format), (m, k, n));
        let start = self.timer.pe.start().total();
        Ok(start + gemm::product(self.timer, self.side, Tiles { m, k, n }, work, false)?)
    }

    fn attend(&self, m: u32, bands: &Bands) -> Result<u64, Error> {
        let side = self.side;
        let steps = u64::from(side);
        let pe = &self.timer.pe;
        let heads = bands.query_heads();
        let line = (bands.all(), bands.count);
        let keys = m * bands.keys();
        let tile = heads * m * m;
        let each = |shape: (u32, u32, u32)| {
            let mut cost = Cost::default();
            (0..bands.heads).for_each(|_| cost += product(pe, Kind::F16, shape));
            cost
        };
        let score = each((bands.group * m, bands.dims, m));
        let scores = gemm::step(self.timer, gemm::SMALL, score, (0, keys))?
            + self.repeated(|to| to.reduce(Axis::S, line, on(tile), (to.sums(), false)))?;
        // The columns of a band hold one step after another.
        let held = tile * side.div_ceil(bands.pes);
        let softmax = self.run(|to| {
            to.each(Kind::F16, held);
            to.each(Kind::Max, held);
            to.all_reduce(Axis::S, line, on(heads * m), (DType::F16, true))?;
            to.each(Kind::F16, held);
            to.each(Kind::Special, held);
            to.each(Kind::F16, held);
            to.all_reduce(Axis::S, line, on(heads * m), (to.sums(), false))?;
            to.each(Kind::Special, heads * m);
            Ok(())
        })?;
        let weigh = each((bands.group * m, m, bands.dims));
        let weighted = gemm::step(self.timer, gemm::SMALL, weigh, (0, keys))?
            + self.repeated(|to| {
                to.broadcast(Axis::S, line, on(tile), DType::F16);
                Ok(())
            })?;
        let divide = self.repeated(|to| {
            to.rows_of(Kind::F16, bands.dims, heads * m);
            Ok(())
        })?;
        Ok(pe.start().total() + steps * (scores + weighted) + softmax + divide)
    }

    /// Bytes of scores that a PE holds meanwhile `[bytes]`.
    pub fn score_bytes(&self) -> Result<u64, Error> {
        let m = self.tokens.div_ceil(self.side);
        let bands = Bands::new(self.attention, self.side)?;
        let held = bands.query_heads() * m * m * self.side.div_ceil(bands.pes);
        Ok(2 * u64::from(held))
    }
}

/// So many elements of no buffer in particular.
fn on(elements: u32) -> (u32, Spot) {
    (elements, Spot::default())
}
