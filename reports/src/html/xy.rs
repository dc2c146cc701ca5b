//! Points and lines over two axes, straight or logarithmic.

use std::fmt::{self, Write};

use super::chart;
use super::escape::text;
use crate::format::{plain, ticks};
use crate::view::bounds;

/// One axis.
pub(super) struct Axis {
    /// What it shows, with the unit.
    pub(super) label: &'static str,
    /// Whether equal ratios are equally far apart.
    pub(super) log: bool,
    /// Whether it starts at zero.
    pub(super) from_zero: bool,
}

/// One set of points in one colour.
pub(super) struct Series {
    /// Name in the legend.
    pub(super) name: String,
    /// CSS class of the colour.
    pub(super) class: String,
    /// What each point is, and where.
    pub(super) points: Vec<(String, f64, f64)>,
}

/// An axis with its ends.
struct Scale {
    log: bool,
    low: f64,
    high: f64,
}

impl Scale {
    fn over(axis: &Axis, values: impl Iterator<Item = f64>) -> Self {
        let [low, high] = bounds(values.filter(|v| !axis.log || *v > 0.0)).unwrap_or([1.0, 10.0]);
        if axis.log {
            let decade = |v: f64, round: fn(f64) -> f64| 10f64.powf(round(v.log10() * 2.0) / 2.0);
            let (low, high) = (decade(low, f64::floor), decade(high, f64::ceil));
            Self { log: true, low, high: if high > low { high } else { low * 10.0 } }
        } else {
            let low = if axis.from_zero { 0.0 } else { low };
            let margin = if high > low { (high - low) * 0.05 } else { 1.0 };
            let below = if axis.from_zero { 0.0 } else { margin.min(low.max(0.0)) };
            Self { log: false, low: low - below, high: high + margin }
        }
    }

    /// Place of `value` on the axis `[fraction]`, if it has one.
    fn place(&self, value: f64) -> Option<f64> {
        let share = if self.log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        (share.is_finite() && (-1e-9..=1.0 + 1e-9).contains(&share)).then_some(share)
    }

    fn ticks(&self) -> Vec<f64> {
        if !self.log {
            return ticks(self.low, self.high, 5);
        }
        let decades = (self.low.log10().floor() as i32)..=(self.high.log10().ceil() as i32);
        let steps: &[f64] = if self.high / self.low > 1e3 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        decades
            .flat_map(|d| steps.iter().map(move |s| s * 10f64.powi(d)))
            .filter(|v| self.place(*v).is_some())
            .collect()
    }
}

const HEIGHT: f64 = 300.0;

/// Writes the drawing and its legend.
pub(super) fn write(
    out: &mut String,
    alt: &str,
    [x_axis, y_axis]: [&Axis; 2],
    series: &[Series],
) -> fmt::Result {
    let points = || series.iter().flat_map(|s| &s.points);
    let x = Scale::over(x_axis, points().map(|p| p.1));
    let y = Scale::over(y_axis, points().map(|p| p.2));
    let places = |s: &Series| -> Vec<(String, f64, f64)> {
        s.points
            .iter()
            .filter_map(|(what, px, py)| {
                let (px, py) = (x.place(*px)?, y.place(*py)?);
                Some((what.clone(), px * 100.0, HEIGHT * (1.0 - py)))
            })
            .collect()
    };
    chart::legend(out, series.iter().map(|s| (s.class.as_str(), s.name.as_str(), "")))?;
    writeln!(out, "<p class=\"axis\">{} ↑</p>", text(y_axis.label))?;
    chart::open_svg(out, "plot", HEIGHT, alt)?;
    for value in y.ticks() {
        let Some(place) = y.place(value) else { continue };
        let at = HEIGHT * (1.0 - place);
        writeln!(
            out,
            "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"tick end\" x=\"-8\" y=\"{:.1}\">{}</text>",
            at + 4.0,
            plain(value)
        )?;
    }
    for value in x.ticks() {
        let Some(place) = x.place(value) else { continue };
        writeln!(
            out,
            "<line class=\"grid\" x1=\"{0:.3}%\" x2=\"{0:.3}%\" y1=\"0\" y2=\"{HEIGHT}\"/>\
             <text class=\"tick mid\" x=\"{0:.3}%\" y=\"{1:.1}\">{2}</text>",
            place * 100.0,
            HEIGHT + 17.0,
            plain(value)
        )?;
    }
    for one in series {
        let places = places(one);
        writeln!(out, "<g class=\"{}\">", one.class)?;
        for pair in places.windows(2) {
            writeln!(
                out,
                "<line class=\"curve\" x1=\"{:.3}%\" y1=\"{:.1}\" x2=\"{:.3}%\" y2=\"{:.1}\"/>",
                pair[0].1, pair[0].2, pair[1].1, pair[1].2
            )?;
        }
        for (what, px, py) in &places {
            writeln!(
                out,
                "<circle cx=\"{px:.3}%\" cy=\"{py:.1}\" r=\"4\"><title>{}</title></circle>",
                text(what)
            )?;
        }
        out.push_str("</g>\n");
    }
    chart::close_svg(out);
    writeln!(out, "<p class=\"axis end\">{} →</p>", text(x_axis.label))
}
