//! What can be typed.

use super::check::{CheckFormat, CheckOptions};
use super::compare::CompareOptions;
use super::completions::CompletionsOptions;
use super::fabric::Fabric;
use super::gpu::Gpu;
use super::init::InitOptions;
use super::inspect::Inspect;
use super::man::ManOptions;
use super::nvlink::Nvlink;
use super::pe::Pe;
use super::presets::PresetsOptions;
use super::report::ReportOptions;
use super::schema::SchemaOptions;
use super::validate::Validate;
use super::wafer::Wafer;
use clap::{Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Cycle-level simulation of wafer-scale and GPU-rack inference.
#[derive(Debug, Parser)]
#[command(name = "wafersim", version, after_help = EXIT_CODES)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 complete, 2 wrong arguments, 3 a wrong file, 4 the model does \
not fit, 5 the result cannot be written, 10 a prediction left its tolerance, 11 no baseline, 70 a bug, 130 stopped by a signal.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Simulate a scenario and write a folder with report, pictures and outcome.json
    Run(RunOptions),
    /// Draw page, pictures and tables of an outcome.json anew, without simulating
    Report(ReportOptions),
    /// Say what moved between two outcomes, and what could have moved it
    Compare(CompareOptions),
    /// Hold the predictions of scenarios to accepted baselines
    Check(CheckOptions),
    /// Write a folder with a scenario, its model and its hardware, to start from
    Init(InitOptions),
    /// List the scenarios, models and hardware that come with the command, or show one
    Presets(PresetsOptions),
    /// Print the JSON Schema of a file format
    Schema(SchemaOptions),
    /// Print completions for a shell
    Completions(CompletionsOptions),
    /// Print or write manual pages
    Man(ManOptions),
    /// Simulate the fabric of a wafer alone, without a model
    #[command(subcommand)]
    Fabric(Fabric),
    /// Simulate one collective of GPUs joined by NVLink, without a model
    #[command(subcommand)]
    Nvlink(Nvlink),
    /// Simulate a model on GPUs, without a scenario
    #[command(subcommand)]
    Gpu(Gpu),
    /// Simulate a model, or one product, on a wafer, without a scenario
    #[command(subcommand)]
    Wafer(Wafer),
    /// Simulate one vector operation on the memory banks of one PE
    Pe(Pe),
    /// Show where a model stands on wafers, who owns the bytes of a PE, and why
    Inspect(Inspect),
    /// Hold published measurements against what the simulator predicts
    Validate(Validate),
}

impl Command {
    /// How results and errors are to be shown.
    pub(super) fn format(&self) -> Format {
        match self {
            Self::Run(options) => options.format,
            Self::Report(options) => options.format,
            Self::Compare(options) => options.format,
            Self::Check(options) if options.format == CheckFormat::Json => Format::Json,
            Self::Check(_) => Format::Human,
            Self::Presets(options) => options.format,
            Self::Init(_) | Self::Schema(_) | Self::Completions(_) | Self::Man(_) => Format::Human,
            Self::Fabric(fabric) => fabric.format(),
            Self::Nvlink(nvlink) => nvlink.format(),
            Self::Gpu(gpu) => gpu.format(),
            Self::Wafer(wafer) => wafer.format(),
            Self::Pe(pe) => pe.format,
            Self::Inspect(inspect) => inspect.format,
            Self::Validate(validate) => validate.format(),
        }
    }
}

/// Options of `wafersim run`.
#[derive(Debug, clap::Args)]
pub(super) struct RunOptions {
    /// The scenario: a RON file, or the name of one that comes with the command
    pub(super) scenario: PathBuf,
    /// Folder for the result; an earlier result there is replaced [default: results/NAME]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// What stdout shows, and how errors look on stderr
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
    /// Replace one value of the scenario, such as request.prompt_tokens=2000,
    /// machines.wafer.count=Fixed(16) or wse3.clock="0.9 GHz"; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(super) settings: Vec<String>,
    /// Write what happened when, for Perfetto or chrome://tracing, into a file
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,
    /// Do not vary what is assumed: no band and no sensitivities, in less time
    #[arg(long)]
    pub(super) no_bands: bool,
    /// Seed of all random streams, in place of the scenario's
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// Threads to use; the result does not depend on it [default: one for each core]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,
}

/// How results and errors are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Text for people
    Human,
    /// outcome.json, and errors as JSON
    Json,
}

/// Whether the arguments ask for JSON, for errors that come before they are understood.
pub(super) fn wants_json(args: &[OsString]) -> bool {
    args.iter().any(|arg| arg == "--format=json")
        || args.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json")
}
