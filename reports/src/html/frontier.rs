//! Curves: the time per token as the context grows, and one user's speed against throughput.

use std::fmt;

use super::table::{Column, Table};
use super::xy::{self, Axis, Series};
use super::{chart, escape::text};
use crate::format::{integer, number};
use crate::outcome::Outcome;

/// Time per output token over the context.
pub(super) fn write_curve(out: &mut String, outcome: &Outcome) -> fmt::Result {
    let mut table = Table::new(
        "Time per output token over the context",
        vec![Column::Words("Machine"), Column::Figures("Context [tokens]"), Column::Figures("ms")],
    );
    let mut series = Vec::new();
    for (i, machine) in outcome.machines.iter().enumerate() {
        let mut points = Vec::new();
        for point in &machine.decode_curve {
            let (context, ms) = (integer(point.context), number(point.tpot_ms));
            let what = format!("{}: {ms} ms at {context} tokens", machine.name);
            points.push((what, point.context as f64, point.tpot_ms));
            table.row(&[machine.name.clone(), context, ms]);
        }
        if !points.is_empty() {
            series.push(Series {
                name: machine.name.clone(),
                class: format!("c{}", i % 7),
                points,
            });
        }
    }
    if series.is_empty() {
        return Ok(());
    }
    let title = "Time per output token";
    chart::open(out, title, "Milliseconds for one output token of one user, over the context")?;
    let axes = [
        &Axis { label: "context [tokens]", log: false, from_zero: false },
        &Axis { label: "ms", log: false, from_zero: true },
    ];
    xy::write(out, title, axes, &series)?;
    table.write_folded(out, "The same as a table")?;
    chart::close(out);
    Ok(())
}

/// Speed of one user against throughput of the machine; left out where no machine has a frontier.
pub(super) fn write(out: &mut String, outcome: &Outcome) -> fmt::Result {
    if outcome.machines.iter().all(|machine| machine.frontier.is_empty()) {
        return Ok(());
    }
    let mut table = Table::new(
        "Frontier over batch sizes and layouts",
        vec![
            Column::Words("Machine"),
            Column::Words("Layout"),
            Column::Figures("Batch"),
            Column::Figures("tokens/s/user"),
            Column::Figures("tokens/s/machine"),
            Column::Figures("tokens/s/unit"),
        ],
    );
    let mut series = Vec::new();
    for (i, machine) in outcome.machines.iter().enumerate() {
        let units = f64::from(machine.units.max(1));
        let mut points = Vec::new();
        for point in &machine.frontier {
            let (user, all) = (point.tokens_per_s_user, point.tokens_per_s_machine);
            let what = format!("{}, batch {}, {}", machine.name, point.batch, point.layout);
            points.push((what, user, all));
            table.row(&[
                machine.name.clone(),
                point.layout.clone(),
                point.batch.to_string(),
                number(user),
                number(all),
                number(all / units),
            ]);
        }
        if points.is_empty() {
            let (user, all) = (machine.tokens_per_s, machine.tokens_per_s_machine);
            points.push((format!("{}, as simulated", machine.name), user, all));
            let name = machine.name.clone();
            let cells = ["as simulated", "-", &number(user), &number(all), &number(all / units)];
            table.row(&[&[name.as_str()], cells.as_slice()].concat());
        }
        series.push(Series { name: machine.name.clone(), class: format!("c{}", i % 7), points });
    }
    let title = "Speed of one user against throughput";
    chart::open(
        out,
        title,
        "Both in output tokens per second, logarithmic; each point a batch size",
    )?;
    let axes = [
        &Axis { label: "tokens/s of one user", log: true, from_zero: false },
        &Axis { label: "tokens/s of the whole machine", log: true, from_zero: false },
    ];
    xy::write(out, title, axes, &series)?;
    table.write_folded(out, "The same as a table")?;
    chart::close(out);
    let single = outcome.machines.iter().filter(|m| m.frontier.is_empty());
    for machine in single {
        out.push_str(&format!(
            "<p class=\"note\">{} has no computed frontier: its point is the simulated request.</p>\n",
            text(&machine.name)
        ));
    }
    Ok(())
}
