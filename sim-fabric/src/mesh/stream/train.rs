//! Trains: the times of consecutive wavelets as runs of equal spacing.
//!
//! Most trains are one run, which lies in the train itself; longer ones lie in a [`Pool`].

use super::list::Spill;
use smallvec::SmallVec;

/// A run of wavelets: the `i`-th passes at `time + i * period`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    /// Its first wavelet's number in the train.
    pub(super) at: u32,
    pub(super) time: u32,
    /// Distance of two wavelets `[cycles]`; says nothing in a run of one.
    pub(super) period: u32,
}

/// Times of the wavelets that pass one end of a buffer, first to last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Train {
    /// Wavelets so far.
    pub(super) total: u32,
    /// Time and period of the only run; or the number of its runs in the pool, and [`SEVERAL`].
    time: u32,
    period: u32,
}

/// In place of a period.
const SEVERAL: u32 = u32::MAX;

/// The runs of a train.
pub(super) enum Runs<'a> {
    One([Run; 1]),
    Some(&'a [Run]),
}

impl std::ops::Deref for Runs<'_> {
    type Target = [Run];

    fn deref(&self) -> &[Run] {
        match self {
            Self::One(run) => run,
            Self::Some(runs) => runs,
        }
    }
}

#[cfg(test)]
impl Train {
    /// All its wavelets one cycle later, if it is one run; whether it is.
    pub(super) fn delay(&mut self) -> bool {
        let alone = self.total > 0 && self.period != SEVERAL;
        self.time += u32::from(alone);
        alone
    }
}

/// A straight piece of a train from some wavelet on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) time: u64,
    pub(super) period: u64,
    /// Wavelets for which it holds.
    pub(super) count: u32,
}

impl Line {
    /// When its `i`-th wavelet passes.
    #[inline]
    pub(super) fn at(self, i: u32) -> u64 {
        self.time + u64::from(i) * self.period
    }
}

/// Wavelets that pass one behind the other: time of the first, how many, how far apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) time: u64,
    pub(super) count: u32,
    pub(super) period: u32,
}

impl Piece {
    #[inline]
    pub(super) fn last(self) -> u64 {
        self.time + u64::from(self.count - 1) * u64::from(self.period)
    }

    /// When each of its wavelets passes.
    #[cfg(test)]
    pub(super) fn times(self) -> impl Iterator<Item = u64> {
        (0..u64::from(self.count)).map(move |i| self.time + i * u64::from(self.period))
    }
}

/// What [`super::serve::serve`] gives; nearly always one or two pieces.
pub(super) type Pieces = SmallVec<[Piece; 3]>;

/// Trains of several runs.
#[derive(Default)]
pub(super) struct Pool {
    spilled: Spill<Run>,
}

impl Pool {
    /// One of several pools whose trains one pool holds in the end.
    pub(super) fn part(part: u32, parts: u32) -> Self {
        Self { spilled: Spill::part(part, parts) }
    }

    /// All parts together.
    pub(super) fn whole(parts: Vec<Self>) -> Self {
        Self { spilled: Spill::whole(parts.into_iter().map(|part| part.spilled).collect()) }
    }

    /// The runs of a train.
    #[inline]
    pub(super) fn runs<'a>(&'a self, train: &Train) -> Runs<'a> {
        let Train { total, time, period } = *train;
        match period {
            SEVERAL => Runs::Some(self.spilled.items(time)),
            _ if total == 0 => Runs::Some(&[]),
            _ => Runs::One([Run { at: 0, time, period }]),
        }
    }

    /// Appends wavelets behind the last one, joining runs that continue.
    #[inline]
    pub(super) fn append(&mut self, train: &mut Train, piece: Piece) {
        let Piece { count, .. } = piece;
        // Of one wavelet it says nothing; whatever is longer runs too long anyway.
        let period = if count == 1 { 0 } else { piece.period.min(SEVERAL - 1) };
        let run = Run { at: train.total, time: piece.time as u32, period };
        train.total += count;
        if run.at == 0 && train.period != SEVERAL {
            (train.time, train.period) = (run.time, run.period);
            return;
        }
        let mut only = Run { at: 0, time: train.time, period: train.period };
        if train.period != SEVERAL && joins(&mut only, run, count) {
            train.period = only.period;
        } else {
            self.append_apart(train, run, count);
        }
    }

    /// Appends wavelets that do not continue the only run.
    #[inline(never)]
    fn append_apart(&mut self, train: &mut Train, run: Run, count: u32) {
        if train.period == SEVERAL {
            let runs = self.spilled.items_mut(train.time);
            if !runs.last_mut().is_some_and(|last| joins(last, run, count)) {
                runs.push(run);
            }
        } else {
            let only = Run { at: 0, time: train.time, period: train.period };
            train.time = self.spilled.add(vec![only, run]);
            train.period = SEVERAL;
        }
    }

    /// Forgets all wavelets from number `keep` on.
    pub(super) fn cut(&mut self, train: &mut Train, keep: u32) {
        if keep >= train.total {
            return;
        }
        train.total = keep;
        if train.period == SEVERAL {
            let runs = self.spilled.items_mut(train.time);
            runs.truncate(runs.partition_point(|run| run.at < keep));
        }
    }

    /// The train from wavelet `at` on, as far as it is straight.
    #[inline]
    pub(super) fn line(&self, train: &Train, at: u32) -> Option<Line> {
        let Train { total, time, period } = *train;
        if period == SEVERAL {
            return self.line_of_several(train, at);
        }
        let time = u64::from(time) + u64::from(at) * u64::from(period);
        let count = total.wrapping_sub(at);
        (at < total).then_some(Line { time, period: u64::from(period), count })
    }

    #[inline(never)]
    fn line_of_several(&self, train: &Train, at: u32) -> Option<Line> {
        line_in(self.spilled.items(train.time), train.total, at)
    }

    /// When the last wavelet passed.
    #[inline]
    pub(super) fn last(&self, train: &Train) -> Option<u64> {
        let at = train.total.checked_sub(1)?;
        self.line(train, at).map(|line| line.time)
    }

    /// How many wavelets passed before cycle `time`.
    pub(super) fn before(&self, train: &Train, time: u64) -> u32 {
        let runs = self.runs(train);
        let behind = runs.partition_point(|run| u64::from(run.time) < time);
        let Some(run) = behind.checked_sub(1).map(|i| runs[i]) else { return 0 };
        let end = runs.get(behind).map_or(train.total, |next| next.at);
        let span = time - u64::from(run.time);
        // Several may pass in one cycle where threads send on one colour.
        let passed = match (end - run.at, run.period) {
            (1, _) => 1,
            (all, 0) => u64::from(all),
            (_, period) => span.div_ceil(u64::from(period)),
        };
        end.min(run.at + u32::try_from(passed).unwrap_or(u32::MAX - run.at))
    }
}

impl Pool {
    /// The first cycle in which wavelets of both trains pass, of those from the given ones on.
    pub(super) fn meeting(&self, a: (&Train, u32), b: (&Train, u32)) -> Option<u64> {
        let ((a, mut i), (b, mut j)) = (a, b);
        loop {
            let (x, y) = (self.line(a, i)?, self.line(b, j)?);
            if let Some(time) = crossing(x, y) {
                return Some(time);
            }
            // Whoever ends first goes on.
            let (end_x, end_y) = (x.at(x.count - 1), y.at(y.count - 1));
            if end_x < end_y {
                i += x.count;
            } else {
                j += y.count;
            }
        }
    }
}

/// The first cycle that lies on both lines.
fn crossing(x: Line, y: Line) -> Option<u64> {
    let from = x.time.max(y.time);
    let to = x.at(x.count - 1).min(y.at(y.count - 1));
    // Lines of one wavelet, and then those whose wavelets lie far apart, have few to try.
    let (few, many) =
        if x.count == 1 || (y.count > 1 && x.period >= y.period) { (x, y) } else { (y, x) };
    let step = few.period.max(1);
    let mut i = (from - few.time).div_ceil(step);
    while i < u64::from(few.count) && few.time + i * step <= to {
        let time = few.time + i * step;
        if many.count == 1 || (time - many.time).is_multiple_of(many.period.max(1)) {
            return Some(time);
        }
        if i > (from - few.time).div_ceil(step) + many.period {
            // It would have come within one period of the other.
            return None;
        }
        i += 1;
    }
    None
}

/// Whether `next`, of `count` wavelets, continues the run before it.
#[inline]
fn joins(last: &mut Run, next: Run, count: u32) -> bool {
    let length = next.at - last.at;
    let end = last.time + (length - 1) * last.period;
    let step = next.time - end;
    if count > 1 && step != next.period {
        return false;
    }
    if length == 1 {
        last.period = step;
    }
    last.period == step
}

#[inline]
fn line_of(run: &Run, end: u32, at: u32) -> Line {
    let period = u64::from(run.period);
    let time = u64::from(run.time) + u64::from(at - run.at) * period;
    Line { time, period, count: end - at }
}

/// The train of `runs` and `total` wavelets from wavelet `at` on.
pub(super) fn line_in(runs: &[Run], total: u32, at: u32) -> Option<Line> {
    if at >= total {
        return None;
    }
    let behind = runs.partition_point(|run| run.at <= at);
    let end = runs.get(behind).map_or(total, |next| next.at);
    Some(line_of(&runs[behind.checked_sub(1)?], end, at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lines_meet_where_both_have_a_wavelet(
            a in (0u64..20, 1u64..6, 1u32..12), b in (0u64..20, 1u64..6, 1u32..12),
        ) {
            let line = |(time, period, count)| Line { time, period, count };
            let (x, y) = (line(a), line(b));
            let common = (0..x.count).map(|i| x.at(i)).find(|t| (0..y.count).any(|j| y.at(j) == *t));
            prop_assert_eq!(crossing(x, y), common);
            prop_assert_eq!(crossing(y, x), common);
        }

        /// A train says the same as the list of its times, whatever was appended and forgotten.
        #[test]
        fn a_train_is_the_list_of_its_times(
            steps in proptest::collection::vec((0u64..4, 1u32..6, 1u32..4, 0u32..9), 1..12),
            asked in 0u64..60,
        ) {
            let mut pool = Pool::default();
            let mut train = Train::default();
            let mut list: Vec<u64> = Vec::new();
            for (gap, count, period, forgotten) in steps {
                let time = list.last().map_or(0, |last| last + 1) + gap;
                let piece = Piece { time, count, period };
                pool.append(&mut train, piece);
                list.extend(piece.times());
                let keep = train.total.saturating_sub(forgotten);
                pool.cut(&mut train, keep);
                list.truncate(keep as usize);
                prop_assert_eq!(train.total as usize, list.len());
                prop_assert_eq!(pool.last(&train), list.last().copied());
                for (at, &time) in list.iter().enumerate() {
                    let line = pool.line(&train, at as u32).expect("it is there");
                    prop_assert_eq!(line.time, time);
                    let end = at + line.count as usize;
                    let straight: Vec<u64> = (0..line.count).map(|i| line.at(i)).collect();
                    prop_assert_eq!(&list[at..end], &straight[..]);
                }
                let before = list.iter().filter(|&&time| time < asked).count();
                prop_assert_eq!(pool.before(&train, asked) as usize, before);
            }
        }
    }
}
