//! The command from outside: arguments, problems, exit codes, what is written.

#![expect(clippy::unwrap_used, reason = "a test ends where its fixture fails")]

#[path = "command/again.rs"]
mod again;
#[path = "command/check.rs"]
mod check;
#[path = "command/collective.rs"]
mod collective;
#[path = "command/daily.rs"]
mod daily;
#[path = "command/fixture.rs"]
mod fixture;
#[path = "command/gpus.rs"]
mod gpus;
#[path = "command/input.rs"]
mod input;
#[path = "command/inspect.rs"]
mod inspect;
#[path = "command/machines.rs"]
mod machines;
#[path = "command/main_example.rs"]
mod main_example;
#[path = "command/mutations.rs"]
mod mutations;
#[path = "command/output.rs"]
mod output;
#[path = "command/pe.rs"]
mod pe;
#[path = "command/settings.rs"]
mod settings;
#[path = "command/trace.rs"]
mod trace;
#[path = "command/traffic.rs"]
mod traffic;
#[path = "command/usage.rs"]
mod usage;
#[path = "command/validate.rs"]
mod validate;
#[path = "command/wafer.rs"]
mod wafer;
