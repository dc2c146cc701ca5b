//! Root-mean-square norm, and the residual's addition.
//!
//! A norm divides by one number for the whole vector, and what follows is a product, which is
//! linear: so the vector is only weighted here, its squares are summed as one more element beside the
//! product's partial sums, and the quotient is taken from the product's result ([`Lowering::divide`]).
//! That saves an all-reduce for each norm. (On hardware the sums are kept in range by a power of two.)

use super::{Kernel, Lowering};
use crate::error::Error;
use sim_sram::{Kind, VectorOp};
use workloads::model::WeightFormat;

impl Lowering<'_> {
    /// Squares and weights the `own` elements of each of `rectangle`'s PEs.
    pub(super) fn norm(&self, kernel: &mut Kernel, rectangle: [u32; 2], width: u32) {
        let own = width.div_ceil(rectangle[0].max(rectangle[1]));
        self.work(kernel, &[self.each(Kind::F16, own), self.each(Kind::F16, own)]);
        self.store(kernel, own, 1, WeightFormat::BF16);
        kernel.rectangle = rectangle;
    }

    /// Elements that a norm adds to what is spread and to what is summed: one a token, in the format
    /// of all partial sums.
    pub(super) fn squares(&self) -> u32 {
        self.tokens
    }

    /// Divides a product's `own` results by the root of the mean square that came with them.
    pub(super) fn divide(&self, kernel: &mut Kernel, own: u32) {
        let root = VectorOp { kind: Kind::Special, inner: 1, outer: self.tokens };
        self.work(kernel, &[root, self.each(Kind::F16, own)]);
    }

    /// Adds to the residual stream where it lies.
    pub(super) fn add_residual(&self, kernel: &mut Kernel) -> Result<(), Error> {
        let cut = self.residual()?;
        self.work(kernel, &[self.each(Kind::F16, cut.own())]);
        kernel.rectangle = [cut.pes(), 1];
        Ok(())
    }
}
