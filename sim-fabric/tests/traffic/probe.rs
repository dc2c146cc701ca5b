//! The time of one packet, and of packets that never meet.

use crate::published;
use sim_fabric::mesh::traffic::{Pattern, TrafficSpec, run};

#[test]
fn an_empty_mesh_costs_the_end_points_and_the_hops_exactly() {
    for (hop_cycles, ramp_cycles, queue_depth) in [(1, 2, 8), (3, 2, 8), (2, 0, 1), (7, 5, 2)] {
        // Packets so rare that none meets another.
        let spec = TrafficSpec {
            columns: 9,
            rows: 5,
            hop_cycles,
            ramp_cycles,
            queue_depth,
            ..published(9, 0.000_001, 4_000_000)
        };
        let latency = run(&spec).unwrap().latency.unwrap();
        assert_eq!(latency.mean, latency.zero_load_mean, "{hop_cycles} {ramp_cycles}");
    }
}

#[test]
fn a_fixed_distance_gives_one_latency() {
    // Two PEs, each sending to the other: one hop, and nobody to wait for.
    let spec = TrafficSpec {
        columns: 2,
        rows: 1,
        pattern: Pattern::BitComplement,
        ..published(2, 0.7, 4_000)
    };
    for hop_cycles in [1, 3, 6] {
        let run = run(&TrafficSpec { hop_cycles, ..spec.clone() }).unwrap();
        let latency = run.latency.unwrap();
        assert_eq!((latency.mean, latency.p99), (f64::from(5 + hop_cycles), 5 + hop_cycles));
    }
}

#[test]
fn a_link_streams_at_one_a_cycle_once_the_queue_covers_the_credits_way() {
    // A slot is away for hop + credit cycles: a depth d carries d / (hop + credit) a cycle.
    for (hop_cycles, credit_cycles) in [(1, 1), (3, 2)] {
        for queue_depth in 1..=6 {
            let spec = TrafficSpec {
                columns: 2,
                rows: 1,
                pattern: Pattern::BitComplement,
                hop_cycles,
                credit_cycles,
                queue_depth,
                ..published(2, 1.0, 4_000)
            };
            let run = run(&spec).unwrap();
            let carried = (f64::from(queue_depth) / f64::from(hop_cycles + credit_cycles)).min(1.0);
            let ours = run.accepted_rate;
            assert!((ours - carried).abs() < 0.01, "{hop_cycles} {queue_depth}: {ours} {carried}");
            assert_eq!(run.saturated, carried < 1.0);
        }
    }
}
