//! Open-loop traffic, held against a published mesh, closed forms and its own laws.
#![expect(clippy::unwrap_used, reason = "a test whose traffic is refused has failed")]

mod traffic {
    mod conservation;
    mod curve;
    mod differential;
    mod probe;
}

use sim_fabric::mesh::traffic::{Pattern, TrafficSpec};

/// The router of the published mesh: three cycles a hop, eight slots, credits back in two cycles.
fn published(side: u32, rate: f64, cycles: u32) -> TrafficSpec {
    TrafficSpec {
        columns: side,
        rows: side,
        pattern: Pattern::Uniform,
        rate,
        cycles,
        queue_depth: 8,
        hop_cycles: 3,
        ramp_cycles: 2,
        credit_cycles: TrafficSpec::usual_credit_cycles(3),
        seed: 42,
    }
}
