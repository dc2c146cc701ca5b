//! Which layers stand on which unit: maps of the wafers to scale, and how full each unit is.

use std::fmt::{self, Write};

use super::chart;
use super::escape::text;
use super::table::{Column, Table};
use crate::format::{bytes, integer, percent, shorten};
use crate::outcome::{MachineOutcome, Outcome, Region, UnitPlacement};
use crate::parts::{Rgb, cividis, is_light};
use crate::view::extent;

pub(super) fn write(out: &mut String, outcome: &Outcome) -> fmt::Result {
    for machine in outcome.machines.iter().filter(|m| !m.placement.is_empty()) {
        write_one(out, machine)?;
    }
    Ok(())
}

fn write_one(out: &mut String, machine: &MachineOutcome) -> fmt::Result {
    let owners = owners(machine);
    let extent = extent(machine);
    let note = match extent {
        Some([columns, rows]) => format!(
            "Regions of PEs to scale, {} columns by {} rows over all of them; colour: SRAM in use \
             on the fullest PE. The bar under a map is the memory of the whole {}.",
            integer(columns.into()),
            integer(rows.into()),
            machine.unit
        ),
        None => format!("Memory in use on each {}", machine.unit),
    };
    chart::open(out, &format!("What stands where on {}", machine.name), &note)?;
    if extent.is_some() {
        write_ramp(out)?;
    }
    let classes: Vec<String> = (0..owners.len()).map(|i| format!("c{}", i % 7)).collect();
    let names = owners.iter().zip(&classes);
    chart::legend(out, names.map(|(owner, class)| (class.as_str(), *owner, "")))?;
    out.push_str("<div class=\"units\">\n");
    for units in alike(&machine.placement) {
        write_unit(out, machine, units, &owners, extent)?;
    }
    out.push_str("</div>\n");
    write_table(out, machine, &owners)?;
    chart::close(out);
    Ok(())
}

/// Owners of memory in the order in which they appear.
fn owners(machine: &MachineOutcome) -> Vec<&str> {
    let mut owners: Vec<&str> = Vec::new();
    for (owner, _) in machine.placement.iter().flat_map(|unit| &unit.bytes) {
        if !owners.contains(&owner.as_str()) {
            owners.push(owner);
        }
    }
    owners
}

/// Neighbours that differ in nothing but their index and have no map are shown as one.
fn alike(placement: &[UnitPlacement]) -> impl Iterator<Item = &[UnitPlacement]> {
    placement.chunk_by(|a, b| {
        a.regions.is_empty()
            && b.regions.is_empty()
            && (&a.holds, &a.bytes, a.capacity_bytes) == (&b.holds, &b.bytes, b.capacity_bytes)
    })
}

fn write_unit(
    out: &mut String,
    machine: &MachineOutcome,
    units: &[UnitPlacement],
    owners: &[&str],
    extent: Option<[u32; 2]>,
) -> fmt::Result {
    let (first, last) = (&units[0], &units[units.len() - 1]);
    let name = match units.len() {
        1 => format!("{} {}", machine.unit, first.unit),
        _ => format!("{0} {1} to {0} {2}, each", machine.unit, first.unit, last.unit),
    };
    writeln!(out, "<div class=\"unit\"><b>{}</b>{}", text(&name), text(&first.holds))?;
    if let Some(extent) = extent {
        write_map(out, &name, first, extent)?;
    }
    let used = used(first);
    let used_text = format!(
        "{} of {}, {}",
        bytes(used),
        bytes(first.capacity_bytes),
        percent(used as f64 / first.capacity_bytes as f64)
    );
    chart::open_svg(out, "bars", 10.0, &format!("{name}: {used_text}"))?;
    out.push_str("<rect class=\"track\" x=\"0\" y=\"0\" width=\"100%\" height=\"10\"/>");
    let mut x = 0.0;
    for (owner, amount) in &first.bytes {
        let class = owners.iter().position(|o| o == owner).unwrap_or(0) % 7;
        let width = chart::of(*amount as f64, first.capacity_bytes.max(used) as f64);
        write!(
            out,
            "<rect class=\"c{class}\" x=\"{x:.3}%\" y=\"0\" width=\"{width:.3}%\" height=\"10\">\
             <title>{}: {}</title></rect>",
            text(owner),
            bytes(*amount)
        )?;
        x += width;
    }
    out.push('\n');
    chart::close_svg(out);
    writeln!(out, "{}</div>", text(&used_text))
}

fn used(unit: &UnitPlacement) -> u64 {
    unit.bytes.iter().fold(0u64, |sum, (_, amount)| sum.saturating_add(*amount))
}

fn css((red, green, blue): Rgb) -> String {
    format!("rgb({red},{green},{blue})")
}

fn write_map(
    out: &mut String,
    name: &str,
    unit: &UnitPlacement,
    [columns, rows]: [u32; 2],
) -> fmt::Result {
    writeln!(
        out,
        "<svg class=\"map\" role=\"img\" viewBox=\"0 0 {columns} {rows}\">\
         <title>Map of {}: {} regions</title>",
        text(name),
        unit.regions.len()
    )?;
    let size = f64::from(columns) / 15.0;
    for region in &unit.regions {
        let colour = cividis(region.fill);
        writeln!(
            out,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" style=\"--c:{}\"><title>{}</title>\
             </rect>",
            region.x,
            region.y,
            region.columns,
            region.rows,
            css(colour),
            text(&describe(region))
        )?;
        let room = f64::from(region.columns) / (size * 0.55);
        if f64::from(region.rows) >= size * 1.1 && room >= 4.0 {
            writeln!(
                out,
                "<text class=\"mid\" x=\"{:.0}\" y=\"{:.0}\" style=\"font-size:{size:.0}px;fill:{}\">\
                 {}</text>",
                f64::from(region.x) + f64::from(region.columns) / 2.0,
                f64::from(region.y) + f64::from(region.rows) / 2.0 + size * 0.35,
                if is_light(colour) { "#111" } else { "#fff" },
                text(&shorten(&region.holds, room as usize))
            )?;
        }
    }
    chart::close_svg(out);
    Ok(())
}

fn describe(region: &Region) -> String {
    format!(
        "{}: {} × {} PEs at column {}, row {}; fullest PE {}, at work {} of a token's time",
        region.holds,
        region.columns,
        region.rows,
        region.x,
        region.y,
        percent(region.fill),
        percent(region.busy)
    )
}

fn write_ramp(out: &mut String) -> fmt::Result {
    out.push_str(
        "<div class=\"ramp\">SRAM 0 % <svg width=\"160\" height=\"10\" role=\"img\">\
         <title>Colour scale from 0 to 100 percent</title>",
    );
    for i in 0..32 {
        let colour = css(cividis(f64::from(i) / 31.0));
        write!(out, "<rect x=\"{}\" width=\"5\" height=\"10\" style=\"--c:{colour}\"/>", i * 5)?;
    }
    out.push_str("</svg> 100 %</div>\n");
    Ok(())
}

fn write_table(out: &mut String, machine: &MachineOutcome, owners: &[&str]) -> fmt::Result {
    let mut table = Table::new(
        "Memory in use on each unit",
        vec![
            Column::Figures("Unit"),
            Column::Words("Holds"),
            Column::Figures("In use"),
            Column::Figures("Capacity"),
            Column::Figures("Full"),
            Column::Words("By owner"),
        ],
    );
    for unit in &machine.placement {
        let by_owner: Vec<String> = owners
            .iter()
            .filter_map(|owner| {
                let (_, amount) = unit.bytes.iter().find(|(name, _)| name == owner)?;
                Some(format!("{owner} {}", bytes(*amount)))
            })
            .collect();
        let used = used(unit);
        table.row(&[
            unit.unit.to_string(),
            unit.holds.clone(),
            bytes(used),
            bytes(unit.capacity_bytes),
            percent(used as f64 / unit.capacity_bytes as f64),
            by_owner.join(", "),
        ]);
    }
    table.write_folded(out, "The same as a table")?;
    let regions = machine.placement.iter().flat_map(|u| u.regions.iter().map(move |r| (u.unit, r)));
    let mut table = Table::new(
        "Regions of PEs",
        vec![
            Column::Figures("Unit"),
            Column::Words("Holds"),
            Column::Figures("Column, row"),
            Column::Figures("PEs"),
            Column::Figures("Fullest PE"),
            Column::Figures("At work"),
        ],
    );
    let mut any = false;
    for (unit, r) in regions {
        any = true;
        table.row(&[
            unit.to_string(),
            r.holds.clone(),
            format!("{}, {}", r.x, r.y),
            format!("{} × {}", r.columns, r.rows),
            percent(r.fill),
            percent(r.busy),
        ]);
    }
    if any { table.write_folded(out, "Every region as a table") } else { Ok(()) }
}
