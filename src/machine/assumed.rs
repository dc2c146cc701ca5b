//! What assumed numbers do to the speed, for any machine: each at both ends of its range, then all at
//! their slow and all at their fast ends.

use super::{Job, setting};
use crate::error::Error;
use crate::hardware::{Confidence, FactRow, Facts};
use rayon::prelude::*;
use reports::outcome::{Parameter, Sensitivity};

/// Values of some facts, by path, in their base units.
pub type Values<'a> = [(&'a str, f64)];

/// Sensitivities of the machine called `machine`, largest effect first, and the band of its speed
/// around `nominal` `[tokens/s]`.
///
/// Where the job wants no bands, nothing is varied.
pub fn vary(
    job: &Job<'_>,
    machine: &str,
    facts: &impl Facts,
    nominal: f64,
    speed: impl Fn(&Values<'_>) -> Result<f64, Error> + Sync,
) -> Result<(Vec<Sensitivity>, [f64; 2]), Error> {
    if !job.bands {
        return Ok((Vec::new(), [nominal; 2]));
    }
    let rows = facts.all();
    let assumed: Vec<(&FactRow, [f64; 2])> =
        rows.iter().filter_map(|row| row.ends.map(|(low, high)| (row, [low, high]))).collect();
    let speeds: Vec<[f64; 2]> = assumed
        .par_iter()
        .map(|&(row, [low, high])| Ok([speed(&[(&row.path, low)])?, speed(&[(&row.path, high)])?]))
        .collect::<Result<_, Error>>()?;
    let all = |fast: bool| -> Vec<(&str, f64)> {
        let end = |ends: &[f64; 2], at: &[f64; 2]| ends[usize::from((at[1] > at[0]) == fast)];
        assumed
            .iter()
            .zip(&speeds)
            .map(|((row, ends), at)| (row.path.as_str(), end(ends, at)))
            .collect()
    };
    let (slowest, fastest) = rayon::join(|| speed(&all(false)), || speed(&all(true)));
    let band = [slowest?.min(nominal), fastest?.max(nominal)];
    let mut list: Vec<Sensitivity> = assumed
        .iter()
        .zip(&speeds)
        .map(|((row, _), at)| Sensitivity {
            path: setting(machine, &row.path),
            at_low: at[0],
            at_high: at[1],
            range: row.range.clone().unwrap_or_default(),
        })
        .collect();
    let effect = |row: &Sensitivity| (row.at_high - row.at_low).abs();
    list.sort_by(|a, b| effect(b).total_cmp(&effect(a)).then_with(|| a.path.cmp(&b.path)));
    Ok((list, band))
}

/// Every number of a machine's hardware with its source, for the outcome.
pub fn parameters(machine: &str, facts: &impl Facts) -> Vec<Parameter> {
    let confidence = |confidence| match confidence {
        Confidence::Measured => "measured",
        Confidence::Documented => "documented",
        Confidence::Derived => "derived",
        Confidence::Assumed => "assumed",
    };
    facts
        .all()
        .into_iter()
        .map(|row| Parameter {
            path: setting(machine, &row.path),
            value: row.text,
            range: row.range,
            confidence: confidence(row.confidence).into(),
            source: row.source,
        })
        .collect()
}
