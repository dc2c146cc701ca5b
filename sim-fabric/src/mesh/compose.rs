//! Several programs one behind the other on one rectangle.
//!
//! Each PE goes from its part of one program to its part of the next as soon as it is done; there is
//! no barrier. Programs keep colours of their own, so what is still under way does not meet what
//! comes next, except on the links.

use super::check::LAST_THREAD;
use super::program::{Colour, DType, Op, OpKind, Operand, PeClass, Program, Shape};
use std::collections::HashMap;
use std::ops::Range;

/// Threads of a PE.
const THREADS: usize = LAST_THREAD as usize + 1;

/// A program for lines along one axis, or work inside each PE.
#[derive(Clone, Debug)]
pub enum Step {
    /// The line's program (of one row), on PEs `from..` of every row.
    Rows(Program, u32),
    /// The line's program (of one row), on PEs `from..` of every column.
    Columns(Program, u32),
    /// So many cycles of work in every PE.
    Work(u32),
    /// The same operations, none of them on the fabric, in every PE of these columns and rows.
    Ops(Vec<Op>, [Range<u32>; 2]),
}

/// `steps` one behind the other on all PEs of `shape`.
///
/// The colours of all steps together must not exceed the fabric's; the engines say so if they do.
pub fn compose(shape: Shape, steps: &[Step]) -> Program {
    let mut known: HashMap<PeClass, u16> = HashMap::new();
    let mut program = Program { shape, classes: Vec::new(), class_of: Vec::new() };
    for y in 0..shape.rows {
        for x in 0..shape.columns {
            let class = class_at(steps, x, y);
            let next = program.classes.len() as u16;
            let index = *known.entry(class).or_insert_with_key(|class| {
                program.classes.push(class.clone());
                next
            });
            program.class_of.push(index);
        }
    }
    program
}

fn class_at(steps: &[Step], x: u32, y: u32) -> PeClass {
    let mut class = PeClass::default();
    let mut colours = 0;
    for step in steps {
        let (line, from, at, turn) = match step {
            Step::Rows(line, from) => (line, *from, x, false),
            Step::Columns(line, from) => (line, *from, y, true),
            Step::Work(cycles) => {
                add_ops(&mut class, [work(*cycles)]);
                continue;
            }
            Step::Ops(ops, [columns, rows]) => {
                if columns.contains(&x) && rows.contains(&y) {
                    add_ops(&mut class, ops.iter().cloned());
                }
                continue;
            }
        };
        let most = colours_of(line);
        if at >= from && at < from + line.shape.columns {
            let part = line.class((at - from) as usize);
            append(&mut class, part, colours, turn);
        }
        colours += most;
    }
    class
}

/// Colours that a program uses, all from the first on.
pub(super) fn colours_of(program: &Program) -> u8 {
    let routes = program.classes.iter().flat_map(|class| &class.routes);
    routes.map(|route| route.colour.0 + 1).max().unwrap_or(0)
}

/// Puts `part` behind what `class` does, on colours from `colours` on, turned into a column or not.
/// None of its threads begins before all of what `class` does is done.
pub(super) fn append(class: &mut PeClass, part: &PeClass, colours: u8, turn: bool) {
    let shifted = |colour: Colour| Colour(colour.0 + colours);
    for route in &part.routes {
        let mut route = route.clone();
        route.colour = shifted(route.colour);
        for position in route.positions.iter_mut().filter(|_| turn) {
            *position = position.transposed();
        }
        class.routes.push(route);
    }
    let on_colours = part.ops.iter().map(|op| {
        let mut op = op.clone();
        for operand in [&mut op.dst, &mut op.a, &mut op.b, &mut op.c] {
            if let Operand::Fabric(colour) = operand {
                *colour = shifted(*colour);
            }
        }
        op
    });
    add_ops(class, on_colours);
}

/// Puts operations behind those of `class`: the first of each thread waits for all that is there.
fn add_ops(class: &mut PeClass, ops: impl IntoIterator<Item = Op>) {
    let first = class.ops.len() as u16;
    let mut last = [None; THREADS];
    for (index, op) in class.ops.iter().enumerate() {
        last[op.thread as usize] = Some(index as u16);
    }
    let mut begun = [false; THREADS];
    for mut op in ops {
        op.after.iter_mut().for_each(|index| *index += first);
        let thread = op.thread as usize;
        if !std::mem::replace(&mut begun[thread], true) {
            let others = (0..THREADS).filter(|&other| other != thread);
            op.after.extend(others.filter_map(|other| last[other]));
        }
        class.ops.push(op);
    }
}

fn work(cycles: u32) -> Op {
    let nothing = [Operand::Memory(0), Operand::None, Operand::None];
    let op = Op::new(OpKind::Local, DType::F16, 1, Operand::Memory(0), nothing);
    Op { local_cycles: cycles, ..op }
}
