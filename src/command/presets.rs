//! `wafersim presets`: what comes with the command, and every hardware number with its source.

use super::args::Format;
use super::{json_text, print};
use crate::embedded;
use crate::error::Error;
use crate::hardware::{Confidence, FactRow};
use crate::input::suggest;
use crate::nvl72::Nvl72Preset;
use crate::scenario::preset::{Preset, built_in};
use crate::wafer::hardware::WaferPreset;
use serde_json::json;
use std::fmt::Write;

/// Options of `wafersim presets`.
#[derive(Debug, clap::Args)]
pub(super) struct PresetsOptions {
    /// One of them, to be shown
    name: Option<String>,
    /// Print the file itself, to be copied and changed
    #[arg(long, requires = "name")]
    file: bool,
    /// What stdout shows, and how errors look on stderr
    #[arg(long, value_enum, default_value_t = Format::Human, conflicts_with = "file")]
    pub(super) format: Format,
}

/// Something that comes with the command.
struct Shown {
    kind: &'static str,
    name: String,
    /// The file.
    text: &'static str,
    /// Hardware numbers.
    rows: Vec<FactRow>,
}

/// Lists all or shows one.
pub(super) fn run(options: &PresetsOptions) -> Result<(), Error> {
    let all = all();
    let Some(name) = &options.name else {
        return print(list(&all, options.format)?.as_bytes());
    };
    let named: Vec<&Shown> = all.iter().filter(|shown| shown.name == *name).collect();
    let Some(first) = named.first() else {
        let names: Vec<&str> = all.iter().map(|shown| shown.name.as_str()).collect();
        let hint = suggest::hint(name, &names);
        return Err(Error::Arguments(format!("nothing is called `{name}`; {hint}")));
    };
    if options.file {
        return print(first.text.as_bytes());
    }
    let text = match options.format {
        Format::Json => json_text(&named.iter().map(|shown| value(shown)).collect::<Vec<_>>())?,
        Format::Human => named.iter().map(|shown| human(shown)).collect::<Vec<_>>().join("\n"),
    };
    print(text.as_bytes())
}

fn all() -> Vec<Shown> {
    let mut all = hardware::<WaferPreset>();
    all.extend(hardware::<Nvl72Preset>());
    let file = |kind, path: Option<std::path::PathBuf>, name: String| Shown {
        kind,
        name,
        text: path.and_then(|path| embedded::text(&path)).unwrap_or_default(),
        rows: Vec::new(),
    };
    let models = embedded::models().into_iter();
    all.extend(models.map(|name| file("model", embedded::model(&name), name)));
    let scenarios = embedded::scenarios().into_iter();
    all.extend(scenarios.map(|name| file("scenario", embedded::scenario(name.as_ref()), name)));
    all
}

fn hardware<P: Preset>() -> Vec<Shown> {
    let shown = |&(name, text): &(&str, &'static str)| Shown {
        kind: "hardware",
        name: name.to_string(),
        text,
        rows: built_in::<P>(name).map_or(Vec::new(), |preset| preset.facts().all()),
    };
    P::BUILT_IN.iter().map(shown).collect()
}

fn list(all: &[Shown], format: Format) -> Result<String, Error> {
    if format == Format::Json {
        let row = |shown: &Shown| json!({ "kind": shown.kind, "name": shown.name });
        return json_text(&all.iter().map(row).collect::<Vec<_>>());
    }
    let mut text = String::new();
    for shown in all {
        text += &format!("{:<10}{}\n", shown.kind, shown.name);
    }
    text += "\nwafersim presets NAME shows one; NAME is what `preset`, `model` and `wafersim run` take\n";
    Ok(text)
}

fn confidence(row: &FactRow) -> &'static str {
    match row.confidence {
        Confidence::Measured => "measured",
        Confidence::Documented => "documented",
        Confidence::Derived => "derived",
        Confidence::Assumed => "assumed",
    }
}

fn human(shown: &Shown) -> String {
    if shown.rows.is_empty() {
        return shown.text.to_string();
    }
    let mut text = String::new();
    for row in &shown.rows {
        let range = row.range.as_ref().map(|[low, high]| format!("{low} to {high}"));
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{:<28}{:<16}{:<26}{:<12}{}",
            row.path,
            row.text,
            range.unwrap_or_default(),
            confidence(row),
            row.source
        );
    }
    text
}

fn value(shown: &Shown) -> serde_json::Value {
    let row = |row: &FactRow| {
        json!({
            "path": row.path,
            "value": row.text,
            "range": row.range,
            "confidence": confidence(row),
            "source": row.source,
        })
    };
    json!({
        "kind": shown.kind,
        "name": shown.name,
        "facts": shown.rows.iter().map(row).collect::<Vec<_>>(),
        "file": shown.text,
    })
}
