//! Programs that break a rule are refused with the PE and the rule.

use super::build::*;
use sim_fabric::mesh::program::{Op, OpKind, Operand, PeClass, Port, SendEnd};
use sim_fabric::mesh::spec::FabricSpec;

use Port::{East, Ramp, West};

fn refused(classes: Vec<PeClass>, words: &str) {
    let text = error(&row(classes));
    assert!(text.contains(words), "{text:?} does not say {words:?}");
}

#[test]
fn routes_must_exist_be_in_order_and_lead_somewhere() {
    let one = |routes: &[_]| vec![class(routes, &[])];
    let to_ramp = |colour| route(colour, &[(East, &[Ramp])]);
    refused(one(&[to_ramp(24)]), "colour 24 does not exist");
    refused(one(&[to_ramp(3), to_ramp(3)]), "not in the order of colours");
    refused(one(&[to_ramp(3), to_ramp(2)]), "not in the order of colours");
    refused(one(&[route(1, &[])]), "colour 1 has 0 switch positions");
    refused(one(&[route(1, &[(East, &[Ramp][..]); 5])]), "colour 1 has 5 switch positions");
    refused(one(&[route(1, &[(East, &[])])]), "without outputs");
}

#[test]
fn wavelets_must_not_leave_the_rectangle_nor_come_where_no_route_takes_them() {
    let sends = || class(&[route(7, &[(Ramp, &[East])])], &[]);
    refused(vec![sends()], "PE (0, 0): colour 7 goes East, out of the rectangle");
    let elsewhere = class(&[route(7, &[(East, &[Ramp])])], &[]);
    refused(vec![sends(), elsewhere], "colour 7 goes East, to a router that takes none of it");
}

#[test]
fn operations_need_their_routes_and_sensible_numbers() {
    let with = |op: Op| {
        vec![
            class(&[route(0, &[(East, &[Ramp])]), route(1, &[(Ramp, &[East])])], &[op]),
            class(&[route(1, &[(West, &[Ramp])])], &[]),
        ]
    };
    refused(with(take(1, 1)), "PE (0, 0): op 0: it takes colour 1, which");
    refused(with(take(99, 1)), "op 0: it takes colour 99");
    refused(with(send(0, 1)), "op 0: it sends colour 0, which");
    refused(with(send(1, 0)), "elements and period must be at least 1");
    refused(with(Op { period: 0, ..send(1, 1) }), "elements and period must be at least 1");
    refused(with(Op { after: vec![0], ..send(1, 1) }), "waits for op 0, which is not before it");
    refused(with(Op { at_once: 3, ..send(1, 1) }), "at_once is 3; it must be 1, 2, 4 or 8");
    refused(with(Op { thread: 9, ..send(1, 1) }), "thread 9 does not exist");
    refused(with(Op { b: fabric(0), ..take(0, 1) }), "both sources are the fabric");
    let memory = sim_fabric::mesh::program::Operand::Memory(0);
    refused(with(Op { c: memory, ..take(0, 1) }), "only for it");
    let short = sim_fabric::mesh::program::Walk::line(0, 2, 3);
    let short = sim_fabric::mesh::program::Operand::Walk(short);
    refused(with(Op { a: short, ..send(1, 3) }), "lengths hold 2 elements of 3");
    refused(with(Op { end: SendEnd::Control, ..take(0, 1) }), "only an operation that sends");
    let none = Operand::None;
    refused(with(op(OpKind::Local, 1, fabric(1), none, none)), "local work has no fabric");
}

#[test]
fn the_fabric_needs_buffers_and_time() {
    let broken = [
        (FabricSpec { hop_cycles: 0, ..spec() }, "hop_cycles is 0"),
        (FabricSpec { queue_depth: 1, ..spec() }, "queue_depth is 1"),
        (FabricSpec { ramp_in_depth: 0, ..spec() }, "ramp_in_depth is 0"),
        (FabricSpec { ramp_out_depth: 1, ..spec() }, "ramp_out_depth is 1"),
        (FabricSpec { switch_cycles: 1 << 20, ..spec() }, "switch_cycles is 1048576"),
    ];
    for (spec, words) in broken {
        let text = run_on(&chain(2, 1), &spec).unwrap_err().to_string();
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn the_numbers_of_pes_classes_and_starts_must_agree() {
    let mut program = chain(3, 1);
    let short = sim_fabric::mesh::wavelet::run(&program, &spec(), &[0; 2]).unwrap_err();
    assert!(short.to_string().contains("3 PEs with 3 classes and 2 start times"), "{short}");
    program.class_of[1] = 9;
    assert!(error(&program).contains("PE (1, 0): class 9 does not exist"));
}
