//! Collectives on rectangles of PEs, made of those on lines.
//!
//! ```text
//! x-y     rows to column 0, then column 0 to its head      snake   one chain through all PEs
//!   0 <- . <- .                                              0 <- . <- .
//!   0 <- . <- .   then up column 0                           . -> . -> ^   every second row back
//! ```
//! The root is the PE at the north-west corner.

use super::line::{Line, Timing, route};
use crate::mesh::compose::{append, colours_of};
use crate::mesh::program::{
    Colour, DType, OpKind, Operand, PeClass, Port, PortSet, Position, Program, Route, Shape,
};

/// `row` in every row, then `column` in the first column.
pub(super) fn x_y(row: &Program, column: &Program) -> Program {
    let shape = Shape { columns: row.shape.columns, rows: column.shape.columns };
    let colours = colours_of(row);
    let mut classes = row.classes.clone();
    let first = classes.len() as u16;
    classes.extend(column.classes.iter().map(|part| {
        let mut class = row.class(0).clone();
        append(&mut class, part, colours, true);
        class
    }));
    let mut class_of = Vec::with_capacity(shape.pes());
    for y in 0..shape.rows as usize {
        class_of.extend_from_slice(&row.class_of);
        class_of[y * shape.columns as usize] = first + column.class_of[y];
    }
    Program { shape, classes, class_of }
}

/// The chain through all PEs of `shape`, row by row, there and back.
pub(super) fn snake(
    shape: Shape,
    elements: u32,
    kind: OpKind,
    dtype: DType,
    timing: &Timing,
) -> Program {
    let line = Line::new(1, 0, dtype, *timing);
    let Shape { columns, rows } = shape;
    let pes = columns * rows;
    let mut classes: Vec<(u32, PeClass)> = Vec::new();
    let mut class_of = vec![0u16; shape.pes()];
    for place in 0..pes {
        let (at, inward) = step(columns, place);
        let outward = (place + 1 < pes).then(|| step(columns, place + 1).1.opposite());
        let inward = (place > 0).then_some(inward);
        let parity = place % 2;
        let role =
            parity | inward.map_or(7, |p| p as u32) << 1 | outward.map_or(7, |p| p as u32) << 4;
        let known = classes.iter().position(|(of, _)| *of == role).unwrap_or_else(|| {
            classes.push((role, link(&line, elements, kind, parity as u8, (inward, outward))));
            classes.len() - 1
        });
        class_of[at as usize] = known as u16;
    }
    Program { shape, classes: classes.into_iter().map(|(_, class)| class).collect(), class_of }
}

/// Where the PE at `place` of the snake lies, and where from there the place before is.
fn step(columns: u32, place: u32) -> (u32, Port) {
    let (row, along) = (place / columns, place % columns);
    let east = row.is_multiple_of(2);
    let x = if east { along } else { columns - 1 - along };
    let inward = match (along, east) {
        (0, _) => Port::North,
        (_, true) => Port::West,
        (_, false) => Port::East,
    };
    (row * columns + x, inward)
}

fn link(
    line: &Line,
    elements: u32,
    kind: OpKind,
    parity: u8,
    (inward, outward): (Option<Port>, Option<Port>),
) -> PeClass {
    let (send, take) = (parity, 1 - parity);
    let mut class = PeClass::default();
    if let Some(inward) = inward {
        class.routes.push(route(send, &[(Port::Ramp, &[inward])]));
    }
    if let Some(outward) = outward {
        class.routes.push(route(take, &[(outward, &[Port::Ramp])]));
    }
    class.routes.sort_by_key(|route| route.colour);
    let fabric = |colour| Operand::Fabric(Colour(colour));
    let to = if inward.is_some() { fabric(send) } else { Operand::Memory(0) };
    match (inward, outward) {
        (_, Some(_)) => class.ops.push(line.op(kind, elements, fabric(take), to)),
        (Some(_), None) => class.ops.push(line.op(OpKind::Move, elements, Operand::Memory(0), to)),
        (None, None) => {}
    }
    class
}

/// Puts a broadcast from PE `root` to the whole rectangle behind `program`: along the root's column,
/// and from there along the rows.
pub(super) fn then_hand_out(program: &mut Program, root: (u32, u32), line: &Line, elements: u32) {
    let colour = colours_of(program);
    let Shape { columns, rows } = program.shape;
    if program.shape.pes() < 2 {
        return;
    }
    let fabric = Operand::Fabric(Colour(colour));
    let send = line.op(OpKind::Move, elements, Operand::Memory(0), fabric);
    let take = line.op(OpKind::Move, elements, fabric, Operand::Memory(0));
    // (class before, position) in the order of their numbers.
    let mut known: std::collections::HashMap<(u16, Position), u16> =
        std::collections::HashMap::new();
    let mut classes = Vec::new();
    for y in 0..rows {
        for x in 0..columns {
            let index = (y * columns + x) as usize;
            let position = outwards((x, y), root, (columns, rows));
            let old = program.class_of[index];
            let next = classes.len() as u16;
            let class = *known.entry((old, position)).or_insert_with(|| {
                let mut class: PeClass = program.classes[old as usize].clone();
                class.routes.push(Route { colour: Colour(colour), positions: vec![position] });
                class.ops.push(if position.rx == Port::Ramp { send.clone() } else { take.clone() });
                classes.push(class);
                next
            });
            program.class_of[index] = class;
        }
    }
    program.classes = classes;
}

/// Where what is handed out comes from at (x, y), and where it goes.
fn outwards((x, y): (u32, u32), root: (u32, u32), (columns, rows): (u32, u32)) -> Position {
    let mut tx = Vec::new();
    if x == root.0 && y <= root.1 && y > 0 {
        tx.push(Port::North);
    }
    if x == root.0 && y >= root.1 && y + 1 < rows {
        tx.push(Port::South);
    }
    if x >= root.0 && x + 1 < columns {
        tx.push(Port::East);
    }
    if x <= root.0 && x > 0 {
        tx.push(Port::West);
    }
    let rx = match (x.cmp(&root.0), y.cmp(&root.1)) {
        (std::cmp::Ordering::Less, _) => Port::East,
        (std::cmp::Ordering::Greater, _) => Port::West,
        (_, std::cmp::Ordering::Less) => Port::South,
        (_, std::cmp::Ordering::Greater) => Port::North,
        _ => Port::Ramp,
    };
    if rx != Port::Ramp {
        tx.push(Port::Ramp);
    }
    Position::new(rx, PortSet::of(&tx))
}
