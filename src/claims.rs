//! The claims this simulator was built to look at, beside what it finds.
//!
//! A row's figure and its note are computed from the scenario and the outcomes. A note chooses its
//! sentence by comparing numbers; nothing here, and nothing anywhere else, is fitted to a claim. What
//! cannot be simulated says what it would need.

mod hardware;
mod model;
mod speed;

use crate::Scenario;
use crate::nvl72::Nvl72Machine;
use crate::scenario::MachineSpec;
use crate::wafer::spec::WaferMachine;
use reports::outcome::{Claim, MachineOutcome, TimeSplit};

/// The claims of the table, each beside what `scenario` and `outcomes` say about it; the outcomes are
/// in the order of the scenario's machines.
pub fn table(scenario: &Scenario, outcomes: &[MachineOutcome]) -> Vec<Claim> {
    let view = View::new(scenario, outcomes);
    vec![
        speed::tokens_per_s(&view),
        speed::against_next_provider(&view),
        speed::against_median(&view),
        speed::whole_answer(&view),
        hardware::fabric_bandwidth(&view),
        hardware::sram(&view),
        model::storage(&view),
        model::experts(&view),
        model::parameters(&view),
        model::context(&view),
        hardware::systems(&view),
        hardware::interconnect(&view),
        speed::why(&view),
    ]
}

/// What the rows look at: the first machine of each kind with its outcome.
struct View<'a> {
    scenario: &'a Scenario,
    wafer: Option<(&'a WaferMachine, &'a MachineOutcome)>,
    rack: Option<(&'a Nvl72Machine, &'a MachineOutcome)>,
}

impl<'a> View<'a> {
    fn new(scenario: &'a Scenario, outcomes: &'a [MachineOutcome]) -> Self {
        let pairs = || scenario.machines.iter().zip(outcomes);
        Self {
            scenario,
            wafer: pairs().find_map(|(spec, outcome)| match spec {
                MachineSpec::Wafer(machine) => Some((machine, outcome)),
                MachineSpec::Nvl72(_) => None,
            }),
            rack: pairs().find_map(|(spec, outcome)| match spec {
                MachineSpec::Nvl72(machine) => Some((machine, outcome)),
                MachineSpec::Wafer(_) => None,
            }),
        }
    }
}

fn row(id: &str, claim: &str, claimed: &str, found: (String, String)) -> Claim {
    let [id, claim, claimed] = [id, claim, claimed].map(str::to_string);
    Claim { id, claim, claimed, simulated: found.0, note: found.1 }
}

/// What stands in a row whose machine the scenario does not have.
fn absent(what: &str) -> (String, String) {
    ("not simulated".to_string(), format!("the scenario has no {what}"))
}

const WAFERS: &str = "wafers";
const RACK: &str = "GPU rack";

/// The part of a token's time that is largest, in words, and its share.
fn largest_part(split: &TimeSplit) -> (&'static str, f64) {
    let parts = [
        ("arithmetic", split.arithmetic_us),
        ("memory", split.memory_us),
        ("fabric", split.fabric_us),
        ("links between units", split.io_us),
        ("fixed costs and waiting", split.waiting_us),
    ];
    let (name, time) = parts
        .into_iter()
        .fold(("nothing", 0.0), |best, part| if part.1 > best.1 { part } else { best });
    (name, share(time, split.total_us()))
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// "42 %".
fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// A number with about three figures.
fn figure(number: f64) -> String {
    match number.abs() {
        n if n >= 100.0 => format!("{number:.0}"),
        n if n >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

#[cfg(test)]
mod tests;
