//! Times below which no algorithm can be, whatever it does: checked on every run.

use sim_fabric::mesh::collective::request::{Goal, Request};
use sim_fabric::mesh::spec::FabricSpec;

/// Lower bounds of a collective's time [cycles].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// All PEs' additions, one word a cycle in each; a broadcast's words taken.
    pub(super) compute: u64,
    /// The root's words through its ramp.
    pub(super) bandwidth: u64,
    /// One sum's words over all links across the middle.
    pub(super) bisection: u64,
    /// From the farthest PE that has to be heard, over both ramps.
    pub(super) distance: u64,
}

impl Bounds {
    /// Bounds of `request`, whatever its algorithm but for where the root stands.
    pub(super) fn of(request: &Request, spec: &FabricSpec) -> Self {
        let (columns, rows) = (u64::from(request.shape.columns), u64::from(request.shape.rows));
        let pes = columns * rows;
        let words = u64::from(request.elements.div_ceil(request.dtype.per_wavelet()));
        if pes < 2 {
            return Self { compute: 0, bandwidth: 0, bisection: 0, distance: 0 };
        }
        let (x, y) = request.root();
        let (x, y) = (u64::from(x), u64::from(y));
        let farthest = x.max(columns - 1 - x) + y.max(rows - 1 - y);
        let hops = match request.goal {
            Goal::AllReduce => columns + rows - 2,
            Goal::Reduce | Goal::Broadcast => farthest,
        };
        let across = if columns >= rows { rows } else { columns };
        Self {
            compute: match request.goal {
                Goal::Broadcast => words,
                _ => (words * (pes - 1)).div_ceil(pes),
            },
            bandwidth: words,
            bisection: words.div_ceil(across),
            distance: hops * u64::from(spec.hop_cycles) + 2 * u64::from(spec.ramp_cycles) + 1,
        }
    }

    /// The bound above `cycles`, if there is one: a bug.
    pub(super) fn broken(&self, cycles: u64) -> Option<(&'static str, u64)> {
        let all = [
            ("compute", self.compute),
            ("bandwidth", self.bandwidth),
            ("bisection", self.bisection),
            ("distance", self.distance),
        ];
        all.into_iter().find(|(_, bound)| *bound > cycles)
    }
}
