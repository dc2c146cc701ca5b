//! `wafersim wafer`: a model, or one product, on a wafer, without a scenario.

mod decode;
mod gemv;
mod model;
mod placed;
mod prefill;

use super::args::Format;
use super::fabric::Shape;
use crate::error::Error;
use crate::scenario::preset;
use crate::wafer::grid::Grid;
use crate::wafer::hardware::{WaferFacts, WaferPreset};
use crate::wafer::timer::{Engine, Memory, Timer};
use clap::Subcommand;

/// What `wafersim wafer` can simulate.
#[derive(Debug, Subcommand)]
pub(super) enum Wafer {
    /// A vector times a matrix
    Gemv(gemv::Options),
    /// Output tokens of one request, one after another
    Decode(decode::Options),
    /// The prompt of one request
    Prefill(prefill::Options),
}

impl Wafer {
    /// How results and errors are to be shown.
    pub(super) fn format(&self) -> Format {
        match self {
            Self::Gemv(options) => options.common.format,
            Self::Decode(options) => options.common.format,
            Self::Prefill(options) => options.common.format,
        }
    }

    /// Simulates and prints.
    pub(super) fn run(&self) -> Result<(), Error> {
        match self {
            Self::Gemv(options) => options.common.pool()?.install(|| gemv::run(options)),
            Self::Decode(options) => options.common.pool()?.install(|| decode::run(options)),
            Self::Prefill(options) => options.common.pool()?.install(|| prefill::run(options)),
        }
    }
}

/// What all of them take.
#[derive(Debug, clap::Args)]
pub(super) struct Common {
    /// Hardware: a preset's name or a RON file
    #[arg(long, default_value = "wse3")]
    preset: String,
    /// The PEs that work at a time, columns x rows [default: searched by simulation]
    #[arg(long, value_name = "COLUMNSxROWS")]
    grid: Option<Shape>,
    /// Engine: every wavelet, or whole streams of them, with the same cycles
    #[arg(long, value_enum, default_value_t = super::fabric::Engine::Stream)]
    engine: super::fabric::Engine,
    /// What stdout shows, and how errors look on stderr
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Threads to use; the result does not depend on it
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Replace one number of the preset, such as pe.loop_cycles="8 cycles"; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    settings: Vec<String>,
}

impl Common {
    fn pool(&self) -> Result<rayon::ThreadPool, Error> {
        super::run::pool(self.threads)
    }

    fn preset(&self) -> Result<WaferPreset, Error> {
        preset::with_settings(&self.preset, &self.settings)
    }

    fn facts(&self) -> Result<WaferFacts, Error> {
        Ok(self.preset()?.facts)
    }

    fn timer(&self, facts: &WaferFacts) -> Timer {
        let engine = match self.engine {
            super::fabric::Engine::Stream => Engine::Stream,
            super::fabric::Engine::Wavelet => Engine::Wavelet,
        };
        Timer::new(facts.fabric_spec(), facts.pe_spec(), engine, &Memory::default())
    }

    /// The grid that was asked for, if it lies on the wafer.
    fn grid(&self, facts: &WaferFacts) -> Result<Option<Grid>, Error> {
        let wafer = whole(facts);
        match self.grid {
            Some(Shape { columns, rows }) if columns > wafer.columns || rows > wafer.rows => {
                Err(Error::input(format!(
                    "--grid {columns}x{rows}: `{}` has {} x {} PEs; use a smaller grid",
                    self.preset, wafer.columns, wafer.rows
                )))
            }
            Some(Shape { columns, rows }) => Ok(Some(Grid { columns, rows })),
            None => Ok(None),
        }
    }
}

/// All PEs of a wafer.
fn whole(facts: &WaferFacts) -> Grid {
    Grid { columns: facts.grid.columns.whole() as u32, rows: facts.grid.rows.whole() as u32 }
}
