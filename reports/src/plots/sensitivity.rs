//! A tornado for each machine: what each assumed parameter does to the speed of one user.

use super::Chart;
use super::canvas::{Align, Canvas, DrawError, HEAD, INK, MARGIN, SOFT, TEXT, WIDTH, place, style};
use crate::format::{number, plain, shorten, ticks};
use crate::outcome::{MachineOutcome, Outcome, Sensitivity};
use crate::parts::{Rgb, category};
use crate::view::bounds;

const ROW: i32 = 40;
const PANEL: i32 = 120;
const LABELS: i32 = 480;
const FIGURES: i32 = 170;
/// More are in the page.
const SHOWN: usize = 15;

pub(super) const CHART: Chart = Chart {
    file: "sensitivity.png",
    height: |outcome| {
        let rows: Vec<i32> = shown(outcome).map(|(_, s)| s.len() as i32 * ROW + PANEL).collect();
        (!rows.is_empty()).then(|| (HEAD + 36 + rows.iter().sum::<i32>()) as u32)
    },
    draw,
};

fn shown(outcome: &Outcome) -> impl Iterator<Item = (&MachineOutcome, &[Sensitivity])> {
    outcome
        .machines
        .iter()
        .map(|m| (m, &m.sensitivity[..m.sensitivity.len().min(SHOWN)]))
        .filter(|(_, some)| !some.is_empty())
}

/// Colours of the low and the high end of a parameter.
fn ends() -> [Rgb; 2] {
    [category(0), category(4)]
}

fn draw(canvas: &Canvas<'_>, outcome: &Outcome) -> Result<(), DrawError> {
    canvas.head(
        "What moves the answer",
        "Tokens/s of one user with one assumed parameter at either end of its range",
    )?;
    let names = ["parameter at its low end", "parameter at its high end"];
    canvas.legend(HEAD + 12, ends().into_iter().zip(names))?;
    let mut top = HEAD + 64;
    for (machine, rows) in shown(outcome) {
        let title = format!("{}: {} tokens/s", machine.name, number(machine.tokens_per_s));
        canvas.text((MARGIN, top), &title, style(TEXT + 2, true, INK), Align::Left)?;
        draw_panel(canvas, machine.tokens_per_s, rows, top + 28)?;
        top += rows.len() as i32 * ROW + PANEL;
    }
    Ok(())
}

fn draw_panel(
    canvas: &Canvas<'_>,
    now: f64,
    rows: &[Sensitivity],
    top: i32,
) -> Result<(), DrawError> {
    let values = rows.iter().flat_map(|s| [s.at_low, s.at_high]).chain([now]);
    let Some([low, high]) = bounds(values) else { return Ok(()) };
    let margin = if high > low { (high - low) * 0.04 } else { 1.0 };
    let (low, high) = (low - margin, high + margin);
    let span = (MARGIN + LABELS, WIDTH as i32 - MARGIN - FIGURES);
    let at = |value: f64| place(value, (low, high), span);
    let bottom = top + ROW * rows.len() as i32;
    for value in ticks(low, high, 5) {
        canvas.tick(at(value), (top, bottom), &plain(value))?;
    }
    for (i, row) in rows.iter().enumerate() {
        let y = top + ROW * i as i32;
        let path = shorten(&row.path, 38);
        canvas.label((span.0 - 14, y + ROW / 2), &path, Align::Right)?;
        for (value, colour) in [row.at_low, row.at_high].into_iter().zip(ends()) {
            if value.is_finite() && now.is_finite() {
                let (from, to) = (at(value.min(now)), at(value.max(now)));
                canvas.bar((from, to), (y + 7, y + ROW - 7), colour)?;
            }
        }
        let figure = format!("{} … {}", number(row.at_low), number(row.at_high));
        canvas.label((WIDTH as i32 - MARGIN, y + ROW / 2), &figure, Align::Right)?;
    }
    if now.is_finite() {
        let x = at(now).round() as i32;
        canvas.line((x, top), (x, bottom), SOFT)?;
    }
    Ok(())
}
