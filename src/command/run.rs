//! `wafersim run`.

use super::args::{Format, RunOptions};
use super::print;
use super::progress::Bars;
use crate::error::{Error, Problem};
use crate::scenario::Setting;
use crate::{Outcome, Scenario};
use reports::folder::{FolderError, ResultFolder, write_all};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Reads, runs, writes, prints.
pub(super) fn run(options: &RunOptions) -> Result<(), Error> {
    let started = Instant::now();
    let scenario =
        Scenario::load_with(&options.scenario, &settings(&options.settings, options.seed)?)?;
    let out = options.out.clone().unwrap_or_else(|| Path::new("results").join(&scenario.name));
    let folder = ResultFolder::prepare(&out).map_err(refused)?;
    if let Some(file) = &options.trace {
        super::files::try_place(file)?;
    }
    let pool = pool(options.threads)?;
    let outcome = {
        let bars = Bars::new(&scenario);
        let progress = |machine: &str, share: f64, doing: &str| bars.show(machine, share, doing);
        pool.install(|| crate::run_with(&scenario, !options.no_bands, &progress))?
    };
    if let Some(file) = &options.trace {
        let spans = pool.install(|| crate::trace::trace(&scenario))?;
        super::files::write_whole(file, &crate::trace::chrome(&spans))?;
    }
    let timing = json!({
        "wall_s": started.elapsed().as_secs_f64(),
        "threads": pool.current_num_threads(),
        "scenario": options.scenario.display().to_string(),
        "out": out.display().to_string(),
    });
    let written = write_all(folder, &outcome, &timing).map_err(refused)?;
    show(options.format, &outcome, &written)
}

/// What the options put in place of the scenario's values, in their order; the seed comes last.
pub(super) fn settings(texts: &[String], seed: Option<u64>) -> Result<Vec<Setting>, Error> {
    let mut settings = Vec::new();
    let mut problems = Vec::new();
    for text in texts {
        match Setting::parse(text) {
            Ok(setting) => settings.push(setting),
            Err(error) => problems.extend(error.problems()),
        }
    }
    if let Some(seed) = seed {
        settings.push(Setting::new("seed", &seed.to_string(), &format!("--seed {seed}")));
    }
    if problems.is_empty() { Ok(settings) } else { Err(Error::Input(problems)) }
}

/// Threads for a run: so many, or one for each core.
pub(super) fn pool(threads: Option<u16>) -> Result<rayon::ThreadPool, Error> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.map_or(0, usize::from))
        .build()
        .map_err(|error| Error::Simulation(format!("cannot start threads: {error}")))
}

fn show(format: Format, outcome: &Outcome, folder: &Path) -> Result<(), Error> {
    let text = match format {
        Format::Human => reports::summary::text(outcome, Some(folder)),
        Format::Json => super::json_text(outcome)?,
    };
    print(text.as_bytes())
}

/// Why a result cannot be written, with its path apart.
pub(super) fn refused(error: FolderError) -> Error {
    let message = error.to_string();
    let (FolderError::NoName { path }
    | FolderError::IsFile { path }
    | FolderError::Foreign { path, .. }
    | FolderError::MountPoint { path }
    | FolderError::Io { path, .. }
    | FolderError::Draw { path, .. }) = error;
    let message = message.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&message);
    Error::Output(Problem {
        message: message.to_string(),
        file: Some(PathBuf::from(&path)),
        ..Problem::default()
    })
}
