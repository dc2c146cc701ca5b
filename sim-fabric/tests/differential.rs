//! The stream engine held against the reference engine, to the cycle of every operation.

use proptest::prelude::*;
use sim_fabric::mesh::collective::{Collective, Reduce, Timing, program, two_phase};
use sim_fabric::mesh::program::{DType, FabricError, Program};
use sim_fabric::mesh::spec::FabricSpec;
use sim_fabric::mesh::{stream, wavelet};

#[path = "differential/random.rs"]
mod random;

/// Runs both engines and compares; says whether the stream engine accepted the program.
fn compare(program: &Program, spec: &FabricSpec, start: &[u64]) -> Result<bool, TestCaseError> {
    let fast = match stream::run(program, spec, start) {
        Err(FabricError::NotAccepted { .. }) => return Ok(false),
        other => other,
    };
    let reference = wavelet::run(program, spec, start);
    prop_assert_eq!(fast, reference);
    Ok(true)
}

fn spec() -> impl Strategy<Value = FabricSpec> {
    (1u32..4, 0u32..4, 2u32..6, 2u32..6, 2u32..6, 0u32..3).prop_map(
        |(hop, ramp, queue, ramp_in, ramp_out, switch)| FabricSpec {
            hop_cycles: hop,
            ramp_cycles: ramp,
            queue_depth: queue,
            ramp_in_depth: ramp_in,
            ramp_out_depth: ramp_out,
            switch_cycles: switch,
            receive_directions: 1,
        },
    )
}

fn timing() -> impl Strategy<Value = Timing> {
    (0u32..30, 0u32..8, 1u32..5, 0u32..6).prop_map(|(lead, tail, rate, accumulators)| Timing {
        lead,
        tail,
        f16_per_cycle: rate,
        f32_per_cycle: rate,
        max_per_cycle: 1,
        accumulators,
    })
}

fn collective() -> impl Strategy<Value = Collective> {
    let tree = proptest::collection::vec(2u32..6, 1..4).prop_map(|groups| Reduce::Tree { groups });
    let chains = (1u32..9).prop_map(|group| Reduce::Chains { group });
    let by = prop_oneof![Just(Reduce::Chain), chains, tree];
    prop_oneof![
        (by, any::<bool>()).prop_map(|(by, max)| Collective::Reduce { by, max }),
        Just(Collective::ReduceScatter),
        Just(Collective::Broadcast),
        (1u32..4, 0u32..3).prop_map(|(every, offset)| Collective::Gather {
            every,
            offset: offset.min(every - 1)
        }),
        Just(Collective::Send),
        Just(Collective::PassOn),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Every collective is accepted, from any start, and has the reference's cycles.
    #[test]
    fn collectives_have_the_reference_cycles(
        collective in collective(), length in 2u32..40, segments in 1u32..3, elements in 1u32..40,
        half in any::<bool>(), spec in spec(), timing in timing(),
        start in proptest::collection::vec(0u64..200, 80),
    ) {
        let dtype = if half { DType::F16 } else { DType::F32 };
        let pes = length * segments;
        let program = program(&collective, pes, segments, elements, dtype, &timing);
        let accepted = compare(&program, &spec, &start[..pes as usize])?;
        // Where chains start unevenly, members and leaders can meet on a link for long.
        let chains =
            matches!(collective, Collective::Reduce { by: Reduce::Chains { .. }, .. });
        prop_assert!(accepted || chains, "{collective:?} was handed over");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Random programs on small rectangles: where the stream engine accepts one, it is exact.
    #[test]
    fn random_programs_have_the_reference_cycles(
        program in random::program(), spec in spec(),
        start in proptest::collection::vec(0u64..30, 16),
    ) {
        compare(&program, &spec, &start[..program.shape.pes()])?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// How many bands of rows the reference engine cuts a program into decides nothing: neither a
    /// time nor the words of an error.
    #[test]
    fn bands_change_nothing(
        program in random::program(), spec in spec(),
        start in proptest::collection::vec(0u64..30, 16), transposed in any::<bool>(),
    ) {
        let program = if transposed { program.transposed() } else { program };
        let start = &start[..program.shape.pes()];
        let whole = wavelet::run(&program, &spec, start);
        for bands in [2, 3] {
            prop_assert_eq!(&wavelet::run_bands(&program, &spec, start, bands), &whole, "{}", bands);
        }
    }
}

/// The property above says little if nothing is accepted: at least nine in ten are.
#[test]
fn many_random_programs_are_accepted() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let spec = FabricSpec {
        hop_cycles: 1,
        ramp_cycles: 2,
        queue_depth: 4,
        ramp_in_depth: 4,
        ramp_out_depth: 4,
        switch_cycles: 0,
        receive_directions: 1,
    };
    let cases = 500;
    let mut accepted = 0;
    for _ in 0..cases {
        let program = random::program().new_tree(&mut runner).unwrap().current();
        let start = vec![0; program.shape.pes()];
        accepted += u32::from(compare(&program, &spec, &start).unwrap());
    }
    assert!(accepted * 10 >= cases * 9, "{accepted} of {cases}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The published two-phase reduce, whose phases contend for links.
    #[test]
    fn two_phase_has_the_reference_cycles(
        pes in 2u32..60, words in 1u32..80, step in 2u32..30, spec in spec(), timing in timing(),
    ) {
        let program = two_phase::reduce(pes, words, step.min(pes), DType::F32, &timing);
        let accepted = compare(&program, &spec, &vec![0; pes as usize])?;
        prop_assert!(accepted, "step {step} was handed over");
    }
}
