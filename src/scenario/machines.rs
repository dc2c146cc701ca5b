//! The machines a scenario can name: the one list of them in this crate.

use crate::machine::Machine;
use crate::nvl72::Nvl72Machine;
use crate::wafer::spec::WaferMachine;
use serde_json::{Value, json};

/// A machine of a scenario, its preset filled in.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a scenario has a handful of machines")]
pub enum MachineSpec {
    /// Wafers.
    Wafer(WaferMachine),
    /// A GPU rack.
    Nvl72(Nvl72Machine),
}

impl MachineSpec {
    /// Name in the outcome.
    pub fn name(&self) -> &str {
        match self {
            Self::Wafer(machine) => &machine.name,
            Self::Nvl72(machine) => &machine.name,
        }
    }

    /// The machine, to run something on it.
    pub fn machine(&self) -> &(dyn Machine + Sync) {
        match self {
            Self::Wafer(machine) => machine,
            Self::Nvl72(machine) => machine,
        }
    }

    /// All of it, as the outcome holds it.
    pub fn resolved(&self) -> Value {
        let entry = |kind: &str, name: &str, preset: Value, choices: Value| json!({ "kind": kind, "name": name, "preset": preset, "choices": choices });
        match self {
            Self::Wafer(m) => entry("Wafer", &m.name, json!(m.preset), json!(m.spec)),
            Self::Nvl72(m) => entry("Nvl72", &m.name, json!(m.preset), json!(m.spec)),
        }
    }
}
