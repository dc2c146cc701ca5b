//! An outcome as a flat list of figures with names: what a baseline holds and two outcomes are
//! compared by.

use crate::outcome::{MachineOutcome, OperatorOutcome, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Tolerance of figures that are no whole numbers `[fraction of the old value]`.
pub const TOLERANCE: f64 = 1e-3;

/// One figure of a prediction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Which: "wafer.tokens_per_s", "wafer.moe.o_proj.cycles".
    pub metric: String,
    /// Its value.
    pub value: f64,
    /// Its unit.
    pub unit: String,
    /// How far a later value may be away `[fraction of this value]`; 0 for whole numbers.
    pub tolerance: f64,
}

/// Whether more of a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// Tokens/s.
    More,
    /// Times and cycles.
    Less,
    /// Neither: units, counts.
    Neither,
}

/// Whether more of the metric in `unit` is better.
pub fn sense(unit: &str) -> Sense {
    match unit {
        "tokens/s" => Sense::More,
        "s" | "ms" | "us" | "cycles" => Sense::Less,
        _ => Sense::Neither,
    }
}

/// All figures of an outcome that a baseline holds, machine by machine, operators behind the rest.
pub fn metrics(outcome: &Outcome) -> Vec<Metric> {
    outcome.machines.iter().flat_map(of_machine).collect()
}

fn of_machine(machine: &MachineOutcome) -> Vec<Metric> {
    let name = &machine.name;
    let real = |what: &str, value: f64, unit: &str| Metric {
        metric: format!("{name}.{what}"),
        value,
        unit: unit.into(),
        tolerance: TOLERANCE,
    };
    let whole =
        |what: &str, value: f64, unit: &str| Metric { tolerance: 0.0, ..real(what, value, unit) };
    let mut list = vec![
        real("tokens_per_s", machine.tokens_per_s, "tokens/s"),
        real("tokens_per_s_machine", machine.tokens_per_s_machine, "tokens/s"),
        real("ttft", machine.ttft_s, "s"),
        real("tpot", machine.tpot_ms, "ms"),
        real("request", machine.request_s, "s"),
        whole("units", f64::from(machine.units), "units"),
    ];
    for (path, op) in operators(machine) {
        list.push(match op.cycles {
            Some(cycles) => whole(&format!("{path}.cycles"), cycles as f64, "cycles"),
            None => real(&format!("{path}.time"), op.time_us, "us"),
        });
        list.push(whole(&format!("{path}.runs"), f64::from(op.count), "runs a token"));
    }
    list
}

/// The operators of a machine under names that are unique in it: "moe.o_proj".
pub fn operators(machine: &MachineOutcome) -> Vec<(String, &OperatorOutcome)> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut name = |op: &OperatorOutcome| {
        let name = format!("{}.{}", op.group, op.name);
        let times = seen.entry(name.clone()).or_default();
        *times += 1;
        if *times > 1 { format!("{name}-{times}") } else { name }
    };
    machine.operators.iter().map(|op| (name(op), op)).collect()
}

/// How each operator runs, by its name with the machine's: "728 x 128, k-tree(8,16)".
pub fn ways(outcome: &Outcome) -> BTreeMap<String, String> {
    let way = |op: &OperatorOutcome| {
        let rectangle = op.rectangle.map(|[columns, rows]| format!("{columns} x {rows}"));
        let words = [rectangle.as_deref().unwrap_or(""), &op.mapping, &op.collective];
        let words: Vec<&str> =
            words.into_iter().filter(|w| !w.is_empty() && *w != "none").collect();
        words.join(", ")
    };
    let of = |machine: &MachineOutcome| -> Vec<(String, String)> {
        let operators = operators(machine).into_iter();
        operators.map(|(name, op)| (format!("{}.{name}", machine.name), way(op))).collect()
    };
    outcome.machines.iter().flat_map(of).collect()
}

/// What the scenario gives, leaf by leaf: "request.prompt_tokens" and "machines.wafer.clock", without
/// the sources of numbers and without the tables of a model's layers.
pub fn given(scenario: &Value) -> BTreeMap<String, String> {
    let mut leaves = BTreeMap::new();
    flatten("", scenario, &mut leaves);
    leaves
}

fn flatten(path: &str, value: &Value, leaves: &mut BTreeMap<String, String>) {
    let join = |key: &str| if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
    match value {
        Value::Object(fields) => {
            // A hardware number is one leaf.
            if let (Some(value), Some(_)) = (fields.get("value"), fields.get("source")) {
                leaves.insert(path.to_string(), text(value));
                return;
            }
            for (key, value) in fields {
                match key.as_str() {
                    "source" | "sources" => {}
                    "preset" | "choices" | "facts" | "config" if value.is_object() => {
                        flatten(path, value, leaves);
                    }
                    _ => flatten(&join(key), value, leaves),
                }
            }
        }
        Value::Array(items) if items.len() <= 16 => {
            for (index, item) in items.iter().enumerate() {
                let name = item["name"].as_str().map_or_else(|| index.to_string(), str::to_string);
                flatten(&join(&name), item, leaves);
            }
        }
        Value::Array(items) => {
            leaves.insert(join("length"), items.len().to_string());
        }
        leaf => {
            leaves.insert(path.to_string(), text(leaf));
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}
