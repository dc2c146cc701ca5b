//! Tree of rounds: in each round every second PE that is left sends to the one before it.
//!
//! ```text
//! round 1   0 <- 1   2 <- 3   4 <- 5   6 <- 7
//! round 2   0 <----- 2        4 <----- 6
//! round 3   0 <-------------- 4
//! ```
//! Where P is no power of two, halves that differ by one PE are split on, so that all leaders of a
//! round have about as much behind them.
//!
//! Published time, for `B` words, `R = log2 P` rounds (whole ones) and ramps of `T_R` cycles:
//! `max(R B, R B P / (2 (P - 1)) + P - 1) + (2 T_R + 1) R`. Rounds charge their words once at the
//! root's ramp, or at the mean load of a link and the length of the line.
//!
//! No one program of rounds has this time for all `P` and `B`:
//! - for few words, rounds that add on the way take `B + P - 1` where `R B / 2 + P - 1` is charged. So
//!   PEs of the lowest rounds add in memory first ([`Tree::holds`]), as many as the charge asks for;
//! - in between, `P / 2` hops from the far half's leader lie behind its `R - 1` times `B` words, more
//!   than is charged. There leaders of late rounds do not hear their nearest PEs one by one, but
//!   as one chain, with fewer words through their ramp:
//!
//! ```text
//!   4 <- 5, 4 <- 6 (<- 7)      becomes      4 <- 5 <- 6 <- 7
//! ```
//! Both are chosen so that [`Tree::time`] comes nearest to the published time: this program is the
//! published tree, not the fastest one, which is [`super::auto`]'s to find.
//!
//! Source: Luczynski et al., Near-Optimal Wafer-Scale Reduce, HPDC 2024.

use super::tree::Tree;

/// Most rounds whose PEs a leader hears as one chain.
const MOST_MERGED: u32 = 4;

/// The tree for `words` wavelets of each of `pes` PEs, on ramps of `ramp` cycles each way.
pub(super) fn tree(pes: u32, words: u32, ramp: u32) -> Tree {
    let rounds = rounds(pes);
    let plain = Merge { rounds: 0, from: rounds, smaller: false };
    if pes < 3 {
        return plain.tree(pes).tree;
    }
    let published = published(pes, words, ramp);
    let merges = (2..=MOST_MERGED).flat_map(|merged| {
        (1..rounds).rev().map(move |from| Merge { rounds: merged, from, smaller: false })
    });
    let odd = Merge { smaller: true, ..plain };
    let mut best = Tree::chain(pes);
    let mut nearest = u64::MAX;
    for merge in [plain, odd].into_iter().chain(merges) {
        let mut tree = merge.tree(pes);
        let off = tree.pace(words, ramp, rounds, published);
        if off < nearest && tree.tree.fits() {
            (nearest, best) = (off, tree.tree);
        }
        if nearest <= 1 {
            break;
        }
    }
    hold_early(&mut best, words, ramp);
    best
}

/// Rounds in which a block of PEs becomes one.
fn rounds(pes: u32) -> u32 {
    pes.next_power_of_two().trailing_zeros()
}

/// Has PEs whose words would be early hold them all: in memory they stand in nobody's way, in
/// routers they share links with words that are awaited.
fn hold_early(tree: &mut Tree, words: u32, ramp: u32) {
    let time = |tree: &Tree| tree.time(u64::from(words), u64::from(ramp));
    let before = time(tree);
    tree.holds.resize(tree.parents.len(), 0);
    for pe in 1..tree.parents.len() {
        let held = std::mem::replace(&mut tree.holds[pe], words);
        if held < words && time(tree) > before {
            tree.holds[pe] = held;
        }
    }
}

/// The published time, rounded [cycles].
fn published(pes: u32, words: u32, ramp: u32) -> u64 {
    let (p, b, rounds) = (u64::from(pes), u64::from(words), u64::from(rounds(pes)));
    let load = (rounds * b * p).div_ceil(2 * (p - 1)) + p - 1;
    load.max(rounds * b) + (2 * u64::from(ramp) + 1) * rounds
}

/// Which PEs are heard as one chain.
#[derive(Clone, Copy)]
struct Merge {
    /// A leader's PEs of so many first rounds; less than 2 is none.
    rounds: u32,
    /// Leaders that are left after so many rounds.
    from: u32,
    /// Whether the leader of a block that cannot be halved keeps the smaller part.
    smaller: bool,
}

impl Merge {
    fn tree(self, pes: u32) -> Rounds {
        let mut parents = vec![0; pes as usize];
        let mut left = vec![0; pes as usize];
        // (leader, PEs of its block, rounds after which it is left)
        let mut open = vec![(0, pes, rounds(pes))];
        while let Some((leader, block, of)) = open.pop() {
            left[leader as usize] = of;
            let inside = rounds(block);
            if self.rounds > 1 && leader > 0 && of >= self.from && inside <= self.rounds {
                (leader + 1..leader + block).for_each(|pe| parents[pe as usize] = pe - 1);
            } else if block > 1 {
                let half = if self.smaller { block / 2 } else { block.div_ceil(2) };
                parents[(leader + half) as usize] = leader;
                open.push((leader, half, of));
                open.push((leader + half, block - half, rounds(block - half)));
            }
        }
        Rounds { tree: Tree { parents, holds: Vec::new() }, left }
    }
}

/// A tree, and after how many rounds each PE is left; it sends in the next.
struct Rounds {
    tree: Tree,
    left: Vec<u32>,
}

impl Rounds {
    /// Has PEs of the lowest rounds hold words back until the tree takes its published time or nearly so;
    /// returns how far it is off [cycles].
    fn pace(&mut self, words: u32, ramp: u32, rounds: u32, published: u64) -> u64 {
        let (mut least, mut most) = (0, u64::from(rounds - 1) * u64::from(words));
        while least < most {
            let middle = (least + most).div_ceil(2);
            self.hold(words, middle);
            let time = self.tree.time(u64::from(words), u64::from(ramp));
            if time <= published { least = middle } else { most = middle - 1 }
        }
        self.hold(words, least);
        self.tree.time(u64::from(words), u64::from(ramp)).abs_diff(published)
    }

    /// Words held on the way through the first PEs of all rounds, `all` together.
    fn hold(&mut self, words: u32, all: u64) {
        let words = u64::from(words);
        let of = |&left: &u32| match left {
            0 => 0,
            left => all.saturating_sub(u64::from(left - 1) * words).min(words) as u32,
        };
        self.tree.holds = self.left.iter().map(of).collect();
    }
}
