//! Root-mean-square norm, and the residual's addition.
//!
//! A norm divides by one number for the whole vector, and what follows is a product, which is
//! linear: so the vector is only weighted here, its squares are summed as one more element beside the
//! product's partial sums, and the quotient is taken from the product's result ([`Lowering::divide`]).
//! That saves an all-reduce for each norm. (On hardware the sums are kept in range by a power of two.)
//! The root of the vector's length is part of the stored weights, the small constant under the root
//! is where one PE's sum of squares starts from.

use super::buffers::{self, Buffers};
use super::{Kernel, Lowering};
use crate::error::Error;
use crate::wafer::instruction::{Instruction, Place, Spot};
use sim_fabric::mesh::program::OpKind;
use sim_sram::Kind;
use workloads::model::WeightFormat;

impl Lowering<'_> {
    /// Squares and weights the elements that the columns share out, before the product in `buffer`.
    pub(super) fn norm(&self, kernel: &mut Kernel) -> Result<(), Error> {
        let cut = self.residual()?;
        let (own, residual) = (cut.own(), Place::from(buffers::RESIDUAL));
        let weight = Place::from(Spot::of(kernel.name));
        let x = self.normed(kernel.name)?;
        let (last, twice) = (x.squares(), kernel.name == "post_attention_norm");
        // Two products follow the norm before experts, and each has sums of squares of its own.
        let both = if twice { x.first().minus(1).at - last.at } else { 0 };
        let squares = Place::strided(last, [0, both]);
        let each = [residual.with([1]), residual.with([1]), squares];
        let lengths = [own, 1 + u32::from(twice)];
        self.work(
            kernel,
            &[
                self.op(Kind::F16, OpKind::Fma, &lengths, squares, &each),
                self.op(Kind::F16, OpKind::Mul, &[own], x.first().into(), &[residual, weight]),
            ],
        );
        self.store(kernel, own, 1, WeightFormat::BF16);
        kernel.rectangle = [cut.pes(), 1];
        Ok(())
    }

    /// The same for the compressed query, which the rows share out.
    pub(super) fn q_norm(&self, kernel: &mut Kernel) -> Result<(), Error> {
        let cut = self.q_b_buffers()?;
        let (own, x, squares) = (cut.query, Place::from(cut.query()), Place::one(cut.squares()));
        let weight = Place::from(Spot::of(kernel.name));
        self.work(
            kernel,
            &[
                self.op(Kind::F16, OpKind::Fma, &[own], squares, &[x, x, squares]),
                self.op(Kind::F16, OpKind::Mul, &[own], x, &[x, weight]),
            ],
        );
        self.store(kernel, own, 1, WeightFormat::BF16);
        kernel.rectangle = [1, self.choices.qkv_rows];
        Ok(())
    }

    /// Elements that a norm adds to what is spread and to what is summed: one a token, in the format
    /// of all partial sums.
    pub(super) fn squares(&self) -> u32 {
        self.tokens
    }

    /// Divides a product's `own` results by the root of the mean square that came with them.
    pub(super) fn divide(
        &self,
        kernel: &mut Kernel,
        squares: Spot,
        (own, from, to): (u32, Spot, Spot),
    ) {
        let root = Place::one(squares);
        self.work(
            kernel,
            &[
                self.op(Kind::Special, OpKind::RootReciprocal, &[1], root, &[root]),
                self.op(Kind::F16, OpKind::Mul, &[own], to.into(), &[from.into(), root]),
            ],
        );
    }

    /// Adds to the residual stream where it lies.
    pub(super) fn add_residual(&self, kernel: &mut Kernel) -> Result<(), Error> {
        let cut = self.residual()?;
        let added = match kernel.name {
            "attention_residual" => buffers::ATTENDED,
            _ => buffers::DOWN_OUT,
        };
        let stream = Place::from(buffers::RESIDUAL);
        let add = self.op(Kind::F16, OpKind::Add, &[cut.own()], stream, &[stream, added.into()]);
        self.work(kernel, &[add]);
        kernel.rectangle = [cut.pes(), 1];
        Ok(())
    }

    /// One operation of every token.
    pub(super) fn op(
        &self,
        unit: Kind,
        what: OpKind,
        lengths: &[u32],
        to: Place,
        from: &[Place],
    ) -> Instruction {
        Instruction { tokens: self.tokens, ..Instruction::new(unit, what, lengths, to, from) }
    }

    /// Where the input of the product behind a norm lies.
    pub fn normed(&self, norm: &str) -> Result<Buffers, Error> {
        let cut = self.residual()?;
        let (buffer, ins) = match norm {
            "input_norm" => (buffers::QKV, cut.own()),
            // Columns that share a tile tell each other their part.
            "post_attention_norm" => (buffers::FEED_FORWARD, cut.room()),
            _ => (buffers::HEAD, cut.own()),
        };
        Ok(Buffers { buffer, ins })
    }
}
