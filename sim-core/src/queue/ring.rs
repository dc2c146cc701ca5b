//! A fixed number of first-in first-out buckets, with a bitmap of those in use.

use std::collections::VecDeque;

/// Buckets of a ring.
pub(super) const PLACES: usize = 1024;

/// The buckets.
#[derive(Debug)]
pub(super) struct Ring<T> {
    /// Made with the first push, so that an empty queue is cheap.
    buckets: Vec<VecDeque<T>>,
    used: [u64; PLACES / 64],
}

impl<T> Ring<T> {
    pub(super) fn new() -> Self {
        Self { buckets: Vec::new(), used: [0; PLACES / 64] }
    }

    /// Adds `item` at the end of bucket `place`.
    pub(super) fn push(&mut self, place: usize, item: T) {
        if self.buckets.is_empty() {
            self.buckets.resize_with(PLACES, VecDeque::new);
        }
        self.buckets[place].push_back(item);
        self.used[place / 64] |= 1 << (place % 64);
    }

    /// The first bucket in use at or behind `place`.
    pub(super) fn next(&self, place: usize) -> Option<usize> {
        let mut word = place / 64;
        let mut bits = self.used.get(word)? & (u64::MAX << (place % 64));
        while bits == 0 {
            word += 1;
            bits = *self.used.get(word)?;
        }
        Some(word * 64 + bits.trailing_zeros() as usize)
    }

    /// Takes the first item out of bucket `place`.
    pub(super) fn pop(&mut self, place: usize) -> Option<T> {
        let bucket = self.buckets.get_mut(place)?;
        let item = bucket.pop_front();
        if bucket.is_empty() {
            self.used[place / 64] &= !(1 << (place % 64));
        }
        item
    }
}
