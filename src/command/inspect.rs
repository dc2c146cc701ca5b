//! `wafersim inspect`: where a model stands, who owns the bytes of a PE, and why an operator is mapped so.

use super::args::Format;
use super::print;
use super::run::{pool, settings};
use crate::error::Error;
use crate::machine::Job;
use crate::scenario::{MachineSpec, Scenario};
use crate::wafer::inspect::Inspection;
use crate::wafer::inspect::why::Why;
use crate::wafer::machine::Bench;
use crate::wafer::timer::Memory;
use serde_json::json;
use sim_sram::Owner;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Instant;

/// Options of an inspection.
#[derive(Debug, clap::Args)]
pub(super) struct Inspect {
    /// The scenario, a RON file
    scenario: PathBuf,
    /// Show the five best candidates for an operator, such as q_b or moe/q_b
    #[arg(long, value_name = "OPERATOR")]
    why: Option<String>,
    /// What stdout shows, and how errors look on stderr
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
    /// Replace one value of the scenario, as `wafersim run` does; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    settings: Vec<String>,
    /// Threads to use; the result does not depend on it [default: one for each core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

impl Inspect {
    /// Places every wafer machine of the scenario and prints.
    pub(super) fn run(&self) -> Result<(), Error> {
        let scenario = Scenario::load_with(&self.scenario, &settings(&self.settings, None)?)?;
        let wafers: Vec<_> = scenario
            .machines
            .iter()
            .filter_map(|machine| match machine {
                MachineSpec::Wafer(machine) => Some(machine),
                MachineSpec::Nvl72(_) => None,
            })
            .collect();
        if wafers.is_empty() {
            return Err(Error::input(
                "the scenario has no wafers, and `inspect` shows wafers alone; add a machine `Wafer(...)`",
            ));
        }
        let mut machines = Vec::new();
        let mut text = String::new();
        for machine in wafers {
            let job = Job::of(&scenario);
            let memory = Memory::default();
            let bench = Bench::new(machine, &job, &machine.preset.facts, &memory);
            let found = pool(self.threads)?.install(|| {
                let start = Instant::now();
                let placement = bench.place()?;
                let seconds = start.elapsed().as_secs_f64();
                let why = self.why.as_ref().map(|operator| bench.why(operator, &placement));
                Ok((bench.inspect(&placement), why.transpose()?, seconds))
            });
            let (inspection, why, seconds) =
                found.map_err(|error: Error| error.on_machine(&machine.name))?;
            // How long it took is no result: it goes beside them.
            if self.format == Format::Human {
                eprintln!("{}: mapped in {seconds:.2} s", machine.name);
            }
            match &why {
                Some(why) => text.push_str(&explained(why)),
                None => text.push_str(&shown(&inspection)),
            }
            let mut value = json!(inspection);
            if let Some(why) = why {
                value["why"] = json!(why);
            }
            machines.push(value);
        }
        if self.format == Format::Json {
            let name = &scenario.name;
            text = super::json_text(&json!({ "scenario": name, "machines": machines }))?;
        }
        print(text.as_bytes())
    }
}

fn shown(inspection: &Inspection) -> String {
    let Inspection { machine, wafers, grid: [columns, rows], sram, context, .. } = inspection;
    let mut text = format!(
        "{machine}: {wafers} wafers of {columns} x {rows} PEs, {sram} bytes each; {context} tokens in \
         the cache\n\nbytes of the fullest PE\n{:<12}{:>6}{:>12}",
        "part", "times", "PEs"
    );
    for owner in Owner::ALL {
        let _infallible = write!(text, "{:>18}", owner.to_string());
    }
    let _infallible = writeln!(text, "{:>10}{:>12}", "free", "full at");
    for part in &inspection.parts {
        let pes = format!("{}x{}", part.columns, part.rows);
        let _infallible = write!(text, "{:<12}{:>6}{pes:>12}", part.part, part.count);
        for owner in Owner::ALL {
            let _infallible = write!(text, "{:>18}", part.pe_bytes.of(owner));
        }
        let full = part.context_full.map_or_else(String::new, |tokens| tokens.to_string());
        let _infallible = writeln!(text, "{:>10}{full:>12}", part.pe_bytes.free());
    }
    text.push_str("\nmean bytes of all PEs of a band\n");
    for part in &inspection.parts {
        let pes = f64::from(part.columns) * f64::from(part.rows);
        let all = |owner: Owner| -> f64 {
            let bytes = part.areas.iter().map(|area| {
                f64::from(area.columns) * f64::from(area.rows) * area.pe_bytes.of(owner) as f64
            });
            bytes.sum::<f64>() / pes
        };
        let _infallible = write!(text, "{:<30}", part.part);
        for owner in Owner::ALL {
            let _infallible = write!(text, "{:>18.0}", all(owner));
        }
        text.push('\n');
    }
    text.push_str("\nwhere parts stand (rows of each wafer)\n");
    for wafer in 0..*wafers {
        let bands = inspection.layers.iter().filter(|stage| stage.wafer == wafer);
        let bands: Vec<String> = bands
            .map(|stage| {
                let name = stage.layer.map_or(stage.part.clone(), |layer| format!("layer {layer}"));
                format!("{name} {}-{}", stage.y, stage.y + stage.rows - 1)
            })
            .collect();
        let _infallible = writeln!(text, "wafer {wafer:>3}   {}", bands.join(", "));
    }
    let full = match inspection.context_full {
        Some(tokens) if tokens >= inspection.model_context => {
            format!("{tokens} tokens, beyond the model's {}", inspection.model_context)
        }
        Some(tokens) => format!("{tokens} tokens"),
        None => "never: no part keeps a cache".to_string(),
    };
    let _infallible = writeln!(
        text,
        "\nhead-room of the fullest PE: {} bytes\nSRAM is full, with this mapping, at a context of: {full}",
        inspection.head_room
    );
    text
}

fn explained(list: &[Why]) -> String {
    let mut text = String::new();
    for why in list {
        let _infallible = writeln!(
            text,
            "{}/{}: {} combinations of {} tried, {} fit; {} tokens in the cache",
            why.part,
            why.operator,
            why.tried[0],
            if why.choices.is_empty() { "nothing".to_string() } else { why.choices.join(", ") },
            why.tried[1],
            why.context
        );
        if let Some(experts) = &why.experts {
            let _infallible = writeln!(text, "{}", experts.explain());
        }
        let _infallible =
            writeln!(text, "{:>10}{:>12}{:>10}{:>12}", "cycles", "part", "PE bytes", "PEs");
        for candidate in &why.candidates {
            let [columns, rows] = candidate.rectangle;
            let _infallible = writeln!(
                text,
                "{:>10}{:>12}{:>10}{:>12}  {}{}\n{:>46}{}",
                candidate.cycles,
                candidate.part_cycles,
                candidate.pe_bytes,
                format!("{columns}x{rows}"),
                candidate.collective,
                if candidate.chosen { "  <- runs" } else { "" },
                "",
                candidate.force
            );
        }
    }
    text
}
