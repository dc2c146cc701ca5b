//! Vector operations on memory: how long the datapath of a PE takes for them.
//!
//! ```text
//! descriptors --set-up--> issue: up to `rate` elements a cycle --pipeline--> result in memory
//! ```
//! An operation walks `outer` rows of `inner` elements in one go (a descriptor has up to four
//! dimensions); a row that does not fill the datapath's width costs a full cycle for its rest.
//!
//! Its address streams run over the banks ([`crate::bank`]): an accumulator that starts in bank 0 and a
//! vector, or rows of a tile, that start in odd banks. Rows are padded to an even number of words (32-bit
//! ones to four), so that two operands never meet; with other numbers of the hardware they may wait for
//! ports. Where operands lie badly is for [`crate::operation`] to ask.
//!
//! # Deviations
//! The padding, at most a word (three) of a row, is not in the ledger. Unpacking 4-bit weights is a
//! constant for each vector of them.

use crate::bank::{Stepping, Stream, Walk};
use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// The datapath of a PE; sources stand in the hardware preset that fills it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PeSpec {
    /// 16-bit fused multiply-adds, adds, multiplies and moves `[elements per cycle]`.
    pub f16_per_cycle: u32,
    /// 32-bit adds and moves `[elements per cycle]`.
    pub f32_per_cycle: u32,
    /// 32-bit multiplies `[elements per cycle]`.
    pub f32_mul_per_cycle: u32,
    /// Maxima `[elements per cycle]`.
    pub max_per_cycle: u32,
    /// Loading an operation's descriptors `[cycles]`.
    pub setup_cycles: u32,
    /// From the last element to its result being in memory `[cycles]`.
    pub pipeline_cycles: u32,
    /// Between an operation and one that depends on it `[cycles]`.
    pub gap_cycles: u32,
    /// Between two operations of a loop whose descriptors stay loaded `[cycles]`.
    pub loop_cycles: u32,
    /// Starting a task `[cycles]`.
    pub task_start_cycles: u32,
    /// Extra for each vector of 4-bit weights `[cycles]`.
    pub unpack_cycles: u32,
    /// Exponential, reciprocal or root `[cycles per element]`.
    pub special_cycles: u32,
    /// Bits of a partial sum as it travels between PEs, 16 or 32 `[bits]`.
    pub sum_bits: u32,
    /// Loading a route before an operation on the fabric `[cycles]`.
    pub route_load_cycles: u32,
    /// What the small cache serves beside the banks `[words per cycle]`.
    pub cache_words: u32,
}

/// What is done with each element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// 16-bit fused multiply-add, add, multiply or move.
    F16,
    /// 16-bit fused multiply-add of a scalar for each row.
    Fma,
    /// 16-bit fused multiply-add of a scalar for each row, whose weights are stored in 4 bits.
    F16Int4,
    /// 32-bit add or move.
    F32,
    /// 32-bit multiply.
    F32Mul,
    /// Maximum.
    Max,
    /// Exponential, reciprocal or root.
    Special,
}

/// One operation over memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VectorOp {
    /// What is done.
    pub kind: Kind,
    /// Elements of a row.
    pub inner: u32,
    /// Rows.
    pub outer: u32,
}

/// Duration of work inside a PE, by cause `[cycles]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// The datapath at work.
    pub arithmetic: u64,
    /// Beyond that: waits for banks and ports, and unpacking weights.
    pub memory: u64,
    /// Set-up, gaps and pipeline depth.
    pub waiting: u64,
}

impl Cost {
    /// All of it `[cycles]`.
    pub fn total(&self) -> u64 {
        self.arithmetic + self.memory + self.waiting
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.arithmetic += other.arithmetic;
        self.memory += other.memory;
        self.waiting += other.waiting;
    }
}

/// Cycles after which a sum can be added to again, as the published one-word star shows.
const ADDER_CYCLES: u32 = 4;

impl PeSpec {
    /// What comes before the first operation of a task `[cycles]`: a chain of operations in one task
    /// loads descriptors while the one before is under way, the first has to wait for its own.
    pub fn start(&self) -> Cost {
        let waiting = u64::from(self.task_start_cycles + self.setup_cycles);
        Cost { waiting: waiting.saturating_sub(u64::from(self.gap_cycles)), ..Cost::default() }
    }

    /// How long `op` takes behind another operation of its task that it depends on.
    ///
    /// Rows with a scalar each are a loop of operations, or one that multiplies all and one that adds
    /// rows up, whichever takes less time; what that takes longer than one operation is waiting.
    pub fn cost(&self, op: VectorOp) -> Cost {
        let once = self.once(op);
        if !matches!(op.kind, Kind::Fma | Kind::F16Int4) || op.outer < 2 {
            return once;
        }
        let row = op.inner.div_ceil(self.f16_per_cycle.max(1)).max(ADDER_CYCLES);
        let adding = u64::from(self.gap_cycles + self.pipeline_cycles)
            + u64::from(op.outer) * u64::from(row);
        Cost { waiting: once.waiting + adding.min(self.steps(op.outer)), ..once }
    }

    fn steps(&self, times: u32) -> u64 {
        u64::from(times.saturating_sub(1)) * u64::from(self.loop_cycles)
    }

    /// One operation that walks all rows.
    fn once(&self, op: VectorOp) -> Cost {
        let waiting = u64::from(self.gap_cycles + self.pipeline_cycles);
        let Some(walk) = self.walk(op) else {
            let elements = u64::from(op.outer) * u64::from(op.inner);
            let arithmetic = elements * u64::from(self.special_cycles);
            return Cost { arithmetic, memory: 0, waiting };
        };
        let busy = walk.run(self.cache_words, Stepping::Skipping);
        let unpacking = match op.kind {
            Kind::F16Int4 => busy.rate * u64::from(self.unpack_cycles),
            _ => 0,
        };
        Cost { arithmetic: busy.rate, memory: busy.total() - busy.rate + unpacking, waiting }
    }

    /// The walk of `op` over memory; none for what is computed in software.
    fn walk(&self, op: VectorOp) -> Option<Walk> {
        let VectorOp { kind, inner, outer } = op;
        let (rate, bits, second) = match kind {
            Kind::F16 | Kind::Fma => (self.f16_per_cycle, 16, Some(16)),
            Kind::F16Int4 => (self.f16_per_cycle, 16, Some(4)),
            Kind::F32 => (self.f32_per_cycle, 32, Some(32)),
            Kind::F32Mul => (self.f32_mul_per_cycle, 32, Some(32)),
            Kind::Max => (self.max_per_cycle, 16, None),
            Kind::Special => return None,
        };
        let rate = rate.max(1);
        let stream = |base, bits: u32, pitch| Stream { base, bits, stride: 1, pitch };
        let first = stream(0, bits, 0);
        let other = second.map(|bits| {
            // Half of what is equal modulo four banks: 16-bit rows stay odd, 32-bit rows two off.
            let step = if bits == 32 { 4 } else { 2 };
            let words = (u64::from(inner) * u64::from(bits)).div_ceil(16) as u32;
            stream(step / 2, bits, words.next_multiple_of(step) as i32)
        });
        let write = second.is_some().then_some(first);
        Some(Walk { rate, inner, outer, reads: [Some(first), other], write })
    }

    /// How long a loop of `times` such operations takes, each with another scalar as its third
    /// operand: descriptors are loaded once, then stepped.
    pub fn repeated(&self, op: VectorOp, times: u32) -> Cost {
        let all = self.once(VectorOp { outer: op.outer * times, ..op });
        Cost { waiting: all.waiting + self.steps(times), ..all }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const WSE2: PeSpec = PeSpec {
        f16_per_cycle: 4,
        f32_per_cycle: 2,
        f32_mul_per_cycle: 1,
        max_per_cycle: 1,
        setup_cycles: 28,
        pipeline_cycles: 6,
        gap_cycles: 0,
        loop_cycles: 12,
        task_start_cycles: 0,
        unpack_cycles: 1,
        special_cycles: 12,
        sum_bits: 16,
        route_load_cycles: 0,
        cache_words: 4,
    };

    #[test]
    fn a_32_bit_multiply_takes_the_measured_cycles() {
        // Published cycle counts of one PE: 5124 elements take 5130 cycles, 5158 with set-up.
        let cost = WSE2.cost(VectorOp { kind: Kind::F32Mul, inner: 5124, outer: 1 }).total();
        assert_eq!(cost, 5130);
        assert_eq!(cost + WSE2.start().total(), 5158);
    }

    #[test]
    fn a_row_that_does_not_fill_the_datapath_costs_a_full_cycle() {
        let cost = |inner, outer| WSE2.cost(VectorOp { kind: Kind::F16, inner, outer }).arithmetic;
        assert_eq!(cost(8, 3), 6);
        assert_eq!(cost(9, 3), 9);
    }

    #[test]
    fn a_loop_loads_its_descriptors_once() {
        let column = VectorOp { kind: Kind::F16, inner: 22, outer: 1 };
        let once = WSE2.cost(column).total();
        assert_eq!(WSE2.repeated(column, 1).total(), once);
        assert_eq!(WSE2.repeated(column, 10).total(), once + 9 * (6 + 12));
    }

    #[test]
    fn rows_with_a_scalar_each_are_a_loop_or_a_product_and_a_sum() {
        let cost = |outer| WSE2.cost(VectorOp { kind: Kind::Fma, inner: 22, outer }).total();
        let once = |outer| WSE2.cost(VectorOp { kind: Kind::F16, inner: 22, outer }).total();
        assert_eq!(cost(1), once(1));
        // Few rows loop; of many, each is multiplied and added in six cycles each.
        assert_eq!(cost(2), once(2) + 12);
        assert_eq!(cost(40), once(40) + 6 + 40 * 6);
    }

    #[test]
    fn no_shape_of_tile_meets_a_conflict_where_its_operands_are_placed_by_default() {
        for kind in [Kind::F16, Kind::F16Int4, Kind::F32, Kind::F32Mul, Kind::Max] {
            for (f16_per_cycle, cache_words) in [(4, 4), (8, 16)] {
                let pe = PeSpec { f16_per_cycle, cache_words, ..WSE2 };
                for inner in 1..70 {
                    let op = VectorOp { kind, inner, outer: 9 };
                    let unpacking = match kind {
                        Kind::F16Int4 => pe.cost(op).arithmetic,
                        _ => 0,
                    };
                    assert_eq!(pe.cost(op).memory, unpacking, "{op:?}");
                }
            }
        }
    }

    #[test]
    fn without_the_cache_a_product_waits_for_ports() {
        let pe = PeSpec { cache_words: 0, ..WSE2 };
        let cost = pe.cost(VectorOp { kind: Kind::F16, inner: 64, outer: 10 });
        assert_eq!((cost.arithmetic, cost.memory), (160, 80));
    }

    #[test]
    fn unpacking_counts_as_memory() {
        let cost = WSE2.cost(VectorOp { kind: Kind::F16Int4, inner: 32, outer: 2 });
        assert_eq!((cost.arithmetic, cost.memory), (16, 16));
    }
}
