//! `wafersim check`: predictions held to baselines that somebody accepted.
//!
//! ```text
//! scenario ─► run without bands ─► DIR/NAME.json there? ─no─► 11      --accept writes it, with the
//!                                      │ yes                          reason, and never in CI unasked
//!                                      └─► every figure within its tolerance? ─no─► 10
//! ```
//!
//! That the prediction changed and that the simulator works more are two findings. The second is
//! counted in simulated work, never by the clock, and does not change the exit code.

mod show;

use super::run::{pool, settings};
use super::{exit, files, print};
use crate::error::{Error, Problem};
use crate::scenario::Scenario;
use clap::ValueEnum;
use reports::Outcome;
use reports::baseline::{Baseline, BaselineError, Findings};
use std::path::{Path, PathBuf};

/// Options of `wafersim check`.
#[derive(Debug, clap::Args)]
pub(super) struct CheckOptions {
    /// Scenarios, RON files
    #[arg(required = true)]
    scenarios: Vec<PathBuf>,
    /// Folder of the baselines, one file NAME.json for each scenario
    #[arg(long, value_name = "DIR", default_value = "baselines")]
    baseline: PathBuf,
    /// Write the figures of this run as the new baseline
    #[arg(long, requires = "reason")]
    accept: bool,
    /// Why they are accepted; stands in the baseline
    #[arg(long, value_name = "TEXT", requires = "accept")]
    reason: Option<String>,
    /// Accept even where the environment variable CI is set
    #[arg(long, requires = "accept")]
    accept_in_ci: bool,
    /// What stdout shows
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    pub(super) format: CheckFormat,
    /// Replace one value of the scenarios, as `wafersim run` does; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    settings: Vec<String>,
    /// Threads to use; the result does not depend on it [default: one for each core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// How findings are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum CheckFormat {
    /// A table for people
    Human,
    /// JSON, and errors as JSON
    Json,
    /// Annotations of a GitHub workflow
    Github,
    /// JUnit XML
    Junit,
}

/// One scenario and what became of it.
struct Checked {
    scenario: String,
    file: PathBuf,
    baseline: PathBuf,
    status: Status,
}

enum Status {
    /// There is no baseline.
    Missing,
    /// Held to the baseline.
    Held(Box<Findings>),
    /// The new baseline, and what it changed.
    Accepted(Option<Box<Findings>>),
}

impl Checked {
    fn code(&self) -> u8 {
        match &self.status {
            Status::Held(findings) if !findings.same() => exit::REGRESSED,
            Status::Missing => exit::NO_BASELINE,
            _ => exit::OK,
        }
    }
}

/// Runs all scenarios; the code is that of the worst finding.
pub(super) fn run(options: &CheckOptions) -> Result<u8, Error> {
    let reason = options.reason.as_deref().unwrap_or("").trim();
    if options.accept && reason.is_empty() {
        return Err(Error::Arguments("--reason: say why the new figures are right".into()));
    }
    if options.accept && in_ci() && !options.accept_in_ci {
        return Err(Error::Arguments(
            "--accept: not in CI (the environment variable CI is set); accept where somebody looks \
             at the figures and commit the baseline, or add --accept-in-ci"
                .into(),
        ));
    }
    // Everything that can be wrong with the files is found before anything is run.
    let settings = settings(&options.settings, None)?;
    let mut scenarios: Vec<(&PathBuf, Scenario)> = Vec::new();
    for file in &options.scenarios {
        let scenario = Scenario::load_with(file, &settings)?;
        if let Some((other, _)) = scenarios.iter().find(|(_, s)| s.name == scenario.name) {
            let message = format!(
                "is called `{}`, as is {}; baselines go by the name",
                scenario.name,
                other.display()
            );
            return Err(Error::Input(vec![files::problem(file, message)]));
        }
        scenarios.push((file, scenario));
    }
    let mut known = Vec::new();
    for (_, scenario) in &scenarios {
        known.push(read(&path_of(options, scenario))?);
    }
    let pool = pool(options.threads)?;
    let mut all = Vec::new();
    for ((file, scenario), known) in scenarios.into_iter().zip(known) {
        let path = path_of(options, &scenario);
        let outcome = pool.install(|| crate::run_with(&scenario, false, &|_, _, _| {}))?;
        let status = judge(options, reason, &path, known, &outcome)?;
        let (scenario, file) = (scenario.name, file.clone());
        all.push(Checked { scenario, file, baseline: path, status });
    }
    let codes = || all.iter().map(Checked::code);
    let code = match codes().any(|code| code == exit::REGRESSED) {
        true => exit::REGRESSED,
        false => codes().max().unwrap_or(exit::OK),
    };
    print(show::text(&all, options.format, code)?.as_bytes())?;
    Ok(code)
}

fn judge(
    options: &CheckOptions,
    reason: &str,
    path: &Path,
    known: Option<Baseline>,
    outcome: &Outcome,
) -> Result<Status, Error> {
    let wrong = |error: BaselineError| Error::Input(vec![files::problem(path, error.to_string())]);
    let findings = match &known {
        Some(baseline) => Some(Box::new(baseline.check(outcome).map_err(wrong)?)),
        None => None,
    };
    if options.accept {
        let new = Baseline::accept(outcome, reason, known.as_ref());
        files::write_whole(path, &new.to_bytes())?;
        return Ok(Status::Accepted(findings));
    }
    Ok(findings.map_or(Status::Missing, Status::Held))
}

fn path_of(options: &CheckOptions, scenario: &Scenario) -> PathBuf {
    options.baseline.join(format!("{}.json", scenario.name))
}

/// The baseline in `path`, if there is one.
fn read(path: &Path) -> Result<Option<Baseline>, Error> {
    if std::fs::symlink_metadata(path).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound) {
        return Ok(None);
    }
    let bytes = files::bytes(path)?;
    Baseline::read(&bytes).map(Some).map_err(|error| {
        Error::Input(vec![Problem { message: error.to_string(), ..files::problem(path, "") }])
    })
}

/// Whether a continuous-integration service runs this.
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}
