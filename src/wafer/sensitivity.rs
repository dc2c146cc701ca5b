//! The speed of a placed model with some facts at other values.
//!
//! The mapping stays as found at the nominal values, except where a number decides what fits.

use super::machine::Bench;
use super::place::Placement;
use super::spec::WaferMachine;
use super::timer::Memory;
use crate::error::Error;
use crate::hardware::Facts;
use crate::machine::Job;
use crate::machine::assumed::Values;

/// Numbers that decide how many layers share a wafer.
const CAPACITY: [&str; 2] = ["pe.reserve", "pe.sram"];

/// Speed of one user with `values` in place [tokens/s].
pub fn speed_with(
    machine: &WaferMachine,
    job: &Job<'_>,
    placement: &Placement,
    memory: &Memory,
    values: &Values<'_>,
) -> Result<f64, Error> {
    let mut facts = machine.preset.facts.clone();
    for &(path, value) in values {
        facts.set_number(path, value);
    }
    let bench = Bench::new(machine, job, &facts, memory);
    let own;
    let placement = if values.iter().any(|(path, _)| CAPACITY.contains(path)) {
        own = bench.place()?;
        &own
    } else {
        placement
    };
    Ok(bench.decode(placement)?.tokens_per_s())
}
