//! Latent attention with absorbed projections.
//!
//! Heads stand side by side along S, each on `head_columns` columns. `heads_together` heads form a
//! band and share one copy of the KV cache, whose tokens are dealt out over all PEs of the band:
//! the cut is tokens x heads.
//!
//! ```text
//! band:  | head 0 | head 1 |      columns: head_columns each
//!        | t0 t1 t2 t3 ... |      rows: attention_rows; every PE holds whole latents of its tokens
//! ```
//! Every PE gets the queries of its band's heads, scores its tokens, and the maxima, the sums and
//! the weighted latents are combined over the band.

use super::{Kernel, Lowering};
use crate::error::Error;
use crate::wafer::instruction::Spot;
use crate::wafer::phase::Axis;
use sim_fabric::mesh::collective::Collective;
use sim_fabric::mesh::program::DType;
use sim_sram::{Kind, Owner, VectorOp};
use workloads::model::{Attention, WeightFormat};

/// What is said of attention that has no kernels here.
pub(super) fn not_yet() -> Error {
    Error::input(
        "grouped-query attention does not run on wafers yet; use a model with latent attention \
         (DeepSeek-V3, Kimi K2)",
    )
}

impl Lowering<'_> {
    /// Columns of all heads.
    pub(super) fn head_span(&self, heads: u32) -> Result<u32, Error> {
        let span = heads * self.choices.head_columns;
        let fits = span <= self.columns && heads.is_multiple_of(self.choices.heads_together);
        self.need(fits.then_some(span), "head_columns", self.choices.head_columns)
    }

    fn rows_of(&self, rows: u32, name: &str) -> Result<u32, Error> {
        self.need((rows <= self.rows && rows > 0).then_some(rows), name, rows)
    }

    /// Rotates the queries of all heads, and the new key.
    pub(super) fn rope(&self, kernel: &mut Kernel) -> Result<(), Error> {
        let Attention::Mla { heads, rope, .. } = self.attention else {
            return Err(not_yet());
        };
        let own = rope.div_ceil(self.choices.head_columns);
        let op = self.each(Kind::F16, own);
        self.work(kernel, &[op, op, op]);
        kernel.rectangle = [self.head_span(heads)?, 1];
        Ok(())
    }

    /// Each head's query into the space of latents.
    pub(super) fn q_absorb(&self, kernel: &mut Kernel, format: WeightFormat) -> Result<(), Error> {
        let Attention::Mla { heads, kv_lora, nope, .. } = self.attention else {
            return Err(not_yet());
        };
        let span = self.head_span(heads)?;
        let rows = self.rows_of(self.choices.absorb_rows, "absorb_rows")?;
        let (ins, outs) = (nope.div_ceil(self.choices.head_columns), kv_lora.div_ceil(rows));
        self.spread(kernel, Axis::O, (rows, 1), (ins * self.tokens, Spot::default()));
        self.work(kernel, &[self.tile(outs, ins, format)]);
        self.sum(kernel, Axis::S, (span, heads), (outs * self.tokens, Spot::default()))?;
        self.store(kernel, outs, ins, format);
        kernel.rectangle = [span, rows];
        Ok(())
    }

    /// Elements cached for each token.
    pub(super) fn latent_width(&self) -> u32 {
        match self.attention {
            Attention::Mla { kv_lora, rope, .. } => kv_lora + rope,
            Attention::Gqa { .. } => 0,
        }
    }

    /// In each column the slices of the new latent come to one PE, which divides it by its norm and,
    /// if it owns the token, keeps it. The slices came to the columns with `q_b`'s input.
    pub(super) fn kv_append(&self, kernel: &mut Kernel, width: u32) -> Result<(), Error> {
        let Attention::Mla { heads, .. } = self.attention else {
            return Err(not_yet());
        };
        let span = self.head_span(heads)?;
        let rows = self.rows_of(self.choices.qkv_rows, "qkv_rows")?;
        self.gather(
            kernel,
            Axis::O,
            (rows, 1, 1),
            (width.div_ceil(rows) * self.tokens, Spot::default()),
        );
        let root = VectorOp { kind: Kind::Special, inner: 1, outer: self.tokens };
        let all = self.each(Kind::F16, width);
        self.work(kernel, &[all, root, all]);
        // The token's owner may stand in any row: what is ready in the middle goes to all of them.
        let owners = self.rows_of(self.choices.attention_rows, "attention_rows")?;
        self.spread(kernel, Axis::O, (owners, 1), (width * self.tokens, Spot::default()));
        kernel.rectangle = [span, owners.max(rows)];
        Ok(())
    }

    /// Scores, softmax and the weighted sum of latents.
    pub(super) fn attend(&self, kernel: &mut Kernel, context: u32) -> Result<(), Error> {
        let Attention::Mla { heads, kv_lora, rope, .. } = self.attention else {
            return Err(not_yet());
        };
        let span = self.head_span(heads)?;
        let rows = self.rows_of(self.choices.attention_rows, "attention_rows")?;
        let together = self.choices.heads_together;
        let width = kv_lora + rope;
        // Queries of a chunk, and heads of a band, go through a few at a time: as many as their
        // buffer holds.
        let query_bytes = 2 * (width + kv_lora + 1);
        let at_once = (self.buffer / query_bytes).max(1);
        let heads_at_once = at_once.min(together);
        let queries_at_once = (at_once / heads_at_once).clamp(1, self.tokens);
        for from in (0..self.tokens).step_by(queries_at_once as usize) {
            let queries = queries_at_once.min(self.tokens - from);
            for head in (0..together).step_by(heads_at_once as usize) {
                let some = heads_at_once.min(together - head);
                let lowering = self.with_tokens(queries);
                lowering.attend_some(kernel, some, context, (span, rows))?;
            }
        }
        let at_once = heads_at_once * queries_at_once;
        let per_pe = self.tokens_per_pe(context, rows);
        let cache = u64::from(per_pe) * u64::from(2 * width);
        kernel.memory.push((Owner::KvCache, cache));
        kernel.holds(u64::from(at_once * query_bytes));
        kernel.rectangle = [span, rows];
        Ok(())
    }

    /// Cached tokens of the fullest PE; time depends on the context through this alone.
    pub fn tokens_per_pe(&self, context: u32, rows: u32) -> u32 {
        let band = self.choices.heads_together * self.choices.head_columns * rows;
        context.div_ceil(band)
    }

    /// The same for the next `together` heads of each band.
    fn attend_some(
        &self,
        kernel: &mut Kernel,
        together: u32,
        context: u32,
        (span, rows): (u32, u32),
    ) -> Result<(), Error> {
        let Attention::Mla { heads, kv_lora, rope, .. } = self.attention else {
            return Err(not_yet());
        };
        let columns = self.choices.head_columns;
        let bands = heads / self.choices.heads_together;
        let absorb_rows = self.rows_of(self.choices.absorb_rows, "absorb_rows")?;
        let width = kv_lora + rope;
        let n = self.tokens;
        let part = kv_lora.div_ceil(absorb_rows);

        // Queries: slices along O go to all columns of the band, in each column to its middle and
        // from there, with the rotary parts, to every row.
        if together > 1 {
            self.gather(kernel, Axis::S, (span, bands, columns), (part * n, Spot::default()));
        }
        self.spread(kernel, Axis::S, (span, bands), (together * part * n, Spot::default()));
        self.gather(
            kernel,
            Axis::S,
            (span, bands, 1),
            (rope.div_ceil(columns) * n, Spot::default()),
        );
        self.spread(kernel, Axis::S, (span, bands), (together * rope * n, Spot::default()));
        self.gather(kernel, Axis::O, (absorb_rows, 1, 1), (together * part * n, Spot::default()));
        self.spread(kernel, Axis::O, (rows, 1), (together * width * n, Spot::default()));

        let cached = self.tokens_per_pe(context, rows);
        let scores = together * cached;
        let product = |outs: (u32, u32), depth: u32| {
            let rate = self.timer.pe.f16_per_cycle;
            let (inner, rest) = if outs.0.div_ceil(rate) * outs.1 <= outs.1.div_ceil(rate) * outs.0
            {
                (outs.0, outs.1)
            } else {
                (outs.1, outs.0)
            };
            let dot = VectorOp { kind: Kind::F16, inner: depth, outer: inner * rest * n };
            let axpy = VectorOp { kind: Kind::F16, inner, outer: rest * depth * n };
            let vectors = |op: VectorOp| op.inner.div_ceil(rate) * op.outer;
            if vectors(dot) < vectors(axpy) { dot } else { axpy }
        };
        let max = VectorOp { kind: Kind::Max, inner: cached, outer: together * n };
        self.work(kernel, &[product((together, cached), width), self.each(Kind::F16, scores), max]);
        let peak = (DType::F16, true);
        self.combine(kernel, Axis::O, (rows, 1), (together * n, Spot::default()), peak)?;
        self.combine(kernel, Axis::S, (span, bands), (together * n, Spot::default()), peak)?;
        self.spread(kernel, Axis::S, (span, bands), (together * n, Spot::default()));
        self.spread(kernel, Axis::O, (rows, 1), (together * n, Spot::default()));

        let exponentials = VectorOp { kind: Kind::Special, inner: 1, outer: scores * n };
        let total = self.each(Kind::F16, scores);
        let weighted = product((kv_lora, together), cached);
        self.work(kernel, &[self.each(Kind::F16, scores), exponentials, total, weighted]);
        // Each column of the band gets the sums of its slice of the latents, and the exponentials' sum.
        let slice = (kv_lora.div_ceil(columns) + 1) * n;
        if span > bands {
            let share = Collective::ReduceScatter;
            kernel.phases.push(self.line(Axis::S, span, bands, share, (slice, Spot::default())));
        }
        self.sum(kernel, Axis::O, (rows, 1), (slice, Spot::default()))
    }

    /// Each head's weighted latent into its value.
    pub(super) fn v_up(&self, kernel: &mut Kernel, format: WeightFormat) -> Result<(), Error> {
        let Attention::Mla { heads, kv_lora, value, .. } = self.attention else {
            return Err(not_yet());
        };
        let span = self.head_span(heads)?;
        let rows = self.rows_of(self.choices.value_rows, "value_rows")?;
        let (ins, outs) = (kv_lora.div_ceil(self.choices.head_columns), value.div_ceil(rows));
        let reciprocal = VectorOp { kind: Kind::Special, inner: 1, outer: self.tokens };
        self.work(kernel, &[reciprocal, self.each(Kind::F16, ins)]);
        self.spread(kernel, Axis::O, (rows, 1), (ins * self.tokens, Spot::default()));
        self.work(kernel, &[self.tile(outs, ins, format)]);
        self.sum(kernel, Axis::S, (span, heads), (outs * self.tokens, Spot::default()))?;
        self.store(kernel, outs, ins, format);
        kernel.rectangle = [span, rows];
        Ok(())
    }

    /// Values of all heads come together in each row and go through the output projection.
    pub(super) fn o_proj(&self, kernel: &mut Kernel, format: WeightFormat) -> Result<(), Error> {
        let Attention::Mla { heads, value, .. } = self.attention else {
            return Err(not_yet());
        };
        let span = self.head_span(heads)?;
        let rows = self.rows_of(self.choices.value_rows, "value_rows")?;
        let residual = self.residual()?;
        let each = value.div_ceil(rows);
        let every = self.choices.head_columns;
        self.gather(kernel, Axis::S, (span, 1, every), (each * self.tokens, Spot::default()));
        self.spread(
            kernel,
            Axis::S,
            (residual.pes(), 1),
            (heads * each * self.tokens, Spot::default()),
        );
        self.work(kernel, &[self.tile(residual.own(), heads * each, format)]);
        self.sum(kernel, Axis::O, (rows, 1), (residual.own() * self.tokens, Spot::default()))?;
        self.store(kernel, residual.own(), heads * each, format);
        kernel.rectangle = [residual.pes(), rows];
        Ok(())
    }
}
