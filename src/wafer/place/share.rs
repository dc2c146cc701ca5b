//! Bands that several parts share: each PE holds tiles of all of them, and one works at a time.
//!
//! ```text
//! one part a band                 parts that share a band
//!   | layer 0 | 26 rows             | layers 0 to 15  | 497 rows: each layer has more PEs,
//!   | layer 1 |                     |                 | and fewer bytes in each
//!   | layer 2 |                     | layers 16 to 31 |
//! ```
//! A token goes through one layer after another, so PEs that keep one layer alone idle the rest of the time.
//! Shared bands give every layer more PEs in the same memory; prompt chunks pay for it, as layers that
//! share PEs cannot work on different chunks at once. All bands are equally high and filled in the
//! order of the pipeline; each part may take memory in proportion to what it stores. Higher and higher bands
//! are tried until one is slower than the one before.

use super::{Band, Force, Standing, stored};
use crate::error::Error;
use crate::wafer::choices::Choices;
use crate::wafer::layer::Run;
use crate::wafer::mapper::{Limits, Mapping, search};
use crate::wafer::parts::Pipeline;
use rayon::prelude::*;

/// Equal bands of a wafer that are tried, low ones first.
const DIVISIONS: [u32; 8] = [16, 12, 8, 6, 4, 3, 2, 1];
/// Percent of the memory that parts may take together, tried in turn: a part that does not fit a
/// band as a whole leaves the rest of it empty.
const SHARES: [u64; 3] = [100, 92, 80];

/// Shared bands on at most `most` wafers, if they are faster than `known`; whether that counts at all, as it
/// does not where it takes too many wafers.
pub(super) fn faster(
    run: &Run<'_>,
    pipeline: &Pipeline,
    (wafer_rows, limits, most): (u32, Limits, u32),
    force: Force<'_>,
    (known, counts): (&Standing, bool),
) -> Result<Option<Standing>, Error> {
    // Sharing is to give the part that occurs most more PEs.
    let alone = |kind: usize| (pipeline.stages.iter().filter(|&&k| k == kind).count(), kind);
    let main = (0..known.rows.len()).map(alone).max().map_or(0, |(_, kind)| kind);
    let higher = |rows: &u32| *rows > known.rows[main] || !counts;
    let heights: Vec<u32> = DIVISIONS.iter().map(|n| wafer_rows / n).filter(higher).collect();
    let mut best: Option<Standing> = None;
    let mut least = if counts { known.time(pipeline) } else { u64::MAX };
    let mut before = u64::MAX;
    for rows in heights {
        let all = (wafer_rows, limits, most);
        let Some(standing) = on(run, pipeline, all, force, rows)? else { continue };
        let time = standing.time(pipeline);
        if time >= before {
            break;
        }
        before = time;
        if time < least {
            (least, best) = (time, Some(standing));
        }
    }
    Ok(best)
}

/// All parts on bands of `rows` rows, if `most` wafers have room for them.
fn on(
    run: &Run<'_>,
    pipeline: &Pipeline,
    (wafer_rows, limits, most): (u32, Limits, u32),
    force: Force<'_>,
    rows: u32,
) -> Result<Option<Standing>, Error> {
    let bands = u64::from(most) * u64::from(wafer_rows / rows);
    let bytes: Vec<u64> = pipeline.kinds.iter().map(stored).collect();
    let all: u64 = pipeline.stages.iter().map(|&kind| bytes[kind]).sum();
    let usable = limits.sram.saturating_sub(limits.reserve);
    if all > bands * usable * u64::from(run.columns) * u64::from(rows) {
        return Ok(None);
    }
    let run = Run { rows, ..*run };
    for percent in SHARES {
        let part = |kind: usize| -> Result<Option<Mapping>, Error> {
            let share = u128::from(bands * usable * percent) * u128::from(bytes[kind])
                / u128::from(100 * all.max(1));
            let sram = limits.reserve + (share as u64).min(usable);
            let forced = |choices: &mut Choices| force(&pipeline.kinds[kind], choices);
            let limits = Limits { sram, ..limits };
            Ok(search(&run, &pipeline.kinds[kind], (limits, false), &forced)?.ok())
        };
        let kinds = 0..pipeline.kinds.len();
        let found: Vec<_> = kinds.into_par_iter().map(part).collect();
        let mut mappings = Vec::new();
        for mapping in found {
            match mapping? {
                Some(mapping) => mappings.push(mapping),
                None => return Ok(None),
            }
        }
        let held: Vec<u64> =
            mappings.iter().map(|mapping| mapping.ledger.total() - limits.reserve).collect();
        let bands = fill(pipeline, &held, usable, (rows, wafer_rows));
        if bands.last().is_some_and(|band| band.wafer < most) {
            return Ok(Some(Standing { rows: vec![rows; mappings.len()], mappings, bands }));
        }
    }
    Ok(None)
}

/// Bands of `rows` rows from the top of each wafer, each filled up to `room` bytes a PE in the order of
/// the pipeline; parts of one kind take as many as `held` says.
fn fill(pipeline: &Pipeline, held: &[u64], room: u64, (rows, wafer_rows): (u32, u32)) -> Vec<Band> {
    let mut band = Band { wafer: 0, y: 0, rows };
    let mut left = room;
    let mut bands = Vec::with_capacity(pipeline.stages.len());
    for &kind in &pipeline.stages {
        if held[kind] > left {
            band.y += rows;
            if band.y + rows > wafer_rows {
                band = Band { wafer: band.wafer + 1, y: 0, rows };
            }
            left = room;
        }
        left = left.saturating_sub(held[kind]);
        bands.push(band);
    }
    bands
}
