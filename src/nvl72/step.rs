//! One step of a replica: its kernels and collectives in order, on the GPU that takes longest.
//!
//! Two streams run at a time in one place: the shared experts beside router, dispatch and routed experts.
//! What of them is not hidden is the part "shared_experts". With half batches dispatch and combine of one
//! half run beside the other (`halves.rs`). All else is one launch behind the other, then
//! the host's part. In a pipeline of stages a step is the way of one token through all of them.

use super::collectives::exchange::{self, Exchange, Sides};
use super::collectives::{Collectives, Timed};
use super::halves;
use super::hardware::Nvl72Facts;
use super::kernels::product::Arithmetic;
use super::kernels::{Batch, Work, experts, work};
use super::layout::Layout;
use super::load::{Draw, Load, draws};
use super::plan::{Cut, Plan};
use crate::error::Error;
use reports::outcome::TimeSplit;
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::rc::Rc;
use workloads::forward::{Operator, OperatorKind};
use workloads::model::WeightFormat;

/// One operator or collective of a step.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Name: that of the operator, or "all_reduce_attention", "dispatch" and so on.
    pub name: &'static str,
    /// Kind of layer: "embedding", "moe", "dense", "head".
    pub group: &'static str,
    /// Layer it belongs to.
    pub layer: Option<u32>,
    /// Algorithm of a collective; `None` for kernels.
    pub collective: Option<&'static str>,
    /// Where its time goes.
    pub split: TimeSplit,
    /// Work of its kernels.
    pub work: Work,
    /// Bytes it puts on the busiest GPU link `[bytes]`.
    pub link_bytes: u64,
}

/// A step.
#[derive(Clone, Debug, Default)]
pub struct StepTime {
    /// Operators and collectives in order.
    pub parts: Vec<Part>,
    /// All of them together.
    pub split: TimeSplit,
}

/// The loads of the sets of GPUs in the layer of `op`.
fn loads<'s>(sets: &'s SetLoads, op: &Operator) -> &'s [(u32, f64)] {
    match op.layer {
        Some(layer) if !sets.is_empty() => &sets[layer as usize % sets.len()],
        _ => &[],
    }
}

/// A collective and its name.
type Named = (&'static str, Timed);

impl Part {
    fn collective(
        name: &'static str,
        group: &'static str,
        layer: Option<u32>,
        timed: Timed,
    ) -> Self {
        let (split, link_bytes) = (timed.split, timed.link_bytes);
        Self {
            collective: Some(timed.algorithm),
            split,
            link_bytes,
            ..Self::new(name, group, layer)
        }
    }

    fn kernel(name: &'static str, group: &'static str, layer: Option<u32>, work: Work) -> Self {
        Self { split: work.split(), work, ..Self::new(name, group, layer) }
    }

    /// Time in which nothing moves and nothing is computed.
    fn waiting(name: &'static str, group: &'static str, layer: Option<u32>, us: f64) -> Self {
        let split = TimeSplit { waiting_us: us, ..TimeSplit::default() };
        Self { split, ..Self::new(name, group, layer) }
    }

    fn new(name: &'static str, group: &'static str, layer: Option<u32>) -> Self {
        Self {
            name,
            group,
            layer,
            collective: None,
            split: TimeSplit::default(),
            work: Work::default(),
            link_bytes: 0,
        }
    }
}

impl StepTime {
    pub(super) fn push(&mut self, part: Part) {
        self.split.add(&part.split, 1.0);
        self.parts.push(part);
    }

    /// Duration `[s]`.
    pub fn seconds(&self) -> f64 {
        self.split.total_us() * 1e-6
    }
}

/// What a draw puts on each set of GPUs, draw after draw.
type SetLoads = Rc<Vec<Vec<(u32, f64)>>>;

/// Times steps of one model on one rack, and remembers what recurs.
#[derive(Debug)]
pub struct Rack<'a> {
    plan: &'a Plan,
    facts: &'a Nvl72Facts,
    load: Load,
    seed: u64,
    collectives: Collectives<'a>,
    draws: RefCell<FxHashMap<u64, Rc<Vec<Draw>>>>,
    sets: RefCell<FxHashMap<(u64, u32), SetLoads>>,
}

impl<'a> Rack<'a> {
    /// A rack with the numbers of `facts` that runs `plan`.
    pub fn new(plan: &'a Plan, facts: &'a Nvl72Facts, load: impl Into<Load>, seed: u64) -> Self {
        Self {
            plan,
            facts,
            load: load.into(),
            seed,
            collectives: Collectives::new(facts),
            draws: RefCell::default(),
            sets: RefCell::default(),
        }
    }

    /// The rack's plan.
    pub fn plan(&self) -> &'a Plan {
        self.plan
    }

    /// The rack's numbers.
    pub fn facts(&self) -> &'a Nvl72Facts {
        self.facts
    }

    fn draws(&self, tokens: u64) -> Rc<Vec<Draw>> {
        let mut known = self.draws.borrow_mut();
        let draw =
            || Rc::new(draws(self.seed, &self.load, self.plan.experts, self.plan.top_k, tokens));
        Rc::clone(known.entry(tokens).or_insert_with(draw))
    }

    fn sets(&self, tokens: u64, sets: u32) -> SetLoads {
        let draws = self.draws(tokens);
        let mut known = self.sets.borrow_mut();
        let load = || Rc::new(draws.iter().map(|draw| draw.per_set(sets)).collect());
        Rc::clone(known.entry((tokens, sets)).or_insert_with(load))
    }

    /// One token for each of `batch` requests with `context` tokens cached.
    pub fn decode(&self, layout: Layout, batch: u32, context: u64) -> Result<StepTime, Error> {
        self.step(layout, &Batch::decode(layout, batch, context), false)
    }

    /// A time that a decode step cannot beat: its kernels and the fixed costs of its exchanges,
    /// without any message `[s]`.
    pub fn floor(&self, layout: Layout, batch: u32, context: u64) -> f64 {
        let batch = Batch::decode(layout, batch, context);
        let sets = self.sets(batch.all_tokens, layout.expert_parallel);
        let exchange = exchange::floor(self.facts);
        let time = |op: &Operator| {
            let kernels = work(self.plan, op, layout, &batch, loads(&sets, op), self.facts);
            let exchanged = matches!(op.kind, OperatorKind::Experts { combine: true, .. })
                && layout.exchanges()
                && !layout.overlaps();
            let exchange = if exchanged { exchange } else { 0.0 };
            kernels.total_us() * 1e-6 + exchange
        };
        self.plan.operators.iter().map(time).sum()
    }

    /// A chunk of one prompt.
    pub fn prefill(
        &self,
        layout: Layout,
        tokens: u64,
        before: u64,
        last: bool,
    ) -> Result<StepTime, Error> {
        self.step(layout, &Batch::prefill(tokens, before, last), true)
    }

    fn step(&self, layout: Layout, batch: &Batch, one_group: bool) -> Result<StepTime, Error> {
        let mut step = if layout.overlaps() && !batch.prompt && batch.tokens > 1 {
            halves::both(&self.pass(layout, &halves::half(batch), one_group)?)
        } else {
            self.pass(layout, batch, one_group)?
        };
        let kernel = &self.facts.kernel;
        let host = kernel.step.get() + batch.sequences as f64 * kernel.sequence.get();
        step.push(Part::waiting("host", "head", None, host * 1e6));
        Ok(step)
    }

    /// All of a step but the host's part.
    fn pass(&self, layout: Layout, batch: &Batch, one_group: bool) -> Result<StepTime, Error> {
        let sets = self.sets(batch.all_tokens, layout.expert_parallel);
        let mut step = StepTime::default();
        // Time since the shared experts could start beside the main stream.
        let mut beside = 0.0;
        for op in &self.plan.operators {
            let group = self.plan.group(op);
            let from = step.split.total_us();
            if let Some((name, timed)) = self.before(op, layout, batch, one_group)? {
                step.push(Part::collective(name, group, op.layer, timed));
            }
            let work = work(self.plan, op, layout, batch, loads(&sets, op), self.facts);
            step.push(Part::kernel(op.name, group, op.layer, work));
            if group == "moe" {
                let starts = op.name == "router";
                let took = step.split.total_us() - from;
                beside = if starts { took } else { beside + took };
            }
            if matches!(op.kind, OperatorKind::Experts { combine: true, .. }) {
                let shared = experts::shared(op, layout, batch, self.facts);
                let shown = (shared - beside).max(0.0);
                if shown > 0.0 {
                    step.push(Part::waiting("shared_experts", group, op.layer, shown));
                }
            }
            for (name, timed) in self.after(op, layout, batch, one_group)?.into_iter().flatten() {
                step.push(Part::collective(name, group, op.layer, timed));
            }
        }
        for _ in 1..layout.pipeline_parallel {
            let bytes = batch.tokens * self.vector();
            let timed = self.collectives.between_stages(layout, bytes)?;
            step.push(Part::collective("next_stage", "head", None, timed));
        }
        Ok(step)
    }

    /// The collective that must end before `op` starts.
    fn before(
        &self,
        op: &Operator,
        layout: Layout,
        batch: &Batch,
        one_group: bool,
    ) -> Result<Option<Named>, Error> {
        let OperatorKind::Experts { combine: false, ins, format, .. } = op.kind else {
            return Ok(None);
        };
        if layout.exchanges() {
            // Tokens travel as the experts' kernel takes them.
            let bytes = payload(ins, format);
            return Ok(Some(("dispatch", self.exchange(layout, batch, one_group, false, bytes)?)));
        }
        if layout.attention_data_parallel > 1 {
            let share = batch.all_tokens.div_ceil(u64::from(layout.gpus()));
            let timed = self.collectives.all_gather(layout.gpus(), share * payload(ins, format))?;
            return Ok(Some(("all_gather_tokens", timed)));
        }
        Ok(None)
    }

    /// The collectives that follow `op`.
    fn after(
        &self,
        op: &Operator,
        layout: Layout,
        batch: &Batch,
        one_group: bool,
    ) -> Result<[Option<Named>; 2], Error> {
        let known = &self.collectives;
        let tp = layout.tensor_parallel;
        let vector = self.vector();
        let one = |name, timed| Ok([Some((name, timed)), None]);
        match op.kind {
            OperatorKind::Linear { .. }
                if op.layer.is_some() && tp > 1 && self.plan.cut(op) == Cut::Inputs =>
            {
                let attention = op.name.contains("o_proj");
                let name = if attention { "all_reduce_attention" } else { "all_reduce_ffn" };
                one(name, known.all_reduce(tp, batch.tokens * vector)?)
            }
            OperatorKind::Experts { combine: true, .. } if layout.exchanges() => {
                let combine = self.exchange(layout, batch, one_group, true, vector)?;
                let share = batch.tokens.div_ceil(u64::from(tp)) * vector;
                let gather = (tp > 1).then(|| known.all_gather(tp, share)).transpose()?;
                Ok([Some(("combine", combine)), gather.map(|timed| ("all_gather_ffn", timed))])
            }
            OperatorKind::Experts { combine: true, .. } if layout.attention_data_parallel > 1 => {
                // Every GPU sends every other its part of that one's sum: an all-gather's traffic.
                let share = batch.all_tokens.div_ceil(u64::from(layout.gpus())) * vector;
                one("reduce_scatter_tokens", known.all_gather(layout.gpus(), share)?)
            }
            OperatorKind::Experts { combine: true, .. } if layout.gpus() > 1 => {
                one("all_reduce_ffn", known.all_reduce(layout.gpus(), batch.tokens * vector)?)
            }
            // Each GPU's best logit and its index.
            OperatorKind::Sample { .. } if tp > 1 && batch.sampled > 0 => {
                one("gather_sample", known.all_gather(tp, batch.sampled * 8)?)
            }
            _ => Ok([None, None]),
        }
    }

    fn exchange(
        &self,
        layout: Layout,
        batch: &Batch,
        one_group: bool,
        back: bool,
        token_bytes: u64,
    ) -> Result<Timed, Error> {
        let draws = self.draws(batch.all_tokens);
        let (tokens, sides) = (batch.all_tokens, Sides::One);
        let of = Exchange { layout, tokens, token_bytes, one_group, sides };
        self.collectives.exchange(of, back, &draws)
    }

    /// Bytes of one token's residual stream `[bytes]`.
    fn vector(&self) -> u64 {
        u64::from(self.plan.hidden) * 2
    }
}

/// Bytes of a token of `width` elements as experts stored in `format` take it `[bytes]`.
pub fn payload(width: u32, format: WeightFormat) -> u64 {
    let width = u64::from(width);
    match Arithmetic::of(format) {
        Arithmetic::Wide => 2 * width,
        // A 32-bit scale for each 128, and an 8-bit scale for each 16.
        Arithmetic::Fp8 => width + width.div_ceil(128) * 4,
        Arithmetic::Fp4 => width.div_ceil(2) + width.div_ceil(16),
    }
}
