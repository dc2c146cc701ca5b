//! One vector operation as a program on a PE issues it: arithmetic, type, length, strides, and where its
//! operands lie.
//!
//! | operation | reads | writes |
//! |---|---|---|
//! | add, multiply, max | two vectors | the first of them |
//! | fma | an accumulator and a vector; the factor is in a register | the accumulator |
//! | move | one vector | another one |

use crate::bank::{BANKS, Busy, Stepping, Stream, Walk};
use crate::vector::PeSpec;
use serde::{Deserialize, Serialize};

/// What is done with each element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Arithmetic {
    /// Sum of two vectors.
    Add,
    /// Product of two vectors, element by element.
    Multiply,
    /// Adds a scalar times a vector.
    Fma,
    /// Copy.
    Move,
    /// Greater of two vectors, element by element.
    Max,
}

/// Type of the elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Element {
    /// 16 bits.
    F16,
    /// 32 bits.
    F32,
    /// 16-bit factors, 32-bit sums: fused multiply-adds alone.
    F16ToF32,
}

/// Where the two vectors lie. Of all such places the fastest is taken: which bank a vector of some stride
/// starts in decides how its accesses fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Placement {
    /// They begin in banks that do not conflict.
    Apart,
    /// They begin in banks that do.
    Conflicting,
}

/// A vector operation over memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Operation {
    /// What is done.
    pub arithmetic: Arithmetic,
    /// With what.
    pub element: Element,
    /// Elements.
    pub length: u32,
    /// From one element to the next, in all vectors `[elements]`.
    pub stride: i32,
    /// Where the two vectors lie.
    pub placement: Placement,
}

/// Why an operation cannot run on a PE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such instruction.
    #[error("16-bit factors with 32-bit sums exist for fma alone; use fp16 or fp32")]
    NoInstruction,
    /// One operand cannot conflict with itself.
    #[error("a move reads one vector, so there is nothing that conflicts with it")]
    NothingConflicts,
    /// It does not fit the PE.
    #[error(
        "its vectors take {needed} bytes, a PE has {sram}; with this stride {most} elements fit"
    )]
    DoesNotFit {
        /// Bytes of its vectors `[bytes]`.
        needed: u64,
        /// Bytes there are `[bytes]`.
        sram: u64,
        /// Elements that would fit.
        most: u64,
    },
}

/// Cycles of an operation by what they went to `[cycles]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed {
    /// Loading the descriptors.
    pub setup: u64,
    /// Walking memory.
    pub busy: Busy,
    /// From the last element to its result being in memory.
    pub pipeline: u64,
}

impl Timed {
    /// All of it `[cycles]`.
    pub fn total(&self) -> u64 {
        self.setup + self.busy.total() + self.pipeline
    }
}

impl Operation {
    /// Its walk over memory on a datapath of `rate` elements a cycle, its two vectors starting in `banks`.
    pub fn walk(&self, rate: u32, banks: [u32; 2]) -> Walk {
        let [first, second] = self.bits();
        let vector = |base, bits| Some(Stream { base, bits, stride: self.stride, pitch: 0 });
        let (one, other) = (vector(banks[0], first), vector(banks[1], second));
        let (reads, write) = match self.arithmetic {
            Arithmetic::Move => ([one, None], other),
            _ => ([one, other], one),
        };
        Walk { rate, inner: self.length, outer: 1, reads, write }
    }

    /// Bits of an element of each vector.
    fn bits(&self) -> [u32; 2] {
        match self.element {
            Element::F16 => [16, 16],
            Element::F32 => [32, 32],
            Element::F16ToF32 => [32, 16],
        }
    }

    /// Banks in which its two vectors may start, as it places them.
    fn banks(&self) -> Vec<[u32; 2]> {
        let [first, second] = self.bits().map(|bits| bits as usize / 16);
        let conflicting = self.placement == Placement::Conflicting;
        (0..BANKS)
            .step_by(first)
            .flat_map(|one| (0..BANKS).step_by(second).map(move |other| [one, other]))
            .filter(|[one, other]| (one % 4 == other % 4) == conflicting)
            .collect()
    }

    /// Bytes that its two vectors take. Strides leave gaps, in which the other vector can lie.
    fn bytes(&self) -> u64 {
        let extent = |bits| {
            let vector = Stream { base: 0, bits, stride: self.stride, pitch: 0 };
            vector.extent(self.length, 1)
        };
        let [one, other] = self.bits().map(extent);
        let gaps = self.stride.unsigned_abs() > 1 && self.placement == Placement::Apart;
        2 * if gaps { one.max(other) + u64::from(BANKS) } else { one + other }
    }

    /// Whether it can run on a PE of `sram` bytes.
    ///
    /// # Errors
    /// [`Refused`] says why not.
    pub fn check(&self, sram: u64) -> Result<(), Refused> {
        if self.element == Element::F16ToF32 && self.arithmetic != Arithmetic::Fma {
            return Err(Refused::NoInstruction);
        }
        if self.placement == Placement::Conflicting && self.arithmetic == Arithmetic::Move {
            return Err(Refused::NothingConflicts);
        }
        let needed = self.bytes();
        if needed <= sram {
            return Ok(());
        }
        let fits = |length: u32| Self { length, ..*self }.bytes() <= sram;
        let (mut low, mut high) = (0, self.length);
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            if fits(middle) { low = middle } else { high = middle }
        }
        Err(Refused::DoesNotFit { needed, sram, most: u64::from(low) })
    }
}

impl PeSpec {
    /// Most elements a cycle, from the table of the datapath `[elements per cycle]`.
    pub fn rate(&self, arithmetic: Arithmetic, element: Element) -> u32 {
        match (arithmetic, element) {
            (Arithmetic::Max, _) => self.max_per_cycle,
            (_, Element::F16) => self.f16_per_cycle,
            (Arithmetic::Multiply | Arithmetic::Fma, Element::F32) => self.f32_mul_per_cycle,
            (Arithmetic::Add | Arithmetic::Move, Element::F32) | (_, Element::F16ToF32) => {
                self.f32_per_cycle
            }
        }
    }

    /// How long `operation` takes by itself, its vectors starting where it is fastest, its descriptors loaded within the time or before it.
    pub fn time(&self, operation: &Operation, with_setup: bool) -> Timed {
        let rate = self.rate(operation.arithmetic, operation.element);
        let run = |banks| operation.walk(rate, banks).run(self.cache_words, Stepping::Skipping);
        let best = operation.banks().into_iter().map(run).min_by_key(Busy::total);
        Timed {
            setup: if with_setup { u64::from(self.setup_cycles) } else { 0 },
            busy: best.unwrap_or_default(),
            pipeline: u64::from(self.pipeline_cycles),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vector::tests::WSE2;

    const MULTIPLY: Operation = Operation {
        arithmetic: Arithmetic::Multiply,
        element: Element::F32,
        length: 5124,
        stride: 1,
        placement: Placement::Apart,
    };

    fn cycles(operation: Operation) -> u64 {
        WSE2.time(&operation, false).total()
    }

    /// Cycle counts of the vendor's fabric simulator for one PE, published with
    /// `pr0f3ss/SpMM_Cerebras`.
    #[test]
    fn differential_a_32_bit_multiply_takes_the_published_cycles() {
        let conflict = Placement::Conflicting;
        assert_eq!(cycles(MULTIPLY), 5130);
        assert_eq!(cycles(Operation { placement: conflict, ..MULTIPLY }), 10_254);
        assert_eq!(WSE2.time(&MULTIPLY, true).total(), 5158);
        assert_eq!(cycles(Operation { length: 1028, ..MULTIPLY }), 1034);
        assert_eq!(cycles(Operation { length: 1028, placement: conflict, ..MULTIPLY }), 2062);
    }

    #[test]
    fn curve_every_type_reaches_its_rate_and_halves_it_with_a_conflict() {
        use Arithmetic::{Add, Fma, Max, Move, Multiply};
        use Element::{F16, F16ToF32, F32};
        let rows = [
            (Add, F16, 4),
            (Multiply, F16, 4),
            (Fma, F16, 4),
            (Move, F16, 4),
            (Max, F16, 1),
            (Add, F32, 2),
            (Move, F32, 2),
            (Multiply, F32, 1),
            (Fma, F32, 1),
            (Max, F32, 1),
            (Fma, F16ToF32, 2),
        ];
        for (arithmetic, element, rate) in rows {
            let apart = Operation { arithmetic, element, length: 2048, ..MULTIPLY };
            assert_eq!(cycles(apart), 2048 / rate + 6, "{apart:?}");
            if arithmetic != Move {
                let conflicting = Operation { placement: Placement::Conflicting, ..apart };
                // A 16-bit and a 32-bit operand move apart, so that they meet half of the time.
                let met = if element == F16ToF32 { 3 * 512 } else { 2 * 2048 / rate };
                assert_eq!(cycles(conflicting), met + 6, "{conflicting:?}");
            }
        }
    }

    #[test]
    fn curve_two_vectors_of_one_stride_keep_its_documented_rate() {
        use Arithmetic::{Add, Fma, Move};
        for arithmetic in [Add, Fma, Move] {
            for stride in -20..=20_i32 {
                let per_cycle = match (stride, stride.rem_euclid(8)) {
                    (0 | 1, _) | (_, 2 | 3 | 5 | 6) => 4,
                    (_, 1 | 4 | 7) => 2,
                    _ => 1,
                };
                let element = Element::F16;
                let operation = Operation { arithmetic, element, length: 1024, stride, ..MULTIPLY };
                assert_eq!(cycles(operation), 1024 / per_cycle + 6, "{operation:?}");
            }
        }
    }

    #[test]
    fn what_cannot_run_is_refused_with_the_reason() {
        let sram = 48 * 1024;
        assert_eq!(MULTIPLY.check(sram), Ok(()));
        let long = Operation { length: 7000, ..MULTIPLY };
        let refused = Refused::DoesNotFit { needed: 56_000, sram, most: 6144 };
        assert_eq!(long.check(sram), Err(refused));
        let mixed = Operation { element: Element::F16ToF32, ..MULTIPLY };
        assert_eq!(mixed.check(sram), Err(Refused::NoInstruction));
        let moved = Operation {
            arithmetic: Arithmetic::Move,
            placement: Placement::Conflicting,
            ..MULTIPLY
        };
        assert_eq!(moved.check(sram), Err(Refused::NothingConflicts));
    }

    #[test]
    fn strides_share_their_gaps() {
        let strided = Operation { stride: 4, length: 3000, ..MULTIPLY };
        assert_eq!(strided.bytes(), 2 * (2999 * 8 + 2 + 8));
        assert!(strided.check(48 * 1024).is_ok());
        let dense = Operation { length: 3000, ..MULTIPLY };
        assert_eq!(dense.bytes(), 2 * 3000 * 4);
    }
}
