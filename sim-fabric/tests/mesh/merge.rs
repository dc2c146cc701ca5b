//! A colour that lists several receive directions, as routers of the WSE-2 can.

use super::build::*;
use sim_fabric::mesh::program::{FabricError, Op, PeClass, Port, PortSet, Program, SendEnd};
use sim_fabric::mesh::spec::FabricSpec;
use sim_fabric::mesh::{stream, wavelet};

use Port::{East, Ramp, West};

fn wse2() -> FabricSpec {
    FabricSpec { receive_directions: 5, ..spec() }
}

/// The ramp gets what comes from the west and from the east.
fn middle(words: u32) -> PeClass {
    let mut route = route(3, &[(West, &[Ramp])]);
    route.positions[0].also_rx = PortSet::of(&[East]);
    class(&[route], &[add(3, words)])
}

fn sender(to: Port, words: u32, lead: u32) -> PeClass {
    class(&[route(3, &[(Ramp, &[to])])], &[Op { lead, ..send(3, words) }])
}

fn both(west: u32, east: u32) -> Program {
    row(vec![sender(East, 4, west), middle(8), sender(West, 4, east)])
}

#[test]
fn two_wavelets_in_one_cycle_name_pe_colour_and_cycle() {
    // The east's first word issues with the west's fourth, in cycle 3, and is there 1 + 2 + 1 later.
    let error = run_on(&both(0, 3), &wse2()).unwrap_err();
    let (first, second) = (East, West);
    assert_eq!(error, FabricError::Collision { x: 1, y: 0, colour: 3, cycle: 7, first, second });
    let text = error.to_string();
    assert!(
        text.starts_with("PE (1, 0): two wavelets of colour 3 reach its router in cycle 7"),
        "{text}"
    );
    // Cycles are those of the program's starts.
    let error = wavelet::run(&both(0, 3), &wse2(), &[100; 3]).unwrap_err();
    assert!(matches!(error, FabricError::Collision { cycle: 107, .. }), "{error}");
}

#[test]
fn one_behind_the_other_they_merge() {
    let program = both(0, 4);
    let run = run_on(&program, &wse2()).unwrap();
    assert_eq!(run.done, [4, 14, 8]);
    let mut memory: Vec<Vec<f32>> = vec![vec![1.0, 2.0, 3.0, 4.0], vec![0.0; 8], vec![5.0; 4]];
    let times = wavelet::run_values(&program, &wse2(), &[0; 3], &mut memory).unwrap();
    assert_eq!(times, run);
    assert_eq!(memory[1], [1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 5.0, 5.0]);
}

#[test]
fn who_came_first_leaves_first_when_the_way_is_blocked() {
    // The taker begins late, so that words of both sides wait in the router's buffers.
    let mut program = both(0, 40);
    program.classes[1].ops[0].lead = 100;
    let mut memory: Vec<Vec<f32>> = vec![vec![1.0, 2.0, 3.0, 4.0], vec![0.0; 8], vec![5.0; 4]];
    wavelet::run_values(&program, &wse2(), &[0; 3], &mut memory).unwrap();
    assert_eq!(memory[1], [1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 5.0, 5.0]);
}

#[test]
fn the_ramp_can_be_one_of_the_directions() {
    let mut own = route(3, &[(Ramp, &[West])]);
    own.positions[0].also_rx = PortSet::of(&[East]);
    let program = |lead| {
        row(vec![
            class(&[route(3, &[(East, &[Ramp])])], &[take(3, 8)]),
            class(std::slice::from_ref(&own), &[Op { end: SendEnd::Plain, ..send(3, 4) }]),
            sender(West, 4, lead),
        ])
    };
    // From the ramp they are there in cycles 3 to 6, from the east one hop later.
    assert_eq!(run_on(&program(3), &wse2()).unwrap().done[0], 14);
    let error = run_on(&program(2), &wse2()).unwrap_err();
    let (first, second) = (East, Ramp);
    assert_eq!(error, FabricError::Collision { x: 1, y: 0, colour: 3, cycle: 6, first, second });
}

#[test]
fn waits_behind_several_directions_are_named() {
    let program = row(vec![sender(East, 3, 0), middle(8), sender(West, 4, 9)]);
    let text = run_on(&program, &wse2()).unwrap_err().to_string();
    assert!(text.contains("PE (1, 0) op 0 waits for wavelets of colour 3"), "{text}");
}

#[test]
fn other_machines_refuse_it_and_the_stream_engine_hands_it_over() {
    let text = error(&both(0, 10));
    assert!(text.contains("colour 3 lists 2 receive directions; this machine allows 1"), "{text}");
    let handed = stream::run(&both(0, 10), &wse2(), &[0; 3]).unwrap_err();
    assert!(matches!(handed, FabricError::NotAccepted { .. }), "{handed}");
}

#[test]
fn bands_find_the_same_collision_and_the_same_order() {
    for east in 0..6 {
        let program = both(0, east).transposed();
        let whole = run_on(&program, &wse2());
        for bands in [2, 3] {
            assert_eq!(wavelet::run_bands(&program, &wse2(), &[0; 3], bands), whole, "{east}");
        }
    }
}
