//! The ten busiest links of each machine.

use std::fmt;

use super::chart;
use super::table::{Column, Table};
use crate::format::{bytes, percent};
use crate::outcome::{MachineOutcome, Outcome};

const SHOWN: usize = 10;
const ROW: f64 = 30.0;

pub(super) fn write(out: &mut String, outcome: &Outcome) -> fmt::Result {
    for machine in outcome.machines.iter().filter(|m| !m.links.is_empty()) {
        write_one(out, machine)?;
    }
    Ok(())
}

fn write_one(out: &mut String, machine: &MachineOutcome) -> fmt::Result {
    let links = &machine.links[..machine.links.len().min(SHOWN)];
    let title = format!("Links of {} by traffic", machine.name);
    let note = format!(
        "Share of one decode step in which the link is busy, and the bytes it carries; {} of {} \
         links",
        links.len(),
        machine.links.len()
    );
    chart::open(out, &title, &note)?;
    let alt = format!("{title}: {} is the busiest", links[0].link);
    chart::open_svg(out, "bars", ROW * links.len() as f64, &alt)?;
    let mut table = Table::new(
        "Links by traffic in one decode step",
        vec![Column::Words("Link"), Column::Figures("Traffic"), Column::Figures("Busy")],
    );
    for (i, link) in links.iter().enumerate() {
        let y = ROW * i as f64;
        let cells = [link.link.clone(), bytes(link.bytes), percent(link.busy)];
        chart::row_label(out, y + 12.0, &cells[0], &format!("{}, busy {}", cells[1], cells[2]))?;
        out.push_str(&format!(
            "<rect class=\"track\" x=\"0\" y=\"{0:.0}\" width=\"100%\" height=\"8\"/>\
             <rect class=\"p2\" x=\"0\" y=\"{0:.0}\" width=\"{1:.3}%\" height=\"8\"/>\n",
            y + 17.0,
            chart::of(link.busy, 1.0)
        ));
        table.row(&cells);
    }
    chart::close_svg(out);
    table.write_folded(out, "The same as a table")?;
    chart::close(out);
    Ok(())
}
