//! Spans of wafers: prompt chunks through stages and links, then tokens with operators and phases.

use super::decode::{ItemTimes, Placed};
use super::field::Field;
use super::layer::LayerRun;
use super::machine::{Bench, Decode};
use super::parts::Pipeline;
use super::phase::{Axis, Phase};
use super::place::Placement;
use super::replay::Log;
use super::timer::Spent;
use crate::error::Error;
use crate::trace::{Span, TOKENS, figures};
use serde_json::json;
use sim_core::Picos;
use workloads::forward::Step;

/// What the spans of one request share.
pub struct Tracer<'a> {
    /// The machine's bench.
    pub bench: &'a Bench<'a>,
    /// Where the model stands.
    pub placement: &'a Placement,
    /// The model on it.
    pub placed: &'a Placed<'a>,
}

fn us(time: Picos) -> f64 {
    time.0 as f64 / 1e6
}

/// What the cycles went into, in words, the largest first.
fn why(spent: &Spent) -> String {
    let mut parts = [
        (spent.arithmetic, "arithmetic"),
        (spent.memory, "memory beyond it"),
        (spent.fabric, "words on the mesh"),
        (spent.waiting, "waiting for task starts, descriptors and the pipeline"),
    ];
    parts.sort_by_key(|part| std::cmp::Reverse(part.0));
    let parts = parts.iter().filter(|part| part.0 > 0);
    let words: Vec<String> =
        parts.map(|(cycles, what)| format!("{cycles} cycles {what}")).collect();
    if words.is_empty() {
        "done before the last PE of what came before".into()
    } else {
        words.join(", ")
    }
}

impl Tracer<'_> {
    /// The whole prompt in chunks of `chunk` tokens, and the first output tokens.
    pub fn spans(&self, prompt: u32, chunk: u32, decode: &Decode) -> Result<Vec<Span>, Error> {
        let mut spans = Vec::new();
        let parts =
            Pipeline::new(self.placed.model, Step::Decode { batch: 1, context: prompt + 1 });
        let mut items =
            |log: Log| spans.push(self.item(&parts, &format!("chunk of {chunk}"), 0.0, log));
        let prefill = self.placed.prefill_logged(prompt, chunk, &mut items)?;
        let mut now = us(prefill.done);
        for token in 0..TOKENS.min(decode.tokens()) {
            let times = self.placed.times(1, prompt + 1 + token)?;
            now = self.token(&parts, token + 2, &times, now, &mut spans)?;
        }
        Ok(spans)
    }

    /// Name of a stage: "layer 3".
    fn stage_name(&self, parts: &Pipeline, stage: usize) -> String {
        match parts.layers[stage] {
            Some(layer) => format!("layer {layer}"),
            None => parts.kinds[parts.stages[stage]].kind.to_string(),
        }
    }

    /// One item in a stage or on a link, `offset` microseconds into the request.
    fn item(&self, parts: &Pipeline, what: &str, offset: f64, log: Log) -> Span {
        let wafer = |stage: usize| self.placement.bands[stage].wafer;
        let waited = us(log.waited);
        let why = |of: &str| match log.waited.0 {
            0 => format!("waited for nothing: {of} was free"),
            _ => format!("waited {waited} us: {of} was still busy with the item before"),
        };
        let name = self.stage_name(parts, log.stage);
        let (track, name, why) = if log.on_the_way {
            let next = wafer((log.stage + 1) % self.placement.bands.len());
            let track = format!("messages from {name} on wafer {}", wafer(log.stage));
            let over = next != wafer(log.stage);
            let way =
                if over { format!("Ethernet to wafer {next}") } else { "the mesh".to_string() };
            (track, format!("{what} {} over {way}", log.item), why("the link"))
        } else {
            let track = format!("wafer {}: {name}", wafer(log.stage));
            (track, format!("{what} {}", log.item), why("the stage"))
        };
        Span {
            track,
            name,
            start_us: offset + us(log.start),
            us: us(log.end) - us(log.start),
            why,
            figures: figures([("waited_us", json!(waited))]),
        }
    }

    /// One output token from `start` on; returns when the next one can begin `[us]`.
    fn token(
        &self,
        parts: &Pipeline,
        number: u32,
        times: &ItemTimes,
        start: f64,
        spans: &mut Vec<Span>,
    ) -> Result<f64, Error> {
        let mut failed = None;
        let mut logs = Vec::new();
        let replay = self.placed.token_logged(times, &mut |log| logs.push(log));
        for log in logs {
            if !log.on_the_way {
                let kind = parts.stages[log.stage];
                let at = start + us(log.start);
                let rows = self.placement.rows[kind];
                let layer = self.stage_name(parts, log.stage);
                if let Err(error) = self.layer(&times.runs[kind], rows, (at, &layer), spans) {
                    failed = Some(error);
                }
            }
            spans.push(self.item(
                parts,
                "output token",
                start,
                Log { item: number as usize, ..log },
            ));
        }
        failed.map_or(Ok(start + us(replay)), Err)
    }

    /// The operators of a layer, and their phases.
    fn layer(
        &self,
        run: &LayerRun,
        rows: u32,
        (start, layer): (f64, &str),
        spans: &mut Vec<Span>,
    ) -> Result<(), Error> {
        let cycle = 1e6 / self.bench.facts.clock.get();
        let columns = self.bench.facts.grid.columns.whole() as u32;
        let mut field = Field::new(columns, rows);
        let span = |track: &str, name: String, from: u64, spent: &Spent| Span {
            track: track.into(),
            name,
            start_us: start + from as f64 * cycle,
            us: spent.total() as f64 * cycle,
            why: why(spent),
            figures: figures([
                ("cycles", json!(spent.total())),
                ("waiting_cycles", json!(spent.waiting)),
                ("layer", json!(layer)),
            ]),
        };
        for timed in &run.operators {
            let from = field.last();
            let mut sum = Spent::default();
            for phase in &timed.kernel.phases {
                let before = field.last();
                let spent = self.bench.timer().run(std::slice::from_ref(phase), &mut field)?;
                let name = match phase {
                    Phase::Local(_) => format!("{}: work in each PE", timed.kernel.name),
                    Phase::Line(line) => format!(
                        "{}: {:?} of {} elements along {} of {} PEs",
                        timed.kernel.name,
                        line.collective,
                        line.elements,
                        if line.axis == Axis::S { "rows" } else { "columns" },
                        line.pes
                    ),
                };
                spans.push(span("kernels", name, before, &spent));
                sum.add(&spent);
            }
            spans.push(span("operators", timed.kernel.name.to_string(), from, &sum));
        }
        Ok(())
    }
}
