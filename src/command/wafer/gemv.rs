//! `wafersim wafer gemv`: a vector times a matrix, alone on a wafer.

use super::{Common, whole};
use crate::command::args::Format;
use crate::command::print;
use crate::error::Error;
use crate::wafer::grid::Ways;
use crate::wafer::grid::gemv::Gemv;
use clap::ValueEnum;
use serde_json::json;
use sim_fabric::mesh::program::DType;

/// Options of a product.
#[derive(Debug, clap::Args)]
pub(in crate::command) struct Options {
    /// Rows of the matrix: elements of the vector
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    rows: u32,
    /// Columns of the matrix: elements of the result
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    cols: u32,
    /// Type of an element
    #[arg(long, value_enum, default_value_t = Type::Fp16)]
    dtype: Type,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Type of an element, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Type {
    /// 16 bits, two in a wavelet
    Fp16,
    /// 32 bits
    Fp32,
}

/// Simulates and prints.
pub(super) fn run(options: &Options) -> Result<(), Error> {
    let facts = options.common.facts()?;
    let timer = options.common.timer(&facts);
    let dtype = match options.dtype {
        Type::Fp16 => DType::F16,
        Type::Fp32 => DType::F32,
    };
    let gemv = Gemv { ins: options.rows, outs: options.cols, dtype };
    let room = facts.pe.sram.whole().saturating_sub(facts.pe.reserve.whole());
    let over = |tile: u64| {
        Error::DoesNotFit(format!(
            "a tile of the {} x {} matrix takes {tile} bytes of a PE, {room} are left beside \
             `pe.reserve`; use a larger grid or a smaller matrix",
            options.rows, options.cols
        ))
    };
    let run = match options.common.grid(&facts)? {
        Some(grid) => {
            let run = gemv.on(&timer, grid, Ways::TwoLevels)?;
            if run.tile_bytes > room {
                return Err(over(run.tile_bytes));
            }
            run
        }
        None => {
            let wafer = whole(&facts);
            let least = gemv.tile_bytes(wafer);
            gemv.best(&timer, wafer, room)?.ok_or_else(|| over(least))?
        }
    };
    let cycles = run.spent.total();
    let microseconds = cycles as f64 / facts.clock.get() * 1e6;
    let text = match options.common.format {
        Format::Json => format!(
            "{}\n",
            json!({
                "cycles": cycles,
                "microseconds": microseconds,
                "grid": [run.grid.columns, run.grid.rows],
                "reduce": run.reduce,
                "tile_bytes": run.tile_bytes,
                "spent": {
                    "arithmetic": run.spent.arithmetic,
                    "memory": run.spent.memory,
                    "fabric": run.spent.fabric,
                    "waiting": run.spent.waiting,
                },
            })
        ),
        Format::Human => format!(
            "[1, {ins}] x [{ins}, {outs}] over {columns} x {rows} PEs, {reduce}\n\
             cycles          {cycles:>12}   {microseconds:.3} us\n\
             arithmetic      {arithmetic:>12}\n\
             fabric          {fabric:>12}\n\
             set-up, waiting {waiting:>12}\n",
            ins = options.rows,
            outs = options.cols,
            columns = run.grid.columns,
            rows = run.grid.rows,
            reduce = run.reduce,
            arithmetic = run.spent.arithmetic,
            fabric = run.spent.fabric,
            waiting = run.spent.waiting,
        ),
    };
    print(text.as_bytes())
}
