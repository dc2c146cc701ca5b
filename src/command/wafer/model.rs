//! The model that a command names, and how its weights are stored.

use super::whole;
use crate::error::Error;
use crate::scenario::files;
use crate::wafer::grid::token::stored_bytes;
use crate::wafer::hardware::WaferFacts;
use clap::ValueEnum;
use std::path::PathBuf;
use workloads::model::{Model, Storage, WeightFormat};

/// A model and its storage.
#[derive(Debug, clap::Args)]
pub(super) struct ModelOptions {
    /// The model: a Hugging Face config.json
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// How all weights are stored
    #[arg(long, value_enum, default_value_t = Weights::Checkpoint)]
    weights: Weights,
    /// Time a model that is larger than one wafer by its layers
    #[arg(long)]
    no_capacity_check: bool,
}

/// How weights are stored, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Weights {
    /// As the configuration says
    Checkpoint,
    /// 16 bits
    Fp16,
    /// 16 bits
    Bf16,
    /// 8 bits, a scale for each block of 128 x 128
    Fp8,
    /// 4 bits, a 16-bit scale for each group of 32
    Int4,
}

impl ModelOptions {
    /// Whether the model may take more than one wafer.
    pub(super) fn any_size(&self) -> bool {
        self.no_capacity_check
    }

    /// Reads the model and stores it as asked.
    pub(super) fn load(&self) -> Result<Model, Error> {
        let mut model = files::model(&self.model)?;
        let format = match self.weights {
            Weights::Checkpoint => return Ok(model),
            Weights::Fp16 | Weights::Bf16 => WeightFormat::BF16,
            Weights::Fp8 => WeightFormat::FP8_BLOCK_128,
            Weights::Int4 => WeightFormat::INT4_G32,
        };
        model.storage = Storage::uniform(format);
        Ok(model)
    }

    /// Refuses a model that does not fit one wafer, with `context` tokens in its cache.
    pub(super) fn fits(
        &self,
        model: &Model,
        context: u32,
        facts: &WaferFacts,
    ) -> Result<(), Error> {
        let wafer = whole(facts);
        let room = room(facts) * u64::from(wafer.columns) * u64::from(wafer.rows);
        let need = stored_bytes(model, context);
        if need <= room || self.no_capacity_check {
            return Ok(());
        }
        Err(Error::DoesNotFit(format!(
            "`{}` takes {:.1} GB with {context} cached tokens, one wafer has {:.1} GB beside \
             `pe.reserve`; store weights in fewer bits (--weights), or time it by its layers with \
             --no-capacity-check",
            model.name,
            need as f64 / 1e9,
            room as f64 / 1e9,
        )))
    }
}

/// Bytes of a PE for weights and cache `[bytes]`.
pub(super) fn room(facts: &WaferFacts) -> u64 {
    facts.pe.sram.whole().saturating_sub(facts.pe.reserve.whole())
}
