//! Output speeds of one stream as they are served on CS-3 systems.
//!
//! What a served speed is measured with (prompt, answer, host, network) is not published: the request is
//! an assumption, and the band is wide for it.

use super::{Band, Measured, Table};
use crate::error::Error;
use crate::machine::{Job, Request};
use crate::scenario::preset;
use crate::wafer::machine::Bench;
use crate::wafer::spec::{Auto, WaferMachine, WaferSpec};
use crate::wafer::timer::Memory;
use workloads::model::Model;
use workloads::model::import::import;

/// The claim that this simulator was built to look at.
pub(super) const KIMI: Table = Table {
    name: "served_kimi",
    what: "output tokens/s of one stream of Kimi K2.6 on about 20 CS-3, stored in 4 bit; whether it \
           speculates is unknown; the request of the main example",
    source: "Artificial Analysis, 2026-05, quoted at second hand",
    unit: "tokens/s",
    rows: kimi,
};

/// How far a served speed may be off: what it was measured with is unknown.
const BAND: Band = Band::Within(0.3);

fn kimi() -> Result<Vec<Measured>, Error> {
    let request = Request { prompt: 10_000, reasoning: 4200, answer: 500 };
    let predicted = tokens_per_s(&model(KIMI_K26)?, request, Auto::Auto)?;
    let name = "kimi-k2.6".to_string();
    Ok(vec![Measured { name, published: 981.0, predicted, band: BAND, calibrated: false }])
}

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
    let job = Job { model, request, seed: 0, bands: false, progress: &|_, _| {} };
    let memory = Memory::default();
    let bench = Bench::new(&machine, &job, &machine.preset.facts, &memory);
    let placement = bench.place()?;
    Ok(bench.decode(&placement)?.tokens_per_s())
}
