//! One word over all PEs of a CS-1 in about 1.1 times the fabric's diameter: Rocki et al., SC 2020.

use super::{BARE, FULL, WSE2, program};
use sim_fabric::mesh::collective::request::{Algorithm, Goal};
use sim_fabric::mesh::stream;

#[test]
fn an_all_reduce_of_one_word_takes_little_more_than_the_diameter() {
    for timing in [BARE, FULL] {
        let program = program(Goal::AllReduce, Algorithm::CentreStar, (600, 595), 1, &timing);
        let start = vec![0; program.shape.pes()];
        let cycles = stream::run(&program, &WSE2, &start).expect("accepted").last() as f64;
        let diameter = f64::from(600 + 595 - 2);
        assert!((1.0..1.15).contains(&(cycles / diameter)), "{cycles} of {diameter}");
    }
}
