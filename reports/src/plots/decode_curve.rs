//! Time per output token as the context grows.

use super::Chart;
use super::canvas::{Canvas, DrawError};
use super::xy::{self, Series};
use crate::outcome::Outcome;

pub(super) const CHART: Chart = Chart {
    file: "decode-curve.png",
    height: |outcome| (!series(outcome).is_empty()).then_some(xy::HEIGHT),
    draw,
};

fn series(outcome: &Outcome) -> Vec<Series<'_>> {
    let machines = outcome.machines.iter().enumerate();
    machines
        .map(|(i, m)| {
            let points = m.decode_curve.iter().map(|p| (p.context as f64, p.tpot_ms));
            Series::new(i, &m.name, false, points)
        })
        .filter(|series| !series.points.is_empty())
        .collect()
}

fn draw(canvas: &Canvas<'_>, outcome: &Outcome) -> Result<(), DrawError> {
    canvas.head(
        "Time per output token as the context grows",
        "Milliseconds for one output token of one user",
    )?;
    xy::draw(canvas, &series(outcome), false, ["context [tokens]", "ms per token"])
}
