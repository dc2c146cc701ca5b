//! Probe tests: one block each, not ready at `t - 1`, ready at `t`.

use super::build::*;
use sim_fabric::mesh::program::{Port, SendEnd};
use sim_fabric::mesh::spec::FabricSpec;

use Port::{East, Ramp, West};

/// One word over `hops` hops; gives when it was taken (an operation is done one cycle later).
fn flight(hops: u32, spec: &FabricSpec) -> u64 {
    let mut pes = vec![class(&[route(0, &[(Ramp, &[East])])], &[send(0, 1)])];
    pes.extend((1..hops).map(|_| class(&[route(0, &[(West, &[East])])], &[])));
    pes.push(class(&[route(0, &[(West, &[Ramp])])], &[take(0, 1)]));
    run_on(&row(pes), spec).unwrap().last() - 1
}

#[test]
fn a_word_needs_one_cycle_of_work_two_ramps_and_its_hops() {
    assert_eq!(flight(1, &spec()), 1 + 2 + 1 + 2);
    assert_eq!(flight(2, &spec()), 1 + 2 + 2 + 2);
    assert_eq!(flight(9, &spec()), 1 + 2 + 9 + 2);
}

#[test]
fn latencies_are_those_of_the_spec() {
    assert_eq!(flight(5, &FabricSpec { hop_cycles: 3, ..spec() }), 1 + 2 + 15 + 2);
    assert_eq!(flight(5, &FabricSpec { ramp_cycles: 4, ..spec() }), 1 + 4 + 5 + 4);
    assert_eq!(flight(5, &FabricSpec { ramp_cycles: 0, ..spec() }), 1 + 5);
    assert_eq!(flight(5, &FabricSpec { hop_cycles: 100, ramp_cycles: 70, ..spec() }), 641);
}

#[test]
fn a_hop_of_a_sum_chain_costs_six_cycles() {
    for pes in 2..8 {
        assert_eq!(run(&chain(pes + 1, 1)).last(), run(&chain(pes, 1)).last() + 6);
    }
}

#[test]
fn a_word_can_be_taken_in_the_cycle_it_becomes_available_and_not_before() {
    // The word is takeable in cycle 6; an operation that may issue from `lead` on takes it then.
    for (lead, done) in [(0, 7), (5, 7), (6, 7), (7, 8)] {
        let taker = sim_fabric::mesh::program::Op { lead, ..take(0, 1) };
        let program = row(vec![
            class(&[route(0, &[(Ramp, &[East])])], &[send(0, 1)]),
            class(&[route(0, &[(West, &[Ramp])])], &[taker]),
        ]);
        assert_eq!(run(&program).done[1], done, "lead {lead}");
    }
}

#[test]
fn lead_period_and_tail_stand_where_they_belong() {
    let timed = |mut op: sim_fabric::mesh::program::Op| {
        (op.lead, op.period, op.tail) = (10, 3, 7);
        op
    };
    let program = row(vec![
        class(&[route(0, &[(Ramp, &[East])])], &[timed(send(0, 5)), local(4)]),
        class(&[route(0, &[(West, &[Ramp])])], &[take(0, 5)]),
    ]);
    let run = run(&program);
    // Issues at 10, 13, 16, 19, 22; the last is taken 6 cycles after its issue.
    assert_eq!(run.done, [22 + 1 + 7, 30 + 4, 22 + 6 + 1]);
}

#[test]
fn a_control_wavelet_issues_one_cycle_behind_the_last_word() {
    for (end, done) in [(SendEnd::Plain, 4), (SendEnd::AdvanceLocal, 4), (SendEnd::Control, 5)] {
        let sender = sim_fabric::mesh::program::Op { end, period: 3, ..send(0, 2) };
        let program = row(vec![
            class(&[route(0, &[(Ramp, &[East])])], &[sender]),
            class(&[route(0, &[(West, &[Ramp])])], &[take(0, 2)]),
        ]);
        assert_eq!(run(&program).done[0], done, "{end:?}");
    }
}

#[test]
fn sixteen_bit_elements_travel_in_pairs() {
    let half = |mut op: sim_fabric::mesh::program::Op| {
        op.dtype = sim_fabric::mesh::program::DType::F16;
        op
    };
    let program = row(vec![
        class(&[route(0, &[(Ramp, &[East])])], &[half(send(0, 5))]),
        class(&[route(0, &[(West, &[Ramp])])], &[half(take(0, 5))]),
    ]);
    let run = run(&program);
    assert_eq!((run.done[0], run.hops), (3, 3));
}

#[test]
fn starts_shift_everything_even_far_ones() {
    let program = chain(4, 3);
    let at = |start| sim_fabric::mesh::wavelet::run(&program, &spec(), &[start; 4]).unwrap();
    let shifted: Vec<_> = at(0).done.iter().map(|done| done + (1 << 40)).collect();
    assert_eq!(at(1 << 40).done, shifted);
}

#[test]
fn operations_on_one_thread_follow_each_other_and_after_waits_for_other_threads() {
    let on = |thread, after: &[u16], mut op: sim_fabric::mesh::program::Op| {
        op.thread = thread;
        op.after = after.to_vec();
        op
    };
    let program = row(vec![class(
        &[],
        &[local(5), on(1, &[], local(3)), on(2, &[0, 1], local(2)), on(2, &[], local(0))],
    )]);
    assert_eq!(run(&program).done, [5, 8, 10, 10]);
}
