//! What every machine is asked and what it answers with.

pub mod assumed;

use crate::error::Error;
use crate::scenario::Scenario;
use crate::trace::Span;
use reports::outcome::MachineOutcome;
use workloads::model::Model;

/// One request: a prompt, the tokens a reasoning model thinks with, and the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Prompt `[tokens]`.
    pub prompt: u32,
    /// Reasoning `[tokens]`.
    pub reasoning: u32,
    /// Answer `[tokens]`.
    pub answer: u32,
}

impl Request {
    /// Tokens that are generated.
    pub fn output(&self) -> u32 {
        self.reasoning + self.answer
    }

    /// Longest context of the request `[tokens]`.
    pub fn context(&self) -> u32 {
        self.prompt + self.output()
    }
}

/// What a machine is to run.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The model, with its storage resolved.
    pub model: &'a Model,
    /// The request.
    pub request: Request,
    /// Seed of all random streams.
    pub seed: u64,
    /// Whether assumed numbers are varied, for the band and the sensitivities.
    pub bands: bool,
    /// Told how far the work is: a share between 0 and 1, and what is being done.
    pub progress: &'a (dyn Fn(f64, &str) + Sync),
}

impl<'a> Job<'a> {
    /// What `scenario` asks of a machine: nothing is varied and nobody is told how far it is.
    pub fn of(scenario: &'a Scenario) -> Self {
        let request = scenario.request;
        Self { seed: scenario.seed, ..Self::once(&scenario.model, request) }
    }

    /// `model` answers `request` once, with random streams of seed 0.
    pub fn once(model: &'a Model, request: Request) -> Self {
        Self { model, request, seed: 0, bands: false, progress: &|_, _| {} }
    }
}

/// A machine that can run a model.
pub trait Machine {
    /// Simulates the request; same job, same outcome, on any number of threads.
    fn simulate(&self, job: &Job<'_>) -> Result<MachineOutcome, Error>;

    /// Simulates it for the trace: what happened when; the same on any number of threads.
    fn trace(&self, job: &Job<'_>) -> Result<Vec<Span>, Error>;
}

/// The path by which `--set` reaches a hardware number of a machine.
pub fn setting(machine: &str, path: &str) -> String {
    format!("machines.{machine}.{path}")
}
