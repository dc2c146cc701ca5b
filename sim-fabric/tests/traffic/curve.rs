//! Patterns against closed forms.

use crate::published;
use sim_fabric::mesh::traffic::{Pattern, TrafficSpec, run};

fn lightly(pattern: Pattern) -> TrafficSpec {
    TrafficSpec { pattern, ..published(16, 0.005, 40_000) }
}

#[test]
fn mean_distances_are_those_of_the_patterns() {
    let side = 16.0;
    let third = (side * side - 1.0) / (3.0 * side);
    for (pattern, hops, slack) in [
        (Pattern::Uniform, 2.0 * third, 0.05),
        (Pattern::Transpose, 2.0 * third, 0.05),
        // |15 - 2 x| on average, in both directions.
        (Pattern::BitComplement, side, 0.05),
        // From one edge to the other for one column and one row in sixteen.
        (Pattern::Neighbour, 2.0 * 2.0 * 15.0 / side, 0.05),
        // One in ten to the middle, which is 4 away on average in each direction.
        (Pattern::Hotspot, 0.9 * 2.0 * third + 0.1 * 8.0, 0.05),
    ] {
        let latency = run(&lightly(pattern)).unwrap().latency.unwrap();
        let ours = (latency.zero_load_mean - 5.0) / 3.0;
        assert!((ours - hops).abs() < slack, "{pattern:?}: {ours} for {hops}");
        assert!(latency.mean < 1.05 * latency.zero_load_mean, "{pattern:?}: {}", latency.mean);
    }
}

#[test]
fn the_hot_ramp_bounds_a_hotspot() {
    // 64 PEs send a tenth, and an even share of the rest, to one that takes one a cycle.
    let bound = 1.0 / (64.0 * 0.1 + 0.9);
    for (share, saturated) in [(0.8, false), (1.2, true)] {
        let spec = TrafficSpec { pattern: Pattern::Hotspot, ..published(8, share * bound, 20_000) };
        assert_eq!(run(&spec).unwrap().saturated, saturated, "{share}");
    }
}

#[test]
fn latency_grows_with_the_rate_until_it_is_called_saturated() {
    let mut last = 0.0;
    let mut knee = None;
    for step in 1..=10 {
        let rate = 0.05 * f64::from(step);
        let run = run(&published(8, rate, 20_000)).unwrap();
        match run.latency {
            Some(latency) => {
                assert_eq!(knee, None, "carried again at {rate}");
                assert!(latency.mean > last - 0.2 && f64::from(latency.p99) >= latency.mean);
                last = latency.mean;
            }
            None => knee = knee.or(Some(step)),
        }
    }
    assert_eq!(knee, Some(8));
}

#[test]
fn the_middle_links_carry_the_share_that_the_bisection_gives_them() {
    let spec = published(32, 0.05, 20_000);
    assert_eq!(spec.uniform_bound(), Some(4.0 / 32.0));
    let run = run(&spec).unwrap();
    // The busiest of some hundred middle links stands a little above their mean.
    assert!((0.40..0.43).contains(&run.link_load_max), "{}", run.link_load_max);
}

#[test]
fn waits_are_short_on_a_long_warm_up_or_a_short_one() {
    // What is still on its way when the measurement begins is no saturation.
    for cycles in [20, 100, 400] {
        assert!(!run(&published(32, 0.05, cycles)).unwrap().saturated, "{cycles}");
    }
}
