//! `wafersim fabric traffic`.

use super::Shape;
use crate::command::args::Format;
use crate::error::Error;

/// Options of `wafersim fabric traffic`.
#[derive(Debug, clap::Args)]
pub(in crate::command) struct Options {
    /// The mesh, columns x rows
    #[arg(long, value_name = "COLUMNSxROWS")]
    pub(super) shape: Shape,
    /// What stdout shows, and how errors look on stderr
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
}

/// Simulates and prints.
pub(super) fn run(options: &Options) -> Result<(), Error> {
    let Shape { columns, rows } = options.shape;
    Err(Error::input(format!("no traffic on {columns}x{rows} PEs yet")))
}
