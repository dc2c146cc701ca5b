//! Grouped-query attention: heads in bands of rows, cached tokens cut over the columns.
//!
//! ```text
//! x (S) -> qkv -> O, in the middle column: each row holds dimensions of its band's heads
//!       -> along rows to all columns; keys and values of the new token stay in one of them
//! scores: over a band of rows | maxima and weighted values: along rows, to the middle column -> o_proj (S)
//! ```
//! The softmax' denominator travels with the weighted values, which are divided where they end.

use super::{Kernel, Lowering};
use crate::error::Error;
use crate::wafer::grid::bands::Bands;
use crate::wafer::grid::product;
use crate::wafer::instruction::Spot;
use crate::wafer::phase::{Axis, LocalPhase, Phase};
use sim_fabric::mesh::program::DType;
use sim_sram::{Cost, Kind, Owner, VectorOp};
use workloads::forward::{Operator, OperatorKind};
use workloads::model::{Attention, WeightFormat};

impl Lowering<'_> {
    /// Writes `operator` if it is part of grouped-query attention; says whether it is.
    pub(super) fn grouped(&self, kernel: &mut Kernel, operator: &Operator) -> Result<bool, Error> {
        if !matches!(self.attention, Attention::Gqa { .. }) {
            return Ok(false);
        }
        let n = self.tokens;
        match (operator.kind, operator.name) {
            (OperatorKind::Linear { format, .. }, "qkv") => self.qkv(kernel, format)?,
            (OperatorKind::HeadNorm { .. }, _) => {
                let bands = self.bands()?;
                let heads = (bands.query_heads() + bands.heads) * n;
                let all = VectorOp { kind: Kind::F16, inner: bands.dims, outer: heads };
                self.vector_ops(kernel, &[all, all]);
                self.over_band(kernel, &bands, heads)?;
                let root = VectorOp { kind: Kind::Special, inner: heads, outer: 1 };
                self.vector_ops(kernel, &[root, all, all]);
                kernel.rectangle = [1, bands.all()];
            }
            (OperatorKind::Rope { .. }, _) => {
                let bands = self.bands()?;
                let inner = (bands.queries() + bands.keys()) * n;
                let op = VectorOp { kind: Kind::F16, inner, outer: 1 };
                self.vector_ops(kernel, &[op, op, op]);
                kernel.rectangle = [1, bands.all()];
            }
            (OperatorKind::KvAppend { .. }, _) => {
                let bands = self.bands()?;
                let columns = self.residual()?.pes();
                let all = (bands.queries() + 2 * bands.keys()) * n;
                self.spread(kernel, Axis::S, (columns, 1), (all, Spot::default()));
                let inner = 2 * bands.keys() * n;
                self.vector_ops(kernel, &[VectorOp { kind: Kind::F16, inner, outer: 1 }]);
                kernel.rectangle = [columns, bands.all()];
            }
            (OperatorKind::GroupedAttention { context, .. }, _) => {
                self.attend_grouped(kernel, context)?;
            }
            (OperatorKind::Linear { format, .. }, "o_proj") => {
                self.o_proj_grouped(kernel, format)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn bands(&self) -> Result<Bands, Error> {
        let rows = self.choices.qkv_rows;
        let rows = self.need((rows <= self.rows).then_some(rows), "qkv_rows", rows)?;
        Bands::new(self.attention, rows)
    }

    fn vector_ops(&self, kernel: &mut Kernel, ops: &[VectorOp]) {
        let mut cost = Cost::default();
        ops.iter().for_each(|&op| cost += self.timer.pe.cost(op));
        self.local(kernel, cost);
    }

    fn local(&self, kernel: &mut Kernel, cost: Cost) {
        match kernel.phases.last_mut() {
            Some(Phase::Local(before)) => before.cost += cost,
            _ => kernel.phases.push(LocalPhase::timed(cost)),
        }
    }

    /// Sums of `elements` over each band of rows, for all of its PEs in the middle column.
    fn over_band(&self, kernel: &mut Kernel, bands: &Bands, elements: u32) -> Result<(), Error> {
        let line = (bands.all(), bands.count);
        self.sum(kernel, Axis::O, line, (elements, Spot::default()))?;
        self.spread(kernel, Axis::O, line, (elements, Spot::default()));
        Ok(())
    }

    fn qkv(&self, kernel: &mut Kernel, format: WeightFormat) -> Result<(), Error> {
        let residual = self.residual()?;
        let bands = self.bands()?;
        let (n, own) = (self.tokens, residual.own());
        let outs = bands.queries() + 2 * bands.keys();
        let squares = self.squares();
        let x = (own * n + squares, Spot::default());
        self.spread(kernel, Axis::O, (bands.all(), 1), x);
        if matches!(self.attention, Attention::Gqa { qkv_bias: true, .. }) {
            self.bias(kernel, outs);
        }
        self.local(kernel, product(&self.timer.pe, super::multiply(format), (n, own, outs)));
        let y = (outs * n + squares, Spot::default());
        self.sum(kernel, Axis::S, (residual.pes(), 1), y)?;
        let root = VectorOp { kind: Kind::Special, inner: 1, outer: n };
        let scale = VectorOp { kind: Kind::F16, inner: outs, outer: n };
        self.vector_ops(kernel, &[root, scale]);
        self.store(kernel, outs, own, format);
        kernel.rectangle = [residual.pes(), bands.all()];
        Ok(())
    }

    /// Sums of `outs` results of each token start from a bias, in one PE of a line; the others have zeros.
    fn bias(&self, kernel: &mut Kernel, outs: u32) {
        let start = VectorOp { kind: Kind::F16, inner: outs, outer: self.tokens };
        self.vector_ops(kernel, &[start]);
        kernel.memory.push((Owner::Weights, 2 * u64::from(outs)));
    }

    /// Cached tokens of the fullest column.
    fn tokens_per_column(&self, context: u32) -> Result<u32, Error> {
        Ok(context.div_ceil(self.residual()?.pes()))
    }

    fn attend_grouped(&self, kernel: &mut Kernel, context: u32) -> Result<(), Error> {
        let bands = self.bands()?;
        let columns = self.residual()?.pes();
        let n = self.tokens;
        let cached = self.tokens_per_column(context)?;
        let heads = bands.query_heads() * n;
        let scores = heads * cached;
        let pe = &self.timer.pe;
        let each = |shape: (u32, u32, u32)| {
            let mut cost = Cost::default();
            (0..bands.heads).for_each(|_| cost += product(pe, Kind::F16, shape));
            cost
        };
        let rows = |kind: Kind| VectorOp { kind, inner: cached, outer: heads };
        self.local(kernel, each((bands.group * n, bands.dims, cached)));
        self.over_band(kernel, &bands, scores)?;
        // A learned logit of each head: maxima start from it, and in one column its exponential is added.
        let sinks = matches!(self.attention, Attention::Gqa { sinks: true, .. });
        let each_head = |kind: Kind| VectorOp { kind, inner: heads, outer: 1 };
        if sinks {
            self.vector_ops(kernel, &[each_head(Kind::F16)]);
            kernel.memory.push((Owner::Weights, 4 * u64::from(bands.query_heads())));
        }
        self.vector_ops(kernel, &[rows(Kind::Max)]);
        let line = (columns, 1);
        let peak = (heads, Spot::default());
        self.combine(kernel, Axis::S, line, peak, (DType::F16, true))?;
        self.spread(kernel, Axis::S, line, peak);
        let exponentials = VectorOp { kind: Kind::Special, inner: scores, outer: 1 };
        self.vector_ops(kernel, &[rows(Kind::F16), exponentials, rows(Kind::F16)]);
        if sinks {
            let f16 = each_head(Kind::F16);
            self.vector_ops(kernel, &[f16, each_head(Kind::Special), f16]);
        }
        self.local(kernel, each((bands.group * n, cached, bands.dims)));
        let weighted = (bands.queries() * n + heads, Spot::default());
        self.sum(kernel, Axis::S, line, weighted)?;
        let quotient = VectorOp { kind: Kind::Special, inner: heads, outer: 1 };
        let scale = VectorOp { kind: Kind::F16, inner: bands.dims, outer: heads };
        self.vector_ops(kernel, &[quotient, scale]);
        let cache = u64::from(cached) * u64::from(2 * bands.keys()) * 2;
        kernel.memory.push((Owner::KvCache, cache));
        kernel.holds(u64::from(2 * scores));
        kernel.rectangle = [columns, bands.all()];
        Ok(())
    }

    fn o_proj_grouped(&self, kernel: &mut Kernel, format: WeightFormat) -> Result<(), Error> {
        let residual = self.residual()?;
        let bands = self.bands()?;
        let (n, own) = (self.tokens, residual.own());
        let ins = bands.queries();
        self.spread(kernel, Axis::S, (residual.pes(), 1), (ins * n, Spot::default()));
        if matches!(self.attention, Attention::Gqa { o_bias: true, .. }) {
            self.bias(kernel, own);
        }
        self.local(kernel, product(&self.timer.pe, super::multiply(format), (n, ins, own)));
        self.sum(kernel, Axis::O, (bands.all(), 1), (own * n, Spot::default()))?;
        self.store(kernel, own, ins, format);
        kernel.rectangle = [residual.pes(), bands.all()];
        Ok(())
    }
}
