//! A line of PEs under construction.

use crate::mesh::program::{
    Colour, DType, Op, OpKind, Operand, PeClass, Port, PortSet, Position, Program, Route, Shape,
};
use serde::{Deserialize, Serialize};

/// What an operation costs besides its wavelets, from the PE's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timing {
    /// Before the first issue of an operation: task start and descriptor set-up `[cycles]`.
    pub lead: u32,
    /// From the last issue to done, where the result goes to memory `[cycles]`.
    pub tail: u32,
    /// Additions and moves `[elements per cycle]` of 16 bits.
    pub f16_per_cycle: u32,
    /// Additions and moves `[elements per cycle]` of 32 bits.
    pub f32_per_cycle: u32,
    /// Maxima `[elements per cycle]`.
    pub max_per_cycle: u32,
    /// Results of an addition become operands after this many issues; an accumulator of fewer
    /// wavelets is spread over several that are added at the end.
    pub accumulators: u32,
}

impl Timing {
    /// Cycles between two wavelets of an operation.
    pub fn period(&self, kind: OpKind, dtype: DType) -> u32 {
        dtype.per_wavelet().div_ceil(self.rate(kind, dtype)).max(1)
    }

    /// Wavelets of an operation that the datapath handles in a cycle, those of all threads together.
    pub fn at_once(&self, kind: OpKind, dtype: DType) -> u8 {
        match self.rate(kind, dtype) / dtype.per_wavelet() {
            0 | 1 => 1,
            2 | 3 => 2,
            4..=7 => 4,
            _ => 8,
        }
    }

    fn rate(&self, kind: OpKind, dtype: DType) -> u32 {
        let rate = match (kind, dtype) {
            (OpKind::Max, _) => self.max_per_cycle,
            (_, DType::F16) => self.f16_per_cycle,
            (_, DType::F32) => self.f32_per_cycle,
        };
        rate.max(1)
    }
}

/// A line of PEs: the class of each, and the root.
pub struct Line {
    /// PEs of the line.
    pub pes: u32,
    /// The root.
    pub root: u32,
    pub(super) dtype: DType,
    pub(super) timing: Timing,
    classes: Vec<PeClass>,
}

/// One side of the root: which way is inward, and how many PEs.
#[derive(Clone, Copy)]
pub(super) struct Side {
    /// Port towards the root.
    pub(super) inward: Port,
    /// PEs on this side, the root not counted.
    pub(super) pes: u32,
}

impl Side {
    pub(super) fn outward(self) -> Port {
        self.inward.opposite()
    }
}

impl Line {
    /// A line without routes and operations.
    pub fn new(pes: u32, root: u32, dtype: DType, timing: Timing) -> Self {
        Self { pes, root, dtype, timing, classes: vec![PeClass::default(); pes as usize] }
    }

    /// Both sides of the root.
    pub(super) fn sides(&self) -> [Side; 2] {
        [
            Side { inward: Port::East, pes: self.root },
            Side { inward: Port::West, pes: self.pes - 1 - self.root },
        ]
    }

    /// Whether the root has PEs on both sides, so that its switch has to go from one to the other.
    pub(super) fn two_sided(&self) -> bool {
        self.sides().iter().all(|side| side.pes > 0)
    }

    /// The root takes words of `colour` by `op`: all of the first side, then all of the second. A
    /// control wavelet behind each side's words moves the root's switch to the other.
    pub(super) fn root_takes(&mut self, colour: u8, op: Op) {
        let from = |side: &Side| (side.outward(), [Port::Ramp]);
        let sides: Vec<_> = self.sides().iter().filter(|s| s.pes > 0).map(from).collect();
        let positions: Vec<(Port, &[Port])> =
            sides.iter().map(|(rx, tx)| (*rx, tx.as_slice())).collect();
        let root = self.root();
        root.routes.push(route(colour, &positions));
        root.ops.push(op);
    }

    /// The PE at `distance` from the root.
    pub(super) fn at(&mut self, side: Side, distance: u32) -> &mut PeClass {
        let index = self.index(side, distance);
        &mut self.classes[index as usize]
    }

    /// Where the PE at `distance` from the root stands, counted from the first.
    pub(super) fn index(&self, side: Side, distance: u32) -> u32 {
        match side.inward {
            Port::East => self.root - distance,
            _ => self.root + distance,
        }
    }

    /// The PE at `index` from the first.
    pub(super) fn pe(&mut self, index: u32) -> &mut PeClass {
        &mut self.classes[index as usize]
    }

    pub(super) fn root(&mut self) -> &mut PeClass {
        &mut self.classes[self.root as usize]
    }

    /// An operation over `elements`, from `a` (and memory, where two operands are combined) to `dst`.
    pub(super) fn op(&self, kind: OpKind, elements: u32, a: Operand, dst: Operand) -> Op {
        let b = if kind == OpKind::Move { Operand::None } else { Operand::Memory(0) };
        let to_memory = !matches!(dst, Operand::Fabric(_));
        Op {
            lead: self.timing.lead,
            period: self.timing.period(kind, self.dtype),
            at_once: self.timing.at_once(kind, self.dtype),
            tail: if to_memory { self.timing.tail } else { 0 },
            ..Op::new(kind, self.dtype, elements, dst, [a, b, Operand::None])
        }
    }

    /// Words of `members` PEs, `padded` elements each, add up in memory as they come from `from`. Sums
    /// in fewer wavelets than an addition takes cycles go to several accumulators in turn; adding
    /// those takes no descriptors, as they stay in registers.
    pub(super) fn accumulate(
        &self,
        kind: OpKind,
        members: u32,
        padded: u32,
        from: Operand,
    ) -> Vec<Op> {
        let mut take = self.op(kind, members * padded, from, Operand::Memory(0));
        take.wrap = padded;
        let wavelets = padded / self.dtype.per_wavelet();
        let spread = kind == OpKind::Add && members > 1 && wavelets < self.timing.accumulators;
        let combine = spread.then(|| {
            let mut op = self.local(self.timing.accumulators);
            (op.lead, op.tail) = (0, 0);
            op
        });
        std::iter::once(take).chain(combine).collect()
    }

    /// An operation inside the PE.
    pub(super) fn local(&self, cycles: u32) -> Op {
        let mut op = self.op(OpKind::Move, 1, Operand::Memory(0), Operand::Memory(0));
        op.kind = OpKind::Local;
        op.local_cycles = cycles;
        op
    }

    /// The line as a program of one row, `segments` times side by side.
    pub fn into_program(self, segments: u32) -> Program {
        let mut classes: Vec<PeClass> = Vec::new();
        let mut segment = Vec::with_capacity(self.classes.len());
        for mut class in self.classes {
            class.routes.sort_by_key(|route| route.colour);
            let known = classes.iter().rev().take(8).position(|c| *c == class);
            segment.push(match known {
                Some(back) => (classes.len() - 1 - back) as u16,
                None => {
                    classes.push(class);
                    classes.len() as u16 - 1
                }
            });
        }
        let columns = segments * segment.len() as u32;
        Program {
            shape: Shape { columns, rows: 1 },
            classes,
            class_of: segment.repeat(segments as usize),
        }
    }
}

/// A route with one position for each (rx, tx).
pub(super) fn route(colour: u8, positions: &[(Port, &[Port])]) -> Route {
    let positions = positions.iter().map(|&(rx, tx)| Position::new(rx, PortSet::of(tx))).collect();
    Route { colour: Colour(colour), positions }
}
