//! `wafersim nvlink`: one collective of GPUs joined by NVLink, alone.
//!
//! ```text
//! options ─► messages of all ranks ─► links, switch ports ─► microseconds
//! ```

use super::args::Format;
use super::print;
use crate::error::Error;
use crate::nvl72::collectives::exchange::{Exchange, Sides};
use crate::nvl72::collectives::{AllReduce, Collectives, Timed};
use crate::nvl72::load::{Draw, Load, dealt, draws};
use crate::nvl72::step::payload;
use crate::nvl72::{Layout, Nvl72Facts, Nvl72Preset};
use crate::scenario::preset;
use clap::{Subcommand, ValueEnum};
use serde_json::json;
use workloads::model::WeightFormat;
use workloads::routing::ExpertLoad;

/// What `wafersim nvlink` can simulate.
#[derive(Debug, Subcommand)]
pub(super) enum Nvlink {
    /// Vectors of all GPUs add up in every GPU
    AllReduce(ReduceOptions),
    /// Every GPU gets the vectors of all others
    AllGather(GatherOptions),
    /// Tokens travel to the GPUs of their experts
    Dispatch(ExchangeOptions),
    /// The experts' results travel back to the GPUs of their tokens
    Combine(ExchangeOptions),
}

impl Nvlink {
    /// How results and errors are to be shown.
    pub(super) fn format(&self) -> Format {
        match self {
            Self::AllReduce(options) => options.common.format,
            Self::AllGather(options) => options.common.format,
            Self::Dispatch(options) | Self::Combine(options) => options.common.format,
        }
    }

    /// Simulates and prints.
    pub(super) fn run(&self) -> Result<(), Error> {
        match self {
            Self::AllReduce(options) => options.run(),
            Self::AllGather(options) => options.run(),
            Self::Dispatch(options) => options.run(false),
            Self::Combine(options) => options.run(true),
        }
    }
}

/// What all collectives take.
#[derive(Debug, clap::Args)]
struct Common {
    /// Hardware: a preset's name or a RON file
    #[arg(long, default_value = "gb200-nvl72")]
    preset: String,
    /// What stdout shows, and how errors look on stderr
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Replace one number of the preset, such as nvlink.hop="0.3 us" or gpus=16; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    settings: Vec<String>,
}

impl Common {
    fn facts(&self, ranks: u32, option: &str) -> Result<Nvl72Facts, Error> {
        let preset: Nvl72Preset = preset::with_settings(&self.preset, &self.settings)?;
        let gpus = preset.facts.gpus.whole();
        if u64::from(ranks) > gpus {
            return Err(Error::input(format!(
                "{option} {ranks}: `{}` has {gpus} GPUs; use fewer, or --set gpus={ranks} for more \
                 of its domains",
                self.preset
            )));
        }
        Ok(preset.facts)
    }

    fn print(&self, timed: &Timed, extra: &serde_json::Value) -> Result<(), Error> {
        let us = |value: f64| (value * 1e6).round() / 1e6;
        let text = match self.format {
            Format::Json => {
                let mut value = json!({
                    "microseconds": us(timed.us()),
                    "algorithm_used": timed.algorithm,
                    "breakdown": {
                        "messages_us": us(timed.split.fabric_us),
                        "fixed_us": us(timed.split.waiting_us),
                    },
                    "bytes_on_busiest_link": timed.link_bytes,
                });
                if let (Some(value), Some(extra)) = (value.as_object_mut(), extra.as_object()) {
                    value.extend(extra.clone());
                }
                format!("{value}\n")
            }
            Format::Human => format!(
                "{}: {:.2} us, of which messages {:.2} us\n{} bytes on the busiest GPU's links, each\n",
                timed.algorithm,
                timed.us(),
                timed.split.fabric_us,
                timed.link_bytes
            ),
        };
        print(text.as_bytes())
    }
}

/// Options of an all-reduce.
#[derive(Debug, clap::Args)]
pub(super) struct ReduceOptions {
    /// GPUs that take part
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=4096))]
    gpus: u32,
    /// Elements of each GPU's vector
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1 << 32))]
    elements: u64,
    /// Type of an element
    #[arg(long, value_enum, default_value_t = Type::Bf16)]
    dtype: Type,
    /// How it is done
    #[arg(long, value_enum, default_value_t = By::OneShot)]
    algorithm: By,
    #[command(flatten)]
    common: Common,
}

/// An algorithm, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    /// An engine's own kernel: every vector to everybody while that is fastest; for longer vectors it
    /// goes over to two shots or the switches, as engines do
    OneShot,
    /// Every vector to everybody, however long
    OneShotOnly,
    /// Shares are added up, then spread
    TwoShot,
    /// The switches add up and multicast
    InSwitch,
    /// Shares travel around a ring twice, as general libraries do
    Ring,
    /// The fastest of an engine's own
    Auto,
}

/// Type of an element, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Type {
    /// 16 bits
    #[value(alias = "bfloat16", alias = "fp16", alias = "half")]
    Bf16,
    /// 32 bits
    #[value(alias = "float32")]
    Fp32,
    /// 8 bits and a 32-bit scale for each 128
    #[value(alias = "float8")]
    Fp8,
    /// 4 bits and an 8-bit scale for each 16
    Nvfp4,
}

impl Type {
    /// Bytes of `elements` of them.
    fn bytes(self, elements: u64) -> u64 {
        match self {
            Self::Bf16 => 2 * elements,
            Self::Fp32 => 4 * elements,
            Self::Fp8 => elements + elements.div_ceil(128) * 4,
            Self::Nvfp4 => elements.div_ceil(2) + elements.div_ceil(16),
        }
    }
}

impl ReduceOptions {
    fn run(&self) -> Result<(), Error> {
        let facts = self.common.facts(self.gpus, "--gpus")?;
        let known = Collectives::new(&facts);
        let bytes = self.dtype.bytes(self.elements);
        let domains = u64::from(self.gpus) > facts.domain.whole();
        let by = |algorithm| known.by(algorithm, self.gpus, bytes);
        let timed = match self.algorithm {
            By::OneShot | By::Auto => known.all_reduce(self.gpus, bytes)?,
            By::OneShotOnly => by(AllReduce::OneShot)?,
            By::TwoShot => by(AllReduce::TwoShot)?,
            By::InSwitch if domains => {
                return Err(Error::input(format!(
                    "--algorithm in-switch: switches reduce inside one domain, and {} GPUs are more \
                     than the {} of a domain of `{}`",
                    self.gpus,
                    facts.domain.whole(),
                    self.common.preset
                )));
            }
            By::InSwitch => by(AllReduce::InSwitch)?,
            By::Ring => by(AllReduce::Ring)?,
        };
        self.common.print(&timed, &json!({}))
    }
}

/// Options of an all-gather.
#[derive(Debug, clap::Args)]
pub(super) struct GatherOptions {
    /// GPUs that take part
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=4096))]
    gpus: u32,
    /// Elements of all GPUs together
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1 << 32))]
    elements: u64,
    /// Type of an element
    #[arg(long, value_enum, default_value_t = Type::Bf16)]
    dtype: Type,
    /// Around a ring, as general libraries do, instead of everybody to everybody
    #[arg(long)]
    ring: bool,
    #[command(flatten)]
    common: Common,
}

impl GatherOptions {
    fn run(&self) -> Result<(), Error> {
        let facts = self.common.facts(self.gpus, "--gpus")?;
        let known = Collectives::new(&facts);
        let share = self.dtype.bytes(self.elements.div_ceil(u64::from(self.gpus)));
        let timed = if self.ring {
            known.ring_gather(self.gpus, share)?
        } else {
            known.all_gather(self.gpus, share)?
        };
        self.common.print(&timed, &json!({}))
    }
}

/// Options of a dispatch or a combine.
#[derive(Debug, clap::Args)]
pub(super) struct ExchangeOptions {
    /// GPUs over which the experts are dealt
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=4096))]
    ep: u32,
    /// Tokens of each GPU
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    tokens: u64,
    /// Elements of a token
    #[arg(long, default_value_t = 7168, value_parser = clap::value_parser!(u32).range(1..=1 << 17))]
    hidden: u32,
    /// Experts that a token uses
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=4096))]
    top_k: u32,
    /// Experts there are
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65535))]
    experts: u32,
    /// What a dispatched token holds; results always come back in 16 bit, unless --low-precision
    #[arg(long, value_enum, default_value_t = Type::Bf16)]
    dtype: Type,
    /// Ranks write into each other's memory, or send and receive
    #[arg(long, value_enum, default_value_t = By2::One)]
    sides: By2,
    /// With two sides: the step in which ranks learn how many tokens come, beside the dispatch
    #[arg(long)]
    prepare: bool,
    /// Results come back as --dtype says
    #[arg(long)]
    low_precision: bool,
    /// Which experts tokens choose
    #[arg(long, value_enum, default_value_t = Choice::Dealt)]
    load: Choice,
    /// Exponent of the power law
    #[arg(long, default_value_t = 1.01)]
    exponent: f64,
    /// Seed of the experts that are drawn
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    common: Common,
}

/// Sides, as they are typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By2 {
    /// One-sided: writes into the receivers' memory
    One,
    /// Two-sided: queues
    Two,
}

/// Which experts tokens choose, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Choice {
    /// In turn, on as many GPUs as can be, as benchmarks do
    Dealt,
    /// Drawn, all experts alike
    Balanced,
    /// Drawn, popularity under a power law
    PowerLaw,
}

impl ExchangeOptions {
    fn draws(&self, tokens: u64) -> Result<Vec<Draw>, Error> {
        let law = match self.load {
            Choice::Dealt => return Ok(vec![dealt(self.experts, self.top_k, tokens, self.ep)]),
            Choice::Balanced => ExpertLoad::Balanced,
            Choice::PowerLaw => ExpertLoad::PowerLaw { exponent: self.exponent },
        };
        if !(self.exponent.is_finite() && self.exponent >= 0.0) {
            return Err(Error::input(format!(
                "--exponent {}: it must be a number that is not negative",
                self.exponent
            )));
        }
        Ok(draws(self.seed, &Load::from(law), self.experts, self.top_k, tokens))
    }

    fn run(&self, back: bool) -> Result<(), Error> {
        let facts = self.common.facts(self.ep, "--ep")?;
        if self.top_k > self.experts {
            return Err(Error::input(format!(
                "--top-k {}: there are {} experts; a token uses at most all of them",
                self.top_k, self.experts
            )));
        }
        if self.ep > self.experts {
            return Err(Error::input(format!(
                "--ep {}: there are {} experts; a GPU needs at least one",
                self.ep, self.experts
            )));
        }
        let known = Collectives::new(&facts);
        let tokens = self.tokens * u64::from(self.ep);
        let plain = back && !self.low_precision;
        let of = Exchange {
            layout: Layout::new(1, self.ep, self.ep),
            tokens,
            token_bytes: self.payload(plain),
            one_group: false,
            sides: if self.sides == By2::Two { Sides::Two } else { Sides::One },
        };
        let mut timed = known.exchange(of, back, &self.draws(tokens)?)?;
        if self.prepare {
            timed.split.add(&known.prepare(self.ep, self.tokens)?.split, 1.0);
        }
        self.common.print(&timed, &json!({ "bytes_per_token": of.token_bytes }))
    }

    fn payload(&self, plain: bool) -> u64 {
        let format = match self.dtype {
            _ if plain => WeightFormat::BF16,
            Type::Bf16 => WeightFormat::BF16,
            Type::Fp32 => return 4 * u64::from(self.hidden),
            Type::Fp8 => WeightFormat::FP8_BLOCK_128,
            Type::Nvfp4 => WeightFormat::NVFP4,
        };
        payload(self.hidden, format)
    }
}
