//! The answer: the speed of each machine with its band, the request, the ratio.

use std::fmt::{self, Write};

use super::chart;
use super::escape::text;
use super::table::{Column, Table};
use crate::format::{count, length, number, plain, seconds, ticks, units};
use crate::outcome::{MachineOutcome, Outcome};
use crate::view;

/// The model in one line.
pub(super) fn model_line(outcome: &Outcome) -> String {
    let model = &outcome.model;
    format!(
        "{}: {} parameters, {} active for each token, {} layers",
        model.name,
        count(model.parameters),
        count(model.active_parameters),
        model.layers
    )
}

pub(super) fn write(out: &mut String, outcome: &Outcome) -> fmt::Result {
    out.push_str("<div class=\"cards\">\n");
    for (i, machine) in outcome.machines.iter().enumerate() {
        let band = match view::band(machine) {
            Some([low, high]) => {
                format!("{} to {} over the ranges of what is assumed", number(low), number(high))
            }
            None => "no band: what is assumed was not varied".into(),
        };
        write!(
            out,
            "<div class=\"card c{}\"><h3>{}</h3>\n<p>{}</p>\n\
             <p class=\"big\">{} <small>tokens/s for one user</small></p>\n\
             <p>{band}</p>\n{}\
             <p>whole request in {}</p></div>\n",
            i % 7,
            text(&machine.name),
            text(&units(machine.units, &machine.unit)),
            number(machine.tokens_per_s),
            clock_line(machine),
            seconds(machine.request_s)
        )?;
    }
    out.push_str("</div>\n");
    for pair in view::comparisons(outcome) {
        write!(
            out,
            "<p class=\"ratio\"><b>{}</b> gives one user <b>{} times</b> the tokens/s of <b>{}</b>",
            text(pair.machine),
            number(pair.speed),
            text(pair.other)
        )?;
        if let (Some(worst), Some(best)) = (pair.worst, pair.best) {
            write!(
                out,
                " ({} to {} times with one machine at its slow end and the other at its fast end)",
                number(worst),
                number(best)
            )?;
        }
        if let Some(times) = pair.request {
            write!(out, ", and answers the whole request {} times sooner", number(times))?;
        }
        out.push_str(".</p>\n");
    }
    write_ranges(out, outcome)?;
    write_table(out, outcome)
}

/// The speed at both ends of the clock's range, where the clock is assumed.
fn clock_line(machine: &MachineOutcome) -> String {
    view::clock(machine).map_or(String::new(), |clock| {
        format!(
            "<p>{} at {}, {} at {}</p>\n",
            number(clock.at_low),
            text(&clock.range[0]),
            number(clock.at_high),
            text(&clock.range[1])
        )
    })
}

fn write_ranges(out: &mut String, outcome: &Outcome) -> fmt::Result {
    let ends = outcome
        .machines
        .iter()
        .flat_map(|m| [m.tokens_per_s, m.tokens_per_s_range[0], m.tokens_per_s_range[1]]);
    let top = view::bounds(ends).map_or(1.0, |[_, high]| high * 1.02);
    let rows = outcome.machines.len() as f64;
    let height = 44.0 * rows + 20.0;
    chart::open(
        out,
        "Speed of one user",
        "Output tokens per second, mean over the request; the band is every assumed parameter at \
         its slow end and at its fast end",
    )?;
    let alt: Vec<String> = outcome
        .machines
        .iter()
        .map(|m| format!("{} {} tokens/s", m.name, number(m.tokens_per_s)))
        .collect();
    chart::open_svg(out, "bars", height, &format!("Speed of one user: {}", alt.join(", ")))?;
    for value in ticks(0.0, top, 5) {
        chart::tick(out, chart::of(value, top), (0.0, height - 18.0), &plain(value))?;
    }
    for (i, machine) in outcome.machines.iter().enumerate() {
        let y = 44.0 * i as f64;
        let [low, high] = machine.tokens_per_s_range.map(|end| chart::of(end, top));
        let speed = chart::of(machine.tokens_per_s, top);
        let middle = y + 28.0;
        writeln!(
            out,
            "<g class=\"c{}\"><text x=\"0\" y=\"{:.0}\">{}</text>\
             <line class=\"range\" x1=\"{low:.3}%\" x2=\"{high:.3}%\" y1=\"{middle:.0}\" \
             y2=\"{middle:.0}\"/><circle cx=\"{speed:.3}%\" cy=\"{middle:.0}\" r=\"6\"/></g>",
            i % 7,
            y + 14.0,
            text(&machine.name),
        )?;
    }
    chart::close_svg(out);
    chart::close(out);
    Ok(())
}

fn write_table(out: &mut String, outcome: &Outcome) -> fmt::Result {
    let mut table = Table::new(
        "Machines side by side",
        vec![
            Column::Words("Machine"),
            Column::Figures("Units"),
            Column::Figures("tokens/s, one user"),
            Column::Figures("low"),
            Column::Figures("high"),
            Column::Figures("tokens/s, all users"),
            Column::Figures("TTFT"),
            Column::Figures("TPOT"),
            Column::Figures("Whole request"),
        ],
    );
    for m in &outcome.machines {
        table.row(&[
            m.name.clone(),
            units(m.units, &m.unit),
            number(m.tokens_per_s),
            view::band(m).map_or("-".into(), |[low, _]| number(low)),
            view::band(m).map_or("-".into(), |[_, high]| number(high)),
            number(m.tokens_per_s_machine),
            seconds(m.ttft_s),
            seconds(length(m.tpot_ms) / 1e3),
            seconds(m.request_s),
        ]);
    }
    table.write(out)?;
    out.push_str(
        "<p class=\"note\">TTFT: time to the first token. TPOT: mean time per output token of one \
         user. Whole request: prompt, reasoning and answer.</p>\n",
    );
    Ok(())
}
