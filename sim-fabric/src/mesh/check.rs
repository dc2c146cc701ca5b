//! What must hold before any engine runs a program: the rules that can be seen without running it.
//!
//! Both engines call [`check`], so they refuse the same programs with the same words.

use super::program::{FabricError, Op, OpKind, Operand, PeClass, Port, PortSet, Program, SendEnd};
use super::spec::FabricSpec;
use rayon::prelude::*;

/// Colours of the fabric.
pub const COLOURS: usize = 24;
/// Most switch positions of a colour in one router.
pub const POSITIONS: usize = 4;
/// Highest thread number of a PE.
pub const LAST_THREAD: u8 = 8;
/// Longest latency and deepest buffer that a spec may give `[cycles or wavelets]`.
pub const LONGEST: u32 = 1 << 14;

/// Which colours a class may send through each port, and take from it; one bit per colour.
#[derive(Clone, Copy, Default)]
struct Reach {
    sends: [u32; 5],
    takes: [u32; 5],
}

/// Checks a program, the fabric it is to run on and the start times of its PEs.
pub fn check(program: &Program, spec: &FabricSpec, start: &[u64]) -> Result<(), FabricError> {
    let pes = program.shape.pes();
    let of_program = |problem: String| FabricError::Invalid { x: 0, y: 0, problem };
    check_spec(spec).map_err(of_program)?;
    if pes == 0 || program.class_of.len() != pes || start.len() != pes {
        let (classes, starts) = (program.class_of.len(), start.len());
        return Err(of_program(format!(
            "{pes} PEs with {classes} classes and {starts} start times; the three must be equal and not 0"
        )));
    }
    let mut reaches = Vec::with_capacity(program.classes.len());
    for (index, class) in program.classes.iter().enumerate() {
        let first = program.class_of.iter().position(|&of| of as usize == index);
        let reach =
            check_class(class, spec).map_err(|problem| at(program, first.unwrap_or(0), problem));
        reaches.push(reach?);
    }
    let lost = |pe: usize| check_links(program, &reaches, pe).err();
    let first = if pes <= PART {
        (0..pes).find_map(lost)
    } else {
        (0..pes).into_par_iter().with_min_len(PART).find_map_first(lost)
    };
    match first {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// PEs that a thread checks.
const PART: usize = 1 << 14;

/// Checks that whatever leaves PE `pe`'s router is taken by the next one.
fn check_links(program: &Program, reaches: &[Reach], pe: usize) -> Result<(), FabricError> {
    let Some(reach) = reaches.get(program.class_of[pe] as usize) else {
        return Err(at(program, pe, format!("class {} does not exist", program.class_of[pe])));
    };
    for port in [Port::North, Port::South, Port::East, Port::West] {
        let sends = reach.sends[port as usize];
        if sends == 0 {
            continue;
        }
        let takes = program
            .neighbour(pe, port)
            .and_then(|next| reaches.get(program.class_of[next] as usize))
            .map(|next| next.takes[port.opposite() as usize]);
        let lost = sends & !takes.unwrap_or(0);
        if lost != 0 {
            let colour = lost.trailing_zeros();
            let whither = match takes {
                None => "out of the rectangle".to_owned(),
                Some(_) => "to a router that takes none of it from there".to_owned(),
            };
            return Err(at(program, pe, format!("colour {colour} goes {port:?}, {whither}")));
        }
    }
    Ok(())
}

/// An [`FabricError::Invalid`] at PE `pe`.
pub(crate) fn at(program: &Program, pe: usize, problem: String) -> FabricError {
    let columns = program.shape.columns.max(1) as usize;
    FabricError::Invalid { x: (pe % columns) as u32, y: (pe / columns) as u32, problem }
}

fn check_spec(spec: &FabricSpec) -> Result<(), String> {
    let numbers = [
        ("hop_cycles", spec.hop_cycles, 1),
        ("ramp_cycles", spec.ramp_cycles, 0),
        ("queue_depth", spec.queue_depth, 2),
        ("ramp_in_depth", spec.ramp_in_depth, 2),
        ("ramp_out_depth", spec.ramp_out_depth, 2),
        ("switch_cycles", spec.switch_cycles, 0),
        ("receive_directions", spec.receive_directions, 1),
    ];
    for (name, value, least) in numbers {
        if value < least || value > LONGEST {
            return Err(format!("{name} is {value}; it must lie in {least}..={LONGEST}"));
        }
    }
    Ok(())
}

fn check_class(class: &PeClass, spec: &FabricSpec) -> Result<Reach, String> {
    let mut reach = Reach::default();
    let mut last = None;
    for route in &class.routes {
        let colour = route.colour.0;
        if colour as usize >= COLOURS {
            return Err(format!("colour {colour} does not exist; there are {COLOURS}"));
        }
        if last >= Some(colour) {
            return Err(format!("the route of colour {colour} is not in the order of colours"));
        }
        last = Some(colour);
        let count = route.positions.len();
        if count == 0 || count > POSITIONS {
            return Err(format!(
                "colour {colour} has {count} switch positions, not 1 to {POSITIONS}"
            ));
        }
        for position in &route.positions {
            if position.tx == PortSet::default() || position.tx.0 >= 1 << Port::ALL.len() {
                return Err(format!("colour {colour} has a switch position without outputs"));
            }
            let inputs = position.inputs();
            let (listed, most) = (inputs.iter().count(), spec.receive_directions);
            if listed > most as usize {
                return Err(format!(
                    "colour {colour} lists {listed} receive directions; this machine allows {most}"
                ));
            }
            for port in inputs.iter() {
                reach.takes[port as usize] |= 1 << colour;
            }
            for port in position.tx.iter() {
                reach.sends[port as usize] |= 1 << colour;
            }
        }
    }
    for (index, op) in class.ops.iter().enumerate() {
        check_op(index, op, &reach).map_err(|problem| format!("op {index}: {problem}"))?;
    }
    Ok(reach)
}

fn check_op(index: usize, op: &Op, reach: &Reach) -> Result<(), String> {
    if op.elements == 0 || op.period == 0 {
        return Err("elements and period must be at least 1".to_owned());
    }
    if !op.wrap.is_multiple_of(op.dtype.per_wavelet()) {
        return Err(format!(
            "its memory begins anew inside a wavelet, behind {} elements",
            op.wrap
        ));
    }
    if !matches!(op.at_once, 1 | 2 | 4 | 8) {
        return Err(format!("at_once is {}; it must be 1, 2, 4 or 8", op.at_once));
    }
    if op.thread > LAST_THREAD {
        return Err(format!("thread {} does not exist; the last is {LAST_THREAD}", op.thread));
    }
    if let Some(&after) = op.after.iter().find(|&&after| after as usize >= index) {
        return Err(format!("it waits for op {after}, which is not before it"));
    }
    if op.sources().into_iter().filter_map(Operand::colour).count() > 1 {
        return Err("both sources are the fabric".to_owned());
    }
    if (op.kind == OpKind::Fma) != (op.c != Operand::None) {
        return Err("a third source is there for a fused multiply-add, and only for it".to_owned());
    }
    for operand in op.sources().into_iter().chain([op.dst]) {
        if let Operand::Walk(walk) = operand
            && walk.len() < u64::from(op.elements)
        {
            let (long, wants) = (walk.len(), op.elements);
            return Err(format!("an operand's lengths hold {long} elements of {wants}"));
        }
    }
    if op.kind == OpKind::Local && (op.input().is_some() || op.output().is_some()) {
        return Err("local work has no fabric operands".to_owned());
    }
    if op.end != SendEnd::Plain && op.output().is_none() {
        return Err("only an operation that sends can advance a switch".to_owned());
    }
    let routed =
        |colour: u8, colours: u32| (colour as usize) < COLOURS && colours >> colour & 1 == 1;
    if let Some(colour) = op.input().filter(|c| !routed(c.0, reach.sends[Port::Ramp as usize])) {
        return Err(format!(
            "it takes colour {}, which the router never sends to the PE",
            colour.0
        ));
    }
    if let Some(colour) = op.output().filter(|c| !routed(c.0, reach.takes[Port::Ramp as usize])) {
        return Err(format!(
            "it sends colour {}, which the router never takes from the PE",
            colour.0
        ));
    }
    Ok(())
}
