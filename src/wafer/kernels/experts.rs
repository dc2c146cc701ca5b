//! Routed and shared experts, `striped`: every PE holds a slice of every expert, so choosing
//! experts is choosing addresses in its memory.
//!
//! A group of columns shares the inputs of one tile, as long as its weights share a scale or a
//! multiple of it; the columns of a group share the outputs out. `experts_down` does the same along rows.
//! The other way is [`super::regions`].

use super::buffers::{self, Tile, share};
use super::{Kernel, Lowering};
use crate::error::Error;
use crate::wafer::choices::Cut;
use crate::wafer::instruction::{Place, Spot};
use crate::wafer::phase::{Axis, LocalPhase, Phase};
use sim_fabric::mesh::program::OpKind;
use sim_sram::{Cost, Kind, Owner, VectorOp};
use workloads::forward::OperatorKind;
use workloads::model::WeightFormat;

impl Lowering<'_> {
    /// Columns of a group tell each other their part of the residual stream.
    pub(super) fn share_residual(&self, kernel: &mut Kernel) -> Result<(), Error> {
        let cut = self.residual()?;
        let x = self.normed("post_attention_norm")?.first();
        if cut.sub > 1 {
            let line = (cut.pes(), cut.groups, 1);
            self.gather(kernel, Axis::S, line, (cut.own() * self.tokens, x));
            let line = (cut.pes(), cut.groups);
            self.spread(kernel, Axis::S, line, (cut.tile * self.tokens, x));
        }
        Ok(())
    }

    /// How the intermediate vector of one expert is cut over the rows.
    pub fn intermediate(&self, width: u32) -> Result<Cut, Error> {
        let cut = Cut::new(width, self.choices.down_tile, self.rows);
        self.need(cut, "down_tile", self.choices.down_tile)
    }

    /// Outputs of gate and up of one expert in a row, and in one PE of it.
    pub fn gate_up_outs(&self, outs: u32) -> Result<(u32, u32), Error> {
        let row = 2 * self.intermediate(outs / 2)?.own();
        Ok((row, row.div_ceil(self.residual()?.sub)))
    }

    /// Sigmoid, then the rank of each score among all; those that rank high enough put their weight
    /// and number in the place of their rank, and the places go to all PEs.
    ///
    /// Of equal scores the first ranks higher: later ones have to be greater, or two would take one
    /// place. The logits come with their sign turned, as the router's weights are stored.
    pub(super) fn top_k(&self, kernel: &mut Kernel, experts: u32, top_k: u32) -> Result<(), Error> {
        let rows = self.choices.router_rows;
        let own = share(experts, rows);
        let all = (rows * own) as i32;
        let scores = buffers::EXPERT_SCORES;
        let logits = Place::from(self.normed("post_attention_norm")?.out());
        let mine = Place::from(scores);
        self.work(
            kernel,
            &[
                self.op(Kind::Special, OpKind::Exp, &[own], mine, &[logits]),
                self.op(Kind::F16, OpKind::Add, &[own], mine, &[mine, Place::one(buffers::ONE)]),
                self.op(Kind::Special, OpKind::Reciprocal, &[own], mine, &[mine]),
            ],
        );
        self.gather(kernel, Axis::O, (rows, 1, 1), (own * self.tokens, scores));
        self.spread(kernel, Axis::O, (rows, 1), (rows * own * self.tokens, scores));
        // Each own score is compared with all, and the comparisons that hold are counted.
        let place = |at: Spot, by: [i32; 2], scale: i32| {
            Place::strided(at, by).indexed(buffers::ME_ROUTER, scale)
        };
        let (step, own_i) = (Spot::of("step").plus(all as u32 - 1), own as i32);
        let (greater, equal) = (Place::from(Spot::of("greater")), Place::from(Spot::of("equal")));
        let pairs = [experts, own];
        let compared = [Place::strided(scores, [1, 0]), place(scores, [0, 1], own_i)];
        let rank = Place::strided(Spot::of("rank"), [0, 1]);
        let later = place(step, [1, -1], -own_i);
        let earlier = place(step, [-1, 1], own_i);
        let mut ops = vec![
            self.op(Kind::Max, OpKind::Greater, &pairs, greater, &compared),
            self.op(Kind::Max, OpKind::GreaterEqual, &pairs, equal, &compared),
            self.op(Kind::F16, OpKind::Fma, &pairs, rank, &[greater, later, rank]),
            self.op(Kind::F16, OpKind::Fma, &pairs, rank, &[equal, earlier, rank]),
        ];
        // Behind the scores lie the experts' numbers.
        for l in 0..own {
            let pair = place(scores.plus(l), [all, 0], own_i);
            let to = Place::strided(buffers::CHOSEN, [1]).indexed(Spot::of("rank").plus(l), 2);
            ops.push(self.op(Kind::F16, OpKind::Move, &[2], to, &[pair]));
        }
        self.work(kernel, &ops);
        let chosen = (2 * top_k * self.tokens, buffers::CHOSEN);
        self.sum(kernel, Axis::O, (rows, 1), chosen)?;
        let weights = Place::strided(buffers::CHOSEN, [2]);
        let total = Place::one(Spot::of("weights"));
        self.work(
            kernel,
            &[
                self.op(Kind::F16, OpKind::Add, &[top_k], total, &[total, weights]),
                self.op(Kind::Special, OpKind::Reciprocal, &[1], total, &[total]),
                self.op(Kind::F16, OpKind::Mul, &[top_k], weights, &[weights, total]),
            ],
        );
        let mut columns = self.residual()?.pes();
        if let Some(routed) = self.routed
            && let Some(regions) = self.regions(experts, routed.width)?
        {
            columns = columns.max(regions.pes()[0]);
        }
        self.spread(kernel, Axis::S, (columns, 1), chosen);
        self.spread(kernel, Axis::O, (self.rows, 1), chosen);
        kernel.rectangle = [columns, self.rows];
        Ok(())
    }

    /// Gate and up projections of the chosen experts.
    pub(super) fn experts_gate_up(
        &self,
        kernel: &mut Kernel,
        kind: OperatorKind,
    ) -> Result<(), Error> {
        let OperatorKind::Experts { experts, top_k, shared, outs, .. } = kind else {
            return Ok(());
        };
        if let Some(regions) = self.regions(experts, outs / 2)? {
            return self.regions_gate_up(kernel, kind, &regions);
        }
        let residual = self.residual()?;
        self.striped_gate_up(kernel, kind)?;
        let all = (top_k + shared) * self.gate_up_outs(outs)?.0;
        let squares = self.normed("post_attention_norm")?.first().minus(1);
        let y = squares.minus(all);
        self.sum(kernel, Axis::S, (residual.pes(), 1), (all * self.tokens + self.squares(), y))?;
        self.divide(kernel, squares, (all, y, y));
        kernel.rectangle = [residual.pes(), self.intermediate(outs / 2)?.pes()];
        Ok(())
    }

    /// Each PE's part of it, and what it stores.
    pub(super) fn striped_gate_up(
        &self,
        kernel: &mut Kernel,
        kind: OperatorKind,
    ) -> Result<(), Error> {
        let OperatorKind::Experts { top_k, shared, outs, .. } = kind else { return Ok(()) };
        if top_k + shared == 0 {
            return Ok(());
        }
        let residual = self.residual()?;
        let rows = self.intermediate(outs / 2)?.pes();
        let (row_outs, pe_outs) = self.gate_up_outs(outs)?;
        let x = self.normed("post_attention_norm")?.first();
        let y = x.minus(1 + (top_k + shared) * row_outs);
        let tile = self.cut_tile(pe_outs, residual.tile, (1, 0));
        let expert = |k: u32| {
            let y = Place::from(y.plus(k * row_outs));
            (y.indexed(buffers::ME_COLUMN, pe_outs as i32), x.into())
        };
        self.expert_tiles(kernel, kind, tile, (false, &expert));
        self.store_experts(kernel, kind, residual.pes() * rows);
        Ok(())
    }

    /// `silu(gate) * up`, weighted by the router, where gate and up came out: of each of `chosen`
    /// experts, `own` elements of both. Both come with their sign turned, as their weights are stored.
    pub(super) fn swiglu(&self, kernel: &mut Kernel, width: u32) -> Result<(), Error> {
        let (own, chosen, y) = match self.routed {
            None => {
                let y = self.normed("post_attention_norm")?.out();
                (width.div_ceil(self.rows), 1, y)
            }
            Some(routed) => {
                let mut chosen = routed.top_k + routed.shared;
                if let Some(regions) = self.regions(routed.experts, routed.width)? {
                    self.regions_swiglu(kernel, routed.top_k, &regions);
                    chosen = routed.shared;
                    kernel.rectangle = regions.pes();
                    if chosen == 0 {
                        return Ok(());
                    }
                }
                let own = self.intermediate(routed.width)?.own();
                let y = self.normed("post_attention_norm")?.first().minus(1 + 2 * chosen * own);
                (own, chosen, y)
            }
        };
        if self.choices.activation_columns > 1 {
            return self.swiglu_shared(kernel, own * chosen);
        }
        let (t, h) = (Place::from(buffers::GATE), Place::from(buffers::ACTIVATIONS));
        let row = [1, 2 * own as i32];
        let (gate, up) = (Place::strided(y, row), Place::strided(y.plus(own), row));
        let one = Place::one(buffers::ONE);
        let all = [own, chosen];
        let mut ops = vec![
            self.op(Kind::Special, OpKind::Exp, &all, t, &[gate]),
            self.op(Kind::F16, OpKind::Add, &[own * chosen], t, &[t, one]),
            self.op(Kind::Special, OpKind::Reciprocal, &[own * chosen], t, &[t]),
            self.op(Kind::F16, OpKind::Mul, &all, h, &[gate, up]),
            self.op(Kind::F16, OpKind::Mul, &[own * chosen], h, &[h, t]),
        ];
        if let Some(routed) = self.routed.filter(|routed| chosen > routed.shared) {
            let weights = Place::strided(buffers::CHOSEN, [0, 2]);
            let all = [own, routed.top_k];
            ops.push(self.op(Kind::F16, OpKind::Mul, &all, h, &[h, weights]));
        }
        self.work(kernel, &ops);
        kernel.rectangle = [kernel.rectangle[0].max(1), self.rows];
        Ok(())
    }

    /// The same where the middle column hands gate and up to those around it, each takes its share,
    /// and the products come back.
    fn swiglu_shared(&self, kernel: &mut Kernel, own: u32) -> Result<(), Error> {
        let columns = self.choices.activation_columns;
        let fits = (columns <= self.columns).then_some(columns);
        let columns = self.need(fits, "activation_columns", columns)?;
        let share = own.div_ceil(columns) * self.tokens;
        let both = (2 * own * self.tokens, Spot::default());
        self.spread(kernel, Axis::S, (columns, 1), both);
        let special = VectorOp { kind: Kind::Special, inner: share, outer: 1 };
        let vector = VectorOp { kind: Kind::F16, inner: share, outer: 1 };
        self.work(kernel, &[special, vector, special, vector, vector]);
        if self.routed.is_some() {
            self.work(kernel, &[vector]);
        }
        self.gather(kernel, Axis::S, (columns, 1, 1), (share, Spot::default()));
        kernel.rectangle = [kernel.rectangle[0].max(columns), self.rows];
        Ok(())
    }

    /// Down projections, summed over the chosen experts.
    pub(super) fn experts_down(
        &self,
        kernel: &mut Kernel,
        kind: OperatorKind,
    ) -> Result<(), Error> {
        let OperatorKind::Experts { experts, ins, .. } = kind else { return Ok(()) };
        if let Some(regions) = self.regions(experts, ins)? {
            return self.regions_down(kernel, kind, &regions);
        }
        let residual = self.residual()?;
        let cut = self.intermediate(ins)?;
        self.striped_down(kernel, kind)?;
        let sums = (residual.own() * self.tokens, buffers::DOWN_OUT);
        self.sum(kernel, Axis::O, (cut.pes(), 1), sums)?;
        kernel.rectangle = [residual.pes(), cut.pes()];
        Ok(())
    }

    /// The activations go to all PEs, and each adds up its part of the results; with what it stores.
    pub(super) fn striped_down(
        &self,
        kernel: &mut Kernel,
        kind: OperatorKind,
    ) -> Result<(), Error> {
        let OperatorKind::Experts { top_k, shared, ins, .. } = kind else { return Ok(()) };
        if top_k + shared == 0 {
            return Ok(());
        }
        let residual = self.residual()?;
        let cut = self.intermediate(ins)?;
        let (chosen, own) = (top_k + shared, cut.own());
        let all = chosen * cut.room();
        let h = buffers::ACTIVATIONS;
        if cut.sub > 1 {
            let line = (cut.pes(), cut.groups, 1);
            self.gather(kernel, Axis::O, line, (chosen * own * self.tokens, h));
            self.spread(kernel, Axis::O, (cut.pes(), cut.groups), (all * self.tokens, h));
        }
        self.spread(kernel, Axis::S, (residual.pes(), 1), (all * self.tokens, h));
        let pe_outs = residual.own().div_ceil(cut.sub);
        // What a group's rows hold of one expert lies apart, each row's experts together.
        let tile = self.cut_tile(pe_outs, own, (cut.sub, chosen * own));
        let y = Place::from(buffers::DOWN_OUT).indexed(buffers::ME_DOWN, pe_outs as i32);
        let expert = |k: u32| (y, h.plus(k * own).into());
        self.expert_tiles(kernel, kind, tile, (true, &expert));
        self.store_experts(kernel, kind, residual.pes() * cut.pes());
        Ok(())
    }

    /// One product for each expert in use; those that add to one result depend on each other. `places`
    /// says where the `k`-th expert's result and input lie.
    fn expert_tiles(
        &self,
        kernel: &mut Kernel,
        kind: OperatorKind,
        tile: Tile,
        (dependent, places): (bool, &dyn Fn(u32) -> (Place, Place)),
    ) {
        let OperatorKind::Experts { experts, top_k, shared, format, shared_format, .. } = kind
        else {
            return;
        };
        let pe = &self.timer.pe;
        let one = self.with_tokens(1);
        let mut cost = Cost::default();
        let mut instructions = Vec::new();
        let weights = Place::from(Spot::of(kernel.name));
        let mut expert = |format: WeightFormat, from: u32, count: u32, operations: u32| {
            for k in from..from + count {
                let w = match k < top_k {
                    // Its number stands beside its weight.
                    true => weights.indexed(buffers::CHOSEN.plus(2 * k + 1), tile.len() as i32),
                    false => {
                        let first = weights.first.plus((experts + k - top_k) * tile.len());
                        Place { first, ..weights }
                    }
                };
                let (y, x) = places(k);
                let product = one.multiply(format, tile, (y, w, x));
                instructions.push(product);
                let each = pe.cost(product.cost());
                cost.arithmetic += each.arithmetic * u64::from(self.tokens);
                cost.memory += each.memory * u64::from(self.tokens);
            }
            let gap = if dependent { pe.gap_cycles + pe.pipeline_cycles } else { 0 };
            cost.waiting += u64::from(operations) * u64::from(pe.setup_cycles + gap);
        };
        expert(format, 0, top_k, self.distinct_experts.min(top_k * self.tokens));
        expert(shared_format, top_k, shared, shared);
        cost.waiting += u64::from(pe.pipeline_cycles);
        kernel.phases.push(Phase::Local(LocalPhase { cost, instructions }));
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
