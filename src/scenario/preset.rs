//! Hardware presets: those of the repository, by name, and those in files.

use super::files;
use crate::error::{Error, Problem};
use crate::hardware::{Confidence, FactRow, Facts};
use crate::input::{self, Document, Source, suggest};
use crate::nvl72::Nvl72Preset;
use crate::wafer::hardware::WaferPreset;
use serde::de::DeserializeOwned;
use std::path::Path;

/// A kind of preset.
pub trait Preset: DeserializeOwned {
    /// Names and texts of those in the repository.
    const BUILT_IN: &'static [(&'static str, &'static str)];
    /// Facts with their least and greatest sensible number, in the base unit. A fact that is not
    /// listed must be greater than zero.
    const LIMITS: &'static [(&'static str, f64, f64)];

    /// The numbers.
    fn facts(&self) -> &dyn Facts;
    /// The numbers, to set one.
    fn facts_mut(&mut self) -> &mut dyn Facts;
}

/// Far above any sensible number of cycles or slots, far below what an engine cannot count.
const MANY: f64 = 1e5;
/// Widest mesh; a full wafer is 755 x 1170.
const WIDEST: f64 = 2048.0;

impl Preset for WaferPreset {
    const BUILT_IN: &'static [(&'static str, &'static str)] = &[
        ("wse3", include_str!("../../examples/hardware/wse3.ron")),
        ("cs3", include_str!("../../examples/hardware/wse3.ron")),
        ("wse2", include_str!("../../examples/hardware/wse2.ron")),
        ("cs2", include_str!("../../examples/hardware/wse2.ron")),
    ];
    const LIMITS: &'static [(&'static str, f64, f64)] = &[
        ("clock", 1e6, 1e11),
        ("grid.columns", 1.0, WIDEST),
        ("grid.rows", 1.0, WIDEST),
        ("fabric.hop_cycles", 1.0, MANY),
        ("fabric.ramp_cycles", 0.0, MANY),
        ("fabric.queue_depth", 2.0, MANY),
        ("fabric.ramp_in_depth", 2.0, MANY),
        ("fabric.ramp_out_depth", 2.0, MANY),
        ("fabric.switch_cycles", 0.0, MANY),
        ("fabric.receive_directions", 1.0, 5.0),
        ("fabric.route_load_cycles", 0.0, MANY),
        ("pe.sram", 1.0, 1e9),
        ("pe.reserve", 0.0, 1e9),
        ("pe.buffer", 1.0, 1e9),
        ("pe.fp16_per_cycle", 1.0, MANY),
        ("pe.fp32_add_per_cycle", 1.0, MANY),
        ("pe.fp32_mul_per_cycle", 1.0, MANY),
        ("pe.max_per_cycle", 1.0, MANY),
        ("pe.cache_words", 0.0, 64.0),
        ("pe.setup_cycles", 0.0, MANY),
        ("pe.pipeline_cycles", 0.0, MANY),
        ("pe.gap_cycles", 0.0, MANY),
        ("pe.loop_cycles", 0.0, MANY),
        ("pe.task_start_cycles", 0.0, MANY),
        ("pe.unpack_cycles", 0.0, MANY),
        ("pe.special_cycles", 0.0, MANY),
        ("pe.sum_bits", 16.0, 32.0),
        ("io.bandwidth", 1.0, 1e18),
        ("io.latency", 0.0, 1.0),
    ];

    fn facts(&self) -> &dyn Facts {
        &self.facts
    }

    fn facts_mut(&mut self) -> &mut dyn Facts {
        &mut self.facts
    }
}

impl Preset for Nvl72Preset {
    const BUILT_IN: &'static [(&'static str, &'static str)] = &[
        ("gb200-nvl72", include_str!("../../examples/hardware/gb200-nvl72.ron")),
        ("gb300-nvl72", include_str!("../../examples/hardware/gb300-nvl72.ron")),
        ("b200x8", include_str!("../../examples/hardware/b200x8.ron")),
        ("h200x8", include_str!("../../examples/hardware/h200x8.ron")),
    ];
    const LIMITS: &'static [(&'static str, f64, f64)] = &[
        ("gpus", 1.0, 4096.0),
        ("domain", 1.0, 4096.0),
        ("hbm.reserve", 0.0, 1e15),
        ("kernel.fixed", 0.0, 1.0),
        ("kernel.step", 0.0, 10.0),
        ("kernel.sequence", 0.0, 1.0),
        ("hbm.round_trip", 0.0, 1.0),
        ("collective.in_switch", 0.0, 1.0),
        ("nvlink.links", 1.0, 1024.0),
        ("nvlink.switches", 1.0, 1024.0),
        ("nvlink.link_bandwidth", 1.0, 1e18),
        ("nvlink.packet_payload", 1.0, 1e9),
        ("nvlink.packet_overhead", 0.0, 1e9),
        ("nvlink.latency", 0.0, 1.0),
        ("nvlink.hop", 0.0, 1.0),
        ("nvlink.issue", 0.0, 1.0),
        ("network.bandwidth", 1.0, 1e18),
        ("network.latency", 0.0, 1.0),
    ];

    fn facts(&self) -> &dyn Facts {
        &self.facts
    }

    fn facts_mut(&mut self) -> &mut dyn Facts {
        &mut self.facts
    }
}

/// The preset of the repository that is called `name`.
pub fn built_in<P: Preset>(name: &str) -> Option<P> {
    let (_, text) = P::BUILT_IN.iter().find(|(known, _)| *known == name)?;
    input::read(Source::new((*text).to_string(), None)).value
}

/// The preset called `name`, of the repository or a file, with `settings` ("fabric.hop_cycles=3") made.
///
/// # Errors
/// [`Error::Input`] with all that is wrong with the name, its file and the settings.
pub fn with_settings<P: Preset>(name: &str, settings: &[String]) -> Result<P, Error> {
    let mut preset: P = find(name, Path::new("")).map_err(|why| match why {
        Ok(message) => Error::input(message),
        Err(problems) => Error::Input(problems),
    })?;
    let mut problems = Vec::new();
    for setting in settings {
        if let Err(message) = set(&mut preset, setting) {
            let message = format!("--set {setting}: {message}");
            problems.push(Problem { message, ..Problem::default() });
        }
    }
    if problems.is_empty() { Ok(preset) } else { Err(Error::Input(problems)) }
}

fn set<P: Preset>(preset: &mut P, setting: &str) -> Result<(), String> {
    let (path, value) = setting
        .split_once('=')
        .ok_or("expected path=value, such as fabric.hop_cycles=\"3 cycles\"")?;
    let path = path.trim();
    if !preset.facts_mut().set_text(path, value.trim().trim_matches('"'))? {
        let known = fact_paths::<P>();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        return Err(format!("unknown path `{path}`; {}", suggest::hint(path, &known)));
    }
    let row = preset.facts().all().into_iter().find(|row| row.path == path);
    row.and_then(|row| number_problem::<P>(&row)).map_or(Ok(()), Err)
}

/// Paths of all facts of a kind of preset.
pub(super) fn fact_paths<P: Preset>() -> Vec<String> {
    let preset = P::BUILT_IN.first().and_then(|(name, _)| built_in::<P>(name));
    preset.map_or_else(Vec::new, |preset| {
        preset.facts().all().into_iter().map(|row| row.path).collect()
    })
}

/// Finds the preset that a scenario in `base` calls `name`.
///
/// The first error is about the name, the second holds the problems of the preset's own file.
pub(super) fn find<P: Preset>(name: &str, base: &Path) -> Result<P, Result<String, Vec<Problem>>> {
    if let Some(preset) = built_in(name) {
        return Ok(preset);
    }
    if !name.ends_with(".ron") {
        let names: Vec<&str> = P::BUILT_IN.iter().map(|(name, _)| *name).collect();
        let hint = suggest::hint(name, &names);
        return Err(Ok(format!("unknown preset `{name}` (a file would end in .ron); {hint}")));
    }
    let path = base.join(name);
    let text = files::text(&path).map_err(|why| Ok(format!("{}: {why}", path.display())))?;
    let document: Document<P> = input::read(Source::new(text, Some(&path)));
    let mut problems = document.problems.clone();
    if let Some(preset) = &document.value {
        problems.extend(file_problems(preset, &document));
    }
    match document.value {
        Some(preset) if problems.is_empty() => Ok(preset),
        _ => Err(Err(problems)),
    }
}

/// What is wrong with numbers that were read.
fn file_problems<P: Preset>(preset: &P, document: &Document<P>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for row in preset.facts().all() {
        let mut path = vec!["facts"];
        path.extend(row.path.split('.'));
        let mut report = |field: &str, message: String| {
            let path: Vec<&str> = path.iter().copied().chain([field]).collect();
            problems.extend(document.problem(&path, message));
        };
        if let Some(message) = number_problem::<P>(&row) {
            report("value", message);
        }
        match row.ends {
            None if row.confidence == Confidence::Assumed => {
                report("confidence", format!("`{}` is assumed, so it needs a range", row.path));
            }
            Some((low, high)) if !(low <= row.number && row.number <= high) => {
                report("value", format!("`{}` is outside its own range", row.path));
            }
            _ => {}
        }
        if row.source.trim().is_empty() {
            report("source", format!("`{}` needs a source", row.path));
        }
    }
    problems
}

/// What is wrong with one number.
pub(super) fn number_problem<P: Preset>(row: &FactRow) -> Option<String> {
    let limits = P::LIMITS.iter().find(|(path, ..)| *path == row.path);
    let path = &row.path;
    let value = &row.text;
    match limits {
        Some((_, least, most)) if row.number < *least || row.number > *most => {
            return Some(format!("`{path}` is {value}; expected {least} to {most} in base units"));
        }
        None if row.number <= 0.0 => {
            return Some(format!("`{path}` is {value}; it must be greater than zero"));
        }
        _ => {}
    }
    match row.what {
        "a fraction" if row.number > 1.0 => {
            Some(format!("`{path}` is {value}; a fraction is at most 1"))
        }
        "a plain number" | "a number of cycles" if row.number.fract() != 0.0 => {
            Some(format!("`{path}` is {value}; it must be a whole number"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<P: Preset>() {
        for (name, text) in P::BUILT_IN {
            let document: Document<P> = input::read(Source::new((*text).into(), None));
            assert_eq!(document.problems, [], "{name}");
            let preset = document.value.as_ref().unwrap();
            assert_eq!(file_problems(preset, &document), [], "{name}");
            for (path, ..) in P::LIMITS {
                assert!(preset.facts().all().iter().any(|row| row.path == *path), "{path}");
            }
        }
    }

    #[test]
    fn presets_of_the_repository_are_right() {
        check::<WaferPreset>();
        check::<Nvl72Preset>();
    }

    #[test]
    fn all_that_is_wrong_with_the_numbers_of_a_file_is_said_at_once() {
        let text = WaferPreset::BUILT_IN[0].1;
        let clock = text.find("clock: ").unwrap();
        let assumed = text[clock..].replacen("range: (\"0.875 GHz\", \"1.1 GHz\"), ", "", 1);
        let text = format!("{}{assumed}", &text[..clock])
            .replace("columns: (value: \"755\"", "columns: (value: \"0\"")
            .replace("queue_depth: (value: \"4\"", "queue_depth: (value: \"9\"")
            .replace("sram: (value: \"48 KiB\"", "sram: (value: \"48 GHz\"");
        let document: Document<WaferPreset> = input::read(Source::new(text, None));
        let found = file_problems(document.value.as_ref().unwrap(), &document);
        let all = document.problems.iter().chain(&found).map(|p| p.message.as_str());
        assert_eq!(
            all.collect::<Vec<_>>(),
            [
                "expected a number of bytes such as \"48 KiB\", found \"48 GHz\"",
                "`clock` is assumed, so it needs a range",
                "`grid.columns` is 0; expected 1 to 2048 in base units",
                "`fabric.queue_depth` is outside its own range",
            ]
        );
    }
}
