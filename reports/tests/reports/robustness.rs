//! Outcomes with gaps: nothing panics, nothing prints NaN, what is there is drawn.

use reports::outcome::*;

use crate::{markup, sample};

fn draw(outcome: &Outcome) -> (String, Vec<&'static str>) {
    let page = reports::html::page(outcome);
    markup::check(&page).unwrap();
    for wrong in ["NaN", "inf%", "=\"inf"] {
        assert!(!page.contains(wrong), "{wrong}");
    }
    let text = reports::summary::text(outcome, None);
    assert!(!text.contains("NaN"));
    let folder = tempfile::tempdir().unwrap();
    (page, reports::plots::draw_all(outcome, folder.path()).unwrap())
}

fn strip(machine: &mut MachineOutcome) {
    machine.operators.clear();
    machine.layers.clear();
    machine.placement.clear();
    machine.decode_curve.clear();
    machine.frontier.clear();
    machine.parameters.clear();
    machine.sensitivity.clear();
    machine.links.clear();
    machine.fidelity.clear();
}

#[test]
fn one_machine_with_nothing_but_its_speed() {
    let mut outcome = sample::outcome();
    outcome.machines.truncate(1);
    strip(&mut outcome.machines[0]);
    outcome.claims.clear();
    let (page, files) = draw(&outcome);
    assert!(page.contains("981"));
    assert!(!page.contains("<section id=\"placement\">"));
    assert_eq!(files, ["token-split.png"]);
}

#[test]
fn no_machine_at_all() {
    let mut outcome = sample::outcome();
    outcome.machines.clear();
    assert!(draw(&outcome).1.is_empty());
}

#[test]
fn an_empty_machine_beside_a_full_one() {
    let mut outcome = sample::outcome();
    strip(&mut outcome.machines[1]);
    draw(&outcome);
}

#[test]
fn figures_that_are_none() {
    for figure in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -1.0, 1e300] {
        let mut outcome = sample::outcome();
        for machine in &mut outcome.machines {
            spoil(machine, figure);
        }
        draw(&outcome);
    }
}

fn spoil(machine: &mut MachineOutcome, figure: f64) {
    let split = TimeSplit {
        arithmetic_us: figure,
        memory_us: figure,
        fabric_us: figure,
        io_us: figure,
        waiting_us: figure,
    };
    machine.tokens_per_s = figure;
    machine.tokens_per_s_range = [figure; 2];
    machine.tokens_per_s_machine = figure;
    (machine.ttft_s, machine.tpot_ms, machine.request_s) = (figure, figure, figure);
    machine.token_split = split;
    for operator in &mut machine.operators {
        (operator.time_us, operator.split) = (figure, split);
    }
    for layer in &mut machine.layers {
        (layer.time_us, layer.split) = (figure, split);
    }
    for unit in &mut machine.placement {
        unit.capacity_bytes = 0;
        for region in &mut unit.regions {
            (region.fill, region.busy, region.columns) = (figure, figure, 0);
        }
    }
    for point in &mut machine.decode_curve {
        (point.context, point.tpot_ms) = (0, figure);
    }
    for point in &mut machine.frontier {
        (point.tokens_per_s_user, point.tokens_per_s_machine) = (figure, figure);
    }
    for sensitivity in &mut machine.sensitivity {
        (sensitivity.at_low, sensitivity.at_high) = (figure, figure);
    }
    for link in &mut machine.links {
        (link.bytes, link.busy) = (u64::MAX, figure);
    }
}

#[test]
fn one_figure_among_good_ones_that_is_none() {
    let mut outcome = sample::outcome();
    outcome.machines[0].layers[7].time_us = f64::NAN;
    outcome.machines[0].operators[7].time_us = f64::INFINITY;
    outcome.machines[1].frontier[3].tokens_per_s_user = 0.0;
    outcome.machines[0].placement[0].regions[0].columns = u32::MAX;
    draw(&outcome);
}
