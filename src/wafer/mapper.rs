//! The mapper: finds the rectangle of each operator by simulated time, within the ledger.
//!
//! One choice after another is tried at all its values with the others held, and the best is kept,
//! until a round changes nothing. What is minimised is the sum of the operators' simulated times, each
//! from an even start, so that an operator is simulated anew only when a choice touches it; the
//! mapping found is then run as a whole. Where a PE overflows, bytes cost time, more and more until
//! they fit; from there on time alone counts, among the mappings that fit.
//!
//! Experts by regions are searched from the mapping that was found for striped ones, in the choices that
//! touch experts ([`regions`]).

mod options;
mod trials;

pub(super) use self::options::{across, options};
use self::options::{at_once, start};
pub(super) use self::trials::Trials;
use super::choices::{ALL, Choices};
use super::layer::{LayerRun, Part, Run, ledger};
use crate::error::Error;
use sim_sram::Ledger;

/// Rounds of the search at most.
const ROUNDS: usize = 3;
/// Prices of a byte of the fullest PE that are tried in turn `[cycles per byte]`.
const PRICES: [f64; 5] = [0.0, 0.1, 0.5, 2.0, 10.0];

/// A part's mapping as found.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The choices.
    pub choices: Choices,
    /// How the part ran with them.
    pub run: LayerRun,
    /// The fullest PE's bytes.
    pub ledger: Ledger,
}

/// What the search keeps to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Memory of a PE `[bytes]`.
    pub sram: u64,
    /// Kept free for code and buffers `[bytes]`.
    pub reserve: u64,
}

/// Finds the fastest mapping of `part` that fits; `Ok(Err(bytes))` says by how much it does not.
///
/// With `sparing`, mappings that save memory at a high price in time are tried where others do not fit.
pub fn search(
    run: &Run<'_>,
    part: &Part,
    (limits, sparing): (Limits, bool),
    force: &dyn Fn(&mut Choices),
) -> Result<Result<Mapping, u64>, Error> {
    let trials = Trials::new(run, part, limits);
    let mut least = u64::MAX;
    let all = options(run, part);
    for options in [at_once(run, &all), all].into_iter().take(1 + usize::from(sparing)) {
        let from = || start(run, &options);
        let (bytes, smallest) = descend(&options, from(), force, &|choices, _| {
            let held = trials.held(choices)?;
            Ok(held.map_or(f64::INFINITY, |held| held.bytes as f64))
        })?;
        if bytes > limits.sram as f64 {
            least = least.min(bytes as u64);
            continue;
        }
        for price in PRICES {
            let (_, choices) = descend(&options, from(), force, &|choices, best| {
                let Some(held) = trials.held(choices)? else { return Ok(f64::INFINITY) };
                let bytes = price * held.bytes as f64;
                let time = trials.time(choices, &held, best - bytes)?;
                Ok(time.map_or(f64::INFINITY, |time| time as f64 + bytes))
            })?;
            let fits = trials.held(&choices)?.is_some_and(|held| held.bytes <= limits.sram);
            if fits && price == 0.0 {
                return Ok(Ok(mapped(run, part, choices, limits)?));
            }
            if fits {
                return Ok(Ok(fastest(run, part, limits, &trials, (&options, choices), force)?));
            }
        }
        return Ok(Ok(fastest(run, part, limits, &trials, (&options, smallest), force)?));
    }
    Ok(Err(if least == u64::MAX { least } else { least - limits.sram }))
}

/// The last descent: from a mapping that fits, by time alone among those that do.
fn fastest(
    run: &Run<'_>,
    part: &Part,
    limits: Limits,
    trials: &Trials<'_>,
    (options, from): (&[Vec<u32>], Choices),
    force: &dyn Fn(&mut Choices),
) -> Result<Mapping, Error> {
    let (_, choices) = descend(options, from, force, &|choices, best| match trials
        .held(choices)?
        .filter(|held| held.bytes <= limits.sram)
    {
        Some(held) => {
            let time = trials.time(choices, &held, best)?;
            Ok(time.map_or(f64::INFINITY, |time| time as f64))
        }
        None => Ok(f64::INFINITY),
    })?;
    mapped(run, part, choices, limits)
}

/// The fastest mapping of `part` with experts by regions that fits; all choices that experts have no part in as
/// in `from`. `Ok(Err(bytes))` says by how much none fits.
pub fn regions(
    run: &Run<'_>,
    part: &Part,
    limits: Limits,
    from: &Choices,
    force: &dyn Fn(&mut Choices),
) -> Result<Result<Mapping, u64>, Error> {
    let trials = Trials::new(run, part, limits);
    // Regions do not care how the stream is cut: no expert's scales are shared between columns.
    let mut tiles = vec![from.residual_tile, run.hidden.div_ceil(run.columns)];
    tiles.dedup();
    let mut least = u64::MAX;
    let mut best: Option<(u64, Choices)> = None;
    for across in across(run, part) {
        for &residual_tile in &tiles {
            let mut choices = Choices { residual_tile, regions_across: across, ..from.clone() };
            force(&mut choices);
            let Some(held) = trials.held(&choices)? else { continue };
            least = least.min(held.bytes);
            if held.bytes > limits.sram || choices.regions_across == 0 {
                continue;
            }
            let known = best.as_ref().map_or(f64::INFINITY, |(time, _)| *time as f64);
            if let Some(time) = trials.time(&choices, &held, known)? {
                best = Some((time, choices));
            }
        }
    }
    match best {
        Some((_, choices)) => Ok(Ok(mapped(run, part, choices, limits)?)),
        None => Ok(Err(if least == u64::MAX { least } else { least.saturating_sub(limits.sram) })),
    }
}

/// `part` as it runs with `choices`.
fn mapped(run: &Run<'_>, part: &Part, choices: Choices, limits: Limits) -> Result<Mapping, Error> {
    let kernels = run.kernels(part, &choices)?;
    let ledger = ledger(&kernels, limits.reserve, run.buffer.into());
    Ok(Mapping { run: run.time(kernels)?, choices, ledger })
}

/// Tries one choice after another at all its values, keeping the best, until nothing improves. `cost` is told what
/// it has to be below to count.
fn descend(
    options: &[Vec<u32>],
    from: Choices,
    force: &dyn Fn(&mut Choices),
    cost: &dyn Fn(&Choices, f64) -> Result<f64, Error>,
) -> Result<(f64, Choices), Error> {
    let mut choices = from;
    force(&mut choices);
    let mut best = cost(&choices, f64::INFINITY)?;
    for _ in 0..ROUNDS {
        let mut moved = false;
        for (choice, values) in ALL.iter().zip(options) {
            for &value in values {
                let mut next = choices.clone();
                (choice.set)(&mut next, value);
                force(&mut next);
                if next == choices {
                    continue;
                }
                let score = cost(&next, best)?;
                if score < best {
                    (best, choices, moved) = (score, next, true);
                }
            }
        }
        if !moved {
            break;
        }
    }
    Ok((best, choices))
}
