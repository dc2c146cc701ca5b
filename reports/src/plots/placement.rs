//! Maps of the units that have regions, to scale, coloured by how full the fullest PE is.

use plotters::prelude::*;

use super::Chart;
use super::canvas::{Align, Canvas, DrawError, GRID, HEAD, INK, MARGIN, SOFT, WIDTH, place, style};
use crate::format::shorten;
use crate::outcome::{MachineOutcome, Outcome, Region, UnitPlacement};
use crate::parts::{cividis, is_light};
use crate::view::extent;

const ACROSS: usize = 5;
const GAP: i32 = 28;
const CAPTION: i32 = 60;
const PANEL: i32 = 56;
const CELL: i32 = (WIDTH as i32 - 2 * MARGIN - GAP * (ACROSS as i32 - 1)) / ACROSS as i32;

pub(super) const CHART: Chart = Chart {
    file: "placement.png",
    height: |outcome| {
        let panels: Vec<i32> = panels(outcome).map(|p| p.height()).collect();
        (!panels.is_empty()).then(|| (HEAD + 36 + panels.iter().sum::<i32>()) as u32)
    },
    draw,
};

/// The maps of one machine.
struct Panel<'a> {
    machine: &'a MachineOutcome,
    /// Columns and rows shown.
    extent: [u32; 2],
}

impl<'a> Panel<'a> {
    fn units(&self) -> impl Iterator<Item = &'a UnitPlacement> {
        self.machine.placement.iter().filter(|unit| !unit.regions.is_empty())
    }

    /// Height of one map `[pixels]`.
    fn map(&self) -> i32 {
        let [columns, rows] = self.extent.map(f64::from);
        (f64::from(CELL) * rows / columns).clamp(40.0, 600.0) as i32
    }

    fn height(&self) -> i32 {
        PANEL + self.units().count().div_ceil(ACROSS) as i32 * (self.map() + CAPTION)
    }
}

fn panels(outcome: &Outcome) -> impl Iterator<Item = Panel<'_>> {
    outcome.machines.iter().filter_map(|m| Some(Panel { machine: m, extent: extent(m)? }))
}

fn draw(canvas: &Canvas<'_>, outcome: &Outcome) -> Result<(), DrawError> {
    canvas.head(
        "What stands where",
        "Regions of PEs to scale; colour: SRAM in use on the fullest PE, 0 to 100 %",
    )?;
    let right = WIDTH as i32 - MARGIN;
    for i in 0..100 {
        let x = f64::from(right - 480 + 4 * i);
        canvas.bar((x, x + 5.0), (HEAD - 38, HEAD - 20), cividis(f64::from(i) / 99.0))?;
    }
    canvas.text((right - 492, HEAD - 29), "0 %", style(20, false, SOFT), Align::Right)?;
    canvas.text((right, HEAD - 29), "100 %", style(20, false, SOFT), Align::Right)?;
    let mut top = HEAD + 24;
    for panel in panels(outcome) {
        canvas.text((MARGIN, top), &panel.machine.name, style(26, true, INK), Align::Left)?;
        for (i, unit) in panel.units().enumerate() {
            let x = MARGIN + (i % ACROSS) as i32 * (CELL + GAP);
            let y = top + 30 + (i / ACROSS) as i32 * (panel.map() + CAPTION);
            let name = format!("{} {}: {}", panel.machine.unit, unit.unit, unit.holds);
            canvas.text(
                (x, y + 10),
                &fitted(canvas, &name, CELL),
                style(20, false, INK),
                Align::Left,
            )?;
            draw_map(canvas, &panel, unit, (x, y + 26))?;
        }
        top += panel.height();
    }
    Ok(())
}

/// `name` cut to `width` pixels.
fn fitted(canvas: &Canvas<'_>, name: &str, width: i32) -> String {
    let text = style(20, false, INK);
    let mut length = name.chars().count();
    let mut short = name.to_owned();
    while length > 1 && canvas.width_of(&short, &text) > width {
        length -= 1;
        short = shorten(name, length);
    }
    short
}

fn draw_map(
    canvas: &Canvas<'_>,
    panel: &Panel<'_>,
    unit: &UnitPlacement,
    (x, y): (i32, i32),
) -> Result<(), DrawError> {
    let [columns, rows] = panel.extent.map(f64::from);
    let frame = [(x, y), (x + CELL, y + panel.map())];
    for region in &unit.regions {
        draw_region(canvas, region, &|column, row| {
            let across = place(f64::from(column), (0.0, columns), (frame[0].0, frame[1].0));
            let down = place(f64::from(row), (0.0, rows), (frame[0].1, frame[1].1));
            (across.round() as i32, down.round() as i32)
        })?;
    }
    canvas.area.draw(&Rectangle::new(frame, RGBColor(SOFT.0, SOFT.1, SOFT.2).stroke_width(1)))
}

fn draw_region(
    canvas: &Canvas<'_>,
    region: &Region,
    at: &dyn Fn(u32, u32) -> (i32, i32),
) -> Result<(), DrawError> {
    let (left, top) = at(region.x, region.y);
    let (right, bottom) =
        at(region.x.saturating_add(region.columns), region.y.saturating_add(region.rows));
    let colour = cividis(region.fill);
    canvas.bar((f64::from(left), f64::from(right)), (top, (bottom - 1).max(top)), colour)?;
    let edge = RGBColor(GRID.0, GRID.1, GRID.2).stroke_width(1);
    canvas.area.draw(&Rectangle::new([(left, top), (right, bottom)], edge))?;
    if bottom - top >= 24 && right - left >= 60 {
        let ink = if is_light(colour) { INK } else { (255, 255, 255) };
        let name = fitted(canvas, &region.holds, right - left - 8);
        let middle = ((left + right) / 2, (top + bottom) / 2);
        canvas.text(middle, &name, style(20, false, ink), Align::Middle)?;
    }
    Ok(())
}
