//! The `wafersim` command: arguments in, results on stdout, problems on stderr, an exit code.
//!
//! ```text
//! args ─► scenario ─► is the output writable? ─► run ─► result folder ─► stdout
//!   2        3                  5               3 4 70        5          5 10 11  exit code
//! ```
//!
//! [`exit`] is the one table of exit codes.

mod args;
mod check;
mod compare;
mod completions;
pub mod exit;
mod fabric;
mod files;
mod gpu;
mod init;
mod inspect;
mod man;
mod nvlink;
mod pe;
mod presets;
mod problems;
mod progress;
mod report;
mod run;
mod schema;
mod signals;
mod validate;
mod wafer;

/// Cycles of a collective, for the table of measurements.
pub(crate) use fabric::cycles as collective_cycles;

use crate::error::{Error, Problem};
use args::{Args, Command, Format};
use clap::Parser;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// Runs the command with the arguments of the process.
pub fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    ExitCode::from(execute(args))
}

fn execute(args: Vec<OsString>) -> u8 {
    let wants_json = args::wants_json(&args);
    let parsed = match Args::try_parse_from(args) {
        Ok(parsed) => parsed,
        Err(message) if !message.use_stderr() => {
            return print(message.to_string().as_bytes()).map_or(exit::OUTPUT, |()| exit::OK);
        }
        Err(message) if wants_json => {
            let text = message.to_string();
            let text = text.trim_start_matches("error: ").trim_end();
            problems::json(&[Problem { message: text.to_string(), ..Problem::default() }]);
            return exit::USAGE;
        }
        Err(message) => {
            // Where stderr is closed, nobody is left to be told.
            drop(message.print());
            return exit::USAGE;
        }
    };
    let format = parsed.command.format();
    signals::listen();
    let simulate = || match &parsed.command {
        Command::Run(options) => run::run(options).map(|()| exit::OK),
        Command::Report(options) => report::run(options).map(|()| exit::OK),
        Command::Compare(options) => compare::run(options).map(|()| exit::OK),
        Command::Check(options) => check::run(options),
        Command::Init(options) => init::run(options).map(|()| exit::OK),
        Command::Presets(options) => presets::run(options).map(|()| exit::OK),
        Command::Schema(options) => schema::run(options).map(|()| exit::OK),
        Command::Completions(options) => completions::run(options).map(|()| exit::OK),
        Command::Man(options) => man::run(options).map(|()| exit::OK),
        Command::Fabric(fabric) => fabric.run().map(|()| exit::OK),
        Command::Nvlink(nvlink) => nvlink.run().map(|()| exit::OK),
        Command::Gpu(gpu) => gpu.run().map(|()| exit::OK),
        Command::Wafer(wafer) => wafer.run().map(|()| exit::OK),
        Command::Pe(pe) => pe.run().map(|()| exit::OK),
        Command::Validate(validate) => validate.run(),
        Command::Inspect(inspect) => inspect.run().map(|()| exit::OK),
    };
    match guarded(simulate) {
        Ok(code) => code,
        Err(error) => {
            match format {
                Format::Human => problems::human(&error.problems()),
                Format::Json => problems::json(&error.problems()),
            }
            exit::code(&error)
        }
    }
}

/// Turns a panic, which is a bug, into an error with a place to look at.
fn guarded(run: impl FnOnce() -> Result<u8, Error>) -> Result<u8, Error> {
    std::panic::set_hook(Box::new(|info| {
        let mut stderr = io::stderr().lock();
        drop(writeln!(stderr, "{}", problems::bug(&info.to_string())));
    }));
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    drop(std::panic::take_hook());
    result.unwrap_or_else(|_| Err(Error::Simulation("a bug stopped the run".to_string())))
}

/// `value` as JSON for stdout.
fn json_text(value: &impl serde::Serialize) -> Result<String, Error> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(|error| Error::Simulation(format!("no JSON: {error}")))
}

/// Writes to stdout; a reader that has gone away, as `head` does, is no error.
fn print(bytes: &[u8]) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let message = format!("stdout: cannot be written: {error}");
            Err(Error::Output(Problem { message, ..Problem::default() }))
        }
        _ => Ok(()),
    }
}
