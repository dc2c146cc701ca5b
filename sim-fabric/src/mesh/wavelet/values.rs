//! What wavelets carry: nothing when only times are wanted.

use crate::mesh::program::Program;

/// What wavelets carry and what operations make of it.
pub(super) trait Payload {
    /// What one wavelet carries.
    type Value: Copy + Default;

    /// Wavelet `k` of operation `op` of PE `pe`: what it takes in, what it sends or stores.
    fn wavelet(
        &mut self,
        program: &Program,
        pe: usize,
        op: u16,
        k: u32,
        input: Self::Value,
    ) -> Self::Value;

    /// All of operation `op` of PE `pe`, which has no fabric operands.
    fn whole(&mut self, program: &Program, pe: usize, op: u16);
}

/// Times only.
pub(super) struct Nothing;

impl Payload for Nothing {
    type Value = ();

    fn wavelet(&mut self, _: &Program, _: usize, _: u16, _: u32, _: ()) {}

    fn whole(&mut self, _: &Program, _: usize, _: u16) {}
}
