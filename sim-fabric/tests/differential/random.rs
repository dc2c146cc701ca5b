//! Random programs: paths of colours over a small rectangle, some with branches and switches, and
//! operations that send, forward, combine and take.

use proptest::prelude::*;
use sim_fabric::mesh::program::{
    Colour, DType, Op, OpKind, Operand, PeClass, Port, PortSet, Position, Program, Route, SendEnd,
    Shape,
};

/// One stream: a colour from one PE along a straight line to others.
#[derive(Clone, Debug)]
struct Stream {
    from: usize,
    direction: usize,
    length: usize,
    elements: u32,
    period: u32,
    take_period: u32,
    lead: u32,
    tail: u32,
    /// PEs on the way that also get the words (multicast).
    taps: u8,
    /// Words that a second PE behind the first sends on the same colour once the switch advanced.
    merged: Option<(u32, bool)>,
    split: u32,
    /// Threads of those that send and of those that take, and whether all go through thread 0.
    threads: (u8, u8),
    /// Wavelets of it that the datapath handles in a cycle.
    at_once: u8,
    /// Whether operations wait for the one before them in the list, whatever their thread.
    after: bool,
}

fn stream() -> impl Strategy<Value = Stream> {
    (
        (0usize..12, 0usize..4, 1usize..4, 1u32..40),
        (1u32..4, 1u32..4, 0u32..12, 0u32..5),
        (any::<u8>(), proptest::option::of((1u32..20, any::<bool>())), 1u32..4),
        ((0u8..4, 0u8..4), prop::bool::weighted(0.2), 0u8..4),
    )
        .prop_map(|(place, work, extra, thread)| Stream {
            from: place.0,
            direction: place.1,
            length: place.2,
            elements: place.3,
            period: work.0,
            take_period: work.1,
            lead: work.2,
            tail: work.3,
            taps: extra.0,
            merged: extra.1,
            split: extra.2,
            threads: thread.0,
            after: thread.1,
            at_once: 1 << thread.2,
        })
}

fn op(dst: Operand, a: Operand, elements: u32, s: &Stream, period: u32) -> Op {
    Op {
        lead: s.lead,
        period,
        tail: s.tail,
        local_cycles: 3,
        thread: if matches!(dst, Operand::Fabric(_)) { s.threads.0 } else { s.threads.1 },
        at_once: s.at_once,
        ..Op::new(OpKind::Move, DType::F32, elements, dst, [a, Operand::None, Operand::None])
    }
}

/// A program of up to seven streams on 4 x 3 PEs, on one thread or several.
pub(super) fn program() -> impl Strategy<Value = Program> {
    let streams = proptest::collection::vec(stream(), 1..8);
    (streams, any::<bool>()).prop_map(|(mut streams, alone)| {
        if alone {
            streams.iter_mut().for_each(|stream| stream.threads = (0, 0));
        }
        let shape = Shape { columns: 4, rows: 3 };
        let mut program =
            Program { shape, classes: vec![PeClass::default(); 12], class_of: (0..12).collect() };
        for (colour, stream) in streams.iter().enumerate() {
            let before: Vec<_> = program.classes.iter().map(|class| class.ops.len()).collect();
            add(&mut program, colour as u8, stream);
            for (class, before) in program.classes.iter_mut().zip(before) {
                for index in before.max(1)..class.ops.len() {
                    if stream.after {
                        class.ops[index].after = vec![index as u16 - 1];
                    }
                }
            }
        }
        program
    })
}

/// Adds a stream where its path stays inside; sends before takes, so that most programs end.
fn add(program: &mut Program, colour: u8, s: &Stream) {
    let forward = [Port::North, Port::South, Port::East, Port::West][s.direction];
    let mut path = vec![s.from];
    while path.len() <= s.length {
        match program.neighbour(path[path.len() - 1], forward) {
            Some(next) => path.push(next),
            None => break,
        }
    }
    if path.len() < 2 {
        return;
    }
    let fabric = Operand::Fabric(Colour(colour));
    let last = path.len() - 1;
    // With a merge the first PE is behind the second sender, whose router lets its own out first.
    let merge = s.merged.filter(|_| last >= 2);
    for (i, &pe) in path.iter().enumerate() {
        let mut tx = Vec::new();
        if i < last {
            tx.push(forward);
        }
        let takes = i == last || (i >= 2 && s.taps >> i & 1 == 1);
        if takes {
            tx.push(Port::Ramp);
        }
        let back = forward.opposite();
        let ramp = Position::new(Port::Ramp, PortSet::of(&[forward]));
        let pass = Position::new(back, PortSet::of(&tx));
        let positions = match (i, merge) {
            (0, _) => vec![ramp],
            (1, Some(_)) => vec![ramp, Position::new(back, PortSet::of(&[forward]))],
            _ => vec![pass],
        };
        let class = &mut program.classes[pe];
        class.routes.push(Route { colour: Colour(colour), positions });
        if i == 0 {
            class.ops.push(op(fabric, Operand::Memory(0), s.elements, s, s.period));
        }
        let mut total = s.elements;
        if let Some((words, control)) = merge {
            total += words;
            if i == 1 {
                let mut own = op(fabric, Operand::Memory(0), words, s, s.take_period);
                own.end = if control { SendEnd::Control } else { SendEnd::AdvanceLocal };
                class.ops.push(own);
            }
        }
        if takes && !(i == 1 && merge.is_some()) {
            let first = (total / s.split).max(1);
            class.ops.push(op(Operand::Memory(0), fabric, first, s, s.take_period));
            if total > first {
                class.ops.push(op(Operand::Memory(0), fabric, total - first, s, s.period));
            }
        }
    }
}
