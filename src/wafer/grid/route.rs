//! Router and experts on a fixed grid: every matrix cut over all of it, of the chosen experts each
//! product one behind the other.
//!
//! Timed alone: a grid of experts has no numbers.

use super::Writer;
use super::buffers;
use super::decode::{Decoding, kind};
use crate::error::Error;
use crate::wafer::instruction::Spot;
use crate::wafer::phase::Axis;
use sim_fabric::mesh::program::DType;
use sim_sram::{Kind, Owner, VectorOp};
use workloads::forward::{Operator, OperatorKind};
use workloads::model::WeightFormat;

impl Decoding<'_> {
    /// Writes the router, its choice, or a projection of experts.
    pub(super) fn route(&self, to: &mut Writer<'_>, operator: &Operator) -> Result<(), Error> {
        let (own, rows) = (self.own(), self.grid.rows);
        let by_column = (self.used_columns(), own);
        match operator.kind {
            OperatorKind::Linear { outs, format, .. } => {
                let places = [Spot::of("router_out"), Spot::of("router"), buffers::NORMED];
                let format = (format, self.mlp_bias);
                self.product(to, Axis::S, by_column, outs.div_ceil(rows), format, places)?;
            }
            OperatorKind::TopK { experts, top_k } => self.top_k(to, experts, top_k),
            OperatorKind::Experts {
                top_k,
                shared,
                ins,
                outs,
                format,
                shared_format,
                combine,
                ..
            } => {
                let (axis, line, length, times) = match combine {
                    true => {
                        let (pes, ins) = self.over_rows(ins);
                        (Axis::O, pes, own, ins)
                    }
                    false => (Axis::S, by_column.0, 2 * (outs / 2).div_ceil(rows), own),
                };
                for (format, copies) in [(format, top_k), (shared_format, shared)] {
                    (0..copies).for_each(|_| to.repeats(kind(format), length, times));
                }
                let all = if combine { length } else { (top_k + shared) * length };
                if self.mlp_bias {
                    to.each(Kind::F16, (top_k + shared) * length);
                }
                to.all_reduce(axis, (line, 1), (all, Spot::default()), (to.sums(), false))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// All scores come to every PE of their column, where the best are found one after another.
    fn top_k(&self, to: &mut Writer<'_>, experts: u32, top_k: u32) {
        let rows = self.grid.rows;
        let (pes, own) = self.over_rows(experts);
        to.each(Kind::Special, 2 * own);
        to.gather(Axis::O, pes, (own, Spot::default()));
        to.broadcast(Axis::O, (rows, 1), (experts, Spot::default()), DType::F16);
        to.rows_of(Kind::Max, experts, top_k);
        to.rows_of(Kind::F16, 1, top_k);
        to.each(Kind::F16, top_k);
        to.each(Kind::Special, 1);
        to.each(Kind::F16, top_k);
    }

    /// Bytes of all experts' tiles in the fullest PE.
    pub(super) fn expert_bytes(&self, kind: OperatorKind) -> Vec<(Owner, u64)> {
        let OperatorKind::Experts {
            experts,
            shared,
            ins,
            outs,
            format,
            shared_format,
            combine,
            ..
        } = kind
        else {
            return Vec::new();
        };
        let rows = self.grid.rows;
        let (outs, ins) = match combine {
            true => (self.own(), self.over_rows(ins).1),
            false => (2 * (outs / 2).div_ceil(rows), self.own()),
        };
        let (outs, ins) = (u64::from(outs), u64::from(ins));
        let all = |format: WeightFormat, copies: u32| {
            let copies = u64::from(copies);
            let bytes = (format.weight_bytes(outs, ins), format.scale_bytes(outs, ins));
            [(Owner::Weights, copies * bytes.0), (Owner::Scales, copies * bytes.1)]
        };
        [all(format, experts), all(shared_format, shared)].concat()
    }
}

impl Writer<'_> {
    /// The loop of `times` multiply-adds of a scalar and `length` elements, of which only the time is known.
    fn repeats(&mut self, kind: Kind, length: u32, times: u32) {
        if length > 0 && times > 0 {
            let cost = self.timer.pe.repeated(VectorOp { kind, inner: length, outer: 1 }, times);
            self.local(cost, []);
        }
    }

    /// One operation over `rows` rows of `inner` elements, of which only the time is known.
    pub(super) fn rows_of(&mut self, kind: Kind, inner: u32, rows: u32) {
        let cost = self.timer.pe.cost(VectorOp { kind, inner, outer: rows });
        self.local(cost, []);
    }
}
