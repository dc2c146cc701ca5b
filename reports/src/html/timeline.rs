//! One MoE layer as a timeline: an operator a row, each where the one before it ends.

use std::fmt::{self, Write};

use super::chart;
use super::escape::text;
use super::table::{Column, Table};
use crate::format::{number, plain, ticks};
use crate::outcome::{MachineOutcome, Outcome};
use crate::parts::PARTS;
use crate::view::{Timeline, layer_timeline};

const ROW: f64 = 22.0;

pub(super) fn write(out: &mut String, outcome: &Outcome) -> fmt::Result {
    for machine in &outcome.machines {
        if let Some(timeline) = layer_timeline(machine).filter(|t| t.total_us > 0.0) {
            write_one(out, machine, &timeline)?;
        }
    }
    Ok(())
}

fn write_one(out: &mut String, machine: &MachineOutcome, timeline: &Timeline<'_>) -> fmt::Result {
    let total = timeline.total_us;
    let title = format!("One {} layer on {}", timeline.kind(), machine.name);
    let mut note = format!(
        "Time within the layer [µs]; operators one after the other, {} µs in all",
        number(total)
    );
    if let Some(layer) = timeline.layer_us {
        note += &format!(" (mean of these layers as simulated, with I/O: {} µs)", number(layer));
    }
    chart::open(out, &title, &note)?;
    chart::parts_legend(out)?;
    let height = ROW * timeline.steps.len() as f64;
    let longest = timeline.steps.iter().max_by(|a, b| a.us.total_cmp(&b.us));
    let alt = longest.map_or_else(String::new, |step| {
        format!(
            "{title}: {} operators, the longest is {}",
            timeline.steps.len(),
            step.operator.name
        )
    });
    chart::open_svg(out, "bars", height + 18.0, &alt)?;
    for value in ticks(0.0, total, 5) {
        chart::tick(out, chart::of(value, total), (0.0, height), &plain(value))?;
    }
    for (i, step) in timeline.steps.iter().enumerate() {
        let y = ROW * i as f64;
        let (x, width) = (chart::of(step.start_us, total), chart::of(step.us, total).max(0.15));
        chart::split_bar(out, &step.split, x, width, (y + 3.0, 15.0))?;
        // The name stands where there is more room: behind the bar, or before it.
        let (class, at, dx) =
            if x + width < 55.0 { ("start", x + width, 6) } else { ("end", x, -6) };
        writeln!(
            out,
            "<text class=\"{class}\" x=\"{at:.3}%\" dx=\"{dx}\" y=\"{:.1}\">{} \
             <tspan class=\"soft\">{} µs</tspan></text>",
            y + 14.5,
            text(&step.name()),
            number(step.us)
        )?;
    }
    chart::close_svg(out);
    write_table(out, timeline)?;
    chart::close(out);
    Ok(())
}

fn write_table(out: &mut String, timeline: &Timeline<'_>) -> fmt::Result {
    let mut columns = vec![
        Column::Words("Operator"),
        Column::Figures("Runs"),
        Column::Figures("Start"),
        Column::Figures("Length"),
    ];
    columns.extend(PARTS.iter().map(|part| Column::Figures(part.name)));
    let mut table = Table::new("Operators of one layer [µs]", columns);
    for step in &timeline.steps {
        let mut cells = vec![
            step.operator.name.clone(),
            number(step.runs),
            number(step.start_us),
            number(step.us),
        ];
        cells.extend(PARTS.iter().map(|part| number(part.us(&step.split))));
        table.row(&cells);
    }
    table.write_folded(out, "The same as a table")
}
