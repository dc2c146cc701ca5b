//! Which PE of a fixed grid holds what.

use super::plain::{EPSILON, Plain};
use wafersim::wafer::grid::attend::pitch;
use wafersim::wafer::grid::bands::Bands;
use wafersim::wafer::grid::buffers::{self, STREAM};
use wafersim::wafer::grid::decode::Decoding;
use wafersim::wafer::instruction::Spot;
use wafersim::wafer::kernels::Kernel;
use wafersim::wafer::values::Values;
use workloads::model::{Attention, FeedForward};

/// Far below every score, and finite.
pub(super) const LOWEST: f32 = -1.0e30;

/// Place of `index` among the `pes` around the middle of `length`.
pub(super) fn within(index: u32, length: u32, pes: u32) -> Option<u32> {
    index.checked_sub(length / 2 - pes / 2).filter(|index| *index < pes)
}

/// A grid being loaded.
pub(super) struct Loader<'a> {
    pub(super) decoding: &'a Decoding<'a>,
    pub(super) plain: &'a Plain,
}

/// What a place of a row's queries, keys and values is: a head of its kind, and an element of it.
#[derive(Clone, Copy)]
pub(super) enum Held {
    Query(usize, usize),
    Key(usize, usize),
    Value(usize, usize),
}

impl Loader<'_> {
    pub(super) fn all(&self) -> impl Iterator<Item = (u32, u32)> + use<> {
        let grid = self.decoding.grid;
        (0..grid.rows).flat_map(move |o| (0..grid.columns).map(move |s| (s, o)))
    }

    pub(super) fn bands(&self) -> Bands {
        self.decoding.bands().expect("grouped")
    }

    /// Element of the stream in a slot of a column.
    pub(super) fn element(&self, s: u32, slot: u32) -> Option<usize> {
        let used = self.decoding.used_columns();
        let column = within(s, self.decoding.grid.columns, used)?;
        let element = column * self.decoding.own() + slot;
        (element < self.decoding.hidden).then_some(element as usize)
    }

    pub(super) fn first_column(&self, s: u32) -> bool {
        within(s, self.decoding.grid.columns, self.decoding.used_columns()) == Some(0)
    }

    /// Band of a row and its place in it.
    pub(super) fn band(&self, o: u32) -> Option<(u32, u32)> {
        let bands = self.bands();
        let row = within(o, self.decoding.grid.rows, bands.all())?;
        Some((row / bands.pes, row % bands.pes))
    }

    /// What a place of a row's projections holds.
    pub(super) fn held(&self, o: u32, place: u32) -> Option<Held> {
        let bands = self.bands();
        let (band, pe) = self.band(o)?;
        let (heads, query_heads) = (bands.rotated_heads(), bands.query_heads());
        let (dim, at, value) = match place.checked_sub(bands.rotated()) {
            None => (place / heads, place % heads, false),
            Some(place) => (place / bands.heads, place % bands.heads, true),
        };
        let shape = (self.plain.width as u32, self.plain.rope as u32);
        let element = bands.element(pe, dim, shape)? as usize;
        if !value && at < query_heads {
            let head = (band * query_heads + at) as usize;
            return (head < self.plain.heads).then_some(Held::Query(head, element));
        }
        let head = (band * bands.heads + if value { at } else { at - query_heads }) as usize;
        let held = if value { Held::Value(head, element) } else { Held::Key(head, element) };
        (head < self.plain.kv_heads).then_some(held)
    }

    /// Output of the projection that it is, and what it is scaled by.
    fn output(&self, held: Held) -> (usize, f64) {
        let Plain { heads, kv_heads, width, .. } = *self.plain;
        let Attention::Gqa { qk_norm, .. } = self.plain.model.attention else { panic!("grouped") };
        let scale = if qk_norm { 1.0 } else { (width as f64).powf(-0.5) };
        match held {
            Held::Query(head, element) => (head * width + element, scale),
            Held::Key(head, element) => ((heads + head) * width + element, 1.0),
            Held::Value(head, element) => ((heads + kv_heads + head) * width + element, 1.0),
        }
    }

    /// Memory for `kernels` with all that stays in it; `position` is the new token's.
    pub(super) fn load(&self, kernels: &[Kernel], position: usize, context: u32) -> Values {
        let grid = self.decoding.grid;
        let (bands, own) = (self.bands(), self.decoding.own());
        let tokens = self.decoding.tokens(context);
        let entry = pitch(2 * bands.keys());
        let vocabulary = self.plain.model.vocabulary;
        let rooms = [
            (buffers::CACHE.buffer, (tokens + 1) * entry),
            (buffers::BIAS.buffer, tokens + 1),
            (buffers::SLOTS.buffer, 2),
            (buffers::ONE.buffer, 2),
            (STREAM.buffer, own),
            ("embedding", vocabulary * own),
        ];
        let mut rooms = rooms.to_vec();
        rooms.extend(super::experts::rooms(self));
        let mut values = Values::new([grid.columns, grid.rows], kernels, &rooms);
        for pe in self.all() {
            values.set(pe, buffers::ONE, 1.0);
            (0..bands.query_heads()).for_each(|h| {
                values.set(pe, buffers::PEAK.plus(h), LOWEST);
            });
            self.load_norms(&mut values, pe);
            self.load_heads(&mut values, pe, position);
            self.load_dense(&mut values, pe);
            self.load_ends(&mut values, pe);
            super::experts::load(self, &mut values, pe);
        }
        values
    }

    fn load_ends(&self, values: &mut Values, (s, o): (u32, u32)) {
        let (own, vocabulary) = (self.decoding.own(), self.plain.model.vocabulary);
        let logits = vocabulary.div_ceil(self.decoding.grid.rows);
        let head = values.has("lm_head");
        if head {
            values.set((s, o), buffers::BEST, LOWEST);
        }
        for slot in (0..logits).filter(|_| head) {
            let token = o * logits + slot;
            let number = vocabulary.saturating_sub(token) as f32;
            values.set((s, o), buffers::NUMBERS.plus(slot), number);
            // What is no token has no logit.
            if token >= vocabulary {
                values.set((s, o), buffers::LOGITS.plus(slot), LOWEST);
            }
        }
        for slot in 0..own {
            let Some(element) = self.element(s, slot) else { continue };
            for out in (0..logits).filter(|out| head && o * logits + out < vocabulary) {
                let weight = self.plain.weight("lm_head", (o * logits + out) as usize, element);
                values.set((s, o), Spot::of("lm_head").plus(slot * logits + out), weight as f32);
            }
            // The table is taken to stand at the far end of the columns.
            for token in (0..vocabulary).filter(|_| !head && o == 0) {
                let weight = self.plain.weight("embedding", token as usize, element) as f32;
                values.set((s, o), Spot::of("embedding").plus(token * own + slot), weight);
            }
        }
    }

    pub(super) fn set_token(&self, values: &mut Values, token: u32) {
        let grid = self.decoding.grid;
        let middle = (grid.columns / 2, grid.rows / 2);
        (0..grid.rows).for_each(|o| values.set((middle.0, o), buffers::TOKEN, token as f32));
    }

    /// The token that was chosen.
    pub(super) fn token(&self, values: &Values) -> usize {
        let grid = self.decoding.grid;
        let found = values.get((grid.columns / 2, grid.rows / 2), buffers::BEST.plus(1));
        (self.plain.model.vocabulary - found as u32) as usize
    }

    fn load_norms(&self, values: &mut Values, (s, o): (u32, u32)) {
        let hidden = self.decoding.hidden;
        for name in ["input_norm", "post_attention_norm", "final_norm"] {
            if !values.has(name) {
                continue;
            }
            if self.first_column(s) {
                values.set((s, o), Spot::of(name), (EPSILON * f64::from(hidden)) as f32);
            }
            for slot in 0..self.decoding.own() {
                if let Some(element) = self.element(s, slot) {
                    let weight = self.plain.gain(name, element) * f64::from(hidden).sqrt();
                    values.set((s, o), Spot::of(name).plus(1 + slot), weight as f32);
                }
            }
        }
    }

    fn load_heads(&self, values: &mut Values, (s, o): (u32, u32), position: usize) {
        let (plain, bands, own) = (self.plain, self.bands(), self.decoding.own());
        let Attention::Gqa { qk_norm, qkv_bias, o_bias, sinks, .. } = plain.model.attention else {
            panic!("grouped");
        };
        let (outs, heads, all) = (bands.projected(), bands.rotated_heads(), bands.rotated());
        if !values.has("qkv") {
            return;
        }
        for place in 0..outs {
            let Some(held) = self.held(o, place) else { continue };
            let (out, scale) = self.output(held);
            for slot in 0..own {
                if let Some(input) = self.element(s, slot) {
                    let weight = scale * plain.weight("qkv", out, input);
                    values.set((s, o), Spot::of("qkv").plus(slot * outs + place), weight as f32);
                }
            }
            if qkv_bias && self.first_column(s) {
                let bias = scale * plain.bias("qkv", out);
                values.set((s, o), Spot::of("qkv").plus(own * outs + place), bias as f32);
            }
            let (Held::Query(_, element) | Held::Key(_, element)) = held else { continue };
            if qk_norm {
                let query = matches!(held, Held::Query(..));
                let scale = if query { 1.0 } else { (plain.width as f64).sqrt() };
                let gain = (scale * plain.gain("qk_norm", element)) as f32;
                values.set((s, o), Spot::of("qk_norm").plus(heads + place), gain);
            }
            let turned = plain.rope / 2;
            let (sin, cos) = match element < plain.rope {
                true => plain.angle(element % turned, position).sin_cos(),
                false => (0.0, 1.0),
            };
            let sin = if place < all / 2 { -sin } else { sin };
            values.set((s, o), buffers::ROTATION.plus(place), cos as f32);
            values.set((s, o), buffers::ROTATION.plus(all + place), sin as f32);
        }
        let Some((band, pe)) = self.band(o) else { return };
        if qk_norm && pe == 0 {
            let start = (EPSILON * plain.width as f64) as f32;
            (0..heads).for_each(|h| values.set((s, o), Spot::of("qk_norm").plus(h), start));
        }
        let query_heads = bands.query_heads();
        for h in (0..query_heads).filter(|_| sinks) {
            let head = (band * query_heads + h) as usize;
            let logit = if head < plain.heads { plain.sink(head) as f32 } else { 0.0 };
            values.set((s, o), buffers::SINKS.plus(h), logit);
            let once = if s == 0 { logit } else { LOWEST };
            values.set((s, o), buffers::SINKS.plus(query_heads + h), once);
        }
        for slot in 0..own {
            let Some(out) = self.element(s, slot) else { continue };
            for input in 0..bands.queries() {
                let place = input / query_heads * heads + input % query_heads;
                if let Some(Held::Query(head, element)) = self.held(o, place) {
                    let weight = plain.weight("o_proj", out, head * plain.width + element);
                    values.set((s, o), Spot::of("o_proj").plus(input * own + slot), weight as f32);
                }
            }
            if o_bias && (band, pe) == (0, 0) {
                let at = Spot::of("o_proj").plus(bands.queries() * own + slot);
                values.set((s, o), at, plain.bias("o_proj", out) as f32);
            }
        }
    }

    fn load_dense(&self, values: &mut Values, (s, o): (u32, u32)) {
        if !values.has("gate_up") {
            return;
        }
        let (plain, own) = (self.plain, self.decoding.own());
        let FeedForward::Dense { intermediate } = plain.model.layers[0] else { panic!("dense") };
        let (pes, each) = self.decoding.over_rows(intermediate);
        let Some(row) = within(o, self.decoding.grid.rows, pes) else { return };
        for k in (0..each).filter(|k| row * each + k < intermediate) {
            let middle = (row * each + k) as usize;
            for slot in 0..own {
                let Some(element) = self.element(s, slot) else { continue };
                for half in 0..2 {
                    let out = middle + half as usize * intermediate as usize;
                    // With its sign turned.
                    let weight = -plain.weight("gate_up", out, element) as f32;
                    let at = slot * 2 * each + half * each + k;
                    values.set((s, o), Spot::of("gate_up").plus(at), weight);
                }
                let weight = plain.weight("down", element, middle) as f32;
                values.set((s, o), Spot::of("down").plus(k * own + slot), weight);
            }
            for half in (0..2).filter(|_| plain.model.mlp_bias && self.first_column(s)) {
                let out = middle + half as usize * intermediate as usize;
                let at = own * 2 * each + half * each + k;
                let bias = -plain.bias("gate_up", out) as f32;
                values.set((s, o), Spot::of("gate_up").plus(at), bias);
            }
        }
        for slot in (0..own).filter(|_| plain.model.mlp_bias && row == 0) {
            if let Some(element) = self.element(s, slot) {
                let at = Spot::of("down").plus(each * own + slot);
                values.set((s, o), at, plain.bias("down", element) as f32);
            }
        }
    }

    pub(super) fn set_stream(&self, values: &mut Values, stream: &[f64]) {
        for (s, o) in self.all() {
            for slot in 0..self.decoding.own() {
                if let Some(element) = self.element(s, slot) {
                    values.set((s, o), STREAM.plus(slot), stream[element] as f32);
                }
            }
        }
    }

    /// The stream, which must be the same in all rows.
    pub(super) fn stream(&self, values: &Values) -> Vec<f64> {
        let mut stream = vec![f64::NAN; self.decoding.hidden as usize];
        for (s, o) in self.all() {
            for slot in 0..self.decoding.own() {
                if let Some(element) = self.element(s, slot) {
                    let found = f64::from(values.get((s, o), STREAM.plus(slot)));
                    assert!(stream[element].is_nan() || stream[element] == found, "row {o}");
                    stream[element] = found;
                }
            }
        }
        stream
    }
}
