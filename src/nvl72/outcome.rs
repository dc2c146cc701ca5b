//! From replay to outcome: sums over layers, means over the request, and what is modelled how.

use super::fidelity::fidelity;
use super::frontier::Search;
use super::layout::Layout;
use super::plan::Plan;
use super::replay::{Replay, replay};
use super::sensitivity::speed_with;
use super::spec::{LayoutChoice, Nvl72Machine};
use super::step::{Part, StepTime};
use super::trace::spans;
use crate::error::Error;
use crate::machine::assumed::{self, Values};
use crate::machine::{Job, Machine};
use crate::trace::Span;
use reports::outcome::{
    Counter, CurvePoint, LayerOutcome, LinkLoad, MachineOutcome, OperatorOutcome, TimeSplit,
    UnitPlacement,
};
use workloads::forward::{Step, forward};
use workloads::routing::ExpertLoad;

impl Machine for Nvl72Machine {
    fn simulate(&self, job: &Job<'_>) -> Result<MachineOutcome, Error> {
        // Sizes in the plan are for one token: the step they were built for does not matter.
        let pass = forward(job.model, Step::Decode { batch: 1, context: 1 });
        let plan = Plan::new(job.model, &pass)?.with_kv_bits(self.spec.kv_cache_bits);
        self.run(job, &plan)
    }

    fn trace(&self, job: &Job<'_>) -> Result<Vec<Span>, Error> {
        let pass = forward(job.model, Step::Decode { batch: 1, context: 1 });
        let plan = Plan::new(job.model, &pass)?.with_kv_bits(self.spec.kv_cache_bits);
        let search = Search { machine: self, plan: &plan, request: job.request, seed: job.seed };
        let layout = match self.spec.layout {
            LayoutChoice::Auto => search.fastest(self.spec.batch)?,
            LayoutChoice::Fixed(layout) => layout,
        };
        layout.check(search.gpus())?;
        layout.check_model(&plan)?;
        spans(self, &search, layout, job)
    }
}

impl Nvl72Machine {
    /// Simulates `job` with the model's `plan`.
    fn run(&self, job: &Job<'_>, plan: &Plan) -> Result<MachineOutcome, Error> {
        let spec = &self.spec;
        if spec.batch == 0 || spec.prefill_chunk == 0 {
            return Err(Error::input("batch and prefill_chunk of a rack must be at least 1"));
        }
        let search = Search { machine: self, plan, request: job.request, seed: job.seed };
        if let ExpertLoad::PowerLaw { exponent } = spec.expert_load
            && !(exponent.is_finite() && exponent >= 0.0)
        {
            return Err(Error::input(format!(
                "the exponent of expert_load is {exponent}; it must be a number that is not negative"
            )));
        }
        (job.progress)(0.0, "searching the layout");
        let layout = match spec.layout {
            LayoutChoice::Auto => search.fastest(spec.batch)?,
            LayoutChoice::Fixed(layout) => layout,
        };
        layout.check(search.gpus())?;
        layout.check_model(plan)?;
        search.placement(layout, spec.batch).check(layout, spec.batch)?;
        (job.progress)(0.2, "replaying the request");
        let chunk = u64::from(spec.prefill_chunk);
        let replay = replay(&search.rack(), layout, spec.batch, job.request, chunk)?;
        (job.progress)(0.4, "varying assumed parameters");
        let facts = &self.preset.facts;
        let speed = 1.0 / replay.tpot;
        let with =
            |values: &Values<'_>| speed_with(self, plan, layout, (job.request, job.seed), values);
        let (sensitivity, tokens_per_s_range) = assumed::vary(job, &self.name, facts, speed, with)?;
        (job.progress)(0.6, "frontier over batch and layout");
        let frontier = search.frontier()?;
        (job.progress)(1.0, "done");

        let replicas = search.gpus() / layout.replica();
        let step = mean_step(&replay);
        let power = facts.power.get() / 1e3;
        Ok(MachineOutcome {
            name: self.name.clone(),
            units: replicas * layout.replica(),
            unit: "GPU".to_string(),
            tokens_per_s: speed,
            tokens_per_s_range,
            tokens_per_s_machine: speed * f64::from(replicas) * f64::from(spec.batch),
            ttft_s: replay.ttft,
            tpot_ms: replay.tpot * 1e3,
            request_s: replay.total,
            token_split: step.split,
            operators: operators(&step, layout),
            layers: layers(&step, plan),
            placement: placement(&search, layout, replicas),
            decode_curve: replay
                .steps
                .iter()
                .map(|(context, step)| CurvePoint {
                    context: *context,
                    tpot_ms: step.seconds() * 1e3,
                })
                .collect(),
            frontier,
            parameters: assumed::parameters(&self.name, facts),
            sensitivity,
            links: links(&step, self.preset.facts.nvlink.link_bandwidth.get()),
            fidelity: fidelity(),
            maps: Vec::new(),
            power_kw: Some(power * f64::from(replicas * layout.gpus()) / f64::from(search.gpus())),
            work: vec![Counter {
                name: "decode steps timed".into(),
                value: replay.steps.len() as u64,
            }],
        })
    }
}

/// The mean step over the request, by trapezoids over the contexts.
fn mean_step(replay: &Replay) -> StepTime {
    let steps = &replay.steps;
    let span = (steps[steps.len() - 1].0 - steps[0].0) as f64;
    let weight = |index: usize| {
        let at = |i: usize| steps[i].0 as f64;
        if steps.len() == 1 {
            return 1.0;
        }
        let left = if index > 0 { at(index) - at(index - 1) } else { 0.0 };
        let right = if index + 1 < steps.len() { at(index + 1) - at(index) } else { 0.0 };
        (left + right) / 2.0 / span
    };
    let mut mean = steps[0].1.clone();
    mean.split = TimeSplit::default();
    for part in &mut mean.parts {
        part.split = TimeSplit::default();
    }
    for (index, (_, step)) in steps.iter().enumerate() {
        mean.split.add(&step.split, weight(index));
        for (part, now) in mean.parts.iter_mut().zip(&step.parts) {
            part.split.add(&now.split, weight(index));
        }
    }
    mean
}

fn operators(step: &StepTime, layout: Layout) -> Vec<OperatorOutcome> {
    let mut groups: Vec<(&Part, u32, TimeSplit, f64, u64)> = Vec::new();
    for part in &step.parts {
        let same = |(known, ..): &&mut (&Part, u32, TimeSplit, f64, u64)| {
            known.name == part.name && known.group == part.group
        };
        if groups.iter_mut().find(same).is_none() {
            groups.push((part, 0, TimeSplit::default(), 0.0, 0));
        }
        if let Some((_, count, split, flops, bytes)) = groups.iter_mut().find(same) {
            *count += 1;
            split.add(&part.split, 1.0);
            *flops += part.work.flops;
            *bytes += part.work.weight_bytes;
        }
    }
    groups
        .into_iter()
        .map(|(part, count, sum, flops, bytes)| {
            let mut split = TimeSplit::default();
            split.add(&sum, 1.0 / f64::from(count));
            OperatorOutcome {
                name: part.name.to_string(),
                group: part.group.to_string(),
                count,
                mapping: if part.collective.is_none() && part.work.launches == 0 {
                    format!("{layout}, in a neighbour's launch")
                } else {
                    layout.to_string()
                },
                rectangle: None,
                collective: part.collective.unwrap_or("none").to_string(),
                engine: if part.collective.is_some() { "nvlink" } else { "kernel" }.to_string(),
                cycles: None,
                time_us: split.total_us(),
                bound: bound(&split).to_string(),
                split,
                flops: (flops / f64::from(count)) as u64,
                weight_bytes: bytes / u64::from(count),
            }
        })
        .collect()
}

/// The largest part of `split`, in words.
fn bound(split: &TimeSplit) -> &'static str {
    let memory = split.memory_us + split.arithmetic_us;
    let parts = [
        ("waiting", split.waiting_us),
        ("fabric", split.fabric_us),
        (if split.memory_us > 0.0 { "memory" } else { "arithmetic" }, memory),
    ];
    parts.iter().fold(("waiting", 0.0), |best, &part| if part.1 > best.1 { part } else { best }).0
}

fn layers(step: &StepTime, plan: &Plan) -> Vec<LayerOutcome> {
    let mut layers: Vec<LayerOutcome> = Vec::new();
    for part in &step.parts {
        let index = part.layer.unwrap_or(if part.group == "head" { plan.layers } else { 0 });
        let fresh = layers.last().is_none_or(|last| last.index != index || last.kind != part.group);
        if fresh {
            layers.push(LayerOutcome {
                index,
                kind: part.group.to_string(),
                unit: 0,
                cycles: None,
                time_us: 0.0,
                split: TimeSplit::default(),
            });
        }
        if let Some(layer) = layers.last_mut() {
            layer.split.add(&part.split, 1.0);
            layer.time_us = layer.split.total_us();
        }
    }
    layers
}

fn placement(search: &Search<'_>, layout: Layout, replicas: u32) -> Vec<UnitPlacement> {
    let placed = search.placement(layout, search.machine.spec.batch);
    (0..replicas * layout.replica())
        .map(|unit| {
            let replica = unit / layout.replica();
            let stage = unit % layout.replica() / layout.gpus();
            let rank = unit % layout.gpus();
            let (group, share) = (rank / layout.tensor_parallel, rank % layout.tensor_parallel);
            UnitPlacement {
                unit,
                holds: format!(
                    "replica {replica}{}: attention group {group}, share {share} of {}; expert set \
                     {} of {}",
                    if layout.pipeline_parallel > 1 {
                        format!(", stage {stage}")
                    } else {
                        String::new()
                    },
                    layout.tensor_parallel,
                    rank / layout.expert_tensor_parallel(),
                    layout.expert_parallel,
                ),
                regions: Vec::new(),
                bytes: placed.rows(),
                capacity_bytes: placed.capacity,
            }
        })
        .collect()
}

/// Load of a GPU's links in one step, by what uses them, busiest first.
fn links(step: &StepTime, bandwidth: f64) -> Vec<LinkLoad> {
    let mut loads: Vec<(&str, u64)> = Vec::new();
    for part in step.parts.iter().filter(|part| part.link_bytes > 0) {
        match loads.iter_mut().find(|(name, _)| *name == part.name) {
            Some((_, bytes)) => *bytes += part.link_bytes,
            None => loads.push((part.name, part.link_bytes)),
        }
    }
    loads.push(("all", loads.iter().map(|(_, bytes)| bytes).sum()));
    loads.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let row = |(name, bytes): (&str, u64)| LinkLoad {
        link: format!("each of the busiest GPU's links, one direction: {name}"),
        bytes,
        busy: bytes as f64 / bandwidth / step.seconds(),
    };
    loads.into_iter().filter(|&(_, bytes)| bytes > 0).map(row).collect()
}
