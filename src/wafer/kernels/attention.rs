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

use super::buffers::{self, share};
use super::{Kernel, Lowering};
use crate::error::Error;
use crate::wafer::instruction::{Instruction, Place, Spot};
use crate::wafer::phase::Axis;
use sim_fabric::mesh::collective::{Collective, gathered};
use sim_fabric::mesh::program::{DType, OpKind};
use sim_sram::{Kind, Owner};
use workloads::model::{Attention, WeightFormat};

/// What is said of attention that has no kernels here.
pub(super) fn not_yet() -> Error {
    Error::input(
        "this operator is one of latent attention (DeepSeek-V3, Kimi K2); the model has grouped queries",
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

    /// Rotates pairs of neighbours: `cos x + sin x'`, where `x'` is the pair exchanged and the sines carry
    /// the sign.
    fn rotate(&self, width: u32, (from, to, table): (Spot, Spot, Spot)) -> [Instruction; 2] {
        let to = Place::from(to);
        let exchanged = Place::strided(from.plus(1), [-1, 2]);
        let pairs = |first| Place::strided(first, [1, 2]);
        let result = to.with([1, 2]);
        let sines = pairs(table.plus(width));
        let both = [exchanged, sines, result];
        [
            self.op(Kind::F16, OpKind::Mul, &[width], to, &[from.into(), table.into()]),
            self.op(Kind::F16, OpKind::Fma, &[2, width / 2], result, &both),
        ]
    }

    /// Rotates the queries of all heads.
    pub(super) fn rope(&self, kernel: &mut Kernel) -> Result<(), Error> {
        let Attention::Mla { heads, .. } = self.attention else {
            return Err(not_yet());
        };
        let cut = self.q_b_buffers()?;
        let places = (cut.rotary(), self.rotary_query()?, buffers::ROTATION);
        self.work(kernel, &self.rotate(cut.rope, places));
        kernel.rectangle = [self.head_span(heads)?, 1];
        Ok(())
    }

    /// Each head's query into the space of latents.
    pub(super) fn q_absorb(&self, kernel: &mut Kernel, format: WeightFormat) -> Result<(), Error> {
        let Attention::Mla { heads, kv_lora, .. } = self.attention else {
            return Err(not_yet());
        };
        let span = self.head_span(heads)?;
        let rows = self.rows_of(self.choices.absorb_rows, "absorb_rows")?;
        let cut = self.q_b_buffers()?;
        let (ins, outs) = (cut.nope, share(kv_lora, rows));
        let x = cut.out();
        self.spread(kernel, Axis::O, (rows, 1), (ins * self.tokens, x));
        let tile = self.cut_tile(outs, ins, (1, 0));
        let places = (buffers::QUERY.into(), Spot::of(kernel.name).into(), x.into());
        self.work(kernel, &[self.multiply(format, tile, places)]);
        self.sum(kernel, Axis::S, (span, heads), (outs * self.tokens, buffers::QUERY))?;
        self.store(kernel, outs, ins, format);
        kernel.rectangle = [span, rows];
        Ok(())
    }

    /// Where the rotary parts of a band's queries lie: behind what the rows hold of the others.
    fn rotary_query(&self) -> Result<Spot, Error> {
        let Attention::Mla { kv_lora, .. } = self.attention else {
            return Err(not_yet());
        };
        let rows = self.choices.absorb_rows;
        let together = self.heads_at_once();
        Ok(buffers::QUERY.plus(rows * together * share(kv_lora, rows)))
    }

    /// Elements cached for each token.
    pub(super) fn latent_width(&self) -> u32 {
        match self.attention {
            Attention::Mla { kv_lora, rope, .. } => kv_lora + rope,
            Attention::Gqa { .. } => 0,
        }
    }

    /// In each column the slices of the new latent come to one PE, which divides it by its norm (whose
    /// weights are part of the matrices that read latents), rotates the key and, if it owns the token, keeps both. The slices came to the columns with
    /// `q_b`'s input. The owner may stand in any row: the whole goes to all of them, and those that do
    /// not own the token keep it in a place that is not read.
    pub(super) fn kv_append(&self, kernel: &mut Kernel, width: u32) -> Result<(), Error> {
        let Attention::Mla { heads, kv_lora, rope, .. } = self.attention else {
            return Err(not_yet());
        };
        let span = self.head_span(heads)?;
        let rows = self.rows_of(self.choices.qkv_rows, "qkv_rows")?;
        let cut = self.q_b_buffers()?;
        let slices = cut.latent();
        self.gather(kernel, Axis::O, (rows, 1, 1), (cut.latent * self.tokens, slices));
        let (x, latent) = (Place::from(slices), Place::from(buffers::NEW));
        let squares = Place::one(Spot::of("latent_squares"));
        let key = (slices.plus(kv_lora), buffers::NEW.plus(kv_lora), buffers::KEY_ROTATION);
        self.work(
            kernel,
            &[
                self.op(Kind::F16, OpKind::Fma, &[kv_lora], squares, &[x, x, squares]),
                self.op(Kind::Special, OpKind::RootReciprocal, &[1], squares, &[squares]),
                self.op(Kind::F16, OpKind::Mul, &[kv_lora], latent, &[x, squares]),
            ],
        );
        self.work(kernel, &self.rotate(rope, key));
        let owners = self.rows_of(self.choices.attention_rows, "attention_rows")?;
        self.spread(kernel, Axis::O, (owners, 1), (width * self.tokens, buffers::NEW));
        let slot = Place::from(buffers::CACHE).indexed(buffers::ME_SLOT, width as i32);
        self.work(kernel, &[self.op(Kind::F16, OpKind::Move, &[width], slot, &[latent])]);
        kernel.rectangle = [span, owners.max(rows)];
        Ok(())
    }

    /// Heads of a band whose queries fit the buffer together.
    fn heads_at_once(&self) -> u32 {
        self.queries_at_once().min(self.choices.heads_together)
    }

    fn query_bytes(&self) -> u32 {
        match self.attention {
            Attention::Mla { kv_lora, rope, .. } => 2 * (kv_lora + rope + kv_lora + 1),
            Attention::Gqa { .. } => 1,
        }
    }

    fn queries_at_once(&self) -> u32 {
        (self.buffer / self.query_bytes()).max(1)
    }

    /// Scores, softmax and the weighted sum of latents.
    pub(super) fn attend(&self, kernel: &mut Kernel, context: u32) -> Result<(), Error> {
        let Attention::Mla { heads, .. } = self.attention else {
            return Err(not_yet());
        };
        let span = self.head_span(heads)?;
        let rows = self.rows_of(self.choices.attention_rows, "attention_rows")?;
        let together = self.choices.heads_together;
        let width = self.latent_width();
        // Queries of a chunk, and heads of a band, go through a few at a time: as many as their
        // buffer holds.
        let heads_at_once = self.heads_at_once();
        let queries_at_once = (self.queries_at_once() / heads_at_once).clamp(1, self.tokens);
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
        kernel.holds(u64::from(at_once * self.query_bytes()));
        kernel.rectangle = [span, rows];
        Ok(())
    }

    /// Cached tokens of the fullest PE; time depends on the context through this alone.
    pub fn tokens_per_pe(&self, context: u32, rows: u32) -> u32 {
        if let Attention::Gqa { .. } = self.attention {
            return context.div_ceil(self.residual().map_or(1, |cut| cut.pes()));
        }
        let band = self.choices.heads_together * self.choices.head_columns * rows;
        context.div_ceil(band)
    }

    /// Where each column finds its slice of the weighted latents, and how long the slice is.
    pub fn weighted_slice(&self) -> (Spot, u32) {
        let Attention::Mla { kv_lora, .. } = self.attention else {
            return (buffers::WEIGHTED, 0);
        };
        let columns = self.choices.head_columns;
        let slice = kv_lora.div_ceil(columns);
        // A share of a reduce comes to lie behind the shares of all.
        let band = self.choices.heads_together * columns;
        let shares = if band > 1 { band } else { 0 };
        (buffers::WEIGHTED.plus(shares * (slice + 1).next_multiple_of(2)), slice)
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
        let part = share(kv_lora, absorb_rows);
        let rotary = self.q_b_buffers()?.rope;
        let (query, query_rope) = (buffers::QUERY, self.rotary_query()?);

        // Queries: slices along O go to all columns of the band, in each column to its middle and
        // from there, with the rotary parts, to every row. Which head a column's rotary part belongs
        // to is free, so that they are gathered in the order of heads.
        if together > 1 {
            self.gather(kernel, Axis::S, (span, bands, columns), (part * n, query));
        }
        self.spread(kernel, Axis::S, (span, bands), (together * part * n, query));
        self.gather(kernel, Axis::S, (span, bands, 1), (rotary * n, query_rope));
        let rotary_all = together * columns * rotary;
        self.spread(kernel, Axis::S, (span, bands), (rotary_all * n, query_rope));
        self.gather(kernel, Axis::O, (absorb_rows, 1, 1), (together * part * n, query));
        let all = absorb_rows * together * part + rotary_all;
        self.spread(kernel, Axis::O, (rows, 1), (all * n, query));

        let cached = self.tokens_per_pe(context, rows);
        let heads_and_tokens = [cached, together];
        let (k, scores) = (buffers::CACHE, Place::from(buffers::SCORES));
        let (across, by_head) = (cached as i32, (columns * rotary) as i32);
        let (part_i, width_i, together_i) = (part as i32, width as i32, together as i32);
        let (peak, bias) = (buffers::PEAK, Place::strided(buffers::BIAS, [1, 0]));
        let scored = |strides: [i32; 4]| scores.with(strides);
        // A head's latent query lies in the parts of all rows; one head's are one behind the other.
        let latent = if together == 1 {
            let k = Place::strided(k, [1, width_i]);
            let to = scored([0, 1, 0, 0]);
            let from = [k, Place::strided(query, [1]), to];
            self.op(Kind::F16, OpKind::Fma, &[kv_lora, cached], to, &from)
        } else {
            // The longer of the two goes along the datapath's rows.
            let (q_by, lengths) = ([1, together_i * part_i], [part, absorb_rows]);
            let k_by = [1, part_i];
            let [i, j] = if part >= absorb_rows { [0, 1] } else { [1, 0] };
            let k = Place::strided(k, [k_by[i], k_by[j], width_i, 0]);
            let q = Place::strided(query, [q_by[i], q_by[j], 0, part_i]);
            let lengths = [lengths[i], lengths[j], cached, together];
            let to = scored([0, 0, 1, across]);
            self.op(Kind::F16, OpKind::Fma, &lengths, to, &[k, q, to])
        };
        let rotated = {
            let k = Place::strided(k.plus(kv_lora), [1, width_i]);
            let q = Place::strided(query_rope, [1, 0, by_head]);
            let to = scored([0, 1, across, 0]);
            self.op(Kind::F16, OpKind::Fma, &[rope, cached, together], to, &[k, q, to])
        };
        let highest = Place::strided(peak, [0, 1]);
        self.work(
            kernel,
            &[
                self.op(Kind::F16, OpKind::Move, &heads_and_tokens, scores, &[bias]),
                latent,
                rotated,
                self.op(Kind::Max, OpKind::Max, &heads_and_tokens, highest, &[scores, highest]),
            ],
        );
        let max = (DType::F16, true);
        self.combine(kernel, Axis::O, (rows, 1), (together * n, peak), max)?;
        self.combine(kernel, Axis::S, (span, bands), (together * n, peak), max)?;
        self.spread(kernel, Axis::S, (span, bands), (together * n, peak));
        self.spread(kernel, Axis::O, (rows, 1), (together * n, peak));

        let (result, slice) = self.weighted_slice();
        let each = (slice + 1).next_multiple_of(2);
        let lengths = [together * cached];
        let mut ops = vec![
            self.op(Kind::F16, OpKind::Sub, &heads_and_tokens, scores, &[scores, highest]),
            self.op(Kind::Special, OpKind::Exp, &lengths, scores, &[scores]),
        ];
        // Each column of the band gets its slice of the latents, and the exponentials' sum. Heads are
        // numbered as their queries were gathered, which is not the order of columns throughout.
        let by_segment = (columns * each) as i32;
        for (from, count, segment, step) in runs(&head_order(together, columns)) {
            let out = buffers::WEIGHTED.plus(segment * columns * each);
            let e = Place::strided(buffers::SCORES.plus(from * cached), [0, 0, 1, across]);
            let v = Place::strided(buffers::CACHE, [1, slice as i32, width_i, 0]);
            let to = Place::strided(out, [1, each as i32, 0, step * by_segment]);
            let lengths = [slice, columns, cached, count];
            ops.push(self.op(Kind::F16, OpKind::Fma, &lengths, to, &[e, v, to]));
            let e = e.with([0, 1, across]);
            let to = Place::strided(out.plus(slice), [each as i32, 0, step * by_segment]);
            ops.push(self.op(Kind::F16, OpKind::Add, &[columns, cached, count], to, &[to, e]));
        }
        self.work(kernel, &ops);
        if span > bands {
            let share = Collective::ReduceScatter;
            let what = ((slice + 1) * n, buffers::WEIGHTED);
            kernel.phases.push(self.line(Axis::S, span, bands, share, what));
        }
        self.sum(kernel, Axis::O, (rows, 1), ((slice + 1) * n, result))
    }

    /// Each head's weighted latent into its value.
    pub(super) fn v_up(&self, kernel: &mut Kernel, format: WeightFormat) -> Result<(), Error> {
        let Attention::Mla { heads, value, .. } = self.attention else {
            return Err(not_yet());
        };
        let span = self.head_span(heads)?;
        let rows = self.rows_of(self.choices.value_rows, "value_rows")?;
        let (x, ins) = self.weighted_slice();
        let outs = value.div_ceil(rows);
        let (latent, total) = (Place::from(x), Place::one(x.plus(ins)));
        self.work(
            kernel,
            &[
                self.op(Kind::Special, OpKind::Reciprocal, &[1], total, &[total]),
                self.op(Kind::F16, OpKind::Mul, &[ins], latent, &[latent, total]),
            ],
        );
        self.spread(kernel, Axis::O, (rows, 1), (ins * self.tokens, x));
        let tile = self.cut_tile(outs, ins, (1, 0));
        let places = (buffers::VALUES.into(), Spot::of(kernel.name).into(), latent);
        self.work(kernel, &[self.multiply(format, tile, places)]);
        self.sum(kernel, Axis::S, (span, heads), (outs * self.tokens, buffers::VALUES))?;
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
        let (every, values) = (self.choices.head_columns, buffers::VALUES);
        self.gather(kernel, Axis::S, (span, 1, every), (each * self.tokens, values));
        // Each head's values begin a new word.
        let apart = each.next_multiple_of(2);
        let line = (residual.pes(), 1);
        self.spread(kernel, Axis::S, line, (heads * apart * self.tokens, values));
        let tile = self.cut_tile(residual.own(), each, (heads, apart));
        let places = (buffers::ATTENDED.into(), Spot::of(kernel.name).into(), values.into());
        self.work(kernel, &[self.multiply(format, tile, places)]);
        let sums = (residual.own() * self.tokens, buffers::ATTENDED);
        self.sum(kernel, Axis::O, (rows, 1), sums)?;
        self.store(kernel, residual.own(), heads * each, format);
        kernel.rectangle = [residual.pes(), rows];
        Ok(())
    }
}

/// The heads of a band, each `columns` wide, in the order in which their queries are gathered.
pub(in crate::wafer) fn head_order(together: u32, columns: u32) -> Vec<u32> {
    let order = gathered(together * columns, columns, columns / 2);
    order.into_iter().map(|column| column / columns).collect()
}

/// Stretches of even steps in `order`: where each begins, how many it has, its first value, its step.
fn runs(order: &[u32]) -> Vec<(u32, u32, u32, i32)> {
    let mut runs: Vec<(u32, u32, u32, i32)> = Vec::new();
    for (at, &value) in order.iter().enumerate() {
        if let Some((_, count, first, step)) = runs.last_mut() {
            let by = value as i32 - *first as i32;
            if *count == 1 || by == *step * *count as i32 {
                *step = if *count == 1 { by } else { *step };
                *count += 1;
                continue;
            }
        }
        runs.push((at as u32, 1, value, 0));
    }
    runs
}
