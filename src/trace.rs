//! What happened when, on simulated time, for Perfetto (ui.perfetto.dev) and chrome://tracing.
//!
//! A machine is a process, a track a thread. Every span says in `why` what its time went into and what
//! it waited for. The prompt is shown stage by stage, the first [`TOKENS`] output tokens in full.

use crate::error::Error;
use crate::machine::Job;
use crate::scenario::Scenario;
use rayon::prelude::*;
use serde_json::{Map, Value, json};

/// Output tokens that are shown with all their operators.
pub const TOKENS: u32 = 2;

/// Something that took time.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// Where: "wafer 3: layer 8", "operators".
    pub track: String,
    /// What.
    pub name: String,
    /// When it began `[us]`.
    pub start_us: f64,
    /// How long it took `[us]`.
    pub us: f64,
    /// What its time went into, and what it waited for.
    pub why: String,
    /// Further figures, their unit in their name.
    pub figures: Map<String, Value>,
}

/// Simulates a scenario for its trace: the same spans on any number of threads.
///
/// # Errors
/// As [`crate::run`].
pub fn trace(scenario: &Scenario) -> Result<Vec<(String, Vec<Span>)>, Error> {
    let machines = scenario.machines.par_iter().map(|spec| {
        let job = Job::of(scenario);
        let spans = spec.machine().trace(&job).map_err(|error| error.on_machine(spec.name()))?;
        Ok((spec.name().to_string(), spans))
    });
    machines.collect::<Vec<Result<_, Error>>>().into_iter().collect()
}

/// Spans as trace events in JSON, one a line.
pub fn chrome(machines: &[(String, Vec<Span>)]) -> Vec<u8> {
    let mut lines = Vec::new();
    for (pid, (machine, spans)) in machines.iter().enumerate() {
        lines.push(json!({
            "ph": "M", "name": "process_name", "pid": pid, "args": { "name": machine },
        }));
        let mut tracks: Vec<&str> = Vec::new();
        for span in spans {
            let known = tracks.iter().position(|track| *track == span.track);
            let tid = known.unwrap_or_else(|| {
                let tid = tracks.len();
                tracks.push(&span.track);
                lines.push(json!({
                    "ph": "M", "name": "thread_name", "pid": pid, "tid": tid,
                    "args": { "name": span.track },
                }));
                lines.push(json!({
                    "ph": "M", "name": "thread_sort_index", "pid": pid, "tid": tid,
                    "args": { "sort_index": tid },
                }));
                tid
            });
            let mut args = span.figures.clone();
            args.insert("why".into(), span.why.clone().into());
            lines.push(json!({
                "ph": "X", "name": span.name, "pid": pid, "tid": tid, "ts": span.start_us,
                "dur": span.us, "args": args,
            }));
        }
    }
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    let text = format!(
        "{{\"displayTimeUnit\":\"ns\",\"otherData\":{{\"clock\":\"simulated time, us\"}},\
         \"traceEvents\":[\n{}\n]}}\n",
        lines.join(",\n")
    );
    text.into_bytes()
}

/// Figures of a span.
pub fn figures<const N: usize>(list: [(&str, Value); N]) -> Map<String, Value> {
    list.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}
