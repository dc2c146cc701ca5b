//! The result depends on the program alone: not on the order in which routers are looked at.

use super::build::*;
use sim_fabric::mesh::program::{PeClass, Port, Program};

use Port::{East, Ramp, West};

/// Colour 4 from the west end and colour 9 from every PE, all eastward into the last PE.
fn contended(pes: u32, words: u32) -> Program {
    let mut classes: Vec<PeClass> = Vec::new();
    for pe in 0..pes - 1 {
        let from = if pe == 0 { Ramp } else { West };
        let mut routes = vec![route(4, &[(from, &[East])])];
        let mut ops = if pe == 0 { vec![send(4, words)] } else { Vec::new() };
        // Each PE's own words on a colour of its own.
        for source in 0..=pe {
            let from = if source == pe { Ramp } else { West };
            routes.push(route(5 + source as u8, &[(from, &[East])]));
        }
        ops.push(send(5 + pe as u8, words));
        classes.push(class(&routes, &ops));
    }
    let colours = 4..5 + pes as u8 - 1;
    let routes: Vec<_> = colours.clone().map(|c| route(c, &[(West, &[Ramp])])).collect();
    let takes: Vec<_> = colours.map(|c| take(c, words)).collect();
    classes.push(class(&routes, &takes));
    row(classes)
}

/// The same program seen in a mirror: routers are looked at in the opposite order.
fn mirrored(program: &Program) -> Program {
    let mut mirrored = program.clone();
    let turn = |port: Port| match port {
        East => West,
        West => East,
        other => other,
    };
    for class in &mut mirrored.classes {
        for position in class.routes.iter_mut().flat_map(|route| &mut route.positions) {
            position.rx = turn(position.rx);
            let ports: Vec<_> = position.tx.iter().map(turn).collect();
            position.tx = sim_fabric::mesh::program::PortSet::of(&ports);
        }
    }
    mirrored.class_of.reverse();
    mirrored
}

fn done_by_pe(program: &Program) -> Vec<Vec<u64>> {
    let run = run(program);
    let bases = program.op_bases();
    bases.windows(2).map(|b| run.done[b[0] as usize..b[1] as usize].to_vec()).collect()
}

#[test]
fn a_mirrored_program_takes_the_same_time() {
    for program in [contended(6, 9), contended(9, 40), chain(17, 23)] {
        let mut backwards = done_by_pe(&mirrored(&program));
        backwards.reverse();
        assert_eq!(done_by_pe(&program), backwards);
    }
}

#[test]
fn a_transposed_program_takes_the_same_time() {
    for program in [contended(6, 9), chain(17, 23)] {
        assert_eq!(run(&program), run(&program.transposed()));
    }
}

#[test]
fn a_program_run_twice_gives_the_same() {
    let program = contended(9, 40);
    assert_eq!(run(&program), run(&program));
}
