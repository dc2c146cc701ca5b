//! Kernels: each operator of the forward pass as phases on a layer's rectangle.
//!
//! # How vectors lie
//! The residual stream lies along S on the middle row: the columns that are used share it out. A
//! matrix whose input lies along one axis has its output along the other: the input is spread along
//! the lines of the other axis, each PE multiplies its tile, and partial sums are combined along
//! lines of the input's axis, in their middle. So products alternate between the axes and nothing
//! is ever transposed:
//!
//! ```text
//! residual (S) -> q_a_kv_a (O) -> q_b (S, heads side by side) -> q_absorb (O) -> attention (S) ->
//! v_up (O) -> o_proj (S) -> experts_gate_up (O) -> experts_down (S)
//! ```
//! Sizes that do not divide are padded: the fullest PE is what is timed.

pub(super) mod attention;
pub mod buffers;
mod ends;
mod experts;
mod gemv;
mod grouped;
mod norm;
pub mod regions;

use super::choices::{Choices, Cut};
use super::instruction::{Instruction, Spot};
use super::layer::Run;
use super::phase::{Axis, LinePhase, LocalPhase, Phase};
use super::timer::Spent;
use crate::error::Error;
use sim_fabric::mesh::collective::{Collective, Reduce};
use sim_fabric::mesh::program::{DType, OpKind};
use sim_sram::{Kind, Owner};
use std::ops::Deref;
use workloads::forward::{Operator, OperatorKind};
use workloads::model::WeightFormat;

/// An operator on a rectangle of PEs.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Name of the operator.
    pub name: &'static str,
    /// What happens.
    pub phases: Vec<Phase>,
    /// Columns and rows in use.
    pub rectangle: [u32; 2],
    /// How partial results are combined; empty where none are.
    pub collective: String,
    /// Bytes that stay on the fullest PE, by owner.
    pub memory: Vec<(Owner, u64)>,
    /// Bytes of the largest vector that a PE holds meanwhile `[bytes]`.
    pub vector_bytes: u64,
    /// Operations of one token `[FLOP]`.
    pub flops: u64,
    /// Weight bytes read for one token `[bytes]`.
    pub weight_bytes: u64,
}

/// A kernel and how long it took.
#[derive(Clone, Debug)]
pub struct Timed {
    /// The kernel.
    pub kernel: Kernel,
    /// Where its time went.
    pub spent: Spent,
}

/// What all kernels of a layer share while they are written: what the layer is run with, whose fields
/// are read as the lowering's own, and its mapping.
#[derive(Clone, Copy)]
pub struct Lowering<'a> {
    /// Hardware, rectangle, shapes and tokens.
    pub run: Run<'a>,
    /// The mapping.
    pub choices: &'a Choices,
    /// Experts of each token, if the part has any.
    pub routed: Option<Routed>,
}

/// Experts that each token uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routed {
    /// Chosen by the router.
    pub top_k: u32,
    /// Used by all.
    pub shared: u32,
    /// Experts from which the router chooses.
    pub experts: u32,
    /// Elements of each one's intermediate vector.
    pub width: u32,
}

impl<'a> Deref for Lowering<'a> {
    type Target = Run<'a>;

    fn deref(&self) -> &Run<'a> {
        &self.run
    }
}

impl Kernel {
    /// A PE holds a vector of so many bytes.
    fn holds(&mut self, bytes: u64) {
        self.vector_bytes = self.vector_bytes.max(bytes);
    }
}

impl<'a> Lowering<'a> {
    /// The kernel of `operator`. Where the vectors of all tokens do not fit the buffer, as many tokens
    /// as do go through one behind the other.
    ///
    /// # Errors
    /// [`Error::DoesNotFit`] if the mapping's choices do not fit the rectangle.
    pub fn kernel(&self, operator: &Operator) -> Result<Kernel, Error> {
        let some = |tokens: u32| self.with_tokens(tokens).whole(operator);
        let mut at_once = self.tokens;
        let mut kernel = some(at_once)?;
        while kernel.vector_bytes > u64::from(self.buffer) && at_once > 1 {
            at_once = at_once.div_ceil(2);
            kernel = some(at_once)?;
        }
        let mut done = at_once;
        while done < self.tokens {
            let next = at_once.min(self.tokens - done);
            kernel.phases.extend(some(next)?.phases);
            done += next;
        }
        Ok(kernel)
    }

    /// The same for another number of tokens.
    fn with_tokens(&self, tokens: u32) -> Self {
        Self { run: Run { tokens, ..self.run }, ..*self }
    }

    /// The kernel of `operator`, all tokens together.
    fn whole(&self, operator: &Operator) -> Result<Kernel, Error> {
        let mut kernel = Kernel {
            name: operator.name,
            phases: vec![LocalPhase::timed(self.timer.pe.start())],
            rectangle: [0, 0],
            collective: String::new(),
            memory: Vec::new(),
            vector_bytes: 0,
            flops: operator.flops,
            weight_bytes: operator.weight_bytes,
        };
        if self.grouped(&mut kernel, operator)? {
            return Ok(kernel);
        }
        match (operator.kind, operator.name) {
            (OperatorKind::Embedding { vocabulary, .. }, _) => {
                let bytes = u64::from(vocabulary) * operator.weight_bytes;
                self.embedding(&mut kernel, bytes)?;
            }
            (OperatorKind::RmsNorm { .. }, "q_norm") => self.q_norm(&mut kernel)?,
            // What it does to the latent is part of `kv_append`, its weights of the matrices behind.
            (OperatorKind::RmsNorm { .. }, "kv_norm") => {
                kernel.phases.clear();
                kernel.rectangle = [1, self.choices.qkv_rows];
            }
            (OperatorKind::RmsNorm { .. }, _) => self.norm(&mut kernel)?,
            (OperatorKind::HeadNorm { .. } | OperatorKind::GroupedAttention { .. }, _)
            | (OperatorKind::Linear { .. }, "qkv") => return Err(attention::not_yet()),
            (OperatorKind::Linear { ins, outs, format }, name) => {
                self.linear(&mut kernel, name, ins, outs, format)?;
            }
            (OperatorKind::PerHeadLinear { format, .. }, "q_absorb") => {
                self.q_absorb(&mut kernel, format)?;
            }
            (OperatorKind::PerHeadLinear { format, .. }, _) => self.v_up(&mut kernel, format)?,
            (OperatorKind::Rope { .. }, _) => self.rope(&mut kernel)?,
            (OperatorKind::KvAppend { width }, _) => self.kv_append(&mut kernel, width)?,
            (OperatorKind::LatentAttention { context, .. }, _) => {
                self.attend(&mut kernel, context)?;
            }
            (OperatorKind::TopK { experts, top_k }, _) => {
                self.top_k(&mut kernel, experts, top_k)?
            }
            (OperatorKind::Experts { combine, .. }, _) if combine => {
                self.experts_down(&mut kernel, operator.kind)?;
            }
            (OperatorKind::Experts { .. }, _) => {
                self.experts_gate_up(&mut kernel, operator.kind)?
            }
            (OperatorKind::SwiGlu { width }, _) => self.swiglu(&mut kernel, width)?,
            (OperatorKind::Residual { .. }, _) => self.add_residual(&mut kernel)?,
            (OperatorKind::Sample { vocabulary }, _) => self.sample(&mut kernel, vocabulary)?,
        }
        Ok(kernel)
    }

    /// How the residual stream is cut over the columns.
    pub fn residual(&self) -> Result<Cut, Error> {
        let cut = Cut::new(self.hidden, self.choices.residual_tile, self.columns);
        self.need(cut, "residual_tile", self.choices.residual_tile)
    }

    fn need<T>(&self, cut: Option<T>, name: &str, value: u32) -> Result<T, Error> {
        cut.ok_or_else(|| {
            Error::DoesNotFit(format!(
                "mapping: {name} = {value} does not fit a rectangle of {} x {} PEs",
                self.columns, self.rows
            ))
        })
    }

    fn line(
        &self,
        axis: Axis,
        pes: u32,
        segments: u32,
        collective: Collective,
        (elements, on): (u32, Spot),
    ) -> Phase {
        let dtype = DType::F16;
        Phase::Line(LinePhase { axis, pes, segments, collective, elements, dtype, on })
    }

    /// The middle of each line hands `elements` to all of its `pes` PEs.
    fn spread(
        &self,
        kernel: &mut Kernel,
        axis: Axis,
        (pes, segments): (u32, u32),
        (elements, on): (u32, Spot),
    ) {
        kernel.holds(2 * u64::from(elements));
        if pes > segments && elements > 0 {
            let what = Collective::Broadcast;
            kernel.phases.push(self.line(axis, pes, segments, what, (elements, on)));
        }
    }

    /// `elements` of one in `every` PEs come to the middle of each line; of each `every` it is the
    /// one in the middle, where sums over them end.
    fn gather(
        &self,
        kernel: &mut Kernel,
        axis: Axis,
        (pes, segments, every): (u32, u32, u32),
        (elements, on): (u32, Spot),
    ) {
        kernel.holds(2 * u64::from(elements * (pes / segments).div_ceil(every)));
        if pes > segments && elements > 0 {
            let collective = Collective::Gather { every, offset: every / 2 };
            kernel.phases.push(self.line(axis, pes, segments, collective, (elements, on)));
        }
    }

    /// `elements` of all PEs of a line are combined in its middle, the fastest way.
    fn combine(
        &self,
        kernel: &mut Kernel,
        axis: Axis,
        (pes, segments): (u32, u32),
        (elements, on): (u32, Spot),
        (dtype, max): (DType, bool),
    ) -> Result<(), Error> {
        kernel.holds(u64::from(elements) * 4 / u64::from(dtype.per_wavelet()));
        if pes <= segments {
            return Ok(());
        }
        let by = match self.bytes_only {
            true => Reduce::Chain,
            false => self.timer.best_reduce(pes, segments, elements, dtype, max)?,
        };
        if !kernel.collective.is_empty() {
            kernel.collective.push_str(" + ");
        }
        let along = match axis {
            Axis::S => "row",
            Axis::O => "column",
        };
        kernel.collective.push_str(&format!("{by} along {along}s of {}", pes / segments));
        let collective = Collective::Reduce { by, max };
        kernel.phases.push(Phase::Line(LinePhase {
            axis,
            pes,
            segments,
            collective,
            elements,
            dtype,
            on,
        }));
        Ok(())
    }

    /// Partial sums, in as many bits as the hardware's numbers say.
    fn sum(
        &self,
        kernel: &mut Kernel,
        axis: Axis,
        line: (u32, u32),
        what: (u32, Spot),
    ) -> Result<(), Error> {
        let dtype = if self.timer.pe.sum_bits > 16 { DType::F32 } else { DType::F16 };
        self.combine(kernel, axis, line, what, (dtype, false))
    }

    /// Vector operations in each PE, one behind the other.
    fn work<T: Into<Instruction> + Copy>(&self, kernel: &mut Kernel, ops: &[T]) {
        if !matches!(kernel.phases.last(), Some(Phase::Local(_))) && !ops.is_empty() {
            kernel.phases.push(Phase::Local(LocalPhase::default()));
        }
        if let Some(Phase::Local(local)) = kernel.phases.last_mut() {
            for op in ops.iter().map(|&op| op.into()) {
                let mut vectors = op.cost();
                if op.what == OpKind::Fma && vectors.kind == Kind::F16 {
                    vectors.kind = Kind::Fma;
                }
                local.cost += self.timer.pe.cost(vectors);
                local.instructions.push(op);
            }
        }
    }

    /// Enters the bytes of a tile: weights, and the scales that it needs.
    fn store(&self, kernel: &mut Kernel, outs: u32, ins: u32, format: WeightFormat) {
        let (outs, ins) = (u64::from(outs), u64::from(ins));
        kernel.memory.push((Owner::Weights, format.weight_bytes(outs, ins)));
        let scales = format.scale_bytes(outs, ins);
        if scales > 0 {
            kernel.memory.push((Owner::Scales, scales));
        }
    }
}

/// How weights stored in `format` are multiplied.
fn multiply(format: WeightFormat) -> Kind {
    if format.bits <= 8 { Kind::F16Int4 } else { Kind::Fma }
}
