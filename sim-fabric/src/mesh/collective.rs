//! Collectives along a line of PEs, each as a program; on rectangles too, see [`request`].
//!
//! A line is a program of one row; [`Program::transposed`] turns it into a column. All collectives
//! have a root anywhere on the line and serve both sides of it:
//!
//! ```text
//!   0 --> 1 --> 2 --> root <-- 4 <-- 5      reduce, gather
//!   0 <-- 1 <-- 2 <-- root --> 4 --> 5      broadcast
//! ```
//!
//! Switches return to their first position at the end, so that a program can run for every token.

mod all_gather;
pub mod auto;
mod binary;
mod broadcast;
pub mod centre_star;
mod chain;
pub mod cyclic_gemm;
mod k_tree;
mod line;
mod messages;
mod pass_on;
mod rectangle;
mod reduce_scatter;
pub mod request;
mod ring;
mod send;
pub mod tree;
mod two_chains;
pub mod two_phase;

pub use k_tree::MOST_LEVELS;
pub use line::{Line, Timing};

use super::program::{DType, OpKind, Program};
use serde::{Deserialize, Serialize};

/// How partial results are combined along a line.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reduce {
    /// Every PE adds its words to those from behind and passes them on.
    Chain,
    /// Chains in groups of so many PEs, then a chain of their leaders past the members.
    Chains {
        /// Members of a group, leader included.
        group: u32,
    },
    /// Groups whose leader takes its members' words in turn off the ramp, level upon level; the
    /// last level's leader is the root. One level with the whole line is a star.
    Tree {
        /// Members of a group, leader included, for each level.
        groups: Vec<u32>,
    },
}

impl std::fmt::Display for Reduce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reduce::Chain => write!(f, "chain"),
            Reduce::Chains { group } => write!(f, "two-phase({group})"),
            Reduce::Tree { groups } if groups.len() == 1 => write!(f, "star"),
            Reduce::Tree { groups } => {
                let groups: Vec<_> = groups.iter().map(u32::to_string).collect();
                write!(f, "k-tree({})", groups.join(","))
            }
        }
    }
}

/// What moves along a line.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Collective {
    /// `elements` of every PE are combined at the root.
    Reduce {
        /// How.
        by: Reduce,
        /// Whether maxima are taken instead of sums.
        max: bool,
    },
    /// `elements` for each PE, those for the first PE first, are combined over all PEs of the line;
    /// each finds its sum behind them.
    ReduceScatter,
    /// `elements` of the root go to every PE.
    Broadcast,
    /// `elements` of some PEs are collected at the root, side by side in the order of [`gathered`],
    /// each with room for whole wavelets; the root's own, if it contributes, stay where they are.
    Gather {
        /// Distance of those that contribute; 1 for all.
        every: u32,
        /// The first of them.
        offset: u32,
    },
    /// `elements` of the first PE go to the last one, past all others.
    Send,
    /// `elements` of every PE come to lie side by side in every PE.
    AllGather,
    /// `elements` of every PE but the first go to the one before it; they come to lie behind what a
    /// PE had.
    PassOn,
    /// `elements` of every PE go to the next one, those of the last to the first; they come to lie
    /// behind what a PE had.
    Shift {
        /// In the folded order, out over even PEs and back over odd ones, instead of the line's.
        interleaved: bool,
    },
}

/// The program of `collective` over a line of `pes` PEs, cut into `segments` equal lines that do the
/// same side by side, each with its root in the middle.
///
/// `elements` are 16- or 32-bit elements of one PE; with a gather, what each contributes.
pub fn program(
    collective: &Collective,
    pes: u32,
    segments: u32,
    elements: u32,
    dtype: DType,
    timing: &Timing,
) -> Program {
    let length = pes / segments;
    let line = Line::new(length, length / 2, dtype, *timing);
    with_root(collective, line, elements).into_program(segments)
}

/// The PEs that contribute to a gather along `pes` PEs, in the order in which their elements lie at the
/// root in the middle: the root's own, those of the first side from the root on, those of the second.
pub fn gathered(pes: u32, every: u32, offset: u32) -> Vec<u32> {
    let root = pes / 2;
    let order = (0..=root).rev().chain(root + 1..pes);
    order.filter(|pe| pe % every == offset).collect()
}

/// As [`program`] for one line, with its root where `line` has it.
pub fn with_root(collective: &Collective, mut line: Line, elements: u32) -> Line {
    match collective {
        Collective::Reduce { by, max } => {
            let kind = if *max { OpKind::Max } else { OpKind::Add };
            match by {
                Reduce::Chain => chain::reduce(&mut line, elements, kind),
                Reduce::Chains { group } => two_chains::reduce(&mut line, elements, kind, *group),
                Reduce::Tree { groups } => k_tree::reduce(&mut line, elements, kind, groups),
            }
        }
        Collective::ReduceScatter => reduce_scatter::reduce_scatter(&mut line, elements),
        Collective::Broadcast => broadcast::broadcast(&mut line, elements),
        Collective::Gather { every, offset } => {
            k_tree::gather(&mut line, elements, (*every, *offset));
        }
        Collective::Send => send::send(&mut line, elements),
        Collective::PassOn => pass_on::pass_on(&mut line, elements),
        Collective::AllGather => all_gather::all_gather(&mut line, elements),
        Collective::Shift { interleaved } => ring::shift(&mut line, elements, *interleaved),
    }
    line
}
