//! What each PE of a part does for one token: taken from the phases as they were run.
//!
//! A phase keeps PEs of a rectangle around the middle of the part's own busy: all of them alike where
//! they work in their own memory, and by their place on the line where words move. So a map is a sum
//! of stripes, each a profile along one axis that holds over a range of the other.
//!
//! - busy: cycles in which the datapath works, reads memory, or has a wavelet at the ramp. Set-up and
//!   waiting are the rest.
//! - words: wavelets that leave the router over its links to neighbours, with those of other PEs.
//! - SRAM: bytes by the ledger, as the fullest PE of each operator's rectangle has them.
//!
//! What goes on from one band to the next is not in these maps: it passes other parts' routers.

use super::layer::LayerRun;
use super::phase::{Axis, LinePhase, Phase};
use super::timer::Timer;
use reports::outcome::{PeMap, Stripe};
use sim_fabric::mesh::collective::Collective;
use sim_fabric::mesh::program::{Operand, Program};
use sim_fabric::mesh::stream;
use std::collections::BTreeMap;

/// The map of the part called `kind` as it ran on `size` columns and rows, each of whose PEs keeps
/// `reserve` of `capacity` bytes beside what operators store.
pub fn map(
    timer: &Timer,
    kind: &str,
    run: &LayerRun,
    size: [u32; 2],
    (reserve, capacity): (u64, u64),
) -> PeMap {
    let [columns, rows] = size;
    let mut busy = Field::new(size);
    let mut words = Field::new(size);
    let mut sram = Field::new(size);
    sram.fill([columns, rows], reserve);
    for timed in &run.operators {
        let rectangle = timed.kernel.rectangle.map(|side| side.max(1));
        let stored: u64 = timed.kernel.memory.iter().map(|(_, bytes)| bytes).sum();
        sram.fill(rectangle, stored);
        for phase in &timed.kernel.phases {
            match phase {
                Phase::Local(local) => {
                    busy.fill(rectangle, local.cost.arithmetic + local.cost.memory);
                }
                Phase::Line(line) if line.collective != Collective::Send => {
                    let program = timer.program(line);
                    busy.line(line, rectangle, &at_ramp(&program));
                    let sent = stream::link_words(&program, timer.fabric());
                    words.line(line, rectangle, &sent.unwrap_or_default());
                }
                Phase::Line(_) => {}
            }
        }
    }
    PeMap {
        part: kind.into(),
        columns,
        rows,
        capacity,
        cycles: run.spent.total(),
        busy: busy.stripes(),
        words: words.stripes(),
        sram: sram.stripes(),
    }
}

/// Wavelets that the operations of each PE take from the fabric or give to it.
fn at_ramp(program: &Program) -> Vec<u64> {
    let of = |pe: usize| {
        let ops = program.class(pe).ops.iter();
        let moving = ops.filter(|op| {
            [op.dst, op.a, op.b].iter().any(|operand| matches!(operand, Operand::Fabric(_)))
        });
        moving.map(|op| u64::from(op.elements.div_ceil(op.dtype.per_wavelet()))).sum()
    };
    (0..program.class_of.len()).map(of).collect()
}

/// Profiles by the axis along which they run and the PEs of the other axis over which they hold.
struct Field {
    size: [u32; 2],
    profiles: BTreeMap<(bool, u32), Vec<u64>>,
}

impl Field {
    fn new(size: [u32; 2]) -> Self {
        Self { size, profiles: BTreeMap::new() }
    }

    /// The profile along an axis (columns, or rows) that holds over `across` PEs of the other.
    fn profile(&mut self, along_rows: bool, across: u32) -> &mut Vec<u64> {
        let [columns, rows] = self.size;
        let (length, other) = if along_rows { (rows, columns) } else { (columns, rows) };
        self.profiles
            .entry((along_rows, across.min(other)))
            .or_insert_with(|| vec![0; length as usize])
    }

    /// All PEs of a rectangle get `value`.
    fn fill(&mut self, [columns, rows]: [u32; 2], value: u64) {
        let profile = self.profile(false, rows);
        let (first, count) = middle(profile.len(), columns as usize);
        profile[first..first + count].iter_mut().for_each(|sum| *sum += value);
    }

    /// The PEs of all lines that a rectangle has get the values of one line.
    fn line(&mut self, line: &LinePhase, [columns, rows]: [u32; 2], values: &[u64]) {
        let along_rows = line.axis == Axis::O;
        let profile = self.profile(along_rows, if along_rows { columns } else { rows });
        let (first, count) = middle(profile.len(), line.pes as usize);
        for (sum, value) in profile[first..first + count].iter_mut().zip(values) {
            *sum += value;
        }
    }

    fn stripes(&self) -> Vec<Stripe> {
        let [columns, rows] = self.size;
        let stripe = |(&(along_rows, across), values): (&(bool, u32), &Vec<u64>)| {
            let other = if along_rows { columns } else { rows };
            let (first, count) = middle(other as usize, across as usize);
            Stripe {
                along: if along_rows { "rows" } else { "columns" }.into(),
                first: first as u32,
                count: count as u32,
                values: Stripe::pack(values),
            }
        };
        self.profiles.iter().filter(|(_, v)| v.iter().any(|&v| v > 0)).map(stripe).collect()
    }
}

/// First and number of the `count` places around the middle of `length`.
fn middle(length: usize, count: usize) -> (usize, usize) {
    let count = count.min(length);
    (length / 2 - count / 2, count)
}
