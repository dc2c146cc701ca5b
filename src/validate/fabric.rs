//! Collectives alone on the fabric.

use super::{Band, Measured, Predicts, Table};
use crate::command::collective_cycles;
use crate::error::Error;
use crate::scenario::preset;
use crate::wafer::hardware::WaferPreset;
use sim_fabric::mesh::collective::request::{Algorithm, Goal, Request};
use sim_fabric::mesh::program::{DType, Shape};

/// Chain and two-phase reduces of a row.
pub(super) const REDUCE: Table = Table {
    name: "reduce",
    what: "fp32 sum-reduce along a row of 512 PEs of a WSE-2, chain and two-phase",
    source: "pr0f3ss/SpMM_Cerebras, reduce_2colors_2phase: the vendor's fabric simulator",
    unit: "cycles",
    rows: Predicts::Here(reduce),
};

/// One word over a whole CS-1.
pub(super) const ALL_REDUCE: Table = Table {
    name: "sc20_all_reduce",
    what: "all-reduce of one word over 600 x 595 PEs, every row into the two centre columns",
    source: "Rocki et al., SC20, on a CS-1, quoted at second hand: under 1.5 us, about 10 % above the \
             fabric's diameter of 1,193 hops; run on the wse2 preset's fabric and clock",
    unit: "cycles, and us",
    rows: Predicts::Here(all_reduce),
};

/// Words of each PE, step, cycles.
const REDUCES: [(u32, u32, f64); 6] = [
    (4096, 2, 10_055.0),
    (4096, 8, 9117.0),
    (4096, 32, 8973.0),
    (4096, 128, 9297.0),
    (4096, 512, 7218.0),
    (64, 28, 928.0),
];

fn reduce() -> Result<Vec<Measured>, Error> {
    let facts = preset::with_settings::<WaferPreset>("wse2", &[])?.facts;
    REDUCES
        .iter()
        .map(|&(elements, step, published)| {
            let request = Request {
                goal: Goal::Reduce,
                algorithm: Algorithm::TwoPhase { step: Some(step) },
                shape: Shape { columns: 512, rows: 1 },
                elements,
                dtype: DType::F32,
            };
            let (cycles, _) = collective_cycles(request, &facts)?;
            Ok(Measured {
                name: format!("{elements} words, step {step}"),
                published,
                predicted: cycles as f64,
                band: Band::Off(2.0),
                // Start-up and switch were chosen with all rows in sight.
                calibrated: true,
            })
        })
        .collect()
}

fn all_reduce() -> Result<Vec<Measured>, Error> {
    let facts = preset::with_settings::<WaferPreset>("wse2", &[])?.facts;
    let request = Request {
        goal: Goal::AllReduce,
        algorithm: Algorithm::CentreStar,
        shape: Shape { columns: 600, rows: 595 },
        elements: 1,
        dtype: DType::F32,
    };
    let (_, network) = collective_cycles(request, &facts)?;
    let row = |name: &str, published, predicted, band| Measured {
        name: name.to_string(),
        published,
        predicted,
        band,
        calibrated: false,
    };
    let network = network as f64;
    Ok(vec![
        row("cycles, against the diameter", 1193.0, network, Band::Within(0.15)),
        row("us, an upper bound", 1.5, network / facts.clock.get() * 1e6, Band::AtMost),
    ])
}
