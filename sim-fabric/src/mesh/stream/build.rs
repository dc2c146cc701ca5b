//! A machine before its first cycle, set up by several threads if it is large.

use super::agenda::Agenda;
use super::layout::{ClassLayout, NO_OP};
use super::list::{List, Lists};
use super::state::{CORE, Channel, Due, Engine, LIMIT, Lane, NEVER, NOT_DONE, Pe, Thread, Waits};
use super::train::{Pieces, Pool};
use crate::mesh::program::{FabricError, Program};
use crate::mesh::spec::FabricSpec;
use rayon::prelude::*;

/// PEs that a thread places.
pub(super) const PART: usize = 1 << 14;

fn add(a: [usize; 4], b: [usize; 4]) -> [usize; 4] {
    std::array::from_fn(|i| a[i] + b[i])
}

/// Says where the state of PEs of classes `class_of` lies, that of the first from `first` on, and puts
/// their threads before the first operation.
fn place(
    classes: &[ClassLayout],
    class_of: &[u16],
    (pes, mut threads): (&mut [Pe], &mut [Thread]),
    mut first: [usize; 4],
) {
    for (pe, &index) in pes.iter_mut().zip(class_of) {
        let class = &classes[index as usize];
        let [lanes, channels, at, ops] = first.map(|first| first as u32);
        let dirty = if class.ops.is_empty() { 0 } else { CORE };
        *pe = Pe { class: index, joint: false, dirty, lanes, channels, threads: at, ops };
        let (own, rest) = threads.split_at_mut(class.threads.len());
        for (thread, &(op, _)) in own.iter_mut().zip(&class.threads) {
            thread.op = op;
        }
        threads = rest;
        first = add(first, class.sizes());
    }
}

/// Elements that a thread fills.
const FILL: usize = 1 << 16;

/// `count` times `value`; large ones are first touched by several threads.
fn filled<T: Copy + Send + Sync>(value: T, count: usize) -> Vec<T> {
    if count <= FILL {
        return vec![value; count];
    }
    rayon::iter::repeat_n(value, count).with_min_len(FILL).collect()
}

impl<'a> Engine<'a> {
    /// A machine before its first cycle; cycle 0 is `base`.
    pub(super) fn new(
        program: &Program,
        classes: &'a [ClassLayout],
        spec: &'a FabricSpec,
        start: &'a [u64],
        base: u64,
    ) -> Result<Self, FabricError> {
        let pes = program.shape.pes();
        let columns = program.shape.columns as usize;
        if start.iter().any(|start| start - base >= LIMIT) {
            let reason = format!("PE starts differ by more than {LIMIT} cycles");
            return Err(FabricError::NotAccepted { reason });
        }
        let parts: Vec<&[u16]> = program.class_of.chunks(PART).collect();
        let sum = |part: &&[u16]| {
            part.iter().fold([0; 4], |sums, &class| add(sums, classes[class as usize].sizes()))
        };
        let sums: Vec<[usize; 4]> = match &parts[..] {
            [only] => vec![sum(only)],
            _ => parts.par_iter().map(sum).collect(),
        };
        let all = sums.iter().copied().fold([0; 4], add);
        let mut engine = Self {
            classes,
            spec,
            start,
            base,
            steps: [columns.wrapping_neg(), columns, 1, 1usize.wrapping_neg()],
            pes: filled(Pe::default(), pes),
            lanes: filled(Lane { earliest: 0, position: 0 }, all[0]),
            channels: filled(Channel::default(), all[1]),
            threads: filled(Thread { op: NO_OP, issued: 0, last: 0 }, all[2]),
            done: filled(NOT_DONE, all[3]),
            core_due: Vec::new(),
            lane_due: Vec::new(),
            turned: Vec::new(),
            waits: Vec::new(),
            pool: Pool::default(),
            lists: Lists::default(),
            agenda: Agenda::new(pes),
            overrun: false,
            turns: std::collections::BTreeMap::new(),
            idle: 0,
            cautious: false,
            changed: false,
            old_runs: Vec::new(),
            old_turns: Vec::new(),
            pieces: Pieces::new(),
        };
        let mut threads = &mut engine.threads[..];
        let mut firsts = [0; 4];
        let fills = sums.iter().zip(&parts).zip(engine.pes.chunks_mut(PART));
        let fills: Vec<_> = fills
            .map(|((sums, part), pes)| {
                let (own, rest) = std::mem::take(&mut threads).split_at_mut(sums[2]);
                threads = rest;
                let first = firsts;
                firsts = add(firsts, *sums);
                (*part, pes, own, first)
            })
            .collect();
        let fill = |(part, pes, threads, first): (&[u16], &mut [Pe], &mut [Thread], _)| {
            place(classes, part, (pes, threads), first);
        };
        if fills.len() == 1 {
            fills.into_iter().for_each(fill);
        } else {
            fills.into_par_iter().for_each(fill);
        }
        Ok(engine)
    }

    /// Puts the machine back to before its first cycle, every operation to be looked at.
    pub(super) fn begin(&mut self) {
        self.lanes.fill(Lane { earliest: 0, position: 0 });
        self.channels.fill(Channel::default());
        self.done.fill(NOT_DONE);
        self.pool = Pool::default();
        self.lists = Lists::default();
        self.core_due = filled(Due::NONE, self.pes.len());
        self.lane_due = filled(Due::NONE, self.lanes.len());
        self.turned = filled(List::default(), self.lanes.len());
        self.waits = filled(Waits::default(), self.channels.len());
        for pe in 0..self.pes.len() {
            let class = self.class(pe);
            self.pes[pe].dirty = 0;
            let first = self.pes[pe].threads as usize;
            for (thread, &(op, _)) in self.threads[first..].iter_mut().zip(&class.threads) {
                *thread = Thread { op, issued: 0, last: 0 };
            }
            if !class.ops.is_empty() {
                let at = (self.start[pe] - self.base) as u32;
                self.mark_core(pe, Due { at, from: NEVER });
            }
        }
    }
}
