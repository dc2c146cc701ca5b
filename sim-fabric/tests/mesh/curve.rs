//! Curve tests: whole programs against what theory says of them.

use super::build::*;
use sim_fabric::mesh::program::Port;
use sim_fabric::mesh::spec::FabricSpec;

use Port::{East, North, Ramp, South, West};

#[test]
fn a_chain_takes_its_words_and_six_cycles_a_hop() {
    for pes in [2, 3, 8, 33] {
        for words in [1, 2, 7, 64] {
            let run = run(&chain(pes, words));
            assert_eq!(run.last(), u64::from(words + 6 * (pes - 1)), "{pes} x {words}");
            assert_eq!(run.hops, u64::from(words * (pes - 1)));
        }
    }
}

#[test]
fn a_broadcast_takes_its_words_its_hops_and_two_ramps() {
    for pes in [2u32, 5, 40] {
        for words in [1u32, 3, 50] {
            let mut classes = vec![class(&[route(3, &[(Ramp, &[East])])], &[send(3, words)])];
            classes.extend(
                (2..pes).map(|_| class(&[route(3, &[(West, &[East, Ramp])])], &[take(3, words)])),
            );
            classes.push(class(&[route(3, &[(West, &[Ramp])])], &[take(3, words)]));
            let run = run(&row(classes));
            assert_eq!(run.last(), u64::from(words + (pes - 1) + 2 * 2 + 1), "{pes} x {words}");
            assert_eq!(run.hops, u64::from(words * (pes - 1)));
        }
    }
}

#[test]
fn a_multicast_reaches_every_side_at_once_and_counts_every_link() {
    let leaf = |from| class(&[route(0, &[(from, &[Ramp])])], &[take(0, 4)]);
    let idle = || class(&[], &[]);
    let middle = class(&[route(0, &[(Ramp, &[North, South, East, West, Ramp])])], &{
        let mut own = take(0, 4);
        own.thread = 1;
        [send(0, 4), own]
    });
    let classes = vec![
        idle(),
        leaf(South),
        idle(),
        leaf(East),
        middle,
        leaf(West),
        idle(),
        leaf(North),
        idle(),
    ];
    let run = run(&grid(3, 3, classes));
    assert_eq!(run.hops, 16);
    // North, west, centre (send, take), east, south. The centre's ramp saves a hop, and its
    // datapath is shared: it sends words 0 to 3 in cycles 0 to 3 and takes from cycle 5 on.
    assert_eq!(run.done, [10, 10, 4, 9, 10, 10]);
}

#[test]
fn long_links_keep_their_throughput_in_the_smallest_buffers() {
    for hop_cycles in [1, 2, 3, 7] {
        let spec = FabricSpec {
            hop_cycles,
            queue_depth: 2,
            ramp_in_depth: 2,
            ramp_out_depth: 2,
            ..spec()
        };
        let (hops, words) = (6, 100);
        let mut pes = vec![class(&[route(0, &[(Ramp, &[East])])], &[send(0, words)])];
        pes.extend((1..hops).map(|_| class(&[route(0, &[(West, &[East])])], &[])));
        pes.push(class(&[route(0, &[(West, &[Ramp])])], &[take(0, words)]));
        let last = run_on(&row(pes), &spec).unwrap().last();
        assert_eq!(last, u64::from(1 + 2 + hops * hop_cycles + 2 + words), "hop {hop_cycles}");
    }
}

#[test]
fn back_pressure_holds_the_sender_to_the_pace_of_the_taker() {
    let spec = FabricSpec { queue_depth: 2, ramp_in_depth: 2, ramp_out_depth: 2, ..spec() };
    let words = 40u32;
    let slow = sim_fabric::mesh::program::Op { period: 5, ..take(0, words) };
    let program = row(vec![
        class(&[route(0, &[(Ramp, &[East])])], &[send(0, words)]),
        class(&[route(0, &[(West, &[East])])], &[]),
        class(&[route(0, &[(West, &[Ramp])])], &[slow]),
    ]);
    let run = run_on(&program, &spec).unwrap();
    // First word taken in cycle 7, one every 5 cycles.
    let taken = |k: u64| 7 + 5 * k;
    assert_eq!(run.done[1], taken(39) + 1);
    // Between sender and taker lie windows of 4, 2, 2 and 4 wavelets. Word 39 may be issued when
    // word 35 left the own router, which needed word 33 to leave the next, word 31 the last, and
    // word 27 to be taken: one cycle later each.
    assert_eq!(run.done[0], taken(27) + 4 + 1);
}
