//! What a PE computes in its own memory: one description that gives the cycles and the numbers.
//!
//! An instruction walks up to four nested lengths, innermost first; every operand has a buffer and a
//! stride for each length. The datapath's cost follows from the lengths ([`Instruction::cost`]), the
//! numbers from the same lengths and the operands ([`super::values`]).

use sim_fabric::mesh::program::OpKind;
use sim_sram::{Kind, VectorOp};

/// A place in the memory of every PE: a buffer by its name, and an element of it. Elements before the
/// first count down from it, so that what lies before a vector needs no room of known size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Spot {
    /// Name of the buffer; empty where only times are wanted.
    pub buffer: &'static str,
    /// Element of it `[elements]`.
    pub at: i32,
}

impl Spot {
    /// The first element of a buffer.
    pub const fn of(buffer: &'static str) -> Self {
        Self { buffer, at: 0 }
    }

    /// So many elements further on.
    #[must_use]
    pub const fn plus(self, by: u32) -> Self {
        Self { at: self.at + by as i32, ..self }
    }

    /// So many elements before.
    #[must_use]
    pub const fn minus(self, by: u32) -> Self {
        Self { at: self.at - by as i32, ..self }
    }
}

/// A memory operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Its first element.
    pub first: Spot,
    /// Distance of neighbours along each length; none: one behind the other `[elements]`.
    pub strides: Option<[i32; 4]>,
    /// A number in memory that moves the first element, and by how much for each of it `[elements]`.
    pub index: Option<(Spot, i32)>,
}

impl From<Spot> for Place {
    /// Elements one behind the other.
    fn from(first: Spot) -> Self {
        Self { first, strides: None, index: None }
    }
}

impl Place {
    /// Elements so far apart along the lengths; what is not given is 0.
    pub fn strided<const N: usize>(first: Spot, strides: [i32; N]) -> Self {
        Self::from(first).with(strides)
    }

    /// One number for all elements.
    pub fn one(first: Spot) -> Self {
        Self::strided(first, [0])
    }

    /// The same with other strides.
    #[must_use]
    pub fn with<const N: usize>(self, strides: [i32; N]) -> Self {
        let mut all = [0; 4];
        all[..N].copy_from_slice(&strides);
        Self { strides: Some(all), ..self }
    }

    /// The same, moved by `scale` times the number at `at`.
    #[must_use]
    pub fn indexed(self, at: Spot, scale: i32) -> Self {
        Self { index: Some((at, scale)), ..self }
    }
}

/// One vector operation in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instruction {
    /// What part of the datapath does it.
    pub unit: Kind,
    /// What is computed; [`OpKind::Local`] where only the time is known.
    pub what: OpKind,
    /// Nested lengths of one token, innermost first `[elements]`.
    pub dims: [u32; 4],
    /// Tokens for which it is done.
    pub tokens: u32,
    /// Where results go.
    pub to: Place,
    /// Where operands come from.
    pub from: [Option<Place>; 3],
}

impl Instruction {
    /// An operation over nested lengths, innermost first, for one token.
    pub fn new(unit: Kind, what: OpKind, lengths: &[u32], to: Place, from: &[Place]) -> Self {
        let mut dims = [1; 4];
        dims[..lengths.len()].copy_from_slice(lengths);
        let mut sources = [None; 3];
        for (source, place) in sources.iter_mut().zip(from) {
            *source = Some(*place);
        }
        Self { unit, what, dims, tokens: 1, to, from: sources }
    }

    /// What it is to the datapath: rows of its innermost length. Vectors of several tokens that lie
    /// one behind the other are one row.
    pub fn cost(&self) -> VectorOp {
        let [inner, rest @ ..] = self.dims;
        let outer: u32 = rest.iter().product();
        let flat = std::iter::once(&self.to).chain(self.from.iter().flatten());
        let (kind, tokens) = (self.unit, self.tokens);
        if outer == 1 && flat.into_iter().all(|place| place.strides.is_none()) {
            return VectorOp { kind, inner: inner * tokens, outer };
        }
        VectorOp { kind, inner, outer: outer * tokens }
    }
}

/// Work of which only the time is known.
impl From<VectorOp> for Instruction {
    fn from(op: VectorOp) -> Self {
        Self::new(op.kind, OpKind::Local, &[op.inner, op.outer], Spot::default().into(), &[])
    }
}
