//! Phases: what a kernel is made of.
//!
//! A layer owns a rectangle of PEs with an axis S (columns, along which the residual stream is cut)
//! and an axis O (rows). A kernel is a list of phases. In a phase every PE either works in its own
//! memory or takes part in a collective along its line; each PE goes on to its next phase as soon as
//! its own part of this one is done. There is no barrier.

use super::instruction::{Instruction, Spot};
use sim_fabric::mesh::collective::Collective;
use sim_fabric::mesh::program::DType;
use sim_sram::Cost;

/// An axis of a layer's rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Axis {
    /// Along columns: lines are rows of PEs.
    S,
    /// Along rows: lines are columns of PEs.
    O,
}

/// A collective along lines of one axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LinePhase {
    /// Axis of the lines.
    pub axis: Axis,
    /// PEs of a line that take part, around the axis' middle.
    pub pes: u32,
    /// Equal lines side by side that these are cut into.
    pub segments: u32,
    /// What moves.
    pub collective: Collective,
    /// Elements of each PE that contributes.
    pub elements: u32,
    /// Their type.
    pub dtype: DType,
    /// Where they lie in each PE; no part of what decides the time.
    pub on: Spot,
}

/// Work in each PE's own memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LocalPhase {
    /// How long it takes.
    pub cost: Cost,
    /// What is computed, one behind the other.
    pub instructions: Vec<Instruction>,
}

impl LocalPhase {
    /// Work of which only the time is known.
    pub fn timed(cost: Cost) -> Phase {
        Phase::Local(Self { cost, instructions: Vec::new() })
    }
}

/// One phase of a kernel.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// Work in each PE's own memory.
    Local(LocalPhase),
    /// A collective along lines.
    Line(LinePhase),
}
