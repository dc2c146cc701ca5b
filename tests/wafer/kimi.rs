//! The main example's wafers: the reference engine gives the same cycles, and forcing the mapping that
//! an outcome names reproduces it.

use std::path::Path;
use wafersim::Scenario;
use wafersim::hardware::Facts;
use wafersim::machine::Job;
use wafersim::scenario::MachineSpec;
use wafersim::wafer::hardware::WaferFacts;
use wafersim::wafer::machine::{Bench, Decode};
use wafersim::wafer::spec::{EngineChoice, WaferMachine};
use wafersim::wafer::timer::Memory;

fn scenario() -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/kimi-k2.6.ron");
    Scenario::load(&path).expect("the example is right")
}

fn wafers(scenario: &Scenario) -> WaferMachine {
    let found = scenario.machines.iter().find_map(|machine| match machine {
        MachineSpec::Wafer(wafers) => Some(wafers.clone()),
        MachineSpec::Nvl72(_) => None,
    });
    found.expect("the example has wafers")
}

fn job<'a>(scenario: &'a Scenario, progress: &'a (dyn Fn(f64, &str) + Sync)) -> Job<'a> {
    Job { bands: true, progress, ..Job::of(scenario) }
}

/// Name, cycles and whether the reference engine had to help, of every operator of every token class.
fn cycles(decode: &Decode) -> Vec<(&'static str, u64, bool)> {
    let runs = decode.classes.iter().flat_map(|class| &class.times.runs);
    runs.flat_map(|run| &run.operators)
        .map(|timed| (timed.kernel.name, timed.spent.total(), timed.spent.handed_over))
        .collect()
}

#[test]
fn every_wavelet_of_the_main_example_gives_the_cycles_of_its_trains() {
    let scenario = scenario();
    let mut machine = wafers(&scenario);
    let job = job(&scenario, &|_, _| {});
    let facts = machine.preset.facts.clone();
    let trains = Bench::new(&machine, &job, &facts, &Memory::default());
    let placement = trains.place().expect("fits");
    let fast = trains.decode(&placement).expect("runs");
    assert!(cycles(&fast).iter().all(|row| !row.2), "handed over");

    machine.spec.engine = EngineChoice::Wavelet;
    let wavelets = Bench::new(&machine, &job, &facts, &Memory::default());
    let exact = wavelets.decode(&placement).expect("runs");
    assert_eq!(cycles(&fast), cycles(&exact));
    assert!(cycles(&fast).len() > 40);
}

#[test]
fn forcing_the_mapping_that_was_found_reproduces_it() {
    let scenario = scenario();
    let mut machine = wafers(&scenario);
    let job = job(&scenario, &|_, _| {});
    let facts = machine.preset.facts.clone();
    let found = {
        let bench = Bench::new(&machine, &job, &facts, &Memory::default());
        let placement = bench.place().expect("fits");
        let decode = bench.decode(&placement).expect("runs");
        let parts: Vec<_> = placement.mappings.iter().map(|m| m.choices.clone()).collect();
        (cycles(&decode), parts, placement.rows)
    };
    for (kind, choices) in ["embedding", "dense", "moe", "head"].into_iter().zip(&found.1) {
        let words: Vec<_> = wafersim::wafer::choices::ALL
            .iter()
            .map(|choice| format!("{}={}", choice.name, (choice.get)(choices)))
            .collect();
        machine.spec.force.insert(kind.into(), words.join(" "));
    }
    let bench = Bench::new(&machine, &job, &facts, &Memory::default());
    let placement = bench.place().expect("fits");
    assert_eq!(placement.rows, found.2);
    assert_eq!(cycles(&bench.decode(&placement).expect("runs")), found.0);
}

/// A parameter that moves nothing reads as a bug: each of these has to slow the machine down.
#[test]
fn costs_slow_the_machine_down() {
    let scenario = scenario();
    let machine = wafers(&scenario);
    let job = job(&scenario, &|_, _| {});
    let facts = machine.preset.facts.clone();
    let memory = Memory::default();
    let bench = Bench::new(&machine, &job, &facts, &memory);
    let placement = bench.place().expect("fits");
    let speed = |facts: &WaferFacts| {
        let decode = Bench::new(&machine, &job, facts, &memory).decode(&placement);
        decode.expect("runs").tokens_per_s()
    };
    let nominal = speed(&facts);
    for (path, value) in [
        ("fabric.hop_cycles", 2.0),
        ("fabric.ramp_cycles", 4.0),
        ("fabric.switch_cycles", 2.0),
        ("pe.setup_cycles", 40.0),
        ("pe.pipeline_cycles", 12.0),
        ("pe.gap_cycles", 30.0),
        ("pe.task_start_cycles", 60.0),
        ("pe.unpack_cycles", 3.0),
        ("pe.special_cycles", 32.0),
        ("pe.fp16_per_cycle", 4.0),
        ("io.latency", 10e-6),
        ("io.bandwidth", 50e9),
        ("clock", 0.875e9),
    ] {
        let mut changed = facts.clone();
        assert!(changed.set_number(path, value), "{path}");
        let slower = speed(&changed);
        assert!(slower < nominal, "{path}: {slower} against {nominal}");
    }
}
