//! What is to be run, and why it may be refused.

use super::pattern::Pattern;
use serde::{Deserialize, Serialize};

/// Most slots of all queues together, so that a wrong depth is refused before it takes the memory.
const SLOTS: u64 = 1 << 28;

/// Most cycles of warm-up and measurement.
const CYCLES: u32 = 1 << 29;

/// Most cycles of a hop or a ramp: the longest way stays below [`CYCLES`].
const LATENCY: u32 = 1 << 12;

/// Most cycles that a credit takes: so many departures of a link's packets a router remembers.
pub(super) const CREDIT: u32 = 16;

/// Open-loop traffic on a mesh of routers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrafficSpec {
    /// PEs in a row.
    pub columns: u32,
    /// PEs in a column.
    pub rows: u32,
    /// Where packets go.
    pub pattern: Pattern,
    /// Probability that a PE gives birth to a packet in a cycle, 0 to 1.
    pub rate: f64,
    /// Warm-up, the first half, and measurement, the second `[cycles]`.
    pub cycles: u32,
    /// Slots of a router's input queue, per link `[wavelets]`. A slot is taken from the cycle in which
    /// a wavelet leaves the neighbour until [`Self::credit_cycles`] after it left the queue.
    pub queue_depth: u32,
    /// From leaving a router to being able to leave its neighbour `[cycles]`.
    pub hop_cycles: u32,
    /// Between a router and its PE, each way `[cycles]`.
    pub ramp_cycles: u32,
    /// From a wavelet's leaving a queue to the use of its slot by the neighbour `[cycles]`.
    pub credit_cycles: u32,
    /// Seed of all draws.
    pub seed: u64,
}

/// Why traffic was refused or its run cannot be believed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrafficError {
    /// A side of zero, or one too long to be an address.
    #[error("{columns}x{rows} PEs: each side must be 1 to 65535")]
    Shape {
        /// PEs in a row.
        columns: u32,
        /// PEs in a column.
        rows: u32,
    },
    /// The pattern swaps columns and rows.
    #[error("transpose needs as many columns as rows, not {columns}x{rows}")]
    NotSquare {
        /// PEs in a row.
        columns: u32,
        /// PEs in a column.
        rows: u32,
    },
    /// Not a probability.
    #[error("rate {rate} is no probability: it must be 0 to 1 packets per node and cycle")]
    Rate {
        /// Births per node and cycle.
        rate: f64,
    },
    /// A number out of its range.
    #[error("{name} is {value}: it must be {least} to {most}")]
    Range {
        /// The number.
        name: &'static str,
        /// What it is.
        value: u32,
        /// What it must at least be.
        least: u32,
        /// What it must at most be.
        most: u32,
    },
    /// The queues take too much memory.
    #[error("{slots} queue slots in all, more than {SLOTS}: take fewer PEs or a smaller depth")]
    Slots {
        /// Slots of all queues.
        slots: u64,
    },
    /// A law that every run must keep is broken: a bug.
    #[error("broken law: {0}")]
    Law(String),
}

impl TrafficSpec {
    /// Number of PEs.
    pub fn nodes(&self) -> usize {
        self.columns as usize * self.rows as usize
    }

    /// Latency without a hop: both ramps and the cycle in which the PE takes the wavelet `[cycles]`.
    pub fn end_point_cycles(&self) -> u32 {
        2 * self.ramp_cycles + 1
    }

    /// The usual [`Self::credit_cycles`]: one over the link and one to be counted, as in the
    /// published mesh; a router that a wavelet passes in one cycle sees its neighbour as it was when
    /// the cycle began `[cycles]`.
    pub fn usual_credit_cycles(hop_cycles: u32) -> u32 {
        hop_cycles.clamp(1, 2)
    }

    /// Most that uniform traffic can ask for: half of what is born in one half of the longer side
    /// crosses its middle, one packet per link and cycle `[packets per node and cycle]`.
    pub fn uniform_bound(&self) -> Option<f64> {
        // Of a cut with `left` and `side - left` columns, links in the busier direction.
        let crossing = |side: u32| {
            let (left, side) = (f64::from(side / 2), f64::from(side));
            left * (side - left) / side
        };
        let busiest = crossing(self.columns).max(crossing(self.rows));
        let bound = if busiest > 1.0 { 1.0 / busiest } else { 1.0 };
        (self.pattern == Pattern::Uniform).then_some(bound)
    }

    /// First measured cycle.
    pub fn warm_up(&self) -> u32 {
        self.cycles / 2
    }

    /// Refuses what cannot be run.
    pub fn check(&self) -> Result<(), TrafficError> {
        let &Self { columns, rows, rate, .. } = self;
        let side = 1..=u32::from(u16::MAX);
        if !side.contains(&columns) || !side.contains(&rows) {
            return Err(TrafficError::Shape { columns, rows });
        }
        if !(0.0..=1.0).contains(&rate) {
            return Err(TrafficError::Rate { rate });
        }
        let range = |name, value, least, most| match (least..=most).contains(&value) {
            true => Ok(()),
            false => Err(TrafficError::Range { name, value, least, most }),
        };
        range("cycles", self.cycles, 2, CYCLES)?;
        range("queue depth", self.queue_depth, 1, u32::from(u16::MAX))?;
        range("hop cycles", self.hop_cycles, 1, LATENCY)?;
        range("ramp cycles", self.ramp_cycles, 0, LATENCY)?;
        range("credit cycles", self.credit_cycles, 1, CREDIT)?;
        let slots = u64::from(columns) * u64::from(rows) * 4 * u64::from(self.queue_depth);
        if slots > SLOTS {
            return Err(TrafficError::Slots { slots });
        }
        self.pattern.check(columns, rows)
    }
}
