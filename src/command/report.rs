//! `wafersim report`: page, pictures and tables of an outcome drawn anew, without simulating.

use super::args::Format;
use super::run::refused;
use super::{files, print};
use crate::error::Error;
use reports::folder::{ResultFolder, redraw};
use std::path::{Path, PathBuf};

/// Options of `wafersim report`.
#[derive(Debug, clap::Args)]
pub(super) struct ReportOptions {
    /// An outcome.json, or the folder of a result
    outcome: PathBuf,
    /// Folder for the result [default: the folder of the outcome]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What stdout shows, and how errors look on stderr
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
}

/// Reads the outcome, draws, prints the summary.
pub(super) fn run(options: &ReportOptions) -> Result<(), Error> {
    let file = files::outcome_file(&options.outcome);
    let (outcome, bytes) = files::outcome(&file)?;
    let beside = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let out = options.out.as_deref().unwrap_or(beside);
    let timing = std::fs::read(beside.join("timing.json")).ok();
    let folder = ResultFolder::prepare(out).map_err(refused)?;
    let written = redraw(folder, &outcome, &bytes, timing.as_deref()).map_err(refused)?;
    let shown = match options.format {
        Format::Human => reports::summary::text(&outcome, Some(&written)),
        Format::Json => super::json_text(&outcome)?,
    };
    print(shown.as_bytes())
}
