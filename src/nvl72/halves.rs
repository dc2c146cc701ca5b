//! A step in two half batches: while one computes, the other's tokens travel.
//!
//! ```text
//!   GPU:     A ─ attention │ B ─ attention │ A ─ experts │ B ─ experts │ ...
//!   fabric:                  A ─ dispatch    B ─ dispatch  A ─ combine   ...
//! ```
//!
//! Each half does all parts of a step in order. Dispatch and combine take the fabric, everything else the
//! GPU; either works for one half at a time, for the one that can begin first. Every kernel runs twice and
//! reads its weights twice. What of dispatch and combine still shows is spread over them in proportion.
//!
//! Deviation: an exchange takes no processors away from the kernels beside it.

use super::kernels::Batch;
use super::step::{Part, StepTime};
use reports::outcome::TimeSplit;

/// The larger half of a batch.
pub(super) fn half(batch: &Batch) -> Batch {
    Batch {
        tokens: batch.tokens.div_ceil(2),
        all_tokens: batch.all_tokens.div_ceil(2),
        sequences: batch.sequences.div_ceil(2),
        sampled: batch.sampled.div_ceil(2),
        ..*batch
    }
}

/// Whether a part travels beside the other half's kernels.
fn travels(part: &Part) -> bool {
    matches!(part.collective, Some("dispatch" | "combine"))
}

/// Both halves' step out of the step of one of them.
pub(super) fn both(half: &StepTime) -> StepTime {
    let mut spans: Vec<(bool, f64)> = Vec::new();
    for part in &half.parts {
        let (travels, us) = (travels(part), part.split.total_us());
        match spans.last_mut() {
            Some((before, sum)) if *before == travels => *sum += us,
            _ => spans.push((travels, us)),
        }
    }
    let of = |wanted| spans.iter().filter(|span| span.0 == wanted).map(|span| 2.0 * span.1).sum();
    let (computed, travelled): (f64, f64) = (of(false), of(true));
    let shown = (duration(&spans) - computed).max(0.0);
    let share = if travelled > 0.0 { shown / travelled } else { 0.0 };
    let mut step = StepTime::default();
    for part in &half.parts {
        let factor = if travels(part) { 2.0 * share } else { 2.0 };
        let mut split = TimeSplit::default();
        split.add(&part.split, factor);
        let link_bytes = 2 * part.link_bytes;
        step.push(Part { split, work: part.work.twice(), link_bytes, ..*part });
    }
    step
}

/// How long two halves take with `spans` of work each, in order: on the fabric or not, and how long `[us]`.
fn duration(spans: &[(bool, f64)]) -> f64 {
    let (mut done, mut next, mut free) = ([0.0f64; 2], [0usize; 2], [0.0f64; 2]);
    loop {
        let begin = |which: usize| {
            let &(fabric, _) = spans.get(next[which])?;
            Some(done[which].max(free[usize::from(fabric)]))
        };
        let first = match (begin(0), begin(1)) {
            (Some(a), Some(b)) if b < a => (1, b),
            (Some(a), _) => (0, a),
            (None, Some(b)) => (1, b),
            (None, None) => return done[0].max(done[1]),
        };
        let (which, start) = first;
        let (fabric, us) = spans[next[which]];
        done[which] = start + us;
        free[usize::from(fabric)] = done[which];
        next[which] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probe_equal_spans_hide_all_but_the_first_and_the_last() {
        // GPU: A B A B A B; the fabric works beside all but the first and the last span.
        let spans = [(false, 10.0), (true, 10.0), (false, 10.0), (true, 10.0), (false, 10.0)];
        assert_eq!(duration(&spans), 60.0);
    }

    #[test]
    fn probe_where_the_fabric_is_slower_it_sets_the_time() {
        // A 0-1, B 1-2; A travels 1-11, B 11-21; B computes 21-22.
        assert_eq!(duration(&[(false, 1.0), (true, 10.0), (false, 1.0)]), 22.0);
        assert_eq!(duration(&[(false, 4.0)]), 8.0);
        assert_eq!(duration(&[]), 0.0);
    }
}
