//! A program for a rectangle of PEs, and what it means.
//!
//! ```text
//!            North (y - 1)
//!              ^ |
//!   West  <--  router  -->  East (x + 1)      one wavelet a cycle on each arrow,
//!              | ^                            whatever its colour
//!         down v | up      (the ramp)
//!               PE: operations in order, each over a number of wavelets
//! ```
//!
//! # Meaning, cycle by cycle
//! All engines follow these rules; times are whole cycles.
//!
//! **Router.** For every (input port, colour) a router has a first-in first-out buffer. For every
//! colour it has a list of switch positions, one of them current: it takes wavelets from the
//! current position's `rx` port only and sends each to all ports of `tx` at once. A wavelet that
//! can leave in cycle `t`:
//! - it is at the head of the buffer of the current position's `rx`, became available there at or
//!   before `t`, and the position is in force;
//! - no other wavelet of the same colour leaves this router in cycle `t` (one a cycle per colour);
//! - every receiver has room: with a window of `w` slots, the `k`-th wavelet into a buffer may
//!   leave for it in cycle `t` only if the `(k - w)`-th has left that buffer before `t`.
//!
//! Wavelets that can leave in cycle `t` contend for output ports: one wavelet a cycle per port and
//! direction. Ports choose one after another, in the order of their numbers ([`Port`]). A port that
//! no earlier port's choice uses looks at the contenders that want it and whose ports are all
//! unused so far, and chooses the next in turn: the first by colour number, counted cyclically from
//! the one behind the colour that used this port last (from colour 0 if none did). The chosen one
//! leaves through all its ports; the others wait for the next cycle. A colour uses a port whenever
//! a wavelet of it leaves through it, contended or not.
//!
//! A position may list several input ports, where [`FabricSpec::receive_directions`] lets it. The
//! router then takes, of the first wavelets in their buffers, the one that became available first (of
//! equals the one at the port with the lowest number). Two wavelets of a colour that become available
//! in one cycle at two ports that one position of the router lists are an error of the program, found
//! when the second is on its way ([`FabricError::Collision`]).
//!
//! It is then available at a neighbour at `t + hop_cycles` (window [`FabricSpec::link_window`]),
//! and, when `tx` has the ramp, can be taken by an operation of the PE from `t + ramp_cycles` on
//! (window [`FabricSpec::ramp_in_window`]). Nothing is ever dropped.
//!
//! **Switches.** A control wavelet that leaves a router advances that router's position for its
//! colour by one, wrapping at the end of the list. A data wavelet marked as advancing
//! ([`SendEnd::AdvanceLocal`]) does so only in the router of the PE that sent it. After an advance
//! in cycle `t` the new position is in force from `t + 1 + switch_cycles`; until then no wavelet of
//! that colour leaves this router. A list of one position advances onto itself, with the same wait.
//! A control wavelet that reaches a ramp ends there: it uses the ramp's port like any other, but
//! takes no slot, needs no room, and is seen by no operation.
//!
//! **PE.** Operations of one thread run one after another in the order written; an operation also
//! waits for those listed in `after`. It is ready when all of these are done, and not before the
//! PE's start; then:
//! - its first wavelet issues at `ready + lead` at the earliest, wavelet `k` no earlier than
//!   `period` cycles after wavelet `k - 1`;
//! - wavelet `k` waits for wavelet `k` of the fabric operand (if it has one) to be takeable, and
//!   for room towards the router (window [`FabricSpec::ramp_out_window`]) if it sends;
//! - a result that goes to the fabric is available at the own router's ramp buffer at
//!   `issue + 1 + ramp_cycles`;
//! - the operation is done at `last issue + 1 + tail`. One without fabric operands begins like an
//!   issue, at `ready + lead` at the earliest, and is done at `begin + local_cycles + tail`;
//! - with [`SendEnd::Control`] a control wavelet issues no earlier than one cycle after the last
//!   wavelet (whatever the period), under the same rule for room, and the operation is done at
//!   `its issue + 1 + tail`.
//!
//! Threads of one PE share one datapath. A wavelet (data or control) takes one part in `at_once` of
//! it for the cycle in which it issues; an operation without fabric operands holds all of it in the
//! `local_cycles` cycles from its begin on, and one of 0 cycles neither needs it nor counts as a turn.
//! The threads that could issue or begin by what was so before a cycle are asked one after the
//! other, by number, counted cyclically from the one behind the thread that issued or began last
//! (from the lowest if none did): each issues one wavelet or begins if its part is still free in this
//! cycle, and if there is still room towards the router. So with `at_once` 1 one of them issues.
//! Several operations that take from one colour take consecutive wavelets in program order: one
//! takes nothing before all earlier ones in the list have taken all of theirs. Several that send on
//! one colour send in the order in which they issue.
//!
//! **End.** A run ends when nothing can move any more. Then every operation must be done
//! ([`FabricError::Deadlock`] otherwise) and every buffer empty ([`FabricError::Invalid`]
//! otherwise). What can be seen without running is refused before: see [`super::check`].

#[cfg(doc)]
use super::spec::FabricSpec;
use serde::{Deserialize, Serialize};
pub use sim_sram::Walk;

/// A port of a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Port {
    /// Towards smaller y.
    North = 0,
    /// Towards larger y.
    South = 1,
    /// Towards larger x.
    East = 2,
    /// Towards smaller x.
    West = 3,
    /// The PE of this router.
    Ramp = 4,
}

impl Port {
    /// All ports, in the order of their numbers.
    pub const ALL: [Port; 5] = [Port::North, Port::South, Port::East, Port::West, Port::Ramp];

    /// The neighbour's port at the other end of this port's link; the ramp's is itself.
    pub fn opposite(self) -> Port {
        match self {
            Port::North => Port::South,
            Port::South => Port::North,
            Port::East => Port::West,
            Port::West => Port::East,
            Port::Ramp => Port::Ramp,
        }
    }

    /// The same port with columns and rows exchanged (east and south, west and north).
    pub fn transposed(self) -> Port {
        match self {
            Port::North => Port::West,
            Port::West => Port::North,
            Port::South => Port::East,
            Port::East => Port::South,
            Port::Ramp => Port::Ramp,
        }
    }
}

/// A set of ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PortSet(pub u8);

impl PortSet {
    /// The set of `ports`.
    pub fn of(ports: &[Port]) -> Self {
        Self(ports.iter().fold(0, |set, &port| set | 1 << port as u8))
    }

    /// Whether `port` is in the set.
    pub fn has(self, port: Port) -> bool {
        self.0 & 1 << port as u8 != 0
    }

    /// The ports of the set, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Port> {
        Port::ALL.into_iter().filter(move |&port| self.has(port))
    }
}

/// A colour (virtual channel) of the fabric, 0 to 23.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Colour(pub u8);

/// One switch position: where wavelets of a colour come from and where they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Input port.
    pub rx: Port,
    /// Further input ports, see [`FabricSpec::receive_directions`].
    #[serde(default)]
    pub also_rx: PortSet,
    /// Output ports (multicast).
    pub tx: PortSet,
}

impl Position {
    /// From one port to others.
    pub fn new(rx: Port, tx: PortSet) -> Self {
        Self { rx, also_rx: PortSet::default(), tx }
    }

    /// All input ports.
    pub fn inputs(self) -> PortSet {
        PortSet(self.also_rx.0 | PortSet::of(&[self.rx]).0)
    }

    /// The same position with columns and rows exchanged.
    pub fn transposed(self) -> Self {
        let turned = |ports: PortSet| {
            let ports: Vec<_> = ports.iter().map(Port::transposed).collect();
            PortSet::of(&ports)
        };
        Self { rx: self.rx.transposed(), also_rx: turned(self.also_rx), tx: turned(self.tx) }
    }
}

/// The route of one colour through one router.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Route {
    /// Colour that is routed.
    pub colour: Colour,
    /// Switch positions, one to four; the first is current at the start.
    pub positions: Vec<Position>,
}

/// Type of an element; a 32-bit wavelet carries two 16-bit elements or one of 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DType {
    /// 16-bit floating point.
    F16,
    /// 32-bit floating point.
    F32,
}

impl DType {
    /// Elements in one wavelet.
    pub fn per_wavelet(self) -> u32 {
        match self {
            DType::F16 => 2,
            DType::F32 => 1,
        }
    }
}

/// What a vector operation computes, element by element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OpKind {
    /// `dst = a`
    Move,
    /// `dst = a + b`
    Add,
    /// `dst = max(a, b)`
    Max,
    /// `dst = a * b`
    Mul,
    /// `dst = a * b + c`; with `c` where `dst` lies it accumulates.
    Fma,
    /// `dst = a - b`
    Sub,
    /// `dst = 1 where a > b, else 0`
    Greater,
    /// `dst = 1 where a >= b, else 0`
    GreaterEqual,
    /// `dst = e^a`
    Exp,
    /// `dst = 1 / a`
    Reciprocal,
    /// `dst = 1 / sqrt(a)`
    RootReciprocal,
    /// Work inside the PE that takes `local_cycles`; it carries no values.
    Local,
}

/// Where an operand lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Operand {
    /// Not used by this operation.
    None,
    /// Memory of the PE, from this element on, one behind the other (used in value mode only, as
    /// every address is).
    Memory(u32),
    /// Memory of the PE, along a walk of lengths and strides.
    Walk(Walk),
    /// The fabric: wavelets of this colour.
    Fabric(Colour),
}

impl Operand {
    /// The colour, if it is the fabric.
    pub fn colour(self) -> Option<Colour> {
        match self {
            Operand::Fabric(colour) => Some(colour),
            _ => None,
        }
    }
}

/// What happens behind an operation's last wavelet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SendEnd {
    /// Nothing.
    Plain,
    /// The last data wavelet advances the switch of the sender's own router as it leaves it.
    AdvanceLocal,
    /// A control wavelet follows and advances every router that it leaves.
    Control,
}

/// One vector operation of a PE.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Op {
    /// What is computed.
    pub kind: OpKind,
    /// Element type.
    pub dtype: DType,
    /// Elements; the operation handles `ceil(elements / per_wavelet)` wavelets. At least 1.
    pub elements: u32,
    /// Destination.
    pub dst: Operand,
    /// First source.
    pub a: Operand,
    /// Second source; at most one of the sources is the fabric.
    pub b: Operand,
    /// Third source, of a fused multiply-add.
    pub c: Operand,
    /// Cycles from ready to the first issue: task start, descriptor set-up, gap `[cycles]`.
    pub lead: u32,
    /// Least distance of two issues `[cycles per wavelet]`, at least 1.
    pub period: u32,
    /// How many wavelets like this one the datapath handles in a cycle, those of other threads
    /// counted: 1, 2, 4 or 8. One thread issues one a cycle at most, whatever this says.
    pub at_once: u8,
    /// Cycles from the last issue's execution to done: the datapath's depth `[cycles]`.
    pub tail: u32,
    /// Duration of the work when no operand is the fabric `[cycles]`.
    pub local_cycles: u32,
    /// Thread that runs it: 0 is the main thread, 1 to 8 are microthreads.
    pub thread: u8,
    /// Operations of the same PE, by index, that must be done before.
    pub after: Vec<u16>,
    /// What happens behind the last wavelet sent.
    pub end: SendEnd,
    /// [`Operand::Memory`] begins anew behind so many elements, so that words that come one behind the
    /// other add up in one place; 0 never.
    pub wrap: u32,
}

impl Op {
    /// An operation of the main thread without set-up and depth, one wavelet a cycle: what stays to be
    /// said goes into the fields.
    pub fn new(
        kind: OpKind,
        dtype: DType,
        elements: u32,
        dst: Operand,
        [a, b, c]: [Operand; 3],
    ) -> Self {
        Self {
            kind,
            dtype,
            elements,
            dst,
            a,
            b,
            c,
            lead: 0,
            period: 1,
            at_once: 1,
            tail: 0,
            local_cycles: 0,
            thread: 0,
            after: Vec::new(),
            end: SendEnd::Plain,
            wrap: 0,
        }
    }

    /// The sources.
    pub fn sources(&self) -> [Operand; 3] {
        [self.a, self.b, self.c]
    }

    /// Elements of memory that a memory operand spans.
    pub fn span(&self) -> u32 {
        if self.wrap == 0 { self.elements } else { self.wrap.min(self.elements) }
    }

    /// Wavelets this operation handles, a closing control wavelet not counted.
    pub fn wavelets(&self) -> u32 {
        self.elements.div_ceil(self.dtype.per_wavelet())
    }

    /// The colour it takes from, if a source is the fabric.
    pub fn input(&self) -> Option<Colour> {
        self.sources().into_iter().find_map(Operand::colour)
    }

    /// The colour it sends on, if the destination is the fabric.
    pub fn output(&self) -> Option<Colour> {
        self.dst.colour()
    }
}

/// What PEs of one class do: the routes of their routers and their operations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PeClass {
    /// Routes, at most one for each colour, in the order of colours.
    pub routes: Vec<Route>,
    /// Operations in program order.
    pub ops: Vec<Op>,
}

/// Columns and rows of a rectangle of PEs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// PEs along x.
    pub columns: u32,
    /// PEs along y.
    pub rows: u32,
}

impl Shape {
    /// Number of PEs.
    pub fn pes(self) -> usize {
        self.columns as usize * self.rows as usize
    }
}

/// A program for a rectangle of PEs: classes, and the class of each PE.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Program {
    /// The rectangle.
    pub shape: Shape,
    /// The distinct behaviours.
    pub classes: Vec<PeClass>,
    /// Class of each PE, at index `y * columns + x`.
    pub class_of: Vec<u16>,
}

impl Program {
    /// The class of the PE at `index`.
    pub fn class(&self, index: usize) -> &PeClass {
        &self.classes[self.class_of[index] as usize]
    }

    /// Index of the neighbour of PE `index` through `port`, if it lies in the rectangle.
    pub fn neighbour(&self, index: usize, port: Port) -> Option<usize> {
        let columns = self.shape.columns as usize;
        let (x, y) = (index % columns, index / columns);
        match port {
            Port::North => (y > 0).then(|| index - columns),
            Port::South => (y + 1 < self.shape.rows as usize).then(|| index + columns),
            Port::West => (x > 0).then(|| index - 1),
            Port::East => (x + 1 < columns).then(|| index + 1),
            Port::Ramp => None,
        }
    }

    /// First index of each PE's operations in [`Run::done`], with the total as last element.
    pub fn op_bases(&self) -> Vec<u32> {
        let mut next = 0;
        let mut bases = Vec::with_capacity(self.class_of.len() + 1);
        for &class in &self.class_of {
            bases.push(next);
            next += self.classes[class as usize].ops.len() as u32;
        }
        bases.push(next);
        bases
    }

    /// The program with all that its PEs hold in memory `by` elements further on.
    #[must_use]
    pub fn relocated(mut self, by: u32) -> Program {
        for op in self.classes.iter_mut().flat_map(|class| &mut class.ops) {
            for operand in [&mut op.dst, &mut op.a, &mut op.b, &mut op.c] {
                match operand {
                    Operand::Memory(first) => *first += by,
                    Operand::Walk(walk) => walk.first += by,
                    Operand::None | Operand::Fabric(_) => {}
                }
            }
        }
        self
    }

    /// Whether a switch position lists several input ports.
    pub fn merges(&self) -> bool {
        let routes = self.classes.iter().flat_map(|class| &class.routes);
        routes.flat_map(|route| &route.positions).any(|position| position.also_rx.0 != 0)
    }

    /// The program with columns and rows exchanged.
    pub fn transposed(&self) -> Program {
        let (columns, rows) = (self.shape.columns as usize, self.shape.rows as usize);
        let mut program = self.clone();
        program.shape = Shape { columns: self.shape.rows, rows: self.shape.columns };
        for class in &mut program.classes {
            for position in class.routes.iter_mut().flat_map(|route| &mut route.positions) {
                *position = position.transposed();
            }
        }
        for y in 0..rows {
            for x in 0..columns {
                program.class_of[x * rows + y] = self.class_of[y * columns + x];
            }
        }
        program
    }
}

/// What an engine hands back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Cycle at which each operation is done; PE `p` owns `bases[p]..bases[p + 1]` of [`Program::op_bases`].
    pub done: Vec<u64>,
    /// Link traversals between routers, each copy of a multicast on its own link `[wavelet-hops]`.
    pub hops: u64,
}

impl Run {
    /// The last cycle of the whole program.
    pub fn last(&self) -> u64 {
        self.done.iter().copied().max().unwrap_or(0)
    }
}

/// Why a program could not be run to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FabricError {
    /// The program breaks a rule of this module.
    #[error("PE ({x}, {y}): {problem}")]
    Invalid {
        /// Column of the PE.
        x: u32,
        /// Row of the PE.
        y: u32,
        /// What is wrong.
        problem: String,
    },
    /// Nothing can move and work is left.
    #[error("deadlock at cycle {cycle}: {waits}")]
    Deadlock {
        /// Cycle of the last movement.
        cycle: u64,
        /// Who waits for whom, on which colour.
        waits: String,
    },
    /// Two wavelets of one colour reach a router in one cycle at ports that are listed together.
    #[error(
        "PE ({x}, {y}): two wavelets of colour {colour} reach its router in cycle {cycle}, from {first:?} and from {second:?}; a colour that lists several receive directions may get one a cycle"
    )]
    Collision {
        /// Column of the PE.
        x: u32,
        /// Row of the PE.
        y: u32,
        /// The colour.
        colour: u8,
        /// Cycle in which both are there.
        cycle: u64,
        /// The port with the lower number.
        first: Port,
        /// The other port.
        second: Port,
    },
    /// The engine does not take this program; another one may.
    #[error("not accepted by this engine: {reason}")]
    NotAccepted {
        /// Why.
        reason: String,
    },
}
