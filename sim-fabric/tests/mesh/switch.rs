//! Switch positions and what advances them.

use super::build::*;
use sim_fabric::mesh::program::{Op, Port, Program, SendEnd};
use sim_fabric::mesh::spec::FabricSpec;

use Port::{East, Ramp, West};

/// Every PE lets its own words out first and then passes on what comes from behind.
fn star(pes: u32, words: u32) -> Program {
    let mut classes = vec![class(&[route(0, &[(East, &[Ramp])])], &[take(0, words * (pes - 1))])];
    let own = [Op { end: SendEnd::AdvanceLocal, ..send(0, words) }];
    let switched = [route(0, &[(Ramp, &[West]), (East, &[West])])];
    classes.extend((2..pes).map(|_| class(&switched, &own)));
    classes.push(class(&[route(0, &[(Ramp, &[West])])], &[send(0, words)]));
    row(classes)
}

#[test]
fn a_star_gives_its_root_one_word_a_cycle() {
    for pes in [2u32, 3, 10, 50] {
        for words in [1u32, 2, 16] {
            let run = run(&star(pes, words));
            assert_eq!(run.done[0], u64::from(6 + words * (pes - 1)), "{pes} x {words}");
        }
    }
}

#[test]
fn a_slow_switch_costs_its_cycles_once_where_nothing_hides_them() {
    // PE 1's last word leaves in cycle 3 + 15; from then on 2 extra cycles until PE 2's words pass.
    let slow = FabricSpec { switch_cycles: 2, ..spec() };
    assert_eq!(run(&star(3, 16)).done[0], 38);
    assert_eq!(run_on(&star(3, 16), &slow).unwrap().done[0], 40);
    // One word each: every router has let its own out long before the others' come by.
    assert_eq!(run(&star(5, 1)).done[0], 10);
    assert_eq!(run_on(&star(5, 1), &slow).unwrap().done[0], 12);
}

#[test]
fn a_control_wavelet_advances_every_router_it_leaves_and_ends_at_the_ramp() {
    // PE 2 sends to PE 1; its control wavelet turns both routers to pass PE 3's words to PE 0.
    let program = row(vec![
        class(&[route(0, &[(East, &[Ramp])])], &[take(0, 3)]),
        class(&[route(0, &[(East, &[Ramp]), (East, &[West])])], &[take(0, 2)]),
        class(
            &[route(0, &[(Ramp, &[West]), (East, &[West])])],
            &[Op { end: SendEnd::Control, ..send(0, 2) }],
        ),
        class(&[route(0, &[(Ramp, &[West])])], &[send(0, 3)]),
    ]);
    let run = run(&program);
    // Own words leave PE 2 in cycles 3 and 4, the control wavelet in 5 and PE 1 in 6. PE 3's words
    // wait at PE 2 since cycle 4, leave it from 6 on and reach PE 0's PE three hops and a ramp later.
    assert_eq!(run.done, [6 + 1 + 1 + 2 + 2 + 1, 8, 3, 3]);
    // The control wavelet's hop counts; it takes no slot on the ramp.
    assert_eq!(run.hops, 2 + 1 + 3 * 3);
}

#[test]
fn positions_wrap_at_the_end_of_the_list() {
    let control = Op { end: SendEnd::Control, ..send(0, 1) };
    let program = row(vec![
        class(&[route(0, &[(East, &[Ramp])])], &[take(0, 2)]),
        class(&[route(0, &[(East, &[Ramp]), (East, &[West])])], &[take(0, 1), take(0, 1)]),
        class(&[route(0, &[(Ramp, &[West])])], &vec![control; 4]),
    ]);
    let run = run(&program);
    assert_eq!(run.hops, 4 * 2 + 2 * 2, "two of the four pairs went on to PE 0");
}

#[test]
fn an_advancing_word_advances_no_other_router() {
    let program = row(vec![
        class(&[route(0, &[(East, &[Ramp]), (Ramp, &[Ramp])])], &[take(0, 3)]),
        class(
            &[route(0, &[(Ramp, &[West]), (East, &[West])])],
            &[Op { end: SendEnd::AdvanceLocal, ..send(0, 1) }],
        ),
        class(&[route(0, &[(Ramp, &[West])])], &[Op { end: SendEnd::AdvanceLocal, ..send(0, 2) }]),
    ]);
    assert_eq!(run(&program).done[0], 9);
}
