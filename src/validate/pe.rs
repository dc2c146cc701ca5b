//! One vector operation on one PE.

use super::{Band, Measured, Predicts, Table};
use crate::error::Error;
use crate::scenario::preset;
use crate::wafer::hardware::WaferPreset;
use sim_sram::{Arithmetic, Element, Operation, Placement};

/// A 32-bit multiply.
pub(super) const MULTIPLY: Table = Table {
    name: "pe_fp32_multiply",
    what: "one fp32 multiply over n elements on one PE of a WSE-2",
    source: "pr0f3ss/SpMM_Cerebras, COO_benchmark.csv: the vendor's fabric simulator",
    unit: "cycles",
    rows: Predicts::Here(multiply),
};

/// Elements, whether the operands conflict, whether descriptors are loaded within the time, cycles.
const ROWS: [(u32, Placement, bool, f64); 5] = [
    (5124, Placement::Apart, false, 5130.0),
    (5124, Placement::Conflicting, false, 10_254.0),
    (5124, Placement::Apart, true, 5158.0),
    (1028, Placement::Apart, false, 1034.0),
    (1028, Placement::Conflicting, false, 2062.0),
];

fn multiply() -> Result<Vec<Measured>, Error> {
    let preset: WaferPreset = preset::with_settings("wse2", &[])?;
    let pe = preset.facts.pe_spec();
    let row = |(length, placement, with_setup, published)| {
        let operation = Operation {
            arithmetic: Arithmetic::Multiply,
            element: Element::F32,
            length,
            stride: 1,
            placement,
        };
        let case = match (placement, with_setup) {
            (Placement::Conflicting, _) => " in conflicting banks",
            (_, true) => " with set-up",
            _ => "",
        };
        Measured {
            name: format!("{length}{case}"),
            published,
            predicted: pe.time(&operation, with_setup).total() as f64,
            band: Band::Within(0.0),
            // The pipeline's depth and the set-up are the differences of these two rows and their lengths.
            calibrated: length == 5124 && placement == Placement::Apart,
        }
    };
    Ok(ROWS.map(row).to_vec())
}
