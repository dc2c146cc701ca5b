//! What the summary, the page and the pictures derive from an outcome in the same way.

use serde_json::Value;

use crate::format::{integer, length, plain};
use crate::outcome::{MachineOutcome, OperatorOutcome, Outcome, Region, Sensitivity, TimeSplit};

/// Name of the scenario, or of its model where the scenario has none.
pub(crate) fn scenario_name(outcome: &Outcome) -> &str {
    outcome.scenario.get("name").and_then(Value::as_str).unwrap_or(&outcome.model.name)
}

/// The request in words, from the scenario as resolved: "prompt 10,000, reasoning 4,200".
pub(crate) fn request(outcome: &Outcome) -> Option<String> {
    let fields = outcome.scenario.get("request")?.as_object()?;
    let in_time = |name: &str| {
        ["prompt", "reasoning", "answer"].iter().position(|word| name.contains(word)).unwrap_or(3)
    };
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_by_key(|(name, _)| in_time(name));
    let words: Vec<String> = fields
        .into_iter()
        .filter_map(|(name, value)| {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Number(figure) => figure.as_u64().map_or(figure.to_string(), integer),
                _ => return None,
            };
            Some(format!("{} {value}", name.replace('_', " ")))
        })
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// How many times faster than `other` a machine answers, where both have a speed.
pub(crate) fn ratio(speed: f64, other: f64) -> Option<f64> {
    (length(speed) > 0.0 && length(other) > 0.0).then(|| speed / other)
}

/// "6.7 times the tokens/s of gb200-nvl72, the whole request in 1/5.4 of the time": the first
/// machine against each other one.
pub(crate) fn comparisons(outcome: &Outcome) -> Vec<Comparison<'_>> {
    let Some((first, others)) = outcome.machines.split_first() else { return Vec::new() };
    others
        .iter()
        .filter_map(|other| {
            Some(Comparison {
                machine: &first.name,
                other: &other.name,
                speed: ratio(first.tokens_per_s, other.tokens_per_s)?,
                request: ratio(other.request_s, first.request_s),
                worst: band(first).zip(band(other)).and_then(|(a, b)| ratio(a[0], b[1])),
                best: band(first).zip(band(other)).and_then(|(a, b)| ratio(a[1], b[0])),
            })
        })
        .collect()
}

/// The first machine against another.
pub(crate) struct Comparison<'a> {
    /// Name of the first machine.
    pub(crate) machine: &'a str,
    /// Name of the other.
    pub(crate) other: &'a str,
    /// Ratio of tokens/s.
    pub(crate) speed: f64,
    /// How many times sooner the whole request is answered.
    pub(crate) request: Option<f64>,
    /// Ratio of tokens/s with the first at its slow end and the other at its fast end.
    pub(crate) worst: Option<f64>,
    /// Ratio of tokens/s with the first at its fast end and the other at its slow end.
    pub(crate) best: Option<f64>,
}

/// The band of a machine's speed, where assumed numbers were varied `[tokens/s]`.
pub(crate) fn band(machine: &MachineOutcome) -> Option<[f64; 2]> {
    (!machine.sensitivity.is_empty()).then_some(machine.tokens_per_s_range)
}

/// The clock that the cycles of a machine count `[GHz]`, from its longest operator.
pub(crate) fn clock_ghz(machine: &MachineOutcome) -> Option<f64> {
    machine
        .operators
        .iter()
        .filter(|op| length(op.time_us) > 0.0)
        .filter_map(|op| op.cycles.map(|cycles| (cycles, cycles as f64 / op.time_us / 1e3)))
        .filter(|(_, clock)| length(*clock) > 0.0)
        .max_by_key(|(cycles, _)| *cycles)
        .map(|(_, clock)| clock)
}

/// How far a parameter moves the speed `[tokens/s]`.
pub(crate) fn swing(sensitivity: &Sensitivity) -> f64 {
    length((sensitivity.at_high - sensitivity.at_low).abs())
}

/// The machine's clock where it is assumed: choosing the clock chooses the speed, so both ends of its
/// range stand beside the headline.
pub(crate) fn clock(machine: &MachineOutcome) -> Option<&Sensitivity> {
    machine.sensitivity.iter().find(|row| row.path.ends_with(".clock"))
}

/// The assumed parameter that moves a machine's speed most.
pub(crate) fn strongest(machine: &MachineOutcome) -> Option<&Sensitivity> {
    machine.sensitivity.iter().max_by(|a, b| swing(a).total_cmp(&swing(b)))
}

/// The operators of one layer of a kind, one after the other.
pub(crate) struct Timeline<'a> {
    /// Kind of layer.
    pub(crate) group: &'a str,
    /// Operators in the order of the forward pass.
    pub(crate) steps: Vec<Step<'a>>,
    /// End of the last `[us]`.
    pub(crate) total_us: f64,
    /// Mean duration of the layers of this kind as simulated `[us]`, where layers are given.
    pub(crate) layer_us: Option<f64>,
}

impl Timeline<'_> {
    /// The kind of layer as people write it.
    pub(crate) fn kind(&self) -> &str {
        if self.group == "moe" { "MoE" } else { self.group }
    }
}

impl Step<'_> {
    /// Name of the operator, with the number of its runs where it is more than one.
    pub(crate) fn name(&self) -> String {
        match self.runs {
            runs if runs > 1.01 => format!("{} × {}", self.operator.name, plain(runs)),
            _ => self.operator.name.clone(),
        }
    }
}

/// One operator of a [`Timeline`].
pub(crate) struct Step<'a> {
    /// The operator.
    pub(crate) operator: &'a OperatorOutcome,
    /// How often it runs in the layer.
    pub(crate) runs: f64,
    /// When it starts `[us]`.
    pub(crate) start_us: f64,
    /// How long all its runs take `[us]`.
    pub(crate) us: f64,
    /// Where that time goes.
    pub(crate) split: TimeSplit,
}

/// The timeline of one MoE layer, or of the first other kind that repeats.
pub(crate) fn layer_timeline(machine: &MachineOutcome) -> Option<Timeline<'_>> {
    let groups = || machine.operators.iter().map(|op| op.group.as_str());
    let group = groups()
        .find(|group| *group == "moe")
        .or_else(|| groups().find(|group| *group != "head" && *group != "embedding"))
        .or_else(|| groups().next())?;
    let operators = || machine.operators.iter().filter(|op| op.group == group && op.count > 0);
    let times: Vec<f64> =
        machine.layers.iter().filter(|l| l.kind == group).map(|l| length(l.time_us)).collect();
    let layers = match times.len() {
        0 => operators().map(|op| op.count).min()? as usize,
        some => some,
    };
    let mut start_us = 0.0;
    let mut steps = Vec::new();
    for operator in operators() {
        let runs = f64::from(operator.count) / layers as f64;
        let us = length(operator.time_us) * runs;
        let mut split = TimeSplit::default();
        split.add(&operator.split, runs);
        steps.push(Step { operator, runs, start_us, us, split });
        start_us += us;
    }
    let layer_us = (!times.is_empty()).then(|| times.iter().sum::<f64>() / times.len() as f64);
    Some(Timeline { group, steps, total_us: start_us, layer_us })
}

/// Columns and rows that hold all regions of a machine: the scale of its placement maps.
pub(crate) fn extent(machine: &MachineOutcome) -> Option<[u32; 2]> {
    let regions = || machine.placement.iter().flat_map(|unit| &unit.regions);
    let end = |low: fn(&Region) -> u32, size: fn(&Region) -> u32| {
        regions().map(|r| low(r).saturating_add(size(r))).max().filter(|end| *end > 0)
    };
    Some([end(|r| r.x, |r| r.columns)?, end(|r| r.y, |r| r.rows)?])
}

/// Smallest and largest of the finite values, if any.
pub(crate) fn bounds(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    values.filter(|v| v.is_finite()).fold(None, |seen, v| match seen {
        None => Some([v, v]),
        Some([low, high]) => Some([low.min(v), high.max(v)]),
    })
}
