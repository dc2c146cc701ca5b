//! One token through a whole model on a fixed grid.
//!
//! Layers stand on grids side by side on the wafer, as many on each as its memory holds; one grid works at
//! a time. Where one is full, the residual stream goes on to the next.

use super::buffers::STREAM;
use super::decode::Decoding;
use super::{Grid, Ways, Writer};
use crate::error::Error;
use crate::wafer::field::Field;
use crate::wafer::parts::Pipeline;
use crate::wafer::phase::{Axis, Phase};
use crate::wafer::timer::{Spent, Timer};
use rayon::prelude::*;
use workloads::forward::Step;
use workloads::model::Model;

/// An operator, timed.
#[derive(Clone, Debug)]
pub struct Timed {
    /// Name of the operator.
    pub name: &'static str,
    /// Its phases.
    pub phases: Vec<Phase>,
    /// Where its time went `[cycles]`.
    pub spent: Spent,
}

/// A distinct part of the model, timed.
#[derive(Clone, Debug)]
pub struct PartRun {
    /// "embedding", "dense", "moe" or "head".
    pub kind: &'static str,
    /// How many of it the model has.
    pub count: u32,
    /// Bytes of weights and cache in its fullest PE `[bytes]`.
    pub bytes: u64,
    /// Its operators in order.
    pub operators: Vec<Timed>,
}

impl PartRun {
    /// All of its time `[cycles]`.
    pub fn cycles(&self) -> u64 {
        self.operators.iter().map(|timed| timed.spent.total()).sum()
    }
}

/// A whole model, timed.
#[derive(Clone, Debug)]
pub struct TokenRun {
    /// Distinct parts.
    pub parts: Vec<PartRun>,
    /// Layers of the model.
    pub layers: u32,
    /// Ways from one grid to the next.
    pub hand_overs: u32,
    /// One of them `[cycles]`.
    pub hand_over: u64,
}

impl TokenRun {
    /// One token through all of it `[cycles]`.
    pub fn cycles(&self) -> u64 {
        let parts: u64 = self.parts.iter().map(|part| u64::from(part.count) * part.cycles()).sum();
        parts + u64::from(self.hand_overs) * self.hand_over
    }

    /// Mean over the layers, ends left out `[cycles]`.
    pub fn cycles_per_layer(&self) -> f64 {
        let layers = self.parts.iter().filter(|part| !matches!(part.kind, "embedding" | "head"));
        let all: u64 = layers.map(|part| u64::from(part.count) * part.cycles()).sum();
        all as f64 / f64::from(self.layers.max(1))
    }
}

/// A token of `model` with `context` tokens in its cache, this one included; `room` bytes of a PE hold
/// weights and cache.
///
/// # Errors
/// [`Error::Input`] for latent attention, [`Error::DoesNotFit`] where a part's tiles do not fit the PEs of
/// a grid, [`Error::Simulation`] if an engine fails.
pub fn decode(
    timer: &Timer,
    grid: Grid,
    model: &Model,
    context: u32,
    room: u64,
) -> Result<TokenRun, Error> {
    let pipeline = Pipeline::new(model, Step::Decode { batch: 1, context });
    let decoding = Decoding::new(timer, grid, model);
    let parts: Vec<PartRun> = pipeline
        .kinds
        .par_iter()
        .enumerate()
        .map(|(index, part)| {
            let mut field = Field::new(grid.columns, grid.rows);
            let mut operators = Vec::new();
            let mut bytes = 0;
            let decoding = decoding.of(&part.operators);
            for operator in &part.operators {
                let kernel = decoding.kernel(operator)?;
                let spent = timer.run(&kernel.phases, &mut field)?;
                bytes += kernel.memory.iter().map(|(_, bytes)| bytes).sum::<u64>();
                operators.push(Timed { name: operator.name, phases: kernel.phases, spent });
            }
            if bytes > room {
                return Err(Error::DoesNotFit(too_small(part.kind, grid, bytes, room)));
            }
            let count = pipeline.stages.iter().filter(|&&stage| stage == index).count() as u32;
            Ok(PartRun { kind: part.kind, count, bytes, operators })
        })
        .collect::<Result<_, Error>>()?;
    let grid_bytes = u64::from(grid.columns) * u64::from(grid.rows) * room.max(1);
    let grids = stored_bytes(model, context).div_ceil(grid_bytes);
    let mut way = Writer::new(timer, grid, Ways::TwoLevels);
    way.send(Axis::O, grid.rows + 1, (decoding.own(), STREAM));
    Ok(TokenRun {
        parts,
        layers: model.layers.len() as u32,
        hand_overs: grids.saturating_sub(1) as u32,
        hand_over: way.run()?.total(),
    })
}

/// Why a part does not stand on a grid.
pub(super) fn too_small(part: &str, grid: Grid, bytes: u64, room: u64) -> String {
    let Grid { columns, rows } = grid;
    format!(
        "{part} part: weights, cache and tiles on the move take {bytes} bytes of the fullest PE on {columns} x {rows}, \
         {room} are left beside `pe.reserve`; use a larger --grid, a shorter context or weights of \
         fewer bits"
    )
}

/// Bytes of weights, scales and the cache of `context` tokens `[bytes]`.
pub fn stored_bytes(model: &Model, context: u32) -> u64 {
    model.weight_bytes() + model.scale_bytes() + model.kv_bytes(context)
}
