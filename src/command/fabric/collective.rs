//! `wafersim fabric reduce`, `all-reduce` and `broadcast`: one collective, alone on the fabric.
//!
//! ```text
//! options ─► request ─► program ─► engine ─► cycles
//!                          └─ without start-up, set-up and gaps ─► cycles_network ─► bounds hold?
//! ```

mod bounds;
mod measure;

use super::Shape;
use crate::command::args::Format;
use crate::command::print;
use crate::error::Error;
use crate::scenario::preset;
use crate::wafer::hardware::{WaferFacts, WaferPreset};
use clap::ValueEnum;
use measure::Measured;
use serde_json::json;
use sim_fabric::mesh::collective::request::{Algorithm, Goal, Request};
use sim_fabric::mesh::program::{self, DType};
use std::io::Write;

/// Options of a collective.
#[derive(Debug, clap::Args)]
pub(in crate::command) struct Options {
    /// Hardware: a preset's name or a RON file
    #[arg(long, default_value = "wse3")]
    preset: String,
    /// The PEs, columns x rows
    #[arg(long, value_name = "COLUMNSxROWS")]
    shape: Shape,
    /// Elements of each PE
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1 << 26))]
    words: u32,
    /// Type of an element
    #[arg(long, value_enum, default_value_t = Type::Fp32)]
    dtype: Type,
    /// How it is done
    #[arg(long, value_enum)]
    algorithm: Option<By>,
    /// PEs of a group of k-tree [default: near the root of a row's PEs]
    #[arg(long)]
    k: Option<u32>,
    /// PEs of a group of two-phase [default: searched by simulation]
    #[arg(long)]
    step: Option<u32>,
    /// What the rows and the column of x-y do
    #[arg(long, value_enum, default_value_t = By::Chain)]
    inner: By,
    /// Engine: every wavelet, or whole streams of them, with the same cycles
    #[arg(long, value_enum, default_value_t = Engine::Stream)]
    engine: Engine,
    /// What stdout shows, and how errors look on stderr
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
    /// Threads to use; the result does not depend on it
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Replace one number of the preset, such as fabric.hop_cycles="3 cycles"; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    settings: Vec<String>,
}

/// Type of an element, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Type {
    /// 16 bits, two in a wavelet
    Fp16,
    /// 32 bits
    Fp32,
}

/// An algorithm, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    /// The root's words stream past everybody
    Broadcast,
    /// Everybody sends to the root
    Star,
    /// Rows into two centre columns, these into four centre PEs, these into one
    CentreStar,
    /// Everybody adds and sends on
    Chain,
    /// Rounds of pairs
    Tree,
    /// Groups of --k, level upon level
    KTree,
    /// Chains in groups of --step, then a chain of their leaders
    TwoPhase,
    /// The tree that the model of a reduce finds best
    Auto,
    /// Rows, then the first column, each by --inner
    #[value(name = "x-y")]
    XY,
    /// One chain through all PEs
    Snake,
    /// Slices around a folded ring
    Ring,
}

/// An engine, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::command) enum Engine {
    /// Every wavelet: the reference
    Wavelet,
    /// Whole streams of wavelets; hands over to the reference what it does not accept
    Stream,
}

impl Options {
    fn algorithm(&self, by: By) -> Algorithm {
        let shortest = match self.algorithm {
            Some(By::XY) => self.shape.columns.min(self.shape.rows),
            _ => self.shape.columns,
        };
        match by {
            By::Broadcast => Algorithm::Broadcast,
            By::Star => Algorithm::Star,
            By::CentreStar => Algorithm::CentreStar,
            By::Chain => Algorithm::Chain,
            By::Tree => Algorithm::Tree,
            By::KTree => Algorithm::KTree { k: self.k.unwrap_or(shortest.isqrt().max(2)) },
            By::TwoPhase => Algorithm::TwoPhase { step: self.step },
            By::Auto => Algorithm::Auto,
            By::XY => Algorithm::XY { inner: Box::new(self.algorithm(self.inner)) },
            By::Snake => Algorithm::Snake,
            By::Ring => Algorithm::Ring,
        }
    }

    fn request(&self, goal: Goal) -> Result<Request, Error> {
        let by = match (self.algorithm, goal) {
            (Some(by), _) => by,
            (None, Goal::Broadcast) => By::Broadcast,
            (None, _) => By::Auto,
        };
        if by == By::XY && self.inner == By::XY {
            return Err(Error::input("--inner x-y: rows and columns take an algorithm for a line"));
        }
        let Shape { columns, rows } = self.shape;
        if columns > WIDEST || rows > WIDEST {
            let shape = format!("{columns}x{rows}");
            return Err(Error::input(format!("--shape {shape}: at most {WIDEST}x{WIDEST} PEs")));
        }
        Ok(Request {
            goal,
            algorithm: self.algorithm(by),
            shape: program::Shape { columns, rows },
            elements: self.words,
            dtype: match self.dtype {
                Type::Fp16 => DType::F16,
                Type::Fp32 => DType::F32,
            },
        })
    }
}

/// Cycles of `request` on `facts`: as published tables count them, and without start-up, set-up and gaps.
pub(crate) fn cycles(request: Request, facts: &WaferFacts) -> Result<(u64, u64), Error> {
    let measured = measure::measure(request, facts, Engine::Stream)?;
    Ok((measured.cycles, measured.network))
}

/// Longest side of a shape.
const WIDEST: u32 = 2048;

/// Simulates and prints.
pub(super) fn run(goal: Goal, options: &Options) -> Result<(), Error> {
    let request = options.request(goal)?;
    let preset: WaferPreset = preset::with_settings(&options.preset, &options.settings)?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads.map_or(0, usize::from))
        .build()
        .map_err(|error| Error::Simulation(format!("cannot start threads: {error}")))?;
    let measured = pool.install(|| measure::measure(request, &preset.facts, options.engine))?;
    let text = match options.format {
        Format::Json => format!("{}\n", json(&measured)),
        Format::Human => {
            if let Some(reason) = &measured.handed_over {
                // Where stderr is closed, nobody is left to be told.
                drop(writeln!(std::io::stderr(), "stream hands over to wavelet: {reason}"));
            }
            human(&measured)
        }
    };
    print(text.as_bytes())
}

fn json(measured: &Measured) -> serde_json::Value {
    let bounds = &measured.bounds;
    json!({
        "cycles": measured.cycles,
        "cycles_network": measured.network,
        "wavelet_hops": measured.hops,
        "engine_used": measured.engine(),
        "build_seconds": measured.build.as_secs_f64(),
        "wall_seconds": measured.wall.as_secs_f64(),
        "bounds": {
            "compute": bounds.compute,
            "bandwidth": bounds.bandwidth,
            "bisection": bounds.bisection,
            "distance": bounds.distance,
        },
    })
}

fn human(measured: &Measured) -> String {
    let bounds = &measured.bounds;
    let program::Shape { columns, rows } = measured.request.shape;
    format!(
        "{algorithm} over {columns} x {rows} PEs, {words} elements each\n\
         cycles          {cycles:>12}\n\
         cycles, network {network:>12}   without start-up, set-up and gaps\n\
         no less than    {compute:>12}   compute\n\
         \u{20}               {bandwidth:>12}   bandwidth of a ramp\n\
         \u{20}               {bisection:>12}   bisection\n\
         \u{20}               {distance:>12}   distance\n\
         wavelet-hops    {hops:>12}   {engine} engine, {wall:.3} s, built in {build:.3} s\n",
        algorithm = measured.request.algorithm,
        words = measured.request.elements,
        cycles = measured.cycles,
        network = measured.network,
        compute = bounds.compute,
        bandwidth = bounds.bandwidth,
        bisection = bounds.bisection,
        distance = bounds.distance,
        hops = measured.hops,
        engine = measured.engine(),
        wall = measured.wall.as_secs_f64(),
        build = measured.build.as_secs_f64(),
    )
}
