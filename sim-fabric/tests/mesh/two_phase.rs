//! Differential test against published cycle counts: the two-phase reduce on a row of a WSE-2.
//!
//! Figures printed by Cerebras's cycle-accurate fabric simulator (WSE-2 tiles, fp32 sum-reduce to
//! PE 0 of a row of 512): github pr0f3ss/SpMM_Cerebras,
//! src/mpi_collectives/reduce_0_pe/reduce_2colors_2phase (results.txt, commands.sh), read 2026-11.

use super::build::{run, run_on, spec};
use sim_fabric::mesh::collective::Timing;
use sim_fabric::mesh::collective::two_phase::reduce;
use sim_fabric::mesh::program::{DType, Program};
use sim_fabric::mesh::spec::FabricSpec;

/// (PEs, words, step, cycles)
const PUBLISHED: [(u32, u32, u32, u64); 6] = [
    (512, 4096, 2, 10055),
    (512, 4096, 8, 9117),
    (512, 4096, 32, 8973),
    (512, 4096, 128, 9297),
    (512, 4096, 512, 7218),
    (512, 64, 28, 928),
];

/// Task start and time stamp: the one constant fitted, on the plain chain `[cycles]`.
const START_UP: u64 = 35;

/// A gap of 16 cycles between dependent operations (measured: 16 to 18), a datapath of 6 stages
/// (measured: an operation over N elements takes N + 6 cycles with its time stamp).
const TIMING: Timing = Timing {
    lead: 16,
    tail: 5,
    f16_per_cycle: 4,
    f32_per_cycle: 2,
    max_per_cycle: 1,
    accumulators: 4,
};

fn program(pes: u32, words: u32, step: u32) -> Program {
    reduce(pes, words, step, DType::F32, &TIMING)
}

/// A switch that needs two cycles (published: unknown, 0 to 2 assumed). With 0 the last leader's
/// words slip in between the last words of phase 1 and cost 4 cycles; with 2 they cost 2.
fn wse2(queue_depth: u32) -> FabricSpec {
    let (ramp_in_depth, ramp_out_depth) = (6, 2);
    FabricSpec { queue_depth, ramp_in_depth, ramp_out_depth, switch_cycles: 2, ..spec() }
}

#[test]
fn every_published_row_is_met_within_two_cycles() {
    for queue_depth in [2, 4, 8] {
        for (pes, words, step, cycles) in PUBLISHED {
            let run = run_on(&program(pes, words, step), &wse2(queue_depth)).unwrap();
            let last = run.last() + START_UP;
            let off = last.abs_diff(cycles);
            assert!(off <= 2, "{pes} x {words}, step {step}: {last}, published {cycles}");
        }
    }
}

#[test]
fn cycles_are_those_of_two_phases_of_chains() {
    for (pes, step) in [(90u32, 2), (24, 4), (25, 4), (97, 32), (24, 3), (23, 5), (50, 7)] {
        for words in [30, 64] {
            let gap = TIMING.lead + TIMING.tail;
            let phase_1 = TIMING.lead + 6 * (step - 1) + words;
            let phase_2 = gap + (pes.div_ceil(step) - 2) * (step + 5) + words;
            let closed_form = u64::from(phase_1 + phase_2 + TIMING.tail);
            let last = run_on(&program(pes, words, step), &wse2(4)).unwrap().last();
            // With odd steps the leader's colour passes the tail from the start: as many words as
            // the buffer behind it holds cross a link that phase 1 keeps busy.
            let slack = 2 + if step % 2 == 1 { 4 } else { 0 };
            let range = closed_form..=closed_form + slack;
            assert!(
                range.contains(&last),
                "{pes} x {words}, step {step}: {last}, not in {range:?}"
            );
        }
    }
}

#[test]
fn any_row_and_step_runs_to_its_end() {
    for pes in 1..20 {
        for step in 1..=pes + 1 {
            for words in [1, 5] {
                run(&program(pes, words, step));
            }
        }
    }
}
