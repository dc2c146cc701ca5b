//! Heatmaps of PEs: a row of pictures for each quantity, a picture for each wafer that differs.

use plotters::prelude::*;

use super::Chart;
use super::canvas::{Align, Canvas, DrawError, HEAD, INK, MARGIN, SOFT, TEXT, WIDTH, style};
use crate::format::percent;
use crate::heat::{self, Picture, QUANTITIES};
use crate::outcome::{MachineOutcome, Outcome};
use crate::parts::cividis;

const ACROSS: i32 = 5;
const GAP: i32 = 28;
const CELL: i32 = (WIDTH as i32 - 2 * MARGIN - GAP * (ACROSS - 1)) / ACROSS;
const CAPTION: i32 = 96;

pub(super) const CHART: Chart = Chart {
    file: "wafer-heat.png",
    height: |outcome| {
        let panels: Vec<i32> = machines(outcome).map(panel).collect();
        (!panels.is_empty()).then(|| (HEAD + 20 + panels.iter().sum::<i32>()) as u32)
    },
    draw,
};

fn machines(outcome: &Outcome) -> impl Iterator<Item = &MachineOutcome> {
    outcome.machines.iter().filter(|machine| !heat::wafers(machine).is_empty())
}

/// Height of one picture `[pixels]`.
fn cell(machine: &MachineOutcome) -> i32 {
    let [columns, rows] = crate::view::extent(machine).unwrap_or([1, 1]).map(f64::from);
    (f64::from(CELL) * rows / columns).clamp(40.0, 600.0) as i32
}

/// Height of all pictures of a machine `[pixels]`.
fn panel(machine: &MachineOutcome) -> i32 {
    QUANTITIES.len() as i32 * (cell(machine) + CAPTION)
}

fn draw(canvas: &Canvas<'_>, outcome: &Outcome) -> Result<(), DrawError> {
    canvas.head(
        "What each PE does for one token",
        "One picture for each wafer that differs, one pixel or less a PE; shares of the layer's cycles or of a PE's SRAM",
    )?;
    let mut top = HEAD + 10;
    for machine in machines(outcome) {
        let wafers = heat::wafers(machine);
        let height = cell(machine);
        for quantity in &QUANTITIES {
            let fields = heat::fields(machine, quantity);
            let shown = wafers.iter().take(ACROSS as usize);
            let pictures: Vec<(String, Picture)> = shown
                .filter_map(|wafer| {
                    let picture = heat::picture(machine, wafer, &fields, quantity)?;
                    Some((wafer.name(&machine.unit), picture))
                })
                .collect();
            let end = heat::scale_end(heat::most(pictures.iter().map(|(_, picture)| picture)));
            let title = format!("{}, {}", machine.name, quantity.name);
            canvas.text((MARGIN, top + 14), &title, style(TEXT + 2, true, INK), Align::Left)?;
            ramp(canvas, top + 14, f64::from(end))?;
            for (i, (name, picture)) in pictures.iter().enumerate() {
                let x = MARGIN + i as i32 * (CELL + GAP);
                canvas.text((x, top + 46), name, style(20, false, SOFT), Align::Left)?;
                pixels(canvas, picture, end, (x, top + 62), (CELL, height))?;
            }
            top += height + CAPTION;
        }
    }
    Ok(())
}

fn ramp(canvas: &Canvas<'_>, y: i32, end: f64) -> Result<(), DrawError> {
    let right = WIDTH as i32 - MARGIN - 80;
    for i in 0..100 {
        let x = f64::from(right - 400 + 4 * i);
        canvas.bar((x, x + 5.0), (y - 9, y + 9), cividis(f64::from(i) / 99.0))?;
    }
    canvas.text((right - 412, y), "0 %", style(20, false, SOFT), Align::Right)?;
    canvas.text((right + 12, y), &percent(end), style(20, false, SOFT), Align::Left)
}

fn pixels(
    canvas: &Canvas<'_>,
    picture: &Picture,
    end: f32,
    (left, top): (i32, i32),
    (width, height): (i32, i32),
) -> Result<(), DrawError> {
    let [columns, rows] = picture.size;
    // Neighbours of one colour are drawn together: far fewer rectangles than pixels.
    for y in 0..height {
        let row = (y as usize * rows / height as usize).min(rows - 1);
        let colour = |x: i32| {
            let column = (x as usize * columns / width as usize).min(columns - 1);
            match picture.shares[row * columns + column] {
                share if share < 0.0 => None,
                share => Some(cividis(f64::from((share / end * 254.0).round() / 254.0))),
            }
        };
        let mut from = 0;
        while from < width {
            let now = colour(from);
            let mut to = from + 1;
            while to < width && colour(to) == now {
                to += 1;
            }
            let (r, g, b) = now.unwrap_or((200, 200, 200));
            canvas.area.draw(&Rectangle::new(
                [(left + from, top + y), (left + to, top + y + 1)],
                RGBColor(r, g, b).filled(),
            ))?;
            from = to;
        }
    }
    Ok(())
}
