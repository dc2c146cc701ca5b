//! Every published measurement that the simulator can express, beside what it predicts.
//!
//! ```text
//! TABLES ─► each: rows of (published, predicted, band) ─► within the band? ─► table, JSON, docs/validation.md
//! ```
//! A band is fixed before the prediction is known: it says what counts as right. A row that a constant
//! was fitted on is marked `calibrated`; all others are predictions. A table is a function in a file of
//! this folder; to add one, add it to [`TABLES`].

mod fabric;
pub mod page;
mod pe;
mod served;
mod wafer;

use crate::error::Error;
use rayon::prelude::*;
use serde::Serialize;

/// Measurements from one source.
#[derive(Clone, Copy)]
pub struct Table {
    /// Its name; rows are called `NAME/...`.
    pub name: &'static str,
    /// What was measured.
    pub what: &'static str,
    /// Where the figures are published.
    pub source: &'static str,
    /// Unit of both values.
    pub unit: &'static str,
    /// Predicts every row.
    pub rows: fn() -> Result<Vec<Measured>, Error>,
}

/// Up to where a prediction counts as right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Band {
    /// Relative error, either way.
    Within(f64),
    /// Off by so much of the unit, either way.
    Off(f64),
    /// The published value is an upper bound.
    AtMost,
}

/// One measurement beside its prediction.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// What sets it apart from the other rows of its table.
    pub name: String,
    /// Published value.
    pub published: f64,
    /// Predicted value.
    pub predicted: f64,
    /// Up to where the prediction counts as right.
    pub band: Band,
    /// Whether a constant was fitted with this row in sight.
    pub calibrated: bool,
}

/// One row as it is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// `TABLE/row`.
    pub name: String,
    /// Where the figure is published.
    pub source: String,
    /// Unit of both values.
    pub unit: String,
    /// Published value.
    pub published: f64,
    /// Predicted value.
    pub predicted: f64,
    /// Relative error of the prediction, with its sign.
    pub error: f64,
    /// Greatest relative error that counts as right; 0 for an upper bound.
    pub band: f64,
    /// Whether the published value is what is met or an upper bound: "within" or "at most".
    pub bound: &'static str,
    /// Whether a constant was fitted with this row in sight.
    pub calibrated: bool,
    /// Whether the prediction is within the band.
    pub ok: bool,
}

/// All tables, in the order in which they are shown.
pub const TABLES: [Table; 6] =
    [fabric::REDUCE, fabric::ALL_REDUCE, pe::MULTIPLY, wafer::GEMV, wafer::DECODE, served::KIMI];

impl Row {
    fn new(table: &Table, row: &Measured) -> Self {
        let error = row.predicted / row.published - 1.0;
        let (band, bound) = match row.band {
            Band::Within(band) => (band, "within"),
            Band::Off(off) => (off / row.published.abs(), "within"),
            Band::AtMost => (0.0, "at most"),
        };
        let off = if row.band == Band::AtMost { error } else { error.abs() };
        Self {
            name: format!("{}/{}", table.name, row.name),
            source: table.source.to_string(),
            unit: table.unit.to_string(),
            published: row.published,
            predicted: row.predicted,
            error,
            band,
            bound,
            calibrated: row.calibrated,
            // What a division leaves of an exact band is no miss.
            ok: off <= band + 1e-12,
        }
    }
}

/// Runs the tables whose name, or one of whose rows, begins with `only`; without it, all.
///
/// # Errors
/// [`Error::Arguments`] if nothing is called so; else what a simulation ended with.
pub fn run(only: Option<&str>) -> Result<Vec<Row>, Error> {
    let wanted = only.unwrap_or("");
    let (name, within) = wanted.split_once('/').unwrap_or((wanted, ""));
    let tables: Vec<&Table> = TABLES
        .iter()
        .filter(|table| table.name == name || within.is_empty() && table.name.starts_with(name))
        .collect();
    let rows: Vec<Vec<Row>> = tables
        .par_iter()
        .map(|table| {
            let rows = (table.rows)()?;
            Ok(rows.iter().map(|row| Row::new(table, row)).collect())
        })
        .collect::<Result<_, Error>>()?;
    let rows: Vec<Row> =
        rows.into_iter().flatten().filter(|row| row.name.starts_with(wanted)).collect();
    if rows.is_empty() {
        let known: Vec<&str> = TABLES.iter().map(|table| table.name).collect();
        return Err(Error::Arguments(format!(
            "--only {wanted}: no table and no row is called so; tables are {}",
            known.join(", ")
        )));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;
