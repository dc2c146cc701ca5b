//! The mesh: what a program means, held against the reference engine.
//!
//! `probe` times one block ("not ready at t - 1, ready at t"), `curve` holds whole programs against
//! theory, the others each hold one behaviour.
#![expect(clippy::unwrap_used, reason = "a test that cannot build its program has failed")]

mod mesh {
    mod build;
    mod curve;
    mod flows;
    mod invalid;
    mod kernels;
    mod merge;
    mod order;
    mod probe;
    mod sharing;
    mod stall;
    mod switch;
    mod two_phase;
    mod values;
}
