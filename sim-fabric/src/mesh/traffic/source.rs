//! The packets that PEs give birth to, each made only when the one before it has left.
//!
//! A source queue has no bound, and needs no memory: what waits in it follows from the seed, the PE
//! and the number of the packet. So a queue is its first packet, and a PE that waits for its next
//! birth costs nothing.

use super::spec::TrafficSpec;
use sim_core::Stream;

/// Birth of a packet that no run reaches [cycles].
pub(super) const NEVER: u32 = u32::MAX >> 1;

/// The sources of all PEs.
pub(super) struct Sources<'a> {
    spec: &'a TrafficSpec,
    /// ln(1 - rate).
    log_miss: f64,
    streams: Vec<Stream>,
}

/// A packet at its birth.
#[derive(Clone, Copy)]
pub(super) struct Birth {
    /// When [cycles].
    pub(super) at: u32,
    /// Column and row it goes to.
    pub(super) to: (u32, u32),
    /// Links on its way.
    pub(super) hops: u32,
}

impl<'a> Sources<'a> {
    pub(super) fn new(spec: &'a TrafficSpec) -> Self {
        let stream = |node| Stream::new(spec.seed, &format!("traffic {node}"));
        let streams = (0..spec.nodes()).map(stream).collect();
        Self { spec, log_miss: (-spec.rate).ln_1p(), streams }
    }

    /// The packet that PE `node`, at column and row `from`, gives birth to next; births may not
    /// come before cycle `first`.
    pub(super) fn next(&mut self, node: usize, from: (u32, u32), first: u32) -> Birth {
        let draws = &mut self.streams[node];
        // A coin a cycle: the misses before the first hit have a geometric distribution.
        let misses = (1.0 - draws.next_f64()).ln() / self.log_miss;
        if self.spec.rate == 0.0 || misses >= f64::from(NEVER - first) {
            return Birth { at: NEVER, to: from, hops: 0 };
        }
        let sides = (self.spec.columns, self.spec.rows);
        let to = self.spec.pattern.destination(from, sides, draws);
        let hops = from.0.abs_diff(to.0) + from.1.abs_diff(to.1);
        Birth { at: first + misses as u32, to, hops }
    }
}
