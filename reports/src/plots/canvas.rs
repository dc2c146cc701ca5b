//! A picture in pixels: rectangles, lines and text over plotters' bitmap backend.

use std::path::Path;
use std::sync::OnceLock;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};

use crate::parts::Rgb;

/// Width of every picture `[pixels]`.
pub(super) const WIDTH: u32 = 1600;
/// Empty space around the picture `[pixels]`.
pub(super) const MARGIN: i32 = 48;
/// Height of the title with its note `[pixels]`.
pub(super) const HEAD: i32 = 124;

pub(super) const INK: Rgb = (27, 29, 32);
pub(super) const SOFT: Rgb = (91, 97, 106);
pub(super) const GRID: Rgb = (226, 227, 223);

/// Size of plain text `[pixels]`.
pub(super) const TEXT: u32 = 22;
const FONT: &str = "sans-serif";

pub(super) type DrawError =
    DrawingAreaErrorKind<<BitMapBackend<'static> as DrawingBackend>::ErrorType>;
pub(super) type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

/// Where a text stands relative to its point.
#[derive(Clone, Copy)]
pub(super) enum Align {
    Left,
    Middle,
    Right,
}

/// A picture being drawn.
pub(super) struct Canvas<'a> {
    /// The whole picture.
    pub(super) area: Area<'a>,
}

/// Draws a picture `height` pixels high into a PNG file.
pub(super) fn draw_png(
    path: &Path,
    height: u32,
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), DrawError>,
) -> Result<(), String> {
    register_fonts()?;
    let area = BitMapBackend::new(path, (WIDTH, height)).into_drawing_area();
    let canvas = Canvas { area };
    let all = || {
        canvas.area.fill(&WHITE)?;
        draw(&canvas)?;
        canvas.area.present()
    };
    all().map_err(|error: DrawError| error.to_string())
}

/// Registers the bundled font, once for the process.
fn register_fonts() -> Result<(), String> {
    static DONE: OnceLock<Result<(), String>> = OnceLock::new();
    DONE.get_or_init(|| {
        for (style, bytes) in
            [(FontStyle::Normal, notosans::REGULAR_TTF), (FontStyle::Bold, notosans::BOLD_TTF)]
        {
            register_font(FONT, style, bytes)
                .map_err(|_| "the bundled font cannot be read".to_owned())?;
        }
        Ok(())
    })
    .clone()
}

/// A text style with the bundled font.
pub(super) fn style(size: u32, bold: bool, (r, g, b): Rgb) -> TextStyle<'static> {
    let weight = if bold { FontStyle::Bold } else { FontStyle::Normal };
    (FONT, f64::from(size), weight).into_font().color(&RGBColor(r, g, b))
}

impl Canvas<'_> {
    /// Writes the title of the picture and a note with the unit.
    pub(super) fn head(&self, title: &str, note: &str) -> Result<(), DrawError> {
        self.text((MARGIN, 56), title, style(36, true, INK), Align::Left)?;
        self.text((MARGIN, 96), note, style(TEXT, false, SOFT), Align::Left)
    }

    /// Writes `text` with its middle at the height of the point.
    pub(super) fn text(
        &self,
        (x, y): (i32, i32),
        text: &str,
        style: TextStyle<'_>,
        align: Align,
    ) -> Result<(), DrawError> {
        let h = match align {
            Align::Left => HPos::Left,
            Align::Middle => HPos::Center,
            Align::Right => HPos::Right,
        };
        let style = style.pos(Pos::new(h, VPos::Center));
        self.area.draw_text(&spaced(text), &style, (x, y + 2))
    }

    /// Plain text.
    pub(super) fn label(&self, at: (i32, i32), text: &str, align: Align) -> Result<(), DrawError> {
        self.text(at, text, style(TEXT, false, INK), align)
    }

    /// Width of plain text `[pixels]`.
    pub(super) fn width_of(&self, text: &str, style: &TextStyle<'_>) -> i32 {
        self.area.estimate_text_size(&spaced(text), style).map_or(0, |(width, _)| width as i32)
    }

    /// A filled rectangle, at least one pixel wide where it has any length.
    pub(super) fn bar(
        &self,
        (from, to): (f64, f64),
        (top, bottom): (i32, i32),
        (r, g, b): Rgb,
    ) -> Result<(), DrawError> {
        if to <= from {
            return Ok(());
        }
        let left = from.round() as i32;
        let right = (to.round() as i32 - 1).max(left);
        self.area.draw(&Rectangle::new([(left, top), (right, bottom)], RGBColor(r, g, b).filled()))
    }

    /// A thin line.
    pub(super) fn line(
        &self,
        from: (i32, i32),
        to: (i32, i32),
        (r, g, b): Rgb,
    ) -> Result<(), DrawError> {
        self.area.draw(&PathElement::new([from, to], RGBColor(r, g, b).stroke_width(1)))
    }

    /// Names beside their colours in one line; returns nothing but the drawing.
    pub(super) fn legend<'n>(
        &self,
        y: i32,
        entries: impl Iterator<Item = (Rgb, &'n str)>,
    ) -> Result<(), DrawError> {
        let mut x = MARGIN;
        let text = style(TEXT, false, INK);
        for (colour, name) in entries {
            self.bar((f64::from(x), f64::from(x + 20)), (y - 9, y + 9), colour)?;
            self.label((x + 30, y), name, Align::Left)?;
            x += 30 + self.width_of(name, &text) + 36;
        }
        Ok(())
    }

    /// A vertical line with a label under it.
    pub(super) fn tick(
        &self,
        x: f64,
        (top, bottom): (i32, i32),
        label: &str,
    ) -> Result<(), DrawError> {
        let x = x.round() as i32;
        self.line((x, top), (x, bottom), GRID)?;
        self.text((x, bottom + 18), label, style(TEXT - 2, false, SOFT), Align::Middle)
    }
}

/// `text` with wider spaces, because glyphs stand on whole pixels and narrow ones close up.
pub(super) fn spaced(text: &str) -> String {
    text.replace(' ', "\u{2004}").chars().filter(|c| !c.is_control()).collect()
}

/// Place of `value` on a stretch of pixels that shows `low` to `high`.
pub(super) fn place(value: f64, (low, high): (f64, f64), (left, right): (i32, i32)) -> f64 {
    let share = if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.0 };
    let share = if share.is_finite() { share } else { 0.0 };
    f64::from(left) + share * f64::from(right - left)
}
