//! What each assumed parameter does to one user's speed.

use super::layout::Layout;
use super::plan::Plan;
use super::replay::{POINTS, tpot};
use super::spec::Nvl72Machine;
use super::step::Rack;
use crate::error::Error;
use crate::hardware::{FactRow, Facts};
use crate::machine::Request;
use rayon::prelude::*;
use reports::outcome::Sensitivity;

/// Speeds over the ranges of the assumed parameters.
#[derive(Clone, Debug)]
pub struct Ranges {
    /// Each parameter alone, largest effect first.
    pub rows: Vec<Sensitivity>,
    /// All at their slow ends, and all at their fast ends [tokens/s].
    pub band: [f64; 2],
}

/// Varies every assumed parameter of `machine` under a fixed layout.
pub fn ranges(
    machine: &Nvl72Machine,
    plan: &Plan,
    layout: Layout,
    request: Request,
    seed: u64,
) -> Result<Ranges, Error> {
    let speed = |changes: &[(&str, f64)]| -> Result<f64, Error> {
        let mut facts = machine.preset.facts.clone();
        for (path, value) in changes {
            facts.set_number(path, *value);
        }
        let rack = Rack::new(plan, &facts, machine.spec.expert_load, seed);
        Ok(1.0 / tpot(&rack, layout, machine.spec.batch, request, POINTS)?)
    };
    let rows = machine.preset.facts.all();
    let assumed: Vec<(&FactRow, (f64, f64))> =
        rows.iter().filter_map(|row| row.ends.map(|ends| (row, ends))).collect();
    let ends = assumed
        .par_iter()
        .map(|&(row, (low, high))| Ok([speed(&[(&row.path, low)])?, speed(&[(&row.path, high)])?]))
        .collect::<Result<Vec<_>, Error>>()?;
    let pick = |slow: bool| -> Vec<(&str, f64)> {
        assumed
            .iter()
            .zip(&ends)
            .map(|(&(row, (low, high)), [at_low, at_high])| {
                (row.path.as_str(), if (at_low < at_high) == slow { low } else { high })
            })
            .collect()
    };
    let band = [speed(&pick(true))?, speed(&pick(false))?];
    let mut rows: Vec<Sensitivity> = assumed
        .iter()
        .zip(&ends)
        .map(|(&(row, _), &[at_low, at_high])| Sensitivity {
            path: row.path.clone(),
            at_low,
            at_high,
            range: row.range.clone().unwrap_or_default(),
        })
        .collect();
    let effect = |row: &Sensitivity| (row.at_high - row.at_low).abs();
    rows.sort_by(|a, b| effect(b).total_cmp(&effect(a)));
    Ok(Ranges { rows, band })
}
