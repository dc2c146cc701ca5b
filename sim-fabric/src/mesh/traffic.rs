//! Open-loop traffic: packets of one wavelet to random places, to be compared with network
//! simulators.
//!
//! ```text
//!   births ─► source queue ─► ramp ─┐             ┌─► ramp ─► PE
//!             (no bound)            ▼             │
//!   link ─► ring of queue_depth ─► turns: output, crossing ─► link ─► the neighbour's ring
//!                  │                                             (hop_cycles)
//!                  └─ slot free again credit_cycles later
//! ```
//!
//! The colours of a program cannot name a random place, so these routers read the place off the
//! packet and go along the row first, then along the column; such routes cannot deadlock. Each cycle
//! a router takes, per output, one packet of those whose inputs stand first and want it, in turn
//! (`traffic/router.rs` says how). The ramp takes one packet a cycle each way and its PE never refuses.
//!
//! Latency is counted from birth to the end of the cycle in which the PE has the packet: both ramps,
//! one cycle and the hops, exactly, on an empty mesh.
//!
//! Births go on while the measured packets drain. A run ends when these are delivered, or, saturated,
//! after as many cycles of drain as it had of warm-up and measurement.
//!
//! The output (a virtual channel, of which there is one) and the crossing of the switch are given
//! away separately and in the same cycle, as in the mesh of BookSim2 (N. Jiang et al., "A Detailed
//! and Flexible Cycle-Accurate Network-on-Chip Simulator", ISPASS 2013) with one virtual channel,
//! one iteration of iSLIP and speculation; its published latencies are held in the tests, and nothing
//! is fitted to them.
//!
//! Deviations: the credits of the ramps are not modelled, since a source has no bound and a PE never
//! refuses. A wafer's router has no such traffic; how its output turns would part under
//! back-pressure is BookSim's answer, not a measurement.

mod measure;
pub mod pattern;
mod router;
mod source;
pub mod spec;
mod state;

pub use pattern::Pattern;
pub use spec::{TrafficError, TrafficSpec};

use super::wavelet::wheel::bits;
use state::Engine;

/// What traffic did.
#[derive(Clone, Debug, PartialEq)]
pub struct TrafficRun {
    /// Whether the mesh could not carry what was offered.
    pub saturated: bool,
    /// Latencies of the measured packets; none where the mesh is saturated or no packet was born.
    pub latency: Option<Latency>,
    /// Packets born in the measured cycles `[packets per node and cycle]`.
    pub offered_rate: f64,
    /// Packets delivered in the measured cycles `[packets per node and cycle]`.
    pub accepted_rate: f64,
    /// Links crossed by all packets of the run `[wavelets]`.
    pub wavelet_hops: u64,
    /// Use of the busiest link `[wavelets per cycle]`.
    pub link_load_max: f64,
    /// Cycles simulated, the drain included.
    pub cycles: u64,
    /// Packets that left their source queue.
    pub entered: u64,
    /// Packets delivered.
    pub delivered: u64,
    /// Packets on the mesh at the end.
    pub in_flight: u64,
}

/// Latency from birth to delivery, waiting at the source included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// Mean `[cycles]`.
    pub mean: f64,
    /// What 99 of 100 packets do not exceed `[cycles]`.
    pub p99: u32,
    /// The mean on an empty mesh: end points and hops alone `[cycles]`.
    pub zero_load_mean: f64,
}

/// Runs open-loop traffic.
pub fn run(spec: &TrafficSpec) -> Result<TrafficRun, TrafficError> {
    spec.check()?;
    let mut engine = Engine::new(spec);
    let end = engine.run();
    engine.count_waiting();
    engine.report(end)
}

impl Engine<'_> {
    /// Runs until all measured packets are delivered, or the drain has lasted as long as the run
    /// and an empty mesh's longest way; says how many cycles that took.
    fn run(&mut self) -> u32 {
        let spec = self.spec;
        let way = spec.end_point_cycles() + spec.hop_cycles * (spec.columns + spec.rows);
        let limit = 2 * spec.cycles + way;
        while let Some(now) = self.wheel.next() {
            if now >= limit || now >= spec.cycles && self.behind == 0 && self.measure.left == 0 {
                return now.min(limit);
            }
            self.wheel.enter(now);
            if !self.wheel.begin() {
                continue;
            }
            for mark in 0..self.wheel.marks() {
                for word in bits(self.wheel.take_marks(mark)) {
                    let word = mark * 64 + word;
                    for bit in bits(self.wheel.take_word(word)) {
                        self.step(word * 64 + bit, now);
                    }
                }
            }
        }
        spec.cycles
    }

    fn report(&self, end: u32) -> Result<TrafficRun, TrafficError> {
        let measure = &self.measure;
        let saturated = measure.saturated() || self.behind > 0;
        let carried = || self.routers.iter().flat_map(|router| router.carried);
        let in_flight = self.routers.iter().flat_map(|router| router.len).map(u64::from).sum();
        let (offered_rate, accepted_rate) = measure.rates(self.routers.len());
        self.keep_laws(in_flight, end)?;
        let latency = measure.means().zip(measure.p99()).filter(|_| !saturated);
        Ok(TrafficRun {
            saturated,
            latency: latency.map(|((mean, zero_load_mean), p99)| Latency {
                mean,
                p99,
                zero_load_mean,
            }),
            offered_rate,
            accepted_rate,
            wavelet_hops: carried().map(u64::from).sum(),
            link_load_max: f64::from(carried().max().unwrap_or(0)) / f64::from(end.max(1)),
            cycles: u64::from(end),
            entered: measure.entered,
            delivered: measure.delivered,
            in_flight,
        })
    }

    /// Refuses a run that lost or doubled a packet, overfilled a link or beat the empty mesh.
    fn keep_laws(&self, in_flight: u64, end: u32) -> Result<(), TrafficError> {
        let measure = &self.measure;
        let law = |kept, what: &str| match kept {
            true => Ok(()),
            false => Err(TrafficError::Law(what.to_string())),
        };
        let accounted = measure.delivered + in_flight;
        law(measure.entered == accounted, "packets entered = delivered + in flight")?;
        let busiest = self.routers.iter().flat_map(|router| router.carried).max();
        law(busiest <= Some(end + 1), "a link carries one wavelet a cycle")?;
        let means = measure.means().filter(|_| measure.left == 0);
        law(means.is_none_or(|(mean, empty)| mean >= empty), "no packet beats the empty mesh")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As [`run`], the routers of each cycle taken from last to first.
    fn run_backwards(spec: &TrafficSpec) -> TrafficRun {
        let mut engine = Engine::new(spec);
        while let Some(now) = engine.wheel.next().filter(|&now| now < spec.cycles) {
            engine.wheel.enter(now);
            engine.wheel.begin();
            let mut awake = Vec::new();
            for mark in 0..engine.wheel.marks() {
                for word in bits(engine.wheel.take_marks(mark)) {
                    let word = mark * 64 + word;
                    awake.extend(bits(engine.wheel.take_word(word)).map(|bit| word * 64 + bit));
                }
            }
            for &node in awake.iter().rev() {
                engine.step(node, now);
            }
        }
        let end = engine.run();
        engine.count_waiting();
        engine.report(end).unwrap()
    }

    #[test]
    fn the_order_in_which_routers_are_taken_changes_nothing() {
        for (hop_cycles, credit_cycles, queue_depth) in [(1, 1, 2), (1, 1, 8), (3, 2, 8), (2, 5, 3)]
        {
            for rate in [0.1, 0.3, 0.5] {
                let spec = TrafficSpec {
                    columns: 9,
                    rows: 7,
                    pattern: Pattern::Uniform,
                    rate,
                    cycles: 2_000,
                    queue_depth,
                    hop_cycles,
                    ramp_cycles: 2,
                    credit_cycles,
                    seed: 3,
                };
                assert_eq!(run(&spec).unwrap(), run_backwards(&spec), "{hop_cycles} {rate}");
            }
        }
    }
}
