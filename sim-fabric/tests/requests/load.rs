//! Conservation: what the program says crosses links and ramps is what the engine counts.

use super::{FULL, WSE2, request};
use sim_fabric::mesh::collective::request::{Algorithm, Axis, Goal};
use sim_fabric::mesh::load::{Load, datapath_cycles};
use sim_fabric::mesh::program::Port;
use sim_fabric::mesh::wavelet;

#[test]
fn wavelets_are_conserved_and_hops_are_those_of_the_engine() {
    let x_y = Algorithm::XY { inner: Box::new(Algorithm::Auto) };
    let shift = Goal::Shift { interleaved: true, along: Axis::Columns };
    for (goal, algorithm, shape, words) in [
        (Goal::AllReduce, Algorithm::CentreStar, (24, 31), 3),
        (Goal::AllReduce, x_y, (33, 20), 8),
        (Goal::Reduce, Algorithm::Snake, (7, 5), 11),
        (Goal::Reduce, Algorithm::TwoPhase { step: Some(7) }, (50, 1), 40),
        (Goal::Reduce, Algorithm::TwoPhase { step: None }, (50, 1), 40),
        (Goal::Reduce, Algorithm::Tree, (100, 1), 9),
        (Goal::AllReduce, Algorithm::Ring, (12, 1), 30),
        (Goal::AllReduce, Algorithm::Ring, (5, 4), 7),
        (Goal::AllGather, Algorithm::Ring, (6, 5), 3),
        (shift, Algorithm::Ring, (6, 9), 20),
    ] {
        let request = request(goal, algorithm, shape, words);
        let program = request.program(&FULL, WSE2.ramp_cycles).expect("a program");
        let load = Load::of(&program).expect("a fixed order");
        let run = wavelet::run(&program, &WSE2, &vec![0; program.shape.pes()]).expect("it runs");
        assert_eq!(load.hops(), run.hops, "{request:?}");
        assert_eq!(load.in_flight(), 0, "{request:?}");
        let links = load.hottest_links(10);
        assert!(links.is_sorted_by_key(|link| std::cmp::Reverse(link.wavelets)));
        assert!(u64::from(links[0].wavelets) <= run.last(), "{request:?}");
        let busiest = program.classes.iter().map(datapath_cycles).max();
        assert!(busiest <= Some(run.last()), "{request:?}");
    }
}

#[test]
fn the_hottest_link_of_a_star_is_the_one_into_its_root() {
    let request = request(Goal::Reduce, Algorithm::Star, (9, 1), 10);
    let program = request.program(&FULL, WSE2.ramp_cycles).expect("a program");
    let load = Load::of(&program).expect("a fixed order");
    let links = load.hottest_links(3);
    let found: Vec<_> = links.iter().map(|link| (link.pe, link.port, link.wavelets)).collect();
    assert_eq!(found, [(1, Port::West, 80), (2, Port::West, 70), (3, Port::West, 60)]);
    let ramp = load.hottest_ramp().expect("a ramp");
    assert_eq!((ramp.pe, ramp.wavelets), (0, 80));
}
