//! The fixed grid: a layer on a square of PEs as published wafer-scale inference lays it out.
//!
//! ```text
//!            S: columns                     x lies along one axis, the same in every line of it
//!      +--+--+--+--+--+                     y = x W: each PE multiplies its tile,
//!      |  |  |  |  |  |  O: rows            the partial sums of a line come to its middle (two levels),
//!      +--+--+--+--+--+                     and go out to the whole line from there:
//!      |  |  |  |  |  |                     y lies along the other axis, the same in every line of it
//!      +--+--+--+--+--+
//! ```
//! Products alternate between the axes, so nothing is transposed. Every matrix is cut over the whole
//! grid. Local products are loops of multiply-adds with a scalar ([`PeSpec::repeated`]).
//!
//! [`PeSpec::repeated`]: sim_sram::PeSpec::repeated

pub mod attend;
pub mod bands;
pub mod buffers;
pub mod decode;
pub mod gemm;
pub mod gemv;
pub mod prefill;
pub mod prompt;
pub mod rounds;
pub mod route;
pub mod token;

use super::field::Field;
use super::instruction::{Instruction, Place, Spot};
use super::phase::{Axis, LinePhase, LocalPhase, Phase};
use super::timer::{Spent, Timer};
use crate::error::Error;
use sim_fabric::mesh::collective::{Collective, Reduce};
use sim_fabric::mesh::program::{DType, OpKind};
use sim_sram::{Cost, Kind, PeSpec, VectorOp};

/// A grid of PEs that works on one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grid {
    /// PEs along S.
    pub columns: u32,
    /// PEs along O.
    pub rows: u32,
}

impl Grid {
    /// PEs along `axis`.
    pub fn along(self, axis: Axis) -> u32 {
        match axis {
            Axis::S => self.columns,
            Axis::O => self.rows,
        }
    }
}

/// Which ways to combine partial sums are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ways {
    /// Trees of two levels alone, as published; their groups are searched.
    TwoLevels,
    /// All that the mapper knows.
    All,
}

/// Phases of a program on a grid while they are written.
pub struct Writer<'a> {
    timer: &'a Timer,
    grid: Grid,
    ways: Ways,
    /// What happens.
    pub phases: Vec<Phase>,
}

impl<'a> Writer<'a> {
    /// A task that starts.
    pub fn new(timer: &'a Timer, grid: Grid, ways: Ways) -> Self {
        Self { timer, grid, ways, phases: vec![LocalPhase::timed(timer.pe.start())] }
    }

    /// What follows in a task that runs.
    pub fn behind(timer: &'a Timer, grid: Grid, ways: Ways) -> Self {
        Self { timer, grid, ways, phases: Vec::new() }
    }

    /// Adds work in each PE.
    fn local(&mut self, cost: Cost, instructions: impl IntoIterator<Item = Instruction>) {
        if !matches!(self.phases.last(), Some(Phase::Local(_))) {
            self.phases.push(Phase::Local(LocalPhase::default()));
        }
        if let Some(Phase::Local(last)) = self.phases.last_mut() {
            last.cost += cost;
            last.instructions.extend(instructions);
        }
    }

    /// One operation over nested lengths, innermost first.
    pub fn op(&mut self, unit: Kind, what: OpKind, lengths: &[u32], to: Place, from: &[Place]) {
        if !lengths.contains(&0) {
            let op = Instruction::new(unit, what, lengths, to, from);
            self.local(self.timer.pe.cost(op.cost()), [op]);
        }
    }

    /// `to += a * b`, a loop of multiply-adds over the innermost length, one for each of the others.
    fn looped(&mut self, kind: Kind, lengths: &[u32], to: Place, [a, b]: [Place; 2]) {
        if !lengths.contains(&0) {
            let op = Instruction::new(kind, OpKind::Fma, lengths, to, &[a, b, to]);
            let times = lengths[1..].iter().product();
            let one = VectorOp { kind, inner: lengths[0], outer: 1 };
            self.local(self.timer.pe.repeated(one, times), [op]);
        }
    }

    /// `y[outs] += w[ins][outs] x[ins]`: a loop over the scalars of x.
    pub fn multiply(&mut self, kind: Kind, (outs, ins): (u32, u32), [y, w, x]: [Place; 3]) {
        let (w, x) = (w.with([1, outs as i32]), x.with([0, 1]));
        self.looped(kind, &[outs, ins], y.with([1, 0]), [w, x]);
    }

    /// `c[m, n] += a[m, k] * b[k, n]` in each PE: a loop over the scalars of one factor, whichever
    /// takes less time.
    pub fn product(&mut self, kind: Kind, shape: (u32, u32, u32), places: Factors) {
        self.product_from(kind, shape, places, Place::from);
    }

    /// The same where `of_b` says where b is found from its first element.
    pub fn product_from(
        &mut self,
        kind: Kind,
        shape: (u32, u32, u32),
        places: Factors,
        of_b: impl Fn(Spot) -> Place,
    ) {
        let (m, k, n) = shape;
        let Factors { c, a, b } = places;
        let from_b = |by: [i32; 3]| of_b(b.0).with(by);
        let place = |(first, _): (Spot, [i32; 2]), by: [i32; 3]| Place::strided(first, by);
        match by_rows(&self.timer.pe, kind, shape) {
            true => {
                let c = place(c, [c.1[1], 0, c.1[0]]);
                let factors = [place(a, [0, a.1[1], a.1[0]]), from_b([b.1[1], b.1[0], 0])];
                self.looped(kind, &[n, k, m], c, factors);
            }
            false => {
                let c = place(c, [c.1[0], 0, c.1[1]]);
                let factors = [place(a, [a.1[0], a.1[1], 0]), from_b([0, b.1[0], b.1[1]])];
                self.looped(kind, &[m, k, n], c, factors);
            }
        }
    }

    /// Type in which partial sums travel.
    pub fn sums(&self) -> DType {
        if self.timer.pe.sum_bits > 16 { DType::F32 } else { DType::F16 }
    }

    /// `elements` of the first PE of each line go to the last.
    pub fn send(&mut self, axis: Axis, pes: u32, what: (u32, Spot)) {
        if pes > 1 && what.0 > 0 {
            self.move_along(axis, (pes, 1), Collective::Send, what, DType::F16);
        }
    }

    /// `elements` of `pes` PEs come to the middle of each line, side by side.
    pub fn gather(&mut self, axis: Axis, pes: u32, what: (u32, Spot)) {
        if pes > 1 && what.0 > 0 {
            let collective = Collective::Gather { every: 1, offset: 0 };
            self.move_along(axis, (pes, 1), collective, what, DType::F16);
        }
    }

    /// Adds a collective along the lines of `axis`, on so many elements of a buffer.
    pub fn move_along(
        &mut self,
        axis: Axis,
        (pes, segments): (u32, u32),
        collective: Collective,
        (elements, on): (u32, Spot),
        dtype: DType,
    ) {
        let line = LinePhase { axis, pes, segments, collective, elements, dtype, on };
        self.phases.push(Phase::Line(line));
    }

    /// Partial results of `line.0` PEs in `line.1` lines come to their middles and go out again; where
    /// it is one line, to all PEs of the grid.
    ///
    /// # Errors
    /// [`Error::Simulation`] if an engine fails.
    pub fn all_reduce(
        &mut self,
        axis: Axis,
        line: (u32, u32),
        what: (u32, Spot),
        how: (DType, bool),
    ) -> Result<(), Error> {
        self.reduce(axis, line, what, how)?;
        let to = if line.1 == 1 { (self.grid.along(axis), 1) } else { line };
        self.broadcast(axis, to, what, how.0);
        Ok(())
    }

    /// Partial results of `pes` PEs in `segments` lines come to their middles.
    ///
    /// # Errors
    /// [`Error::Simulation`] if an engine fails.
    pub fn reduce(
        &mut self,
        axis: Axis,
        (pes, segments): (u32, u32),
        what: (u32, Spot),
        (dtype, max): (DType, bool),
    ) -> Result<(), Error> {
        if pes > segments && what.0 > 0 {
            let by = self.fastest(pes / segments, what.0, dtype, max)?;
            self.move_along(axis, (pes, segments), Collective::Reduce { by, max }, what, dtype);
        }
        Ok(())
    }

    /// The middle of each line hands elements to all of its PEs.
    pub fn broadcast(
        &mut self,
        axis: Axis,
        (pes, segments): (u32, u32),
        what: (u32, Spot),
        dtype: DType,
    ) {
        if pes > segments && what.0 > 0 {
            self.move_along(axis, (pes, segments), Collective::Broadcast, what, dtype);
        }
    }

    fn fastest(
        &self,
        length: u32,
        elements: u32,
        dtype: DType,
        max: bool,
    ) -> Result<Reduce, Error> {
        match self.ways {
            Ways::All => self.timer.best_reduce(length, 1, elements, dtype, max),
            Ways::TwoLevels => {
                let mut best: Option<(u64, Reduce)> = None;
                for group in groups(length) {
                    let by = Reduce::Chains { group };
                    let time = self.timer.reduce_time(&by, length, elements, dtype, max)?;
                    if best.as_ref().is_none_or(|(least, _)| time < *least) {
                        best = Some((time, by));
                    }
                }
                Ok(best.map_or(Reduce::Chain, |(_, by)| by))
            }
        }
    }

    /// How partial results are combined, each way once.
    pub fn how(&self) -> String {
        let mut ways: Vec<String> = Vec::new();
        for phase in &self.phases {
            if let Phase::Line(LinePhase { collective: Collective::Reduce { by, .. }, .. }) = phase
            {
                let by = by.to_string();
                if !ways.contains(&by) {
                    ways.push(by);
                }
            }
        }
        ways.join(" + ")
    }

    /// Runs the phases from an even start.
    ///
    /// # Errors
    /// [`Error::Simulation`] if an engine fails.
    pub fn run(&self) -> Result<Spent, Error> {
        let Grid { columns, rows } = self.grid;
        self.timer.run(&self.phases, &mut Field::new(columns, rows))
    }
}

/// Where the factors and the result of `c[m, n] += a[m, k] * b[k, n]` lie: first elements, and
/// distances along the two lengths in this order `[elements]`.
#[derive(Clone, Copy, Debug)]
pub struct Factors {
    /// Strides along m and n.
    pub c: (Spot, [i32; 2]),
    /// Strides along m and k.
    pub a: (Spot, [i32; 2]),
    /// Strides along k and n.
    pub b: (Spot, [i32; 2]),
}

fn looped(pe: &PeSpec, kind: Kind, length: u32, times: u32) -> Cost {
    pe.repeated(VectorOp { kind, inner: length, outer: 1 }, times)
}

/// Whether a loop over the elements of `a` with rows of `b` takes no longer than one over those of `b`
/// with columns of `a`.
fn by_rows(pe: &PeSpec, kind: Kind, (m, k, n): (u32, u32, u32)) -> bool {
    looped(pe, kind, n, m * k).total() <= looped(pe, kind, m, k * n).total()
}

/// Cost of `c[m, n] += a[m, k] * b[k, n]` as a loop of multiply-adds with a scalar.
pub fn product(pe: &PeSpec, kind: Kind, shape: (u32, u32, u32)) -> Cost {
    let (m, k, n) = shape;
    match by_rows(pe, kind, shape) {
        true => looped(pe, kind, n, m * k),
        false => looped(pe, kind, m, k * n),
    }
}

/// Members of a group that are tried on a line of `length` PEs: around its root.
fn groups(length: u32) -> Vec<u32> {
    let root = length.isqrt();
    let mut list: Vec<u32> = [4, 5, 6, 7, 8, 10, 12]
        .iter()
        .map(|eighths| root * eighths / 8)
        .filter(|group| *group >= 2 && group * 2 <= length)
        .collect();
    list.dedup();
    list
}
