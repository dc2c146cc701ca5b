//! Runs phases in a fabric engine.
//!
//! Identical lines are simulated once: results are kept under a key of all that decides them (the
//! collective, the line, the words, and the cycles at which its PEs start, from the earliest on).

use super::field::Field;
use super::instruction::Spot;
use super::phase::{LinePhase, Phase};
use crate::error::Error;
use reports::outcome::Counter;
use rustc_hash::FxHashMap;
use sim_fabric::mesh::collective::{Collective, Reduce, Timing, program};
use sim_fabric::mesh::program::{DType, FabricError, Program};
use sim_fabric::mesh::spec::FabricSpec;
use sim_fabric::mesh::{stream, wavelet};
use sim_sram::{Cost, PeSpec};
use std::sync::{Arc, Mutex};

/// Accumulators that a sum of few words goes to in turn, as the published one-word star does.
const ACCUMULATORS: u32 = 4;

/// Which engine timed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Engine {
    /// Trains of wavelets.
    Stream,
    /// Every wavelet: the reference.
    Wavelet,
}

impl Engine {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Stream => "stream",
            Engine::Wavelet => "wavelet",
        }
    }
}

/// How long a phase or a list of them took, by cause `[cycles]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// The datapath at work.
    pub arithmetic: u64,
    /// Beyond that: memory.
    pub memory: u64,
    /// Data on the move.
    pub fabric: u64,
    /// Set-up, gaps, task starts.
    pub waiting: u64,
    /// Wavelet-hops of one line of each phase.
    pub line_hops: u64,
    /// Whether any phase was handed over to the reference engine.
    pub handed_over: bool,
}

impl Spent {
    /// All of it `[cycles]`.
    pub fn total(&self) -> u64 {
        self.arithmetic + self.memory + self.fabric + self.waiting
    }

    /// Adds `other`.
    pub fn add(&mut self, other: &Spent) {
        self.arithmetic += other.arithmetic;
        self.memory += other.memory;
        self.fabric += other.fabric;
        self.waiting += other.waiting;
        self.line_hops += other.line_hops;
        self.handed_over |= other.handed_over;
    }
}

/// What one line did.
struct LineTimes {
    /// Cycle at which each PE is done, from the earliest start on.
    done: Vec<u64>,
    hops: u64,
    handed_over: bool,
}

#[derive(PartialEq, Eq, Hash)]
struct LineKey {
    phase: LinePhase,
    start: Vec<u64>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct ReduceKey {
    pes: u32,
    segments: u32,
    elements: u32,
    dtype: DType,
    max: bool,
}

/// All that a line's times depend on beside its [`LineKey`].
#[derive(Clone, PartialEq, Eq, Hash)]
struct Conditions {
    fabric: FabricSpec,
    timing: Timing,
    engine: Engine,
}

/// What was simulated under some conditions.
#[derive(Default)]
struct Known {
    lines: Mutex<FxHashMap<LineKey, Arc<LineTimes>>>,
    reduces: Mutex<FxHashMap<ReduceKey, Reduce>>,
}

/// What was simulated so far, for timers to share.
#[derive(Clone, Default)]
pub struct Memory {
    known: Arc<Mutex<FxHashMap<Conditions, Arc<Known>>>>,
    /// Ways to combine that were found before, and are kept whatever the conditions.
    kept: Arc<FxHashMap<ReduceKey, Reduce>>,
}

/// Runs phases on given hardware, and remembers lines.
pub struct Timer {
    /// Numbers of a PE.
    pub pe: PeSpec,
    conditions: Conditions,
    known: Arc<Known>,
    kept: Arc<FxHashMap<ReduceKey, Reduce>>,
}

impl Timer {
    /// A timer for this hardware; `engine` is tried first. Lines that `memory` knows are not run again.
    pub fn new(fabric: FabricSpec, pe: PeSpec, engine: Engine, memory: &Memory) -> Self {
        // An operator's operations follow each other in one task, those on the fabric too.
        let timing = Timing {
            lead: pe.gap_cycles + pe.route_load_cycles,
            tail: pe.pipeline_cycles,
            // A link brings one wavelet a cycle: what the datapath could do beyond that is no condition.
            f16_per_cycle: pe.f16_per_cycle.min(DType::F16.per_wavelet()),
            f32_per_cycle: pe.f32_per_cycle.min(DType::F32.per_wavelet()),
            max_per_cycle: pe.max_per_cycle.min(DType::F16.per_wavelet()),
            accumulators: ACCUMULATORS,
        };
        let conditions = Conditions { fabric, timing, engine };
        let known = lock(&memory.known).entry(conditions.clone()).or_default().clone();
        Self { pe, conditions, known, kept: memory.kept.clone() }
    }

    /// Runs `phases` one after another; `field` moves on to when each PE is done.
    pub fn run(&self, phases: &[Phase], field: &mut Field) -> Result<Spent, Error> {
        let mut spent = Spent::default();
        for phase in phases {
            spent.add(&self.step(phase, field)?);
        }
        Ok(spent)
    }

    fn step(&self, phase: &Phase, field: &mut Field) -> Result<Spent, Error> {
        let before = field.last();
        match phase {
            Phase::Local(local) => {
                field.work(local.cost.total());
                let Cost { arithmetic, memory, waiting } = local.cost;
                Ok(Spent { arithmetic, memory, waiting, ..Spent::default() })
            }
            Phase::Line(line) => {
                let times = self.advance(line, field)?;
                let took = field.last() - before;
                let timing = self.conditions.timing;
                let levels = match &line.collective {
                    Collective::Reduce { by: Reduce::Tree { groups }, .. } => groups.len() as u64,
                    Collective::Reduce { by: Reduce::Chains { .. }, .. } => 2,
                    _ => 1,
                };
                let waiting = took.min(levels * u64::from(timing.lead + timing.tail));
                Ok(Spent {
                    fabric: took - waiting,
                    waiting,
                    line_hops: times.hops,
                    handed_over: times.handed_over,
                    ..Spent::default()
                })
            }
        }
    }

    /// Moves `field` on over one collective.
    fn advance(&self, line: &LinePhase, field: &mut Field) -> Result<Arc<LineTimes>, Error> {
        // What is sent on leaves the rectangle: whoever waits for it waits for its last word.
        if line.collective == Collective::Send {
            let times = self.line(line, &mut Field::new(line.pes, line.pes))?;
            field.work(times.done.iter().copied().max().unwrap_or(0));
            return Ok(times);
        }
        let times = self.line(line, field)?;
        let part = middle(field.along(line.axis), line.pes);
        let base = part.iter().copied().min().unwrap_or(0);
        for (ready, done) in part.iter_mut().zip(&times.done) {
            *ready = base + done;
        }
        Ok(times)
    }

    fn line(&self, line: &LinePhase, field: &mut Field) -> Result<Arc<LineTimes>, Error> {
        let part = middle(field.along(line.axis), line.pes);
        let base = part.iter().copied().min().unwrap_or(0);
        let start: Vec<u64> = part.iter().map(|time| time - base).collect();
        let key = LineKey { phase: LinePhase { on: Spot::default(), ..line.clone() }, start };
        if let Some(known) = lock(&self.known.lines).get(&key) {
            return Ok(known.clone());
        }
        let times = Arc::new(self.simulate(line, &key.start)?);
        lock(&self.known.lines).insert(key, times.clone());
        Ok(times)
    }

    /// The program of a line.
    pub fn program(&self, line: &LinePhase) -> Program {
        let timing = &self.conditions.timing;
        program(&line.collective, line.pes, line.segments, line.elements, line.dtype, timing)
    }

    fn simulate(&self, line: &LinePhase, start: &[u64]) -> Result<LineTimes, Error> {
        let program = self.program(line);
        let (run, handed_over) = self.engine_run(&program, start)?;
        let bases = program.op_bases();
        let done = (0..start.len())
            .map(|pe| {
                let ops = bases[pe] as usize..bases[pe + 1] as usize;
                run.done[ops].iter().copied().max().unwrap_or(0).max(start[pe])
            })
            .collect();
        Ok(LineTimes { done, hops: run.hops, handed_over })
    }

    fn engine_run(
        &self,
        program: &Program,
        start: &[u64],
    ) -> Result<(sim_fabric::mesh::program::Run, bool), Error> {
        let failed = |error: FabricError| Error::Simulation(error.to_string());
        if self.conditions.engine == Engine::Stream {
            match stream::run(program, &self.conditions.fabric, start) {
                Ok(run) => return Ok((run, false)),
                Err(FabricError::NotAccepted { .. }) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        let run = wavelet::run(program, &self.conditions.fabric, start).map_err(failed)?;
        Ok((run, self.conditions.engine == Engine::Stream))
    }

    /// What operations on the fabric cost beside their words.
    pub fn timing(&self) -> Timing {
        self.conditions.timing
    }

    /// Numbers of the fabric.
    pub fn fabric(&self) -> &FabricSpec {
        &self.conditions.fabric
    }

    /// Work that was done so far: the distinct lines that were simulated, and their wavelet-hops.
    pub fn work(&self) -> Vec<Counter> {
        let lines = lock(&self.known.lines);
        let hops = lines.values().map(|times| times.hops).sum();
        let counter = |name: &str, value| Counter { name: name.into(), value };
        vec![counter("lines simulated", lines.len() as u64), counter("wavelet-hops", hops)]
    }

    /// The last cycle of a program of `pes` PEs that all start at once.
    ///
    /// # Errors
    /// [`Error::Simulation`] if an engine fails.
    pub fn last_of(&self, program: impl FnOnce(Timing) -> Program, pes: u32) -> Result<u64, Error> {
        let program = program(self.conditions.timing);
        let (run, _) = self.engine_run(&program, &vec![0; pes as usize])?;
        Ok(run.last())
    }

    /// `memory` with the ways to combine that were found here kept for all timers made from it.
    pub fn keep(&self, memory: &Memory) -> Memory {
        let kept = Arc::new(lock(&self.known.reduces).clone());
        Memory { known: memory.known.clone(), kept }
    }

    /// Cycles in which a line of `length` PEs combines `elements` in its middle, from an even start.
    pub fn reduce_time(
        &self,
        by: &Reduce,
        length: u32,
        elements: u32,
        dtype: DType,
        max: bool,
    ) -> Result<u64, Error> {
        let line = LinePhase {
            axis: super::phase::Axis::S,
            pes: length,
            segments: 1,
            collective: Collective::Reduce { by: by.clone(), max },
            elements,
            dtype,
            on: Spot::default(),
        };
        let times = self.line(&line, &mut Field::new(length, 1))?;
        Ok(times.done.iter().copied().max().unwrap_or(0))
    }

    /// The fastest way to combine `elements` along a line, as simulated from an even start.
    pub fn best_reduce(
        &self,
        pes: u32,
        segments: u32,
        elements: u32,
        dtype: DType,
        max: bool,
    ) -> Result<Reduce, Error> {
        let key = ReduceKey { pes, segments, elements, dtype, max };
        if let Some(kept) = self.kept.get(&key) {
            return Ok(kept.clone());
        }
        if let Some(known) = lock(&self.known.reduces).get(&key) {
            return Ok(known.clone());
        }
        let length = pes / segments;
        let wavelets = elements.div_ceil(dtype.per_wavelet());
        let timing = self.conditions.timing;
        let estimated = |ways: Vec<Reduce>| {
            let with = |by: Reduce| (estimate(&by, length, wavelets, &timing), by);
            let mut ways: Vec<(u64, Reduce)> = ways.into_iter().map(with).collect();
            ways.sort_by_key(|way| way.0);
            ways
        };
        let mut best: Option<(u64, Reduce)> = None;
        let mut ways = estimated(candidates(length));
        ways.truncate(3);
        // Chains in groups are looked at early: where they are good they leave little else to look at.
        let chains = estimated(chains(length)).into_iter().take(1);
        let second = ways.len().min(1);
        ways.splice(second..second, chains);
        for (guess, by) in ways {
            // What looks slower by a tenth than what was simulated is left out.
            if best.as_ref().is_some_and(|(time, _)| 10 * guess >= 11 * time) {
                continue;
            }
            let last = self.reduce_time(&by, length, elements, dtype, max)?;
            if best.as_ref().is_none_or(|(time, _)| last < *time) {
                best = Some((last, by));
            }
        }
        let by = best.map_or(Reduce::Chain, |best| best.1);
        lock(&self.known.reduces).insert(key, by.clone());
        Ok(by)
    }
}

/// Ways to combine along a line of `length` PEs that are worth a thought.
fn candidates(length: u32) -> Vec<Reduce> {
    let mut ways = vec![Reduce::Chain, Reduce::Tree { groups: vec![length.max(2)] }];
    for group in [2, 3, 4, 6, 8, 12, 16, 24, 32, 48].into_iter().filter(|k| k * 2 < length) {
        ways.push(Reduce::Tree { groups: vec![group, length.div_ceil(group)] });
        for next in [2, 4, 8, 12, 16].into_iter().filter(|k| k * group * 2 < length) {
            ways.push(Reduce::Tree { groups: vec![group, next, length.div_ceil(group * next)] });
        }
    }
    ways
}

/// Chains in groups along a line of `length` PEs, with groups around its root.
fn chains(length: u32) -> Vec<Reduce> {
    let root = length.isqrt();
    let groups = [4, 6, 8, 10, 12].iter().map(|eighths| root * eighths / 8);
    let fit = groups.filter(|group| *group >= 2 && group * 2 <= length);
    fit.map(|group| Reduce::Chains { group }).collect()
}

/// A closed form for a reduce, used only to decide which ways are simulated.
fn estimate(by: &Reduce, length: u32, wavelets: u32, timing: &Timing) -> u64 {
    let (length, wavelets) = (u64::from(length), u64::from(wavelets));
    let fixed = u64::from(timing.lead + timing.tail) + 6;
    match by {
        Reduce::Chain => 2 * wavelets + 6 * (length / 2) + fixed,
        Reduce::Chains { group } => {
            let (group, half) = (u64::from(*group), length / 2);
            2 * fixed + 3 * wavelets + 6 * group + half + 5 * half.div_ceil(group)
        }
        Reduce::Tree { groups } => {
            let mut reach = 1;
            let mut time = 0;
            for (level, &group) in groups.iter().enumerate() {
                let last = level + 1 == groups.len();
                let group = u64::from(group);
                let members = if last { length.div_ceil(reach) - 1 } else { group - 1 };
                let hops = if last { length / 2 } else { group * reach };
                time += (members * wavelets).max(hops) + hops.min(members) + fixed;
                reach *= group;
            }
            time
        }
    }
}

/// The `pes` entries around the middle.
fn middle(part: &mut [u64], pes: u32) -> &mut [u64] {
    let from = part.len() / 2 - pes as usize / 2;
    &mut part[from..from + pes as usize]
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
