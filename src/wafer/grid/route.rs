//! Router and experts on a fixed grid: every matrix cut over all of it, of the chosen experts each
//! product one behind the other, found by its number.

use super::Writer;
use super::buffers::{self, CHOSEN};
use super::decode::{Decoding, kind};
use crate::error::Error;
use crate::wafer::instruction::{Place, Spot};
use crate::wafer::kernels::buffers::share;
use crate::wafer::phase::Axis;
use sim_fabric::mesh::program::{DType, OpKind};
use sim_sram::{Kind, Owner};
use workloads::forward::{Operator, OperatorKind};
use workloads::model::WeightFormat;

/// A PE's part of one expert's matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpertTile {
    /// Results.
    pub outs: u32,
    /// Inputs.
    pub ins: u32,
    /// Whether results' biases lie behind the weights.
    pub bias: bool,
}

impl ExpertTile {
    /// Elements from one expert's tile to the next's.
    pub fn apart(&self) -> u32 {
        self.outs * self.ins + if self.bias { self.outs } else { 0 }
    }
}

impl Decoding<'_> {
    /// Rows over which a router's results are cut, and results of each: whole words, as they are gathered.
    pub fn router_rows(&self, experts: u32) -> (u32, u32) {
        let own = share(experts, self.grid.rows);
        (experts.div_ceil(own), own)
    }

    /// A PE's part of one expert's matrix of so many results and inputs.
    pub fn expert_tile(&self, outs: u32, ins: u32, combine: bool) -> ExpertTile {
        let (outs, ins) = match combine {
            true => (self.own(), self.over_rows(ins).1),
            false => (2 * self.over_rows(outs / 2).1, self.own()),
        };
        ExpertTile { outs, ins, bias: self.mlp_bias }
    }

    /// Writes the router, its choice, or a projection of experts.
    pub(super) fn route(&self, to: &mut Writer<'_>, operator: &Operator) -> Result<(), Error> {
        match operator.kind {
            OperatorKind::Linear { outs, format, .. } => {
                let places = [buffers::ROUTED, Spot::of("router"), buffers::NORMED];
                let outs = self.router_rows(outs).1;
                let by_column = (self.used_columns(), self.own());
                self.product(to, Axis::S, by_column, outs, (format, self.mlp_bias), places)
            }
            OperatorKind::TopK { experts, top_k } => self.top_k(to, experts, top_k),
            OperatorKind::Experts { .. } => self.experts(to, operator),
            _ => Ok(()),
        }
    }

    fn experts(&self, to: &mut Writer<'_>, operator: &Operator) -> Result<(), Error> {
        let OperatorKind::Experts {
            experts,
            top_k,
            shared,
            ins,
            outs,
            format,
            shared_format,
            combine,
        } = operator.kind
        else {
            return Ok(());
        };
        let tile = self.expert_tile(outs, ins, combine);
        let weights = Spot::of(operator.name);
        for k in 0..top_k + shared {
            let (w, format) = match k < top_k {
                // Its number stands beside its weight.
                true => {
                    let number = CHOSEN.plus(2 * k + 1);
                    (Place::from(weights).indexed(number, tile.apart() as i32), format)
                }
                false => {
                    let expert = experts + k - top_k;
                    (Place::from(weights.plus(expert * tile.apart())), shared_format)
                }
            };
            let bias = Place { first: w.first.plus(tile.outs * tile.ins), ..w };
            let (y, x) = match combine {
                true => (buffers::DOWN_OUT, buffers::ACTIVATIONS.plus(k * tile.ins)),
                false => (buffers::GATE_UP.plus(k * tile.outs), buffers::NORMED),
            };
            if tile.bias && combine && k < top_k {
                let weight = Place::one(CHOSEN.plus(2 * k));
                let factors = [bias, weight, y.into()];
                to.op(Kind::F16, OpKind::Fma, &[tile.outs], y.into(), &factors);
            } else if tile.bias && combine {
                to.op(Kind::F16, OpKind::Add, &[tile.outs], y.into(), &[bias, y.into()]);
            } else if tile.bias {
                to.op(Kind::F16, OpKind::Move, &[tile.outs], y.into(), &[bias]);
            }
            to.multiply(kind(format), (tile.outs, tile.ins), [y.into(), w, x.into()]);
        }
        let sums = (to.sums(), false);
        match combine {
            true => {
                let line = (self.over_rows(ins).0, 1);
                to.all_reduce(Axis::O, line, (tile.outs, buffers::DOWN_OUT), sums)
            }
            false => {
                let all = ((top_k + shared) * tile.outs, buffers::GATE_UP);
                to.all_reduce(Axis::S, (self.used_columns(), 1), all, sums)
            }
        }
    }

    /// Sigmoid, then the rank of each score of a row among all; those that rank high enough put their
    /// weight and number in the place of their rank, and the places go to all PEs of the column.
    ///
    /// Of equal scores the first ranks higher. The logits come with their sign turned, as the router's
    /// weights are stored.
    fn top_k(&self, to: &mut Writer<'_>, experts: u32, top_k: u32) -> Result<(), Error> {
        let rows = self.grid.rows;
        let (pes, own) = self.router_rows(experts);
        let (all, own_i) = (pes * own, own as i32);
        let scores = buffers::EXPERT_SCORES;
        let mine = Place::from(scores);
        to.op(Kind::Special, OpKind::Exp, &[own], mine, &[buffers::ROUTED.into()]);
        to.op(Kind::F16, OpKind::Add, &[own], mine, &[mine, Place::one(buffers::ONE)]);
        to.op(Kind::Special, OpKind::Reciprocal, &[own], mine, &[mine]);
        to.gather(Axis::O, pes, (own, scores));
        to.broadcast(Axis::O, (rows, 1), (all, scores), DType::F16);
        // Each own score is compared with all, and the comparisons that hold are counted.
        let place = |at: Spot, by: [i32; 2], scale: i32| {
            Place::strided(at, by).indexed(buffers::ROUTER_PLACE, scale)
        };
        let step = buffers::EARLIER.plus(all - 1);
        let [greater, equal] = [buffers::GREATER, buffers::EQUAL].map(Place::from);
        let pairs = [experts, own];
        let compared = [Place::strided(scores, [1, 0]), place(scores, [0, 1], own_i)];
        let rank = Place::strided(buffers::RANK, [0, 1]);
        let (later, earlier) = (place(step, [1, -1], -own_i), place(step, [-1, 1], own_i));
        to.op(Kind::Max, OpKind::Greater, &pairs, greater, &compared);
        to.op(Kind::Max, OpKind::GreaterEqual, &pairs, equal, &compared);
        to.op(Kind::F16, OpKind::Fma, &pairs, rank, &[greater, later, rank]);
        to.op(Kind::F16, OpKind::Fma, &pairs, rank, &[equal, earlier, rank]);
        // Behind the scores lie the experts' numbers.
        for l in 0..own {
            let pair = place(scores.plus(l), [all as i32, 0], own_i);
            let at = Place::strided(CHOSEN, [1]).indexed(buffers::RANK.plus(l), 2);
            to.op(Kind::F16, OpKind::Move, &[2], at, &[pair]);
        }
        to.all_reduce(Axis::O, (pes, 1), (2 * top_k, CHOSEN), (to.sums(), false))?;
        let weights = Place::strided(CHOSEN, [2]);
        let total = Place::one(buffers::CHOSEN_TOTAL);
        to.op(Kind::F16, OpKind::Add, &[top_k], total, &[total, weights]);
        to.op(Kind::Special, OpKind::Reciprocal, &[1], total, &[total]);
        to.op(Kind::F16, OpKind::Mul, &[top_k], weights, &[weights, total]);
        Ok(())
    }

    /// The gated activation of the chosen experts, each weighted by the router.
    pub(super) fn swiglu_of_experts(&self, to: &mut Writer<'_>, own: u32, routed: (u32, u32)) {
        let (top_k, chosen) = (routed.0, routed.0 + routed.1);
        let (t, h) = (Place::from(buffers::GATE), Place::from(buffers::ACTIVATIONS));
        let row = [1, 2 * own as i32];
        let gate = Place::strided(buffers::GATE_UP, row);
        let up = Place::strided(buffers::GATE_UP.plus(own), row);
        let (each, all) = ([own, chosen], [own * chosen]);
        to.op(Kind::Special, OpKind::Exp, &each, t, &[gate]);
        to.op(Kind::F16, OpKind::Add, &all, t, &[t, Place::one(buffers::ONE)]);
        to.op(Kind::Special, OpKind::Reciprocal, &all, t, &[t]);
        to.op(Kind::F16, OpKind::Mul, &each, h, &[gate, up]);
        to.op(Kind::F16, OpKind::Mul, &all, h, &[h, t]);
        let weights = Place::strided(CHOSEN, [0, 2]);
        to.op(Kind::F16, OpKind::Mul, &[own, top_k], h, &[h, weights]);
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
        let tile = self.expert_tile(outs, ins, combine);
        let (outs, ins) = (u64::from(tile.outs), u64::from(tile.ins));
        let all = |format: WeightFormat, copies: u32| {
            let copies = u64::from(copies);
            let bytes = (format.weight_bytes(outs, ins), format.scale_bytes(outs, ins));
            [(Owner::Weights, copies * bytes.0), (Owner::Scales, copies * bytes.1)]
        };
        [all(format, experts), all(shared_format, shared)].concat()
    }
}
