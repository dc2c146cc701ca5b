//! The measurements of `docs/validation.md` for the report: recorded when that page was written, which a
//! test holds to what `wafersim validate` gives, so that a run need not simulate them again.

use reports::outcome::Validated;

/// The page, as `wafersim validate --format markdown` writes it.
const PAGE: &str = include_str!("../docs/validation.md");

/// All rows of the page, in order.
pub fn validation() -> Vec<Validated> {
    rows(PAGE)
}

fn rows(page: &str) -> Vec<Validated> {
    let (mut table, mut source, mut unit) = ("", "", "");
    let mut rows = Vec::new();
    for line in page.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            (table, source, unit) = (name.trim(), "", "");
        } else if let Some((_, text)) = line.split_once("Source: ") {
            source = text.trim_end_matches('.');
        } else if let Some(cells) = cells(line) {
            match cells.as_slice() {
                ["row", published, ..] => {
                    let inside =
                        published.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
                    unit = inside.map_or("", |(unit, _)| unit);
                }
                [row, published, predicted, _, _, mark, ..] => {
                    if let (Some(published), Some(predicted)) =
                        (number(published), number(predicted))
                    {
                        rows.push(Validated {
                            table: table.into(),
                            row: (*row).into(),
                            published,
                            predicted,
                            unit: unit.into(),
                            calibrated: mark.contains("calibrated"),
                            source: source.into(),
                        });
                    }
                }
                _ => {}
            }
        }
    }
    rows
}

/// The cells of a row of a table.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inside.split('|').map(str::trim).collect())
}

fn number(text: &str) -> Option<f64> {
    text.replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::tables;

    #[test]
    fn every_table_of_the_page_is_read_with_unit_and_source() {
        let (rows, tables) = (validation(), tables(false));
        for table in &tables {
            let of = rows.iter().filter(|row| row.table == table.name);
            assert!(of.clone().count() > 0, "{}", table.name);
            for row in of {
                assert!(!row.unit.is_empty() && !row.source.is_empty(), "{row:?}");
                assert!(row.published > 0.0 && row.predicted > 0.0, "{row:?}");
            }
        }
        let lines = PAGE.lines().filter_map(cells).filter(|cells| cells.len() >= 6);
        // Each table has a heading and a rule besides its rows.
        assert_eq!(rows.len(), lines.count() - 2 * tables.len());
    }
}
