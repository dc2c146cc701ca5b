//! What assumed parameters do to the speed: each at both ends of its range, then all at their slow
//! and all at their fast ends.
//!
//! The mapping stays as found at the nominal values, except where a parameter decides what fits.

use super::hardware::WaferFacts;
use super::machine::{Bench, Decode};
use super::place::Placement;
use super::spec::WaferMachine;
use crate::error::Error;
use crate::hardware::{FactRow, Facts};
use crate::machine::Job;
use rayon::prelude::*;
use reports::outcome::Sensitivity;

/// Parameters that decide how many layers share a wafer.
const CAPACITY: [&str; 2] = ["pe.reserve", "pe.sram"];

/// Sensitivities, largest effect first, and the band of the speed [tokens/s].
pub fn vary(
    machine: &WaferMachine,
    job: &Job<'_>,
    placement: &Placement,
    nominal: &Decode,
) -> Result<(Vec<Sensitivity>, [f64; 2]), Error> {
    let facts = &machine.preset.facts;
    let assumed: Vec<FactRow> = facts.all().into_iter().filter(|row| row.ends.is_some()).collect();
    let ends: Vec<(&FactRow, f64)> = assumed
        .iter()
        .flat_map(|row| row.ends.map_or(vec![], |(low, high)| vec![(row, low), (row, high)]))
        .collect();
    let speeds: Vec<f64> = ends
        .par_iter()
        .map(|(row, value)| with(machine, job, placement, facts, &[(row, *value)]))
        .collect::<Result<_, _>>()?;
    let mut rows = Vec::new();
    let (mut slow, mut fast) = (Vec::new(), Vec::new());
    for (row, speeds) in assumed.iter().zip(speeds.chunks(2)) {
        let (Some((low, high)), Some(range)) = (row.ends, row.range.clone()) else { continue };
        let rising = speeds[0] <= speeds[1];
        slow.push((row, if rising { low } else { high }));
        fast.push((row, if rising { high } else { low }));
        rows.push(Sensitivity {
            path: format!("{}.{}", machine.name, row.path),
            at_low: speeds[0],
            at_high: speeds[1],
            range,
        });
    }
    rows.sort_by(|a, b| {
        let effect = |s: &Sensitivity| (s.at_high - s.at_low).abs();
        effect(b).total_cmp(&effect(a)).then_with(|| a.path.cmp(&b.path))
    });
    let nominal = nominal.tokens_per_s();
    let slowest = with(machine, job, placement, facts, &slow)?;
    let fastest = with(machine, job, placement, facts, &fast)?;
    Ok((rows, [slowest.min(nominal), fastest.max(nominal)]))
}

/// Speed with some facts at other values [tokens/s].
fn with(
    machine: &WaferMachine,
    job: &Job<'_>,
    placement: &Placement,
    facts: &WaferFacts,
    values: &[(&FactRow, f64)],
) -> Result<f64, Error> {
    let mut facts = facts.clone();
    let mut capacity = false;
    for (row, value) in values {
        facts.set_number(&row.path, *value);
        capacity |= CAPACITY.contains(&row.path.as_str());
    }
    let bench = Bench::new(machine, job, &facts);
    let own;
    let placement = if capacity {
        own = bench.place()?;
        &own
    } else {
        placement
    };
    Ok(bench.decode(placement)?.tokens_per_s())
}
