//! Who sends to whom.

use super::spec::TrafficError;
use serde::{Deserialize, Serialize};
use sim_core::Stream;

/// Share of the packets of [`Pattern::Hotspot`] that go to the hot PE; the others are uniform.
pub const HOT_SHARE: f64 = 0.1;

/// Where the packets of a PE go, as network simulators define it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    /// Any PE, the sender included, each as likely.
    Uniform,
    /// From column x, row y to column y, row x; square meshes only.
    Transpose,
    /// To the point reflection: the complement of the index's bits where the sides are powers of two.
    BitComplement,
    /// One in ten to the PE in the middle ([`HOT_SHARE`]), the others uniform.
    Hotspot,
    /// One column and one row further, the last ones back to the first (BookSim's `neighbor`).
    Neighbour,
}

impl Pattern {
    /// Whether this pattern exists on `columns` x `rows` PEs.
    pub(super) fn check(self, columns: u32, rows: u32) -> Result<(), TrafficError> {
        match self {
            Self::Transpose if columns != rows => Err(TrafficError::NotSquare { columns, rows }),
            _ => Ok(()),
        }
    }

    /// The next destination of the PE at column `x`, row `y`.
    pub(super) fn destination(
        self,
        (x, y): (u32, u32),
        (columns, rows): (u32, u32),
        draws: &mut Stream,
    ) -> (u32, u32) {
        match self {
            Self::Uniform => anywhere(columns, rows, draws),
            Self::Transpose => (y, x),
            Self::BitComplement => (columns - 1 - x, rows - 1 - y),
            Self::Hotspot if draws.next_f64() < HOT_SHARE => (columns / 2, rows / 2),
            Self::Hotspot => anywhere(columns, rows, draws),
            Self::Neighbour => {
                let next = |place, side| if place + 1 == side { 0 } else { place + 1 };
                (next(x, columns), next(y, rows))
            }
        }
    }
}

/// Each PE as likely; one draw gives column and row.
fn anywhere(columns: u32, rows: u32, draws: &mut Stream) -> (u32, u32) {
    let bits = draws.next_u64();
    let below = |half: u64, side: u32| ((half * u64::from(side)) >> 32) as u32;
    (below(bits >> 32, columns), below(bits & u64::from(u32::MAX), rows))
}
