//! Every published measurement that the simulator can express, beside what it predicts.
//!
//! ```text
//! tables ─► each: rows of (published, predicted, band) ─► within the band? ─► table, JSON, docs/validation.md
//! ```
//! A band is fixed before the prediction is known: it says what counts as right. A row that a constant
//! was fitted on is marked `calibrated`; all others are predictions. A table is a function in a file of
//! this folder; to add one, add it to `WAFERS`.

mod fabric;
pub mod page;
mod pe;
mod rack;
mod served;
mod wafer;

use crate::error::Error;
use crate::nvl72;
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
    rows: Predicts,
}

/// How the rows of a table are predicted.
#[derive(Clone, Copy)]
enum Predicts {
    /// By a function of this folder.
    Here(fn() -> Result<Vec<Measured>, Error>),
    /// By a table of the rack, row by row or as a whole.
    Rack(&'static nvl72::validation::Table, bool),
}

impl Predicts {
    fn rows(self) -> Result<Vec<Measured>, Error> {
        match self {
            Self::Here(rows) => rows(),
            Self::Rack(table, every) => rack::measured(table, every),
        }
    }
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
    /// Shown and not judged: what the figure was measured with is not known well enough.
    Open,
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
    /// Greatest relative error that counts as right; 0 for an upper bound, `None` for a row that is not judged.
    pub band: Option<f64>,
    /// Whether the published value is what is met, an upper bound, or not judged: "within", "at most", "open".
    pub bound: &'static str,
    /// Whether a constant was fitted with this row in sight.
    pub calibrated: bool,
    /// Whether the prediction is within the band, if it has one.
    pub ok: bool,
}

/// The tables of wafers, in the order in which they are shown; those of the rack follow.
const WAFERS: [Table; 8] = [
    fabric::REDUCE,
    fabric::ALL_REDUCE,
    pe::MULTIPLY,
    wafer::GEMV,
    wafer::DECODE,
    wafer::PREFILL,
    served::WAFERS,
    served::KIMI,
];

/// All tables, in the order in which they are shown. With `every`, tables of the rack have all their rows,
/// else their medians.
pub fn tables(every: bool) -> Vec<Table> {
    let rack = nvl72::validation::TABLES.iter().map(move |table| Table {
        name: table.name,
        what: if every { "each row" } else { "errors of a table, as a factor" },
        source: table.source,
        unit: if every { table.unit } else { "predicted / published" },
        rows: Predicts::Rack(table, every),
    });
    WAFERS.into_iter().chain(rack).collect()
}

impl Row {
    fn new(table: &Table, row: &Measured) -> Self {
        let error = row.predicted / row.published - 1.0;
        let (band, bound) = match row.band {
            Band::Within(band) => (Some(band), "within"),
            Band::Off(off) => (Some(off / row.published.abs()), "within"),
            Band::AtMost => (Some(0.0), "at most"),
            Band::Open => (None, "open"),
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
            ok: band.is_none_or(|band| off <= band + 1e-12),
        }
    }
}

/// Runs the tables whose name, or one of whose rows, begins with `only`; without it, all. `every` is as for
/// [`tables`].
///
/// # Errors
/// [`Error::Arguments`] if nothing is called so; else what a simulation ended with.
pub fn run(only: Option<&str>, every: bool) -> Result<Vec<Row>, Error> {
    let wanted = only.unwrap_or("");
    let (name, within) = wanted.split_once('/').unwrap_or((wanted, ""));
    let all = tables(every);
    let tables: Vec<&Table> = all
        .iter()
        .filter(|table| table.name == name || within.is_empty() && table.name.starts_with(name))
        .collect();
    let rows: Vec<Vec<Row>> = tables
        .par_iter()
        .map(|table| {
            let rows = table.rows.rows()?;
            Ok(rows.iter().map(|row| Row::new(table, row)).collect())
        })
        .collect::<Result<_, Error>>()?;
    let rows: Vec<Row> =
        rows.into_iter().flatten().filter(|row| row.name.starts_with(wanted)).collect();
    if rows.is_empty() {
        let known: Vec<&str> = all.iter().map(|table| table.name).collect();
        return Err(Error::Arguments(format!(
            "--only {wanted}: no table and no row is called so; tables are {}",
            known.join(", ")
        )));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;
