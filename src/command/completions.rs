//! `wafersim completions`: words that a shell can fill in.

use super::args::Args;
use super::print;
use crate::error::Error;
use clap::CommandFactory;
use clap_complete::Shell;

/// Options of `wafersim completions`.
#[derive(Debug, clap::Args)]
pub(super) struct CompletionsOptions {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub(super) fn run(options: &CompletionsOptions) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Args::command(), "wafersim", &mut script);
    print(&script)
}
