//! The charts as PNG pictures, with a bundled font so that text renders where none is installed.
//!
//! One file a chart; each says whether it has anything to show and how tall it wants to be, and
//! draws on a canvas, whose coordinates are pixels.

mod canvas;
mod decode_curve;
mod frontier;
mod heat;
mod layer_timeline;
mod placement;
mod sensitivity;
mod token_split;
mod xy;

use std::path::Path;

use crate::folder::FolderError;
use crate::outcome::Outcome;
use canvas::{Canvas, DrawError};

/// A chart: its file, its height in pixels (`None`: nothing to show), and how it is drawn.
struct Chart {
    file: &'static str,
    height: fn(&Outcome) -> Option<u32>,
    draw: fn(&Canvas<'_>, &Outcome) -> Result<(), DrawError>,
}

const CHARTS: [Chart; 7] = [
    token_split::CHART,
    layer_timeline::CHART,
    heat::CHART,
    placement::CHART,
    sensitivity::CHART,
    frontier::CHART,
    decode_curve::CHART,
];

/// Draws every chart that has something to show into `folder`; returns the names of the files.
///
/// # Errors
/// A picture that cannot be written.
pub fn draw_all(outcome: &Outcome, folder: &Path) -> Result<Vec<&'static str>, FolderError> {
    let mut files = Vec::new();
    for chart in &CHARTS {
        let Some(height) = (chart.height)(outcome) else { continue };
        let path = folder.join(chart.file);
        canvas::draw_png(&path, height, |canvas| (chart.draw)(canvas, outcome))
            .map_err(|message| FolderError::Draw { path, message })?;
        files.push(chart.file);
    }
    Ok(files)
}
