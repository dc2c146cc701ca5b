//! Spans of a rack: kernels and collectives of one replica, prompt first, then output tokens.

use super::frontier::Search;
use super::layout::Layout;
use super::spec::Nvl72Machine;
use super::step::StepTime;
use crate::error::Error;
use crate::machine::Job;
use crate::trace::{Span, TOKENS, figures};
use reports::outcome::TimeSplit;
use serde_json::json;

/// The spans of `job` under `layout`.
pub fn spans(
    machine: &Nvl72Machine,
    search: &Search<'_>,
    layout: Layout,
    job: &Job<'_>,
) -> Result<Vec<Span>, Error> {
    let rack = search.rack();
    let mut spans = Vec::new();
    let mut now = 0.0;
    let prompt = u64::from(job.request.prompt);
    let mut before = 0;
    while before < prompt {
        let chunk = u64::from(machine.spec.prefill_chunk).clamp(1, prompt - before);
        let step = rack.prefill(layout, chunk, before, before + chunk == prompt)?;
        now = add(&mut spans, &step, &format!("prompt, {chunk} tokens behind {before}"), now);
        before += chunk;
    }
    for token in 0..TOKENS.min(job.request.output().saturating_sub(1)) {
        let context = prompt + 1 + u64::from(token);
        let step = rack.decode(layout, machine.spec.batch, context)?;
        now = add(&mut spans, &step, &format!("output token {}", token + 2), now);
    }
    Ok(spans)
}

/// One step from `start` on; returns its end `[us]`.
fn add(spans: &mut Vec<Span>, step: &StepTime, name: &str, start: f64) -> f64 {
    let mut now = start;
    for part in &step.parts {
        let us = part.split.total_us();
        let track = if part.collective.is_some() { "messages over NVLink" } else { "kernels" };
        spans.push(Span {
            track: track.into(),
            name: part.name.into(),
            start_us: now,
            us,
            why: why(&part.split, part.collective),
            figures: figures([
                ("layer", json!(part.layer)),
                ("kind", json!(part.group)),
                ("link_bytes", json!(part.link_bytes)),
                ("weight_bytes", json!(part.work.weight_bytes)),
            ]),
        });
        now += us;
    }
    spans.push(Span {
        track: "steps".into(),
        name: name.into(),
        start_us: start,
        us: now - start,
        why: why(&step.split, None),
        figures: figures([("parts", json!(step.parts.len()))]),
    });
    now
}

fn why(split: &TimeSplit, collective: Option<&str>) -> String {
    let fixed = match collective {
        Some(_) => "waiting for launches and endpoints",
        None => "waiting for launches and fixed costs of kernels",
    };
    let mut parts = [
        (split.arithmetic_us, "arithmetic"),
        (split.memory_us, "HBM"),
        (split.fabric_us, "NVLink"),
        (split.io_us, "I/O"),
        (split.waiting_us, fixed),
    ];
    parts.sort_by(|a, b| b.0.total_cmp(&a.0));
    let parts = parts.iter().filter(|part| part.0 > 0.0);
    let words: Vec<String> = parts.map(|(us, what)| format!("{us:.3} us {what}")).collect();
    let how = collective.map_or(String::new(), |how| format!("{how}: "));
    if words.is_empty() { format!("{how}in a neighbour's launch") } else { how + &words.join(", ") }
}
