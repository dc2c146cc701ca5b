//! Curves: the time per token as the context grows, and one user's speed against throughput.

use std::fmt;

use super::chart;
use super::table::{Column, Table};
use super::xy::{self, Axis, Series};
use crate::format::{integer, number};
use crate::outcome::{MachineOutcome, Outcome};

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

/// Speed of one user against throughput, of the machine and of a kW; left out where no machine has a
/// frontier.
pub(super) fn write(out: &mut String, outcome: &Outcome) -> fmt::Result {
    if outcome.machines.iter().all(|machine| machine.frontier.is_empty()) {
        return Ok(());
    }
    let mut table = Table::new(
        "Frontier over batch sizes and layouts",
        vec![
            Column::Words("Machine"),
            Column::Words("Layout"),
            Column::Figures("Requests in flight"),
            Column::Figures("tokens/s/user"),
            Column::Figures("tokens/s/machine"),
            Column::Figures("tokens/s/unit"),
            Column::Figures("tokens/s/kW"),
        ],
    );
    let mut whole = Vec::new();
    let mut per_kw = Vec::new();
    let mut single = Vec::new();
    for (i, machine) in outcome.machines.iter().enumerate() {
        let units = f64::from(machine.units.max(1));
        let power = machine.power_kw.filter(|kw| *kw > 0.0);
        let points = points(machine);
        if machine.frontier.is_empty() {
            single.push(machine.name.as_str());
        }
        for point in &points {
            let (user, all) = (point.user, point.all);
            table.row(&[
                machine.name.clone(),
                point.layout.clone(),
                point.batch.clone(),
                number(user),
                number(all),
                number(all / units),
                power.map_or("-".into(), |kw| number(all / kw)),
            ]);
        }
        let series = |value: &dyn Fn(&Point) -> f64| Series {
            name: machine.name.clone(),
            class: format!("c{}", i % 7),
            points: points.iter().map(|p| (p.what.clone(), p.user, value(p))).collect(),
        };
        whole.push(series(&|p| p.all));
        if let Some(kw) = power {
            per_kw.push(series(&|p| p.all / kw));
        }
    }
    let note = match single.as_slice() {
        [] => String::new(),
        names => format!("; {} is one point, as simulated: its batches are not", names.join(", ")),
    };
    let charts = [
        ("Speed of one user against throughput", "tokens/s of the whole machine", whole),
        ("Speed of one user against throughput for each kW", "tokens/s for each kW", per_kw),
    ];
    for (title, label, series) in charts.iter().filter(|(.., series)| !series.is_empty()) {
        let power = if label.contains("kW") { power_note(outcome) } else { String::new() };
        chart::open(
            out,
            title,
            &format!(
                "Output tokens per second, both axes logarithmic; each point a batch size{note}{power}"
            ),
        )?;
        let axes = [
            &Axis { label: "tokens/s of one user", log: true, from_zero: false },
            &Axis { label, log: true, from_zero: false },
        ];
        xy::write(out, title, axes, series)?;
        chart::close(out);
    }
    table.write_folded(out, "Both as a table")
}

/// What power each machine is counted with.
fn power_note(outcome: &Outcome) -> String {
    let of = |m: &MachineOutcome| Some(format!("{} {} kW", m.name, number(m.power_kw?)));
    let all: Vec<String> = outcome.machines.iter().filter_map(of).collect();
    format!("; power: {}", all.join(", "))
}

/// One point of a frontier.
struct Point {
    what: String,
    layout: String,
    batch: String,
    user: f64,
    all: f64,
}

/// The frontier of a machine, or the simulated request where it has none.
fn points(machine: &MachineOutcome) -> Vec<Point> {
    if machine.frontier.is_empty() {
        return vec![Point {
            what: format!("{}, as simulated", machine.name),
            layout: "as simulated".into(),
            batch: "-".into(),
            user: machine.tokens_per_s,
            all: machine.tokens_per_s_machine,
        }];
    }
    let point = |p: &crate::outcome::FrontierPoint| Point {
        what: format!(
            "{}, {} in flight, {}: {} tokens/s a user, {} in all",
            machine.name,
            p.batch,
            p.layout,
            number(p.tokens_per_s_user),
            number(p.tokens_per_s_machine)
        ),
        layout: p.layout.clone(),
        batch: p.batch.to_string(),
        user: p.tokens_per_s_user,
        all: p.tokens_per_s_machine,
    };
    machine.frontier.iter().map(point).collect()
}
