//! `wafersim schema`: JSON Schemas, from the types that read and write the files.
//!
//! A scenario is RON. Its schema describes the same data: `Wafer(name: "a")` is
//! `{"Wafer": {"name": "a"}}`, `Auto` is `"Auto"`.

use super::{json_text, print};
use crate::error::Error;
use crate::scenario::file::ScenarioFile;
use clap::ValueEnum;
use reports::Outcome;
use schemars::schema_for;

/// Options of `wafersim schema`.
#[derive(Debug, clap::Args)]
pub(super) struct SchemaOptions {
    /// Which file
    #[arg(value_enum)]
    of: Of,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    /// A scenario, as data
    Scenario,
    /// outcome.json
    Outcome,
}

/// Prints the schema.
pub(super) fn run(options: &SchemaOptions) -> Result<(), Error> {
    let schema = match options.of {
        Of::Scenario => schema_for!(ScenarioFile),
        Of::Outcome => schema_for!(Outcome),
    };
    print(json_text(&schema)?.as_bytes())
}
