//! What moves the answer: a tornado over the ranges of what is assumed.

use std::fmt::{self, Write};

use super::chart;
use super::table::{Column, Table};
use crate::format::{number, plain, ticks};
use crate::outcome::{MachineOutcome, Outcome};
use crate::view::bounds;

const ROW: f64 = 44.0;

pub(super) fn write(out: &mut String, outcome: &Outcome) -> fmt::Result {
    for machine in outcome.machines.iter().filter(|m| !m.sensitivity.is_empty()) {
        write_one(out, machine)?;
    }
    Ok(())
}

fn write_one(out: &mut String, machine: &MachineOutcome) -> fmt::Result {
    let now = machine.tokens_per_s;
    let ends = machine.sensitivity.iter().flat_map(|s| [s.at_low, s.at_high]).chain([now]);
    let Some([low, high]) = bounds(ends) else { return Ok(()) };
    let margin = if high > low { (high - low) * 0.04 } else { 1.0 };
    let (low, high) = (low - margin, high + margin);
    let place = |value: f64| chart::of(value - low, high - low);

    let title = format!("What moves the speed of {}", machine.name);
    chart::open(
        out,
        &title,
        "Tokens per second of one user with one assumed parameter at either end of its range, all \
         others as they are; the line is the result",
    )?;
    let ends = [("c0", "parameter at its low end", ""), ("c4", "parameter at its high end", "")];
    chart::legend(out, ends.into_iter())?;
    let height = ROW * machine.sensitivity.len() as f64;
    let alt = format!("{title}: {} moves it most", machine.sensitivity[0].path);
    chart::open_svg(out, "bars", height + 20.0, &alt)?;
    for value in ticks(low, high, 5) {
        chart::tick(out, place(value), (0.0, height), &plain(value))?;
    }
    let mut table = Table::new(
        "Tokens per second with one parameter changed",
        vec![
            Column::Words("Parameter"),
            Column::Figures("Low end"),
            Column::Figures("High end"),
            Column::Figures("tokens/s at low"),
            Column::Figures("tokens/s at high"),
        ],
    );
    for (i, s) in machine.sensitivity.iter().enumerate() {
        let y = ROW * i as f64;
        let effect = format!("{} … {} tokens/s", number(s.at_low), number(s.at_high));
        chart::row_label(out, y + 13.0, &s.path, &effect)?;
        for (class, value) in [("c0", s.at_low), ("c4", s.at_high)] {
            if value.is_finite() && now.is_finite() {
                let (from, to) = (place(value.min(now)), place(value.max(now)));
                write!(
                    out,
                    "<rect class=\"{class}\" x=\"{from:.3}%\" width=\"{:.3}%\" y=\"{:.0}\" \
                     height=\"16\"/>",
                    to - from,
                    y + 19.0
                )?;
            }
        }
        out.push('\n');
        table.row(&[
            s.path.clone(),
            s.range[0].clone(),
            s.range[1].clone(),
            number(s.at_low),
            number(s.at_high),
        ]);
    }
    if now.is_finite() {
        writeln!(
            out,
            "<line class=\"axis0\" x1=\"{0:.3}%\" x2=\"{0:.3}%\" y1=\"0\" y2=\"{height:.0}\"/>",
            place(now)
        )?;
    }
    chart::close_svg(out);
    table.write_folded(out, "The same as a table, with the ranges")?;
    chart::close(out);
    Ok(())
}
