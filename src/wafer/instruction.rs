//! What a PE computes in its own memory: one description that gives the cycles and the numbers.
//!
//! An instruction walks up to four nested lengths, innermost first; every operand has a buffer and a
//! stride for each length. The datapath's cost follows from the lengths ([`Instruction::cost`]), the
//! numbers from the same lengths and the operands ([`super::values`]).

use sim_fabric::mesh::program::OpKind;
use sim_sram::{Kind, VectorOp};

/// A place in the memory of every PE: a buffer by its name, and an element of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Spot {
    /// Name of the buffer; empty where only times are wanted.
    pub buffer: &'static str,
    /// Element of it `[elements]`.
    pub at: u32,
}

impl Spot {
    /// The first element of a buffer.
    pub fn of(buffer: &'static str) -> Self {
        Self { buffer, at: 0 }
    }

    /// So many elements further on.
    #[must_use]
    pub fn plus(self, by: u32) -> Self {
        Self { at: self.at + by, ..self }
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

impl Place {
    /// Elements one behind the other from `first` on.
    pub fn flat(first: Spot) -> Self {
        Self { first, strides: None, index: None }
    }

    /// Elements so far apart along the lengths; what is not given is 0.
    pub fn strided(first: Spot, strides: &[u32]) -> Self {
        let mut all = [0; 4];
        for (to, from) in all.iter_mut().zip(strides) {
            *to = *from as i32;
        }
        Self { first, strides: Some(all), index: None }
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
    /// Nested lengths, innermost first `[elements]`.
    pub dims: [u32; 4],
    /// Where results go.
    pub to: Place,
    /// Where operands come from.
    pub from: [Option<Place>; 3],
}

impl Instruction {
    /// An operation over nested lengths, innermost first.
    pub fn new(unit: Kind, what: OpKind, lengths: &[u32], to: Place, from: &[Place]) -> Self {
        let mut dims = [1; 4];
        for (dim, length) in dims.iter_mut().zip(lengths) {
            *dim = *length;
        }
        let mut sources = [None; 3];
        for (source, place) in sources.iter_mut().zip(from) {
            *source = Some(*place);
        }
        Self { unit, what, dims, to, from: sources }
    }

    /// What it is to the datapath: rows of its innermost length.
    pub fn cost(&self) -> VectorOp {
        let [inner, rest @ ..] = self.dims;
        VectorOp { kind: self.unit, inner, outer: rest.iter().product() }
    }
}

/// Work of which only the time is known.
impl From<VectorOp> for Instruction {
    fn from(op: VectorOp) -> Self {
        let nowhere = Place::flat(Spot::default());
        Self::new(op.kind, OpKind::Local, &[op.inner, op.outer], nowhere, &[])
    }
}
