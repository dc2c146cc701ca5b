//! What wavelets carry: nothing when only times are wanted, numbers when results are to be seen.

use crate::mesh::check::at;
use crate::mesh::program::{FabricError, Op, OpKind, Operand, Program};

/// What wavelets carry and what operations make of it.
pub(super) trait Payload {
    /// What one wavelet carries.
    type Value: Copy + Default;

    /// Whether that is anything.
    const CARRIES: bool;

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

    /// What went wrong on the way.
    fn fault(&mut self) -> Option<FabricError> {
        None
    }
}

/// Times only.
pub(super) struct Nothing;

impl Payload for Nothing {
    type Value = ();
    const CARRIES: bool = false;

    fn wavelet(&mut self, _: &Program, _: usize, _: u16, _: u32, _: ()) {}

    fn whole(&mut self, _: &Program, _: usize, _: u16) {}
}

/// Numbers, and the memory of each PE that they come from and go to. A wavelet has room for two
/// elements; those of 16 bits are carried as 32-bit numbers and not rounded.
pub(super) struct Numbers<'a> {
    memory: &'a mut [Vec<f32>],
    fault: Option<FabricError>,
}

impl<'a> Numbers<'a> {
    pub(super) fn new(memory: &'a mut [Vec<f32>]) -> Self {
        Self { memory, fault: None }
    }

    /// Checks that every memory operand lies in its PE's memory.
    pub(super) fn check(&self, program: &Program) -> Result<(), FabricError> {
        if self.memory.len() != program.class_of.len() {
            let problem =
                format!("{} memories for {} PEs", self.memory.len(), program.class_of.len());
            return Err(at(program, 0, problem));
        }
        for (pe, memory) in self.memory.iter().enumerate() {
            for (index, op) in program.class(pe).ops.iter().enumerate() {
                if op.kind == OpKind::Local {
                    continue;
                }
                let operands = op.sources().into_iter().chain([op.dst]);
                let reaches = operands.filter_map(|operand| match operand {
                    Operand::Memory(first) => {
                        Some((i64::from(first), i64::from(first) + i64::from(op.span()) - 1))
                    }
                    Operand::Walk(walk) => {
                        let (low, high) = walk.reach();
                        let at = walk.index.map(|index| i64::from(index.at));
                        Some((low.min(at.unwrap_or(low)), high.max(at.unwrap_or(high))))
                    }
                    Operand::None | Operand::Fabric(_) => None,
                });
                let room = memory.len();
                for (low, high) in reaches {
                    if low < 0 || high >= room as i64 {
                        let worst = if low < 0 { low } else { high + 1 };
                        let problem =
                            format!("op {index} reaches element {worst} of a memory of {room}");
                        return Err(at(program, pe, problem));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Where element `element` of a memory operand lies; beyond all memory where an index leads out of it.
fn address(op: &Op, operand: Operand, element: u32, memory: &[f32]) -> Option<usize> {
    match operand {
        Operand::None | Operand::Fabric(_) => None,
        Operand::Memory(first) => Some((first + element % op.span()) as usize),
        Operand::Walk(walk) => {
            let moved = walk.index.map_or(0, |index| {
                memory.get(index.at as usize).map_or(0, |&n| n as i64 * i64::from(index.scale))
            });
            Some(usize::try_from(walk.address(element) + moved).unwrap_or(usize::MAX))
        }
    }
}

impl Payload for Numbers<'_> {
    type Value = [f32; 2];
    const CARRIES: bool = true;

    fn fault(&mut self) -> Option<FabricError> {
        self.fault.take()
    }

    fn wavelet(
        &mut self,
        program: &Program,
        pe: usize,
        op: u16,
        k: u32,
        input: [f32; 2],
    ) -> [f32; 2] {
        let index = op;
        let op = &program.class(pe).ops[op as usize];
        let memory = &mut self.memory[pe];
        let fault = &mut self.fault;
        let mut leads_out = || {
            let problem = format!("op {index} reads an address in memory that leads out of it");
            fault.get_or_insert_with(|| at(program, pe, problem));
        };
        let lanes = op.dtype.per_wavelet();
        let mut result = [0.0; 2];
        for lane in 0..lanes.min(op.elements - k * lanes) {
            let element = k * lanes + lane;
            let source = |operand: Operand| match operand {
                Operand::Fabric(_) => input[lane as usize],
                _ => address(op, operand, element, memory)
                    .map_or(0.0, |at| memory.get(at).copied().unwrap_or(f32::NAN)),
            };
            let (a, b) = (source(op.a), source(op.b));
            let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
            let value = match op.kind {
                OpKind::Move | OpKind::Local => a,
                OpKind::Add => a + b,
                OpKind::Max => a.max(b),
                OpKind::Mul => a * b,
                OpKind::Fma => a.mul_add(b, source(op.c)),
                OpKind::Sub => a - b,
                OpKind::Greater => truth(a > b),
                OpKind::GreaterEqual => truth(a >= b),
                OpKind::Exp => a.exp(),
                OpKind::Reciprocal => a.recip(),
                OpKind::RootReciprocal => a.sqrt().recip(),
            };
            result[lane as usize] = value;
            let mut places = op.sources().into_iter().chain([op.dst]);
            if places.any(|o| address(op, o, element, memory).is_some_and(|at| at >= memory.len()))
            {
                leads_out();
            } else if let Some(at) = address(op, op.dst, element, memory) {
                memory[at] = value;
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
