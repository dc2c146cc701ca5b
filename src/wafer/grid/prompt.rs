//! A whole prompt through a model on a fixed square grid: layers one after another, then the head for
//! the last token.

use super::Grid;
use super::decode::Decoding;
use super::prefill::Prefilling;
use super::token::too_small;
use crate::error::Error;
use crate::wafer::field::Field;
use crate::wafer::parts::Pipeline;
use crate::wafer::timer::Timer;
use rayon::prelude::*;
use workloads::forward::Step;
use workloads::model::{Attention, Model};

/// A distinct part of the model, timed.
#[derive(Clone, Debug)]
pub struct PromptPart {
    /// "embedding", "dense" or "head".
    pub kind: &'static str,
    /// How many of it the model has.
    pub count: u32,
    /// Operators and their cycles `[cycles]`.
    pub operators: Vec<(&'static str, u64)>,
}

impl PromptPart {
    /// All of its time `[cycles]`.
    pub fn cycles(&self) -> u64 {
        self.operators.iter().map(|(_, cycles)| cycles).sum()
    }
}

/// A prompt of `tokens` tokens through `model`; `room` bytes of a PE hold weights, cache and scores.
///
/// # Errors
/// [`Error::Input`] for models without a mapping, [`Error::DoesNotFit`] where scores do not fit a PE.
pub fn prefill(
    timer: &Timer,
    side: u32,
    model: &Model,
    tokens: u32,
    room: u64,
) -> Result<Vec<PromptPart>, Error> {
    if let Attention::Mla { .. } = model.attention {
        return Err(Error::input(
            "prompts of latent-attention models have no mapping on a grid; use `wafersim run` with a \
             scenario, or a grouped-query model such as Llama",
        ));
    }
    let prefilling = Prefilling::new(timer, side, model, tokens);
    let scores = prefilling.score_bytes()?;
    if scores > room {
        return Err(Error::DoesNotFit(format!(
            "scores of a layer take {scores} bytes of a PE, it has {room} beside `pe.reserve`; use a \
             larger --grid or a shorter --prompt"
        )));
    }
    let grid = Grid { columns: side, rows: side };
    let decoding = Decoding::new(timer, grid, model);
    let pipeline = Pipeline::new(model, Step::Prefill { tokens, before: 0 });
    pipeline
        .kinds
        .par_iter()
        .enumerate()
        .map(|(index, part)| {
            let mut kept = if part.kind == "dense" { scores } else { 0 };
            let mut moving = 0;
            for operator in &part.operators {
                kept += decoding.memory(operator)?.iter().map(|(_, bytes)| bytes).sum::<u64>();
                if part.kind == "dense" {
                    moving = moving.max(prefilling.moving_bytes(operator)?);
                }
            }
            if kept + moving > room {
                return Err(Error::DoesNotFit(too_small(part.kind, grid, kept + moving, room)));
            }
            let operators = part
                .operators
                .par_iter()
                .map(|operator| {
                    // Only the last token is turned into logits.
                    let cycles = if part.kind == "head" {
                        let mut field = Field::new(side, side);
                        timer.run(&decoding.phases(operator)?, &mut field)?.total()
                    } else {
                        prefilling.cycles(operator)?
                    };
                    Ok((operator.name, cycles))
                })
                .collect::<Result<_, Error>>()?;
            let count = pipeline.stages.iter().filter(|&&stage| stage == index).count() as u32;
            Ok(PromptPart { kind: part.kind, count, operators })
        })
        .collect()
}
