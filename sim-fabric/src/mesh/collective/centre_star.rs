//! Centre-star: rows stream into the two centre columns, these into the four centre PEs, and three
//! of those into the fourth.
//!
//! ```text
//!   . -> . -> L  R <- . <- .       colour 0: rows, colour 1: centre columns,
//!             |  |                 colour 2: bottom right -> bottom left -> (past it) root,
//!             v  v                           right -> root, then what comes from below
//!   . -> . -> *  o <- . <- .
//!   . -> . -> o  o <- . <- .       *: the root; o: the other three
//! ```
//! In each of these stars every PE lets its own words out first and then passes on what comes from
//! behind, so the PE in the centre takes a word a cycle off its ramp, and no chain of adds is paid.
//! Source: Rocki et al., SC 2020, on a CS-1. The left centre column is floor((columns - 1) / 2).

use super::line::{Line, Timing, route};
use crate::mesh::program::{
    Colour, DType, OpKind, Operand, PeClass, Port, Program, SendEnd, Shape,
};

/// Where the root stands.
pub fn root(shape: Shape) -> (u32, u32) {
    ((shape.columns - 1) / 2, (shape.rows - 1) / 2)
}

/// The place of a PE along one axis.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first centre; whether it is the outermost.
    Before(bool),
    /// The first centre line.
    First,
    /// The second.
    Second,
    /// Behind the second; whether it is the outermost.
    Behind(bool),
}

impl Place {
    fn of(at: u32, length: u32) -> Self {
        let first = (length - 1) / 2;
        match at {
            _ if at < first => Self::Before(at == 0),
            _ if at == first => Self::First,
            _ if at == first + 1 => Self::Second,
            _ => Self::Behind(at + 1 == length),
        }
    }

    fn number(self) -> usize {
        match self {
            Self::Before(outermost) => usize::from(outermost),
            Self::First => 2,
            Self::Second => 3,
            Self::Behind(outermost) => 4 + usize::from(outermost),
        }
    }

    /// PEs behind a centre on its side.
    fn members(self, length: u32) -> u32 {
        match self {
            Self::First => (length - 1) / 2,
            Self::Second => length - 2 - (length - 1) / 2,
            Self::Before(_) | Self::Behind(_) => 0,
        }
    }
}

/// `elements` of every PE of `shape` are combined at its [`root`].
pub(super) fn reduce(
    shape: Shape,
    elements: u32,
    kind: OpKind,
    dtype: DType,
    timing: &Timing,
) -> Program {
    let star = Star { line: Line::new(1, 0, dtype, *timing), shape, elements, kind };
    let mut known = [None; 36];
    let mut classes = Vec::new();
    let mut class_of = Vec::with_capacity(shape.pes());
    for y in 0..shape.rows {
        let row = Place::of(y, shape.rows);
        for x in 0..shape.columns {
            let column = Place::of(x, shape.columns);
            let class = known[row.number() * 6 + column.number()].get_or_insert_with(|| {
                classes.push(star.class(column, row));
                classes.len() as u16 - 1
            });
            class_of.push(*class);
        }
    }
    Program { shape, classes, class_of }
}

struct Star {
    line: Line,
    shape: Shape,
    elements: u32,
    kind: OpKind,
}

impl Star {
    fn class(&self, column: Place, row: Place) -> PeClass {
        let mut class = PeClass::default();
        let Shape { columns, rows } = self.shape;
        if !self.stage(&mut class, 0, column, columns, (Port::West, Port::East)) {
            return class;
        }
        if !self.stage(&mut class, 1, row, rows, (Port::North, Port::South)) {
            return class;
        }
        self.centre(&mut class, column, row);
        class
    }

    /// One axis' star; true if the PE is a centre of it.
    fn stage(
        &self,
        class: &mut PeClass,
        colour: u8,
        place: Place,
        length: u32,
        (low, high): (Port, Port),
    ) -> bool {
        let (outward, inward, outermost) = match place {
            Place::Before(outermost) => (low, high, outermost),
            Place::Behind(outermost) => (high, low, outermost),
            Place::First | Place::Second => {
                let outward = if place == Place::First { low } else { high };
                let members = place.members(length);
                if members > 0 {
                    class.routes.push(route(colour, &[(outward, &[Port::Ramp])]));
                    self.take(class, colour, members);
                }
                return true;
            }
        };
        if outermost {
            class.routes.push(route(colour, &[(Port::Ramp, &[inward])]));
            self.send(class, colour, SendEnd::Plain);
        } else {
            class.routes.push(route(colour, &[(Port::Ramp, &[inward]), (outward, &[inward])]));
            self.send(class, colour, SendEnd::AdvanceLocal);
        }
        false
    }

    /// The four centre PEs.
    fn centre(&self, class: &mut PeClass, column: Place, row: Place) {
        let (wide, high) = (self.shape.columns > 1, self.shape.rows > 1);
        let colour = 2;
        let passes: &[(Port, &[Port])] = match (column, row) {
            (Place::First, Place::First) => match (wide, high) {
                (true, true) => &[(Port::East, &[Port::Ramp]), (Port::South, &[Port::Ramp])],
                (true, false) => &[(Port::East, &[Port::Ramp])],
                (false, true) => &[(Port::South, &[Port::Ramp])],
                (false, false) => return,
            },
            (Place::First, _) if wide => {
                &[(Port::Ramp, &[Port::North]), (Port::East, &[Port::North])]
            }
            (Place::First, _) => &[(Port::Ramp, &[Port::North])],
            _ => &[(Port::Ramp, &[Port::West])],
        };
        class.routes.push(route(colour, passes));
        match (column, row) {
            (Place::First, Place::First) => {
                self.take(
                    class,
                    colour,
                    u32::from(wide) + u32::from(high) + u32::from(wide && high),
                );
            }
            (Place::First, _) if wide => self.send(class, colour, SendEnd::AdvanceLocal),
            // Behind its words the root turns to those from below.
            (_, Place::First) if high => self.send(class, colour, SendEnd::Control),
            _ => self.send(class, colour, SendEnd::Plain),
        }
    }

    fn take(&self, class: &mut PeClass, colour: u8, members: u32) {
        let padded = self.elements.next_multiple_of(self.line.dtype.per_wavelet());
        let from = Operand::Fabric(Colour(colour));
        class.ops.extend(self.line.accumulate(self.kind, members, padded, from));
    }

    fn send(&self, class: &mut PeClass, colour: u8, end: SendEnd) {
        let to = Operand::Fabric(Colour(colour));
        let mut op = self.line.op(OpKind::Move, self.elements, Operand::Memory(0), to);
        op.end = end;
        class.ops.push(op);
    }
}
