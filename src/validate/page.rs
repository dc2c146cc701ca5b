//! The rows as text for people, and as the page `docs/validation.md`.

use super::{Row, tables};
use crate::wafer::spec::EngineChoice;
use std::fmt::Write;

/// A table for a terminal.
pub fn human(rows: &[Row]) -> String {
    let mut text = String::new();
    let width = rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let head = ["published", "predicted", "error", "band"];
    let _infallible = writeln!(
        text,
        "{:<width$}  {:>12}  {:>12}  {:>9}  {:>11}",
        "row", head[0], head[1], head[2], head[3]
    );
    for row in rows {
        let mark = if row.ok { "" } else { "  OUTSIDE" };
        let calibrated = if row.calibrated { "  calibrated" } else { "" };
        let _infallible = writeln!(
            text,
            "{:<width$}  {:>12}  {:>12}  {:>9}  {:>11}  {}{calibrated}{mark}",
            row.name,
            figure(row.published),
            figure(row.predicted),
            percent(row.error),
            band(row),
            row.unit,
        );
    }
    for table in tables(false).iter().filter(|table| rows.iter().any(|row| of(row, table.name))) {
        let _infallible = write!(text, "\n{}: {}\n  {}\n", table.name, table.what, table.source);
    }
    let outside = rows.iter().filter(|row| !row.ok).count();
    let _infallible = writeln!(text, "\n{} rows, {outside} outside their bands", rows.len());
    text
}

/// The page.
pub fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "# Published measurements and what the simulator predicts\n\n\
         Written by `wafersim validate --format markdown`. A band says what counts as right and was fixed before \
         the prediction was known. Rows that a constant was fitted on are marked; all others are predictions.\n",
    );
    for table in tables(false).iter().filter(|table| rows.iter().any(|row| of(row, table.name))) {
        let _infallible = write!(
            text,
            "\n## {}\n\n{}. Source: {}.\n\n\
             | row | published [{unit}] | predicted | error | band | |\n|---|---|---|---|---|---|\n",
            table.name,
            capital(table.what),
            table.source,
            unit = table.unit
        );
        for row in rows.iter().filter(|row| of(row, table.name)) {
            let mut notes = Vec::new();
            notes.extend(row.calibrated.then_some("calibrated"));
            notes.extend((!row.ok).then_some("**outside**"));
            let _infallible = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} |",
                row.name.split_once('/').map_or("", |(_, name)| name),
                figure(row.published),
                figure(row.predicted),
                percent(row.error),
                band(row),
                notes.join(", ")
            );
        }
    }
    text.push_str("\n## DEVIATIONS\n\nNot modelled:\n\n");
    let wafers = crate::wafer::fidelity::list(EngineChoice::Stream, &[]);
    let rack = crate::nvl72::fidelity::fidelity();
    for (machine, list) in [("wafers", wafers), ("rack", rack)] {
        for row in list.iter().filter(|row| row.how == "absent") {
            let _infallible = writeln!(text, "- {machine}, {}: {}", row.mechanism, row.note);
        }
    }
    text.push_str(
        "\n[deviations.md](deviations.md) has what is simplified, and in which direction it errs.\n",
    );
    text
}

fn of(row: &Row, table: &str) -> bool {
    row.name.split_once('/').is_some_and(|(name, _)| name == table)
}

fn band(row: &Row) -> String {
    match (row.bound, row.band) {
        ("at most", _) => "at most".to_string(),
        (_, None) => "not judged".to_string(),
        (_, Some(0.0)) => "exact".to_string(),
        (_, Some(band)) if band < 0.01 => format!("{:.2} %", band * 100.0),
        (_, Some(band)) => format!("{:.0} %", band * 100.0),
    }
}

fn percent(error: f64) -> String {
    format!("{:+.1} %", error * 100.0)
}

fn figure(number: f64) -> String {
    if number.fract() == 0.0 {
        format!("{number:.0}")
    } else if number.abs() < 100.0 {
        format!("{number:.3}")
    } else {
        format!("{number:.1}")
    }
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}
