//! What the answer rests on: claims, parameters, the fidelity contract, and how to do it again.

use std::fmt::{self, Write};

use super::escape::text;
use super::table::{Column, Table};
use crate::format::{bytes, count, number};
use crate::outcome::Outcome;

pub(super) fn write_claims(out: &mut String, outcome: &Outcome) -> fmt::Result {
    if outcome.claims.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(
        "Published claims beside what was simulated",
        vec![
            Column::Words("#"),
            Column::Words("Claim"),
            Column::Words("Claimed"),
            Column::Words("Simulated"),
            Column::Words("Why"),
        ],
    );
    for claim in &outcome.claims {
        table.row(&[&claim.id, &claim.claim, &claim.claimed, &claim.simulated, &claim.note]);
    }
    table.write(out)
}

pub(super) fn write_parameters(out: &mut String, outcome: &Outcome) -> fmt::Result {
    for machine in outcome.machines.iter().filter(|m| !m.parameters.is_empty()) {
        let assumed = machine.parameters.iter().filter(|p| p.confidence == "assumed").count();
        let caption = format!(
            "Parameters of {}: {}, {assumed} of them assumed",
            machine.name,
            machine.parameters.len()
        );
        let mut table = Table::new(
            &caption,
            vec![
                Column::Words("Parameter"),
                Column::Words("Value"),
                Column::Words("Range"),
                Column::Words("Confidence"),
                Column::Words("Source"),
            ],
        );
        for p in &machine.parameters {
            let range = p.range.as_ref().map_or_else(String::new, |[l, h]| format!("{l} to {h}"));
            table.row(&[&p.path, &p.value, &range, &p.confidence, &p.source]);
        }
        table.write(out)?;
    }
    Ok(())
}

pub(super) fn write_fidelity(out: &mut String, outcome: &Outcome) -> fmt::Result {
    for machine in outcome.machines.iter().filter(|m| !m.fidelity.is_empty()) {
        let mut table = Table::new(
            &format!(
                "Fidelity of {}: what is stepped, what is a fixed latency, what is absent",
                machine.name
            ),
            vec![Column::Words("Mechanism"), Column::Words("How"), Column::Words("Note")],
        );
        for f in &machine.fidelity {
            table.row(&[&f.mechanism, &f.how, &f.note]);
        }
        table.write(out)?;
    }
    Ok(())
}

/// Published measurements beside what the simulator predicts.
pub(super) fn write_validation(out: &mut String, outcome: &Outcome) -> fmt::Result {
    if outcome.validation.is_empty() {
        return Ok(());
    }
    let mut tables: Vec<&str> = Vec::new();
    for row in &outcome.validation {
        if !tables.contains(&row.table.as_str()) {
            tables.push(&row.table);
        }
    }
    let of =
        |table: &str| outcome.validation.iter().filter(|r| r.table == table).collect::<Vec<_>>();
    out.push_str(
        "<p class=\"note\">The simulator held to published measurements, independent of this run, as of \
         its version. Rows that a constant was fitted on are not counted. The error is signed: predicted \
         over published, less one.</p>\n",
    );
    let mut table = Table::new(
        "Published measurements, by table",
        vec![
            Column::Words("Table"),
            Column::Figures("Rows"),
            Column::Figures("Fitted on"),
            Column::Figures("Median error, size"),
            Column::Figures("Worst"),
            Column::Words("Source"),
        ],
    );
    for name in &tables {
        let rows = of(name);
        let mut errors: Vec<f64> =
            rows.iter().filter(|r| !r.calibrated).map(|r| r.error()).collect();
        errors.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
        let show =
            |error: Option<&f64>| error.map_or("-".into(), |e| format!("{:+.1} %", e * 100.0));
        table.row(&[
            (*name).to_string(),
            rows.len().to_string(),
            rows.iter().filter(|r| r.calibrated).count().to_string(),
            errors
                .get(errors.len() / 2)
                .map_or("-".into(), |e| format!("{:.1} %", e.abs() * 100.0)),
            show(errors.last()),
            rows[0].source.clone(),
        ]);
    }
    table.write(out)?;
    let mut table = Table::new(
        "Every row",
        vec![
            Column::Words("Row"),
            Column::Figures("Published"),
            Column::Figures("Predicted"),
            Column::Words("Unit"),
            Column::Figures("Error"),
            Column::Words("Fitted on"),
        ],
    );
    for row in &outcome.validation {
        table.row(&[
            format!("{}/{}", row.table, row.row),
            number(row.published),
            number(row.predicted),
            row.unit.clone(),
            format!("{:+.1} %", row.error() * 100.0),
            if row.calibrated { "yes" } else { "" }.to_string(),
        ]);
    }
    table.write_folded(out, "Every row as a table")
}

pub(super) fn write_model(out: &mut String, outcome: &Outcome) -> fmt::Result {
    let model = &outcome.model;
    let mut table =
        Table::new("The model that ran", vec![Column::Words("Figure"), Column::Figures("Value")]);
    table.row(&["name", &model.name]);
    table.row(&["parameters", &count(model.parameters)]);
    table.row(&["parameters that one token uses", &count(model.active_parameters)]);
    table.row(&["layers", &model.layers.to_string()]);
    table.row(&["weights as stored, scales included", &bytes(model.weight_bytes)]);
    table.row(&["KV cache for each token, all layers", &bytes(model.kv_bytes_per_token)]);
    table.write(out)
}

pub(super) fn write_reproduce(out: &mut String, outcome: &Outcome) -> fmt::Result {
    let json = serde_json::to_string_pretty(&outcome.scenario)
        .expect("a JSON value can always be written");
    write!(
        out,
        "<p>Run the same scenario with the same version and seed:</p>\n\
         <pre><code>{}</code></pre>\n\
         <p>Version: {}. Seed: {}. SHA-256 of the scenario as resolved: <code>{}</code>.</p>\n\
         <p>The <code>outcome.json</code> beside this page then comes out the same, byte for byte, \
         on any number of threads. All figures here are drawn from it alone. Written by {}, \
         outcome format {}.</p>\n\
         <details>\n<summary>The scenario as resolved, presets filled in</summary>\n\
         <pre><code>{}</code></pre>\n</details>\n",
        match outcome.manifest.command.as_str() {
            "" => text("run by a program that uses the library, with the scenario below"),
            command => text(command),
        },
        text(&outcome.simulator),
        outcome.manifest.seed,
        text(&outcome.manifest.scenario_hash),
        text(&outcome.simulator),
        outcome.schema_version,
        text(&json)
    )
}
