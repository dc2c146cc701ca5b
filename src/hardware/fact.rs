//! One number of a hardware preset: its value, where it comes from and how sure it is.

use super::quantity::{Dimension, Quantity};
use serde::{Deserialize, Serialize};

/// How sure a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Confidence {
    /// Measured on the hardware and published.
    Measured,
    /// Stated by the vendor.
    Documented,
    /// Computed from measured or documented numbers.
    Derived,
    /// Nobody publishes it; it has a range.
    Assumed,
}

/// A number of the hardware.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Fact<D: Dimension> {
    /// The value used.
    pub value: Quantity<D>,
    /// Low and high end; required where the confidence is `Assumed`.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    pub range: Option<(Quantity<D>, Quantity<D>)>,
    /// Where it comes from.
    pub source: String,
    /// How sure it is.
    pub confidence: Confidence,
}

fn none<T>() -> Option<T> {
    None
}

impl<D: Dimension> Fact<D> {
    /// The value in the base unit of its dimension.
    pub fn get(&self) -> f64 {
        self.value.number
    }

    /// The value as a whole number.
    pub fn whole(&self) -> u64 {
        self.value.number.round() as u64
    }

    /// Takes the value in `text` for a what-if; the range, where there is one, comes to hold it.
    pub fn set(&mut self, text: &str) -> Result<(), String> {
        let value = Quantity::parse(text)?;
        self.source =
            format!("set in the scenario; the preset has {}: {}", self.value.text(), self.source);
        if let Some((low, high)) = &mut self.range {
            low.number = low.number.min(value.number);
            high.number = high.number.max(value.number);
        }
        self.value = value;
        Ok(())
    }

    /// A row for listings, under `path`.
    pub fn row(&self, path: String) -> FactRow {
        FactRow {
            path,
            what: D::WHAT,
            number: self.value.number,
            text: self.value.text(),
            ends: self.range.as_ref().map(|(low, high)| (low.number, high.number)),
            range: self.range.as_ref().map(|(low, high)| [low.text(), high.text()]),
            source: self.source.clone(),
            confidence: self.confidence,
        }
    }
}

/// A fact without its type, for listings and for varying it.
#[derive(Clone, Debug, PartialEq)]
pub struct FactRow {
    /// Path inside the preset: "fabric.hop_cycles".
    pub path: String,
    /// What it measures: "a frequency".
    pub what: &'static str,
    /// Value in the base unit.
    pub number: f64,
    /// Value with its unit.
    pub text: String,
    /// Low and high end in the base unit.
    pub ends: Option<(f64, f64)>,
    /// Low and high end with their unit.
    pub range: Option<[String; 2]>,
    /// Where it comes from.
    pub source: String,
    /// How sure it is.
    pub confidence: Confidence,
}

/// A group of facts.
pub trait Facts {
    /// Appends a row for each fact, in order, its path behind `prefix`.
    fn rows(&self, prefix: &str, rows: &mut Vec<FactRow>);
    /// Sets the value at `path` in its base unit; false if there is no such fact.
    fn set_number(&mut self, path: &str, value: f64) -> bool;
    /// Sets the value at `path` from text with a unit; `Ok(false)` if there is no such fact.
    fn set_text(&mut self, path: &str, text: &str) -> Result<bool, String>;

    /// All rows.
    fn all(&self) -> Vec<FactRow> {
        let mut rows = Vec::new();
        self.rows("", &mut rows);
        rows
    }
}
