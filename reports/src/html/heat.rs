//! Heatmaps of PEs: one picture for each wafer that differs, three quantities behind a switch that
//! needs no script. With scripts on, what a pointer or the arrow keys touch is read out.

use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::chart;
use super::escape::text;
use super::table::{Column, Table};
use crate::format::{integer, number, percent};
use crate::heat::{self, Picture, QUANTITIES, Wafer};
use crate::outcome::{MachineOutcome, Outcome};
use crate::parts::{Rgb, cividis};
use crate::view::clock_ghz;

/// The script of the page.
pub(super) const SCRIPT: &str = include_str!("heat.js");

pub(super) fn write(out: &mut String, outcome: &Outcome) -> fmt::Result {
    for (index, machine) in outcome.machines.iter().enumerate() {
        let wafers = heat::wafers(machine);
        if !wafers.is_empty() {
            write_one(out, index, machine, &wafers)?;
        }
    }
    Ok(())
}

fn write_one(
    out: &mut String,
    index: usize,
    machine: &MachineOutcome,
    wafers: &[Wafer<'_>],
) -> fmt::Result {
    let clock = clock_ghz(machine)
        .map_or(String::new(), |clock| format!(" Cycles of {} GHz.", number(clock)));
    let note = format!(
        "One token, PE by PE, each {} that differs from the others. A PE counts the cycles of its own \
         layer.{clock} What moves from one layer's rows to the next is not in it.",
        machine.unit
    );
    chart::open(out, &format!("PEs of {}", machine.name), &note)?;
    writeln!(out, "<div class=\"heat\" data-heat=\"{}\">", text(&data(machine, wafers)))?;
    for (i, quantity) in QUANTITIES.iter().enumerate() {
        let checked = if i == 0 { " checked" } else { "" };
        writeln!(
            out,
            "<input type=\"radio\" name=\"heat{index}\" id=\"heat{index}-{i}\" value=\"{}\"{checked}>\
             <label for=\"heat{index}-{i}\">{}</label>",
            quantity.key, quantity.name
        )?;
    }
    out.push_str("<output class=\"readout\" aria-live=\"polite\"></output>\n");
    for (i, quantity) in QUANTITIES.iter().enumerate() {
        let fields = heat::fields(machine, quantity);
        let pictures: Vec<Option<Picture>> =
            wafers.iter().map(|wafer| heat::picture(machine, wafer, &fields, quantity)).collect();
        let end = heat::scale_end(heat::most(pictures.iter().flatten()));
        writeln!(
            out,
            "<div class=\"panel k{i}\"><p class=\"note\"><b>{}</b>: {}</p>",
            quantity.name, quantity.note
        )?;
        ramp(out, f64::from(end))?;
        out.push_str("<div class=\"units wide\">\n");
        for (at, (wafer, picture)) in wafers.iter().zip(&pictures).enumerate() {
            let Some(picture) = picture else { continue };
            let name = wafer.name(&machine.unit);
            let holds = wafer.holds();
            let [columns, rows] = picture.size;
            writeln!(
                out,
                "<div class=\"unit\"><b>{}</b>{}\n<svg class=\"map heatmap\" role=\"img\" tabindex=\"0\" \
                 data-wafer=\"{at}\" viewBox=\"0 0 {columns} {rows}\">\
                 <title>{} of the PEs of {}: {} of {} columns by {} rows</title>\
                 <image width=\"{columns}\" height=\"{rows}\" href=\"data:image/png;base64,{}\"/></svg></div>",
                text(&name),
                text(&holds),
                quantity.name,
                text(&name),
                text(&holds),
                integer(columns as u64),
                integer(rows as u64),
                STANDARD.encode(png(picture, end))
            )?;
        }
        out.push_str("</div></div>\n");
    }
    out.push_str("</div>\n");
    write_table(out, machine)?;
    chart::close(out);
    Ok(())
}

/// Everything that the script needs to read a PE: stripes by part, and where parts stand.
fn data(machine: &MachineOutcome, wafers: &[Wafer<'_>]) -> String {
    let regions: Vec<_> = wafers.iter().map(|wafer| &wafer.unit.regions).collect();
    serde_json::json!({ "maps": machine.maps, "wafers": regions }).to_string()
}

fn ramp(out: &mut String, end: f64) -> fmt::Result {
    write!(
        out,
        "<div class=\"ramp\">0 % <svg width=\"160\" height=\"10\" role=\"img\">\
         <title>Colour scale from 0 to {}</title>",
        percent(end)
    )?;
    for i in 0..32 {
        let (r, g, b) = cividis(f64::from(i) / 31.0);
        write!(
            out,
            "<rect x=\"{}\" width=\"5\" height=\"10\" style=\"--c:rgb({r},{g},{b})\"/>",
            i * 5
        )?;
    }
    writeln!(out, "</svg> {}</div>", percent(end))
}

/// Colour of PEs where no part stands.
const NOTHING: Rgb = (128, 128, 128);
/// Index of that colour.
const NOTHING_AT: u8 = 255;

/// A picture with one pixel for each PE, its colours from a palette.
fn png(picture: &Picture, end: f32) -> Vec<u8> {
    let index = |share: &f32| match *share {
        share if share < 0.0 => NOTHING_AT,
        share => (share / end * 254.0).clamp(0.0, 254.0).round() as u8,
    };
    let pixels: Vec<u8> = picture.shares.iter().map(index).collect();
    let colours = (0..255).map(|i| cividis(f64::from(i) / 254.0)).chain([NOTHING]);
    let palette: Vec<u8> = colours.flat_map(|(r, g, b)| [r, g, b]).collect();
    let mut bytes = Vec::new();
    let [columns, rows] = picture.size.map(|side| side as u32);
    let mut encoder = png::Encoder::new(&mut bytes, columns, rows);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette);
    encoder.set_compression(png::Compression::Default);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    // A picture without pixels has nothing to show.
    if written.is_err() { Vec::new() } else { bytes }
}

fn write_table(out: &mut String, machine: &MachineOutcome) -> fmt::Result {
    let mut table = Table::new(
        "PEs of each kind of part, for one token",
        vec![
            Column::Words("Part"),
            Column::Words("Quantity"),
            Column::Figures("PEs"),
            Column::Figures("Layer's cycles"),
            Column::Figures("Mean"),
            Column::Figures("Most"),
            Column::Words("Unit"),
            Column::Figures("at column, row"),
        ],
    );
    for quantity in &QUANTITIES {
        for (map, field) in heat::fields(machine, quantity) {
            let (mean, most, [x, y]) = heat::summary(map, &field);
            table.row(&[
                map.part.clone(),
                quantity.name.into(),
                format!("{} × {}", map.columns, map.rows),
                integer(map.cycles),
                number(mean),
                integer(most),
                quantity.unit.into(),
                format!("{x}, {y}"),
            ]);
        }
    }
    table.write_folded(out, "The same as a table")
}
