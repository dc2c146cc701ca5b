//! Loads a part onto a rectangle: which PE holds which weights, tables and cached tokens.
//!
//! This is where a mapping's free choices are spent: results that are gathered later are dealt out so
//! that they come together in the order in which they are used, and what is linear and known before
//! (a norm's length, the scale of scores, a sign) is part of the stored weights.

mod attention;
mod feed_forward;

use super::Values;
use crate::error::Error;
use crate::wafer::choices::Cut;
use crate::wafer::instruction::Spot;
use crate::wafer::kernels::buffers::{self, Tile};
use crate::wafer::kernels::{Kernel, Lowering};
use sim_fabric::mesh::collective::gathered;
use workloads::forward::{Operator, OperatorKind};

/// Far below every score, and finite.
const LOWEST: f32 = -1.0e30;

/// The numbers of a model.
pub trait Weights {
    /// A weight of a matrix of a part, by the operator's name; the first factors of a grouped
    /// operator (heads, experts with the shared ones last) stand in `group`.
    fn matrix(&self, operator: &str, group: u32, out: u32, input: u32) -> f32;
    /// A weight of a norm.
    fn norm(&self, operator: &str, index: u32) -> f32;
    /// The small constant under a norm's root.
    fn epsilon(&self) -> f32;
    /// Angle of a pair of rotary elements at a position of the sequence `[radians]`.
    fn angle(&self, pair: u32, position: u32) -> f32;
    /// What is cached of an earlier token: its latent, divided by the root of its sum of squares, and
    /// its rotated key.
    fn cached(&self, token: u32, element: u32) -> f32;
}

/// A part being loaded.
pub struct Loader<'a> {
    /// How it is lowered.
    pub lowering: &'a Lowering<'a>,
    /// The model.
    pub weights: &'a dyn Weights,
    /// Tokens that the new one attends to, itself included.
    pub context: u32,
}

impl Loader<'_> {
    /// Room for what numbers decide the address of.
    pub fn rooms(&self, operators: &[Operator]) -> Result<Vec<(&'static str, u32)>, Error> {
        let mut rooms = Vec::new();
        for operator in operators {
            match operator.kind {
                OperatorKind::Embedding { vocabulary, .. } => {
                    rooms.push((operator.name, vocabulary * self.lowering.residual()?.own()));
                }
                OperatorKind::LatentAttention { .. } => rooms.push(self.cache_room()?),
                OperatorKind::TopK { experts, .. } => rooms.extend(self.router_rooms(experts)),
                OperatorKind::Experts { experts, shared, .. } => {
                    // By regions the shared experts alone are striped.
                    let striped = match self.lowering.choices.regions_across {
                        0 => experts,
                        _ => 0,
                    };
                    let tile = self.expert_tile(operator.kind)?;
                    rooms.push((operator.name, (striped + shared) * tile.len()));
                }
                _ => {}
            }
        }
        Ok(rooms)
    }

    /// Memory for `kernels` of `operators` with all that stays in it.
    ///
    /// # Errors
    /// Those of the lowering.
    pub fn load(&self, operators: &[Operator], kernels: &[Kernel]) -> Result<Values, Error> {
        let shape = [self.lowering.columns, self.lowering.rows];
        let mut rooms = self.rooms(operators)?;
        rooms.push((buffers::ONE.buffer, 1));
        rooms.push((buffers::ME.buffer, 7));
        rooms.push((buffers::RESIDUAL.buffer, self.lowering.residual()?.own()));
        let mut values = Values::new(shape, kernels, &rooms);
        for pe in self.all() {
            values.set(pe, buffers::ONE, 1.0);
            values.set(pe, buffers::ME_COLUMN, self.member(pe.0)?.map_or(0, |m| m.1) as f32);
        }
        for operator in operators {
            self.load_operator(&mut values, operator)?;
        }
        Ok(values)
    }

    fn load_operator(&self, values: &mut Values, operator: &Operator) -> Result<(), Error> {
        match (operator.kind, operator.name) {
            (OperatorKind::RmsNorm { .. }, "q_norm") => self.q_norm(values),
            (OperatorKind::RmsNorm { .. }, "kv_norm") => self.kv_norm(values),
            (OperatorKind::RmsNorm { .. }, name) => self.norm(values, name),
            (OperatorKind::Linear { outs, .. }, "lm_head") => self.lm_head(values, outs),
            (OperatorKind::Sample { vocabulary }, _) => self.sample(values, vocabulary),
            (OperatorKind::Embedding { vocabulary, .. }, _) => self.embedding(values, vocabulary),
            (OperatorKind::Residual { .. } | OperatorKind::SwiGlu { .. }, _) => Ok(()),
            (OperatorKind::Linear { outs, ins, .. }, name @ ("router" | "gate_up" | "down")) => {
                self.feed_forward(values, name, (outs, ins))
            }
            (OperatorKind::TopK { experts, .. }, _) => self.top_k(values, experts),
            (kind @ OperatorKind::Experts { .. }, name) => self.experts(values, name, kind),
            (kind, name) => self.attention(values, name, kind),
        }
    }

    /// All PEs.
    fn all(&self) -> impl Iterator<Item = (u32, u32)> + use<> {
        let (columns, rows) = (self.lowering.columns, self.lowering.rows);
        (0..rows).flat_map(move |o| (0..columns).map(move |s| (s, o)))
    }

    /// The middle of the rectangle.
    fn middle(&self) -> (u32, u32) {
        (self.lowering.columns / 2, self.lowering.rows / 2)
    }

    /// Column `s` counted from the first of `pes` around the middle, if it is one of them.
    fn column(&self, s: u32, pes: u32) -> Option<u32> {
        within(s, self.lowering.columns, pes)
    }

    /// Row `o` counted from the first of `pes` around the middle, if it is one of them.
    fn row(&self, o: u32, pes: u32) -> Option<u32> {
        within(o, self.lowering.rows, pes)
    }

    /// Group of column `s` on the residual stream, and its place among the members.
    fn member(&self, s: u32) -> Result<Option<(u32, u32)>, Error> {
        let cut = self.lowering.residual()?;
        Ok(self.column(s, cut.pes()).map(|column| place(&cut, column)))
    }

    /// Element of the residual stream in slot `slot` of column `s`.
    pub fn element(&self, s: u32, slot: u32) -> Result<Option<u32>, Error> {
        let cut = self.lowering.residual()?;
        let member = self.member(s)?;
        Ok(member.and_then(|(group, at)| element(&cut, self.lowering.hidden, group, (at, slot))))
    }

    /// Puts a vector onto the residual stream.
    pub fn set_stream(&self, values: &mut Values, stream: &[f32]) -> Result<(), Error> {
        self.each_slot(|pe, slot, element| {
            values.set(pe, buffers::RESIDUAL.plus(slot), stream[element as usize]);
        })
    }

    /// Reads the residual stream.
    pub fn stream(&self, values: &Values) -> Result<Vec<f32>, Error> {
        let mut stream = vec![f32::NAN; self.lowering.hidden as usize];
        self.each_slot(|pe, slot, element| {
            stream[element as usize] = values.get(pe, buffers::RESIDUAL.plus(slot));
        })?;
        Ok(stream)
    }

    fn each_slot(&self, mut visit: impl FnMut((u32, u32), u32, u32)) -> Result<(), Error> {
        let middle = self.middle().1;
        for s in 0..self.lowering.columns {
            for slot in 0..self.lowering.residual()?.own() {
                if let Some(element) = self.element(s, slot)? {
                    visit((s, middle), slot, element);
                }
            }
        }
        Ok(())
    }

    /// Weights of a tile in every PE, what `weight` has none for being 0.
    fn tile(
        &self,
        values: &mut Values,
        first: Spot,
        tile: Tile,
        weight: impl Fn((u32, u32), u32, u32) -> Result<Option<f32>, Error>,
    ) -> Result<(), Error> {
        for pe in self.all() {
            for out in 0..tile.outs {
                for input in 0..tile.ins * tile.runs.0 {
                    if let Some(weight) = weight(pe, out, input)? {
                        values.set(pe, first.plus(tile.weight(out, input)), weight);
                    }
                }
            }
        }
        Ok(())
    }

    /// A norm's weights, with the root of the length; its constant starts one PE's sum of squares.
    fn norm(&self, values: &mut Values, name: &'static str) -> Result<(), Error> {
        let hidden = self.lowering.hidden;
        let root = (hidden as f32).sqrt();
        self.each_slot(|pe, slot, element| {
            let weight = self.weights.norm(name, element) * root;
            values.set(pe, Spot::of(name).plus(slot), weight);
        })?;
        let x = self.lowering.normed(name)?;
        let start = self.weights.epsilon() * hidden as f32;
        values.set(self.middle(), x.squares(), start);
        if name == "post_attention_norm" {
            values.set(self.middle(), x.first().minus(1), start);
        }
        Ok(())
    }

    fn lm_head(&self, values: &mut Values, outs: u32) -> Result<(), Error> {
        let own = outs.div_ceil(self.lowering.rows);
        let tile = self.lowering.cut_tile(own, self.lowering.residual()?.own(), (1, 0));
        self.tile(values, Spot::of("lm_head"), tile, |(s, o), out, input| {
            let token = o * own + out;
            let input = self.element(s, input)?.filter(|_| token < outs);
            Ok(input.map(|input| self.weights.matrix("lm_head", 0, token, input)))
        })
    }

    fn sample(&self, values: &mut Values, vocabulary: u32) -> Result<(), Error> {
        let own = vocabulary.div_ceil(self.lowering.rows);
        let logits = self.lowering.normed("final_norm")?.out();
        for (s, o) in self.all() {
            values.set((s, o), buffers::BEST, LOWEST);
            for slot in 0..own {
                let token = o * own + slot;
                let number = vocabulary.saturating_sub(token) as f32;
                values.set((s, o), Spot::of("numbers").plus(slot), number);
                // What is no token has no logit.
                if token >= vocabulary && s == self.middle().0 {
                    values.set((s, o), logits.plus(slot), LOWEST);
                }
            }
        }
        Ok(())
    }

    /// The token that was chosen.
    pub fn token(&self, values: &Values, vocabulary: u32) -> u32 {
        vocabulary - values.get(self.middle(), buffers::BEST.plus(1)) as u32
    }

    /// The token that is looked up.
    pub fn set_token(&self, values: &mut Values, token: u32) {
        values.set(self.middle(), Spot::of("token"), token as f32);
    }

    /// The table at the far end of the columns.
    fn embedding(&self, values: &mut Values, vocabulary: u32) -> Result<(), Error> {
        let own = self.lowering.residual()?.own();
        for s in 0..self.lowering.columns {
            for slot in 0..own {
                let Some(element) = self.element(s, slot)? else { continue };
                for token in 0..vocabulary {
                    let weight = self.weights.matrix("embedding", 0, token, element);
                    values.set((s, 0), Spot::of("embedding").plus(token * own + slot), weight);
                }
            }
        }
        Ok(())
    }
}

fn within(index: u32, length: u32, pes: u32) -> Option<u32> {
    let from = length / 2 - pes / 2;
    index.checked_sub(from).filter(|index| *index < pes)
}

/// Place of each PE of a line in the order in which all of them are gathered.
fn places(pes: u32) -> Vec<u32> {
    let mut places = vec![0; pes as usize];
    for (place, pe) in gathered(pes, 1, 0).into_iter().enumerate() {
        places[pe as usize] = place as u32;
    }
    places
}

/// Group of a PE, and its place in the order in which the group is gathered.
fn place(cut: &Cut, pe: u32) -> (u32, u32) {
    (pe / cut.sub, places(cut.sub)[(pe % cut.sub) as usize])
}

/// Element in slot `slot` of the member at place `at` of a group.
fn element(cut: &Cut, elements: u32, group: u32, (at, slot): (u32, u32)) -> Option<u32> {
    let inside = at * cut.own() + slot;
    let element = group * cut.tile + inside;
    (slot < cut.own() && inside < cut.tile && element < elements).then_some(element)
}
