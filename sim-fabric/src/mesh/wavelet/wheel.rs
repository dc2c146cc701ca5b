//! Who is to be looked at in which cycle.
//!
//! A ring of bitmaps, one for each of the next cycles, with a heap behind it for what lies further
//! off. Waking the same one twice in a cycle is one look; one that nobody wakes costs nothing.
//! Each bitmap has a second level that marks its words in use.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The ring.
pub(in crate::mesh) struct Wheel {
    words: Vec<u64>,
    marks: Vec<u64>,
    /// Words and marks of one cycle's bitmap.
    words_each: usize,
    marks_each: usize,
    /// Cycles in the ring, less one; a power of two, less one.
    mask: u32,
    /// Ring places in use, one bit each.
    used: u64,
    now: u32,
    /// First word of the next cycle's bitmap.
    soon: usize,
    far: BinaryHeap<Reverse<(u32, u32)>>,
}

impl Wheel {
    /// For ids below `ids`, with wake-ups up to `reach` cycles ahead held in the ring if it is
    /// short enough.
    pub(in crate::mesh) fn new(ids: usize, reach: u32) -> Self {
        let cycles = (reach + 1).next_power_of_two().min(64);
        let words_each = ids.div_ceil(64);
        let marks_each = words_each.div_ceil(64);
        Self {
            words: vec![0; words_each * cycles as usize],
            marks: vec![0; marks_each * cycles as usize],
            words_each,
            marks_each,
            mask: cycles - 1,
            used: 0,
            now: 0,
            soon: words_each * (1 % cycles) as usize,
            far: BinaryHeap::new(),
        }
    }

    /// Has `id` looked at in cycle `at`, which must not lie in the past.
    #[inline]
    pub(in crate::mesh) fn wake(&mut self, id: usize, at: u32) {
        debug_assert!(at >= self.now);
        if at - self.now > self.mask {
            self.far.push(Reverse((at, id as u32)));
        } else {
            self.set(id, (at & self.mask) as usize);
        }
    }

    /// Has `id` looked at in the next cycle, which the ring must hold.
    #[inline(always)]
    pub(in crate::mesh) fn wake_soon(&mut self, id: usize) {
        let index = id / 64;
        let word = &mut self.words[self.soon + index];
        let first = *word == 0;
        *word |= 1 << (id % 64);
        if first {
            self.mark(index, ((self.now + 1) & self.mask) as usize);
        }
    }

    /// As [`Self::wake_soon`], for all whose bits are set in a word of ids.
    #[inline]
    pub(in crate::mesh) fn wake_word_soon(&mut self, index: usize, bits: u64) {
        if bits != 0 {
            self.words[self.soon + index] |= bits;
            self.mark(index, ((self.now + 1) & self.mask) as usize);
        }
    }

    #[inline]
    fn set(&mut self, id: usize, place: usize) {
        let index = id / 64;
        let word = &mut self.words[place * self.words_each + index];
        let first = *word == 0;
        *word |= 1 << (id % 64);
        if first {
            self.mark(index, place);
        }
    }

    /// Notes that a word is in use.
    fn mark(&mut self, word: usize, place: usize) {
        self.marks[place * self.marks_each + word / 64] |= 1 << (word % 64);
        self.used |= 1 << place;
    }

    /// The next cycle in which someone is to be looked at.
    #[inline]
    pub(in crate::mesh) fn next(&self) -> Option<u32> {
        let far = self.far.peek().map(|&Reverse((at, _))| at);
        if self.used == 0 {
            return far;
        }
        let here = self.now & self.mask;
        let ahead = self.used >> here;
        let near = match ahead {
            0 => self.mask + 1 - here + self.used.trailing_zeros(),
            _ => ahead.trailing_zeros(),
        };
        Some(far.map_or(self.now + near, |far| far.min(self.now + near)))
    }

    /// Moves on to cycle `now`.
    #[inline]
    pub(in crate::mesh) fn enter(&mut self, now: u32) {
        self.now = now;
        self.soon = ((now + 1) & self.mask) as usize * self.words_each;
        while let Some(&Reverse((at, id))) = self.far.peek()
            && at <= now
        {
            self.far.pop();
            self.set(id as usize, (now & self.mask) as usize);
        }
    }

    /// Whether anybody is to be looked at in this cycle; the answer is given once.
    #[inline]
    pub(in crate::mesh) fn begin(&mut self) -> bool {
        let bit = 1 << (self.now & self.mask);
        let any = self.used & bit != 0;
        self.used &= !bit;
        any
    }

    /// Number of mark words.
    #[inline]
    pub(in crate::mesh) fn marks(&self) -> usize {
        self.marks_each
    }

    /// Takes mark word `index` of this cycle: which of its 64 words are in use.
    #[inline]
    pub(in crate::mesh) fn take_marks(&mut self, index: usize) -> u64 {
        let place = (self.now & self.mask) as usize;
        std::mem::take(&mut self.marks[place * self.marks_each + index])
    }

    /// Takes word `index` of this cycle: which of its 64 ids are to be looked at.
    #[inline]
    pub(in crate::mesh) fn take_word(&mut self, index: usize) -> u64 {
        let place = (self.now & self.mask) as usize;
        std::mem::take(&mut self.words[place * self.words_each + index])
    }
}

/// The set bits of a word, lowest first.
#[inline]
pub(in crate::mesh) fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (word != 0).then(|| {
            let bit = word.trailing_zeros() as usize;
            word &= word - 1;
            bit
        })
    })
}
