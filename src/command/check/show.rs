//! Findings of `check` as a table, JSON, annotations or JUnit.

use super::{CheckFormat, Checked, Status};
use crate::command::json_text;
use crate::error::Error;
use reports::baseline::Findings;
use reports::change::{Change, Verdict};
use reports::compare::list;
use serde_json::{Value, json};
use std::fmt::{self, Write};

/// What stdout shows.
pub(super) fn text(all: &[Checked], format: CheckFormat, code: u8) -> Result<String, Error> {
    let mut out = String::new();
    let written = match format {
        CheckFormat::Json => return json_text(&value(all, code)),
        CheckFormat::Human => all.iter().try_for_each(|checked| human(&mut out, checked)),
        CheckFormat::Github => all.iter().try_for_each(|checked| github(&mut out, checked)),
        CheckFormat::Junit => junit(&mut out, all),
    };
    written.map_err(|error| Error::Simulation(error.to_string()))?;
    Ok(out)
}

impl Status {
    fn word(&self) -> &'static str {
        match self {
            Self::Missing => "no baseline",
            Self::Held(findings) if findings.same() => "same",
            Self::Held(_) => "changed",
            Self::Accepted(_) => "accepted",
        }
    }

    fn findings(&self) -> Option<&Findings> {
        match self {
            Self::Held(findings) | Self::Accepted(Some(findings)) => Some(findings),
            Self::Missing | Self::Accepted(None) => None,
        }
    }
}

fn human(out: &mut String, checked: &Checked) -> fmt::Result {
    let Checked { scenario, baseline, status, .. } = checked;
    let at = baseline.display();
    let count = |findings: &Findings| findings.changes.len();
    match status {
        Status::Missing => writeln!(
            out,
            "{scenario}: no baseline at {at}; write one with --accept --reason \"...\""
        )?,
        Status::Accepted(None) => writeln!(out, "{scenario}: first baseline written to {at}")?,
        Status::Accepted(Some(_)) => writeln!(out, "{scenario}: new baseline written to {at}")?,
        Status::Held(findings) if findings.same() => {
            writeln!(out, "{scenario}: all {} figures as accepted", count(findings))?;
        }
        Status::Held(findings) => writeln!(
            out,
            "{scenario}: the prediction changed: {} of {} figures left their tolerance (accepted: {})",
            findings.moved().count(),
            count(findings),
            findings.reason
        )?,
    }
    let Some(findings) = status.findings() else { return Ok(()) };
    if !findings.same() {
        writeln!(
            out,
            "  {:<44}{:>14}{:>14}{:>10}{:>11}  {:<7} unit",
            "figure", "old", "new", "change", "tolerance", ""
        )?;
        for change in findings.moved() {
            let show = |value: Option<f64>| value.map_or("-".into(), figure);
            writeln!(
                out,
                "  {:<44}{:>14}{:>14}{:>10}{:>11}  {:<7} {}",
                change.metric,
                show(change.old),
                show(change.new),
                change.change.map_or(String::new(), |c| format!("{:+.2} %", c * 100.0)),
                format!("{} %", figure(change.tolerance * 100.0)),
                change.verdict.word(),
                change.unit
            )?;
        }
        let operators: Vec<&str> = operators(findings);
        if !operators.is_empty() {
            writeln!(out, "  operators that moved: {}", operators.join(", "))?;
        }
    }
    let mut more = String::new();
    list(&mut more, "the scenario gives other values than the baseline's:", &findings.given)?;
    list(&mut more, "operators that run another way:", &findings.ways)?;
    if !findings.work.is_empty() {
        writeln!(
            more,
            "the simulator works more for it (counts of simulated work, a stand-in for instructions; \
             no part of the prediction):"
        )?;
        for c in &findings.work {
            let show = |value: Option<f64>| value.map_or("-".into(), figure);
            writeln!(more, "  {}: {} -> {}", c.metric, show(c.old), show(c.new))?;
        }
    }
    for line in more.lines() {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}

/// Operators whose cycles or time left the tolerance, by the order of the forward pass.
fn operators(findings: &Findings) -> Vec<&str> {
    let name = |change: &'_ Change| -> Option<String> {
        let name = change.metric.strip_suffix(".cycles").or(change.metric.strip_suffix(".time"))?;
        Some(name.to_string())
    };
    findings
        .moved()
        .filter(|change| name(change).is_some())
        .map(|change| change.metric.rsplit_once('.').map_or("", |(name, _)| name))
        .collect()
}

/// A figure with all digits that matter: whole numbers whole.
fn figure(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        format!("{value:.0}")
    } else if value.abs() >= 100.0 {
        format!("{value:.2}")
    } else {
        let digits = format!("{value:.6}");
        digits.trim_end_matches('0').trim_end_matches('.').to_string()
    }
}

fn value(all: &[Checked], code: u8) -> Value {
    let scenario = |checked: &Checked| {
        let findings = checked.status.findings();
        let moved: Vec<&Change> = findings.map_or(Vec::new(), |f| f.moved().collect());
        json!({
            "scenario": checked.scenario,
            "file": checked.file.display().to_string(),
            "baseline": checked.baseline.display().to_string(),
            "status": checked.status.word(),
            "accepted_reason": findings.map(|f| &f.reason),
            "figures": findings.map(|f| f.changes.len()),
            "changes": moved,
            "operators_moved": findings.map(operators),
            "given": findings.map(|f| &f.given),
            "ways": findings.map(|f| &f.ways),
            "simulated_work": findings.map(|f| &f.work),
        })
    };
    json!({ "exit_code": code, "scenarios": all.iter().map(scenario).collect::<Vec<_>>() })
}

/// One change in words.
fn words(change: &Change) -> String {
    let show = |value: Option<f64>| value.map_or("absent".into(), figure);
    format!(
        "{} {}: {} -> {} {} (tolerance {} %)",
        change.metric,
        change.verdict.word(),
        show(change.old),
        show(change.new),
        change.unit,
        figure(change.tolerance * 100.0)
    )
}

fn github(out: &mut String, checked: &Checked) -> fmt::Result {
    let escape = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let file = escape(&checked.file.display().to_string()).replace(',', "%2C").replace(':', "%3A");
    let mut line = |level: &str, title: &str, text: &str| {
        writeln!(out, "::{level} file={file},title={title}::{}", escape(text))
    };
    let name = &checked.scenario;
    match &checked.status {
        Status::Missing => {
            let text = format!("{name}: no baseline at {}", checked.baseline.display());
            line("error", "no baseline", &text)?;
        }
        Status::Held(findings) => {
            for change in findings.moved() {
                let level = if change.verdict == Verdict::Better { "warning" } else { "error" };
                line(level, "prediction changed", &format!("{name}: {}", words(change)))?;
            }
            for change in &findings.work {
                let text = format!("{name}: {}", words(change));
                line("warning", "the simulator works more", &text)?;
            }
            if findings.same() {
                line("notice", "prediction", &format!("{name}: as accepted"))?;
            }
        }
        Status::Accepted(_) => line("notice", "prediction", &format!("{name}: accepted"))?,
    }
    Ok(())
}

fn junit(out: &mut String, all: &[Checked]) -> fmt::Result {
    writeln!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"wafersim check\">"
    )?;
    for checked in all {
        let name = xml(&checked.scenario);
        let changes = checked.status.findings().map_or(&[] as &[Change], |f| &f.changes);
        let held = matches!(checked.status, Status::Held(_));
        let failed = |change: &Change| held && change.verdict != Verdict::Same;
        let failures = changes.iter().filter(|c| failed(c)).count();
        let missing = usize::from(matches!(checked.status, Status::Missing));
        let tests = changes.len().max(1);
        writeln!(
            out,
            "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{missing}\">"
        )?;
        if missing == 1 {
            writeln!(
                out,
                "    <testcase classname=\"{name}\" name=\"baseline\"><error message=\"no baseline \
                 at {}\"/></testcase>",
                xml(&checked.baseline.display().to_string())
            )?;
        } else if changes.is_empty() {
            writeln!(out, "    <testcase classname=\"{name}\" name=\"baseline\"/>")?;
        }
        for change in changes {
            let metric = xml(&change.metric);
            let open = format!("    <testcase classname=\"{name}\" name=\"{metric}\"");
            match failed(change) {
                true => writeln!(
                    out,
                    "{open}><failure message=\"{}\"/></testcase>",
                    xml(&words(change))
                )?,
                false => writeln!(out, "{open}/>")?,
            }
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

fn xml(text: &str) -> String {
    let clean = text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    clean.chars().filter(|c| !c.is_control()).collect()
}
