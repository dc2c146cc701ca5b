//! Two outcomes side by side: what moved, and what could have moved it.

use crate::change::{Change, Difference, Verdict, changes, differences};
use crate::format::{number, percent};
use crate::metrics::{given, metrics, operators, ways};
use crate::outcome::{MachineOutcome, OperatorOutcome, Outcome};
use crate::parts::PARTS;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// Operators shown to people for each machine.
const SHOWN: usize = 12;

/// Two outcomes compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Figures that differ at all.
    pub changes: Vec<Change>,
    /// What one scenario gives and the other does not.
    pub given: Vec<Difference>,
    /// Operators that run another way.
    pub ways: Vec<Difference>,
    /// Machine by machine, for those that both have.
    pub machines: Vec<MachineComparison>,
    /// Machines that only one of them has.
    pub only_in_one: Vec<String>,
}

/// One machine in two outcomes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MachineComparison {
    /// Name of the machine.
    pub machine: String,
    /// Output tokens/s of one user, before and after.
    pub tokens_per_s: [f64; 2],
    /// Parts of the time of one token: name, before and after `[us]`.
    pub parts: Vec<(String, [f64; 2])>,
    /// Time of each operator over a whole token, before and after `[us]`, largest move first.
    pub operators: Vec<(String, [f64; 2])>,
    /// In one sentence.
    pub why: String,
}

impl Comparison {
    /// Compares `old` with `new`.
    pub fn new(old: &Outcome, new: &Outcome) -> Self {
        let mut figures = metrics(old);
        figures.iter_mut().for_each(|metric| metric.tolerance = 0.0);
        let mut changes = changes(&figures, &metrics(new));
        changes.retain(|change| change.verdict != Verdict::Same);
        let given = differences(&given(&old.scenario), &given(&new.scenario));
        let find = |outcome: &Outcome, name: &str| {
            outcome.machines.iter().find(|m| m.name == name).cloned()
        };
        let both = old.machines.iter().filter_map(|a| Some((a, find(new, &a.name)?)));
        let machines = both.map(|(a, b)| machine(a, &b, &given)).collect();
        let alone = |some: &Outcome, other: &Outcome, which: &str| -> Vec<String> {
            let missing = some.machines.iter().filter(|m| find(other, &m.name).is_none());
            missing.map(|m| format!("{} (only in the {which})", m.name)).collect()
        };
        let mut only_in_one = alone(old, new, "first");
        only_in_one.extend(alone(new, old, "second"));
        let ways = differences(&ways(old), &ways(new));
        Self { changes, given, ways, machines, only_in_one }
    }
}

fn machine(old: &MachineOutcome, new: &MachineOutcome, given: &[Difference]) -> MachineComparison {
    let parts: Vec<(String, [f64; 2])> = PARTS
        .iter()
        .map(|p| (p.name.to_string(), [p.us(&old.token_split), p.us(&new.token_split)]))
        .collect();
    let whole = |op: &OperatorOutcome| op.time_us * f64::from(op.count);
    let mut times: BTreeMap<String, [f64; 2]> = BTreeMap::new();
    for (index, one) in [old, new].into_iter().enumerate() {
        for (name, op) in operators(one) {
            times.entry(name).or_default()[index] = whole(op);
        }
    }
    let mut operators: Vec<(String, [f64; 2])> =
        times.into_iter().filter(|(_, [a, b])| (a - b).abs() > 1e-9).collect();
    let moved = |[a, b]: [f64; 2]| (b - a).abs();
    operators.sort_by(|a, b| moved(b.1).total_cmp(&moved(a.1)).then_with(|| a.0.cmp(&b.0)));
    let why = why(old, new, given, &parts);
    MachineComparison {
        machine: old.name.clone(),
        tokens_per_s: [old.tokens_per_s, new.tokens_per_s],
        parts,
        operators,
        why,
    }
}

/// One sentence: which part moved, or why nothing did.
fn why(
    old: &MachineOutcome,
    new: &MachineOutcome,
    given: &[Difference],
    parts: &[(String, [f64; 2])],
) -> String {
    let cycles = |m: &MachineOutcome| m.operators.iter().map(|op| op.cycles).collect::<Vec<_>>();
    let counted = old.operators.iter().any(|op| op.cycles.is_some());
    let prefix = format!("machines.{}.", old.name);
    let about =
        given.iter().any(|d| d.path.starts_with(&prefix) || !d.path.starts_with("machines."));
    let largest = parts.iter().max_by(|a, b| {
        let moved = |p: &(String, [f64; 2])| (p.1[1] - p.1[0]).abs();
        moved(a).total_cmp(&moved(b))
    });
    if old.tokens_per_s == new.tokens_per_s {
        let bound = parts.iter().max_by(|a, b| a.1[1].total_cmp(&b.1[1]));
        let bound = bound.map_or("", |part| part.0.as_str());
        return match about {
            true => format!(
                "what was changed bounds no operator of this machine: {bound} is the largest part of a token"
            ),
            false => "nothing that it depends on was changed".into(),
        };
    }
    let mut text = match largest {
        Some((name, [a, b])) => format!(
            "{name} moved most, by {}{} us of a token",
            if b > a { "+" } else { "" },
            number(b - a)
        ),
        None => String::new(),
    };
    if counted && cycles(old) == cycles(new) {
        text += "; every operator takes the same cycles, so only the clock or what lies between \
                 operators moved";
    }
    text
}

/// The comparison for people.
pub fn text(comparison: &Comparison) -> String {
    let mut out = String::new();
    write_all(&mut out, comparison).expect("writing to a String cannot fail");
    out
}

fn write_all(out: &mut String, comparison: &Comparison) -> fmt::Result {
    if comparison.changes.is_empty() && comparison.given.is_empty() {
        return writeln!(out, "the two outcomes predict the same, and give the same");
    }
    for machine in &comparison.machines {
        let [a, b] = machine.tokens_per_s;
        writeln!(
            out,
            "{}: {} -> {} tokens/s ({})",
            machine.machine,
            number(a),
            number(b),
            relative(a, b)
        )?;
        writeln!(out, "  {}", machine.why)?;
        writeln!(
            out,
            "  {:<34}{:>12}{:>12}{:>12}",
            "time of one token [us]", "first", "second", "change"
        )?;
        for (name, [a, b]) in &machine.parts {
            row(out, name, *a, *b)?;
        }
        if !machine.operators.is_empty() {
            writeln!(out, "  operators that moved most, over all their runs for a token [us]")?;
        }
        for (name, [a, b]) in machine.operators.iter().take(SHOWN) {
            row(out, name, *a, *b)?;
        }
        if machine.operators.len() > SHOWN {
            writeln!(out, "    and {} more", machine.operators.len() - SHOWN)?;
        }
        writeln!(out)?;
    }
    for name in &comparison.only_in_one {
        writeln!(out, "machine {name}")?;
    }
    list(out, "what the scenarios give differently:", &comparison.given)?;
    list(out, "operators that run another way:", &comparison.ways)
}

fn row(out: &mut String, name: &str, a: f64, b: f64) -> fmt::Result {
    let change = relative(a, b);
    writeln!(out, "    {name:<32}{:>12}{:>12}{change:>12}", number(a), number(b))
}

/// "+3.2 %", "new", "gone".
pub fn relative(a: f64, b: f64) -> String {
    match (a == b, a == 0.0, b == 0.0) {
        (true, ..) => "same".into(),
        (_, true, _) => "new".into(),
        (_, _, true) => "gone".into(),
        _ => format!("{}{}", if b > a { "+" } else { "" }, percent(b / a - 1.0)),
    }
}

/// Writes differences under a heading, if there are any.
pub fn list(out: &mut String, heading: &str, differences: &[Difference]) -> fmt::Result {
    if differences.is_empty() {
        return Ok(());
    }
    writeln!(out, "{heading}")?;
    for d in differences {
        let show = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
        writeln!(out, "  {}: {} -> {}", d.path, show(&d.old), show(&d.new))?;
    }
    Ok(())
}
