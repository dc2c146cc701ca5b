//! wafersim: cycle-level simulation of wafer-scale and GPU-rack inference.
//!
//! ```no_run
//! let scenario = wafersim::Scenario::load("examples/kimi-k2.6.ron".as_ref())?;
//! let outcome = wafersim::run(&scenario)?;
//! println!("{}", reports::summary::text(&outcome, None));
//! # Ok::<(), wafersim::Error>(())
//! ```
//!
//! A scenario names a model, a request and machines ([`scenario`]). Each machine ([`machine`]) places
//! the model's forward pass on its parts, lowers it and replays the request in time: [`wafer`] on
//! wafers, [`nvl72`] on a GPU rack, with the numbers of [`hardware`]. What comes out is an
//! [`Outcome`], the published [`claims`] beside it.

pub mod claims;
pub mod command;
pub mod embedded;
pub mod error;
pub mod hardware;
pub mod input;
pub mod machine;
pub mod nvl72;
pub mod recorded;
pub mod scenario;
pub mod trace;
pub mod validate;
pub mod wafer;

pub use error::Error;
pub use reports::outcome::Outcome;
pub use scenario::Scenario;

use machine::Job;
use rayon::prelude::*;
use reports::outcome::{MachineOutcome, ModelSummary, SCHEMA_VERSION};
use workloads::model::Model;

/// Told how far the machine called by the first argument is: a share between 0 and 1, and what is
/// being done.
pub type Progress<'a> = dyn Fn(&str, f64, &str) + Sync + 'a;

/// Simulates a scenario on all its machines; same scenario, same outcome, on any number of threads.
///
/// # Errors
/// [`Error::DoesNotFit`] where the model is too large for a machine, [`Error::Input`] where a machine
/// refuses its choices; of several machines, the error of the first.
pub fn run(scenario: &Scenario) -> Result<Outcome, Error> {
    run_with_progress(scenario, &|_, _, _| {})
}

/// As [`run`], telling `progress` how far it is.
///
/// # Errors
/// As [`run`].
pub fn run_with_progress(scenario: &Scenario, progress: &Progress<'_>) -> Result<Outcome, Error> {
    run_with(scenario, true, progress)
}

/// As [`run_with_progress`]; without `bands` no assumed number is varied, which takes most of the time.
///
/// # Errors
/// As [`run`].
pub fn run_with(
    scenario: &Scenario,
    bands: bool,
    progress: &Progress<'_>,
) -> Result<Outcome, Error> {
    let machines: Vec<Result<MachineOutcome, Error>> = scenario
        .machines
        .par_iter()
        .map(|spec| {
            let name = spec.name();
            let progress = |share: f64, doing: &str| progress(name, share, doing);
            let job = Job { bands, progress: &progress, ..Job::of(scenario) };
            spec.machine().simulate(&job).map_err(|error| error.on_machine(name))
        })
        .collect();
    let machines = machines.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(Outcome {
        schema_version: SCHEMA_VERSION,
        simulator: concat!("wafersim ", env!("CARGO_PKG_VERSION")).to_string(),
        manifest: scenario.manifest(),
        scenario: scenario.resolved(),
        model: summary(&scenario.model),
        claims: claims::table(scenario, &machines),
        machines,
        validation: recorded::validation(),
    })
}

fn summary(model: &Model) -> ModelSummary {
    ModelSummary {
        name: model.name.clone(),
        parameters: model.parameters(),
        active_parameters: model.active_parameters(),
        weight_bytes: model.weight_bytes() + model.scale_bytes(),
        kv_bytes_per_token: model.kv_bytes_per_token(),
        layers: u32::try_from(model.layers.len()).unwrap_or(u32::MAX),
    }
}
