//! The model against published measurements, row by row.
//!
//! Tables lie in `examples/published/`, each with its source. Eight constants are fitted, on rows 0, 2, 4,
//! ... of the tables; the other rows are predictions, and every figure that is reported is of those.
//! `docs/deviations.md` has the errors; the tests here hold them, and the list of the eight.

mod collectives;
mod end_to_end;
mod kernels;
mod published;

#[cfg(test)]
mod contracts;
#[cfg(test)]
mod fitted;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

use crate::error::Error;
use crate::nvl72::{Nvl72Facts, Nvl72Preset};
use crate::scenario::preset;

/// One published measurement beside what the model says.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Published value.
    pub published: f64,
    /// Predicted value.
    pub predicted: f64,
    /// Whether a constant of the model was fitted with this row in sight.
    pub calibrated: bool,
}

impl Row {
    /// Relative error of the prediction.
    pub fn error(&self) -> f64 {
        self.predicted / self.published - 1.0
    }
}

/// A table of measurements and how it is predicted.
#[derive(Clone, Copy)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Where the measurements come from.
    pub source: &'static str,
    /// Unit of both values.
    pub unit: &'static str,
    /// Relative error up to which a row counts as right.
    pub band: f64,
    /// Median of the errors of rows that were not calibrated on: what is aimed at.
    pub median: f64,
    /// Predicts every row.
    pub rows: fn() -> Result<Vec<Row>, Error>,
}

const AICONFIGURATOR: &str = "ai-dynamo/aiconfigurator (NVIDIA), Apache-2.0";

/// All tables.
pub const TABLES: [Table; 9] = [
    Table {
        name: "nvlink_all_reduce",
        source: AICONFIGURATOR,
        unit: "us",
        band: 0.3,
        median: 0.1,
        rows: collectives::all_reduce,
    },
    Table {
        name: "nvlink_nccl",
        source: AICONFIGURATOR,
        unit: "us",
        band: 0.5,
        median: 0.3,
        rows: collectives::nccl,
    },
    Table {
        name: "nvlink_moe_one_sided",
        source: AICONFIGURATOR,
        unit: "us",
        band: 0.4,
        median: 0.15,
        rows: collectives::one_sided,
    },
    Table {
        name: "nvlink_moe_two_sided",
        source: AICONFIGURATOR,
        unit: "us",
        band: 0.4,
        median: 0.15,
        rows: collectives::two_sided,
    },
    Table {
        name: "gpu_gemm",
        source: AICONFIGURATOR,
        unit: "us",
        band: 0.4,
        median: 0.15,
        rows: kernels::products,
    },
    Table {
        name: "gpu_moe_kernel",
        source: AICONFIGURATOR,
        unit: "us",
        band: 0.4,
        median: 0.15,
        rows: kernels::experts,
    },
    Table {
        name: "gpu_mla_module",
        source: AICONFIGURATOR,
        unit: "us",
        band: 0.4,
        median: 0.15,
        rows: kernels::latent_attention,
    },
    Table {
        name: "gpu_deepseek_r1",
        source: AICONFIGURATOR,
        unit: "ms a token",
        band: 0.3,
        median: 0.15,
        rows: end_to_end::deepseek_r1,
    },
    Table {
        name: "gpu_single_points",
        source: "DeepSeek-R1: 8 x B200, batch 1 (tokens/s); SGLang on GB200, EP48, batch 1408 a GPU, 2k in",
        unit: "tokens/s",
        band: 0.5,
        median: 0.5,
        rows: end_to_end::single_points,
    },
];

/// The numbers of a measured system.
fn facts(system: &str) -> Result<Nvl72Facts, Error> {
    let name = match system {
        "gb200" => "gb200-nvl72",
        "gb300" => "gb300-nvl72",
        "b200" | "b200_sxm" | "b300" => "b200x8",
        _ => "h200x8",
    };
    let preset: Nvl72Preset = preset::built_in(name)
        .ok_or_else(|| Error::Simulation(format!("preset {name} is missing")))?;
    let mut facts = preset.facts;
    match system {
        // A B300 is a B200 with half as much 4-bit arithmetic again, and more memory.
        "b300" => {
            facts.compute.fp4.value.number = 13.5e15;
            facts.hbm.capacity.value.number = 268e9;
        }
        // An H100 is an H200 with another memory; sixteen of them are two servers.
        "h100" => {
            facts.hbm.bandwidth.value.number = 3.35e12;
            facts.hbm.capacity.value.number = 80e9;
            facts.gpus.value.number = 64.0;
        }
        _ => {}
    }
    Ok(facts)
}

/// Median and 90th percentile of the errors of `rows` that were not calibrated on, signs aside.
pub fn errors(rows: &[Row]) -> (f64, f64) {
    let mut all: Vec<f64> =
        rows.iter().filter(|row| !row.calibrated).map(|row| row.error().abs()).collect();
    all.sort_by(f64::total_cmp);
    let at = |share: f64| all.get((all.len() as f64 * share) as usize).copied().unwrap_or(0.0);
    (at(0.5), at(0.9))
}
