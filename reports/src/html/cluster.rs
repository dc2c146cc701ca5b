//! The cluster: which layers stand on which wafer, and what passes between them for one token.

use std::fmt::{self, Write};

use super::chart;
use super::escape::text;
use super::table::{Column, Table};
use crate::format::{bytes, percent, shorten};
use crate::outcome::{LinkLoad, MachineOutcome, Outcome, UnitPlacement};

const ROW: f64 = 46.0;

pub(super) fn write(out: &mut String, outcome: &Outcome) -> fmt::Result {
    for machine in &outcome.machines {
        if machine.placement.iter().any(|unit| !unit.regions.is_empty()) {
            write_one(out, machine)?;
        }
    }
    Ok(())
}

/// Kinds of parts in the order in which they come.
fn kinds(machine: &MachineOutcome) -> Vec<&str> {
    let mut kinds: Vec<&str> = Vec::new();
    for region in machine.placement.iter().flat_map(|unit| &unit.regions) {
        if !kinds.contains(&region.part.as_str()) {
            kinds.push(&region.part);
        }
    }
    kinds
}

/// The link from one unit on.
fn onward<'a>(machine: &'a MachineOutcome, unit: &UnitPlacement) -> Option<&'a LinkLoad> {
    let from = format!("from {} {} to ", machine.unit, unit.unit);
    machine.links.iter().find(|link| link.link.contains(&from))
}

fn write_one(out: &mut String, machine: &MachineOutcome) -> fmt::Result {
    let title = format!("The cluster of {}", machine.name);
    chart::open(
        out,
        &title,
        "Each row is a wafer, each box a layer as high as its rows of PEs; at the right what goes to \
         the next wafer for one token, and the share of its time in which that link is busy",
    )?;
    let kinds = kinds(machine);
    let classes: Vec<String> = (0..kinds.len()).map(|i| format!("c{}", (i + 3) % 7)).collect();
    chart::legend(
        out,
        kinds.iter().zip(&classes).map(|(kind, class)| (class.as_str(), *kind, "")),
    )?;
    let units: Vec<&UnitPlacement> =
        machine.placement.iter().filter(|unit| !unit.regions.is_empty()).collect();
    let tallest = units.iter().map(|u| u.regions.iter().map(|r| u64::from(r.rows)).sum::<u64>());
    let tallest = tallest.max().unwrap_or(1) as f64;
    let alt = format!("{title}: {} wafers with their layers and links", units.len());
    chart::open_svg(out, "bars", ROW * units.len() as f64, &alt)?;
    let mut table = Table::new(
        "Wafers, what stands on them, and the link to the next",
        vec![
            Column::Words("Unit"),
            Column::Words("Holds"),
            Column::Words("Link"),
            Column::Figures("Traffic"),
            Column::Figures("Busy"),
        ],
    );
    for (i, unit) in units.iter().enumerate() {
        let y = ROW * i as f64;
        let name = format!("{} {}", machine.unit, unit.unit);
        let link = onward(machine, unit);
        let load = link.map_or(String::new(), |link| {
            format!("→ {}, busy {}", bytes(link.bytes), percent(link.busy))
        });
        chart::row_label(out, y + 12.0, &name, &load)?;
        let mut x = 0.0;
        for region in &unit.regions {
            let class = kinds.iter().position(|kind| *kind == region.part).unwrap_or(0);
            let wide = f64::from(region.rows) / tallest * 100.0;
            let label = shorten(&region.holds, (wide / 2.2) as usize);
            writeln!(
                out,
                "<g class=\"{}\"><rect x=\"{:.3}%\" y=\"{:.0}\" width=\"{:.3}%\" height=\"20\">\
                 <title>{}: {} × {} PEs, at work {} of a token</title></rect>\
                 <text class=\"on\" x=\"{:.3}%\" y=\"{:.0}\">{}</text></g>",
                classes[class],
                x,
                y + 17.0,
                (wide - 0.3).max(0.1),
                text(&region.holds),
                region.columns,
                region.rows,
                percent(region.busy),
                x + wide / 2.0,
                y + 31.5,
                if wide >= 9.0 { text(&label).to_string() } else { String::new() }
            )?;
            x += wide;
        }
        table.row(&[
            name,
            unit.holds.clone(),
            link.map_or("-".into(), |link| link.link.clone()),
            link.map_or("-".into(), |link| bytes(link.bytes)),
            link.map_or("-".into(), |link| percent(link.busy)),
        ]);
    }
    chart::close_svg(out);
    table.write_folded(out, "The same as a table")?;
    chart::close(out);
    Ok(())
}
