//! Decoding where the mapper places the layers: bands of a wafer, each with its own rectangles.

use super::decode::Options;
use crate::command::args::Format;
use crate::error::Error;
use crate::machine::{Job, Request};
use crate::wafer::machine::Bench;
use crate::wafer::spec::{EngineChoice, WaferMachine, WaferSpec};
use crate::wafer::timer::Memory;
use serde_json::json;
use workloads::model::Model;

/// Places, times one token and says what came out.
pub(super) fn run(options: &Options, model: &Model) -> Result<String, Error> {
    let engine = match options.common.engine {
        crate::command::fabric::Engine::Stream => EngineChoice::Stream,
        crate::command::fabric::Engine::Wavelet => EngineChoice::Wavelet,
    };
    let spec = WaferSpec { engine, ..WaferSpec::default() };
    let preset = options.common.preset()?;
    let facts = preset.facts.clone();
    let machine = WaferMachine { name: "wafer".into(), preset, spec };
    // The prompt's last step chooses one token, one more is decoded, with all of the context cached.
    let request =
        Request { prompt: options.context.saturating_sub(1).max(1), reasoning: 0, answer: 2 };
    let job = Job::once(model, request);
    let bench = Bench::new(&machine, &job, &facts, &Memory::default());
    let most = (!options.model.any_size()).then_some(1);
    let placement = bench.place_on(most)?;
    let decode = bench.decode(&placement)?;
    let Some(class) = decode.classes.last() else {
        return Err(Error::Simulation("no token was decoded".into()));
    };
    let layers = class.times.stages.len().saturating_sub(2).max(1);
    let clock = facts.clock.get();
    let stages = &class.times.stages[1..=layers];
    let cycles: f64 = stages.iter().map(|stage| stage.seconds() * clock).sum();
    let per_layer = cycles / layers as f64;
    let rate = decode.tokens_per_s();
    let wafers = placement.wafers;
    Ok(match options.common.format {
        Format::Json => format!(
            "{}\n",
            json!({
                "tokens_per_s": rate,
                "cycles_per_layer": per_layer,
                "mapping": "placed",
                "wafers": wafers,
                "rows": placement.rows,
            })
        ),
        Format::Human => format!(
            "{rate:.1} tokens/s, {per_layer:.0} cycles a layer, placed on {wafers} wafer{}\n",
            if wafers == 1 { "" } else { "s" }
        ),
    })
}
