//! A scenario: a model, a request and machines, read from one RON file.
//!
//! ```text
//! scenario.ron ─► settings (--set) ─► file ─► check ─┬─ model: config.json, storage
//!                                                    ├─ request: within the model's window
//!                                                    └─ machines: preset + set + choices
//! ```
//!
//! Every problem of the scenario and of the files that it names is reported in one pass.

mod check;
pub mod file;
pub(crate) mod files;
mod machines;
mod manifest;
pub mod preset;
mod settings;

pub use machines::MachineSpec;
pub use settings::Setting;

use crate::embedded;
use crate::error::Error;
use crate::input::Source;
use crate::machine::Request;
use serde_json::{Value, json};
use std::path::Path;
use workloads::model::{Model, StoragePolicy};

/// A scenario with everything it names read and checked.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Name; the result folder is called so.
    pub name: String,
    /// The model's file as the scenario names it, without the folders of an absolute path.
    pub model_file: String,
    /// The model, stored as [`Scenario::storage`] says.
    pub model: Model,
    /// How the weights are stored.
    pub storage: StoragePolicy,
    /// The request.
    pub request: Request,
    /// Fewest and most reasoning tokens, where their number is an assumption.
    pub reasoning_range: Option<(u32, u32)>,
    /// Seed of all random streams.
    pub seed: u64,
    /// The machines, in the order of the outcome.
    pub machines: Vec<MachineSpec>,
    /// What was typed to get it, without what does not change the result; empty for a text.
    pub command: String,
}

impl Scenario {
    /// Reads the scenario in the file `path`, or the one of the repository that is called so.
    ///
    /// # Errors
    /// [`Error::Input`] with every problem of the file and of the files that it names.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::load_with(path, &[])
    }

    /// Reads the scenario in the file `path` with `settings` in place of what it says.
    ///
    /// # Errors
    /// As [`Scenario::load`]; a setting that cannot be made is one of the problems.
    pub fn load_with(path: &Path, settings: &[Setting]) -> Result<Self, Error> {
        let scenario = match embedded::scenario(path) {
            Some(built_in) if !path.exists() => built_in,
            _ => path.to_owned(),
        };
        let text = files::read(&scenario).map_err(|message| Error::Input(vec![message]))?;
        let base = scenario.parent().unwrap_or(Path::new(""));
        let mut scenario = check::read(Source::new(text, Some(&scenario)), base, settings)?;
        scenario.command = manifest::command(path, settings);
        Ok(scenario)
    }

    /// Reads a scenario from `text`; the files it names are looked up in `base`.
    ///
    /// # Errors
    /// As [`Scenario::load`].
    pub fn parse(text: &str, base: &Path) -> Result<Self, Error> {
        check::read(Source::new(text.to_string(), None), base, &[])
    }

    /// The scenario with everything filled in, as the outcome holds it.
    pub fn resolved(&self) -> Value {
        json!({
            "name": self.name,
            "model": { "file": self.model_file, "config": self.model },
            "storage": self.storage,
            "request": {
                "prompt_tokens": self.request.prompt,
                "reasoning_tokens": self.request.reasoning,
                "reasoning_tokens_range": self.reasoning_range,
                "answer_tokens": self.request.answer,
            },
            "seed": self.seed,
            "machines": self.machines.iter().map(MachineSpec::resolved).collect::<Vec<_>>(),
        })
    }
}
