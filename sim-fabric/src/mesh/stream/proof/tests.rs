//! A draft that stands, and single times that are off.

use super::super::layout::ClassLayout;
use super::super::state::Engine;
use crate::mesh::collective::Timing;
use crate::mesh::collective::request::{Algorithm, Goal, Request};
use crate::mesh::program::{DType, Program, Shape};
use crate::mesh::spec::FabricSpec;

const SPEC: FabricSpec = FabricSpec {
    hop_cycles: 1,
    ramp_cycles: 2,
    queue_depth: 4,
    ramp_in_depth: 4,
    ramp_out_depth: 8,
    switch_cycles: 0,
    receive_directions: 1,
};

fn star(elements: u32) -> (Program, Vec<ClassLayout>) {
    let timing = Timing {
        lead: 16,
        tail: 5,
        f16_per_cycle: 8,
        f32_per_cycle: 4,
        max_per_cycle: 4,
        accumulators: 4,
    };
    let shape = Shape { columns: 9, rows: 8 };
    let (goal, algorithm, dtype) = (Goal::AllReduce, Algorithm::CentreStar, DType::F32);
    let request = Request { goal, algorithm, shape, elements, dtype };
    let program = request.program(&timing, SPEC.ramp_cycles).expect("a program");
    let classes = program.classes.iter().map(ClassLayout::new);
    let classes = classes.collect::<Result<_, _>>().expect("classes");
    (program, classes)
}

/// One word passes without waiting, so the draft stands; several wait for room, and it is seen.
#[test]
fn a_draft_stands_where_nobody_waits() {
    for (elements, stands) in [(1, true), (9, false)] {
        let (program, classes) = star(elements);
        let start = vec![0; program.shape.pes()];
        let mut engine = Engine::new(&program, &classes, &SPEC, &start, 0).expect("a machine");
        assert_eq!(engine.draft(9, 3), stands, "{elements} elements");
    }
}

/// Whatever single time is one cycle off, at either end of a channel or of an operation, is found.
#[test]
fn a_time_that_is_off_is_in_doubt() {
    let (program, classes) = star(1);
    let start = vec![0; program.shape.pes()];
    let mut engine = Engine::new(&program, &classes, &SPEC, &start, 0).expect("a machine");
    assert!(engine.draft(9, 1));
    let mut moved = 0;
    for channel in 0..engine.channels.len() {
        let found = engine.channels[channel];
        if engine.channels[channel].puts.delay() {
            moved += 1;
            assert!(engine.doubts().iter().any(|doubt| doubt.wrong), "puts of {channel}");
        }
        engine.channels[channel] = found;
        if engine.channels[channel].takes.delay() {
            assert!(engine.doubts().iter().any(|doubt| doubt.wrong), "takes of {channel}");
        }
        engine.channels[channel] = found;
    }
    assert!(moved > 200, "{moved}");
    for op in 0..engine.done.len() {
        engine.done[op] += 1;
        assert!(engine.doubts().iter().any(|doubt| doubt.wrong), "operation {op}");
        engine.done[op] -= 1;
    }
    assert!(engine.doubts().is_empty());
}
