//! What moved between two lists of metrics, and between what two scenarios give.

use crate::metrics::{Metric, Sense, sense};
use serde::Serialize;
use std::collections::BTreeMap;

/// What became of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Within its tolerance.
    Same,
    /// Outside, in the better direction.
    Better,
    /// Outside, in the worse direction.
    Worse,
    /// Outside, and neither better nor worse.
    Moved,
    /// Not there before.
    Added,
    /// No longer there.
    Gone,
}

impl Verdict {
    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Moved => "moved",
            Self::Added => "added",
            Self::Gone => "gone",
        }
    }
}

/// A metric before and after.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Which.
    pub metric: String,
    /// Its unit.
    pub unit: String,
    /// Before.
    pub old: Option<f64>,
    /// After.
    pub new: Option<f64>,
    /// New over old, less one; absent where either is.
    pub change: Option<f64>,
    /// How far it may move `[fraction]`.
    pub tolerance: f64,
    /// What became of it.
    pub verdict: Verdict,
}

impl Change {
    fn between(name: &Metric, old: Option<&Metric>, new: Option<&Metric>) -> Self {
        let tolerance = old.map_or(0.0, |old| old.tolerance);
        let values = old.zip(new).map(|(old, new)| (old.value, new.value));
        let verdict = match (old, new, values) {
            (_, _, Some((old, new))) => verdict(old, new, tolerance, &name.unit),
            (None, ..) => Verdict::Added,
            (_, None, _) => Verdict::Gone,
            _ => Verdict::Same,
        };
        Self {
            metric: name.metric.clone(),
            unit: name.unit.clone(),
            old: old.map(|m| m.value),
            new: new.map(|m| m.value),
            change: values.filter(|(old, _)| *old != 0.0).map(|(old, new)| new / old - 1.0),
            tolerance,
            verdict,
        }
    }
}

fn verdict(old: f64, new: f64, tolerance: f64, unit: &str) -> Verdict {
    if (new - old).abs() <= tolerance * old.abs() || (old.is_nan() && new.is_nan()) {
        return Verdict::Same;
    }
    match (sense(unit), new > old) {
        (Sense::Neither, _) => Verdict::Moved,
        (Sense::More, true) | (Sense::Less, false) => Verdict::Better,
        _ => Verdict::Worse,
    }
}

/// Every metric of either list, in the order of `new`, those that are gone at the end.
pub fn changes(old: &[Metric], new: &[Metric]) -> Vec<Change> {
    let by_name = |list: &'_ [Metric]| -> BTreeMap<String, Metric> {
        list.iter().map(|m| (m.metric.clone(), m.clone())).collect()
    };
    let (before, after) = (by_name(old), by_name(new));
    let now = new.iter().map(|m| Change::between(m, before.get(&m.metric), Some(m)));
    let gone = old.iter().filter(|m| !after.contains_key(&m.metric));
    now.chain(gone.map(|m| Change::between(m, Some(m), None))).collect()
}

/// Something given, or a way of running, that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where.
    pub path: String,
    /// Before.
    pub old: Option<String>,
    /// After.
    pub new: Option<String>,
}

/// What differs between two sets of texts, in the order of the paths.
pub fn differences(
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
) -> Vec<Difference> {
    let paths: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    paths
        .into_iter()
        .filter(|path| old.get(*path) != new.get(*path))
        .map(|path| Difference {
            path: path.clone(),
            old: old.get(path).cloned(),
            new: new.get(path).cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(name: &str, value: f64, unit: &str, tolerance: f64) -> Metric {
        Metric { metric: name.into(), value, unit: unit.into(), tolerance }
    }

    #[test]
    fn probe_a_metric_moves_just_beyond_its_tolerance() {
        let old = [metric("a", 1000.0, "ms", 0.001), metric("b", 7.0, "cycles", 0.0)];
        let at = |a: f64, b: f64| {
            let new = [metric("a", a, "ms", 0.5), metric("b", b, "cycles", 0.5)];
            changes(&old, &new).iter().map(|c| c.verdict).collect::<Vec<_>>()
        };
        assert_eq!(at(1001.0, 7.0), [Verdict::Same, Verdict::Same]);
        assert_eq!(at(1001.1, 8.0), [Verdict::Worse, Verdict::Worse]);
        assert_eq!(at(998.9, 6.0), [Verdict::Better, Verdict::Better]);
    }

    #[test]
    fn what_comes_and_goes_is_said() {
        let old = [metric("gone", 1.0, "s", 0.0)];
        let new = [metric("new", 1.0, "s", 0.0)];
        let verdicts: Vec<_> =
            changes(&old, &new).into_iter().map(|c| (c.metric, c.verdict)).collect();
        assert_eq!(verdicts, [("new".into(), Verdict::Added), ("gone".into(), Verdict::Gone)]);
    }
}
