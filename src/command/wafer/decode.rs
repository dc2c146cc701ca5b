//! `wafersim wafer decode`: output tokens of one request.

use super::model::{ModelOptions, room};
use super::{Common, placed};
use crate::command::args::Format;
use crate::command::print;
use crate::error::Error;
use crate::wafer::grid::Grid;
use crate::wafer::grid::token::{self, TokenRun};
use serde_json::json;
use std::fmt::Write;

/// Options of decoding.
#[derive(Debug, clap::Args)]
pub(in crate::command) struct Options {
    #[command(flatten)]
    pub(super) model: ModelOptions,
    /// Tokens in the cache, the new one included
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1 << 24))]
    pub(super) context: u32,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Simulates and prints.
pub(super) fn run(options: &Options) -> Result<(), Error> {
    let facts = options.common.facts()?;
    let model = options.model.load()?;
    options.model.fits(&model, options.context, &facts)?;
    let Some(grid) = options.common.grid(&facts)? else {
        return print(placed::run(options, &model)?.as_bytes());
    };
    let timer = options.common.timer(&facts);
    let run = token::decode(&timer, grid, &model, options.context, room(&facts))?;
    let rate = facts.clock.get() / run.cycles() as f64;
    let text = match options.common.format {
        Format::Json => format!("{}\n", show(&run, rate, grid)),
        Format::Human => human(&run, rate, grid),
    };
    print(text.as_bytes())
}

fn show(run: &TokenRun, rate: f64, grid: Grid) -> serde_json::Value {
    let parts: Vec<_> = run
        .parts
        .iter()
        .map(|part| {
            let operators: Vec<_> = part
                .operators
                .iter()
                .map(|timed| json!({"name": timed.name, "cycles": timed.spent.total()}))
                .collect();
            json!({
                "part": part.kind,
                "count": part.count,
                "cycles": part.cycles(),
                "bytes_per_pe": part.bytes,
                "operators": operators,
            })
        })
        .collect();
    json!({
        "tokens_per_s": rate,
        "cycles_per_layer": run.cycles_per_layer(),
        "cycles_per_token": run.cycles(),
        "mapping": "fixed-grid",
        "grid": [grid.columns, grid.rows],
        "parts": parts,
        "hand_overs": run.hand_overs,
        "hand_over_cycles": run.hand_over,
    })
}

fn human(run: &TokenRun, rate: f64, grid: Grid) -> String {
    let mut text = format!(
        "{rate:.1} tokens/s, {:.0} cycles a layer, on {} x {} PEs at a time\n",
        run.cycles_per_layer(),
        grid.columns,
        grid.rows
    );
    for part in &run.parts {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{:>4} x {:<22}{:>9} cycles   {} bytes of the fullest PE",
            part.count,
            part.kind,
            part.cycles(),
            part.bytes
        );
        for timed in &part.operators {
            let spent = &timed.spent;
            let _ = writeln!(
                text,
                "       {:<22}{:>9}   arithmetic {}, memory {}, fabric {}, waiting {}",
                timed.name,
                spent.total(),
                spent.arithmetic,
                spent.memory,
                spent.fabric,
                spent.waiting
            );
        }
    }
    let _ =
        writeln!(text, "{:>4} x {:<22}{:>9} cycles", run.hand_overs, "hand-over", run.hand_over);
    text
}
