//! Short words to write programs in; every choice that matters stands in the test itself.

use sim_fabric::mesh::program::{
    Colour, DType, FabricError, Op, OpKind, Operand, PeClass, Port, PortSet, Position, Program,
    Route, Run, Shape,
};
use sim_fabric::mesh::spec::FabricSpec;
use sim_fabric::mesh::wavelet;

/// One cycle a hop, two a ramp, queues of four.
pub(crate) fn spec() -> FabricSpec {
    FabricSpec {
        hop_cycles: 1,
        ramp_cycles: 2,
        queue_depth: 4,
        ramp_in_depth: 4,
        ramp_out_depth: 4,
        switch_cycles: 0,
        receive_directions: 1,
    }
}

pub(crate) fn fabric(colour: u8) -> Operand {
    Operand::Fabric(Colour(colour))
}

/// An operation over `words` 32-bit words with no lead and no tail, one word a cycle.
pub(crate) fn op(kind: OpKind, words: u32, dst: Operand, a: Operand, b: Operand) -> Op {
    Op::new(kind, DType::F32, words, dst, [a, b, Operand::None])
}

/// Memory to fabric.
pub(crate) fn send(colour: u8, words: u32) -> Op {
    op(OpKind::Move, words, fabric(colour), Operand::Memory(0), Operand::None)
}

/// Fabric to memory.
pub(crate) fn take(colour: u8, words: u32) -> Op {
    op(OpKind::Move, words, Operand::Memory(0), fabric(colour), Operand::None)
}

/// Memory plus fabric, back into memory.
pub(crate) fn add(colour: u8, words: u32) -> Op {
    op(OpKind::Add, words, Operand::Memory(0), Operand::Memory(0), fabric(colour))
}

/// Memory plus fabric, on to the fabric.
pub(crate) fn add_on(from: u8, to: u8, words: u32) -> Op {
    op(OpKind::Add, words, fabric(to), Operand::Memory(0), fabric(from))
}

/// Work inside the PE.
pub(crate) fn local(cycles: u32) -> Op {
    let none = Operand::None;
    Op { local_cycles: cycles, ..op(OpKind::Local, 1, none, none, none) }
}

pub(crate) fn route(colour: u8, positions: &[(Port, &[Port])]) -> Route {
    let position = |&(rx, tx): &(Port, &[Port])| Position::new(rx, PortSet::of(tx));
    Route { colour: Colour(colour), positions: positions.iter().map(position).collect() }
}

pub(crate) fn class(routes: &[Route], ops: &[Op]) -> PeClass {
    PeClass { routes: routes.to_vec(), ops: ops.to_vec() }
}

/// A rectangle with one class for each PE.
pub(crate) fn grid(columns: u32, rows: u32, classes: Vec<PeClass>) -> Program {
    let shape = Shape { columns, rows };
    let class_of = (0..classes.len() as u16).collect();
    Program { shape, classes, class_of }
}

/// A row with one class for each PE, from west to east.
pub(crate) fn row(classes: Vec<PeClass>) -> Program {
    grid(classes.len() as u32, 1, classes)
}

pub(crate) fn run_on(program: &Program, spec: &FabricSpec) -> Result<Run, FabricError> {
    wavelet::run(program, spec, &vec![0; program.shape.pes()])
}

pub(crate) fn run(program: &Program) -> Run {
    run_on(program, &spec()).unwrap()
}

/// The message of a program that does not run.
pub(crate) fn error(program: &Program) -> String {
    run_on(program, &spec()).unwrap_err().to_string()
}

/// A chain that sums `words` words of each of `pes` PEs into PE 0, on two colours in turn.
pub(crate) fn chain(pes: u32, words: u32) -> Program {
    use Port::{East, Ramp, West};
    let pe = |index: u32| {
        let (from, to) = ((index % 2) as u8, ((index + 1) % 2) as u8);
        let sends = route(to, &[(Ramp, &[West])]);
        let takes = route(from, &[(East, &[Ramp])]);
        let both =
            if from < to { [takes.clone(), sends.clone()] } else { [sends.clone(), takes.clone()] };
        match index {
            0 => class(&[takes], &[add(from, words)]),
            _ if index + 1 == pes => class(&[sends], &[send(to, words)]),
            _ => class(&both, &[add_on(from, to, words)]),
        }
    };
    row((0..pes).map(pe).collect())
}
