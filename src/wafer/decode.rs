//! One token, and one prompt, through a placed model: durations of stages and the ways between them.

use super::layer::{LayerRun, Part, Run};
use super::parts::Pipeline;
use super::place::{Band, Placement};
use super::replay::{Log, Transfer, Work, pipeline_logged};
use super::timer::Spent;
use crate::error::Error;
use rayon::prelude::*;
use sim_core::{Clock, Cycles, Picos};
use std::collections::BTreeMap;
use workloads::forward::Step;
use workloads::model::Model;

/// Ethernet between wafers.
#[derive(Clone, Copy, Debug)]
pub struct Ethernet {
    /// Bandwidth of one system `[bytes per second]`.
    pub bandwidth: f64,
    /// Latency from one system to the next `[s]`.
    pub latency: f64,
}

/// A model on its wafers, ready to be replayed.
pub struct Placed<'a> {
    /// The model.
    pub model: &'a Model,
    /// What all parts are run with; rows and tokens are set for each.
    pub run: Run<'a>,
    /// Where the parts stand.
    pub placement: &'a Placement,
    /// Rows of a wafer.
    pub wafer_rows: u32,
    /// Clock of the wafers.
    pub clock: Clock,
    /// What connects them.
    pub ethernet: Ethernet,
    /// Routed experts that a number of tokens use together.
    pub distinct_experts: &'a (dyn Fn(u32) -> u32 + Sync),
}

/// Durations of all stages for one kind of item.
#[derive(Clone, Debug)]
pub struct ItemTimes {
    /// How each distinct part ran.
    pub runs: Vec<LayerRun>,
    /// Duration of each stage `[ps]`.
    pub stages: Vec<Picos>,
    /// The way behind each stage; the last is back to the first wafer.
    pub ways: Vec<Transfer>,
    /// What went into the ways on wafers, and between them `[ps]`.
    pub way_spent: Vec<Spent>,
}

/// Times of a whole prompt.
#[derive(Clone, Debug)]
pub struct Prefill {
    /// When the first token is chosen `[ps]`.
    pub done: Picos,
    /// Tokens that move together.
    pub chunk: u32,
    /// Most bytes of vectors between operators on one PE `[bytes]`.
    pub buffer: u64,
}

impl Placed<'_> {
    /// Tokens in the cache change a part's time only where they change the fullest PE's share.
    pub fn context_class(&self, context: u32) -> Vec<u32> {
        let placement = self.placement;
        (0..placement.rows.len())
            .filter(|&kind| placement.attends[kind])
            .map(|kind| {
                let choices = &placement.mappings[kind].choices;
                let run = Run { rows: placement.rows[kind], ..self.run };
                run.lowering(choices).tokens_per_pe(context, choices.attention_rows)
            })
            .collect()
    }

    /// Durations for `tokens` tokens that go through together, the last with `context` tokens cached.
    pub fn times(&self, tokens: u32, context: u32) -> Result<ItemTimes, Error> {
        let step = if tokens == 1 {
            Step::Decode { batch: 1, context }
        } else {
            Step::Prefill { tokens, before: context - tokens }
        };
        let parts = Pipeline::new(self.model, step);
        let runs: Vec<LayerRun> = parts
            .kinds
            .par_iter()
            .enumerate()
            .map(|(kind, part)| self.part(kind, part, tokens))
            .collect::<Result<_, Error>>()?;
        let time = |spent: &Spent| self.clock.time(Cycles(spent.total()));
        let stages = parts.stages.iter().map(|&kind| time(&runs[kind].spent)).collect();
        let mut ways = Vec::new();
        let mut way_spent = Vec::new();
        let bands = &self.placement.bands;
        for stage in 0..bands.len() {
            let next = bands[(stage + 1) % bands.len()];
            let spent = self.way(parts.stages[stage], bands[stage], next, tokens)?;
            let over = bands[stage].wafer != next.wafer;
            // A token's number comes back, a vector goes on.
            let last = stage + 1 == bands.len();
            let bytes = if last { 8 } else { u64::from(2 * self.run.hidden * tokens) };
            let busy = if over { bytes as f64 / self.ethernet.bandwidth } else { 0.0 };
            let latency = if over { self.ethernet.latency } else { 0.0 };
            ways.push(Transfer {
                fabric: time(&spent),
                busy: Picos::from_seconds(busy),
                latency: Picos::from_seconds(latency),
            });
            way_spent.push(spent);
        }
        Ok(ItemTimes { runs, stages, ways, way_spent })
    }

    fn run_of(&self, kind: usize, tokens: u32) -> Run<'_> {
        let distinct_experts = (self.distinct_experts)(tokens);
        Run { rows: self.placement.rows[kind], tokens, distinct_experts, ..self.run }
    }

    fn part(&self, kind: usize, part: &Part, tokens: u32) -> Result<LayerRun, Error> {
        // Only the prompt's last token is turned into logits.
        let tokens = if part.kind == "head" { 1 } else { tokens };
        let run = self.run_of(kind, tokens);
        run.time(run.kernels(part, &self.placement.mappings[kind].choices)?)
    }

    /// Cycles of the way on wafers from one band's middle row to the next one's.
    fn way(&self, kind: usize, from: Band, to: Band, tokens: u32) -> Result<Spent, Error> {
        let middle = |band: Band| band.y + band.rows / 2;
        let legs = if from == to {
            // The stream already lies where the next part takes it.
            Vec::new()
        } else if from.wafer == to.wafer {
            vec![middle(to).abs_diff(middle(from))]
        } else {
            vec![self.wafer_rows - middle(from), middle(to)]
        };
        let run = self.run_of(kind, tokens);
        let lowering = run.lowering(&self.placement.mappings[kind].choices);
        let mut spent = Spent::default();
        for rows in legs {
            let kernel = lowering.hand_on("hand_on", rows.max(1))?;
            spent.add(&run.time(vec![kernel])?.spent);
        }
        Ok(spent)
    }

    /// Time of one output token: through all stages and back `[ps]`.
    pub fn token(&self, times: &ItemTimes) -> Picos {
        self.token_logged(times, &mut |_| {})
    }

    /// As [`Placed::token`], telling `log` what happened.
    pub fn token_logged(&self, times: &ItemTimes, log: &mut dyn FnMut(Log)) -> Picos {
        let items = [times];
        let stages = times.stages.len();
        let places = self.placement.places();
        let replay = pipeline_logged(&Items { items: &items, of: &[0], places }, 1, stages, log);
        let back = times.ways[stages - 1].total();
        replay.done[0] + back
    }

    /// The prompt in chunks of `chunk` tokens.
    pub fn prefill(&self, prompt: u32, chunk: u32) -> Result<Prefill, Error> {
        self.prefill_logged(prompt, chunk, &mut |_| {})
    }

    /// As [`Placed::prefill`], telling `log` what happened.
    pub fn prefill_logged(
        &self,
        prompt: u32,
        chunk: u32,
        log: &mut dyn FnMut(Log),
    ) -> Result<Prefill, Error> {
        let mut kinds: BTreeMap<(u32, Vec<u32>), usize> = BTreeMap::new();
        let mut shapes = Vec::new();
        let mut of = Vec::new();
        let mut before = 0;
        while before < prompt {
            let tokens = chunk.min(prompt - before);
            let context = before + tokens;
            let class = self.context_class(context);
            let index = *kinds.entry((tokens, class)).or_insert_with(|| {
                shapes.push((tokens, context));
                shapes.len() - 1
            });
            of.push(index);
            before += tokens;
        }
        let times: Vec<ItemTimes> = shapes
            .iter()
            .map(|&(tokens, context)| self.times(tokens, context))
            .collect::<Result<_, Error>>()?;
        let items: Vec<&ItemTimes> = times.iter().collect();
        let stages = self.placement.bands.len();
        let items = Items { items: &items, of: &of, places: self.placement.places() };
        let replay = pipeline_logged(&items, of.len(), stages, log);
        let buffer = times.iter().map(|t| t.buffer()).max().unwrap_or(0);
        let done = replay.done.last().copied().unwrap_or_default();
        Ok(Prefill { done, chunk, buffer })
    }
}

impl ItemTimes {
    /// Most bytes of vectors between operators on one PE `[bytes]`.
    pub fn buffer(&self) -> u64 {
        let timed = self.runs.iter().flat_map(|run| &run.operators);
        timed.map(|timed| timed.kernel.vector_bytes).max().unwrap_or(0)
    }
}

/// Items of the replay by their kind; all but the last stop before the head.
struct Items<'a> {
    items: &'a [&'a ItemTimes],
    of: &'a [usize],
    /// First stage in the band of each stage.
    places: Vec<usize>,
}

impl Work for Items<'_> {
    fn stage(&self, item: usize, stage: usize) -> Picos {
        self.items[self.of[item]].stages[stage]
    }
    fn transfer(&self, item: usize, stage: usize) -> Transfer {
        self.items[self.of[item]].ways[stage]
    }
    fn stages(&self, item: usize) -> usize {
        let all = self.places.len();
        if item + 1 == self.of.len() { all } else { all - 1 }
    }
    fn place(&self, stage: usize) -> usize {
        self.places[stage]
    }
}
