//! One MoE layer on its rectangle, operator by operator, beside a closed form of it:
//! `cargo run --release --example moe_layer`.
//!
//! The closed form is what a first estimate would write down: arithmetic at the peak rate, for each
//! reduce the published two-phase formula from both sides to a root in the middle, for each spread
//! and gather its words and hops. It leaves out set-up, task starts and pipeline depth.

use sim_fabric::mesh::collective::Collective;
use std::path::Path;
use wafersim::machine::Job;
use wafersim::scenario::MachineSpec;
use wafersim::wafer::machine::Bench;
use wafersim::wafer::phase::{LinePhase, Phase};
use wafersim::wafer::timer::Memory;
use wafersim::{Error, Scenario};

/// Ramp latency each way `[cycles]`.
const RAMP: f64 = 2.0;

/// Cycles of one phase without any cost of starting it.
fn closed_form(phase: &Phase) -> f64 {
    let line = match phase {
        Phase::Local(local) => return local.cost.arithmetic as f64,
        Phase::Line(line) => line,
    };
    let LinePhase { pes, segments, elements, dtype, .. } = line;
    let words = f64::from(elements.div_ceil(dtype.per_wavelet()));
    let half = f64::from(pes / segments) / 2.0;
    match line.collective {
        Collective::Reduce { .. } => {
            2.0 * words + half + (2.0 * RAMP + 1.0) * (2.0 * half.sqrt() - 2.0).max(1.0)
        }
        Collective::Gather { every, .. } => {
            words * 2.0 * half / f64::from(every) + half + 2.0 * RAMP
        }
        Collective::ReduceScatter => 2.0 * (2.0 * half - 1.0) * (words + 2.0 * RAMP + 2.0),
        Collective::AllGather => (2.0 * half - 1.0) * (words + 2.0 * RAMP + 3.0),
        Collective::Shift { interleaved } => {
            words + 2.0 * RAMP + if interleaved { 2.0 } else { 2.0 * half }
        }
        Collective::PassOn => words + 2.0 * RAMP + 1.0,
        Collective::Broadcast | Collective::Send => words + half + 2.0 * RAMP,
    }
}

fn main() -> Result<(), Error> {
    let scenario = Scenario::load(Path::new("examples/kimi-k2.6.ron"))?;
    let Some(MachineSpec::Wafer(machine)) = scenario.machines.first() else {
        return Err(Error::input("the first machine is no wafer"));
    };
    let job = Job::of(&scenario);
    let memory = Memory::default();
    let bench = Bench::new(machine, &job, &machine.preset.facts, &memory);
    let placement = bench.place()?;
    let decode = bench.decode(&placement)?;
    let run = decode
        .middle()
        .times
        .runs
        .iter()
        .find(|run| run.operators.iter().any(|op| op.kernel.name == "top_k"));
    let Some(run) = run else { return Err(Error::input("the model has no MoE layer")) };

    println!("| operator | PEs | starts | closed form | simulated | of it waiting | combined by |");
    println!("|---|---|---|---|---|---|---|");
    let mut sums = (0, 0.0, 0, 0);
    for op in &run.operators {
        let kernel = &op.kernel;
        let (starts, form) =
            (kernel.phases.len(), kernel.phases.iter().map(closed_form).sum::<f64>());
        let [columns, rows] = kernel.rectangle;
        println!(
            "| {} | {columns} x {rows} | {starts} | {form:.0} | {} | {} | {} |",
            kernel.name,
            op.spent.total(),
            op.spent.waiting,
            kernel.collective
        );
        sums.0 += starts;
        sums.1 += form;
        sums.2 += op.spent.total();
        sums.3 += op.spent.waiting;
    }
    println!("| **layer** | | {} | {:.0} | {} | {} | |", sums.0, sums.1, sums.2, sums.3);
    Ok(())
}
