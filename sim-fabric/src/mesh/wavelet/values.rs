//! What wavelets carry: nothing when only times are wanted, numbers when results are to be seen.

use crate::mesh::check::at;
use crate::mesh::program::{FabricError, OpKind, Operand, Program};

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

/// Numbers, and the memory of each PE that they come from and go to. A wavelet has room for two
/// elements; those of 16 bits are carried as 32-bit numbers and not rounded.
pub(super) struct Numbers<'a>(pub(super) &'a mut [Vec<f32>]);

impl Numbers<'_> {
    /// Checks that every memory operand lies in its PE's memory.
    pub(super) fn check(&self, program: &Program) -> Result<(), FabricError> {
        if self.0.len() != program.class_of.len() {
            let problem = format!("{} memories for {} PEs", self.0.len(), program.class_of.len());
            return Err(at(program, 0, problem));
        }
        for (pe, memory) in self.0.iter().enumerate() {
            for (index, op) in program.class(pe).ops.iter().enumerate() {
                let ends = [op.dst, op.a, op.b].into_iter().filter_map(|operand| match operand {
                    Operand::Memory(first) => Some(u64::from(first) + u64::from(op.span())),
                    _ => None,
                });
                let end = ends.max().unwrap_or(0);
                if op.kind != OpKind::Local && end > memory.len() as u64 {
                    let room = memory.len();
                    let problem = format!("op {index} reaches element {end} of a memory of {room}");
                    return Err(at(program, pe, problem));
                }
            }
        }
        Ok(())
    }
}

impl Payload for Numbers<'_> {
    type Value = [f32; 2];

    fn wavelet(
        &mut self,
        program: &Program,
        pe: usize,
        op: u16,
        k: u32,
        input: [f32; 2],
    ) -> [f32; 2] {
        let op = &program.class(pe).ops[op as usize];
        let memory = &mut self.0[pe];
        let lanes = op.dtype.per_wavelet();
        let mut result = [0.0; 2];
        for lane in 0..lanes.min(op.elements - k * lanes) {
            let element = k * lanes + lane;
            let element = element % op.span();
            let source = |operand: Operand| match operand {
                Operand::Memory(first) => memory[(first + element) as usize],
                Operand::Fabric(_) => input[lane as usize],
                Operand::None => 0.0,
            };
            let (a, b) = (source(op.a), source(op.b));
            let value = match op.kind {
                OpKind::Move | OpKind::Local => a,
                OpKind::Add => a + b,
                OpKind::Max => a.max(b),
                OpKind::Mul => a * b,
            };
            result[lane as usize] = value;
            if let Operand::Memory(first) = op.dst {
                memory[(first + element) as usize] = value;
            }
        }
        result
    }

    fn whole(&mut self, program: &Program, pe: usize, op: u16) {
        let description = &program.class(pe).ops[op as usize];
        if description.kind != OpKind::Local {
            for k in 0..description.wavelets() {
                self.wavelet(program, pe, op, k, [0.0; 2]);
            }
        }
    }
}
