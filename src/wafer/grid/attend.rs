//! Attention of one token on a fixed grid, and the cache it reads.
//!
//! ```text
//! column:   0        1        2     ...  last      each column has its share of the tokens, no two shares
//!         t0 t1    t2 t3    t4 t5       tn        differ by more than one
//!            <--      <--      <--  new           a new token enters at the last; columns up to the one
//!                                                 whose turn it is to grow pass their oldest on
//! ```
//! So tokens stay balanced. All columns run the same operations: what comes to a column that keeps what
//! it has goes to a slot that is not read. Who passes on follows from the number of tokens; that
//! arithmetic on one number is not counted.

use super::Factors;
use super::Writer;
use super::buffers::{self, CACHE, HEADS, ROTATED, SCORES, WEIGHTED};
use super::decode::Decoding;
use crate::error::Error;
use crate::wafer::instruction::{Place, Spot};
use crate::wafer::phase::Axis;
use sim_fabric::mesh::collective::Collective;
use sim_fabric::mesh::program::{DType, OpKind};
use sim_sram::Kind;
use workloads::model::Attention;

/// Distance of cached entries of `entry` elements: odd, so that a walk over tokens meets all banks.
pub fn pitch(entry: u32) -> u32 {
    entry | 1
}

impl Decoding<'_> {
    /// A new token's keys and values into the cache.
    pub(super) fn append(&self, to: &mut Writer<'_>) -> Result<(), Error> {
        let bands = self.bands()?;
        let (keys, heads) = (bands.keys(), bands.rotated_heads());
        let entry = 2 * keys;
        let passed = buffers::PASSED;
        let comes = passed.plus(entry.next_multiple_of(DType::F16.per_wavelet()));
        let rows = [bands.heads, bands.dims];
        // The new entry lies where the one from the right will: only the last column keeps it.
        let new = Place::strided(ROTATED.plus(bands.query_heads()), [1, heads as i32]);
        let to_keys = Place::strided(comes, [1, bands.heads as i32]);
        to.op(Kind::F16, OpKind::Move, &rows, to_keys, &[new]);
        let values = HEADS.plus(bands.rotated());
        to.op(Kind::F16, OpKind::Move, &[keys], comes.plus(keys).into(), &[values.into()]);
        let slot = |at: Spot| Place::from(CACHE).indexed(at, pitch(entry) as i32);
        let (leaves, enters) = (buffers::SLOTS, buffers::SLOTS.plus(1));
        to.op(Kind::F16, OpKind::Move, &[entry], passed.into(), &[slot(leaves)]);
        let line = (self.grid.columns, 1);
        if line.0 > 1 {
            to.move_along(Axis::S, line, Collective::PassOn, (entry, passed), DType::F16);
        }
        to.op(Kind::F16, OpKind::Move, &[entry], slot(enters), &[comes.into()]);
        // A slot in use has no bias.
        let bias = Place::one(buffers::BIAS).indexed(enters, 1);
        to.op(Kind::F16, OpKind::Move, &[1], bias, &[Place::one(buffers::ONE.plus(1))]);
        Ok(())
    }

    /// Scores over a band of rows, softmax and weighted values along S.
    pub(super) fn attend(&self, to: &mut Writer<'_>, context: u32) -> Result<(), Error> {
        let bands = self.bands()?;
        let tokens = self.tokens(context);
        let (heads, query_heads, dims) = (bands.rotated_heads(), bands.query_heads(), bands.dims);
        let (group, count) = (bands.group, query_heads * tokens);
        let by_token = (self.grid.columns, 1);
        let sums = (to.sums(), false);
        let rows = [tokens, query_heads];
        let (apart, by_dim) = (pitch(2 * bands.keys()) as i32, bands.heads as i32);
        let scores = Place::from(SCORES);
        let [peak, total] = [buffers::PEAK, buffers::TOTAL].map(|at| Place::strided(at, [0, 1]));

        to.op(Kind::F16, OpKind::Move, &rows, scores, &[Place::strided(buffers::BIAS, [1, 0])]);
        for head in 0..bands.heads {
            let (q, k) = (ROTATED.plus(head * group), CACHE.plus(head));
            let factors = Factors {
                c: (SCORES.plus(head * group * tokens), [tokens as i32, 1]),
                a: (q, [1, heads as i32]),
                b: (k, [by_dim, apart]),
            };
            to.product(Kind::F16, (group, dims, tokens), factors);
        }
        to.all_reduce(Axis::O, (bands.all(), bands.count), (count, SCORES), sums)?;

        let sinks = matches!(self.attention, Attention::Gqa { sinks: true, .. });
        let (highest, all) = (Place::from(buffers::PEAK), Place::from(buffers::TOTAL));
        let sink = Place::from(buffers::SINKS.plus(query_heads));
        if sinks {
            let logit = Place::from(buffers::SINKS);
            to.op(Kind::F16, OpKind::Move, &[query_heads], highest, &[logit]);
        }
        to.op(Kind::Max, OpKind::Max, &rows, peak, &[scores, peak]);
        to.all_reduce(Axis::S, by_token, (query_heads, buffers::PEAK), (DType::F16, true))?;
        to.op(Kind::F16, OpKind::Sub, &rows, scores, &[scores, peak]);
        to.op(Kind::Special, OpKind::Exp, &[count], scores, &[scores]);
        if sinks {
            to.op(Kind::F16, OpKind::Sub, &[query_heads], all, &[sink, highest]);
            to.op(Kind::Special, OpKind::Exp, &[query_heads], all, &[all]);
        }
        to.op(Kind::F16, OpKind::Add, &rows, total, &[total, scores]);
        to.all_reduce(Axis::S, by_token, (query_heads, buffers::TOTAL), sums)?;
        to.op(Kind::Special, OpKind::Reciprocal, &[query_heads], all, &[all]);
        to.op(Kind::F16, OpKind::Mul, &rows, scores, &[scores, total]);

        let values = CACHE.plus(bands.keys());
        for head in 0..bands.heads {
            let factors = Factors {
                c: (WEIGHTED.plus(head * group), [1, query_heads as i32]),
                a: (SCORES.plus(head * group * tokens), [tokens as i32, 1]),
                b: (values.plus(head), [apart, by_dim]),
            };
            to.product(Kind::F16, (group, tokens, dims), factors);
        }
        to.all_reduce(Axis::S, by_token, (bands.queries(), WEIGHTED), sums)
    }
}
