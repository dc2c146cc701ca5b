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
//! A PE can also hold words back: it adds so many of its last child's words in memory, sends those,
//! and adds the rest on its way. Holding all of them is to add everything in memory and then to send.
//!
//! Star, chain, k-level trees of any depth, trees of rounds (`super::binary`) and generated trees are
//! all of this kind. Switches stay where they end: the program runs once.

use super::line::{Line, Side, route};
use crate::mesh::check::COLOURS;
use crate::mesh::program::{Colour, Op, OpKind, Operand, Port, SendEnd};

/// A reduction tree over PEs 0 to n - 1 of a line, in pre-order; PE 0 is the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Parent of each PE; the root's is itself.
    pub parents: Vec<u32>,
    /// Words of its last child that each PE adds in memory before it sends any; nobody holds words
    /// back where there are none `[wavelets]`.
    pub holds: Vec<u32>,
}

impl Tree {
    /// Everyone sends to the root.
    pub fn star(pes: u32) -> Self {
        Self { parents: vec![0; pes as usize], holds: Vec::new() }
    }

    /// Everyone sends to its neighbour.
    pub fn chain(pes: u32) -> Self {
        Self { parents: (0..pes).map(|pe| pe.saturating_sub(1)).collect(), holds: Vec::new() }
    }

    /// Chains in groups of `group`, then a chain of the groups' first PEs.
    pub fn groups(pes: u32, group: u32) -> Self {
        let back = |pe: u32| if pe.is_multiple_of(group) { group } else { 1 };
        Self {
            parents: (0..pes).map(|pe| pe.saturating_sub(back(pe))).collect(),
            holds: Vec::new(),
        }
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
        Self { parents: (0..pes).map(parent).collect(), holds: Vec::new() }
    }

    /// Words that `pe` holds back.
    fn hold(&self, pe: u32) -> u32 {
        self.holds.get(pe as usize).copied().unwrap_or(0)
    }

    /// When the root has the last of `words` words, on ramps of `ramp` cycles: each PE takes its children's
    /// words in turn, nearest first, and hands on its own as those of the last child come `[cycles]`.
    pub fn time(&self, words: u64, ramp: u64) -> u64 {
        let pes = self.parents.len();
        // When a PE has taken all that came so far, and when its own first word leaves it.
        let mut taken = vec![0u64; pes];
        let mut first = vec![0u64; pes];
        let children = self.children();
        for pe in (0..pes).rev() {
            for &child in &children[pe] {
                let away = u64::from(child) - pe as u64;
                let comes = first[child as usize] + away + 2 * ramp + 1;
                first[pe] = comes.max(taken[pe]);
                taken[pe] = first[pe] + words;
            }
            if !children[pe].is_empty() {
                first[pe] += u64::from(self.hold(pe as u32)).min(words);
            }
        }
        taken.first().copied().unwrap_or(0)
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
        let hold = tree.hold(pe);
        let mut ops =
            operations(line, elements, kind, children[index].len() as u32, (takes, sends), hold);
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
    hold: u32,
) -> Vec<Op> {
    let lanes = line.dtype.per_wavelet();
    let padded = elements.next_multiple_of(lanes);
    let from = takes.map(|colour| Operand::Fabric(Colour(colour)));
    let to = sends.map(|colour| Operand::Fabric(Colour(colour)));
    let held = (u64::from(hold) * u64::from(lanes)).min(u64::from(elements)) as u32;
    let memory = Operand::Memory;
    let (stored, streamed) = match (from, to) {
        (Some(_), None) => (children, 0),
        (Some(_), Some(_)) if held == elements => (children, 0),
        (Some(_), Some(_)) => (children - 1, elements - held),
        (None, _) => (0, 0),
    };
    let mut ops = Vec::new();
    if let (Some(from), 1..) = (from, stored) {
        ops.extend(line.accumulate(kind, stored, padded, from));
    }
    let Some(to) = to else { return ops };
    match from {
        Some(from) if streamed > 0 => {
            if held > 0 {
                ops.push(line.op(kind, held, from, memory(0)));
                ops.push(line.op(OpKind::Move, held, memory(0), to));
            }
            let mut rest = line.op(kind, streamed, from, to);
            rest.b = memory(held);
            ops.push(rest);
        }
        _ => ops.push(line.op(OpKind::Move, elements, memory(0), to)),
    }
    ops
}
