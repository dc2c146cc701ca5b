//! Against BookSim2 (github.com/booksim/booksim2, run 2026-11): side x side mesh, dimension order,
//! one virtual channel, 8-deep buffers, 3 cycles a hop, credit delay 1, iSLIP with one iteration,
//! speculative allocation, Bernoulli injection, latency with the wait at the source. Its zero load is
//! 5 + 3 x distance, and so is ours: two ramps of 2 cycles and one cycle. Nothing is fitted.
//! Ten seeds of it differ by 0.1-0.5 %.

use crate::published;
use sim_fabric::mesh::traffic::run;

/// Side, cycles, and per offered rate the published mean latency and accepted rate.
type Table = (u32, u32, &'static [(f64, f64, f64)]);

const SMALL: Table = (
    8,
    60_000,
    &[
        (0.01, 20.6631, 0.00972917),
        (0.025, 20.7149, 0.0246823),
        (0.05, 20.8292, 0.0491094),
        (0.1, 20.9206, 0.099099),
        (0.15, 21.2054, 0.148448),
        (0.2, 21.6185, 0.198516),
        (0.25, 22.0507, 0.249042),
        (0.3, 23.0066, 0.298484),
        (0.35, 26.131, 0.348349),
    ],
);

const LARGE: Table = (
    32,
    6_000,
    &[
        (0.00625, 69.0586, 0.00622363),
        (0.01, 68.939, 0.0099821),
        (0.0125, 68.8735, 0.012473),
        (0.025, 69.2826, 0.0249922),
        (0.0375, 69.5798, 0.0375638),
        (0.05, 69.9225, 0.0499821),
        (0.0625, 70.4574, 0.0624043),
        (0.075, 71.2522, 0.0749255),
        (0.0875, 72.7828, 0.0874004),
        (0.1, 76.4207, 0.100099),
    ],
);

fn hold((side, cycles, rows): Table) {
    for &(rate, mean, accepted) in rows {
        let run = run(&published(side, rate, cycles)).unwrap();
        assert!(!run.saturated, "{side} {rate}");
        let ours = run.latency.unwrap().mean;
        assert!((ours / mean - 1.0).abs() < 0.01, "{side} {rate}: {ours} for {mean}");
        let ours = run.accepted_rate;
        assert!((ours / accepted - 1.0).abs() < 0.03, "{side} {rate}: {ours} for {accepted}");
    }
}

#[test]
fn an_8x8_mesh_has_the_published_latencies_up_to_its_knee() {
    hold(SMALL);
}

#[test]
fn a_32x32_mesh_has_the_published_latencies_up_to_its_knee() {
    hold(LARGE);
}

#[test]
fn beyond_the_knee_it_is_saturated_and_carries_what_the_published_mesh_carries() {
    // Published with the latencies of a queue that had not stopped growing: 418 and 356 cycles.
    for (side, rate, accepted) in [(8, 0.4, 0.374172), (32, 0.1125, 0.108159)] {
        let run = run(&published(side, rate, 12_000)).unwrap();
        assert!(run.saturated && run.latency.is_none(), "{side}");
        let ours = run.accepted_rate;
        assert!((ours / accepted - 1.0).abs() < 0.02, "{side}: {ours} for {accepted}");
    }
}
