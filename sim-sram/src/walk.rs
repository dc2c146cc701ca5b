//! Where the elements of a memory operand lie: the walk that a descriptor takes.
//!
//! ```text
//! element k:  first + (k % c0) * s0 + (k / c0 % c1) * s1 + (k / (c0 * c1) % c2) * s2 + ... [+ memory[at] * scale]
//! ```
//! Four nested lengths with a stride each, innermost first. A row of a matrix, a column of it, one
//! number for all elements (stride 0) and a vector that begins anew for every row (outer stride 0) are
//! all walks. The first address can depend on a number in memory, as a table's row does on its index.

use serde::{Deserialize, Serialize};

/// One nested length of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Dim {
    /// Elements, at least 1.
    pub count: u32,
    /// Distance of two neighbours `[elements]`.
    pub stride: i32,
}

/// A first address that a number in memory decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Index {
    /// Where the number lies `[elements]`.
    pub at: u32,
    /// What one of it moves the first address by `[elements]`.
    pub scale: i32,
}

/// The addresses of an operand, in the order in which its elements are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Walk {
    /// Address of the first element `[elements]`.
    pub first: u32,
    /// Nested lengths, innermost first.
    pub dims: [Dim; 4],
    /// What else moves the first address.
    pub index: Option<Index>,
}

impl Walk {
    /// Lengths and strides, innermost first.
    pub fn new(first: u32, counts: [u32; 4], strides: [i32; 4]) -> Self {
        let dim = |d: usize| Dim { count: counts[d], stride: strides[d] };
        Self { first, dims: [dim(0), dim(1), dim(2), dim(3)], index: None }
    }

    /// `count` elements, `stride` apart.
    pub fn line(first: u32, count: u32, stride: i32) -> Self {
        Self::new(first, [count, 1, 1, 1], [stride, 0, 0, 0])
    }

    /// `rows.0` rows, `rows.1` apart, of `inner.0` elements, `inner.1` apart.
    pub fn rows(first: u32, inner: (u32, i32), rows: (u32, i32)) -> Self {
        Self::new(first, [inner.0, rows.0, 1, 1], [inner.1, rows.1, 0, 0])
    }

    /// The same `count` times, `stride` apart, as the third length.
    #[must_use]
    pub fn repeated(mut self, count: u32, stride: i32) -> Self {
        self.dims[2] = Dim { count, stride };
        self
    }

    /// The same, its first address moved by `scale` times the number at `at`.
    #[must_use]
    pub fn indexed(mut self, at: u32, scale: i32) -> Self {
        self.index = Some(Index { at, scale });
        self
    }

    /// Elements of the whole walk; behind them it begins anew.
    pub fn len(&self) -> u64 {
        self.dims.iter().map(|dim| u64::from(dim.count)).product()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Address of element `k`, what a number in memory adds left out `[elements]`.
    pub fn address(&self, k: u32) -> i64 {
        let mut rest = k;
        let mut address = i64::from(self.first);
        for dim in self.dims {
            address += i64::from(rest % dim.count) * i64::from(dim.stride);
            rest /= dim.count;
        }
        address
    }

    /// Lowest and highest address of the whole walk, what a number in memory adds left out.
    pub fn reach(&self) -> (i64, i64) {
        let first = i64::from(self.first);
        self.dims.iter().fold((first, first), |(low, high), dim| {
            let way = i64::from(dim.count.saturating_sub(1)) * i64::from(dim.stride);
            (low + way.min(0), high + way.max(0))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_walked_by_rows_by_columns_and_again() {
        let addresses = |walk: Walk, n| (0..n).map(|k| walk.address(k)).collect::<Vec<_>>();
        // Three rows of two elements at 10.
        assert_eq!(addresses(Walk::rows(10, (2, 1), (3, 2)), 6), [10, 11, 12, 13, 14, 15]);
        assert_eq!(addresses(Walk::rows(10, (3, 2), (2, 1)), 6), [10, 12, 14, 11, 13, 15]);
        assert_eq!(addresses(Walk::rows(4, (2, 0), (2, 1)), 6), [4, 4, 5, 5, 4, 4]);
        assert_eq!(addresses(Walk::line(7, 2, -1).repeated(2, 10), 4), [7, 6, 17, 16]);
    }

    #[test]
    fn its_reach_covers_every_address() {
        for walk in [
            Walk::rows(20, (3, -2), (4, 5)),
            Walk::line(9, 4, -3).repeated(3, 1),
            Walk::rows(0, (1, 7), (1, 7)),
        ] {
            let all: Vec<_> = (0..walk.len() as u32).map(|k| walk.address(k)).collect();
            let ends = (*all.iter().min().unwrap(), *all.iter().max().unwrap());
            assert_eq!(walk.reach(), ends, "{walk:?}");
        }
    }
}
