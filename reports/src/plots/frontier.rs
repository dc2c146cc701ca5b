//! Speed of one user against throughput of the machine.

use super::Chart;
use super::canvas::{Canvas, DrawError};
use super::xy::{self, Series};
use crate::outcome::Outcome;

pub(super) const CHART: Chart = Chart {
    file: "frontier.png",
    height: |outcome| {
        let any = outcome.machines.iter().any(|machine| !machine.frontier.is_empty());
        (any && !series(outcome).is_empty()).then_some(xy::HEIGHT)
    },
    draw,
};

/// The frontier of each machine, or the simulated request where it has none.
fn series(outcome: &Outcome) -> Vec<Series<'_>> {
    let machines = outcome.machines.iter().enumerate();
    machines
        .map(|(i, m)| {
            let mut points: Vec<_> =
                m.frontier.iter().map(|p| (p.tokens_per_s_user, p.tokens_per_s_machine)).collect();
            if points.is_empty() {
                points.push((m.tokens_per_s, m.tokens_per_s_machine));
            }
            Series::new(i, &m.name, true, points.into_iter())
        })
        .filter(|series| !series.points.is_empty())
        .collect()
}

fn draw(canvas: &Canvas<'_>, outcome: &Outcome) -> Result<(), DrawError> {
    canvas.head(
        "One user against all users",
        "Output tokens/s, both axes logarithmic; a machine without a frontier is one point",
    )?;
    let labels = ["tokens/s of one user", "tokens/s of the whole machine"];
    xy::draw(canvas, &series(outcome), true, labels)
}
