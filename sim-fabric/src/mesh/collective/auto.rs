//! The generated tree: the least time that the model of a reduction promises for a line.
//!
//! A tree of depth `d` in which no PE has more than `c` children, `B` words each, takes
//! `max(c B, E B / (P - 1)) + P - 1 + (2 T_R + 1) d`, with `E` the distances from all PEs to their
//! parents. Whatever the words, the best tree of a depth and a width has the least `E`, which a
//! recursion gives: the last child of the root takes the upper part of the line.
//!
//! ```text
//!   E(p, d, c) = min over i of  E(i, d, c - 1) + E(p - i, d - 1, C) + i
//!   root [ its other children | last child, i PEs from the root ]
//! ```
//! Source: Luczynski et al., Near-Optimal Wafer-Scale Reduce, HPDC 2024. Star, chain, groups of chains and k-level trees are weighed too;
//! depth and width between them are tried up to bounds beyond which nothing is gained. Of the trees so
//! found the one is taken that ends first when children are heard one behind the other: the model's maxima leave out
//! that a near child may be late.

use super::tree::Tree;

/// Widths tried between chain and star.
const WIDEST: usize = 12;
const NEVER: u64 = u64::MAX / 4;

/// The tree for `wavelets` of each of `pes` PEs, on ramps of `ramp` cycles each way.
pub fn tree(pes: u32, wavelets: u32, ramp: u32) -> Tree {
    let time = |tree: &Tree| tree.time(u64::from(wavelets), u64::from(ramp));
    let mut best = Tree::chain(pes);
    let mut keep = |tree: Tree| {
        if time(&tree) < time(&best) && tree.fits() {
            best = tree;
        }
    };
    keep(Tree::star(pes));
    for group in 2..=pes / 2 {
        keep(Tree::groups(pes, group));
        keep(Tree::levels(pes, group));
    }
    let deepest = (2 * pes.isqrt() + 2).min(pes.saturating_sub(1)) as usize;
    for width in 1..=WIDEST {
        let table = Table::new(pes as usize, deepest, width);
        for depth in 1..=deepest {
            if table.energy(pes as usize, depth, width) < NEVER {
                keep(table.tree(depth));
            }
        }
    }
    best
}

/// Least energies for one bound on the children of a PE.
struct Table {
    pes: usize,
    deepest: usize,
    width: usize,
    /// (energy, distance of the last child) for each (children left, depth, PEs).
    cells: Vec<(u64, u32)>,
}

impl Table {
    fn new(pes: usize, deepest: usize, width: usize) -> Self {
        let cells = vec![(NEVER, 0); (width + 1) * (deepest + 1) * (pes + 1)];
        let mut table = Self { pes, deepest, width, cells };
        for depth in 0..=deepest {
            for children in 0..=width {
                let at = table.at(1, depth, children);
                table.cells[at] = (0, 0);
                if depth == 0 || children == 0 {
                    continue;
                }
                for size in 2..=pes {
                    let cell = table.best(size, depth, children);
                    let at = table.at(size, depth, children);
                    table.cells[at] = cell;
                }
            }
        }
        table
    }

    fn best(&self, size: usize, depth: usize, children: usize) -> (u64, u32) {
        let before = self.at(0, depth, children - 1);
        let below = self.at(0, depth - 1, self.width);
        let cell = |i: usize| {
            let energy = self.cells[before + i].0 + self.cells[below + size - i].0 + i as u64;
            (energy.min(NEVER), i as u32)
        };
        (1..size).map(cell).min().unwrap_or((NEVER, 0))
    }

    fn at(&self, size: usize, depth: usize, children: usize) -> usize {
        (children * (self.deepest + 1) + depth) * (self.pes + 1) + size
    }

    fn energy(&self, size: usize, depth: usize, children: usize) -> u64 {
        self.cells[self.at(size, depth, children)].0
    }

    fn tree(&self, depth: usize) -> Tree {
        let mut parents = vec![0; self.pes];
        // (root, PEs, depth, children left)
        let mut open = vec![(0, self.pes, depth, self.width)];
        while let Some((root, size, depth, children)) = open.pop() {
            if size < 2 {
                continue;
            }
            let last = self.cells[self.at(size, depth, children)].1 as usize;
            parents[root + last] = root as u32;
            open.push((root, last, depth, children - 1));
            open.push((root + last, size - last, depth - 1, self.width));
        }
        Tree { parents, holds: Vec::new() }
    }
}
