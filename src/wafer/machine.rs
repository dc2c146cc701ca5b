//! The wafer machine: places the model, replays the request, and varies what is assumed.

use super::choices::{ALL, Choices};
use super::decode::{Ethernet, ItemTimes, Placed, Prefill};
use super::hardware::WaferFacts;
use super::layer::{Part, Run};
use super::mapper::Limits;
use super::outcome::Answer;
use super::parts::Pipeline;
use super::place::{Asked, Placement, place};
use super::sensitivity;
use super::spec::{Auto, EngineChoice, WaferMachine};
use super::timer::{Engine, Memory, Timer};
use super::trace::Tracer;
use crate::error::Error;
use crate::machine::assumed::{self, Values};
use crate::machine::{Job, Machine, Request};
use crate::trace::Span;
use reports::outcome::MachineOutcome;
use sim_core::{Clock, Picos};
use workloads::forward::Step;
use workloads::model::{FeedForward, Model};
use workloads::routing::{ExpertLoad, LayerRouting};

/// How the tokens of a prompt chunk choose experts: evenly, which uses the most distinct ones and so is
/// the slow end. One token's `top_k` are distinct in any case.
const EXPERT_LOAD: ExpertLoad = ExpertLoad::Balanced;

/// Prompt chunks that are tried where the scenario leaves the choice `[tokens]`.
const CHUNKS: [u32; 4] = [32, 16, 8, 4];

impl Machine for WaferMachine {
    fn simulate(&self, job: &Job<'_>) -> Result<MachineOutcome, Error> {
        (job.progress)(0.0, "mapping the model onto wafers");
        let facts = &self.preset.facts;
        let memory = Memory::default();
        let bench = Bench::new(self, job, facts, &memory);
        let placement = bench.place()?;
        (job.progress)(0.4, "replaying the request");
        let speed = bench.speed(&placement)?;
        (job.progress)(0.6, "varying what is assumed");
        let work = bench.timer.work();
        // The mapping stays, and so do the ways to combine that belong to it.
        let memory = bench.timer.keep(&memory);
        let speed_with =
            |values: &Values<'_>| sensitivity::speed_with(self, job, &placement, &memory, values);
        let nominal = speed.decode.tokens_per_s();
        let (sensitivity, range) = assumed::vary(job, &self.name, facts, nominal, speed_with)?;
        (job.progress)(1.0, "done");
        Ok(Answer { machine: self, bench: &bench, placement: &placement, speed: &speed, work }
            .outcome(job, sensitivity, range))
    }

    fn trace(&self, job: &Job<'_>) -> Result<Vec<Span>, Error> {
        let memory = Memory::default();
        let bench = Bench::new(self, job, &self.preset.facts, &memory);
        let placement = bench.place()?;
        let speed = bench.speed(&placement)?;
        let distinct = |tokens: u32| bench.distinct_experts(tokens);
        let placed = bench.placed(&placement, &distinct);
        let tracer = Tracer { bench: &bench, placement: &placement, placed: &placed };
        tracer.spans(job.request.prompt, speed.prefill.chunk, &speed.decode)
    }
}

/// One set of hardware numbers, with the timer that remembers what was simulated on it.
pub struct Bench<'a> {
    machine: &'a WaferMachine,
    job: Job<'a>,
    /// The numbers.
    pub facts: &'a WaferFacts,
    timer: Timer,
}

/// Output tokens that take the same time: those between two contexts at which the fullest PE gets
/// one more cached token.
pub struct TokenClass {
    /// How many.
    pub tokens: u32,
    /// Context of the first.
    pub context: u32,
    /// Time of one, from the last token's choice to its own `[ps]`.
    pub time: Picos,
    /// Where it goes.
    pub times: ItemTimes,
}

/// The output tokens of a request.
pub struct Decode {
    /// By how long they take, in order.
    pub classes: Vec<TokenClass>,
}

/// A whole request.
pub struct Speed {
    /// The output tokens after the first.
    pub decode: Decode,
    /// The prompt, up to the first token.
    pub prefill: Prefill,
}

impl Decode {
    /// Time of all of them `[s]`.
    pub fn seconds(&self) -> f64 {
        self.classes.iter().map(|class| f64::from(class.tokens) * class.time.seconds()).sum()
    }

    /// How many.
    pub fn tokens(&self) -> u32 {
        self.classes.iter().map(|class| class.tokens).sum()
    }

    /// The class of the middle token.
    pub fn middle(&self) -> &TokenClass {
        let half = self.tokens() / 2;
        let mut seen = 0;
        let middle = self.classes.iter().find(|class| {
            seen += class.tokens;
            seen > half
        });
        middle.unwrap_or(&self.classes[0])
    }

    /// Output tokens per second of one user `[tokens/s]`.
    pub fn tokens_per_s(&self) -> f64 {
        f64::from(self.tokens()) / self.seconds()
    }
}

impl<'a> Bench<'a> {
    /// A bench for `facts`.
    pub fn new(
        machine: &'a WaferMachine,
        job: &Job<'a>,
        facts: &'a WaferFacts,
        memory: &Memory,
    ) -> Self {
        let engine = match machine.spec.engine {
            EngineChoice::Stream => Engine::Stream,
            EngineChoice::Wavelet => Engine::Wavelet,
        };
        let timer = Timer::new(facts.fabric_spec(), facts.pe_spec(), engine, memory);
        Self { machine, job: *job, facts, timer }
    }

    /// What times the phases.
    pub fn timer(&self) -> &Timer {
        &self.timer
    }

    /// What all parts are run with.
    pub(super) fn run(&self) -> Run<'_> {
        Run {
            timer: &self.timer,
            columns: self.facts.grid.columns.whole() as u32,
            rows: self.facts.grid.rows.whole() as u32,
            hidden: self.job.model.hidden,
            attention: self.job.model.attention,
            tokens: 1,
            distinct_experts: self.distinct_experts(1),
            buffer: self.facts.pe.buffer.whole() as u32,
            bytes_only: false,
        }
    }

    /// Distinct routed experts of one layer that `tokens` tokens use together, as drawn.
    fn distinct_experts(&self, tokens: u32) -> u32 {
        let moe = self.job.model.layers.iter().enumerate().find_map(|(i, layer)| match *layer {
            FeedForward::Moe { experts, top_k, .. } => Some((i as u32, experts, top_k)),
            FeedForward::Dense { .. } => None,
        });
        let Some((layer, experts, top_k)) = moe else { return 0 };
        LayerRouting::new(EXPERT_LOAD, experts, top_k, self.job.seed, layer)
            .map(|mut routing| routing.counts(tokens).iter().filter(|&&n| n > 0).count() as u32)
            .unwrap_or(top_k)
    }

    pub(super) fn name(&self) -> &str {
        &self.machine.name
    }

    pub(super) fn model(&self) -> &Model {
        self.job.model
    }

    pub(super) fn request(&self) -> Request {
        self.job.request
    }

    /// Context of the request's middle output token, which stands for all in a report.
    pub(super) fn middle_context(&self) -> u32 {
        let request = self.job.request;
        (request.prompt + 1 + request.output().saturating_sub(1) / 2).min(request.context())
    }

    pub(super) fn limits(&self) -> Limits {
        Limits { sram: self.facts.pe.sram.whole(), reserve: self.facts.pe.reserve.whole() }
    }

    /// Places the model for the longest context of the request, on as many wafers as the scenario has.
    pub fn place(&self) -> Result<Placement, Error> {
        let most = match self.machine.spec.count {
            Auto::Auto => None,
            Auto::Fixed(count) => Some(count),
        };
        self.place_on(most)
    }

    /// The same on at most `most` wafers.
    pub fn place_on(&self, most: Option<u32>) -> Result<Placement, Error> {
        let step = Step::Decode { batch: 1, context: self.job.request.context() };
        let pipeline = Pipeline::new(self.job.model, step);
        let limits = self.limits();
        let forced = self.forced(&pipeline)?;
        let force = |part: &Part, choices: &mut Choices| {
            for (kind, choice, value) in &forced {
                if *kind == part.kind {
                    (ALL[*choice].set)(choices, *value);
                }
            }
        };
        let wafer_rows = self.facts.grid.rows.whole() as u32;
        let asked = Asked { most, experts: self.machine.spec.experts };
        place(&self.run(), &pipeline, wafer_rows, limits, asked, &force)
    }

    /// The choices that the scenario forces: (part, choice, value).
    fn forced(&self, pipeline: &Pipeline) -> Result<Vec<(String, usize, u32)>, Error> {
        let mut forced = Vec::new();
        for (kind, text) in &self.machine.spec.force {
            if !pipeline.kinds.iter().any(|part| part.kind == kind) {
                let kinds: Vec<_> = pipeline.kinds.iter().map(|part| part.kind).collect();
                return Err(Error::input(format!(
                    "force: no part is called `{kind}`; the model has {}",
                    kinds.join(", ")
                )));
            }
            for word in text.split_whitespace() {
                let read = word.split_once('=').and_then(|(name, value)| {
                    let choice = ALL.iter().position(|choice| choice.name == name)?;
                    // Only regions may be none: experts are striped then.
                    let least = u32::from(name != "regions_across");
                    Some((choice, value.parse::<u32>().ok().filter(|&v| v >= least)?))
                });
                let Some((choice, value)) = read else {
                    let names: Vec<_> = ALL.iter().map(|choice| choice.name).collect();
                    return Err(Error::input(format!(
                        "force: `{word}` is not `choice=number`; choices are {}",
                        names.join(", ")
                    )));
                };
                forced.push((kind.clone(), choice, value));
            }
        }
        Ok(forced)
    }

    /// The request on a placed model.
    pub fn speed(&self, placement: &Placement) -> Result<Speed, Error> {
        let distinct = |tokens: u32| self.distinct_experts(tokens);
        let placed = self.placed(placement, &distinct);
        let prefill = self.prefill(&placed)?;
        Ok(Speed { decode: Decode { classes: self.classes(&placed)? }, prefill })
    }

    /// The request's output tokens alone.
    pub fn decode(&self, placement: &Placement) -> Result<Decode, Error> {
        let distinct = |tokens: u32| self.distinct_experts(tokens);
        Ok(Decode { classes: self.classes(&self.placed(placement, &distinct))? })
    }

    fn placed<'b>(
        &'b self,
        placement: &'b Placement,
        distinct: &'b (dyn Fn(u32) -> u32 + Sync),
    ) -> Placed<'b> {
        Placed {
            model: self.job.model,
            run: self.run(),
            placement,
            wafer_rows: self.facts.grid.rows.whole() as u32,
            clock: Clock { hertz: self.facts.clock.get() },
            ethernet: Ethernet {
                bandwidth: self.facts.io.bandwidth.get(),
                latency: self.facts.io.latency.get(),
            },
            distinct_experts: distinct,
        }
    }

    /// Output tokens after the first by how long they take.
    fn classes(&self, placed: &Placed<'_>) -> Result<Vec<TokenClass>, Error> {
        let request = self.job.request;
        let mut classes: Vec<(Vec<u32>, u32, u32)> = Vec::new();
        // The prompt's last chunk chooses the first token; each further one is a step.
        for context in request.prompt + 1..request.prompt + request.output() {
            let class = placed.context_class(context);
            match classes.last_mut() {
                Some((last, _, count)) if *last == class => *count += 1,
                _ => classes.push((class, context, 1)),
            }
        }
        classes
            .into_iter()
            .map(|(_, context, tokens)| {
                let times = placed.times(1, context)?;
                Ok(TokenClass { tokens, context, time: placed.token(&times), times })
            })
            .collect()
    }

    /// The prompt, in the chunk that the scenario gives or that is done first.
    fn prefill(&self, placed: &Placed<'_>) -> Result<Prefill, Error> {
        let prompt = self.job.request.prompt;
        let buffer = self.facts.pe.buffer.whole();
        if let Auto::Fixed(chunk) = self.machine.spec.prefill_chunk {
            let prefill = placed.prefill(prompt, chunk)?;
            if prefill.buffer > buffer {
                return Err(Error::DoesNotFit(format!(
                    "prefill_chunk: vectors of {chunk} tokens take {} bytes on the fullest PE, the \
                     buffer (`pe.buffer`) has {buffer}; use a smaller chunk or `Auto`",
                    prefill.buffer
                )));
            }
            return Ok(prefill);
        }
        let mut best: Option<Prefill> = None;
        for chunk in CHUNKS.into_iter().chain([1]) {
            let needs = placed.times(chunk.min(prompt), prompt.max(chunk))?.buffer();
            if needs > buffer && chunk > 1 {
                continue;
            }
            let prefill = placed.prefill(prompt, chunk)?;
            if best.as_ref().is_some_and(|best| best.done <= prefill.done) {
                break;
            }
            best = Some(prefill);
        }
        best.ok_or_else(|| Error::Simulation("no prompt chunk was tried".into()))
    }
}
