//! One token through a layer on a fixed grid.
//!
//! ```text
//! x along S -> norm -> qkv -> along O: heads in bands, cached tokens cut over the columns
//!           scores: over a band | maxima, sums, values: along S | -> o_proj -> along S
//!           -> norm -> gate_up -> along O -> down -> along S
//! ```
//! Every result is in all PEs of its lines before the next operator begins: an operator ends with an
//! all-reduce, root in the middle of each line.
//! A new token's keys and values are kept by the last column, and every column passes its oldest on, so
//! that tokens stay balanced.

use super::bands::Bands;
use super::{Grid, Ways, Writer};
use crate::error::Error;
use crate::wafer::phase::{Axis, Phase};
use crate::wafer::timer::Timer;
use sim_fabric::mesh::collective::Collective;
use sim_fabric::mesh::program::DType;
use sim_sram::{Kind, VectorOp};
use workloads::forward::{Operator, OperatorKind};
use workloads::model::{Attention, WeightFormat};

/// What a token's operators are written with.
#[derive(Clone, Copy)]
pub struct Decoding<'a> {
    /// Hardware.
    pub timer: &'a Timer,
    /// The PEs of a layer.
    pub grid: Grid,
    /// Elements of the residual stream.
    pub hidden: u32,
    /// Shapes of attention.
    pub attention: Attention,
}

impl Decoding<'_> {
    /// The phases of `operator`.
    ///
    /// # Errors
    /// [`Error::Input`] for latent attention, [`Error::Simulation`] if an engine fails.
    pub fn phases(&self, operator: &Operator) -> Result<Vec<Phase>, Error> {
        let mut writer = Writer::new(self.timer, self.grid, Ways::TwoLevels);
        self.write(&mut writer, operator)?;
        Ok(writer.phases)
    }

    fn write(&self, to: &mut Writer<'_>, operator: &Operator) -> Result<(), Error> {
        let Grid { columns, rows } = self.grid;
        let own = self.hidden.div_ceil(columns);
        let by_column = (self.hidden.div_ceil(own), 1);
        match (operator.kind, operator.name) {
            (OperatorKind::Embedding { .. }, _) => self.embedding(to),
            (OperatorKind::RmsNorm { .. }, _) => {
                to.each(Kind::F16, own);
                to.each(Kind::F16, own);
                to.all_reduce(Axis::S, by_column, 1, (to.sums(), false))?;
                to.each(Kind::Special, 1);
                to.each(Kind::F16, own);
                to.each(Kind::F16, own);
            }
            (OperatorKind::HeadNorm { .. }, _) => {
                let bands = Bands::new(self.attention, rows)?;
                let heads = bands.query_heads() + bands.heads;
                to.each(Kind::F16, heads * bands.dims);
                to.each(Kind::F16, heads * bands.dims);
                to.all_reduce(Axis::O, (bands.all(), bands.count), heads, (to.sums(), false))?;
                to.each(Kind::Special, heads);
                to.rows_of(Kind::F16, bands.dims, heads);
                to.each(Kind::F16, heads * bands.dims);
            }
            (OperatorKind::Linear { format, .. }, "qkv") => {
                let bands = Bands::new(self.attention, rows)?;
                let outs = bands.queries() + 2 * bands.keys();
                self.product(to, Axis::S, (by_column.0, own), outs, format)?;
            }
            (OperatorKind::Rope { .. }, _) => {
                let bands = Bands::new(self.attention, rows)?;
                let rotated = bands.queries() + bands.keys();
                (0..3).for_each(|_| to.each(Kind::F16, rotated));
            }
            (OperatorKind::KvAppend { .. }, _) => {
                let bands = Bands::new(self.attention, rows)?;
                let elements = 2 * bands.keys();
                to.each(Kind::F16, elements);
                let line = (columns, 1);
                to.move_along(Axis::S, line, Collective::PassOn, elements, DType::F16);
            }
            (OperatorKind::GroupedAttention { context, .. }, _) => self.attend(to, context)?,
            (OperatorKind::Linear { format, .. }, "o_proj") => {
                let bands = Bands::new(self.attention, rows)?;
                self.product(to, Axis::O, (bands.all(), bands.queries()), own, format)?;
            }
            (OperatorKind::Linear { ins, format, .. }, "down") => {
                let ins_own = ins.div_ceil(rows);
                self.product(to, Axis::O, (ins.div_ceil(ins_own), ins_own), own, format)?;
            }
            (OperatorKind::Linear { outs, format, .. }, "lm_head") => {
                // Only the middle column goes on.
                to.multiply(kind(format), outs.div_ceil(rows), own);
                to.reduce(Axis::S, by_column, outs.div_ceil(rows), (to.sums(), false))?;
            }
            (OperatorKind::Linear { outs, format, .. }, _) => {
                self.product(to, Axis::S, (by_column.0, own), outs.div_ceil(rows), format)?;
            }
            (OperatorKind::TopK { experts, top_k }, _) => self.top_k(to, experts, top_k),
            (
                OperatorKind::Experts {
                    top_k, shared, ins, format, shared_format, combine, ..
                },
                _,
            ) if combine => {
                let ins_own = ins.div_ceil(rows);
                for (format, copies) in [(format, top_k), (shared_format, shared)] {
                    (0..copies).for_each(|_| to.multiply(kind(format), own, ins_own));
                }
                let by_row = (ins.div_ceil(ins_own), 1);
                to.all_reduce(Axis::O, by_row, own, (to.sums(), false))?;
            }
            (OperatorKind::Experts { top_k, shared, outs, format, shared_format, .. }, _) => {
                let outs = outs.div_ceil(rows);
                for (format, copies) in [(format, top_k), (shared_format, shared)] {
                    (0..copies).for_each(|_| to.multiply(kind(format), outs, own));
                }
                let all = (top_k + shared) * outs;
                to.all_reduce(Axis::S, by_column, all, (to.sums(), false))?;
            }
            (OperatorKind::SwiGlu { width }, _) => {
                let own = width.div_ceil(rows);
                to.each(Kind::Special, 2 * own);
                (0..3).for_each(|_| to.each(Kind::F16, own));
            }
            (OperatorKind::Residual { .. }, _) => to.each(Kind::F16, own),
            (OperatorKind::Sample { vocabulary }, _) => {
                let logits = vocabulary.div_ceil(rows);
                to.each(Kind::Max, logits);
                to.each(Kind::Max, logits);
                to.reduce(Axis::O, (rows, 1), 2, (DType::F32, true))?;
            }
            (OperatorKind::PerHeadLinear { .. } | OperatorKind::LatentAttention { .. }, _) => {
                Bands::new(self.attention, rows)?;
            }
        }
        Ok(())
    }

    /// The input lies along `axis`, on so many PEs and with so many elements on each.
    fn product(
        &self,
        to: &mut Writer<'_>,
        axis: Axis,
        (pes, ins): (u32, u32),
        outs: u32,
        format: WeightFormat,
    ) -> Result<(), Error> {
        to.multiply(kind(format), outs, ins);
        to.all_reduce(axis, (pes, 1), outs, (to.sums(), false))
    }

    /// The token's number goes to all PEs; the row's owner sends its slice along its column.
    fn embedding(&self, to: &mut Writer<'_>) {
        let Grid { columns, rows } = self.grid;
        to.broadcast(Axis::S, (columns, 1), 2, DType::F16);
        to.broadcast(Axis::O, (rows, 1), 2, DType::F16);
        to.send(Axis::O, rows, self.hidden.div_ceil(columns));
    }

    fn attend(&self, to: &mut Writer<'_>, context: u32) -> Result<(), Error> {
        let Grid { columns, rows } = self.grid;
        let bands = Bands::new(self.attention, rows)?;
        let tokens = context.div_ceil(columns);
        let by_token = (context.div_ceil(tokens), 1);
        let heads = bands.query_heads();
        let scores = heads * tokens;
        let sums = (to.sums(), false);
        for _ in 0..bands.heads {
            to.product(Kind::F16, bands.group, bands.dims, tokens);
        }
        to.all_reduce(Axis::O, (bands.all(), bands.count), scores, sums)?;
        to.rows_of(Kind::Max, tokens, heads);
        to.all_reduce(Axis::S, by_token, heads, (DType::F16, true))?;
        to.rows_of(Kind::F16, tokens, heads);
        to.each(Kind::Special, scores);
        to.rows_of(Kind::F16, tokens, heads);
        to.all_reduce(Axis::S, by_token, heads, sums)?;
        to.each(Kind::Special, heads);
        to.rows_of(Kind::F16, tokens, heads);
        for _ in 0..bands.heads {
            to.product(Kind::F16, bands.group, tokens, bands.dims);
        }
        to.all_reduce(Axis::S, by_token, bands.queries(), sums)
    }

    /// All scores come to every PE of their column, where the best are found one after another.
    fn top_k(&self, to: &mut Writer<'_>, experts: u32, top_k: u32) {
        let rows = self.grid.rows;
        let own = experts.div_ceil(rows);
        let pes = experts.div_ceil(own);
        to.each(Kind::Special, 2 * own);
        to.gather(Axis::O, pes, own);
        to.broadcast(Axis::O, (rows, 1), experts, DType::F16);
        to.rows_of(Kind::Max, experts, top_k);
        to.rows_of(Kind::F16, 1, top_k);
        to.each(Kind::F16, top_k);
        to.each(Kind::Special, 1);
        to.each(Kind::F16, top_k);
    }
}

/// How weights stored in `format` are multiplied.
pub(super) fn kind(format: WeightFormat) -> Kind {
    if format.bits <= 8 { Kind::F16Int4 } else { Kind::F16 }
}

impl Writer<'_> {
    /// One operation over `rows` rows of `inner` elements.
    pub(super) fn rows_of(&mut self, kind: Kind, inner: u32, rows: u32) {
        let cost = self.timer.pe.cost(VectorOp { kind, inner, outer: rows });
        self.local(cost);
    }
}
