//! Every layer of a token as a column, stacked by where its time goes.

use std::fmt::{self, Write};

use super::chart;
use super::escape::text;
use super::table::{Column, Table};
use crate::format::{integer, length, number, plain, ticks};
use crate::outcome::{LayerOutcome, MachineOutcome, Outcome};
use crate::parts::{PARTS, total_us};
use crate::view::bounds;

const HEIGHT: f64 = 180.0;

pub(super) fn write(out: &mut String, outcome: &Outcome) -> fmt::Result {
    for machine in outcome.machines.iter().filter(|m| !m.layers.is_empty()) {
        write_one(out, machine)?;
    }
    Ok(())
}

fn write_one(out: &mut String, machine: &MachineOutcome) -> fmt::Result {
    let top = bounds(machine.layers.iter().map(|l| length(l.time_us)))
        .map_or(1.0, |[_, high]| if high > 0.0 { high * 1.05 } else { 1.0 });
    let title = format!("Layers of one token on {}", machine.name);
    chart::open(out, &title, "Time of each layer [µs], in the order of the forward pass")?;
    chart::parts_legend(out)?;
    let alt = format!("{title}: {} columns, the highest {} µs", machine.layers.len(), number(top));
    out.push_str("<p class=\"axis\">µs ↑</p>\n");
    chart::open_svg(out, "plot short", HEIGHT, &alt)?;
    for value in ticks(0.0, top, 4) {
        let y = HEIGHT * (1.0 - value / top);
        writeln!(
            out,
            "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"tick end\" x=\"-8\" y=\"{:.1}\">{}</text>",
            y + 4.0,
            plain(value)
        )?;
    }
    let width = 100.0 / machine.layers.len() as f64;
    let every = machine.layers.len().div_ceil(8);
    for (i, layer) in machine.layers.iter().enumerate() {
        write_column(out, layer, (i as f64 * width, width), top)?;
        if i % every == 0 {
            writeln!(
                out,
                "<text class=\"tick mid\" x=\"{:.3}%\" y=\"{:.1}\">{}</text>",
                (i as f64 + 0.5) * width,
                HEIGHT + 17.0,
                layer.index
            )?;
        }
    }
    chart::close_svg(out);
    out.push_str("<p class=\"axis end\">layer →</p>\n");
    write_table(out, machine)?;
    chart::close(out);
    Ok(())
}

fn write_column(
    out: &mut String,
    layer: &LayerOutcome,
    (x, width): (f64, f64),
    top: f64,
) -> fmt::Result {
    let high = HEIGHT * length(layer.time_us) / top;
    write!(
        out,
        "<g><title>layer {} ({}): {} µs</title>",
        layer.index,
        text(&layer.kind),
        number(layer.time_us)
    )?;
    let mut bottom = HEIGHT;
    for (i, part) in PARTS.iter().enumerate() {
        let part = high * part.share(&layer.split);
        bottom -= part;
        if part > 0.0 {
            write!(
                out,
                "<rect class=\"p{i}\" x=\"{:.3}%\" y=\"{bottom:.2}\" width=\"{:.3}%\" \
                 height=\"{part:.2}\"/>",
                x + width * 0.1,
                width * 0.8
            )?;
        }
    }
    if total_us(&layer.split) <= 0.0 && high > 0.0 {
        write!(
            out,
            "<rect class=\"p4\" x=\"{x:.3}%\" y=\"{:.2}\" width=\"{width:.3}%\" height=\"{high:.2}\"/>",
            HEIGHT - high
        )?;
    }
    out.push_str("</g>\n");
    Ok(())
}

fn write_table(out: &mut String, machine: &MachineOutcome) -> fmt::Result {
    let mut columns = vec![
        Column::Figures("Layer"),
        Column::Words("Kind"),
        Column::Figures("On unit"),
        Column::Figures("Cycles"),
        Column::Figures("Time"),
    ];
    columns.extend(PARTS.iter().map(|part| Column::Figures(part.name)));
    let mut table = Table::new("Layers of one token [µs]", columns);
    for layer in &machine.layers {
        let mut cells = vec![
            layer.index.to_string(),
            layer.kind.clone(),
            layer.unit.to_string(),
            layer.cycles.map_or_else(|| "-".to_owned(), integer),
            number(layer.time_us),
        ];
        cells.extend(PARTS.iter().map(|part| number(part.us(&layer.split))));
        table.row(&cells);
    }
    table.write_folded(out, "The same as a table")
}
