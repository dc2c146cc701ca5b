//! Times below which no algorithm can be, whatever it does: checked on every run.

use sim_fabric::mesh::collective::request::{Axis, Goal, Request};
use sim_fabric::mesh::spec::FabricSpec;

/// Lower bounds of a collective's time [cycles].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// All PEs' additions, one word a cycle in each; where nothing is added, the words that each takes.
    pub(super) compute: u64,
    /// What has to pass one ramp: the root's words, or what each PE gets.
    pub(super) bandwidth: u64,
    /// What has to cross the middle, over all its links.
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
        let across = if columns >= rows { rows } else { columns };
        // Of a shift, the line that shifts.
        let line = match request.goal {
            Goal::Shift { along: Axis::Rows, .. } => columns,
            Goal::Shift { along: Axis::Columns, .. } => rows,
            _ => pes,
        };
        if line < 2 {
            return Self { compute: 0, bandwidth: 0, bisection: 0, distance: 0 };
        }
        let sums = (words * (pes - 1)).div_ceil(pes);
        let (compute, bandwidth, bisection, hops) = match request.goal {
            Goal::Reduce => (sums, words, words.div_ceil(across), farthest),
            Goal::AllReduce => (sums, words, words.div_ceil(across), columns + rows - 2),
            Goal::Broadcast => (words, words, words.div_ceil(across), farthest),
            Goal::AllGather => {
                let others = words * (pes - 1);
                (others, others, (words * (pes / 2)).div_ceil(across), columns + rows - 2)
            }
            Goal::Shift { interleaved, .. } => {
                let hops = if interleaved { line.min(3) - 1 } else { line - 1 };
                (words, words, words, hops)
            }
        };
        let distance = hops * u64::from(spec.hop_cycles) + 2 * u64::from(spec.ramp_cycles) + 1;
        Self { compute, bandwidth, bisection, distance }
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
