//! The tables of the rack: thousands of rows, each table held by its median.

use super::{Band, Measured};
use crate::error::Error;
use crate::nvl72::validation::{Row, Table, errors};

/// One table as it is judged: the median of its predictions' errors, signs aside, as a factor. With
/// `every`, its rows one by one.
pub(super) fn measured(table: &Table, every: bool) -> Result<Vec<Measured>, Error> {
    let rows = (table.rows)()?;
    if every {
        return Ok(rows.iter().map(|row| single(table, row)).collect());
    }
    let predictions: Vec<&Row> = rows.iter().filter(|row| !row.calibrated).collect();
    let factor = |name: String, error: f64, band: f64| Measured {
        name,
        published: 1.0,
        predicted: 1.0 + error,
        band: Band::Within(band),
        calibrated: false,
    };
    let (median, _) = errors(&rows);
    let count = predictions.len();
    let mut list =
        vec![factor(format!("median error of {count} predictions"), median, table.median)];
    // Of this table alone the worst row is held too.
    if table.name == "nvlink_all_reduce" {
        let worst = predictions.iter().map(|row| row.error().abs()).fold(0.0, f64::max);
        list.push(factor(format!("worst error of {count} predictions"), worst, table.band));
    }
    Ok(list)
}

fn single(table: &Table, row: &Row) -> Measured {
    Measured {
        name: row.name.clone(),
        published: row.published,
        predicted: row.predicted,
        band: Band::Within(table.band),
        calibrated: row.calibrated,
    }
}
