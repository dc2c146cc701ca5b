//! Colours that share a link and threads that share a datapath take turns.

use super::build::*;
use sim_fabric::mesh::program::{Op, Port};

use Port::{East, North, Ramp, South, West};

/// Two rows' words cross one link: colour 2 from the west, colour 5 from the ramp, to takers behind.
#[test]
fn two_colours_over_one_link_go_alternately() {
    let words = 50;
    let on = |thread, mut op: Op| {
        op.thread = thread;
        op
    };
    let program = row(vec![
        class(&[route(2, &[(Ramp, &[East])])], &[send(2, words)]),
        class(&[route(2, &[(West, &[East])]), route(5, &[(Ramp, &[East])])], &[send(5, words)]),
        class(&[route(2, &[(West, &[Ramp])]), route(5, &[(West, &[East])])], &[take(2, words)]),
        class(&[route(5, &[(West, &[Ramp])])], &[on(3, take(5, words))]),
    ]);
    let run = run(&program);
    // Colour 5 is at the link in cycle 3, colour 2 in cycle 4. From there on they alternate, the
    // link is never idle: 5 in cycles 3, 5, .., 101; 2 in cycles 4, 6, .., 102.
    assert_eq!(run.done[2], 102 + 1 + 2 + 1);
    assert_eq!(run.done[3], 101 + 2 + 2 + 1);
}

#[test]
fn a_blocked_colour_does_not_hold_up_another() {
    let words = 30;
    let late = Op { lead: 500, ..take(2, words) };
    let program = row(vec![
        class(&[route(2, &[(Ramp, &[East])])], &[send(2, words)]),
        class(&[route(2, &[(West, &[East])]), route(5, &[(Ramp, &[East])])], &[send(5, words)]),
        class(&[route(2, &[(West, &[Ramp])]), route(5, &[(West, &[East])])], &[late]),
        class(&[route(5, &[(West, &[Ramp])])], &[take(5, words)]),
    ]);
    let run = run(&program);
    // Colour 2 gets the turns it can use: 4 into the buffer ahead and 6 behind the ramp.
    assert_eq!(run.done[3], u64::from(1 + 2 + 2 + 2 + words + 10));
    assert_eq!(run.done[2], 530);
}

#[test]
fn a_multicast_leaves_only_when_all_its_ports_are_free() {
    // Colour 0 goes west to east and south, colour 1 from the ramp to south alone.
    let words = 20;
    let program = grid(
        3,
        2,
        vec![
            class(&[route(0, &[(Ramp, &[East])])], &[send(0, words)]),
            class(
                &[route(0, &[(West, &[East, South])]), route(1, &[(Ramp, &[South])])],
                &[send(1, words)],
            ),
            class(&[route(0, &[(West, &[Ramp])])], &[take(0, words)]),
            class(&[], &[]),
            class(
                &[route(0, &[(North, &[Ramp])]), route(1, &[(North, &[Ramp])])],
                &[take(0, words), Op { thread: 1, ..take(1, words) }],
            ),
            class(&[], &[]),
        ],
    );
    let run = run(&program);
    // Colour 1 uses the south port in cycles 3, 5, .., 41, colour 0 in 4, 6, .., 42.
    // Windows of 6 on the ramps and 4 on the link hold both senders to that pace: word 19 of
    // colour 1 issues when word 13 has left in cycle 29, that of colour 0 when word 13 has left the
    // first router in 23, which needed word 9 to leave the second in 22.
    assert_eq!(run.done, [25, 31, 46, 46, 45]);
}

#[test]
fn threads_share_the_datapath_in_turn() {
    let program = row(vec![
        class(
            &[route(0, &[(Ramp, &[East])]), route(1, &[(Ramp, &[East])])],
            &[send(0, 10), Op { thread: 4, ..send(1, 10) }],
        ),
        class(
            &[route(0, &[(West, &[Ramp])]), route(1, &[(West, &[Ramp])])],
            &[take(0, 10), Op { thread: 4, ..take(1, 10) }],
        ),
    ]);
    // Thread 0 in cycles 0, 2, .., 18; thread 4 in cycles 1, 3, .., 19; 6 cycles later over there.
    assert_eq!(run(&program).done, [19, 20, 25, 26]);
}

#[test]
fn work_inside_the_pe_holds_the_datapath() {
    let program = row(vec![
        class(
            &[route(0, &[(Ramp, &[East])])],
            &[Op { lead: 3, ..local(20) }, Op { thread: 1, ..send(0, 5) }],
        ),
        class(&[route(0, &[(West, &[Ramp])])], &[take(0, 5)]),
    ]);
    // The send issues in cycles 0 to 2; in cycle 3 it is thread 0's turn, until cycle 22.
    assert_eq!(run(&program).done, [23, 25, 31]);
}

#[test]
fn operations_on_one_colour_take_in_program_order_whatever_their_thread() {
    let program = row(vec![
        class(&[route(0, &[(Ramp, &[East])])], &[send(0, 6)]),
        class(
            &[route(0, &[(West, &[Ramp])])],
            &[Op { thread: 1, lead: 50, ..take(0, 4) }, take(0, 2)],
        ),
    ]);
    assert_eq!(run(&program).done, [6, 54, 56]);
}

#[test]
fn a_wide_datapath_lets_threads_issue_in_one_cycle() {
    // PE 1 takes in cycles 6 to 15 and sends other words from cycle 6 on.
    let done = |at_once: u8| {
        let wide = |op: Op| Op { at_once, ..op };
        let program = row(vec![
            class(&[route(0, &[(Ramp, &[East])])], &[send(0, 10)]),
            class(
                &[route(0, &[(West, &[Ramp])]), route(1, &[(Ramp, &[East])])],
                &[wide(take(0, 10)), Op { thread: 1, lead: 6, ..wide(send(1, 10)) }],
            ),
            class(&[route(1, &[(West, &[Ramp])])], &[take(1, 10)]),
        ]);
        run(&program).done
    };
    assert_eq!(done(1), [10, 25, 26, 32]);
    assert_eq!(done(2), [10, 16, 16, 22]);
}

#[test]
fn three_threads_of_half_a_datapath_each_have_two_turns_in_three() {
    let half = |thread: u8, op: Op| Op { at_once: 2, thread, ..op };
    let to = |colour: u8, port: Port| route(colour, &[(Ramp, &[port])]);
    let from =
        |colour: u8, port: Port| class(&[route(colour, &[(port, &[Ramp])])], &[take(colour, 10)]);
    let program = grid(
        3,
        2,
        vec![
            from(0, East),
            class(
                &[to(0, West), to(1, East), to(2, South)],
                &[half(0, send(0, 10)), half(1, send(1, 10)), half(2, send(2, 10))],
            ),
            from(1, West),
            class(&[], &[]),
            from(2, North),
            class(&[], &[]),
        ],
    );
    // Threads 0 and 1, 2 and 0, 1 and 2, again from the start: 30 wavelets in 15 cycles.
    assert_eq!(run(&program).done[1..4], [14, 15, 15]);
}
