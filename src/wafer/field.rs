//! When each PE of a rectangle is ready.
//!
//! The cycle at which PE (s, o) is ready is kept as `s[s] + o[o]`. Phases keep that form: lines along
//! one axis all run the same program, and the lines of the other coordinate differ only by a shift
//! in time, which every rule of the fabric carries through unchanged. So one line stands for all of
//! them; a test runs whole rectangles in the reference engine and finds the same cycles.

use super::phase::Axis;

/// Ready cycles of a rectangle of PEs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Part that depends on the column `[cycles]`.
    s: Vec<u64>,
    /// Part that depends on the row `[cycles]`.
    o: Vec<u64>,
}

impl Field {
    /// All PEs of `columns` x `rows` ready at 0.
    pub fn new(columns: u32, rows: u32) -> Self {
        Self { s: vec![0; columns as usize], o: vec![0; rows as usize] }
    }

    /// The last PE's cycle.
    pub fn last(&self) -> u64 {
        let max = |v: &[u64]| v.iter().copied().max().unwrap_or(0);
        max(&self.s) + max(&self.o)
    }

    /// The cycle at which the PE in column `s` and row `o` is ready.
    pub fn at(&self, s: u32, o: u32) -> u64 {
        self.s[s as usize] + self.o[o as usize]
    }

    /// The part along `axis`.
    pub fn along(&mut self, axis: Axis) -> &mut [u64] {
        match axis {
            Axis::S => &mut self.s,
            Axis::O => &mut self.o,
        }
    }

    /// Every PE works for `cycles`.
    pub fn work(&mut self, cycles: u64) {
        self.s.iter_mut().for_each(|time| *time += cycles);
    }
}
