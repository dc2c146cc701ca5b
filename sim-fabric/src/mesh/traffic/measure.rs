//! What is counted while traffic runs, and the verdict.

use super::source::Birth;
use super::spec::TrafficSpec;
use std::ops::Range;

/// Waiting that grows by more than this from one birth cycle to the next is a queue that fills
/// [cycles per cycle]: one packet in a hundred that is offered is not carried.
const GROWTH: f64 = 0.01;

/// Latencies that are counted without asking for more memory first [cycles].
const MANY: u32 = 1 << 16;

/// Counters of a run.
pub(super) struct Measure {
    /// Cycles whose packets are measured.
    window: Range<u32>,
    /// First cycle of the window's second half.
    middle: u32,
    /// Latency without a hop, and of a hop [cycles].
    end_points: u32,
    hop: u32,
    /// Packets born in the window and not delivered.
    pub(super) left: u64,
    /// Packets born in the window.
    born: u64,
    /// Packets that have left their source queue, and packets delivered.
    pub(super) entered: u64,
    pub(super) delivered: u64,
    /// Packets delivered in the window, whenever born.
    accepted: u64,
    /// Measured packets by latency; index [cycles].
    by_latency: Vec<u64>,
    /// Per half of the window: packets delivered, their latencies, their latencies on an empty mesh.
    halves: [Half; 2],
}

#[derive(Clone, Copy, Default)]
struct Half {
    delivered: u64,
    latency: u64,
    born: u64,
    empty: u64,
}

impl Half {
    /// Mean time lost to others [cycles].
    fn wait(&self) -> f64 {
        self.latency as f64 / self.delivered as f64 - self.empty as f64 / self.born as f64
    }
}

impl Measure {
    pub(super) fn new(spec: &TrafficSpec) -> Self {
        let window = spec.warm_up()..spec.cycles;
        let longest = spec.end_point_cycles() + spec.hop_cycles * (spec.columns + spec.rows);
        Self {
            middle: window.start + (window.end - window.start) / 2,
            window,
            end_points: spec.end_point_cycles(),
            hop: spec.hop_cycles,
            left: 0,
            born: 0,
            entered: 0,
            delivered: 0,
            accepted: 0,
            by_latency: vec![0; 2 * longest.min(MANY) as usize],
            halves: [Half::default(); 2],
        }
    }

    /// Counts a birth.
    #[inline]
    pub(super) fn birth(&mut self, birth: &Birth) {
        if self.window.contains(&birth.at) {
            self.born += 1;
            self.left += 1;
            let half = &mut self.halves[usize::from(birth.at >= self.middle)];
            half.born += 1;
            half.empty += u64::from(self.end_points + birth.hops * self.hop);
        }
    }

    /// Counts the delivery in cycle `now` of a packet born in cycle `birth`.
    #[inline]
    pub(super) fn delivery(&mut self, birth: u32, now: u32) {
        self.delivered += 1;
        self.accepted += u64::from(self.window.contains(&now));
        if self.window.contains(&birth) {
            self.left -= 1;
            let latency = now - birth;
            let half = &mut self.halves[usize::from(birth >= self.middle)];
            half.delivered += 1;
            half.latency += u64::from(latency);
            if latency as usize >= self.by_latency.len() {
                self.by_latency.resize(2 * latency as usize + 1, 0);
            }
            self.by_latency[latency as usize] += 1;
        }
    }

    /// Packets per node and cycle: offered, accepted.
    pub(super) fn rates(&self, nodes: usize) -> (f64, f64) {
        let places = nodes as f64 * f64::from(self.window.end - self.window.start);
        (self.born as f64 / places, self.accepted as f64 / places)
    }

    /// Whether queues fill as long as packets come.
    ///
    /// On a mesh that carries what is offered, packets born late wait no longer than packets born
    /// early. On one that does not, each waits longer than the one before it: with a share `e` of the
    /// load left over, by `e` cycles a cycle. A difference of less than half an empty mesh's latency
    /// is chance.
    pub(super) fn saturated(&self) -> bool {
        let [early, late] = self.halves;
        if self.left > 0 {
            return true;
        }
        if early.born == 0 || late.born == 0 {
            return false;
        }
        let growth = late.wait() - early.wait();
        let half = f64::from(self.window.end - self.window.start) / 2.0;
        let chance = 0.5 * (early.empty + late.empty) as f64 / (early.born + late.born) as f64;
        growth > (GROWTH * half).max(chance)
    }

    /// Mean latency, and the mean it would be on an empty mesh, of all measured packets [cycles].
    pub(super) fn means(&self) -> Option<(f64, f64)> {
        let [early, late] = self.halves;
        let packets = (early.delivered + late.delivered) as f64;
        let mean = |sum: u64| sum as f64 / packets;
        (packets > 0.0)
            .then(|| (mean(early.latency + late.latency), mean(early.empty + late.empty)))
    }

    /// The latency that 99 of 100 measured packets do not exceed [cycles].
    pub(super) fn p99(&self) -> Option<u32> {
        let packets = self.halves.iter().map(|half| half.delivered).sum::<u64>();
        let rank = (packets * 99).div_ceil(100);
        let mut seen = 0;
        let reached = |&count: &u64| {
            seen += count;
            seen >= rank
        };
        let found = self.by_latency.iter().position(reached).filter(|_| packets > 0);
        found.map(|latency| latency as u32)
    }
}
