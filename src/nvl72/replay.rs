//! A request replayed on one replica: its prompt in chunks, then token by token.
//!
//! A step's time is close to linear in the context between two of its kinks, so a decode step is
//! simulated at [`POINTS`] contexts along the request and integrated by trapezoids.

use super::layout::Layout;
use super::step::{Rack, StepTime};
use crate::error::Error;
use crate::machine::Request;

/// Contexts at which a decode step is simulated.
pub const POINTS: u64 = 9;

/// A request's times on one replica.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Decode steps along the request: context and step.
    pub steps: Vec<(u64, StepTime)>,
    /// Mean time of a decode step `[s]`.
    pub tpot: f64,
    /// Time to first token `[s]`.
    pub ttft: f64,
    /// Time of the whole request `[s]`.
    pub total: f64,
}

/// Contexts along `request`, at most `points`, first and last included.
pub fn contexts(request: Request, points: u64) -> Vec<u64> {
    // The prompt gives the first token; decode steps produce the others.
    let first = u64::from(request.prompt) + 1;
    let last = u64::from(request.context()).max(first);
    let span = last - first;
    let mut all: Vec<u64> =
        (0..points.max(2)).map(|i| first + span * i / (points.max(2) - 1)).collect();
    all.dedup();
    all
}

/// Mean of `values` over `contexts` by trapezoids.
pub fn mean(contexts: &[u64], values: &[f64]) -> f64 {
    match (contexts, values) {
        ([], _) | (_, []) => 0.0,
        ([_], [value]) => *value,
        _ => {
            let area: f64 = contexts
                .windows(2)
                .zip(values.windows(2))
                .map(|(c, v)| (c[1] - c[0]) as f64 * (v[0] + v[1]) / 2.0)
                .sum();
            area / (contexts[contexts.len() - 1] - contexts[0]) as f64
        }
    }
}

/// Mean time of a decode step along `request`, simulated at `points` contexts `[s]`.
pub fn tpot(
    rack: &Rack<'_>,
    layout: Layout,
    batch: u32,
    request: Request,
    points: u64,
) -> Result<f64, Error> {
    let contexts = contexts(request, points);
    let times = contexts
        .iter()
        .map(|&context| Ok(rack.decode(layout, batch, context)?.seconds()))
        .collect::<Result<Vec<_>, Error>>()?;
    Ok(mean(&contexts, &times))
}

/// Time of a prompt of `tokens` in chunks of `chunk` on an idle replica, first token sampled `[s]`.
pub fn prompt(rack: &Rack<'_>, layout: Layout, tokens: u64, chunk: u64) -> Result<f64, Error> {
    let chunk = chunk.max(1);
    let mut before = 0;
    let mut time = 0.0;
    while before < tokens {
        let now = chunk.min(tokens - before);
        time += rack.prefill(layout, now, before, before + now == tokens)?.seconds();
        before += now;
    }
    Ok(time)
}

/// What prompts on the same GPUs add to each of `batch` users' time per token: while one answer of
/// `answer` tokens is given, every other user's prompt of `prompt` tokens goes through once `[s]`.
pub fn prompt_share(
    rack: &Rack<'_>,
    layout: Layout,
    batch: u32,
    tokens: u32,
    answer: u32,
) -> Result<f64, Error> {
    // Prompts that arrive together go through in one chunk, their attention apart from each other.
    let one = prompt(rack, layout, u64::from(tokens), CHUNK)?;
    let others = f64::from(batch.saturating_sub(1)) / f64::from(layout.attention_data_parallel);
    Ok(one * others / f64::from(answer.max(1)))
}

/// Prompt tokens that go through the model together, where nothing else is said.
const CHUNK: u64 = 8192;

/// Replays `request` with `batch` like it in flight on the replica.
pub fn replay(
    rack: &Rack<'_>,
    layout: Layout,
    batch: u32,
    request: Request,
    chunk: u64,
) -> Result<Replay, Error> {
    let contexts = contexts(request, POINTS);
    let steps = contexts
        .iter()
        .map(|&context| Ok((context, rack.decode(layout, batch, context)?)))
        .collect::<Result<Vec<_>, Error>>()?;
    let times: Vec<f64> = steps.iter().map(|(_, step)| step.seconds()).collect();
    let tpot = mean(&contexts, &times);
    let ttft = prompt(rack, layout, u64::from(request.prompt), chunk)?;
    let decoded = request.output().saturating_sub(1);
    Ok(Replay { steps, tpot, ttft, total: ttft + f64::from(decoded) * tpot })
}
