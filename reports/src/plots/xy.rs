//! Points and lines over two axes, straight from zero or logarithmic.

use plotters::coord::ranged1d::{AsRangedCoord, Ranged, ValueFormatter};
use plotters::prelude::*;

use super::canvas::{Canvas, DrawError, GRID, HEAD, INK, MARGIN, SOFT, TEXT, spaced, style};
use crate::format::plain;
use crate::parts::{Rgb, category};

/// Height of a picture with two axes `[pixels]`.
pub(super) const HEIGHT: u32 = 900;

/// Name, colour and points of one machine.
pub(super) struct Series<'a> {
    pub(super) name: &'a str,
    pub(super) colour: Rgb,
    pub(super) points: Vec<(f64, f64)>,
}

impl<'a> Series<'a> {
    /// The series of the `index`-th machine; points that cannot be drawn are left out.
    pub(super) fn new(
        index: usize,
        name: &'a str,
        log: bool,
        points: impl Iterator<Item = (f64, f64)>,
    ) -> Self {
        let fits = |v: f64| v.is_finite() && (v > 0.0 || (!log && v == 0.0));
        let points = points.filter(|(x, y)| fits(*x) && fits(*y)).collect();
        Self { name, colour: category(index), points }
    }
}

/// Draws the series with the labels of the x and the y axis.
pub(super) fn draw(
    canvas: &Canvas<'_>,
    series: &[Series<'_>],
    log: bool,
    labels: [&str; 2],
) -> Result<(), DrawError> {
    canvas.legend(HEAD + 12, series.iter().map(|s| (s.colour, s.name)))?;
    let points = || series.iter().flat_map(|s| &s.points);
    let high = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(f64::MIN_POSITIVE, f64::max);
    let low = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(f64::INFINITY, f64::min);
    let (x, y) = (|p: &(f64, f64)| p.0, |p: &(f64, f64)| p.1);
    if log {
        draw_axes(
            canvas,
            series,
            (low(x) * 0.8..high(x) * 1.25).log_scale(),
            (low(y) * 0.8..high(y) * 1.25).log_scale(),
            labels,
        )
    } else {
        let margin = ((high(x) - low(x)) * 0.05).max(1.0);
        let from = (low(x) - margin).max(0.0);
        draw_axes(canvas, series, from..high(x) + margin, 0.0..high(y) * 1.1, labels)
    }
}

fn draw_axes<X, Y>(
    canvas: &Canvas<'_>,
    series: &[Series<'_>],
    x: X,
    y: Y,
    labels: [&str; 2],
) -> Result<(), DrawError>
where
    X: AsRangedCoord<Value = f64>,
    Y: AsRangedCoord<Value = f64>,
    X::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let colour = |(r, g, b): Rgb| RGBColor(r, g, b);
    let area = canvas.area.margin(HEAD + 36, 24, MARGIN, MARGIN);
    let mut chart = ChartBuilder::on(&area)
        .x_label_area_size(84)
        .y_label_area_size(120)
        .build_cartesian_2d(x, y)?;
    let figure = |value: &f64| plain(*value);
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(colour(GRID))
        .axis_style(colour(SOFT))
        .x_labels(8)
        .y_labels(8)
        .x_label_formatter(&figure)
        .y_label_formatter(&figure)
        .label_style(style(TEXT, false, SOFT))
        .axis_desc_style(style(TEXT + 2, false, INK))
        .x_desc(spaced(labels[0]))
        .y_desc(spaced(labels[1]))
        .draw()?;
    for one in series {
        let colour = colour(one.colour);
        chart.draw_series(LineSeries::new(one.points.iter().copied(), colour.stroke_width(3)))?;
        chart.draw_series(one.points.iter().map(|p| Circle::new(*p, 7, colour.filled())))?;
    }
    Ok(())
}
