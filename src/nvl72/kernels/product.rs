//! Matrix products: `rows` tokens times an `outs` x `ins` matrix, or one for each of `times` heads.
//!
//! ```text
//!   16 bit:  outs x ins, the inner dimension split over processors       4 and 8 bit blocks:
//!            so that all of them stream weights at once                  a tile a processor, inner
//!            launch + steps of the part of ins that one walks            dimension unsplit: waves
//! ```
//!
//! A processor walks the inner dimension in steps of `STEP` bytes of a row. A step waits for its
//! operands; with `n` steps under way it costs the `n`th part of a round trip to memory: `PLAIN_AHEAD` in 16
//! bit, `BLOCK_AHEAD` in scaled blocks, whose scales go a way of their own.
//!
//! Weights of 4-bit integers are unpacked on the way into the tensor cores and computed in 16 bit; 4-bit
//! floats with 8-bit scales and 8-bit floats are computed as they are, by kernels that take scaled blocks
//! and whose inputs another launch quantises. Such a kernel gives a processor a tile of [`TILE`] outputs
//! and walks the whole inner dimension: while there are fewer tiles than processors, time does not depend
//! on the outputs, as in the published table.

use super::{WORD, Work};
use crate::nvl72::hardware::Nvl72Facts;
use workloads::model::WeightFormat;

/// Outputs and rows of a tile where rows are few.
pub const TILE: u64 = 128;
/// The same where they are many: two processors share operands.
const LARGE_TILE: u64 = 256;
/// Bytes of a row in a step: the widest that the copy engine of a processor lays out at once.
const STEP: u64 = 128;
/// Steps under way in a product of 16 bit.
const PLAIN_AHEAD: f64 = 16.0;
/// Steps under way in a product of scaled blocks.
const BLOCK_AHEAD: f64 = 2.0;
/// Accesses one behind the other around the steps of a product of scaled blocks: first load, store.
const BLOCK_TRIPS: f64 = 2.0;
/// Inner elements up to which a product is not split.
const UNSPLIT: u64 = 2048;

/// A product.
#[derive(Clone, Copy, Debug)]
pub struct Product {
    /// Tokens.
    pub rows: u64,
    /// Inner dimension.
    pub ins: u32,
    /// Outputs.
    pub outs: u32,
    /// Matrices, each with rows of its own.
    pub times: u32,
    /// How the matrix is stored.
    pub format: WeightFormat,
    /// Its bytes, scales included `[bytes]`.
    pub weights: u64,
}

/// How a format is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// In 16 bit, from whatever is stored.
    Wide,
    /// 8-bit floats.
    Fp8,
    /// 4-bit floats with 8-bit scales.
    Fp4,
}

impl Arithmetic {
    /// That of `format`.
    pub fn of(format: WeightFormat) -> Self {
        match (format.bits, format.scale_bits) {
            (4, 8) => Self::Fp4,
            (8, _) => Self::Fp8,
            _ => Self::Wide,
        }
    }

    /// Rate that is reached `[FLOP/s]`.
    pub fn rate(self, facts: &Nvl72Facts) -> f64 {
        let compute = &facts.compute;
        let peak = match self {
            Self::Wide => &compute.bf16,
            Self::Fp8 => &compute.fp8,
            Self::Fp4 => &compute.fp4,
        };
        peak.get() * compute.reached.get()
    }
}

/// Accesses to memory that a tile of scaled blocks waits for while it walks `ins`.
pub fn block_trips(bits: u32, ins: u32) -> f64 {
    let elements = STEP * 8 / u64::from(bits.clamp(1, 16));
    u64::from(ins).div_ceil(elements) as f64 / BLOCK_AHEAD
}

/// The same of a product in 16 bit: its steps up to where it is split, then half an access for each
/// doubling of the parts, which are added up in the cache.
fn plain_trips(ins: u32) -> f64 {
    let ins = u64::from(ins);
    let steps = (ins.min(UNSPLIT) * WORD).div_ceil(STEP) as f64;
    let doublings = (ins as f64 / UNSPLIT as f64).max(1.0).log2();
    steps / PLAIN_AHEAD + 0.5 * doublings
}

/// Work of `of` on one GPU.
pub fn product(facts: &Nvl72Facts, of: &Product) -> Work {
    let (ins, outs, times) = (u64::from(of.ins), u64::from(of.outs), u64::from(of.times));
    let arithmetic = Arithmetic::of(of.format);
    let vectors = of.rows * times * (ins + outs) * WORD;
    let flops = 2.0 * (of.rows * times * ins * outs) as f64;
    let us = 1e6;
    // One matrix for each head is small and dequantised on the way; it goes the way of 16 bit.
    let (launches, trips, waves_us) = if arithmetic == Arithmetic::Wide || of.times > 1 {
        (1, plain_trips(of.ins), 0.0)
    } else {
        let side = if of.rows <= TILE { TILE } else { LARGE_TILE };
        let tiles = outs.div_ceil(side) * of.rows.div_ceil(side);
        let waves = tiles.div_ceil(facts.compute.processors.whole().max(1));
        let tile = facts.chain(0, block_trips(of.format.bits, of.ins));
        (2, BLOCK_TRIPS, waves as f64 * tile * us)
    };
    Work {
        launches,
        weight_bytes: of.weights,
        other_bytes: vectors,
        flops,
        fixed_us: facts.chain(launches, trips) * us,
        waves_us,
        memory_us: (of.weights + vectors) as f64 / facts.memory_rate() * us,
        arithmetic_us: flops / arithmetic.rate(facts) * us,
    }
}
