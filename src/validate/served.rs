//! Output speeds of one stream as they are served on CS-3 systems.
//!
//! What a served speed is measured with (prompt, answer, host, network) is not published: the request is
//! an assumption, and the band is wide for it.

use super::{Band, Measured, Predicts, Table};
use crate::error::Error;
use crate::machine::{Job, Request};
use crate::scenario::preset;
use crate::wafer::grid::{Grid, token};
use crate::wafer::hardware::WaferPreset;
use crate::wafer::machine::Bench;
use crate::wafer::spec::{Auto, WaferMachine, WaferSpec};
use crate::wafer::timer::{Engine, Memory, Timer};
use workloads::model::Model;
use workloads::model::import::import;

/// Models whose number of wafers is known.
pub(super) const WAFERS: Table = Table {
    name: "served_cs3",
    what: "output tokens/s of one stream of Llama 3.1 on a known number of CS-3, 16 bit, no speculation; \
           taken to have 1,500 tokens in the cache; layers on the square grid that is found fastest. Host, \
           scheduling and the software of 2024 are not in the model: shown, not judged",
    source: "vendor blog and Artificial Analysis, 2024-08",
    unit: "tokens/s",
    rows: Predicts::Here(wafers),
};

/// The claim that this simulator was built to look at.
pub(super) const KIMI: Table = Table {
    name: "served_kimi",
    what: "output tokens/s of one stream of Kimi K2.6 on about 20 CS-3, stored in 4 bit; whether it \
           speculates is unknown; the request of the main example",
    source: "Artificial Analysis, 2026-05, quoted at second hand",
    unit: "tokens/s",
    rows: Predicts::Here(kimi),
};

/// How far a served speed may be off: what it was measured with is unknown.
const BAND: Band = Band::Within(0.3);

/// Model, wafers, tokens/s.
const SERVED: [(&str, &str, u32, f64); 2] =
    [("llama-3.1-8b", LLAMA_8B, 1, 1800.0), ("llama-3.1-70b", LLAMA_70B, 4, 450.0)];

fn wafers() -> Result<Vec<Measured>, Error> {
    let row = |&(name, text, wafers, published): &(&str, &str, u32, f64)| {
        let predicted = on_grid(&model(text)?, wafers, 1500)?;
        let name = format!("{name} on {wafers}");
        Ok(Measured { name, published, predicted, band: Band::Open, calibrated: false })
    };
    SERVED.iter().map(row).collect()
}

/// Output tokens/s with layers on square grids side by side, over `wafers` CS-3.
fn on_grid(model: &Model, wafers: u32, context: u32) -> Result<f64, Error> {
    let facts = preset::with_settings::<WaferPreset>("cs3", &[])?.facts;
    let memory = Memory::default();
    let timer = Timer::new(facts.fabric_spec(), facts.pe_spec(), Engine::Stream, &memory);
    let room = facts.pe.sram.whole().saturating_sub(facts.pe.reserve.whole());
    let (columns, rows) = (facts.grid.columns.whole(), facts.grid.rows.whole());
    let need = token::stored_bytes(model, context);
    if need > room * columns * rows * u64::from(wafers) {
        return Err(Error::DoesNotFit(format!("{need} bytes on {wafers} wafers")));
    }
    let mut best = f64::INFINITY;
    for tenths in 5..=10 {
        let side = (columns.min(rows) * tenths / 10) as u32;
        let grid = Grid { columns: side, rows: side };
        let cycles = token::decode(&timer, grid, model, context, room)?.cycles();
        best = best.min(cycles as f64 / facts.clock.get());
    }
    // The vector goes on from wafer to wafer, and the token's number comes back to the first.
    let bytes = f64::from(2 * model.hidden) * f64::from(wafers - 1);
    let ways = if wafers > 1 { f64::from(wafers) } else { 0.0 };
    let ethernet = ways * facts.io.latency.get() + bytes / facts.io.bandwidth.get();
    Ok(1.0 / (best + ethernet))
}

fn kimi() -> Result<Vec<Measured>, Error> {
    let request = Request { prompt: 10_000, reasoning: 4200, answer: 500 };
    let predicted = tokens_per_s(&model(KIMI_K26)?, request, Auto::Auto)?;
    let name = "kimi-k2.6".to_string();
    Ok(vec![Measured { name, published: 981.0, predicted, band: BAND, calibrated: false }])
}

const LLAMA_8B: &str = include_str!("../../examples/models/llama-3.1-8b.json");
const LLAMA_70B: &str = include_str!("../../examples/models/llama-3.1-70b.json");
const KIMI_K26: &str = include_str!("../../examples/models/kimi-k2.6.json");

/// A model of the repository.
pub(super) fn model(text: &str) -> Result<Model, Error> {
    import(text, "published")
        .map_err(|problems| Error::Simulation(format!("a model of the repository: {problems:?}")))
}

/// Output tokens/s of one request alone on CS-3 systems, nominal numbers.
fn tokens_per_s(model: &Model, request: Request, count: Auto) -> Result<f64, Error> {
    let machine = WaferMachine {
        name: "cs3".to_string(),
        preset: preset::with_settings("cs3", &[])?,
        spec: WaferSpec { count, ..WaferSpec::default() },
    };
    let job = Job::once(model, request);
    let memory = Memory::default();
    let bench = Bench::new(&machine, &job, &machine.preset.facts, &memory);
    let placement = bench.place()?;
    Ok(bench.decode(&placement)?.tokens_per_s())
}
