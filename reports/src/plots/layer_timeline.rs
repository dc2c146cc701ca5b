//! One MoE layer as a timeline, a panel for each machine, an operator a row.

use super::Chart;
use super::canvas::{Align, Canvas, DrawError, HEAD, INK, MARGIN, TEXT, WIDTH, place, style};
use crate::format::{number, plain, shorten, ticks};
use crate::outcome::Outcome;
use crate::parts::PARTS;
use crate::view::{Timeline, layer_timeline};

const ROW: i32 = 32;
const PANEL: i32 = 112;
const LABELS: i32 = 260;
const FIGURES: i32 = 90;

pub(super) const CHART: Chart = Chart {
    file: "layer-timeline.png",
    height: |outcome| {
        let rows: Vec<i32> = timelines(outcome).map(|(_, t)| t.steps.len() as i32 * ROW).collect();
        (!rows.is_empty())
            .then(|| (HEAD + 36 + rows.iter().map(|rows| rows + PANEL).sum::<i32>()) as u32)
    },
    draw,
};

fn timelines(outcome: &Outcome) -> impl Iterator<Item = (&str, Timeline<'_>)> {
    outcome
        .machines
        .iter()
        .filter_map(|m| Some((m.name.as_str(), layer_timeline(m)?)))
        .filter(|(_, timeline)| timeline.total_us > 0.0)
}

fn draw(canvas: &Canvas<'_>, outcome: &Outcome) -> Result<(), DrawError> {
    canvas.head(
        "One layer, operator by operator",
        "Time within the layer [µs]; at the right the length of each operator",
    )?;
    canvas.legend(HEAD + 12, PARTS.iter().map(|part| (part.colour, part.name)))?;
    let mut top = HEAD + 64;
    for (name, timeline) in timelines(outcome) {
        let title = format!("{name}: {} layer, {} µs", timeline.kind(), number(timeline.total_us));
        canvas.text((MARGIN, top), &title, style(TEXT + 2, true, INK), Align::Left)?;
        top += 26;
        top = draw_panel(canvas, &timeline, top)? + PANEL - 26;
    }
    Ok(())
}

/// Draws the rows from `top` on; returns where they end.
fn draw_panel(canvas: &Canvas<'_>, timeline: &Timeline<'_>, top: i32) -> Result<i32, DrawError> {
    let span = (MARGIN + LABELS, WIDTH as i32 - MARGIN - FIGURES);
    let at = |us: f64| place(us, (0.0, timeline.total_us), span);
    let bottom = top + ROW * timeline.steps.len() as i32;
    for value in ticks(0.0, timeline.total_us, 6) {
        canvas.tick(at(value), (top, bottom), &plain(value))?;
    }
    for (i, step) in timeline.steps.iter().enumerate() {
        let y = top + ROW * i as i32;
        canvas.label((span.0 - 14, y + ROW / 2), &shorten(&step.name(), 22), Align::Right)?;
        let mut from = step.start_us;
        for part in &PARTS {
            let to = from + part.share(&step.split) * step.us;
            canvas.bar((at(from), at(to)), (y + 5, y + ROW - 5), part.colour)?;
            from = to;
        }
        let figure = number(step.us);
        canvas.label((WIDTH as i32 - MARGIN, y + ROW / 2), &figure, Align::Right)?;
    }
    Ok(bottom)
}
