//! Whom to look at next: sweeps over all PEs that are to be looked at, there and back.
//!
//! What flows along rows and columns is met in the order in which it flows by the sweep that goes
//! its way, so that a train is mostly known whole when the next router is looked at. What lies
//! behind a horizon waits until all before it is settled, which saves work that would have to be done
//! anew; it comes closer while sweeps are many.

use super::state::LIMIT;
use crate::mesh::wavelet::wheel::bits;

/// First window of time `[cycles]`.
const FIRST_SPAN: u64 = 128;
/// Sweeps, there and back, in one window after which the horizon comes closer.
const MANY: u32 = 16;
/// Most of them after which the next window is longer, and least after which it is shorter.
const FEW: u32 = 2;
const SOME: u32 = 5;

/// Sets of PEs, and how far the present window of time goes.
pub(super) struct Agenda {
    /// PEs to be looked at before the horizon, one bit each -- state.
    active: Vec<u64>,
    /// PEs to be looked at behind it -- state.
    later: Vec<u64>,
    /// First cycle that is not looked at yet `[cycles]` -- state.
    pub(super) horizon: u64,
    /// Length of a window `[cycles]` -- state.
    span: u64,
    sweeps: u32,
}

impl Agenda {
    /// For PEs below `pes`, none of them to be looked at.
    pub(super) fn new(pes: usize) -> Self {
        let words = pes.div_ceil(64);
        Self {
            active: vec![0; words],
            later: vec![0; words],
            horizon: FIRST_SPAN,
            span: FIRST_SPAN,
            sweeps: 0,
        }
    }

    /// Has `pe` looked at for what happens in cycle `at`.
    #[inline]
    pub(super) fn add(&mut self, pe: usize, at: u32) {
        let set = if u64::from(at) < self.horizon { &mut self.active } else { &mut self.later };
        set[pe / 64] |= 1 << (pe % 64);
    }

    /// Has `pe` looked at behind the horizon.
    pub(super) fn defer(&mut self, pe: usize) {
        self.later[pe / 64] |= 1 << (pe % 64);
    }

    /// Takes the next PE at or behind `from`.
    pub(super) fn upwards(&mut self, from: usize) -> Option<usize> {
        let mut word = from / 64;
        let mut bits = self.active.get(word)? & (u64::MAX << (from % 64));
        while bits == 0 {
            word += 1;
            bits = *self.active.get(word)?;
        }
        let bit = bits.trailing_zeros() as usize;
        self.active[word] &= !(1 << bit);
        Some(word * 64 + bit)
    }

    /// Takes the next PE before `end`.
    pub(super) fn downwards(&mut self, end: usize) -> Option<usize> {
        let last = end.checked_sub(1)?;
        let mut word = last / 64;
        let mut bits = self.active[word] & (u64::MAX >> (63 - last % 64));
        while bits == 0 {
            word = word.checked_sub(1)?;
            bits = self.active[word];
        }
        let bit = 63 - bits.leading_zeros() as usize;
        self.active[word] &= !(1 << bit);
        Some(word * 64 + bit)
    }

    /// Whether anybody is left before the horizon; says so at the end of a sweep.
    pub(super) fn is_active(&self) -> bool {
        self.active.iter().any(|&word| word != 0)
    }

    /// Counts a sweep; says whether the horizon has to come closer.
    pub(super) fn swept(&mut self) -> bool {
        self.sweeps += 1;
        self.sweeps.is_multiple_of(MANY) && self.span > 1
    }

    /// All PEs that are to be looked at, before the horizon or behind it.
    pub(super) fn all(&self) -> impl Iterator<Item = usize> {
        let words = self.active.iter().zip(&self.later).map(|(a, b)| a | b).enumerate();
        words.flat_map(|(word, set)| bits(set).map(move |bit| word * 64 + bit))
    }

    /// Begins a window that holds all of the time.
    pub(super) fn begin_all(&mut self) {
        self.span = LIMIT;
        self.sweeps = 0;
        self.begin(0, false);
    }

    /// Begins a window of time at `first`, the first cycle that anybody is to be looked at for. It
    /// is shorter if the last one is `unfinished`, longer if that was short work.
    pub(super) fn begin(&mut self, first: u32, unfinished: bool) {
        match self.sweeps {
            _ if unfinished => self.span = (self.span / 4).max(1),
            0..=FEW => self.span = (self.span * 2).min(LIMIT),
            SOME.. => self.span = (self.span / 2).max(1),
            _ => {}
        }
        self.horizon = u64::from(first) + self.span;
        if !unfinished {
            self.sweeps = 0;
        }
        for (active, later) in self.active.iter_mut().zip(&mut self.later) {
            *active |= std::mem::take(later);
        }
    }
}
