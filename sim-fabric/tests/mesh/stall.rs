//! What does not end well is an error that says who waits for whom; nothing is lost, nothing hangs.

use super::build::*;
use sim_fabric::mesh::program::{FabricError, Op, Port, SendEnd};

use Port::{East, Ramp, West};

#[test]
fn two_pes_that_wait_for_each_other_are_named() {
    let both = |to: Port, from: Port, out: u8, back: u8| {
        let (sends, takes) = (route(out, &[(Ramp, &[to])]), route(back, &[(from, &[Ramp])]));
        let routes = if out < back { [sends, takes] } else { [takes, sends] };
        class(&routes, &[take(back, 1), send(out, 1)])
    };
    let program = row(vec![both(East, East, 0, 1), both(West, West, 1, 0)]);
    assert_eq!(
        error(&program),
        "deadlock at cycle 0: PE (0, 0) op 0 waits for wavelets of colour 1; \
         PE (1, 0) op 1 waits for op 0; \
         PE (1, 0) op 0 waits for wavelets of colour 0; \
         PE (0, 0) op 1 waits for op 0"
    );
}

#[test]
fn full_buffers_that_wait_for_each_other_are_named() {
    // Both send more than the buffers hold before they take.
    let both = |to: Port, out: u8, back: u8| {
        let (sends, takes) = (route(out, &[(Ramp, &[to])]), route(back, &[(to, &[Ramp])]));
        let routes = if out < back { [sends, takes] } else { [takes, sends] };
        class(&routes, &[send(out, 100), take(back, 100)])
    };
    let text = error(&row(vec![both(East, 0, 1), both(West, 1, 0)]));
    assert!(text.contains("PE (0, 0) op 0 waits for room to send colour 0"), "{text}");
    assert!(text.contains("colour 0 from Ramp at PE (0, 0) waits for room at PE (1, 0)"), "{text}");
    assert!(text.contains("colour 0 from West at PE (1, 0) waits for op 1"), "{text}");
    assert!(text.contains("PE (1, 0) op 1 waits for op 0"), "{text}");
}

#[test]
fn an_operation_that_nobody_feeds_is_named() {
    let program = row(vec![
        class(&[route(1, &[(Ramp, &[East])])], &[send(1, 2)]),
        class(&[route(1, &[(West, &[East])])], &[]),
        class(&[route(1, &[(West, &[East])])], &[]),
        class(&[route(1, &[(West, &[Ramp])])], &[local(1), take(1, 1), take(1, 2)]),
    ]);
    let text = error(&program);
    assert!(
        text.starts_with(
            "deadlock at cycle 9: PE (3, 0) op 2 waits for wavelets of colour 1 that nobody sends"
        ),
        "{text}"
    );
    assert!(text.ends_with("the trail of colour 1 ends at PE (0, 0)"), "{text}");
}

#[test]
fn wavelets_behind_a_switch_that_nobody_advances_are_named() {
    let program = row(vec![
        class(&[route(1, &[(East, &[Ramp])])], &[take(1, 1)]),
        class(&[route(1, &[(Ramp, &[West]), (East, &[West])])], &[]),
        class(&[route(1, &[(Ramp, &[West])])], &[send(1, 1)]),
    ]);
    let text = error(&program);
    assert!(text.contains("PE (0, 0) op 0 waits for wavelets of colour 1"), "{text}");
    assert!(text.contains("the trail of colour 1 ends at PE (1, 0)"), "{text}");
}

#[test]
fn wavelets_that_nobody_takes_are_an_error() {
    let program = row(vec![
        class(&[route(0, &[(Ramp, &[East])])], &[send(0, 3)]),
        class(&[route(0, &[(West, &[Ramp])])], &[take(0, 1)]),
    ]);
    assert_eq!(
        error(&program),
        "PE (1, 0): 2 wavelets of colour 0 stay on the way from the router to the PE"
    );
}

#[test]
fn wavelets_that_circle_end_the_run() {
    let program = row(vec![
        class(
            &[route(0, &[(Ramp, &[East]), (East, &[East])])],
            &[Op { end: SendEnd::AdvanceLocal, ..send(0, 1) }],
        ),
        class(&[route(0, &[(West, &[West])])], &[]),
    ]);
    match run_on(&program, &spec()) {
        Err(FabricError::Deadlock { waits, .. }) => assert!(waits.contains("circle"), "{waits}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn wavelets_that_circle_across_bands_end_the_run_too() {
    use Port::{North, South};
    let program = grid(
        1,
        2,
        vec![
            class(
                &[route(0, &[(Ramp, &[South]), (South, &[South])])],
                &[Op { end: SendEnd::AdvanceLocal, ..send(0, 1) }],
            ),
            class(&[route(0, &[(North, &[North])])], &[]),
        ],
    );
    let run = sim_fabric::mesh::wavelet::run_bands(&program, &spec(), &[0; 2], 2);
    match run {
        Err(FabricError::Deadlock { waits, .. }) => assert!(waits.contains("circle"), "{waits}"),
        other => panic!("{other:?}"),
    }
}
