//! Tables that scroll sideways where the page is too narrow for them.

use std::fmt::{self, Write};

use super::escape::text;

/// A column: its heading, and whether figures stand in it, aligned to the right.
pub(super) enum Column {
    /// Words.
    Words(&'static str),
    /// Figures.
    Figures(&'static str),
}

/// A table being written.
pub(super) struct Table {
    columns: Vec<Column>,
    rows: String,
    caption: String,
}

impl Table {
    /// A table without rows. The caption says what it holds to those who do not see it.
    pub(super) fn new(caption: &str, columns: Vec<Column>) -> Self {
        Self { columns, rows: String::new(), caption: text(caption).to_string() }
    }

    /// Adds a row of plain text, one cell for each column.
    pub(super) fn row<S: AsRef<str>>(&mut self, cells: &[S]) {
        self.rows.push_str("<tr>");
        for (cell, column) in cells.iter().zip(&self.columns) {
            let class = match column {
                Column::Words(_) => match cell.as_ref().len() {
                    0..=32 => " class=\"short\"",
                    33..=60 => "",
                    _ => " class=\"long\"",
                },
                Column::Figures(_) => " class=\"n\"",
            };
            self.rows += &format!("<td{class}>{}</td>", text(cell.as_ref()));
        }
        self.rows.push_str("</tr>\n");
    }

    /// Writes the table.
    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        write!(
            out,
            "<p class=\"caption\">{0}</p>\n\
             <div class=\"scroll\" role=\"region\" aria-label=\"{0}\" tabindex=\"0\">\n\
             <table aria-label=\"{0}\">\n<thead><tr>",
            self.caption
        )?;
        for column in &self.columns {
            match column {
                Column::Words(name) => write!(out, "<th scope=\"col\">{name}</th>")?,
                Column::Figures(name) => write!(out, "<th scope=\"col\" class=\"n\">{name}</th>")?,
            }
        }
        write!(out, "</tr></thead>\n<tbody>\n{}</tbody>\n</table>\n</div>\n", self.rows)
    }

    /// Writes the table folded away under `label`.
    pub(super) fn write_folded(&self, out: &mut String, label: &str) -> fmt::Result {
        write!(out, "<details>\n<summary>{}</summary>\n", text(label))?;
        self.write(out)?;
        out.push_str("</details>\n");
        Ok(())
    }
}
