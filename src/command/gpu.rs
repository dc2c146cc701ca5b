//! `wafersim gpu`: a model on GPUs, without a scenario.
//!
//! ```text
//! config.json ─► storage asked for ─► plan ─┐
//! preset ───────────────────────────────────┼─► layout allowed? does it fit? ─► one step
//! layout, batch, context ───────────────────┘
//! ```

mod decode;
mod frontier;
mod prefill;
mod serve;

use super::args::Format;
use crate::error::{Error, Problem};
use crate::nvl72::kernels::product::Arithmetic;
use crate::nvl72::load::Load;
use crate::nvl72::place::Placement;
use crate::nvl72::plan::Plan;
use crate::nvl72::step::Rack;
use crate::nvl72::storage::Weights;
use crate::nvl72::{Layout, Nvl72Facts, Nvl72Preset};
use crate::scenario::{files, preset};
use clap::{Subcommand, ValueEnum};
use std::path::PathBuf;
use std::sync::Arc;
use workloads::forward::{Step, forward};
use workloads::model::Model;
use workloads::routing::ExpertLoad;

/// What `wafersim gpu` can simulate.
#[derive(Debug, Subcommand)]
pub(super) enum Gpu {
    /// One token for each of the sequences in flight on a decode worker
    Decode(decode::Options),
    /// A prompt on a worker that has nothing else to do: time to its first token
    Prefill(prefill::Options),
    /// Over batch and layout: one user's speed against that of a GPU
    Frontier(frontier::Options),
    /// Prompts on workers of their own, their caches sent to those that decode
    Serve(serve::Options),
}

impl Gpu {
    /// How results and errors are to be shown.
    pub(super) fn format(&self) -> Format {
        match self {
            Self::Decode(options) => options.common.format,
            Self::Prefill(options) => options.common.format,
            Self::Frontier(options) => options.common.format,
            Self::Serve(options) => options.common.format,
        }
    }

    /// Simulates and prints.
    pub(super) fn run(&self) -> Result<(), Error> {
        match self {
            Self::Decode(options) => options.run(),
            Self::Prefill(options) => options.run(),
            Self::Frontier(options) => options.run(),
            Self::Serve(options) => options.run(),
        }
    }
}

/// What all of them take.
#[derive(Debug, clap::Args)]
struct Common {
    /// Hardware: a preset's name or a RON file
    #[arg(long, default_value = "gb200-nvl72")]
    preset: String,
    /// The model: a Hugging Face config.json
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// How the weights are stored, instead of as the file says
    #[arg(long, value_enum, default_value_t = Stored::Checkpoint)]
    weights: Stored,
    /// Numbers of the KV cache [default: 8 bit where products are of 8 or 4 bit, else 16]
    #[arg(long, value_enum)]
    kv_cache: Option<Cache>,
    /// Which experts tokens choose
    #[arg(long, value_enum, default_value_t = Choice::PowerLaw)]
    load: Choice,
    /// Exponent of the power law
    #[arg(long, default_value_t = 1.01)]
    exponent: f64,
    /// Recorded tokens of each expert: JSON, a list of layers, each a list of numbers
    #[arg(long, value_name = "FILE")]
    expert_trace: Option<PathBuf>,
    /// Slots for copies of popular experts, over all GPUs of a stage
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=65535))]
    redundant_experts: u32,
    /// Seed of the experts that are drawn
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// What stdout shows, and how errors look on stderr
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Replace one number of the preset, such as hbm.reached=0.7 or gpus=16; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    settings: Vec<String>,
}

/// A layout, as it is typed.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Spread {
    /// GPUs that share the attention of one sequence
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096))]
    tp: u32,
    /// Sets of GPUs over which experts are dealt; each expert is cut over the GPUs of its set
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096))]
    ep: u32,
    /// Attention groups of --tp GPUs over which sequences are dealt
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4096))]
    attention_dp: u32,
    /// Stages, each with a share of the layers
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pp: u32,
    /// Decode in two half batches, one computing while the other's tokens travel
    #[arg(long)]
    half_batches: bool,
}

impl Spread {
    fn layout(self) -> Layout {
        let plain = Layout::new(self.tp, self.attention_dp, self.ep);
        Layout { pipeline_parallel: self.pp, half_batches: self.half_batches, ..plain }
    }
}

/// Storage, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Stored {
    /// As the file declares it
    Checkpoint,
    /// MLPs and experts in NVFP4; latent attention and head in 16 bit
    Nvfp4,
    /// Every product but router and head in blocks of 8-bit floats
    Fp8,
    /// Everything in 16 bit
    Bf16,
    /// Routed experts in 4-bit integers, all else in 16 bit
    Int4,
}

/// Numbers of the cache, as they are typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Cache {
    /// 16 bits
    Bf16,
    /// 8 bits
    Fp8,
}

/// Which experts tokens choose, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Choice {
    /// All experts alike
    Balanced,
    /// Popularity under a power law
    PowerLaw,
}

/// A machine and a model, ready to run.
struct Ready {
    facts: Nvl72Facts,
    model: Model,
    plan: Plan,
    load: Load,
    seed: u64,
}

impl Common {
    fn ready(&self) -> Result<Ready, Error> {
        let preset: Nvl72Preset = preset::with_settings(&self.preset, &self.settings)?;
        let weights = match self.weights {
            Stored::Checkpoint => Weights::Checkpoint,
            Stored::Nvfp4 => Weights::Nvfp4,
            Stored::Fp8 => Weights::Fp8,
            Stored::Bf16 => Weights::Bf16,
            Stored::Int4 => Weights::Int4,
        };
        let model = weights.apply(files::model(&self.model)?);
        let bits = match self.kv_cache {
            Some(Cache::Bf16) => 16,
            Some(Cache::Fp8) => 8,
            None if Arithmetic::of(model.storage.experts) == Arithmetic::Wide
                && Arithmetic::of(model.storage.dense) == Arithmetic::Wide =>
            {
                16
            }
            None => 8,
        };
        // Sizes in the plan are for one token: the step they were built for does not matter.
        let pass = forward(&model, Step::Decode { batch: 1, context: 1 });
        let plan = Plan::new(&model, &pass)?.with_kv_bits(bits);
        let load = self.load(&plan)?;
        Ok(Ready { facts: preset.facts, model, plan, load, seed: self.seed })
    }

    fn load(&self, plan: &Plan) -> Result<Load, Error> {
        let law = match self.load {
            Choice::Balanced => ExpertLoad::Balanced,
            Choice::PowerLaw if self.exponent.is_finite() && self.exponent >= 0.0 => {
                ExpertLoad::PowerLaw { exponent: self.exponent }
            }
            Choice::PowerLaw => {
                let message = "it must be a number that is not negative";
                return Err(Error::input(format!("--exponent {}: {message}", self.exponent)));
            }
        };
        let mut load = Load { redundant: self.redundant_experts, ..Load::from(law) };
        if let Some(path) = &self.expert_trace {
            let problem = |message: String| {
                Error::Input(vec![Problem {
                    message,
                    file: Some(path.clone()),
                    ..Problem::default()
                }])
            };
            let text = files::read(path).map_err(|problem| Error::Input(vec![problem]))?;
            let layers: Vec<Vec<f64>> = serde_json::from_str(&text).map_err(|error| {
                problem(format!("expected a list of layers, each a list of numbers: {error}"))
            })?;
            let experts = plan.experts as usize;
            if layers.is_empty() {
                return Err(problem("holds no layer; expected at least one".to_string()));
            }
            for (index, layer) in layers.iter().enumerate() {
                if layer.len() != experts {
                    return Err(problem(format!(
                        "layer {index} has {} numbers; the model has {experts} experts a layer",
                        layer.len()
                    )));
                }
                let usable = |&count: &f64| count.is_finite() && count >= 0.0;
                if !layer.iter().all(usable) || layer.iter().sum::<f64>() <= 0.0 {
                    return Err(problem(format!(
                        "layer {index}: expected numbers of tokens that are not negative, and not \
                         all zero"
                    )));
                }
            }
            load.recorded = Arc::new(layers);
        }
        Ok(load)
    }
}

impl Ready {
    /// The machine that runs the model.
    fn rack(&self) -> Rack<'_> {
        Rack::new(&self.plan, &self.facts, self.load.clone(), self.seed)
    }

    /// What `layout` puts on a GPU, if the machine and the model allow it and it fits.
    fn placed(
        &self,
        layout: Layout,
        batch: u32,
        context: u64,
        chunk: u64,
    ) -> Result<Placement, Error> {
        layout.check(self.facts.gpus.whole() as u32)?;
        layout.check_model(&self.plan)?;
        if context > u64::from(self.model.max_context) {
            return Err(Error::input(format!(
                "a context of {context} tokens is longer than the model's {}",
                self.model.max_context
            )));
        }
        let others = (chunk, self.load.redundant);
        let placement = Placement::new(&self.plan, &self.facts, layout, batch, context, others);
        placement.check(layout, batch)?;
        Ok(placement)
    }
}

/// `value` with six figures behind the point.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
