//! Reduction trees along a line whose root stands at its west end.
//!
//! ```text
//!   0 <------------- 4 <--- 6        parents stand west of their children, and what hangs below a
//!   0 <--- 2         4 <- 5 6 <- 7   child lies between it and the next child (pre-order)
//!   0 <- 1 2 <- 3
//! ```
//! The children of a PE send to it on one colour, the nearest first: each lets its own words out,
//! the last of them advances its switch, and then it passes on what its later siblings send. So
//! the order on a colour is fixed by the switches, and no control wavelet is needed. A PE takes from
//! its children on a colour that nothing passes it on. It adds what comes from all children but the
//! last in its memory, and what comes from the last on its way to the parent.
//!
//! Star, chain, k-level trees of any depth and generated trees are all of this kind. Switches stay where they end:
//! the program runs once.

use super::line::{Line, Side, route};
use crate::mesh::check::COLOURS;
use crate::mesh::program::{Colour, Op, OpKind, Operand, Port, SendEnd};

/// A reduction tree over PEs 0 to n - 1 of a line, in pre-order; PE 0 is the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Parent of each PE; the root's is itself.
    pub parents: Vec<u32>,
    /// Whether a PE whose only child is a leaf adds into memory and then sends, as in a tree of
    /// rounds, instead of adding on the way.
    pub stores: bool,
}

impl Tree {
    /// Everyone sends to the root.
    pub fn star(pes: u32) -> Self {
        Self { parents: vec![0; pes as usize], stores: false }
    }

    /// Everyone sends to its neighbour.
    pub fn chain(pes: u32) -> Self {
        Self { parents: (0..pes).map(|pe| pe.saturating_sub(1)).collect(), stores: false }
    }

    /// Chains in groups of `group`, then a chain of the groups' first PEs.
    pub fn groups(pes: u32, group: u32) -> Self {
        let back = |pe: u32| if pe.is_multiple_of(group) { group } else { 1 };
        Self { parents: (0..pes).map(|pe| pe.saturating_sub(back(pe))).collect(), stores: false }
    }

    /// Groups of `k`, the first PE of each leading it, level upon level up to the root.
    pub fn levels(pes: u32, k: u32) -> Self {
        let k = u64::from(k.max(2));
        let parent = |pe: u32| {
            let mut reach = k;
            while pe > 0 && u64::from(pe).is_multiple_of(reach) {
                reach *= k;
            }
            (u64::from(pe) / reach * reach) as u32
        };
        Self { parents: (0..pes).map(parent).collect(), stores: false }
    }

    /// Rounds in which every second PE that is left sends to the one before it.
    ///
    /// PEs of the second round add in memory first. The published form of the tree charges every
    /// round for its words and for its depth even where a stream would hide one behind the other;
    /// one round of storing is what brings this tree to it, else it would be up to 9 % faster.
    pub fn binary(pes: u32) -> Self {
        Self { stores: true, ..Self::levels(pes, 2) }
    }

    /// Children of each PE, nearest first.
    fn children(&self) -> Vec<Vec<u32>> {
        let mut children = vec![Vec::new(); self.parents.len()];
        for (pe, &parent) in self.parents.iter().enumerate().skip(1) {
            children[parent as usize].push(pe as u32);
        }
        children
    }

    /// How colours are given out.
    fn colours(&self, children: &[Vec<u32>]) -> Option<Colours> {
        let pes = self.parents.len();
        let mut colours = Colours { takes: vec![0; pes], passes: vec![0; pes] };
        for pe in 0..pes {
            let mut used = 0;
            if pe > 0 {
                let parent = self.parents[pe] as usize;
                let own = 1 << colours.takes[parent];
                let is_last = children[parent].last() == Some(&(pe as u32));
                colours.passes[pe] = colours.passes[parent] | if is_last { 0 } else { own };
                used = colours.passes[pe] | own;
            }
            colours.takes[pe] = used.trailing_ones() as u8;
            if !children[pe].is_empty() && colours.takes[pe] as usize >= COLOURS {
                return None;
            }
        }
        Some(colours)
    }

    /// Whether the fabric has colours enough for it.
    pub fn fits(&self) -> bool {
        self.colours(&self.children()).is_some()
    }
}

/// Colours of a tree.
struct Colours {
    /// On which a PE takes from its children.
    takes: Vec<u8>,
    /// That go past a PE to the west, one bit each.
    passes: Vec<u32>,
}

/// `elements` of every PE are combined at the root of `tree`; nothing where the colours do not
/// suffice, see [`Tree::fits`].
pub(super) fn reduce(line: &mut Line, elements: u32, kind: OpKind, tree: &Tree) {
    let children = tree.children();
    let Some(colours) = tree.colours(&children) else { return };
    let side = Side { inward: Port::West, pes: line.pes - 1 };
    for pe in 0..line.pes {
        let index = pe as usize;
        let takes = (!children[index].is_empty()).then_some(colours.takes[index]);
        let sends = (pe > 0).then(|| colours.takes[tree.parents[index] as usize]);
        let passes = colours.passes[index];
        let stores = tree.stores
            && matches!(children[index][..], [only] if children[only as usize].is_empty());
        let mut ops =
            operations(line, elements, kind, children[index].len() as u32, (takes, sends), stores);
        let own_passes = sends.is_some_and(|own| passes >> own & 1 == 1);
        if let (true, Some(op)) = (own_passes, ops.last_mut()) {
            op.end = SendEnd::AdvanceLocal;
        }
        let class = line.at(side, pe);
        class.ops = ops;
        for colour in 0..COLOURS as u8 {
            let passing = passes >> colour & 1 == 1;
            let mut positions: Vec<(Port, &[Port])> = Vec::new();
            if sends == Some(colour) {
                positions.push((Port::Ramp, &[Port::West]));
            }
            if passing {
                positions.push((Port::East, &[Port::West]));
            }
            if takes == Some(colour) {
                positions.push((Port::East, &[Port::Ramp]));
            }
            if !positions.is_empty() {
                class.routes.push(route(colour, &positions));
            }
        }
    }
}

/// What a PE with so many children does.
fn operations(
    line: &Line,
    elements: u32,
    kind: OpKind,
    children: u32,
    (takes, sends): (Option<u8>, Option<u8>),
    stores: bool,
) -> Vec<Op> {
    let padded = elements.next_multiple_of(line.dtype.per_wavelet());
    let from = takes.map(|colour| Operand::Fabric(Colour(colour)));
    let to = sends.map(|colour| Operand::Fabric(Colour(colour)));
    let streams = to.is_some() && !stores && children > 0;
    let stored = if streams { children - 1 } else { children };
    let mut ops = Vec::new();
    if let (Some(from), 1..) = (from, stored) {
        ops.extend(line.accumulate(kind, stored, padded, from));
    }
    match (from, to) {
        (Some(from), Some(to)) if streams => ops.push(line.op(kind, elements, from, to)),
        (_, Some(to)) => ops.push(line.op(OpKind::Move, elements, Operand::Memory(0), to)),
        (_, None) => {}
    }
    ops
}
