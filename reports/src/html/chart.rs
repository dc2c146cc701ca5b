//! Figures: a title, a drawing in SVG, a note, and the frame of a drawing made of rows of bars.
//!
//! Coordinates: x in percent of the width, y in pixels. Colours come from classes: `p0`..`p4` are
//! the parts of time, `c0`.. are categories.

use std::fmt::{self, Write};

use super::escape::text;
use crate::format::{length, percent};
use crate::outcome::TimeSplit;
use crate::parts::PARTS;

/// Opens a figure with a title; `note` says what is drawn and in which unit.
pub(super) fn open(out: &mut String, title: &str, note: &str) -> fmt::Result {
    write!(
        out,
        "<figure>\n<figcaption><b>{}</b> <span>{}</span></figcaption>\n",
        text(title),
        text(note)
    )
}

/// Closes a figure.
pub(super) fn close(out: &mut String) {
    out.push_str("</figure>\n");
}

/// Opens a drawing `height` pixels high; `alt` is read to those who do not see it.
pub(super) fn open_svg(out: &mut String, class: &str, height: f64, alt: &str) -> fmt::Result {
    writeln!(
        out,
        "<svg class=\"{class}\" role=\"img\" width=\"100%\" height=\"{height:.0}\">\
         <title>{}</title>",
        text(alt)
    )
}

/// Closes a drawing.
pub(super) fn close_svg(out: &mut String) {
    out.push_str("</svg>\n");
}

/// Names of the parts of time beside their colours.
pub(super) fn parts_legend(out: &mut String) -> fmt::Result {
    let names: Vec<_> =
        PARTS.iter().enumerate().map(|(i, p)| (format!("p{i}"), p.name, p.meaning)).collect();
    legend(out, names.iter().map(|(class, name, meaning)| (class.as_str(), *name, *meaning)))
}

/// Class, name and meaning of each colour.
pub(super) fn legend<'a>(
    out: &mut String,
    entries: impl Iterator<Item = (&'a str, &'a str, &'a str)>,
) -> fmt::Result {
    out.push_str("<ul class=\"legend\">\n");
    for (class, name, meaning) in entries {
        writeln!(
            out,
            "<li title=\"{}\"><i class=\"{class}\"></i>{}</li>",
            text(meaning),
            text(name)
        )?;
    }
    out.push_str("</ul>\n");
    Ok(())
}

/// A bar of the parts of `split`, from `x` on and `width` long in all `[percent]`.
///
/// A part that is wide enough bears its share as text.
pub(super) fn split_bar(
    out: &mut String,
    split: &TimeSplit,
    x: f64,
    width: f64,
    (y, height): (f64, f64),
) -> fmt::Result {
    let mut start = x;
    for (i, part) in PARTS.iter().enumerate() {
        let share = part.share(split);
        let wide = share * width;
        if wide > 0.0 {
            write!(
                out,
                "<g class=\"p{i}\"><rect x=\"{start:.3}%\" y=\"{y:.1}\" width=\"{wide:.3}%\" \
                 height=\"{height:.1}\"><title>{}: {}</title></rect>",
                part.name,
                percent(share)
            )?;
            if wide >= 8.5 && height >= 16.0 {
                write!(
                    out,
                    "<text class=\"on\" x=\"{:.3}%\" y=\"{:.1}\">{}</text>",
                    start + wide / 2.0,
                    y + height / 2.0 + 4.5,
                    percent(share)
                )?;
            }
            out.push_str("</g>\n");
        }
        start += wide;
    }
    Ok(())
}

/// The label of a row: a name on the left, a figure on the right.
pub(super) fn row_label(out: &mut String, y: f64, name: &str, figure: &str) -> fmt::Result {
    writeln!(
        out,
        "<text x=\"0\" y=\"{y:.1}\">{}</text><text class=\"end\" x=\"100%\" y=\"{y:.1}\">{}</text>",
        text(name),
        text(figure)
    )
}

/// A vertical line over the whole drawing with a label under it.
pub(super) fn tick(out: &mut String, x: f64, y: (f64, f64), label: &str) -> fmt::Result {
    let class = if x < 3.0 {
        "tick start"
    } else if x > 97.0 {
        "tick end"
    } else {
        "tick mid"
    };
    writeln!(
        out,
        "<line class=\"grid\" x1=\"{x:.3}%\" x2=\"{x:.3}%\" y1=\"{:.1}\" y2=\"{:.1}\"/>\
         <text class=\"{class}\" x=\"{x:.3}%\" y=\"{:.1}\">{}</text>",
        y.0,
        y.1,
        y.1 + 14.0,
        text(label)
    )
}

/// `part` of `whole` in percent, zero where there is none.
pub(super) fn of(part: f64, whole: f64) -> f64 {
    let whole = length(whole);
    if whole > 0.0 { (length(part) / whole * 100.0).min(100.0) } else { 0.0 }
}
