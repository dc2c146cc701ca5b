//! Latent attention: projections, rotary tables, cached tokens.

use super::{LOWEST, Loader, places};
use crate::error::Error;
use crate::wafer::instruction::Spot;
use crate::wafer::kernels::attention::head_order;
use crate::wafer::kernels::buffers::{self, share};
use crate::wafer::values::Values;
use sim_fabric::mesh::collective::gathered;
use workloads::forward::OperatorKind;
use workloads::model::Attention;

/// Shapes of latent attention.
#[derive(Clone, Copy)]
struct Latent {
    heads: u32,
    q_lora: u32,
    kv_lora: u32,
    nope: u32,
    rope: u32,
    value: u32,
}

impl Loader<'_> {
    fn latent(&self) -> Result<Latent, Error> {
        match self.lowering.attention {
            Attention::Mla { heads, q_lora, kv_lora, nope, rope, value } => {
                Ok(Latent { heads, q_lora, kv_lora, nope, rope, value })
            }
            Attention::Gqa { .. } => Err(Error::Simulation(
                "grouped-query attention does not run with numbers yet".to_owned(),
            )),
        }
    }

    pub(super) fn q_norm(&self, values: &mut Values) -> Result<(), Error> {
        let Latent { q_lora, .. } = self.latent()?;
        let cut = self.lowering.q_b_buffers()?;
        let root = (q_lora as f32).sqrt();
        let column = self.middle().0;
        for o in 0..self.lowering.rows {
            let Some(row) = self.row(o, self.lowering.choices.qkv_rows) else { continue };
            if row == 0 {
                values.set((column, o), cut.squares(), self.weights.epsilon() * q_lora as f32);
            }
            for slot in (0..cut.query).filter(|slot| row * cut.query + slot < q_lora) {
                let weight = self.weights.norm("q_norm", row * cut.query + slot) * root;
                values.set((column, o), Spot::of("q_norm").plus(slot), weight);
            }
        }
        Ok(())
    }

    /// Its weights are part of the matrices that read latents.
    pub(super) fn kv_norm(&self, values: &mut Values) -> Result<(), Error> {
        let start = self.weights.epsilon() * self.latent()?.kv_lora as f32;
        self.all().for_each(|pe| values.set(pe, Spot::of("latent_squares"), start));
        Ok(())
    }

    fn latent_weight(&self, element: u32) -> Result<f32, Error> {
        let root = (self.latent()?.kv_lora as f32).sqrt();
        Ok(self.weights.norm("kv_norm", element) * root)
    }

    /// Head and place in it of column `s`.
    fn head(&self, s: u32) -> Result<Option<(u32, u32)>, Error> {
        let columns = self.lowering.choices.head_columns;
        let span = self.latent()?.heads * columns;
        Ok(self.column(s, span).map(|column| (column / columns, column % columns)))
    }

    /// Head whose rotary elements column `s` has, and the first of them.
    fn rotary(&self, s: u32) -> Result<Option<(u32, u32)>, Error> {
        let (columns, together) =
            (self.lowering.choices.head_columns, self.lowering.choices.heads_together);
        let cut = self.lowering.q_b_buffers()?;
        let order = head_order(together, columns);
        Ok(self.head(s)?.map(|(head, at)| {
            let column = head % together * columns + at;
            let place = places(together * columns)[column as usize];
            let segment = order[(place / columns) as usize];
            (head / together * together + segment, place % columns * cut.rope)
        }))
    }

    pub(super) fn attention(
        &self,
        values: &mut Values,
        name: &'static str,
        kind: OperatorKind,
    ) -> Result<(), Error> {
        match kind {
            OperatorKind::Rope { .. } => self.tables(values),
            OperatorKind::KvAppend { .. } => Ok(()),
            OperatorKind::LatentAttention { .. } => self.cache(values),
            _ => self.projection(values, name),
        }
    }

    fn projection(&self, values: &mut Values, name: &'static str) -> Result<(), Error> {
        let Latent { heads, q_lora, kv_lora, nope, rope, value } = self.latent()?;
        let (lowering, choices) = (self.lowering, self.lowering.choices);
        let own = lowering.residual()?.own();
        let cut = lowering.q_b_buffers()?;
        let first = Spot::of(name);
        let weight = |group, out, input| self.weights.matrix(name, group, out, input);
        match name {
            "q_a_kv_a" => {
                let order = places(choices.qkv_rows);
                let tile = lowering.cut_tile(cut.query + cut.latent, own, (1, 0));
                self.tile(values, first, tile, |(s, o), out, input| {
                    let Some(row) = self.row(o, choices.qkv_rows) else { return Ok(None) };
                    let out = match out.checked_sub(cut.query) {
                        None => Some(row * cut.query + out).filter(|out| *out < q_lora),
                        Some(slot) => Some(order[row as usize] * cut.latent + slot)
                            .filter(|out| *out < kv_lora + rope)
                            .map(|out| q_lora + out),
                    };
                    Ok(out.zip(self.element(s, input)?).map(|(out, input)| weight(0, out, input)))
                })
            }
            "q_b" => {
                // Scores are divided by the root of a head's width.
                let scale = ((nope + rope) as f32).sqrt().recip();
                let tile = lowering.cut_tile(cut.nope + cut.rope, cut.query, (1, 0));
                self.tile(values, first, tile, |(s, o), out, input| {
                    let Some(row) = self.row(o, choices.qkv_rows) else { return Ok(None) };
                    let input = Some(row * cut.query + input).filter(|input| *input < q_lora);
                    let out = match out.checked_sub(cut.nope) {
                        None => self.head(s)?.and_then(|(head, at)| {
                            let inside = at * cut.nope + out;
                            (inside < nope).then_some(head * (nope + rope) + inside)
                        }),
                        Some(slot) => self.rotary(s)?.and_then(|(head, from)| {
                            let inside = from + slot;
                            (inside < rope).then_some(head * (nope + rope) + nope + inside)
                        }),
                    };
                    Ok(out.zip(input).map(|(out, input)| weight(0, out, input) * scale))
                })
            }
            "q_absorb" => {
                let rows = choices.absorb_rows;
                let (each, order) = (share(kv_lora, rows), places(rows));
                let tile = lowering.cut_tile(each, cut.nope, (1, 0));
                self.tile(values, first, tile, |(s, o), out, input| {
                    let (Some(row), Some((head, at))) = (self.row(o, rows), self.head(s)?) else {
                        return Ok(None);
                    };
                    let (out, input) = (order[row as usize] * each + out, at * cut.nope + input);
                    if out >= kv_lora || input >= nope {
                        return Ok(None);
                    }
                    Ok(Some(weight(head, out, input) * self.latent_weight(out)?))
                })
            }
            "v_up" => {
                let each = value.div_ceil(choices.value_rows);
                let slice = lowering.weighted_slice().1;
                let tile = lowering.cut_tile(each, slice, (1, 0));
                self.tile(values, first, tile, |(s, o), out, input| {
                    let row = self.row(o, choices.value_rows);
                    let (Some(row), Some((head, at))) = (row, self.head(s)?) else {
                        return Ok(None);
                    };
                    let (out, input) = (row * each + out, at * slice + input);
                    if out >= value || input >= kv_lora {
                        return Ok(None);
                    }
                    Ok(Some(weight(head, out, input) * self.latent_weight(input)?))
                })
            }
            _ => {
                let each = value.div_ceil(choices.value_rows);
                let columns = choices.head_columns;
                let order = gathered(heads * columns, columns, columns / 2);
                let runs = (heads, each.next_multiple_of(2));
                let tile = lowering.cut_tile(own, each, runs);
                self.tile(values, first, tile, |(s, o), out, input| {
                    let Some(row) = self.row(o, choices.value_rows) else { return Ok(None) };
                    let head = order[(input / each) as usize] / columns;
                    let inside = Some(row * each + input % each).filter(|v| *v < value);
                    let out = self.element(s, out)?;
                    Ok(out.zip(inside).map(|(out, v)| weight(0, out, head * value + v)))
                })
            }
        }
    }

    /// Cosines, and sines with their signs, of the new token's position.
    fn tables(&self, values: &mut Values) -> Result<(), Error> {
        let cut = self.lowering.q_b_buffers()?;
        let rope = self.latent()?.rope;
        let mut table = |pe, to: Spot, (from, width): (u32, u32)| {
            for slot in 0..width {
                let angle = self.weights.angle((from + slot) / 2, self.context - 1);
                let sign = if slot % 2 == 0 { -1.0 } else { 1.0 };
                values.set(pe, to.plus(slot), angle.cos());
                values.set(pe, to.plus(width + slot), sign * angle.sin());
            }
        };
        for s in 0..self.lowering.columns {
            let pe = (s, self.middle().1);
            if let Some((_, from)) = self.rotary(s)? {
                table(pe, buffers::ROTATION, (from, cut.rope));
            }
            table(pe, buffers::KEY_ROTATION, (0, rope));
        }
        Ok(())
    }

    fn cached_tokens(&self) -> u32 {
        let rows = self.lowering.choices.attention_rows;
        self.lowering.tokens_per_pe(self.context, rows)
    }

    /// Room for the cached tokens, one that no one reads, and the reach of a slice that is padded.
    pub(super) fn cache_room(&self) -> Result<(&'static str, u32), Error> {
        let Latent { kv_lora, rope, .. } = self.latent()?;
        let padding = self.lowering.weighted_slice().1 + share(kv_lora, 1);
        Ok((buffers::CACHE.buffer, (self.cached_tokens() + 1) * (kv_lora + rope) + padding))
    }

    /// Tokens are dealt out over all PEs of a band in turn, so that none holds two more than another.
    fn cache(&self, values: &mut Values) -> Result<(), Error> {
        let Latent { kv_lora, rope, .. } = self.latent()?;
        let choices = self.lowering.choices;
        let width = kv_lora + rope;
        let band = choices.heads_together * choices.head_columns;
        let pes = band * choices.attention_rows;
        let cached = self.cached_tokens();
        for (s, o) in self.all() {
            let row = self.row(o, choices.attention_rows);
            let column = self
                .head(s)?
                .map(|(head, at)| head % choices.heads_together * choices.head_columns + at);
            let place = row.zip(column).map(|(row, column)| row * band + column);
            for h in 0..choices.heads_together {
                values.set((s, o), buffers::PEAK.plus(h), LOWEST);
            }
            values.set((s, o), buffers::ME_SLOT, cached as f32);
            for slot in 0..cached {
                let token = place.map(|place| slot * pes + place).filter(|t| *t < self.context);
                let bias = if token.is_some() { 0.0 } else { LOWEST };
                values.set((s, o), buffers::BIAS.plus(slot), bias);
                match token {
                    Some(token) if token + 1 == self.context => {
                        values.set((s, o), buffers::ME_SLOT, slot as f32);
                    }
                    Some(token) => {
                        for i in 0..width {
                            let at = buffers::CACHE.plus(slot * width + i);
                            values.set((s, o), at, self.weights.cached(token, i));
                        }
                    }
                    None => {}
                }
            }
        }
        Ok(())
    }
}
