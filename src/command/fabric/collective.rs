//! `wafersim fabric reduce`, `all-reduce`, `broadcast`, `all-gather` and `shift`: one collective, alone on
//! the fabric.
//!
//! ```text
//! options ─► request ─► program ─► engine ─► cycles
//!                          │  └─ operations begin at once ─► cycles_network ─► bounds hold?
//!                          └─ wavelets on each link ─► conserved? ─► what bound it
//! ```

mod bounds;
mod limit;
mod measure;
mod show;

use super::Shape;
use crate::command::args::Format;
use crate::command::print;
use crate::command::run::pool;
use crate::error::Error;
use crate::scenario::preset;
use crate::wafer::hardware::{WaferFacts, WaferPreset};
use clap::ValueEnum;
use sim_fabric::mesh::collective::request::{Algorithm, Axis, Goal, Request};
use sim_fabric::mesh::program::{self, DType};
use std::io::Write;

/// Options of every collective.
#[derive(Debug, clap::Args)]
pub(in crate::command) struct Common {
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

/// Options of a reduce, an all-reduce or a broadcast.
#[derive(Debug, clap::Args)]
#[command(after_long_help = MEANING)]
pub(in crate::command) struct Options {
    #[command(flatten)]
    pub(super) common: Common,
    /// How it is done; what is made for a row goes along rows, then the first column [default: auto]
    #[arg(long, value_enum)]
    algorithm: Option<By>,
    /// Levels of k-tree
    #[arg(long, default_value_t = 2)]
    k: u32,
    /// PEs of a group of two-phase, with the program of the published cycle counts, whose last leader
    /// streams [default: the groups that the published model finds best, one phase behind the other]
    #[arg(long)]
    step: Option<u32>,
    /// What the rows and the column of x-y do
    #[arg(long, value_enum, default_value_t = By::Chain)]
    inner: By,
}

/// Options of an all-gather.
#[derive(Debug, clap::Args)]
#[command(after_long_help = MEANING)]
pub(in crate::command) struct Gather {
    #[command(flatten)]
    pub(super) common: Common,
}

/// Options of a shift.
#[derive(Debug, clap::Args)]
#[command(after_long_help = MEANING)]
pub(in crate::command) struct Shift {
    #[command(flatten)]
    pub(super) common: Common,
    /// Next in an order in which neighbours are at most two PEs apart
    #[arg(long)]
    interleaved: bool,
    /// Lines that shift, each by itself
    #[arg(long, value_enum, default_value_t = Along::Rows)]
    along: Along,
}

/// What the numbers mean, for `--help`.
const MEANING: &str = "\
cycles          from the task's start to the last operation of the root (reduce) or of the last PE
                (all others), counted as the published table of reduces counts: with the start of the task,
                the gap before each operation and the pipeline behind it
cycles_network  the same without any of these: every operation begins at once when what it
                waits for is there. Hops, ramps, queues, switches and one issue a cycle stay. What the model of
                Luczynski et al., HPDC 2024, times
wavelet_hops    traversals of links between routers, each copy of a multicast on its own link
wall_seconds    the simulation that gave cycles, alone; build_seconds: making the program";

/// Lines of a rectangle, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Along {
    /// Every row
    Rows,
    /// Every column
    Columns,
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
    /// Rounds of pairs, in the time of the published model
    Tree,
    /// --k levels of groups whose leader takes its members' words in turn
    KTree,
    /// Chains in groups, then a chain of their leaders
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

/// Longest side of a shape.
const WIDEST: u32 = 2048;

impl Common {
    fn request(&self, goal: Goal, algorithm: Algorithm) -> Result<Request, Error> {
        let Shape { columns, rows } = self.shape;
        if columns > WIDEST || rows > WIDEST {
            let shape = format!("{columns}x{rows}");
            return Err(Error::input(format!("--shape {shape}: at most {WIDEST}x{WIDEST} PEs")));
        }
        Ok(Request {
            goal,
            algorithm,
            shape: program::Shape { columns, rows },
            elements: self.words,
            dtype: match self.dtype {
                Type::Fp16 => DType::F16,
                Type::Fp32 => DType::F32,
            },
        })
    }

    /// Simulates and prints.
    fn run(&self, request: Request) -> Result<(), Error> {
        let preset: WaferPreset = preset::with_settings(&self.preset, &self.settings)?;
        let measured = pool(self.threads)?
            .install(|| measure::measure(request, &preset.facts, self.engine))?;
        let text = match self.format {
            Format::Json => format!("{}\n", show::json(&measured)),
            Format::Human => {
                if let Some(reason) = &measured.handed_over {
                    // Where stderr is closed, nobody is left to be told.
                    drop(writeln!(std::io::stderr(), "stream hands over to wavelet: {reason}"));
                }
                show::human(&measured)
            }
        };
        print(text.as_bytes())
    }
}

/// Cycles of `request` on `facts`: as published tables count them, and without start-up, set-up and gaps.
pub(crate) fn cycles(request: Request, facts: &WaferFacts) -> Result<(u64, u64), Error> {
    let measured = measure::measure(request, facts, Engine::Stream)?;
    Ok((measured.cycles, measured.network))
}

impl Options {
    fn algorithm(&self, by: By) -> Algorithm {
        match by {
            By::Broadcast => Algorithm::Broadcast,
            By::Star => Algorithm::Star,
            By::CentreStar => Algorithm::CentreStar,
            By::Chain => Algorithm::Chain,
            By::Tree => Algorithm::Tree,
            By::KTree => Algorithm::KTree { k: self.k },
            By::TwoPhase => Algorithm::TwoPhase { step: self.step },
            By::Auto => Algorithm::Auto,
            By::XY => Algorithm::XY { inner: Box::new(self.algorithm(self.inner)) },
            By::Snake => Algorithm::Snake,
            By::Ring => Algorithm::Ring,
        }
    }

    /// Simulates and prints.
    pub(super) fn run(&self, goal: Goal) -> Result<(), Error> {
        let by = match (self.algorithm, goal) {
            (Some(by), _) => by,
            (None, Goal::Broadcast) => By::Broadcast,
            (None, _) => By::Auto,
        };
        if by == By::XY && self.inner == By::XY {
            return Err(Error::input("--inner x-y: rows and columns take an algorithm for a line"));
        }
        self.common.run(self.common.request(goal, self.algorithm(by))?)
    }
}

impl Gather {
    /// Simulates and prints.
    pub(super) fn run(&self) -> Result<(), Error> {
        self.common.run(self.common.request(Goal::AllGather, Algorithm::Ring)?)
    }
}

impl Shift {
    /// Simulates and prints.
    pub(super) fn run(&self) -> Result<(), Error> {
        let along = match self.along {
            Along::Rows => Axis::Rows,
            Along::Columns => Axis::Columns,
        };
        let goal = Goal::Shift { interleaved: self.interleaved, along };
        self.common.run(self.common.request(goal, Algorithm::Ring)?)
    }
}
