//! One user's speed under a fixed layout with some facts at other values.

use super::layout::Layout;
use super::plan::Plan;
use super::replay::{POINTS, tpot};
use super::spec::Nvl72Machine;
use super::step::Rack;
use crate::error::Error;
use crate::hardware::Facts;
use crate::machine::Request;
use crate::machine::assumed::Values;

/// Speed of one user with `values` in place `[tokens/s]`.
pub fn speed_with(
    machine: &Nvl72Machine,
    plan: &Plan,
    layout: Layout,
    (request, seed): (Request, u64),
    values: &Values<'_>,
) -> Result<f64, Error> {
    let mut facts = machine.preset.facts.clone();
    for &(path, value) in values {
        facts.set_number(path, value);
    }
    let rack = Rack::new(plan, &facts, machine.spec.load(), seed);
    Ok(1.0 / tpot(&rack, layout, machine.spec.batch, request, POINTS)?)
}
