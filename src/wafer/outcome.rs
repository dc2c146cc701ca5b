//! What the wafer machine reports.

use super::choices::ALL;
use super::decode::ItemTimes;
use super::layer::Part;
use super::machine::{Bench, Speed, TokenClass};
use super::maps;
use super::parts::Pipeline;
use super::place::Placement;
use super::replay::Transfer;
use super::spec::WaferMachine;
use super::timer::{Engine, Spent};
use crate::machine::{Job, assumed};
use reports::outcome::{
    Counter, CurvePoint, LayerOutcome, LinkLoad, MachineOutcome, OperatorOutcome, PeMap, Region,
    Sensitivity, TimeSplit, UnitPlacement,
};
use sim_sram::Owner;
use workloads::forward::Step;

/// A request as it was replayed, ready to be reported.
pub struct Answer<'a> {
    /// The machine.
    pub machine: &'a WaferMachine,
    /// Its numbers.
    pub bench: &'a Bench<'a>,
    /// Where the model stands.
    pub placement: &'a Placement,
    /// How fast the request went.
    pub speed: &'a Speed,
    /// Work that the engines did for it.
    pub work: Vec<Counter>,
}

impl Answer<'_> {
    /// The outcome, with what varying parameters gave.
    pub fn outcome(
        &self,
        job: &Job<'_>,
        sensitivity: Vec<Sensitivity>,
        tokens_per_s_range: [f64; 2],
    ) -> MachineOutcome {
        let decode = &self.speed.decode;
        let middle = self.middle();
        let pipeline = Pipeline::new(job.model, Step::Decode { batch: 1, context: middle.context });
        let tokens_per_s = decode.tokens_per_s();
        let ttft_s = self.speed.prefill.done.seconds();
        MachineOutcome {
            name: self.machine.name.clone(),
            units: self.placement.wafers,
            unit: "wafer".into(),
            tokens_per_s,
            tokens_per_s_range,
            tokens_per_s_machine: tokens_per_s,
            ttft_s,
            tpot_ms: 1e3 / tokens_per_s,
            request_s: ttft_s + decode.seconds(),
            token_split: self.mean_split(&pipeline),
            operators: self.operators(&pipeline, &middle.times),
            layers: self.layers(&pipeline, &middle.times),
            placement: self.units(&pipeline, middle),
            decode_curve: self.curve(),
            frontier: Vec::new(),
            parameters: assumed::parameters(&self.machine.name, self.bench.facts),
            sensitivity,
            links: self.links(job, middle),
            fidelity: super::fidelity::list(self.machine.spec.engine, &self.placement.experts),
            maps: self.maps(&pipeline, &middle.times),
            power_kw: Some(
                f64::from(self.placement.wafers) * self.bench.facts.io.power.get() / 1e3,
            ),
            work: self.work.clone(),
        }
    }

    /// The class of the request's middle token.
    fn middle(&self) -> &TokenClass {
        self.speed.decode.middle()
    }

    fn split(&self, spent: &Spent) -> TimeSplit {
        let us = |cycles: u64| cycles as f64 * 1e6 / self.bench.facts.clock.get();
        TimeSplit {
            arithmetic_us: us(spent.arithmetic),
            memory_us: us(spent.memory),
            fabric_us: us(spent.fabric),
            io_us: 0.0,
            waiting_us: us(spent.waiting),
        }
    }

    fn mean_split(&self, pipeline: &Pipeline) -> TimeSplit {
        let decode = &self.speed.decode;
        let mut mean = TimeSplit::default();
        for class in &decode.classes {
            let share = f64::from(class.tokens) / f64::from(decode.tokens());
            for (stage, &kind) in pipeline.stages.iter().enumerate() {
                mean.add(&self.split(&class.times.runs[kind].spent), share);
                mean.add(&self.split(&class.times.way_spent[stage]), share);
                mean.add(&ethernet(&class.times.ways[stage]), share);
            }
        }
        mean
    }

    /// The choices that decide an operator's mapping, as `force` takes them for its part.
    fn mapping(&self, kind: usize, operator: &str) -> String {
        let choices = &self.placement.mappings[kind].choices;
        let words: Vec<_> = ALL
            .iter()
            .filter(|choice| decide(operator).contains(&choice.name))
            .map(|choice| format!("{}={}", choice.name, (choice.get)(choices)))
            .collect();
        words.join(" ")
    }

    fn operators(&self, pipeline: &Pipeline, times: &ItemTimes) -> Vec<OperatorOutcome> {
        let mut rows = Vec::new();
        for (kind, part) in pipeline.kinds.iter().enumerate() {
            let count = pipeline.stages.iter().filter(|&&k| k == kind).count() as u32;
            for timed in &times.runs[kind].operators {
                let split = self.split(&timed.spent);
                rows.push(OperatorOutcome {
                    name: timed.kernel.name.into(),
                    group: part.kind.into(),
                    count,
                    mapping: self.mapping(kind, timed.kernel.name),
                    rectangle: Some(timed.kernel.rectangle),
                    collective: match timed.kernel.collective.as_str() {
                        "" => "none".into(),
                        name => name.into(),
                    },
                    engine: self.engine(&timed.spent).into(),
                    cycles: Some(timed.spent.total()),
                    time_us: split.total_us(),
                    bound: bound(&split).into(),
                    split,
                    flops: timed.kernel.flops,
                    weight_bytes: timed.kernel.weight_bytes,
                });
            }
        }
        rows.extend(self.ways(times));
        rows
    }

    fn engine(&self, spent: &Spent) -> &'static str {
        match self.machine.spec.engine {
            super::spec::EngineChoice::Stream if !spent.handed_over => Engine::Stream.name(),
            _ => Engine::Wavelet.name(),
        }
    }

    /// The ways between parts as two rows: on wafers, and between them.
    fn ways(&self, times: &ItemTimes) -> Vec<OperatorOutcome> {
        let count = times.ways.len() as u32;
        let mut on = TimeSplit::default();
        let mut between = TimeSplit::default();
        let mut crossings = 0;
        let mut all = Spent::default();
        for (way, spent) in times.ways.iter().zip(&times.way_spent) {
            on.add(&self.split(spent), 1.0 / f64::from(count));
            all.add(spent);
            if way.latency.0 + way.busy.0 > 0 {
                crossings += 1;
                between.add(&ethernet(way), 1.0);
            }
        }
        let row =
            |name: &str, count: u32, split: TimeSplit, engine: &str, cycles| OperatorOutcome {
                name: name.into(),
                group: "between parts".into(),
                count,
                mapping: "mean over all ways".into(),
                rectangle: None,
                collective: "send".into(),
                engine: engine.into(),
                cycles,
                time_us: split.total_us(),
                bound: bound(&split).into(),
                split,
                flops: 0,
                weight_bytes: 0,
            };
        let mut rows = vec![row(
            "hand_on",
            count,
            on,
            self.engine(&all),
            Some(all.total() / u64::from(count)),
        )];
        if crossings > 0 {
            let mut mean = TimeSplit::default();
            mean.add(&between, 1.0 / f64::from(crossings));
            rows.push(row("ethernet", crossings, mean, "replay", None));
        }
        rows
    }

    fn layers(&self, pipeline: &Pipeline, times: &ItemTimes) -> Vec<LayerOutcome> {
        let layers = pipeline.layers.iter().flatten().count() as u32;
        let row = |stage: usize| {
            let kind = pipeline.stages[stage];
            let spent = &times.runs[kind].spent;
            let split = self.split(spent);
            LayerOutcome {
                index: pipeline.layers[stage].unwrap_or(if stage == 0 { 0 } else { layers }),
                kind: pipeline.kinds[kind].kind.into(),
                unit: self.placement.bands[stage].wafer,
                cycles: Some(spent.total()),
                time_us: split.total_us(),
                split,
            }
        };
        (0..pipeline.stages.len()).map(row).collect()
    }

    fn units(&self, pipeline: &Pipeline, class: &TokenClass) -> Vec<UnitPlacement> {
        let facts = self.bench.facts;
        let columns = facts.grid.columns.whole() as u32;
        let pes = |rows: u32| u64::from(columns) * u64::from(rows);
        let sram = facts.pe.sram.whole();
        (0..self.placement.wafers)
            .map(|unit| {
                let mut names: Vec<String> = Vec::new();
                let mut regions: Vec<Region> = Vec::new();
                let mut bytes = vec![0; Owner::ALL.len()];
                for (stage, band) in self.placement.bands.iter().enumerate() {
                    if band.wafer != unit {
                        continue;
                    }
                    let kind = pipeline.stages[stage];
                    let ledger = &self.placement.mappings[kind].ledger;
                    let name = match pipeline.layers[stage] {
                        Some(layer) => format!("layer {layer}"),
                        None => pipeline.kinds[kind].kind.to_string(),
                    };
                    // Parts that share a band are one region, and their PEs have one reserve.
                    let shares = regions.last().is_some_and(|last| last.y == band.y);
                    for (sum, owner) in bytes.iter_mut().zip(Owner::ALL) {
                        let once = matches!(owner, Owner::Reserve | Owner::Activations);
                        if !(shares && once) {
                            *sum += ledger.of(owner) * pes(band.rows);
                        }
                    }
                    let busy = class.times.stages[stage].0 as f64 / class.time.0 as f64;
                    names.push(name.clone());
                    match regions.last_mut().filter(|_| shares) {
                        Some(last) => {
                            let first = last.holds.split(" to ").next().unwrap_or_default();
                            last.holds = format!("{first} to {name}");
                            last.busy += busy;
                        }
                        None => regions.push(Region {
                            holds: name,
                            part: pipeline.kinds[kind].kind.into(),
                            x: 0,
                            y: band.y,
                            columns,
                            rows: band.rows,
                            fill: self.placement.held[stage] as f64 / sram as f64,
                            busy,
                        }),
                    }
                }
                UnitPlacement {
                    unit,
                    holds: names.join(", "),
                    regions,
                    bytes: Owner::ALL.iter().map(Owner::to_string).zip(bytes).collect(),
                    capacity_bytes: pes(facts.grid.rows.whole() as u32) * sram,
                }
            })
            .collect()
    }

    /// What each PE of each kind of part does.
    fn maps(&self, pipeline: &Pipeline, times: &ItemTimes) -> Vec<PeMap> {
        let facts = self.bench.facts;
        let columns = facts.grid.columns.whole() as u32;
        let memory = (facts.pe.reserve.whole(), facts.pe.sram.whole());
        let map = |(kind, part): (usize, &Part)| {
            let size = [columns, self.placement.rows[kind]];
            maps::map(self.bench.timer(), part.kind, &times.runs[kind], size, memory)
        };
        pipeline.kinds.iter().enumerate().map(map).collect()
    }

    fn curve(&self) -> Vec<CurvePoint> {
        let mut points = Vec::new();
        for class in &self.speed.decode.classes {
            let tpot_ms = class.time.seconds() * 1e3;
            for context in [class.context, class.context + class.tokens - 1] {
                points.push(CurvePoint { context: u64::from(context), tpot_ms });
            }
        }
        points
    }

    /// Ethernet links by the bytes of one token.
    fn links(&self, job: &Job<'_>, class: &TokenClass) -> Vec<LinkLoad> {
        let bands = &self.placement.bands;
        let mut links = Vec::new();
        for (stage, band) in bands.iter().enumerate() {
            let next = bands[(stage + 1) % bands.len()].wafer;
            if next == band.wafer {
                continue;
            }
            let last = stage + 1 == bands.len();
            links.push(LinkLoad {
                link: format!("Ethernet from wafer {} to wafer {next}", band.wafer),
                bytes: if last { 8 } else { u64::from(2 * job.model.hidden) },
                busy: class.times.ways[stage].busy.0 as f64 / class.time.0 as f64,
            });
        }
        links.sort_by_key(|link| std::cmp::Reverse(link.bytes));
        links
    }
}

fn ethernet(way: &Transfer) -> TimeSplit {
    TimeSplit { io_us: (way.busy + way.latency).seconds() * 1e6, ..TimeSplit::default() }
}

/// The choices on which an operator's kernel depends.
pub(super) fn decide(operator: &str) -> &'static [&'static str] {
    match operator {
        "q_a_kv_a" => &["residual_tile", "qkv_rows"],
        "q_norm" | "kv_norm" => &["qkv_rows"],
        "q_b" | "kv_append" => &["head_columns", "qkv_rows"],
        "rope" => &["head_columns"],
        "q_absorb" => &["head_columns", "absorb_rows"],
        "attention" => &["head_columns", "heads_together", "attention_rows", "absorb_rows"],
        "v_up" => &["head_columns", "value_rows"],
        "o_proj" => &["residual_tile", "head_columns", "value_rows"],
        "router" | "top_k" => &["residual_tile", "router_rows"],
        "experts_gate_up" | "experts_down" => &["residual_tile", "down_tile", "regions_across"],
        "swiglu" => &["activation_columns"],
        "sample" => &[],
        _ => &["residual_tile"],
    }
}

/// The largest part of a split.
fn bound(split: &TimeSplit) -> &'static str {
    [
        ("fabric", split.fabric_us),
        ("arithmetic", split.arithmetic_us),
        ("memory", split.memory_us),
        ("waiting", split.waiting_us),
        ("io", split.io_us),
    ]
    .into_iter()
    .max_by(|a, b| a.1.total_cmp(&b.1))
    .map_or("waiting", |part| part.0)
}
