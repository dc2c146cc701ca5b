//! A product by cyclic shift on a square of PEs: each multiplies its tiles, then those of one factor move
//! on along its row and those of the other along its column, to neighbours of the folded order.
//!
//! ```text
//! thread 0   multiply t   | multiply t + 1 ...      a step's tiles move on while they are multiplied;
//! thread 1   send a       | send a                  what comes is put where the tile before lay, once
//! thread 2   take a       | take a                  that is multiplied and sent
//! 3 and 4    the same with b along the column
//! ```
//! All PEs do the same, and neighbours are at most two hops apart whatever the side: so a step's time
//! does not depend on it, and a small square stands for a large one.

use super::line::{Line, Timing};
use super::messages::Ring;
use crate::mesh::program::{Colour, DType, Op, OpKind, Operand, PeClass, Program, Shape};

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
                let (a, b) = (self.along_rows, self.along_columns);
                let moves_a = rows.moves(&row, place(&rows, x), a.max(1), 0, 0);
                let (mut send, mut take) =
                    columns.moves(&column, place(&columns, y), b.max(1), 0, 0);
                for operand in [&mut send.dst, &mut take.a] {
                    if let Operand::Fabric(colour) = operand {
                        *colour = Colour(colour.0 + most);
                    }
                }
                class.ops = self.operations(&row, a > 0, moves_a, b > 0, (send, take));
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

    fn operations(
        &self,
        line: &Line,
        moves_a: bool,
        a: (Op, Op),
        moves_b: bool,
        b: (Op, Op),
    ) -> Vec<Op> {
        let mut multiply = line.op(OpKind::Move, 1, Operand::Memory(0), Operand::Memory(0));
        multiply.kind = OpKind::Local;
        (multiply.lead, multiply.local_cycles, multiply.tail) = (self.waiting, self.busy, 0);
        let mut ops: Vec<Op> = Vec::new();
        // Of the step before: the product, and what took a tile.
        let mut before: Option<(u16, Vec<u16>)> = None;
        for _ in 0..self.steps {
            let product = ops.len() as u16;
            let mut takes = Vec::new();
            let mut now = multiply.clone();
            now.after = before.as_ref().map_or(Vec::new(), |(_, takes)| takes.clone());
            ops.push(now);
            for (moves, (send, take), thread) in [(moves_a, &a, 1), (moves_b, &b, 3)] {
                if !moves {
                    continue;
                }
                let (mut send, mut take) = (send.clone(), take.clone());
                (send.thread, take.thread) = (thread, thread + 1);
                // What is sent came in the step before; where it lay is free once it is multiplied.
                if let Some((product, takes)) = &before {
                    send.after = takes.clone();
                    take.after = vec![*product];
                }
                ops.push(send);
                takes.push(ops.len() as u16);
                ops.push(take);
            }
            before = Some((product, takes));
        }
        ops
    }
}
