//! `wafersim wafer prefill`: the prompt of one request.

use super::model::{ModelOptions, room};
use super::{Common, whole};
use crate::command::args::Format;
use crate::command::print;
use crate::error::Error;
use crate::wafer::grid::Grid;
use crate::wafer::grid::prompt::{self, PromptPart};
use serde_json::json;
use std::fmt::Write;

/// Options of a prompt.
#[derive(Debug, clap::Args)]
pub(in crate::command) struct Options {
    #[command(flatten)]
    model: ModelOptions,
    /// Tokens of the prompt
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    prompt: u32,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Sides of a square that are tried where none is given, in tenths of the largest.
const TENTHS: [u32; 6] = [10, 9, 8, 7, 6, 5];

/// Simulates and prints.
pub(super) fn run(options: &Options) -> Result<(), Error> {
    let facts = options.common.facts()?;
    let model = options.model.load()?;
    options.model.fits(&model, options.prompt, &facts)?;
    let timer = options.common.timer(&facts);
    let room = room(&facts);
    let on = |side: u32| -> Result<(u64, u32, Vec<PromptPart>), Error> {
        let parts = prompt::prefill(&timer, side, &model, options.prompt, room)?;
        let cycles = parts.iter().map(|part| u64::from(part.count) * part.cycles()).sum();
        Ok((cycles, side, parts))
    };
    let (cycles, side, parts) = match options.common.grid(&facts)? {
        // Products by cyclic shift need a square: the PEs beside the largest one idle.
        Some(Grid { columns, rows }) => on(columns.min(rows))?,
        None => {
            let wafer = whole(&facts);
            let most = wafer.columns.min(wafer.rows);
            let mut best = on(most)?;
            for tenths in &TENTHS[1..] {
                let next = on((most * tenths / 10).max(1))?;
                if next.0 < best.0 {
                    best = next;
                }
            }
            best
        }
    };
    let rate = f64::from(options.prompt) * facts.clock.get() / cycles as f64;
    let flops: f64 = 2.0 * f64::from(options.prompt) * model.active_parameters() as f64;
    let used = f64::from(side) * f64::from(side);
    let all = options
        .common
        .grid(&facts)?
        .map_or(used, |grid| f64::from(grid.columns) * f64::from(grid.rows));
    let peak = all * 2.0 * facts.pe.fp16_per_cycle.get();
    let share = flops / (peak * cycles as f64);
    let text = match options.common.format {
        Format::Json => format!(
            "{}\n",
            json!({
                "tokens_per_s": rate,
                "cycles": cycles,
                "share_of_peak": share,
                "mapping": "fixed-grid",
                "grid": [side, side],
                "idle_pes": all - used,
                "parts": parts
                    .iter()
                    .map(|part| json!({
                        "part": part.kind,
                        "count": part.count,
                        "cycles": part.cycles(),
                        "operators": part
                            .operators
                            .iter()
                            .map(|(name, cycles)| json!({"name": name, "cycles": cycles}))
                            .collect::<Vec<_>>(),
                    }))
                    .collect::<Vec<_>>(),
            })
        ),
        Format::Human => human(&parts, rate, share, side),
    };
    print(text.as_bytes())
}

fn human(parts: &[PromptPart], rate: f64, share: f64, side: u32) -> String {
    let mut text = format!(
        "{rate:.1} tokens/s on {side} x {side} PEs at a time, {:.1} % of their 16-bit peak\n",
        100.0 * share
    );
    for part in parts {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:>4} x {:<22}{:>10} cycles", part.count, part.kind, part.cycles());
        for (name, cycles) in &part.operators {
            let _ = writeln!(text, "       {name:<22}{cycles:>10}");
        }
    }
    text
}
