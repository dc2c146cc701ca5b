//! What every run must keep, whatever is asked for, and that it repeats.

use crate::published;
use proptest::prelude::*;
use sim_fabric::mesh::traffic::{Pattern, TrafficError, TrafficSpec, run};

const PATTERNS: [Pattern; 5] = [
    Pattern::Uniform,
    Pattern::Transpose,
    Pattern::BitComplement,
    Pattern::Hotspot,
    Pattern::Neighbour,
];

fn any_spec() -> impl Strategy<Value = TrafficSpec> {
    let sides = (1u32..12, 1u32..12);
    let times = (1u32..5, 0u32..4, 1u32..5, 1u32..10);
    (sides, times, 0usize..5, 0.0..1.0f64, 2u32..800, any::<u64>()).prop_map(
        |((columns, rows), (hop, ramp, credit, depth), pattern, rate, cycles, seed)| {
            let pattern = PATTERNS[pattern];
            TrafficSpec {
                columns,
                rows: if pattern == Pattern::Transpose { columns } else { rows },
                pattern,
                rate,
                cycles,
                queue_depth: depth,
                hop_cycles: hop,
                ramp_cycles: ramp,
                credit_cycles: credit,
                seed,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_is_lost_and_no_run_goes_on(spec in any_spec()) {
        // The laws themselves are held inside every run, which would be refused.
        let run = run(&spec).unwrap();
        prop_assert_eq!(run.entered, run.delivered + run.in_flight);
        prop_assert!(run.link_load_max <= 1.0);
        prop_assert!(run.cycles <= u64::from(2 * spec.cycles + 200));
        prop_assert!(run.accepted_rate <= 1.0 && run.offered_rate <= 1.0);
        if run.saturated {
            prop_assert_eq!(run.latency, None);
        } else if let Some(latency) = run.latency {
            prop_assert!(latency.mean >= latency.zero_load_mean);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let spec = published(12, 0.15, 3_000);
    let first = run(&spec).unwrap();
    assert_eq!(first, run(&spec).unwrap());
    assert_ne!(first, run(&TrafficSpec { seed: 43, ..spec }).unwrap());
}

#[test]
fn all_that_is_offered_counts_where_little_is_carried() {
    let run = run(&published(16, 1.0, 500)).unwrap();
    assert_eq!((run.saturated, run.offered_rate), (true, 1.0));
    assert!(run.accepted_rate < 0.3);
}

#[test]
fn no_births_are_no_latency_and_no_saturation() {
    let run = run(&published(16, 0.0, 500)).unwrap();
    assert_eq!((run.saturated, run.latency, run.wavelet_hops), (false, None, 0));
}

#[test]
fn what_cannot_be_run_is_refused() {
    let spec = published(8, 0.1, 100);
    let error = |spec: TrafficSpec| run(&spec).unwrap_err();
    for rate in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert!(matches!(error(TrafficSpec { rate, ..spec.clone() }), TrafficError::Rate { .. }));
    }
    let wide = TrafficSpec { columns: 9, pattern: Pattern::Transpose, ..spec.clone() };
    assert_eq!(error(wide), TrafficError::NotSquare { columns: 9, rows: 8 });
    let none = TrafficSpec { rows: 0, ..spec.clone() };
    assert_eq!(error(none), TrafficError::Shape { columns: 8, rows: 0 });
    let huge = TrafficSpec { columns: 60_000, rows: 60_000, ..spec.clone() };
    assert!(matches!(error(huge), TrafficError::Slots { .. }));
    let instant = TrafficSpec { hop_cycles: 0, ..spec };
    assert!(matches!(error(instant), TrafficError::Range { name: "hop cycles", .. }));
}
