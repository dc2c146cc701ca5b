//! `--set path=value`: an edit of the scenario's text, made before it is read.
//!
//! A setting changes the text as a person would, so whatever a scenario can say can be set, and a
//! wrong value gets the same message as in a file. The paths:
//!
//! | path | what |
//! |---|---|
//! | `seed`, `request.prompt_tokens` | a field of the scenario |
//! | `machines.NAME.count` | a choice for a machine (short for `machines.NAME.choices.count`) |
//! | `machines.NAME.io.latency` | a hardware number of a machine (an entry of its `set`) |
//! | `NAME.io.latency` | the same, as an outcome names its parameters |
//! | `PRESET.io.latency` | the same for every machine with that preset |
//!
//! A value is RON (`4200`, `Fixed(16)`, `AllInt4`) or, where text belongs, just the text (`0.9 GHz`).

use super::file::{MACHINE_FIELDS, RequestFile, ScenarioFile};
use super::preset::fact_paths;
use crate::error::{Error, Problem};
use crate::input::outline::{self, Kind, Node};
use crate::input::{Source, fields_of, suggest};
use crate::nvl72::{Nvl72Preset, Nvl72Spec};
use crate::wafer::hardware::WaferPreset;
use crate::wafer::spec::WaferSpec;
use std::path::Path;

/// Fields that are maps from text to text, so that what follows them in a path is one key.
const MAPS: [&str; 2] = ["set", "force"];

/// One value to put in place of what a scenario says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    path: String,
    value: String,
    /// As the user gave it, for messages.
    option: String,
}

impl Setting {
    /// A value for the field at `path`; `option` is what messages call it.
    pub fn new(path: &str, value: &str, option: &str) -> Self {
        Self { path: path.to_string(), value: value.to_string(), option: option.to_string() }
    }

    /// Reads "path=value".
    ///
    /// # Errors
    /// [`Error::Input`] where there is no path or no `=`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text.split_once('=') {
            Some((path, value)) if !path.trim().is_empty() => {
                Ok(Self::new(path.trim(), value.trim(), &format!("--set {text}")))
            }
            _ => Err(Error::input(format!(
                "--set {text}: expected path=value, such as request.prompt_tokens=2000"
            ))),
        }
    }

    /// As it was typed: `--set PATH=VALUE` or `--seed N`.
    pub(super) fn option(&self) -> &str {
        &self.option
    }

    fn problem(&self, message: impl std::fmt::Display) -> Problem {
        Problem { message: format!("{}: {message}", self.option), ..Problem::default() }
    }
}

/// Makes all settings in `source`; those that cannot be made are returned as problems.
pub(super) fn apply(source: &mut Source, settings: &[Setting]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for setting in settings {
        // A text with broken syntax is for the reader to report.
        let Ok(root) = outline::parse(source.text()) else { return problems };
        match edits(setting, &root) {
            Ok(paths) => {
                for path in paths {
                    // Places move with every edit.
                    let Ok(root) = outline::parse(source.text()) else { return problems };
                    let steps: Vec<&str> = path.iter().map(String::as_str).collect();
                    if let Err(message) = edit(source, &root, &steps, setting) {
                        problems.push(setting.problem(message));
                    }
                }
            }
            Err(message) => problems.push(setting.problem(message)),
        }
    }
    problems
}

/// A path through the outline, step by step.
type Steps = Vec<String>;

/// The places in the scenario that a setting means.
fn edits(setting: &Setting, root: &Node) -> Result<Vec<Steps>, String> {
    let (first, rest) = setting.path.split_once('.').unwrap_or((&setting.path, ""));
    let steps = |path: &str| path.split('.').map(str::to_string).collect::<Steps>();
    let machines = machines(root);
    if first == "machines" && !rest.is_empty() {
        let (name, rest) = rest.split_once('.').unwrap_or((rest, ""));
        let named = machines.iter().find(|machine| machine.name == name || machine.index == name);
        let Some(machine) = named else {
            let names: Vec<&str> = machines.iter().map(|m| m.name.as_str()).collect();
            let hint = suggest::hint(name, &names);
            return Err(format!("no machine is called `{name}`; {hint}"));
        };
        return Ok(vec![machine.steps(rest, &machine.names())?]);
    }
    let with_preset: Vec<&MachineAt> = machines.iter().filter(|m| m.preset == first).collect();
    if !with_preset.is_empty() {
        return with_preset.iter().map(|machine| machine.steps(rest, &machine.facts())).collect();
    }
    if let Some(machine) = machines.iter().find(|machine| machine.name == first)
        && !rest.is_empty()
    {
        return Ok(vec![machine.steps(rest, &machine.names())?]);
    }
    let mut known: Vec<&str> = fields_of::<ScenarioFile>().to_vec();
    if known.contains(&first) {
        let fields = fields_of::<RequestFile>();
        if first == "request" && !fields.contains(&rest.split('.').next().unwrap_or("")) {
            let paths: Vec<String> =
                fields.iter().map(|field| format!("request.{field}")).collect();
            return Err(unknown(&setting.path, &paths));
        }
        return Ok(vec![steps(&setting.path)]);
    }
    known.extend(machines.iter().map(|machine| machine.preset.as_str()));
    Err(format!("unknown path `{}`; {}", setting.path, suggest::hint(first, &known)))
}

fn unknown(path: &str, known: &[String]) -> String {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    format!("unknown path `{path}`; {}", suggest::hint(path, &known))
}

/// A machine as the scenario's text has it.
struct MachineAt {
    index: String,
    kind: String,
    name: String,
    preset: String,
}

fn machines(root: &Node) -> Vec<MachineAt> {
    let Some(Node { kind: Kind::List(items), .. }) = root.field("machines") else {
        return Vec::new();
    };
    let text = |node: &Node, field: &str| {
        node.field(field).and_then(Node::text).unwrap_or_default().to_string()
    };
    let machine = |(index, node): (usize, &Node)| MachineAt {
        index: index.to_string(),
        kind: node.name().unwrap_or_default().to_string(),
        name: text(node, "name"),
        preset: preset_name(&text(node, "preset")),
    };
    items.iter().enumerate().map(machine).collect()
}

/// A preset's name in paths: the file's without folder and ending.
fn preset_name(preset: &str) -> String {
    match preset.strip_suffix(".ron") {
        Some(path) => Path::new(path).file_name().unwrap_or_default().to_string_lossy().into(),
        None => preset.to_string(),
    }
}

impl MachineAt {
    fn facts(&self) -> Vec<String> {
        match self.kind.as_str() {
            "Nvl72" => fact_paths::<Nvl72Preset>(),
            _ => fact_paths::<WaferPreset>(),
        }
    }

    fn choices(&self) -> &'static [&'static str] {
        match self.kind.as_str() {
            "Nvl72" => fields_of::<Nvl72Spec>(),
            _ => fields_of::<WaferSpec>(),
        }
    }

    /// Everything of it that can be set.
    fn names(&self) -> Vec<String> {
        let own = MACHINE_FIELDS.iter().chain(self.choices()).map(|name| (*name).to_string());
        own.chain(self.facts()).collect()
    }

    /// Where `path` inside this machine stands; `known` is what to suggest where it does not exist.
    fn steps(&self, path: &str, known: &[String]) -> Result<Steps, String> {
        let first = path.split('.').next().unwrap_or("");
        let mut steps = vec!["machines".to_string(), self.index.clone()];
        if self.facts().iter().any(|fact| fact == path) {
            steps.push("set".to_string());
            steps.push(path.to_string());
        } else if known.iter().any(|name| name == first) && !first.is_empty() {
            if self.choices().contains(&first) {
                steps.push("choices".to_string());
            }
            steps.extend(split(path));
        } else {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            return Err(format!("unknown path `{path}`; {}", suggest::hint(path, &known)));
        }
        Ok(steps)
    }
}

/// Steps of a path; behind a map the rest is one key.
fn split(path: &str) -> Vec<String> {
    let mut steps = Vec::new();
    let mut rest = path;
    while let Some((step, behind)) = rest.split_once('.') {
        steps.push(step.to_string());
        rest = behind;
        if MAPS.contains(&step) {
            break;
        }
    }
    steps.push(rest.to_string());
    steps
}

/// Puts the value of `setting` at `steps`.
fn edit(source: &mut Source, root: &Node, steps: &[&str], setting: &Setting) -> Result<(), String> {
    let mut node = root;
    for (index, step) in steps.iter().enumerate() {
        if let Some(child) = node.child(step) {
            node = child;
            continue;
        }
        let inside = node.unwrapped();
        let is_map = matches!(inside.kind, Kind::Map(_));
        if inside.fields().is_none() && !is_map {
            let path = steps[..index].join(".");
            return Err(format!("`{path}` is {}, which has no `{step}`", node.what()));
        }
        let missing = insertion(&steps[index..], is_map, &setting.value);
        let at = inside.inside(source.text());
        source.edit(at..at, &format!("{missing}, "), &setting.option);
        return Ok(());
    }
    let value = written(&setting.value, node.text().is_some());
    source.edit(node.span.clone(), &value, &setting.option);
    Ok(())
}

/// A field or entry that is not there yet, with all that is inside it.
fn insertion(steps: &[&str], in_map: bool, value: &str) -> String {
    let (step, rest) = (steps[0], &steps[1..]);
    let step = if in_map { quoted(step) } else { step.to_string() };
    let content = if rest.is_empty() {
        written(value, in_map)
    } else if MAPS.contains(&steps[0]) {
        format!("{{{}}}", insertion(rest, true, value))
    } else {
        format!("({})", insertion(rest, false, value))
    };
    format!("{step}: {content}")
}

/// A value as RON: as it stands if it is RON and nothing asks for text, else in quotes.
fn written(value: &str, text: bool) -> String {
    match outline::parse(value) {
        Ok(node) if node.text().is_some() || !text => value[node.span].to_string(),
        _ => quoted(value),
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests;
