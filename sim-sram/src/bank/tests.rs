//! Probes of one access, curves over strides, and stepping against skipping.

use super::*;
use proptest::prelude::*;

fn stream(base: u32, bits: u32, stride: i32) -> Stream {
    Stream { base, bits, stride, pitch: 0 }
}

/// A move of 16-bit elements over `n` elements.
fn moved(n: u32, rate: u32, stride: i32, base: u32) -> Walk {
    let reads = [Some(stream(base, 16, stride)), None];
    Walk { rate, inner: n, outer: 1, reads, write: None }
}

fn cycles(walk: &Walk) -> u64 {
    walk.run(16, Stepping::Skipping).total()
}

/// Elements that are through after `t` cycles: not `n` at `t - 1`, but at `t`.
fn assert_takes(walk: Walk, n: u32, t: u64) {
    assert_eq!(cycles(&Walk { inner: n, ..walk }), t, "{n} elements");
    assert!(cycles(&Walk { inner: n + 1, ..walk }) > t, "{n} + 1 elements in {t} cycles");
}

#[test]
fn probe_a_cycle_takes_four_neighbours_and_not_five() {
    assert_takes(moved(0, 4, 1, 0), 4, 1);
    assert_takes(moved(0, 4, 1, 1), 4, 1);
    assert_takes(moved(0, 8, 1, 3), 8, 1);
}

#[test]
fn probe_two_lines_of_one_pair_of_banks_take_two_cycles() {
    // Words 0 and 9: both in the first pair, on two lines.
    assert_takes(moved(0, 4, 9, 0), 1, 1);
    // Words 1 and 10: two pairs.
    assert_takes(moved(0, 4, 9, 1), 2, 1);
    // Words 0 and 8: one bank.
    assert_takes(moved(0, 4, 8, 0), 1, 1);
}

#[test]
fn curve_strides_run_at_the_documented_rates() {
    let n = 4096;
    for (bases, rate) in [(0..8, 4), (0..8, 8)] {
        for base in bases {
            for stride in -24..=24_i32 {
                let expected = match (stride, stride.rem_euclid(8)) {
                    (0 | 1, _) => rate,
                    (_, 2 | 3 | 5 | 6) => rate,
                    (_, 1 | 7) => 2,
                    (_, 4) => 2,
                    _ => 1,
                };
                let took = cycles(&moved(n, rate, stride, base)) as i64;
                let ideal = i64::from(n / expected);
                // One cycle may be cut short before the steady state.
                assert!((0..=1).contains(&(took - ideal)), "stride {stride} at {base}: {took}");
            }
        }
    }
}

fn product(n: u32, rate: u32, bits: u32, bases: [u32; 2]) -> Walk {
    let [one, other] = bases.map(|base| stream(base, bits, 1));
    Walk { rate, inner: n, outer: 1, reads: [Some(one), Some(other)], write: Some(one) }
}

#[test]
fn probe_two_reads_conflict_where_their_banks_are_equal_modulo_four() {
    for one in 0..8 {
        for other in 0..8 {
            let took = cycles(&product(1024, 4, 16, [one, other]));
            let expected = if one % 4 == other % 4 { 512 } else { 256 };
            assert_eq!(took, expected, "banks {one} and {other}");
        }
    }
    assert_eq!(cycles(&product(5124, 1, 32, [0, 2])), 5124);
    assert_eq!(cycles(&product(5124, 1, 32, [0, 4])), 10_248);
}

#[test]
fn operands_that_move_apart_conflict_now_and_then() {
    // One operand advances two words a cycle, the other four: every second cycle they meet.
    let mut walk = product(1000, 1, 32, [0, 0]);
    walk.reads[1] = Some(stream(0, 32, 2));
    let busy = walk.run(16, Stepping::Skipping);
    assert_eq!((busy.rate, busy.conflict, busy.stride, busy.ports), (1000, 500, 0, 0));
}

#[test]
fn without_a_cache_a_full_rate_multiply_add_waits_for_ports() {
    let walk = product(4096, 4, 16, [0, 1]);
    let ports = |cache| walk.run(cache, Stepping::Skipping).total();
    // Twelve accesses a cycle of eight banks: three cycles in place of two.
    assert_eq!(ports(4), 1024);
    assert_eq!(ports(0), 1536);
    assert_eq!(ports(2), 1229);
    // A 32-bit multiply needs six and does not wait.
    assert_eq!(product(1000, 1, 32, [0, 2]).run(0, Stepping::Skipping).total(), 1000);
}

#[test]
fn packed_weights_take_a_quarter_of_the_words() {
    let mut walk = product(4096, 4, 16, [0, 1]);
    walk.reads[1] = Some(stream(1, 4, 1));
    assert_eq!(walk.run(1, Stepping::Skipping).total(), 1024);
    assert!(walk.run(0, Stepping::Skipping).total() > 1024);
}

#[test]
fn rows_end_the_cycle() {
    let walk = Walk { inner: 9, outer: 3, ..moved(0, 4, 1, 0) };
    assert_eq!(cycles(&walk), 9);
}

#[test]
fn the_extent_spans_first_to_last_word() {
    assert_eq!(stream(0, 16, 1).extent(100, 1), 100);
    assert_eq!(stream(0, 32, 1).extent(100, 1), 200);
    assert_eq!(stream(5, 16, -3).extent(4, 1), 10);
    assert_eq!(Stream { pitch: 8, ..stream(0, 4, 1) }.extent(4, 3), 17);
    assert_eq!(stream(0, 16, 1).extent(0, 1), 0);
}

fn any_stream() -> impl Strategy<Value = Stream> {
    let bits = prop::sample::select(vec![4u32, 8, 16, 32]);
    let stride = prop_oneof![Just(1), -20i32..20];
    (0u32..16, bits, stride, -40i32..40).prop_map(|(base, bits, stride, pitch)| Stream {
        base,
        bits,
        stride,
        pitch,
    })
}

proptest! {
    /// What repeats may be skipped: the same cycles, cause by cause.
    #[test]
    fn differential_skipping_equals_stepping(
        rate in 1u32..9,
        inner in 0u32..300,
        outer in 0u32..40,
        reads in [prop::option::of(any_stream()), prop::option::of(any_stream())],
        write in prop::option::of(any_stream()),
        cache in 0u32..20,
    ) {
        let walk = Walk { rate, inner, outer, reads, write };
        prop_assert_eq!(walk.run(cache, Stepping::Skipping), walk.run(cache, Stepping::Every));
    }

    /// Banks only take away from the rate.
    #[test]
    fn conservation_no_walk_beats_its_rate(
        rate in 1u32..9,
        inner in 1u32..300,
        reads in [prop::option::of(any_stream()), prop::option::of(any_stream())],
    ) {
        let walk = Walk { rate, inner, outer: 1, reads, write: None };
        let busy = walk.run(16, Stepping::Skipping);
        prop_assert_eq!(busy.rate, u64::from(inner.div_ceil(rate)));
        prop_assert!(busy.total() <= 4 * u64::from(inner) + 1);
    }
}
