//! A product by cyclic shift on a square of PEs: each multiplies its tiles, then those of one factor move
//! on along its row and those of the other along its column, to neighbours of the folded order.
//!
//! ```text
//! thread 0   multiply t   | multiply t + 1 ...      a step's tiles move on while they are multiplied;
//! thread 1   send a       | send a                  what comes is put where the tile before lay, once
//! thread 2   take a       | take a                  that is multiplied and sent
//! 3 and 4    the same with b along the column
//! ```
//! A tile that moves has two places, and what comes alternates between them: it waits until the tile that
//! was there is multiplied and sent. All PEs do the same, and neighbours are at most two hops apart whatever the side: so a step's time
//! does not depend on it, and a small square stands for a large one.

use super::line::{Line, Timing};
use super::messages::Ring;
use crate::mesh::program::{Colour, DType, Op, OpKind, Operand, PeClass, Program, Shape, Walk};

/// Steps of a product by cyclic shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CyclicGemm {
    /// PEs of a row and of a column.
    pub side: u32,
    /// Steps.
    pub steps: u32,
    /// Elements of a tile that moves along rows; 0 where that factor stays.
    pub along_rows: u32,
    /// Elements of a tile that moves along columns.
    pub along_columns: u32,
    /// The datapath multiplying two tiles `[cycles]`.
    pub busy: u32,
    /// Beyond that, between the operations of a product `[cycles]`.
    pub waiting: u32,
    /// Type of an element.
    pub dtype: DType,
    /// What a step computes, if more than its time is wanted.
    pub tiles: Option<Tiles>,
}

/// `c[m, n] += a[m, k] * b[k, n]` of one PE, rows one behind the other. In its memory lie c, two places for
/// a and two for b; the first of each holds the tile of the first step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tiles {
    /// Rows of a and c.
    pub m: u32,
    /// Columns of a, rows of b.
    pub k: u32,
    /// Columns of b and c.
    pub n: u32,
}

impl Tiles {
    /// Where the tile of a lies in a step `[elements]`.
    pub fn a(&self, step: u32) -> u32 {
        whole_words(self.m * self.n) + step % 2 * whole_words(self.m * self.k)
    }

    /// Where the tile of b lies in a step `[elements]`.
    pub fn b(&self, step: u32) -> u32 {
        self.a(0) + 2 * whole_words(self.m * self.k) + step % 2 * whole_words(self.k * self.n)
    }

    /// All of it `[elements]`.
    pub fn len(&self) -> u32 {
        self.b(0) + 2 * whole_words(self.k * self.n)
    }

    /// Whether there is nothing to compute.
    pub fn is_empty(&self) -> bool {
        self.m * self.k * self.n == 0
    }

    fn multiply(&self, step: (u32, u32), op: &mut Op) {
        let Self { m, k, n } = *self;
        let lengths = [n, k, m, 1];
        let walk = |first, strides| Operand::Walk(Walk::new(first, lengths, strides));
        let (k_by, n_by) = (k as i32, n as i32);
        let c = walk(0, [1, 0, n_by, 0]);
        op.kind = OpKind::Fma;
        op.elements = n * k * m;
        (op.dst, op.c) = (c, c);
        op.a = walk(self.a(step.0), [0, 1, k_by, 0]);
        op.b = walk(self.b(step.1), [1, n_by, 0, 0]);
    }
}

/// Two 16-bit elements fill a word, so that tiles begin with one.
fn whole_words(elements: u32) -> u32 {
    elements.next_multiple_of(2)
}

/// Before the first step: in row i the tiles of a come from i places further on, the shorter way round, a
/// neighbour at a time. They lie where [`Tiles::a`] says at the end, and one place before or behind it
/// while they are on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alignment {
    /// PEs of a row and of a column.
    pub side: u32,
    /// Elements of a tile.
    pub elements: u32,
    /// Where the aligned tile lies `[elements]`.
    pub to: u32,
    /// Type of an element.
    pub dtype: DType,
}

impl Alignment {
    /// Where a tile of row `row`, in the order of rows around their ring, lies before `[elements]`.
    pub fn from(&self, row: u32) -> u32 {
        let steps = row.min(self.side - row);
        self.to + steps % 2 * whole_words(self.elements)
    }

    /// The program.
    pub fn program(&self, timing: Timing) -> Program {
        let mut lines = [0, 1].map(|_| Line::new(self.side, 0, self.dtype, timing));
        let forward = Ring::folded(&mut lines[0]);
        let backward = forward.reversed(&mut lines[1]);
        let rings = [forward, backward];
        let mut classes: Vec<PeClass> = Vec::new();
        let mut class_of = Vec::new();
        let order = rings[0].order.clone();
        for y in 0..self.side {
            let row = order.iter().position(|&at| at == y).unwrap_or(0) as u32;
            let back = row <= self.side - row;
            let (ring, line) = (&rings[usize::from(back)], &mut lines[usize::from(back)]);
            let steps = row.min(self.side - row);
            for x in 0..self.side {
                let place = ring.order.iter().position(|&at| at == x).unwrap_or(0);
                let mut class = PeClass { routes: line.pe(x).routes.clone(), ops: Vec::new() };
                class.routes.sort_by_key(|route| route.colour);
                let mut before: Option<(u16, u16)> = None;
                for left in (1..=steps).rev() {
                    let at = |left: u32| self.to + left % 2 * whole_words(self.elements);
                    let (mut send, mut take) =
                        ring.moves(line, place, self.elements, at(left), at(left - 1));
                    send.after = before.iter().map(|m| m.1).collect();
                    take.after = before.iter().map(|m| m.0).collect();
                    before = Some((class.ops.len() as u16, class.ops.len() as u16 + 1));
                    class.ops.extend([send, take]);
                }
                let known = classes.iter().position(|other| *other == class);
                class_of.push(known.unwrap_or(classes.len()) as u16);
                if known.is_none() {
                    classes.push(class);
                }
            }
        }
        let shape = Shape { columns: self.side, rows: self.side };
        Program { shape, classes, class_of }
    }
}

impl CyclicGemm {
    /// The program.
    pub fn program(&self, timing: Timing) -> Program {
        let mut row = Line::new(self.side, 0, self.dtype, timing);
        let mut column = Line::new(self.side, 0, self.dtype, timing);
        let rows = Ring::folded(&mut row);
        let columns = Ring::folded(&mut column);
        let most = (0..self.side)
            .flat_map(|pe| row.pe(pe).routes.iter().map(|r| r.colour.0 + 1).collect::<Vec<_>>())
            .max()
            .unwrap_or(0);
        let place = |ring: &Ring, pe: u32| ring.order.iter().position(|&at| at == pe).unwrap_or(0);
        let mut classes: Vec<PeClass> = Vec::new();
        let mut class_of = Vec::new();
        for y in 0..self.side {
            for x in 0..self.side {
                let mut class = PeClass { routes: row.pe(x).routes.clone(), ops: Vec::new() };
                for route in &column.pe(y).routes {
                    let mut route = route.clone();
                    route.colour.0 += most;
                    route.positions.iter_mut().for_each(|p| *p = p.transposed());
                    class.routes.push(route);
                }
                class.routes.sort_by_key(|route| route.colour);
                let a = Moves {
                    ring: &rows,
                    place: place(&rows, x),
                    colours: 0,
                    elements: self.along_rows,
                };
                let (at, elements) = (place(&columns, y), self.along_columns);
                let b = Moves { ring: &columns, place: at, colours: most, elements };
                class.ops = self.operations(&row, [a, b]);
                let known = classes.iter().position(|other| *other == class);
                class_of.push(known.unwrap_or(classes.len()) as u16);
                if known.is_none() {
                    classes.push(class);
                }
            }
        }
        let shape = Shape { columns: self.side, rows: self.side };
        Program { shape, classes, class_of }
    }

    fn operations(&self, line: &Line, factors: [Moves<'_>; 2]) -> Vec<Op> {
        let mut multiply = line.op(OpKind::Move, 1, Operand::Memory(0), Operand::Memory(0));
        multiply.kind = OpKind::Local;
        (multiply.lead, multiply.local_cycles, multiply.tail) = (self.waiting, self.busy, 0);
        let mut ops: Vec<Op> = Vec::new();
        // Of the step before: the product, and for each factor what sent and what took a tile.
        let mut before: Option<(u16, [Moved; 2])> = None;
        for step in 0..self.steps {
            let product = ops.len() as u16;
            let mut now = multiply.clone();
            if let Some(tiles) = &self.tiles {
                let places = factors.each_ref().map(|f| if f.elements > 0 { step } else { 0 });
                tiles.multiply((places[0], places[1]), &mut now);
            }
            now.after =
                before.iter().flat_map(|(_, moved)| moved.iter().flatten()).map(|m| m.1).collect();
            ops.push(now);
            let mut moved = [None; 2];
            for (index, factor) in factors.iter().enumerate().filter(|(_, f)| f.elements > 0) {
                let at =
                    |step| self.tiles.map_or(0, |t| if index == 0 { t.a(step) } else { t.b(step) });
                let (mut send, mut take) = factor.ops(line, at(step), at(step + 1));
                let thread = 1 + 2 * index as u8;
                (send.thread, take.thread) = (thread, thread + 1);
                // What is sent came in the step before; where that lay is free once it is multiplied
                // and sent.
                if let Some((product, moved)) = &before {
                    let last = moved[index];
                    send.after = last.iter().map(|m| m.1).collect();
                    take.after = last.iter().map(|m| m.0).chain([*product]).collect();
                }
                moved[index] = Some((ops.len() as u16, ops.len() as u16 + 1));
                ops.extend([send, take]);
            }
            before = Some((product, moved));
        }
        ops
    }
}

/// What sent and what took a tile.
type Moved = Option<(u16, u16)>;

/// One PE's part of moving a factor's tiles.
struct Moves<'a> {
    ring: &'a Ring,
    place: usize,
    /// Colours of the other axis, which come first.
    colours: u8,
    elements: u32,
}

impl Moves<'_> {
    fn ops(&self, line: &Line, from: u32, to: u32) -> (Op, Op) {
        let (mut send, mut take) = self.ring.moves(line, self.place, self.elements, from, to);
        for operand in [&mut send.dst, &mut take.a] {
            if let Operand::Fabric(colour) = operand {
                *colour = Colour(colour.0 + self.colours);
            }
        }
        (send, take)
    }
}
