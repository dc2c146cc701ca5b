//! `wafersim pe`: one vector operation on the memory banks of one PE.

use super::args::Format;
use super::print;
use crate::error::Error;
use crate::scenario::preset;
use crate::wafer::hardware::{WaferFacts, WaferPreset};
use clap::ValueEnum;
use serde_json::json;
use sim_sram::{Arithmetic, Element, Operation, Placement, Refused, Timed};

/// Options of an operation.
#[derive(Debug, clap::Args)]
pub(super) struct Pe {
    /// What is done with each element
    #[arg(value_enum)]
    operation: Name,
    /// Hardware: a preset's name or a RON file
    #[arg(long, default_value = "wse3")]
    preset: String,
    /// Type of an element
    #[arg(long, value_enum, default_value_t = Type::Fp16)]
    dtype: Type,
    /// Elements
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    n: u32,
    /// From one element to the next, in all vectors [elements]
    #[arg(long, default_value_t = 1, allow_negative_numbers = true,
        value_parser = clap::value_parser!(i32).range(-4096..=4096))]
    stride: i32,
    /// Put the second operand into banks that conflict with the first
    #[arg(long)]
    conflict: bool,
    /// Count loading the descriptors too
    #[arg(long)]
    with_setup: bool,
    /// Such operations at a time, each on its own microthread
    #[arg(long, default_value_t = 1)]
    threads: u32,
    /// Replace one number of the preset, such as pe.cache_words=0; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    settings: Vec<String>,
    /// What stdout shows, and how errors look on stderr
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(super) format: Format,
}

/// An operation, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    /// Sum of two vectors
    Add,
    /// Product of two vectors, element by element
    #[value(alias = "mul")]
    Multiply,
    /// Adds a scalar times a vector to an accumulator
    Fma,
    /// Copy
    Move,
    /// Greater of two vectors, element by element
    Max,
}

/// Type of an element, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Type {
    /// 16 bits
    #[value(alias = "bf16")]
    Fp16,
    /// 32 bits
    Fp32,
    /// 16-bit factors, 32-bit sums (fma alone)
    Mixed,
}

impl Pe {
    /// Simulates and prints.
    pub(super) fn run(&self) -> Result<(), Error> {
        let preset: WaferPreset = preset::with_settings(&self.preset, &self.settings)?;
        let operation = self.operation();
        let threads = u64::from(self.threads);
        let most = preset.facts.pe.microthreads.whole();
        if threads == 0 || threads > most {
            return Err(Error::Arguments(format!(
                "--threads {threads}: `{}` has {most} microthreads; use 1 to {most}",
                self.preset
            )));
        }
        operation
            .check(preset.facts.pe.sram.whole() / threads)
            .map_err(|why| self.refused(&why))?;
        let timed = preset.facts.pe_spec().time(&operation, self.with_setup);
        print(self.text(&preset.facts, &timed).as_bytes())
    }

    fn operation(&self) -> Operation {
        Operation {
            arithmetic: match self.operation {
                Name::Add => Arithmetic::Add,
                Name::Multiply => Arithmetic::Multiply,
                Name::Fma => Arithmetic::Fma,
                Name::Move => Arithmetic::Move,
                Name::Max => Arithmetic::Max,
            },
            element: match self.dtype {
                Type::Fp16 => Element::F16,
                Type::Fp32 => Element::F32,
                Type::Mixed => Element::F16ToF32,
            },
            length: self.n,
            stride: self.stride,
            placement: if self.conflict { Placement::Conflicting } else { Placement::Apart },
        }
    }

    fn refused(&self, why: &Refused) -> Error {
        match why {
            Refused::NoInstruction => Error::Arguments(format!("--dtype mixed: {why}")),
            Refused::NothingConflicts => Error::Arguments(format!("--conflict: {why}")),
            Refused::DoesNotFit { .. } => Error::DoesNotFit(format!("--n {}: {why}", self.n)),
        }
    }

    fn text(&self, facts: &WaferFacts, timed: &Timed) -> String {
        // Microthreads take the datapath in turn: it is busy for all of them, and the descriptors of one
        // are loaded, and its last elements written, while others run.
        let busy = timed.busy.total() * u64::from(self.threads);
        let cycles = timed.setup + busy + timed.pipeline;
        let microseconds = cycles as f64 / facts.clock.get() * 1e6;
        let parts = [
            ("setup", "set-up", timed.setup),
            ("rate", "at the type's rate", timed.busy.rate * u64::from(self.threads)),
            ("stride", "lost to strides", timed.busy.stride * u64::from(self.threads)),
            ("conflict", "lost to conflicts", timed.busy.conflict * u64::from(self.threads)),
            ("ports", "lost to ports", timed.busy.ports * u64::from(self.threads)),
            ("pipeline", "pipeline", timed.pipeline),
        ];
        match self.format {
            Format::Json => {
                let spent: serde_json::Map<_, _> =
                    parts.iter().map(|(key, _, n)| ((*key).to_string(), json!(n))).collect();
                let elements = f64::from(self.n) * f64::from(self.threads);
                format!(
                    "{}\n",
                    json!({
                        "cycles": cycles,
                        "microseconds": microseconds,
                        "elements_per_cycle": elements / cycles as f64,
                        "spent": spent,
                    })
                )
            }
            Format::Human => {
                let clock = facts.clock.get() / 1e9;
                let mut text = format!("cycles {cycles} ({microseconds:.3} us at {clock} GHz)\n");
                for (_, what, n) in parts {
                    text.push_str(&format!("  {what:<20} {n:>9}\n"));
                }
                text
            }
        }
    }
}
