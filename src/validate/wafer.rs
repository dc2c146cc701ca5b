//! Products and models on a WSE-2, as WaferLLM (OSDI 2025) measured them.

use super::{Band, Measured, Predicts, Table};
use crate::error::Error;
use crate::scenario::preset;
use crate::wafer::grid::Grid;
use crate::wafer::grid::gemv::Gemv;
use crate::wafer::grid::{prompt, token};
use crate::wafer::hardware::{WaferFacts, WaferPreset};
use crate::wafer::timer::{Engine, Memory, Timer};
use sim_fabric::mesh::program::DType;

/// A vector times a matrix.
pub(super) const GEMV: Table = Table {
    name: "waferllm_gemv",
    what: "[1, n] x [n, n] in 16 bit on a WSE-2, alone",
    source: "WaferLLM, OSDI 2025, table 6",
    unit: "us",
    rows: Predicts::Here(gemv),
};

/// Output tokens of one request.
pub(super) const DECODE: Table = Table {
    name: "waferllm_decode",
    what: "LLaMA3-8B, one request, 16-bit weights, each layer on a square grid of a WSE-2; 4,096 tokens \
           in the cache",
    source: "WaferLLM, OSDI 2025, table 4",
    unit: "tokens/s",
    rows: Predicts::Here(decode),
};

/// A prompt.
pub(super) const PREFILL: Table = Table {
    name: "waferllm_prefill",
    what: "LLaMA3-8B, a prompt of 4,096 tokens, 16-bit weights, each layer on a square grid of a WSE-2",
    source: "WaferLLM, OSDI 2025, table 3",
    unit: "tokens/s",
    rows: Predicts::Here(prefill),
};

/// What all rows run on.
struct Wse2 {
    facts: WaferFacts,
    timer: Timer,
    /// Bytes of a PE for weights and cache `[bytes]`.
    room: u64,
}

impl Wse2 {
    fn new() -> Result<Self, Error> {
        let facts = preset::with_settings::<WaferPreset>("wse2", &[])?.facts;
        let memory = Memory::default();
        let timer = Timer::new(facts.fabric_spec(), facts.pe_spec(), Engine::Stream, &memory);
        let room = facts.pe.sram.whole().saturating_sub(facts.pe.reserve.whole());
        Ok(Self { facts, timer, room })
    }
}

fn gemv() -> Result<Vec<Measured>, Error> {
    let Wse2 { facts, timer, room } = Wse2::new()?;
    let wafer =
        Grid { columns: facts.grid.columns.whole() as u32, rows: facts.grid.rows.whole() as u32 };
    let run = Gemv { ins: 16_384, outs: 16_384, dtype: DType::F16 }.best(&timer, wafer, room)?;
    let run = run.ok_or_else(|| Error::DoesNotFit("a matrix of 16,384 x 16,384".to_string()))?;
    Ok(vec![Measured {
        name: "16384".to_string(),
        published: 1.2,
        predicted: run.spent.total() as f64 / facts.clock.get() * 1e6,
        band: Band::Within(0.15),
        calibrated: false,
    }])
}

/// Side of the grid, tokens/s.
const DECODES: [(u32, f64); 3] = [(420, 2699.9), (540, 2501.5), (660, 2243.3)];

fn decode() -> Result<Vec<Measured>, Error> {
    let Wse2 { facts, timer, room } = Wse2::new()?;
    let model = super::served::model(LLAMA)?;
    DECODES
        .iter()
        .map(|&(side, published)| {
            let grid = Grid { columns: side, rows: side };
            let run = token::decode(&timer, grid, &model, 4096, room)?;
            Ok(Measured {
                name: format!("llama-3-8b on {side} x {side}"),
                published,
                predicted: facts.clock.get() / run.cycles() as f64,
                band: Band::Within(0.15),
                calibrated: false,
            })
        })
        .collect()
}

/// Side of the grid, tokens/s.
const PREFILLS: [(u32, f64); 3] = [(480, 20_320.6), (600, 25_037.2), (720, 27_686.5)];

fn prefill() -> Result<Vec<Measured>, Error> {
    const TOKENS: u32 = 4096;
    let Wse2 { facts, timer, room } = Wse2::new()?;
    let model = super::served::model(LLAMA)?;
    PREFILLS
        .iter()
        .map(|&(side, published)| {
            let parts = prompt::prefill(&timer, side, &model, TOKENS, room)?;
            let cycles: u64 = parts.iter().map(|part| u64::from(part.count) * part.cycles()).sum();
            Ok(Measured {
                name: format!("llama-3-8b on {side} x {side}"),
                published,
                predicted: f64::from(TOKENS) * facts.clock.get() / cycles as f64,
                band: Band::Within(0.3),
                calibrated: false,
            })
        })
        .collect()
}

const LLAMA: &str = include_str!("../../examples/models/llama-3-8b.json");
