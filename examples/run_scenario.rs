//! Runs a scenario from a program: `cargo run --release --example run_scenario`.

use std::path::Path;
use wafersim::{Error, Scenario};

fn main() -> Result<(), Error> {
    let scenario = Scenario::load(Path::new("examples/kimi-k2.6.ron"))?;
    let outcome = wafersim::run(&scenario)?;
    for machine in &outcome.machines {
        println!(
            "{}: {} x {}, {:.0} tokens/s, first token after {:.2} s",
            machine.name, machine.units, machine.unit, machine.tokens_per_s, machine.ttft_s
        );
    }
    Ok(())
}
