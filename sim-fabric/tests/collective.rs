//! Collectives held against closed forms.

use sim_fabric::mesh::collective::{Collective, Reduce, Timing, program};
use sim_fabric::mesh::program::{DType, Run};
use sim_fabric::mesh::spec::FabricSpec;
use sim_fabric::mesh::stream;

const SPEC: FabricSpec = FabricSpec {
    hop_cycles: 1,
    ramp_cycles: 2,
    queue_depth: 4,
    ramp_in_depth: 4,
    ramp_out_depth: 4,
    switch_cycles: 0,
    receive_directions: 1,
};

/// No costs beside the wavelets, so that closed forms of the fabric apply.
const BARE: Timing = Timing {
    lead: 0,
    tail: 0,
    f16_per_cycle: 8,
    f32_per_cycle: 4,
    max_per_cycle: 4,
    accumulators: 0,
};

fn time(collective: &Collective, pes: u32, words: u32) -> Run {
    let program = program(collective, pes, 1, words, DType::F32, &BARE);
    stream::run(&program, &SPEC, &vec![0; pes as usize]).expect("accepted")
}

fn reduce(by: Reduce) -> Collective {
    Collective::Reduce { by, max: false }
}

#[test]
fn chain_takes_its_words_and_six_cycles_a_pe() {
    // A line of 2 n + 1 with the root in the middle: n hops of 6 cycles on each side.
    for (side, words) in [(1, 1), (4, 16), (100, 64), (300, 1)] {
        let run = time(&reduce(Reduce::Chain), 2 * side + 1, words);
        // The root takes both sides one after the other.
        let expected = u64::from(2 * words + 6 * side);
        let slack = run.last().abs_diff(expected);
        assert!(slack <= u64::from(words) + 4, "{side} {words}: {} {expected}", run.last());
    }
}

#[test]
fn broadcast_takes_words_distance_and_both_ramps() {
    for (side, words) in [(1, 1), (10, 16), (500, 1), (500, 1000)] {
        let run = time(&Collective::Broadcast, 2 * side + 1, words);
        assert_eq!(run.last(), u64::from(words + side + 2 * 2 + 1), "{side} {words}");
        assert_eq!(run.hops, u64::from(2 * side * words));
    }
}

#[test]
fn a_star_brings_one_word_a_cycle_to_its_root() {
    let star = |pes| reduce(Reduce::Tree { groups: vec![pes] });
    for (side, words) in [(2, 1), (10, 4), (300, 1), (50, 20)] {
        let run = time(&star(2 * side + 1), 2 * side + 1, words);
        // Both sides through one ramp, 2 T_R + 1 for the first word and one cycle to add.
        let expected = u64::from(2 * side * words + 2 * 2 + 1 + 1);
        assert!(run.last() - expected <= 3, "{side} {words}: {} {expected}", run.last());
    }
}

/// Members at 6 cycles each, leaders at 5 and a hop for each PE they pass; the words once more at
/// each leader that stores them, and both sides at the root.
#[test]
fn chains_of_chains_pass_members_at_a_cycle_a_hop() {
    for (side, group, words) in [(200, 10, 1), (200, 20, 1), (330, 17, 1), (200, 10, 40)] {
        let run = time(&reduce(Reduce::Chains { group }), 2 * side + 1, words);
        let leaders = side / group;
        let expected = u64::from(5 * (group - 1) + side + 5 * leaders + 3 * words);
        let slack = run.last().abs_diff(expected);
        assert!(
            slack <= u64::from(words) + 12,
            "{side} {group} {words}: {} {expected}",
            run.last()
        );
    }
}

/// Every PE hands its words to its neighbour: a ramp each way and one hop, however long the line.
#[test]
fn passing_on_takes_the_words_and_one_hop() {
    for (pes, words) in [(2, 1), (50, 4), (500, 8)] {
        let run = time(&Collective::PassOn, pes, words);
        let expected = u64::from(2 * 2 + 1 + 1 + words);
        assert!(
            run.last() >= expected && run.last() <= 2 * expected,
            "{pes} {words}: {}",
            run.last()
        );
        assert_eq!(run.hops, u64::from((pes - 1) * words));
    }
}

#[test]
fn a_tree_of_two_levels_pays_each_level_once() {
    let run = time(&reduce(Reduce::Tree { groups: vec![10, 10] }), 199, 1);
    // Level 1: 9 words; level 2: 9 words and 90 hops to the farthest leader, both sides.
    assert!((110..140).contains(&run.last()), "{}", run.last());
}
