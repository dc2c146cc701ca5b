//! One layer (or one end of the model) on its rectangle: all operators, timed one behind the other.

use super::choices::Choices;
use super::field::Field;
use super::kernels::{Kernel, Lowering, Routed, Timed};
use super::timer::{Spent, Timer};
use crate::error::Error;
use sim_sram::{Ledger, Owner};
use workloads::forward::{Operator, OperatorKind};
use workloads::model::Attention;

/// What stands on a rectangle.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// "moe", "dense", "embedding" or "head".
    pub kind: &'static str,
    /// Operators in the order in which they run.
    pub operators: Vec<Operator>,
}

/// What a part is run with.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// Hardware.
    pub timer: &'a Timer,
    /// PEs along S.
    pub columns: u32,
    /// PEs along O.
    pub rows: u32,
    /// Elements of the residual stream.
    pub hidden: u32,
    /// Shapes of attention.
    pub attention: Attention,
    /// Tokens that go through together.
    pub tokens: u32,
    /// Distinct routed experts that these tokens use.
    pub distinct_experts: u32,
    /// Bytes of a PE for vectors between operators `[bytes]`.
    pub buffer: u32,
    /// Only what is stored matters: nothing is simulated to choose between collectives.
    pub bytes_only: bool,
}

/// A part as it ran.
#[derive(Clone, Debug)]
pub struct LayerRun {
    /// Its operators.
    pub operators: Vec<Timed>,
    /// From the input being on the middle row to the output being there `[cycles]`.
    pub spent: Spent,
}

impl<'a> Run<'a> {
    /// Kernels of `part` under `choices`.
    pub fn kernels(&self, part: &Part, choices: &'a Choices) -> Result<Vec<Kernel>, Error> {
        let lowering = self.lowering_of(part, choices);
        part.operators.iter().map(|operator| lowering.kernel(operator)).collect()
    }

    /// What the kernels of `part` share.
    pub fn lowering_of(&self, part: &Part, choices: &'a Choices) -> Lowering<'a> {
        let routed = part.operators.iter().find_map(|operator| match operator.kind {
            OperatorKind::Experts { experts, top_k, shared, ins: width, combine: true, .. } => {
                Some(Routed { top_k, shared, experts, width })
            }
            _ => None,
        });
        Lowering { routed, ..self.lowering(choices) }
    }

    /// What all kernels share.
    pub fn lowering(&self, choices: &'a Choices) -> Lowering<'a> {
        Lowering { run: *self, choices, routed: None }
    }

    /// Runs `kernels` one behind the other, each PE going on as soon as it can.
    pub fn time(&self, kernels: Vec<Kernel>) -> Result<LayerRun, Error> {
        let mut field = Field::new(self.columns, self.rows);
        let mut run = LayerRun { operators: Vec::new(), spent: Spent::default() };
        for kernel in kernels {
            let spent = self.timer.run(&kernel.phases, &mut field)?;
            run.spent.add(&spent);
            run.operators.push(Timed { kernel, spent });
        }
        Ok(run)
    }
}

/// The fullest PE's bytes. `buffer` bytes of the `reserve` hold the vectors between operators.
pub fn ledger(kernels: &[Kernel], reserve: u64, buffer: u64) -> Ledger {
    let mut ledger = Ledger::default();
    let buffer = buffer.min(reserve);
    ledger.enter("code and runtime", Owner::Reserve, reserve - buffer);
    ledger.enter("vectors between operators", Owner::Activations, buffer);
    for kernel in kernels {
        for &(owner, bytes) in &kernel.memory {
            ledger.enter(kernel.name, owner, bytes);
        }
    }
    ledger
}

/// Bytes of the largest vector that a PE holds meanwhile `[bytes]`.
pub fn activations(kernels: &[Kernel]) -> u64 {
    kernels.iter().map(|kernel| kernel.vector_bytes).max().unwrap_or(0)
}

/// Whether an operator attends to cached tokens.
pub fn attends(operator: &Operator) -> bool {
    matches!(
        operator.kind,
        OperatorKind::LatentAttention { .. } | OperatorKind::GroupedAttention { .. }
    )
}
