//! Trains: the times of consecutive wavelets as runs of equal spacing.

use smallvec::SmallVec;

/// A run of wavelets: the `i`-th passes at `time + i * period`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) time: u64,
    pub(super) count: u32,
    pub(super) period: u32,
}

impl Run {
    fn at(self, i: u32) -> u64 {
        self.time + u64::from(i) * u64::from(self.period)
    }

    pub(super) fn last(self) -> u64 {
        self.at(self.count - 1)
    }
}

/// Times of consecutive wavelets; most trains are one or two runs and need no allocation.
pub(super) type Train = SmallVec<[Run; 2]>;

/// Appends `count` wavelets from `time` on, `period` apart, to a train, joining runs that continue.
pub(super) fn append(train: &mut Train, time: u64, count: u32, period: u32) {
    if count == 0 {
        return;
    }
    if let Some(last) = train.last_mut() {
        let step = time - last.last();
        let joins = count == 1 || step == u64::from(period);
        if joins && last.count == 1 {
            *last = Run { time: last.time, count: count + 1, period: step as u32 };
            return;
        }
        if joins && step == u64::from(last.period) && (count == 1 || period == last.period) {
            last.count += count;
            return;
        }
    }
    train.push(Run { time, count, period });
}

/// Whether two trains have the same times, however they are cut into runs.
pub(super) fn same(a: &[Run], b: &[Run]) -> bool {
    if a == b {
        return true;
    }
    let (mut i, mut j) = (0, 0);
    let (mut done_a, mut done_b) = (0, 0);
    while i < a.len() && j < b.len() {
        let n = (a[i].count - done_a).min(b[j].count - done_b);
        let equal = a[i].at(done_a) == b[j].at(done_b) && (n == 1 || a[i].period == b[j].period);
        if !equal {
            return false;
        }
        done_a += n;
        done_b += n;
        if done_a == a[i].count {
            (i, done_a) = (i + 1, 0);
        }
        if done_b == b[j].count {
            (j, done_b) = (j + 1, 0);
        }
    }
    i == a.len() && j == b.len()
}

/// Whether two trains have a wavelet in the same cycle.
pub(super) fn collide(a: &[Run], b: &[Run]) -> bool {
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        let (x, y) = (a[i], b[j]);
        if x.last() >= y.time && y.last() >= x.time && runs_collide(x, y) {
            return true;
        }
        if x.last() < y.last() { i += 1 } else { j += 1 }
    }
    false
}

fn runs_collide(x: Run, y: Run) -> bool {
    let (few, many) = if x.count <= y.count { (x, y) } else { (y, x) };
    let from = x.time.max(y.time);
    let to = x.last().min(y.last());
    if x.period == 1 && y.period == 1 {
        return from <= to;
    }
    (0..few.count).map(|i| few.at(i)).any(|t| {
        t >= from
            && t <= to
            && (many.count == 1 || (t - many.time).is_multiple_of(u64::from(many.period.max(1))))
    })
}

/// The least times that keep to a set of lower bounds and to a least spacing.
///
/// `bound` is one line for each constraint over the next `count` wavelets: (time of the first,
/// period). The result is appended to `train`; `previous` is the time of the wavelet before, to
/// which the first keeps `first_gap`, the others `spacing`.
pub(super) fn serve(
    train: &mut Train,
    bounds: &[(u64, u32)],
    count: u32,
    previous: Option<u64>,
    first_gap: u32,
    spacing: u32,
) -> u64 {
    let mut before = previous;
    let mut gap = first_gap;
    let mut done = 0;
    while done < count {
        let line = |b: &(u64, u32)| (b.0 + u64::from(b.1) * u64::from(done), b.1);
        let (value, slope) = bounds.iter().map(line).max().unwrap_or((0, 0));
        let mut left = count - done;
        for bound in bounds {
            let (v, s) = line(bound);
            if s > slope {
                let crossing = (value - v) / u64::from(s - slope) + 1;
                left = left.min(u32::try_from(crossing).unwrap_or(u32::MAX));
            }
        }
        let first = before.map_or(value, |t| value.max(t + u64::from(gap)));
        let last = if slope <= spacing {
            append(train, first, left, spacing);
            first + u64::from(spacing) * u64::from(left - 1)
        } else {
            // Late by `first - value`; the line is steeper than the spacing and catches up.
            let late = first - value;
            let queued = late.div_ceil(u64::from(slope - spacing)).min(u64::from(left)) as u32;
            append(train, first, queued, spacing);
            let rest = left - queued;
            append(train, value + u64::from(slope) * u64::from(queued), rest, slope);
            match rest {
                0 => first + u64::from(spacing) * u64::from(queued - 1),
                _ => value + u64::from(slope) * u64::from(left - 1),
            }
        };
        before = Some(last);
        gap = spacing;
        done += left;
    }
    before.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(train: &[Run]) -> Vec<u64> {
        train.iter().flat_map(|r| (0..r.count).map(|i| r.at(i))).collect()
    }

    /// The recursion that `serve` solves in closed form.
    fn plain(
        bounds: &[(u64, u32)],
        count: u32,
        previous: Option<u64>,
        gap: u32,
        p: u32,
    ) -> Vec<u64> {
        let mut out: Vec<u64> = Vec::new();
        for k in 0..count {
            let bound =
                bounds.iter().map(|b| b.0 + u64::from(b.1) * u64::from(k)).max().unwrap_or(0);
            let before = match out.last() {
                Some(&t) => t + u64::from(p),
                None => previous.map_or(0, |t| t + u64::from(gap)),
            };
            out.push(bound.max(before));
        }
        out
    }

    proptest::proptest! {
        #[test]
        fn serving_equals_the_recursion(
            bounds in proptest::collection::vec((0u64..40, 0u32..5), 1..4),
            count in 1u32..30, previous in proptest::option::of(0u64..40), gap in 1u32..4, p in 1u32..4,
        ) {
            let mut train = Train::new();
            let last = serve(&mut train, &bounds, count, previous, gap, p);
            let expected = plain(&bounds, count, previous, gap, p);
            proptest::prop_assert_eq!(Some(&last), expected.last());
            proptest::prop_assert_eq!(times(&train), expected);
        }
    }

    #[test]
    fn equal_times_in_other_runs_are_the_same_train() {
        let a = [Run { time: 3, count: 4, period: 2 }];
        let b = [Run { time: 3, count: 1, period: 9 }, Run { time: 5, count: 3, period: 2 }];
        assert!(same(&a, &b));
        assert!(!same(&a, &b[..1]));
        assert!(!same(&a, &[Run { time: 3, count: 4, period: 1 }]));
    }

    #[test]
    fn trains_collide_only_in_the_same_cycle() {
        let even = [Run { time: 0, count: 10, period: 2 }];
        let odd = [Run { time: 1, count: 10, period: 2 }];
        let late = [Run { time: 18, count: 3, period: 1 }];
        assert!(!collide(&even, &odd));
        assert!(collide(&even, &late));
    }
}
