//! From the scenario as written to the scenario as it is run: what can only be checked after reading.

use super::file::{MachineFile, ScenarioFile};
use super::machines::MachineSpec;
use super::preset::{self, Preset, number_problem};
use super::settings::{Setting, apply};
use super::{Scenario, files};
use crate::embedded;
use crate::error::{Error, Problem};
use crate::input::{self, Document, PLACEHOLDER, Source, suggest};
use crate::machine::Request;
use crate::nvl72::{Nvl72Machine, Nvl72Spec};
use crate::wafer::spec::{Auto, WaferMachine, WaferSpec};
use std::collections::BTreeMap;
use std::path::Path;
use workloads::model::Model;
use workloads::model::import::import;

/// Reads a scenario and the files that it names; on failure, everything that is wrong.
pub(super) fn read(
    mut source: Source,
    base: &Path,
    settings: &[Setting],
) -> Result<Scenario, Error> {
    let mut problems = apply(&mut source, settings);
    let mut document: Document<ScenarioFile> = input::read(source);
    problems.append(&mut document.problems);
    let Some(file) = document.value.take() else { return Err(Error::Input(problems)) };
    let mut check = Check { document: &document, base, problems };
    let scenario = check.scenario(&file);
    match scenario {
        Some(scenario) if check.problems.is_empty() => Ok(scenario),
        _ => {
            // Options first, then the scenario from top to bottom, then the files that it names.
            let elsewhere = |p: &Problem| p.file.is_some() && p.file.as_deref() != document.file();
            check.problems.sort_by_key(|p| match elsewhere(p) {
                true => (true, None, None),
                false => (false, p.line, p.column),
            });
            Err(Error::Input(check.problems))
        }
    }
}

struct Check<'a> {
    document: &'a Document<ScenarioFile>,
    base: &'a Path,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn report(&mut self, path: &[&str], message: impl Into<String>) {
        self.problems.extend(self.document.problem(path, message));
    }

    fn scenario(&mut self, file: &ScenarioFile) -> Option<Scenario> {
        self.name(&["name"], &file.name);
        let model = self.model(&file.model).map(|model| file.storage.apply(model));
        let request = self.request(file, model.as_ref());
        let machines = self.machines(&file.machines);
        Some(Scenario {
            name: file.name.clone(),
            model_file: shown(&file.model),
            model: model?,
            storage: file.storage,
            request,
            reasoning_range: file.request.reasoning_tokens_range,
            seed: file.seed,
            machines,
            command: String::new(),
        })
    }

    /// A name is used in paths and as the name of a folder.
    fn name(&mut self, path: &[&str], name: &str) {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let right = !name.is_empty()
            && name.len() <= 100
            && !name.starts_with(['.', '-'])
            && name.chars().all(allowed);
        if !right {
            self.report(
                path,
                "a name has 1 to 100 letters, digits, `-`, `_` or `.`, and starts with no `.` or `-`",
            );
        }
    }

    fn model(&mut self, name: &str) -> Option<Model> {
        if name == PLACEHOLDER {
            return None;
        }
        // The name of a model of the repository, or a file.
        let path = match embedded::model(name) {
            Some(path) if !self.base.join(name).exists() => path,
            _ => self.base.join(name),
        };
        let text = match files::text(&path) {
            Ok(text) => text,
            Err(why) => {
                self.report(&["model"], format!("{}: {why}", path.display()));
                return None;
            }
        };
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        match import(&text, &stem) {
            Ok(model) => Some(model),
            Err(found) => {
                self.problems.extend(found.into_iter().map(|problem| Problem {
                    message: problem.message,
                    file: Some(path.clone()),
                    line: problem.line,
                    column: problem.column,
                    length: None,
                }));
                None
            }
        }
    }

    fn request(&mut self, file: &ScenarioFile, model: Option<&Model>) -> Request {
        let given = file.request;
        let (prompt, answer) = (given.prompt_tokens, given.answer_tokens);
        let reasoning = given.reasoning_tokens;
        if prompt == 0 {
            self.report(&["request", "prompt_tokens"], "the prompt needs at least 1 token");
        }
        if answer == 0 {
            self.report(&["request", "answer_tokens"], "the answer needs at least 1 token");
        }
        let mut longest = reasoning;
        if let Some((low, high)) = given.reasoning_tokens_range {
            longest = longest.max(high);
            if !(low <= reasoning && reasoning <= high) {
                let message = format!(
                    "the range {low} to {high} does not hold the {reasoning} reasoning tokens"
                );
                self.report(&["request", "reasoning_tokens_range"], message);
            }
        }
        let needed = u64::from(prompt) + u64::from(longest) + u64::from(answer);
        if let Some(model) = model
            && needed > u64::from(model.max_context)
        {
            let window = model.max_context;
            let message = format!(
                "the request needs a context of {needed} tokens ({prompt} prompt + {longest} \
                 reasoning + {answer} answer); the window of {} is {window}",
                model.name
            );
            self.report(&["request"], message);
        }
        Request { prompt, reasoning, answer }
    }

    fn machines(&mut self, files: &[MachineFile]) -> Vec<MachineSpec> {
        if files.is_empty() {
            self.report(&["machines"], "a scenario needs at least one machine");
        }
        let mut machines = Vec::new();
        for (index, file) in files.iter().enumerate() {
            let at = index.to_string();
            self.name(&["machines", &at, "name"], file.name());
            if files[..index].iter().any(|earlier| earlier.name() == file.name()) {
                let message = format!("another machine is called `{}` too", file.name());
                self.report(&["machines", &at, "name"], message);
            }
            machines.extend(match file {
                MachineFile::Wafer { name, preset, set, choices } => {
                    self.wafer_choices(&at, choices);
                    self.preset(&at, preset, set).map(|preset| {
                        let (name, spec) = (name.clone(), choices.clone());
                        MachineSpec::Wafer(WaferMachine { name, preset, spec })
                    })
                }
                MachineFile::Nvl72 { name, preset, set, choices } => {
                    self.rack_choices(&at, choices);
                    self.preset(&at, preset, set).map(|preset| {
                        let (name, spec) = (name.clone(), choices.clone());
                        MachineSpec::Nvl72(Nvl72Machine { name, preset, spec })
                    })
                }
            });
        }
        machines
    }

    fn wafer_choices(&mut self, at: &str, choices: &WaferSpec) {
        for (field, value) in [("count", choices.count), ("prefill_chunk", choices.prefill_chunk)] {
            if value == Auto::Fixed(0) {
                let message = format!("`{field}` must be at least 1");
                self.report(&["machines", at, "choices", field], message);
            }
        }
    }

    fn rack_choices(&mut self, at: &str, choices: &Nvl72Spec) {
        for (field, value) in [("batch", choices.batch), ("prefill_chunk", choices.prefill_chunk)] {
            if value == 0 {
                let message = format!("`{field}` must be at least 1");
                self.report(&["machines", at, "choices", field], message);
            }
        }
    }

    /// The preset called `name`, with the numbers of `set` in place of its own.
    fn preset<P: Preset>(
        &mut self,
        at: &str,
        name: &str,
        set: &BTreeMap<String, String>,
    ) -> Option<P> {
        let mut preset: Option<P> = if name == PLACEHOLDER {
            None
        } else {
            match preset::find(name, self.base) {
                Ok(preset) => Some(preset),
                Err(Ok(message)) => {
                    self.report(&["machines", at, "preset"], message);
                    None
                }
                Err(Err(problems)) => {
                    // Two machines may share a file.
                    problems.into_iter().for_each(|problem| {
                        if !self.problems.contains(&problem) {
                            self.problems.push(problem);
                        }
                    });
                    None
                }
            }
        };
        // What is set is checked even where the preset is missing, against one of the repository.
        let mut standing =
            preset.is_none().then(|| preset::built_in::<P>(P::BUILT_IN[0].0)).flatten();
        if let Some(preset) = preset.as_mut().or(standing.as_mut()) {
            self.set(at, preset, set);
        }
        preset
    }

    fn set<P: Preset>(&mut self, at: &str, preset: &mut P, set: &BTreeMap<String, String>) {
        for (path, text) in set {
            let steps = ["machines", at, "set", path];
            match preset.facts_mut().set_text(path, text) {
                Ok(true) => {
                    let rows = preset.facts().all();
                    let row = rows.iter().find(|row| row.path == *path);
                    if let Some(message) = row.and_then(number_problem::<P>) {
                        self.report(&steps, message);
                    }
                }
                Ok(false) => {
                    let rows = preset.facts().all();
                    let paths: Vec<&str> = rows.iter().map(|row| row.path.as_str()).collect();
                    let hint = suggest::hint(path, &paths);
                    self.report(&steps, format!("no hardware number is called `{path}`; {hint}"));
                }
                Err(message) => self.report(&steps, message),
            }
        }
    }
}

/// The name of a file as the outcome may show it: absolute paths differ from machine to machine.
pub(super) fn shown(name: &str) -> String {
    let path = Path::new(name);
    if path.is_absolute() {
        path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    } else {
        name.to_string()
    }
}
