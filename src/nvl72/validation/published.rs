//! The tables as they lie in the repository: comma-separated, comments first.

use crate::error::Error;
use std::str::FromStr;

/// A table.
#[derive(Debug)]
pub(super) struct Published {
    name: &'static str,
    columns: Vec<&'static str>,
    lines: Vec<&'static str>,
}

/// A row of it, and its index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    table: &'a Published,
    line: &'static str,
    /// From 0.
    pub(super) index: usize,
}

impl Published {
    /// Of the text of a file.
    pub(super) fn new(name: &'static str, text: &'static str) -> Self {
        let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let columns = lines.next().unwrap_or_default().split(',').collect();
        Self { name, columns, lines: lines.collect() }
    }

    /// Its rows.
    pub(super) fn rows(&self) -> impl Iterator<Item = Line<'_>> {
        self.lines.iter().enumerate().map(|(index, line)| Line { table: self, line, index })
    }
}

impl Line<'_> {
    /// The text in `column`.
    pub(super) fn text(&self, column: &str) -> Result<&'static str, Error> {
        let place = self.table.columns.iter().position(|&name| name == column);
        place.and_then(|place| self.line.split(',').nth(place)).ok_or_else(|| self.wrong(column))
    }

    /// The number in `column`.
    pub(super) fn number<T: FromStr>(&self, column: &str) -> Result<T, Error> {
        self.text(column)?.parse().map_err(|_| self.wrong(column))
    }

    /// Whether constants are fitted on it: rows 0, 2, 4, ...
    pub(super) fn even(&self) -> bool {
        self.index.is_multiple_of(2)
    }

    fn wrong(&self, column: &str) -> Error {
        Error::Simulation(format!("table {}, row {}: column {column}", self.table.name, self.index))
    }
}
