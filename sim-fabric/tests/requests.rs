//! Collectives as they are asked for, held against the published model, against sums of numbers, and
//! engine against engine.

mod requests {
    mod curve;
    mod load;
    mod published;
    mod rings;
    mod shapes;
    mod values;

    use sim_fabric::mesh::collective::Timing;
    use sim_fabric::mesh::collective::request::{Algorithm, Goal, Request};
    use sim_fabric::mesh::program::{DType, Program, Shape};
    use sim_fabric::mesh::spec::FabricSpec;

    /// A WSE-2.
    const WSE2: FabricSpec = FabricSpec {
        hop_cycles: 1,
        ramp_cycles: 2,
        queue_depth: 4,
        ramp_in_depth: 4,
        ramp_out_depth: 2,
        switch_cycles: 2,
        receive_directions: 1,
    };

    /// Nothing but the fabric: operations begin at once.
    const BARE: Timing = Timing {
        lead: 0,
        tail: 0,
        f16_per_cycle: 4,
        f32_per_cycle: 2,
        max_per_cycle: 1,
        accumulators: 0,
    };

    /// A gap of 16 cycles between dependent operations, 6 stages.
    const FULL: Timing = Timing { lead: 16, tail: 5, accumulators: 4, ..BARE };

    fn request(
        goal: Goal,
        algorithm: Algorithm,
        (columns, rows): (u32, u32),
        words: u32,
    ) -> Request {
        let shape = Shape { columns, rows };
        Request { goal, algorithm, shape, elements: words, dtype: DType::F32 }
    }

    fn program(
        goal: Goal,
        algorithm: Algorithm,
        shape: (u32, u32),
        words: u32,
        timing: &Timing,
    ) -> Program {
        request(goal, algorithm, shape, words).program(timing, WSE2.ramp_cycles).expect("a program")
    }
}
