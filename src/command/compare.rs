//! `wafersim compare`: what moved between two outcomes, and what could have moved it.

use super::args::Format;
use super::{files, print};
use crate::error::Error;
use reports::compare::{Comparison, text};
use std::path::PathBuf;

/// Options of `wafersim compare`.
#[derive(Debug, clap::Args)]
pub(super) struct CompareOptions {
    /// An outcome.json, or the folder of a result
    first: PathBuf,
    /// The one to hold beside it
    second: PathBuf,
    /// What stdout shows, and how errors look on stderr
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
}

/// Reads both and prints what moved.
pub(super) fn run(options: &CompareOptions) -> Result<(), Error> {
    let (first, _) = files::outcome(&options.first)?;
    let (second, _) = files::outcome(&options.second)?;
    let comparison = Comparison::new(&first, &second);
    let shown = match options.format {
        Format::Human => text(&comparison),
        Format::Json => super::json_text(&comparison)?,
    };
    print(shown.as_bytes())
}
