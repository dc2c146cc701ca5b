//! The `wafersim` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    wafersim::command::main()
}
