//! Where the time of one token goes: shares for each machine, then every operator.

use std::fmt::{self, Write};

use super::chart;
use super::escape::text;
use super::table::{Column, Table};
use crate::format::{integer, number, percent, plain};
use crate::outcome::{MachineOutcome, Outcome};
use crate::parts::{PARTS, total_us};
use crate::view::{bounds, clock_ghz};

pub(super) fn write(out: &mut String, outcome: &Outcome) -> fmt::Result {
    let totals = || outcome.machines.iter().map(|m| total_us(&m.token_split));
    let Some([_, longest]) = bounds(totals()).filter(|[_, high]| *high > 0.0) else {
        return Ok(());
    };
    write_bars(out, outcome, "As shares", "Share of the time of one output token", |_| 100.0)?;
    if outcome.machines.len() > 1 {
        write_bars(out, outcome, "On one scale", "Time of one output token [µs]", |us| {
            chart::of(us, longest)
        })?;
    }
    write_split_table(out, outcome)?;
    for machine in outcome.machines.iter().filter(|m| !m.operators.is_empty()) {
        write_operators(out, machine)?;
    }
    Ok(())
}

fn write_bars(
    out: &mut String,
    outcome: &Outcome,
    title: &str,
    note: &str,
    width: impl Fn(f64) -> f64,
) -> fmt::Result {
    chart::open(out, title, note)?;
    chart::parts_legend(out)?;
    let alt: Vec<String> = outcome.machines.iter().map(describe).collect();
    chart::open_svg(out, "bars", 56.0 * outcome.machines.len() as f64, &alt.join("; "))?;
    for (i, machine) in outcome.machines.iter().enumerate() {
        let y = 56.0 * i as f64;
        let total = total_us(&machine.token_split);
        chart::row_label(out, y + 14.0, &machine.name, &format!("{} µs", number(total)))?;
        chart::split_bar(out, &machine.token_split, 0.0, width(total), (y + 20.0, 26.0))?;
    }
    chart::close_svg(out);
    chart::close(out);
    Ok(())
}

/// The shares of a machine in words.
fn describe(machine: &MachineOutcome) -> String {
    let shares: Vec<String> = PARTS
        .iter()
        .map(|part| format!("{} {}", part.name, percent(part.share(&machine.token_split))))
        .collect();
    format!("{}: {}", machine.name, shares.join(", "))
}

fn write_split_table(out: &mut String, outcome: &Outcome) -> fmt::Result {
    let mut columns = vec![Column::Words("Machine"), Column::Figures("Whole token [µs]")];
    columns.extend(PARTS.iter().map(|part| Column::Figures(part.name)));
    let mut table = Table::new("Time of one output token by part [µs]", columns);
    for machine in &outcome.machines {
        let split = &machine.token_split;
        let mut cells = vec![machine.name.clone(), number(total_us(split))];
        cells.extend(PARTS.iter().map(|part| number(part.us(split))));
        table.row(&cells);
    }
    table.write_folded(out, "The same as a table")?;
    out.push_str("<p class=\"note\">");
    for (i, part) in PARTS.iter().enumerate() {
        let end = if i + 1 == PARTS.len() { "." } else { "; " };
        write!(out, "<b>{}</b>: {}{end}", part.name, part.meaning)?;
    }
    out.push_str("</p>\n");
    Ok(())
}

fn write_operators(out: &mut String, machine: &MachineOutcome) -> fmt::Result {
    writeln!(out, "<h3>Operators of one token on {}</h3>", text(&machine.name))?;
    if let Some(clock) = clock_ghz(machine) {
        writeln!(
            out,
            "<p class=\"note\">One cycle is {} ns ({} GHz).</p>",
            number(1.0 / clock),
            plain(clock)
        )?;
    }
    let whole: f64 = machine.operators.iter().map(|op| op.time_us * f64::from(op.count)).sum();
    let mut table = Table::new(
        "Cycles and time are those of one run; the share is that of all runs in the sum over \
         operators",
        vec![
            Column::Words("Operator"),
            Column::Words("Layers"),
            Column::Figures("Runs"),
            Column::Figures("Cycles"),
            Column::Figures("Time [µs]"),
            Column::Figures("Share"),
            Column::Words("Bound by"),
            Column::Words("Mapping"),
            Column::Figures("Rectangle"),
            Column::Words("Collective"),
            Column::Words("Engine"),
        ],
    );
    for op in &machine.operators {
        table.row(&[
            op.name.clone(),
            op.group.clone(),
            op.count.to_string(),
            op.cycles.map_or_else(|| "-".to_owned(), integer),
            number(op.time_us),
            percent(chart::of(op.time_us * f64::from(op.count), whole) / 100.0),
            op.bound.clone(),
            op.mapping.clone(),
            op.rectangle.map_or_else(|| "-".to_owned(), |[c, r]| format!("{c} × {r}")),
            op.collective.clone(),
            op.engine.clone(),
        ]);
    }
    table.write_folded(out, "Every operator as a table")
}
