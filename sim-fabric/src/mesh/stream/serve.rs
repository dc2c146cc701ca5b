//! The earliest times of wavelets that follow each other, from what bounds them.

use super::train::{Piece, Pieces};

/// As [`serve`], where all wavelets pass as the first does, one `spacing` behind the other: there is only
/// one, or no bound is steeper than that.
#[inline]
pub(super) fn serve_flat(
    bounds: &[(u64, u64)],
    count: u32,
    earliest: u64,
    spacing: u32,
) -> Option<Piece> {
    let flat = count == 1 || bounds.iter().all(|bound| bound.1 <= u64::from(spacing));
    // What bounds the first bounds all.
    let time = bounds.iter().fold(earliest, |time, bound| time.max(bound.0));
    flat.then_some(Piece { time, count, period: spacing })
}

/// The first of what [`serve`] gives with one bound: those that are late, at the least spacing, or
/// all, as they come.
#[inline]
pub(super) fn serve_first(bound: (u64, u64), count: u32, earliest: u64, spacing: u32) -> Piece {
    let time = earliest.max(bound.0);
    let step = u64::from(spacing);
    if count == 1 || bound.1 <= step {
        return Piece { time, count, period: spacing };
    }
    match (time - bound.0).div_ceil(bound.1 - step).min(u64::from(count)) as u32 {
        0 => Piece { time, count, period: bound.1 as u32 },
        late => Piece { time, count: late, period: spacing },
    }
}

/// The earliest times of `count` wavelets that keep to lower bounds, each a line, and to a least
/// spacing; the first passes no earlier than `earliest`.
#[inline]
pub(super) fn serve(
    bounds: &[(u64, u64)],
    count: u32,
    earliest: u64,
    spacing: u32,
    out: &mut Pieces,
) {
    out.clear();
    match serve_flat(bounds, count, earliest, spacing) {
        Some(piece) => out.push(piece),
        None => serve_slopes(bounds, count, earliest, u64::from(spacing), out),
    }
}

/// [`serve`] where bounds are steeper than the spacing.
fn serve_slopes(bounds: &[(u64, u64)], count: u32, earliest: u64, step: u64, out: &mut Pieces) {
    let spacing = step as u32;
    let (mut done, mut earliest) = (0, earliest);
    while done < count {
        let (mut value, mut slope) = (0, 0);
        for &(first, period) in bounds {
            let here = (first + period * u64::from(done), period);
            (value, slope) = (value, slope).max(here);
        }
        let mut left = count - done;
        for &(first, period) in bounds {
            if period > slope {
                let here = first + period * u64::from(done);
                let crossing = (value - here) / (period - slope) + 1;
                left = left.min(u32::try_from(crossing).unwrap_or(u32::MAX));
            }
        }
        let time = value.max(earliest);
        if slope <= step {
            out.push(Piece { time, count: left, period: spacing });
            earliest = time + step * u64::from(left);
        } else {
            // Late by `time - value`; the line is steeper than the spacing and catches up.
            let late = (time - value).div_ceil(slope - step);
            let queued = late.min(u64::from(left)) as u32;
            if queued > 0 {
                out.push(Piece { time, count: queued, period: spacing });
                earliest = time + step * u64::from(queued);
            }
            if queued < left {
                let time = value + slope * u64::from(queued);
                let piece = Piece { time, count: left - queued, period: slope as u32 };
                out.push(piece);
                earliest = piece.last() + step;
            }
        }
        done += left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn times(pieces: &[Piece]) -> Vec<u64> {
        pieces.iter().flat_map(|piece| piece.times()).collect()
    }

    proptest! {
        /// The recursion that `serve` solves in closed form.
        #[test]
        fn serving_equals_the_recursion(
            bounds in proptest::collection::vec((0u64..40, 0u64..5), 1..4), one in any::<bool>(),
            count in 1u32..30, earliest in 0u64..40, spacing in 1u32..4,
        ) {
            let bounds = if one { &bounds[..1] } else { &bounds };
            let mut pieces = Pieces::new();
            serve(bounds, count, earliest, spacing, &mut pieces);
            let mut next = earliest;
            let mut expected = Vec::new();
            for k in 0..u64::from(count) {
                let bound = bounds.iter().map(|b| b.0 + b.1 * k).max().unwrap_or(0);
                expected.push(bound.max(next));
                next = bound.max(next) + u64::from(spacing);
            }
            prop_assert_eq!(&times(&pieces), &expected);
            if let &[bound] = bounds {
                let (mut pieces, mut done, mut next) = (Vec::new(), 0, earliest);
                while done < count {
                    let from = (bound.0 + bound.1 * u64::from(done), bound.1);
                    pieces.push(serve_first(from, count - done, next, spacing));
                    done += pieces[pieces.len() - 1].count;
                    next = pieces[pieces.len() - 1].last() + u64::from(spacing);
                }
                prop_assert_eq!(times(&pieces), expected);
            }
        }
    }
}
