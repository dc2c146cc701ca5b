//! `wafersim validate`: published measurements beside what the simulator predicts.

use super::args::Format;
use super::{exit, print};
use crate::error::Error;
use crate::validate::{self, page};
use clap::ValueEnum;

/// Options of the comparison.
#[derive(Debug, clap::Args)]
pub(super) struct Validate {
    /// Only the tables, or the rows, whose names begin so
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Show and judge large tables row by row, in place of their medians
    #[arg(long)]
    rows: bool,
    /// What stdout shows, and how errors look on stderr
    #[arg(long, value_enum, default_value_t = ValidateFormat::Human)]
    format: ValidateFormat,
    /// Threads to use; the result does not depend on it [default: one for each core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// How rows are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ValidateFormat {
    /// A table for people
    Human,
    /// A list of rows, and errors as JSON
    Json,
    /// The page docs/validation.md
    Markdown,
}

impl Validate {
    /// How errors are to be shown.
    pub(super) fn format(&self) -> Format {
        match self.format {
            ValidateFormat::Json => Format::Json,
            ValidateFormat::Human | ValidateFormat::Markdown => Format::Human,
        }
    }

    /// Runs all rows and prints them; the exit code says whether one left its band.
    pub(super) fn run(&self) -> Result<u8, Error> {
        let rows = super::run::pool(self.threads)?
            .install(|| validate::run(self.only.as_deref(), self.rows))?;
        let text = match self.format {
            ValidateFormat::Human => page::human(&rows),
            ValidateFormat::Markdown => page::markdown(&rows),
            ValidateFormat::Json => {
                let text = serde_json::to_string_pretty(&rows);
                text.map_err(|error| Error::Simulation(error.to_string()))? + "\n"
            }
        };
        print(text.as_bytes())?;
        Ok(if rows.iter().all(|row| row.ok) { exit::OK } else { exit::REGRESSED })
    }
}
