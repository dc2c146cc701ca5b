//! The speed of a placed model with some facts at other values.
//!
//! The mapping stays as found at the nominal values. Where a number decides what fits, the model is
//! placed and mapped anew for that number, with all others at their nominal values.

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

/// Speed of one user with `values` in place `[tokens/s]`.
pub fn speed_with(
    machine: &WaferMachine,
    job: &Job<'_>,
    placement: &Placement,
    memory: &Memory,
    values: &Values<'_>,
) -> Result<f64, Error> {
    let nominal = &machine.preset.facts;
    let mut facts = nominal.clone();
    let mut capacity = nominal.clone();
    for &(path, value) in values {
        facts.set_number(path, value);
        if CAPACITY.contains(&path) {
            capacity.set_number(path, value);
        }
    }
    let own;
    let placement = if capacity == *nominal {
        placement
    } else {
        own = Bench::new(machine, job, &capacity, memory).place()?;
        &own
    };
    Ok(Bench::new(machine, job, &facts, memory).decode(placement)?.tokens_per_s())
}
