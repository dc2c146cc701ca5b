//! The memory of a PE: eight single-ported banks, and what address streams lose to them.
//!
//! ```text
//! word  0  1 | 2  3 | 4  5 | 6  7      consecutive 16-bit words lie in consecutive banks;
//! word  8  9 |10 11 |12 13 |14 15      a line is one word of each bank
//!       pair0  pair1  pair2  pair3     two neighbouring banks read or write one line at a time
//! ```
//! An operation walks `outer` rows of `inner` elements. In each cycle it takes elements in order, up to the
//! rate of its type:
//!
//! 1. **Stride.** A cycle has one access of 64 bits to each operand, or as many as its rate needs. In one
//!    access a pair of banks serves one line. The first element that would need another line of a pair ends
//!    the cycle; a row that ends does too. This gives the documented rule: strides of 0, 1 and
//!    {2, 3, 5, 6} modulo 8 run at full rate, {1, 7} at two elements a cycle, 0 at one (and 4 at two).
//! 2. **Conflict.** Where two operands that are read begin a cycle in banks that are equal modulo 4, they
//!    take turns: two cycles in place of one.
//! 3. **Ports.** Eight banks move eight 16-bit words a cycle; what an operation moves beyond that is served
//!    by the small cache beside the datapath, `cache_words` a cycle. Operands may come early and results late
//!    by one cycle's results.
//!
//! # Parameters
//! Banks, interleave, conflict and stride rule are documented (Cerebras SDK). That two neighbouring banks
//! share a line and that a cycle ends at the first conflict is inferred: it is what gives the documented
//! rates. How the cache serves a full-rate 16-bit fused multiply-add, which needs twelve accesses a cycle of
//! eight banks, is unpublished: `cache_words` is an assumption with a range in the presets.
//!
//! # Deviations
//! An operand of stride 0 is read once and then held. Which words the cache holds is not modelled, its
//! rate alone is; a word that is read and written in one cycle is no conflict.

use std::ops::AddAssign;

/// Banks of a PE.
pub const BANKS: u32 = 8;
/// Starts of two operands that are equal modulo this conflict.
const CONFLICT: i64 = 4;
/// Bits of a word.
const WORD: i64 = 16;
/// Bits of an access.
const ACCESS: i64 = 64;

/// One operand that walks memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stream {
    /// First word of the first row `[words]`.
    pub base: u32,
    /// Bits of an element: 4, 8, 16 or 32 `[bits]`.
    pub bits: u32,
    /// From one element to the next `[elements]`.
    pub stride: i32,
    /// From one row to the next `[words]`.
    pub pitch: i32,
}

/// An operation's walk over memory. What comes from or goes to a register or the fabric is not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Walk {
    /// Most elements a cycle `[elements]`.
    pub rate: u32,
    /// Elements of a row.
    pub inner: u32,
    /// Rows.
    pub outer: u32,
    /// Operands that are read.
    pub reads: [Option<Stream>; 2],
    /// The result.
    pub write: Option<Stream>,
}

/// Cycles of a walk by what they went to `[cycles]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Busy {
    /// What its rate alone would need.
    pub rate: u64,
    /// Lost to strides.
    pub stride: u64,
    /// Lost to operands in conflicting banks.
    pub conflict: u64,
    /// Lost for want of ports.
    pub ports: u64,
}

impl Busy {
    /// All of them `[cycles]`.
    pub fn total(&self) -> u64 {
        self.rate + self.stride + self.conflict + self.ports
    }

    fn times(&self, n: u64) -> Self {
        Self {
            rate: self.rate * n,
            stride: self.stride * n,
            conflict: self.conflict * n,
            ports: self.ports * n,
        }
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            rate: self.rate - before.rate,
            stride: self.stride - before.stride,
            conflict: self.conflict - before.conflict,
            ports: self.ports - before.ports,
        }
    }
}

impl AddAssign for Busy {
    fn add_assign(&mut self, other: Self) {
        self.rate += other.rate;
        self.stride += other.stride;
        self.conflict += other.conflict;
        self.ports += other.ports;
    }
}

/// Whether repetition is looked for and skipped. Both give the same cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stepping {
    /// Every cycle is stepped.
    Every,
    /// A cycle, or a row, that begins as an earlier one did is not stepped again.
    Skipping,
}

/// All that decides how a walk goes on: in which bank each operand is, and how many words wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    /// Bits into a line, and into an access for elements smaller than a word.
    at: [i64; 3],
    /// Words that wait for a port; below 0, words that came early.
    waiting: i64,
}

impl Walk {
    /// Runs the walk on banks beside which a cache serves `cache_words` a cycle.
    pub fn run(&self, cache_words: u32, stepping: Stepping) -> Busy {
        let mut busy = Busy::default();
        let mut waiting = 0;
        let mut row = 0;
        let mut mark = Mark::default();
        while row < self.outer {
            let state = self.state(row, 0, waiting);
            if stepping == Stepping::Skipping
                && let Some((rows, each)) = mark.seen(state, u64::from(row), busy)
            {
                let times = u64::from(self.outer - row) / rows;
                busy += each.times(times);
                row += (rows * times) as u32;
                mark = Mark::default();
                if times > 0 {
                    continue;
                }
            }
            busy += self.row(row, cache_words, &mut waiting, stepping);
            row += 1;
        }
        busy.ports += (waiting.max(0) as u64).div_ceil(u64::from(BANKS + cache_words));
        let needed = u64::from(self.outer) * u64::from(self.inner.div_ceil(self.rate.max(1)));
        // Cycles that a stride cost are those beyond what the rate alone needs.
        busy.stride = busy.rate.saturating_sub(needed);
        busy.rate = needed;
        busy
    }

    /// One row; `rate` counts its cycles, waits apart.
    fn row(&self, row: u32, cache_words: u32, waiting: &mut i64, stepping: Stepping) -> Busy {
        let mut busy = Busy::default();
        let mut at = 0;
        let mut mark = Mark::default();
        while at < self.inner {
            let left = u64::from(self.inner - at);
            let look = u64::from(self.rate);
            if stepping == Stepping::Skipping
                && left > look
                && let Some((elements, each)) =
                    mark.seen(self.state(row, at, *waiting), u64::from(at), busy)
            {
                // Up to where the end of the row comes into sight.
                let times = (left - look) / elements;
                busy += each.times(times);
                at += (elements * times) as u32;
                mark = Mark::default();
                if times > 0 {
                    continue;
                }
            }
            at += self.cycle(row, at, (cache_words, stepping), waiting, &mut busy);
        }
        busy
    }

    /// One cycle from element `at` on; returns how many elements it takes.
    fn cycle(
        &self,
        row: u32,
        at: u32,
        (cache_words, stepping): (u32, Stepping),
        waiting: &mut i64,
        busy: &mut Busy,
    ) -> u32 {
        let taken = self.taken(row, at, stepping);
        let mut cycles = 1;
        busy.rate += 1;
        if let [Some(one), Some(other)] = self.reads
            && let (Some(one), Some(other)) =
                (one.begins(row, at, taken), other.begins(row, at, taken))
            && one.rem_euclid(CONFLICT) == other.rem_euclid(CONFLICT)
        {
            busy.conflict += 1;
            cycles += 1;
        }
        let words = |stream: Option<Stream>| match stream {
            Some(stream) if stream.stride != 0 => {
                (i64::from(taken) * i64::from(stream.bits) + WORD - 1) / WORD
            }
            _ => 0,
        };
        let written = words(self.write);
        *waiting += words(self.reads[0]) + words(self.reads[1]) + written;
        let served = i64::from(BANKS + cache_words);
        *waiting -= cycles * served;
        while *waiting > written {
            *waiting -= served;
            busy.ports += 1;
        }
        *waiting = (*waiting).max(-written);
        taken
    }

    /// How many elements from `at` on one cycle takes, by rate and strides.
    fn taken(&self, row: u32, at: u32, stepping: Stepping) -> u32 {
        let most = self.rate.max(1).min(self.inner - at);
        let streams = [self.reads[0], self.reads[1], self.write];
        // An access of 64 bits to neighbours never meets a pair of banks on two lines.
        if stepping == Stepping::Skipping && streams.iter().flatten().all(|s| s.stride == 1) {
            return most;
        }
        let widest = streams.iter().flatten().map(|stream| stream.bits).max().unwrap_or(32);
        let in_access = ACCESS as u32 / widest.max(16);
        let mut lines = [[None; (BANKS / 2) as usize]; 3];
        for n in 0..most {
            if n % in_access == 0 {
                lines = Default::default();
            }
            for (stream, last_of) in streams.iter().zip(&mut lines) {
                let Some(stream) = stream else { continue };
                let bit = stream.bit(row, at + n);
                let (first, last) =
                    (bit.div_euclid(WORD), (bit + i64::from(stream.bits) - 1).div_euclid(WORD));
                for word in first..=last {
                    let banks = i64::from(BANKS);
                    let pair = (word.rem_euclid(banks) / 2) as usize;
                    // The last word of this pair: the next one must follow it on the same line.
                    let before = last_of[pair].replace(word);
                    let follows = |before: i64| {
                        word >= before && word.div_euclid(banks) == before.div_euclid(banks)
                    };
                    if !before.is_none_or(follows) {
                        return n.max(1);
                    }
                }
            }
        }
        most
    }

    fn state(&self, row: u32, at: u32, waiting: i64) -> State {
        let in_line = |stream: Option<Stream>| {
            stream.map_or(0, |stream| stream.bit(row, at).rem_euclid(i64::from(BANKS) * WORD))
        };
        State { at: [self.reads[0], self.reads[1], self.write].map(in_line), waiting }
    }
}

impl Stream {
    /// First bit of element `at` of row `row`, counted from word 0.
    fn bit(&self, row: u32, at: u32) -> i64 {
        let word = i64::from(self.base) + i64::from(row) * i64::from(self.pitch);
        word * WORD + i64::from(at) * i64::from(self.stride) * i64::from(self.bits)
    }

    /// Bank, in words, at which an access begins in the cycle that takes `taken` elements from `at` on. Elements
    /// smaller than a word are read 64 bits at a time, so that not every cycle begins an access; an operand
    /// of stride 0 is held.
    fn begins(&self, row: u32, at: u32, taken: u32) -> Option<i64> {
        if self.stride == 0 {
            return None;
        }
        if i64::from(self.bits) >= WORD || self.stride != 1 {
            return Some(self.bit(row, at).div_euclid(WORD));
        }
        let bits = i64::from(self.bits);
        let from = i64::from(at) * bits;
        let last = (i64::from(at + taken) * bits - 1).div_euclid(ACCESS);
        let begins = from.rem_euclid(ACCESS) == 0 || last > from.div_euclid(ACCESS);
        begins.then(|| self.bit(row, 0).div_euclid(WORD) + last * (ACCESS / WORD))
    }

    /// Words from the first to behind the last that `inner` elements in each of `outer` rows touch.
    pub fn extent(&self, inner: u32, outer: u32) -> u64 {
        if inner == 0 || outer == 0 {
            return 0;
        }
        let corners = [(0, 0), (0, inner - 1), (outer - 1, 0), (outer - 1, inner - 1)];
        let bits = corners.map(|(row, at)| self.bit(row, at));
        let least = bits.iter().min().copied().unwrap_or(0);
        let most = bits.iter().max().copied().unwrap_or(0) + i64::from(self.bits) - 1;
        (most.div_euclid(WORD) - least.div_euclid(WORD) + 1).unsigned_abs()
    }
}

/// A state that is remembered until it comes again; a new one is taken at doubled distances.
#[derive(Default)]
struct Mark {
    known: Option<(State, u64, Busy)>,
    steps: u64,
    next: u64,
}

impl Mark {
    /// How far it is from the remembered state to this equal one, and what that took.
    fn seen(&mut self, state: State, at: u64, busy: Busy) -> Option<(u64, Busy)> {
        if let Some((known, from, before)) = &self.known
            && *known == state
            && at > *from
        {
            return Some((at - from, busy.since(before)));
        }
        if self.steps >= self.next {
            self.known = Some((state, at, busy));
            self.next = 2 * self.steps + 1;
        }
        self.steps += 1;
        None
    }
}

#[cfg(test)]
mod tests;
