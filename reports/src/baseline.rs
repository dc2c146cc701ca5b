//! A baseline: the figures of an outcome that somebody accepted, and why. Later runs are held to it.

use crate::change::{Change, Difference, Verdict, changes, differences};
use crate::metrics::{Metric, given, metrics, ways};
use crate::outcome::{Counter, Outcome};
use crate::view::scenario_name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const FORMAT: &str = "wafersim-baseline";
const VERSION: u32 = 1;
/// How far the simulated work may grow before the simulator counts as slower `[fraction]`.
const WORK_TOLERANCE: f64 = 0.1;

/// Accepted figures of one scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    format: String,
    version: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// Hash of the scenario as resolved.
    pub scenario_hash: String,
    /// Name of the model.
    pub model: String,
    /// Why, first to last: one entry for each time it was accepted.
    pub accepted: Vec<Accepted>,
    /// The figures, each with its tolerance; a tolerance may be changed by hand.
    pub metrics: Vec<Metric>,
    /// How each operator ran.
    pub ways: BTreeMap<String, String>,
    /// What the scenario gave.
    pub given: BTreeMap<String, String>,
    /// Work that the simulator did for it, by machine.
    pub work: BTreeMap<String, Vec<Counter>>,
}

/// One acceptance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// Why the figures were taken.
    pub reason: String,
    /// Version of the simulator.
    pub simulator: String,
}

/// Why a baseline cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BaselineError {
    /// Cut off.
    #[error(
        "ends in the middle, at line {0}: it was cut off; restore it, or accept the figures anew"
    )]
    Truncated(usize),
    /// Not one of these files.
    #[error("is no baseline of wafersim: {0}")]
    NotABaseline(String),
    /// Another version.
    #[error("is a baseline of format {found}, and this wafersim reads {VERSION}")]
    Version {
        /// Its version.
        found: u64,
    },
    /// Of something else.
    #[error(
        "is a baseline of another scenario: its {what} is `{theirs}`, and the scenario's is \
         `{ours}`; give another folder with --baseline"
    )]
    Another {
        /// What differs.
        what: &'static str,
        /// In the baseline.
        theirs: String,
        /// In the scenario.
        ours: String,
    },
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Findings {
    /// The last reason for which the baseline was accepted.
    pub reason: String,
    /// Every figure of the prediction.
    pub changes: Vec<Change>,
    /// Operators that run another way than before.
    pub ways: Vec<Difference>,
    /// What the scenario gives that it did not.
    pub given: Vec<Difference>,
    /// Work of the simulator that grew beyond tolerance. Another finding than a changed prediction.
    pub work: Vec<Change>,
}

impl Findings {
    /// Figures outside their tolerance.
    pub fn moved(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.verdict != Verdict::Same)
    }

    /// Whether the prediction is as accepted.
    pub fn same(&self) -> bool {
        self.moved().next().is_none()
    }
}

impl Baseline {
    /// The figures of `outcome`, accepted for `reason` after those of `before`.
    pub fn accept(outcome: &Outcome, reason: &str, before: Option<&Self>) -> Self {
        let mut accepted = before.map_or(Vec::new(), |before| before.accepted.clone());
        accepted.push(Accepted { reason: reason.into(), simulator: outcome.simulator.clone() });
        let mut metrics = metrics(outcome);
        // A tolerance that somebody chose stays.
        for metric in &mut metrics {
            let known = before.and_then(|b| b.metrics.iter().find(|m| m.metric == metric.metric));
            metric.tolerance = known.map_or(metric.tolerance, |known| known.tolerance);
        }
        Self {
            format: FORMAT.into(),
            version: VERSION,
            scenario: scenario_name(outcome).into(),
            scenario_hash: outcome.manifest.scenario_hash.clone(),
            model: outcome.model.name.clone(),
            accepted,
            metrics,
            ways: ways(outcome),
            given: given(&outcome.scenario),
            work: work(outcome),
        }
    }

    /// Reads a baseline.
    ///
    /// # Errors
    /// Bytes that are cut off, or no baseline of this version.
    pub fn read(bytes: &[u8]) -> Result<Self, BaselineError> {
        let value: serde_json::Value =
            serde_json::from_slice(bytes).map_err(|error| match error.is_eof() {
                true => BaselineError::Truncated(error.line()),
                false => BaselineError::NotABaseline(error.to_string()),
            })?;
        if value["format"] != FORMAT {
            return Err(BaselineError::NotABaseline(format!("its `format` is not `{FORMAT}`")));
        }
        match value["version"].as_u64() {
            Some(found) if found == u64::from(VERSION) => {}
            found => return Err(BaselineError::Version { found: found.unwrap_or(0) }),
        }
        serde_json::from_value(value)
            .map_err(|error| BaselineError::NotABaseline(error.to_string()))
    }

    /// As a file; the same bytes for the same baseline.
    pub fn to_bytes(&self) -> Vec<u8> {
        crate::folder::pretty(self)
    }

    /// Whether this is a baseline of the scenario that led to `outcome`.
    ///
    /// # Errors
    /// Where the name of scenario or model or the machines are others.
    pub fn belongs_to(&self, outcome: &Outcome) -> Result<(), BaselineError> {
        let machines = |names: Vec<&str>| names.join(", ");
        let mut theirs: Vec<&str> = Vec::new();
        for metric in &self.metrics {
            let name = metric.metric.strip_suffix(".tokens_per_s").filter(|n| !n.contains('.'));
            theirs.extend(name);
        }
        let ours = outcome.machines.iter().map(|m| m.name.as_str()).collect();
        for (what, theirs, ours) in [
            ("name", self.scenario.clone(), scenario_name(outcome).to_string()),
            ("model", self.model.clone(), outcome.model.name.clone()),
            ("list of machines", machines(theirs), machines(ours)),
        ] {
            if theirs != ours {
                return Err(BaselineError::Another { what, theirs, ours });
            }
        }
        Ok(())
    }

    /// Holds `outcome` to this baseline.
    ///
    /// # Errors
    /// As [`Baseline::belongs_to`].
    pub fn check(&self, outcome: &Outcome) -> Result<Findings, BaselineError> {
        self.belongs_to(outcome)?;
        let counters = |work: &BTreeMap<String, Vec<Counter>>| -> Vec<Metric> {
            let of = |(machine, counters): (&String, &Vec<Counter>)| -> Vec<Metric> {
                let metric = |counter: &Counter| Metric {
                    metric: format!("{machine}: {}", counter.name),
                    value: counter.value as f64,
                    unit: "simulated".into(),
                    tolerance: WORK_TOLERANCE,
                };
                counters.iter().map(metric).collect()
            };
            work.iter().flat_map(of).collect()
        };
        let mut grown = changes(&counters(&self.work), &counters(&work(outcome)));
        grown.retain(|c| c.verdict == Verdict::Moved && c.new > c.old);
        Ok(Findings {
            reason: self.accepted.last().map_or(String::new(), |last| last.reason.clone()),
            changes: changes(&self.metrics, &metrics(outcome)),
            ways: differences(&self.ways, &ways(outcome)),
            given: differences(&self.given, &given(&outcome.scenario)),
            work: grown,
        })
    }
}

fn work(outcome: &Outcome) -> BTreeMap<String, Vec<Counter>> {
    outcome.machines.iter().map(|m| (m.name.clone(), m.work.clone())).collect()
}
