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

pub mod gemv;

use super::field::Field;
use super::instruction::Spot;
use super::phase::{Axis, LinePhase, LocalPhase, Phase};
use super::timer::{Spent, Timer};
use crate::error::Error;
use sim_fabric::mesh::collective::{Collective, Reduce};
use sim_fabric::mesh::program::DType;
use sim_sram::{Cost, Kind, VectorOp};

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
    ways: Ways,
    /// What happens.
    pub phases: Vec<Phase>,
}

impl<'a> Writer<'a> {
    /// Nothing yet.
    pub fn new(timer: &'a Timer, ways: Ways) -> Self {
        Self { timer, ways, phases: Vec::new() }
    }

    /// Adds work in each PE; what follows other work needs no new task.
    fn local(&mut self, cost: Cost) {
        let pe = &self.timer.pe;
        match self.phases.last_mut() {
            Some(Phase::Local(before)) => before.cost += cost,
            _ => {
                let mut first = cost;
                first.waiting += u64::from(pe.task_start_cycles);
                first.waiting -= u64::from(pe.gap_cycles);
                self.phases.push(LocalPhase::timed(first));
            }
        }
    }

    /// One operation over `elements` in each PE.
    pub fn each(&mut self, kind: Kind, elements: u32) {
        if elements > 0 {
            let cost = self.timer.pe.cost(VectorOp { kind, inner: elements, outer: 1 });
            self.local(cost);
        }
    }

    /// The loop of `times` multiply-adds of a scalar and `length` elements.
    pub fn multiply(&mut self, kind: Kind, length: u32, times: u32) {
        if length > 0 && times > 0 {
            let cost = self.timer.pe.repeated(VectorOp { kind, inner: length, outer: 1 }, times);
            self.local(cost);
        }
    }

    /// Partial results of `line.0` PEs in `line.1` lines come to their middles and go out again.
    ///
    /// # Errors
    /// [`Error::Simulation`] if an engine fails.
    pub fn all_reduce(
        &mut self,
        axis: Axis,
        line: (u32, u32),
        elements: u32,
        what: (DType, bool),
    ) -> Result<(), Error> {
        self.reduce(axis, line, elements, what)?;
        self.broadcast(axis, line, elements, what.0);
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
        elements: u32,
        (dtype, max): (DType, bool),
    ) -> Result<(), Error> {
        if pes > segments && elements > 0 {
            let by = self.fastest(pes / segments, elements, dtype, max)?;
            let collective = Collective::Reduce { by, max };
            let line =
                LinePhase { axis, pes, segments, collective, elements, dtype, on: Spot::default() };
            self.phases.push(Phase::Line(line));
        }
        Ok(())
    }

    /// The middle of each line hands `elements` to all of its PEs.
    pub fn broadcast(
        &mut self,
        axis: Axis,
        (pes, segments): (u32, u32),
        elements: u32,
        dtype: DType,
    ) {
        if pes > segments && elements > 0 {
            let collective = Collective::Broadcast;
            let line =
                LinePhase { axis, pes, segments, collective, elements, dtype, on: Spot::default() };
            self.phases.push(Phase::Line(line));
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
                    let by = Reduce::Tree { groups: vec![group, length.div_ceil(group)] };
                    let time = self.timer.reduce_time(&by, length, elements, dtype, max)?;
                    if best.as_ref().is_none_or(|(least, _)| time < *least) {
                        best = Some((time, by));
                    }
                }
                Ok(best.map_or(Reduce::Tree { groups: vec![length.max(2)] }, |(_, by)| by))
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

    /// Runs the phases from an even start on `grid`.
    ///
    /// # Errors
    /// [`Error::Simulation`] if an engine fails.
    pub fn run(&self, grid: Grid) -> Result<Spent, Error> {
        self.timer.run(&self.phases, &mut Field::new(grid.columns, grid.rows))
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
