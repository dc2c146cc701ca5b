//! The cache of a layer on a fixed grid as tokens come: who passes which entry on.

use super::load::{Held, LOWEST, Loader};
use std::collections::VecDeque;
use wafersim::wafer::grid::attend::pitch;
use wafersim::wafer::grid::buffers;
use wafersim::wafer::values::Values;

/// Which slot of which column holds which token, oldest first.
pub(super) struct Cache {
    columns: Vec<VecDeque<(usize, u32)>>,
    tokens: usize,
}

impl Cache {
    /// `tokens` tokens over `columns` columns: shares that differ by one at most, the first ones larger.
    pub(super) fn new(columns: u32, tokens: usize) -> Self {
        let count = columns as usize;
        let mut next = 0;
        let columns = (0..count)
            .map(|column| {
                let own = tokens / count + usize::from(column < tokens % count);
                next += own;
                (next - own..next).zip(0..).collect()
            })
            .collect();
        Self { columns, tokens }
    }

    /// Puts the cached tokens where they lie, and says which slots are empty.
    pub(super) fn load(&self, loader: &Loader<'_>, values: &mut Values, slots: u32) {
        let bands = loader.bands();
        for (s, o) in loader.all() {
            let column = &self.columns[s as usize];
            for &(token, slot) in column {
                for place in 0..2 * bands.keys() {
                    let at = buffers::CACHE.plus(slot * pitch(2 * bands.keys()) + place);
                    if let Some(value) = entry(loader, o, place, token) {
                        values.set((s, o), at, value);
                    }
                }
            }
            if loader.band(o).is_some_and(|(_, pe)| pe == 0) {
                for slot in (0..slots).filter(|slot| !column.iter().any(|held| held.1 == *slot)) {
                    values.set((s, o), buffers::BIAS.plus(slot), LOWEST);
                }
            }
        }
    }

    /// One token more: says to each column which slot it passes on and where it puts what comes.
    pub(super) fn grow(&mut self, loader: &Loader<'_>, values: &mut Values, slots: u32) {
        let turn = self.tokens % self.columns.len();
        let mut leaves = vec![0; self.columns.len()];
        let mut enters = vec![slots; self.columns.len()];
        enters[turn] = self.columns[turn].len() as u32;
        let last = self.columns.len() - 1;
        for column in turn..=last {
            let comes = if column == last {
                self.tokens
            } else {
                self.columns[column + 1].front().expect("none is empty").0
            };
            if column > turn {
                let (_, slot) = self.columns[column].pop_front().expect("none is empty");
                (leaves[column], enters[column]) = (slot, slot);
            }
            self.columns[column].push_back((comes, enters[column]));
        }
        self.tokens += 1;
        for (s, o) in loader.all() {
            values.set((s, o), buffers::SLOTS, leaves[s as usize] as f32);
            values.set((s, o), buffers::SLOTS.plus(1), enters[s as usize] as f32);
        }
    }

    /// Every cached number is where it should be.
    pub(super) fn check(&self, loader: &Loader<'_>, values: &Values) {
        let bands = loader.bands();
        for (s, o) in loader.all() {
            for &(token, slot) in &self.columns[s as usize] {
                for place in 0..2 * bands.keys() {
                    let at = buffers::CACHE.plus(slot * pitch(2 * bands.keys()) + place);
                    if let Some(value) = entry(loader, o, place, token) {
                        let found = values.get((s, o), at);
                        let off = (found - value).abs();
                        assert!(off < 1e-5, "token {token} in ({s}, {o}): {found}, not {value}");
                    }
                }
            }
        }
    }
}

/// The number on a place of a row's part of a cached entry: keys, then values.
fn entry(loader: &Loader<'_>, o: u32, place: u32, token: usize) -> Option<f32> {
    let bands = loader.bands();
    let (keys, heads) = (bands.keys(), bands.rotated_heads());
    let at = match place.checked_sub(keys) {
        None => place / bands.heads * heads + bands.query_heads() + place % bands.heads,
        Some(place) => bands.rotated() + place,
    };
    let [all_keys, all_values] = loader.plain.cached.get(token)?;
    let width = loader.plain.width;
    match loader.held(o, at)? {
        Held::Query(..) => None,
        Held::Key(head, element) => Some(all_keys[head * width + element] as f32),
        Held::Value(head, element) => Some(all_values[head * width + element] as f32),
    }
}
