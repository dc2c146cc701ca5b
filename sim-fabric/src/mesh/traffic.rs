//! Open-loop traffic.

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
    /// Packets born in the measured cycles [packets per node and cycle].
    pub offered_rate: f64,
    /// Packets delivered in the measured cycles [packets per node and cycle].
    pub accepted_rate: f64,
    /// Links crossed by all packets of the run [wavelets].
    pub wavelet_hops: u64,
    /// Use of the busiest link [wavelets per cycle].
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
    /// Mean [cycles].
    pub mean: f64,
    /// What 99 of 100 packets do not exceed [cycles].
    pub p99: u32,
    /// The mean on an empty mesh: end points and hops alone [cycles].
    pub zero_load_mean: f64,
}

/// Runs open-loop traffic.
pub fn run(spec: &TrafficSpec) -> Result<TrafficRun, TrafficError> {
    spec.check()?;
    let mut engine = Engine::new(spec);
    let end = engine.run();
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
}
