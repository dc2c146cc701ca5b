//! Routed and shared experts, `striped`: every PE holds a slice of every expert, so choosing
//! experts is choosing addresses in its memory.
//!
//! A group of columns shares the inputs of one tile, as long as its weights share a scale or a
//! multiple of it; the columns of a group share the outputs out. `experts_down` does the same along rows.

use super::{Kernel, Lowering, multiply};
use crate::error::Error;
use crate::wafer::choices::Cut;
use crate::wafer::instruction::Spot;
use crate::wafer::phase::{Axis, LocalPhase};
use sim_sram::{Cost, Kind, Owner, VectorOp};
use workloads::forward::OperatorKind;
use workloads::model::WeightFormat;

impl Lowering<'_> {
    /// Columns of a group tell each other their part of the residual stream.
    pub(super) fn share_residual(&self, kernel: &mut Kernel) -> Result<(), Error> {
        let cut = self.residual()?;
        if cut.sub > 1 {
            self.gather(
                kernel,
                Axis::S,
                (cut.pes(), cut.groups, 1),
                (cut.own() * self.tokens, Spot::default()),
            );
            self.spread(
                kernel,
                Axis::S,
                (cut.pes(), cut.groups),
                (cut.tile * self.tokens, Spot::default()),
            );
        }
        Ok(())
    }

    /// How the intermediate vector of one expert is cut over the rows.
    pub(super) fn intermediate(&self, width: u32) -> Result<Cut, Error> {
        let cut = Cut::new(width, self.choices.down_tile, self.rows);
        self.need(cut, "down_tile", self.choices.down_tile)
    }

    /// Sigmoid, then the rank of each score among all; those that rank high enough put their number
    /// and weight in the place of their rank, and the places go to all PEs.
    pub(super) fn top_k(&self, kernel: &mut Kernel, experts: u32, top_k: u32) -> Result<(), Error> {
        let rows = self.choices.router_rows;
        let own = experts.div_ceil(rows);
        let sigmoid = VectorOp { kind: Kind::Special, inner: 1, outer: 2 * own * self.tokens };
        self.work(kernel, &[sigmoid, self.each(Kind::F16, own)]);
        self.gather(kernel, Axis::O, (rows, 1, 1), (own * self.tokens, Spot::default()));
        self.spread(kernel, Axis::O, (rows, 1), (rows * own * self.tokens, Spot::default()));
        // Each own score is compared with all, and the comparisons are counted.
        let compare = VectorOp { kind: Kind::Max, inner: experts, outer: own * self.tokens };
        let count = VectorOp { kind: Kind::F16, ..compare };
        self.work(kernel, &[compare, count, self.each(Kind::F16, 2 * top_k)]);
        self.sum(kernel, Axis::O, (rows, 1), (2 * top_k * self.tokens, Spot::default()))?;
        let total = self.each(Kind::F16, top_k);
        let reciprocal = VectorOp { kind: Kind::Special, inner: 1, outer: self.tokens };
        self.work(kernel, &[total, reciprocal, total]);
        self.spread(
            kernel,
            Axis::S,
            (self.residual()?.pes(), 1),
            (2 * top_k * self.tokens, Spot::default()),
        );
        self.spread(kernel, Axis::O, (self.rows, 1), (2 * top_k * self.tokens, Spot::default()));
        kernel.rectangle = [self.residual()?.pes(), self.rows];
        Ok(())
    }

    /// Gate and up projections of the chosen experts.
    pub(super) fn experts_gate_up(
        &self,
        kernel: &mut Kernel,
        kind: OperatorKind,
    ) -> Result<(), Error> {
        let OperatorKind::Experts { top_k, shared, outs, .. } = kind else { return Ok(()) };
        let residual = self.residual()?;
        let rows = self.intermediate(outs / 2)?.pes();
        let row_outs = outs.div_ceil(rows);
        let pe_outs = outs.div_ceil(rows * residual.sub);
        self.expert_tiles(kernel, kind, (pe_outs, residual.tile), false);
        let elements = (top_k + shared) * row_outs * self.tokens;
        self.sum(
            kernel,
            Axis::S,
            (residual.pes(), 1),
            (elements + self.squares(), Spot::default()),
        )?;
        self.divide(kernel, elements / self.tokens);
        self.store_experts(kernel, kind, residual.pes() * rows);
        kernel.rectangle = [residual.pes(), rows];
        Ok(())
    }

    /// `silu(gate) * up`, weighted by the router, where gate and up came out.
    pub(super) fn swiglu(&self, kernel: &mut Kernel, width: u32) -> Result<(), Error> {
        let own = width.div_ceil(self.rows);
        let exponentials = VectorOp { kind: Kind::Special, inner: 1, outer: 2 * own * self.tokens };
        let product = self.each(Kind::F16, own);
        self.work(kernel, &[exponentials, product, product, product]);
        kernel.rectangle = [1, self.rows];
        Ok(())
    }

    /// Down projections, summed over the chosen experts.
    pub(super) fn experts_down(
        &self,
        kernel: &mut Kernel,
        kind: OperatorKind,
    ) -> Result<(), Error> {
        let OperatorKind::Experts { top_k, shared, ins, .. } = kind else { return Ok(()) };
        let residual = self.residual()?;
        let cut = self.intermediate(ins)?;
        let chosen = top_k + shared;
        if cut.sub > 1 {
            let line = (cut.pes(), cut.groups, 1);
            self.gather(kernel, Axis::O, line, (chosen * cut.own() * self.tokens, Spot::default()));
            let elements = chosen * cut.tile * self.tokens;
            self.spread(kernel, Axis::O, (cut.pes(), cut.groups), (elements, Spot::default()));
        }
        self.spread(
            kernel,
            Axis::S,
            (residual.pes(), 1),
            (chosen * cut.tile * self.tokens, Spot::default()),
        );
        let pe_outs = residual.own().div_ceil(cut.sub);
        self.expert_tiles(kernel, kind, (pe_outs, cut.tile), true);
        self.sum(kernel, Axis::O, (cut.pes(), 1), (residual.own() * self.tokens, Spot::default()))?;
        self.store_experts(kernel, kind, residual.pes() * cut.pes());
        kernel.rectangle = [residual.pes(), cut.pes()];
        Ok(())
    }

    /// One product for each expert in use; those that add to one result depend on each other.
    fn expert_tiles(
        &self,
        kernel: &mut Kernel,
        kind: OperatorKind,
        (outs, ins): (u32, u32),
        dependent: bool,
    ) {
        let OperatorKind::Experts { top_k, shared, format, shared_format, .. } = kind else {
            return;
        };
        let pe = &self.timer.pe;
        let one = self.with_tokens(1);
        let mut cost = Cost::default();
        let mut expert = |format: WeightFormat, products: u32, operations: u32| {
            let tile = VectorOp { kind: multiply(format), ..one.tile(outs, ins, format) };
            let each = pe.cost(tile);
            cost.arithmetic += each.arithmetic * u64::from(products);
            cost.memory += each.memory * u64::from(products);
            let gap = if dependent { pe.gap_cycles + pe.pipeline_cycles } else { 0 };
            cost.waiting += u64::from(operations) * u64::from(pe.setup_cycles + gap);
        };
        let products = top_k * self.tokens;
        expert(format, products, self.distinct_experts.min(products));
        expert(shared_format, shared * self.tokens, shared);
        cost.waiting += u64::from(pe.pipeline_cycles);
        kernel.phases.push(LocalPhase::timed(cost));
    }

    /// Bytes of all experts over `pes` PEs: which PEs hold the remainder of an expert changes from
    /// expert to expert, so that each holds its share of the sum.
    fn store_experts(&self, kernel: &mut Kernel, kind: OperatorKind, pes: u32) {
        let OperatorKind::Experts { experts, shared, ins, outs, format, shared_format, .. } = kind
        else {
            return;
        };
        let (ins, outs, pes) = (u64::from(ins), u64::from(outs), u64::from(pes));
        let share = |bytes: u64, copies: u32| (bytes * u64::from(copies)).div_ceil(pes);
        let weights = share(format.weight_bytes(outs, ins), experts)
            + share(shared_format.weight_bytes(outs, ins), shared);
        let scales = share(format.scale_bytes(outs, ins), experts)
            + share(shared_format.scale_bytes(outs, ins), shared);
        kernel.memory.push((Owner::Weights, weights));
        kernel.memory.push((Owner::Scales, scales));
    }
}
