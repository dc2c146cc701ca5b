//! The outcome as text that a person reads in ten seconds: machines side by side, the ratio, what
//! moves it, and the claims. No colour, so there is nothing for `NO_COLOR` to turn off.

use std::fmt::{self, Write};
use std::path::Path;

use crate::format::{count, number, percent, seconds, shorten, units};
use crate::outcome::{MachineOutcome, Outcome};
use crate::parts::PARTS;
use crate::view;

const LABEL: usize = 16;
const COLUMN: usize = 32;
const BAR: usize = 12;

/// The summary of an outcome; `folder` is where the rest of it is, if it was written.
pub fn text(outcome: &Outcome, folder: Option<&Path>) -> String {
    let mut text = String::new();
    write_all(&mut text, outcome, folder).expect("writing to a String cannot fail");
    text
}

fn write_all(out: &mut String, outcome: &Outcome, folder: Option<&Path>) -> fmt::Result {
    let model = &outcome.model;
    writeln!(out, "{}", view::scenario_name(outcome))?;
    writeln!(
        out,
        "{}: {} parameters, {} active a token, {} layers",
        model.name,
        count(model.parameters),
        count(model.active_parameters),
        model.layers
    )?;
    if let Some(request) = view::request(outcome) {
        writeln!(out, "request: {request}")?;
    }
    writeln!(out)?;
    write_machines(out, &outcome.machines)?;
    write_findings(out, outcome)?;
    write_claims(out, outcome)?;
    if let Some(folder) = folder {
        writeln!(out, "\nreport, pictures and all numbers: {}", folder.display())?;
    }
    Ok(())
}

fn write_machines(out: &mut String, machines: &[MachineOutcome]) -> fmt::Result {
    let mut row = |label: &str, cell: &dyn Fn(&MachineOutcome) -> String| {
        let mut line = format!("{label:<LABEL$}");
        for machine in machines {
            let cell = shorten(&cell(machine), COLUMN - 2);
            write!(line, "{cell:<COLUMN$}")?;
        }
        writeln!(out, "{}", line.trim_end())
    };
    row("", &|m| m.name.clone())?;
    row("units", &|m| units(m.units, &m.unit))?;
    row("tokens/s/user", &|m| number(m.tokens_per_s))?;
    row("  range", &|m| match view::band(m) {
        Some([low, high]) => format!("{} to {}", number(low), number(high)),
        None => "not computed".into(),
    })?;
    if machines.iter().any(|m| view::clock(m).is_some()) {
        row("  by clock", &|m| {
            view::clock(m).map_or(String::new(), |clock| {
                let [low, high] = &clock.range;
                format!("{low} {}, {high} {}", number(clock.at_low), number(clock.at_high))
            })
        })?;
    }
    row("first token", &|m| seconds(m.ttft_s))?;
    row("per token", &|m| seconds(m.tpot_ms / 1e3))?;
    row("whole request", &|m| seconds(m.request_s))?;
    for part in &PARTS {
        row(&format!("  {}", part.name), &|m| {
            let share = part.share(&m.token_split);
            let full = ((share * BAR as f64).round() as usize).min(BAR);
            let bar = "█".repeat(full) + &"·".repeat(BAR - full);
            format!("{bar} {:>6}", percent(share))
        })?;
    }
    Ok(())
}

fn write_findings(out: &mut String, outcome: &Outcome) -> fmt::Result {
    writeln!(out)?;
    for pair in view::comparisons(outcome) {
        write!(out, "{} is {} times as fast as {}", pair.machine, number(pair.speed), pair.other)?;
        if let (Some(worst), Some(best)) = (pair.worst, pair.best) {
            write!(out, " ({} to {} over both ranges)", number(worst), number(best))?;
        }
        match pair.request {
            Some(times) => writeln!(out, "; the whole request {} times sooner", number(times))?,
            None => writeln!(out)?,
        }
    }
    for machine in &outcome.machines {
        if let Some(most) = view::strongest(machine) {
            writeln!(
                out,
                "{}: {} matters most: {} to {} gives {} to {} tokens/s",
                machine.name,
                most.path,
                most.range[0],
                most.range[1],
                number(most.at_low),
                number(most.at_high)
            )?;
        }
    }
    Ok(())
}

fn write_claims(out: &mut String, outcome: &Outcome) -> fmt::Result {
    if outcome.claims.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{:<5}{:<43}{:<25}simulated", "", "claim", "claimed")?;
    for claim in &outcome.claims {
        writeln!(
            out,
            "{:<5}{:<43}{:<25}{}",
            shorten(&claim.id, 4),
            shorten(&claim.claim, 41),
            shorten(&claim.claimed, 23),
            shorten(&claim.simulated, 28)
        )?;
    }
    Ok(())
}
