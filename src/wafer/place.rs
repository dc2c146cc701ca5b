//! Placement: parts onto wafers, as bands of full width stacked from the top, in pipeline order.
//!
//! The part that occurs most decides how a wafer is divided: as many of it as the ledger lets stand
//! on one wafer. All others take the lowest band in which they fit. All experts of a layer are in one
//! band, so on one wafer. Where higher bands that several parts share are faster, those are taken
//! (`place/share.rs`).

pub mod experts;
mod share;

use self::experts::Compared;
use super::choices::Choices;
use super::layer::{self, Part, Run};
use super::mapper::{Limits, Mapping, search};
use super::parts::Pipeline;
use super::spec::ExpertsChoice;
use crate::error::Error;
use rayon::prelude::*;
use workloads::forward::Operator;

/// One part on a wafer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    /// Wafer, from 0.
    pub wafer: u32,
    /// First row.
    pub y: u32,
    /// Rows.
    pub rows: u32,
}

/// All parts placed and mapped.
#[derive(Clone, Debug)]
pub struct Placement {
    /// Wafers in use.
    pub wafers: u32,
    /// Band of each stage of the pipeline; stages that share PEs have the same.
    pub bands: Vec<Band>,
    /// Bytes of the fullest PE of each stage's band, with all that stand there `[bytes]`.
    pub held: Vec<u64>,
    /// Rows of each distinct part.
    pub rows: Vec<u32>,
    /// Mapping of each distinct part.
    pub mappings: Vec<Mapping>,
    /// Which distinct parts attend to cached tokens.
    pub attends: Vec<bool>,
    /// How experts lie and would lie otherwise, of each distinct part that has some.
    pub experts: Vec<Compared>,
}

/// What a scenario asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Wafers at most.
    pub most: Option<u32>,
    /// How routed experts lie.
    pub experts: ExpertsChoice,
}

impl Placement {
    /// The first stage in the band of each stage.
    pub fn places(&self) -> Vec<usize> {
        let first = |band: &Band| self.bands.iter().position(|other| other == band).unwrap_or(0);
        self.bands.iter().map(first).collect()
    }
}

/// Changes that a scenario forces on a part's choices.
pub type Force<'a> = &'a (dyn Fn(&Part, &mut Choices) + Sync);

/// Places `pipeline` on wafers of `run.columns` x `wafer_rows` PEs.
///
/// # Errors
/// [`Error::DoesNotFit`] if a part does not fit one wafer, or all of them not the wafers asked for.
pub fn place(
    run: &Run<'_>,
    pipeline: &Pipeline,
    wafer_rows: u32,
    limits: Limits,
    Asked { most, experts }: Asked,
    force: Force<'_>,
) -> Result<Placement, Error> {
    let count = |kind: usize| pipeline.stages.iter().filter(|&&k| k == kind).count();
    let main = (0..pipeline.kinds.len()).max_by_key(|&k| count(k)).unwrap_or(0);
    let fits: Vec<Result<(u32, Mapping), Error>> = pipeline
        .kinds
        .par_iter()
        .enumerate()
        .map(|(kind, part)| {
            let repeats = if kind == main { count(kind) as u32 } else { 1 };
            lowest(run, part, wafer_rows, limits, repeats > 1, force)
        })
        .collect();
    let mut rows = Vec::new();
    let mut mappings = Vec::new();
    for fit in fits {
        let (height, mapping) = fit?;
        rows.push(height);
        mappings.push(mapping);
    }
    // Experts leave the part that occurs most no room for higher bands on as many wafers.
    let mut kinds: Vec<usize> =
        (0..rows.len()).filter(|&kind| kind != main || main_is_grouped(run)).collect();
    let alone = |kind: usize| (kind == main, mappings[kind].run.spent.total());
    kinds.sort_by_key(|&kind| std::cmp::Reverse(alone(kind)));
    let found = (&mut rows[..], &mut mappings[..]);
    higher(run, pipeline, (wafer_rows, limits), force, &kinds, found)?;
    let bands = stack(pipeline, &rows, wafer_rows);
    let wafers = bands.last().map_or(0, |band| band.wafer + 1);
    let alone = Standing { rows, mappings, bands };
    let mut standing = alone.clone();
    let allowed = most.unwrap_or(wafers).min(wafers);
    if experts != ExpertsChoice::Regions {
        let all = (wafer_rows, limits, allowed);
        let counts = wafers <= allowed;
        if let Some(shared) = share::faster(run, pipeline, all, force, (&alone, counts))? {
            standing = shared;
        }
    }
    let compared = match experts {
        ExpertsChoice::Striped => Vec::new(),
        _ => {
            let asked = Asked { most, experts };
            let both = (&alone, &mut standing);
            experts::choose(run, pipeline, (wafer_rows, limits, asked), force, both)?
        }
    };
    let wafers = standing.wafers();
    if let Some(most) = most.filter(|&most| most < wafers) {
        let Standing { bands, mappings, .. } = &standing;
        return Err(too_few(pipeline, bands, mappings, run.columns, most, wafers));
    }
    let attends =
        pipeline.kinds.iter().map(|part| part.operators.iter().any(layer::attends)).collect();
    let held = standing.held(pipeline, limits.reserve);
    let Standing { rows, mappings, bands } = standing;
    Ok(Placement { wafers, bands, held, rows, mappings, attends, experts: compared })
}

/// Where parts stand, and how they are mapped.
#[derive(Clone)]
struct Standing {
    /// Rows of each distinct part.
    rows: Vec<u32>,
    /// Mapping of each distinct part.
    mappings: Vec<Mapping>,
    /// Band of each stage.
    bands: Vec<Band>,
}

impl Standing {
    fn wafers(&self) -> u32 {
        self.bands.last().map_or(0, |band| band.wafer + 1)
    }

    /// Cycles of all parts, one behind the other.
    fn time(&self, pipeline: &Pipeline) -> u64 {
        pipeline.stages.iter().map(|&kind| self.mappings[kind].run.spent.total()).sum()
    }

    /// Bytes of the fullest PE of each stage's band; the reserve is there once.
    fn held(&self, pipeline: &Pipeline, reserve: u64) -> Vec<u64> {
        let own = |stage: usize| self.mappings[pipeline.stages[stage]].ledger.total() - reserve;
        let shares = |a: usize, b: usize| self.bands[a] == self.bands[b];
        (0..self.bands.len())
            .map(|stage| {
                let stages = (0..self.bands.len()).filter(|&other| shares(stage, other));
                reserve + stages.map(own).sum::<u64>()
            })
            .collect()
    }
}

fn main_is_grouped(run: &Run<'_>) -> bool {
    matches!(run.attention, workloads::model::Attention::Gqa { .. })
}

/// Heights that are tried for a part beyond the lowest, at most.
const HIGHER: usize = 3;

/// Gives parts higher bands, as long as that takes no further wafer and is faster: the slowest first.
fn higher(
    run: &Run<'_>,
    pipeline: &Pipeline,
    (wafer_rows, limits): (u32, Limits),
    force: Force<'_>,
    kinds: &[usize],
    (rows, mappings): (&mut [u32], &mut [Mapping]),
) -> Result<(), Error> {
    let wafers = |rows: &[u32]| stack(pipeline, rows, wafer_rows).last().map_or(0, |b| b.wafer);
    let least = wafers(rows);
    for &kind in kinds {
        let part = &pipeline.kinds[kind];
        let fitting = |height: &u32| {
            let mut next = rows.to_vec();
            next[kind] = *height;
            *height > rows[kind] && wafers(&next) == least
        };
        // The highest few: which they are must not hang on how low the part could be.
        let heights = (1..=40).map(|division| wafer_rows / division).filter(fitting);
        let few: Vec<u32> = heights.take(HIGHER).collect();
        let lowest = rows[kind];
        let on = |height: u32, force: &dyn Fn(&mut Choices)| {
            search(&Run { rows: height, ..*run }, part, (limits, false), force)
        };
        let found: Vec<Result<Result<Mapping, u64>, Error>> =
            few.par_iter().map(|&height| on(height, &|choices| force(part, choices))).collect();
        for (&height, mapping) in few.iter().zip(found) {
            let Ok(mapping) = mapping? else { continue };
            if mapping.run.spent.total() < mappings[kind].run.spent.total() {
                (rows[kind], mappings[kind]) = (height, mapping);
            }
        }
        // The same choices may be faster in a lower band than what was found there.
        let best = mappings[kind].choices.clone();
        for height in few.into_iter().chain([lowest]) {
            let Ok(mapping) = on(height, &|choices| choices.clone_from(&best))? else { continue };
            if mapping.run.spent.total() < mappings[kind].run.spent.total() {
                (rows[kind], mappings[kind]) = (height, mapping);
            }
        }
    }
    Ok(())
}

/// The lowest band in which `part` fits, among equal divisions of a wafer.
///
/// With `even`, a whole number of such bands shares out all rows of the wafer.
fn lowest(
    run: &Run<'_>,
    part: &Part,
    wafer_rows: u32,
    limits: Limits,
    even: bool,
    force: Force<'_>,
) -> Result<(u32, Mapping), Error> {
    let divisions: &[u32] = if even {
        &[40, 36, 32, 28, 24, 20, 18, 16, 14, 12, 10, 8, 6, 5, 4, 3, 2, 1]
    } else {
        &[16, 12, 8, 6, 4, 3, 2, 1]
    };
    let mut over = u64::MAX;
    // What stands on many wafers spares memory before it takes more of them; what stands on one
    // takes a higher band first.
    let sparing: &[bool] = if even { &[true] } else { &[false, true] };
    for &sparing in sparing {
        for division in divisions {
            let rows = wafer_rows / division;
            let usable = limits.sram.saturating_sub(limits.reserve);
            let room = u64::from(run.columns) * u64::from(rows) * usable;
            let need = stored(part);
            if need > room {
                over = over.min((need - room).div_ceil(u64::from(run.columns) * u64::from(rows)));
                continue;
            }
            let run = Run { rows, ..*run };
            let forced = |choices: &mut Choices| force(part, choices);
            match search(&run, part, (limits, sparing), &forced)? {
                Ok(mapping) => return Ok((rows, mapping)),
                Err(by) => over = over.min(by),
            }
        }
    }
    Err(Error::DoesNotFit(format!(
        "one {} part does not fit a whole wafer: it stores {:.2} GB, a wafer's PEs have {:.2} GB \
         beside the {} bytes a PE kept for code and buffers; {}. \
         Lower `pe.reserve`, the context, or store weights in fewer bits (`storage: AllInt4`).",
        part.kind,
        stored(part) as f64 / 1e9,
        f64::from(run.columns)
            * f64::from(wafer_rows)
            * limits.sram.saturating_sub(limits.reserve) as f64
            / 1e9,
        limits.reserve,
        match over {
            u64::MAX => format!(
                "in no mapping do the vectors between operators fit the {} bytes of `pe.buffer`",
                run.buffer
            ),
            over => format!("the fullest PE overflows by {over} bytes"),
        }
    )))
}

/// Weight bytes of all matrices of a part, experts included `[bytes]`.
pub fn stored(part: &Part) -> u64 {
    use workloads::forward::OperatorKind as Kind;
    let both = |format: workloads::model::WeightFormat, outs: u32, ins: u32| {
        let (outs, ins) = (u64::from(outs), u64::from(ins));
        format.weight_bytes(outs, ins) + format.scale_bytes(outs, ins)
    };
    let of = |operator: &Operator| match operator.kind {
        // What the operator reads is one row of the table.
        Kind::Embedding { vocabulary, .. } => u64::from(vocabulary) * operator.weight_bytes,
        Kind::Linear { ins, outs, format } => both(format, outs, ins),
        Kind::PerHeadLinear { heads, ins, outs, format } => {
            u64::from(heads) * both(format, outs, ins)
        }
        Kind::Experts { experts, shared, ins, outs, format, shared_format, .. } => {
            u64::from(experts) * both(format, outs, ins)
                + u64::from(shared) * both(shared_format, outs, ins)
        }
        _ => 0,
    };
    part.operators.iter().map(of).sum()
}

/// Bands from the top of each wafer, in order; a part that no longer fits opens the next wafer.
fn stack(pipeline: &Pipeline, rows: &[u32], wafer_rows: u32) -> Vec<Band> {
    let (mut wafer, mut y) = (0, 0);
    let mut bands = Vec::with_capacity(pipeline.stages.len());
    for &kind in &pipeline.stages {
        let rows = rows[kind];
        if y + rows > wafer_rows {
            (wafer, y) = (wafer + 1, 0);
        }
        bands.push(Band { wafer, y, rows });
        y += rows;
    }
    bands
}

/// Says what does not fit, and by how much.
fn too_few(
    pipeline: &Pipeline,
    bands: &[Band],
    mappings: &[Mapping],
    columns: u32,
    most: u32,
    wafers: u32,
) -> Error {
    let left = bands.iter().filter(|band| band.wafer >= most).count();
    let first = bands.iter().position(|band| band.wafer >= most).unwrap_or(0);
    let name = |stage: usize| match pipeline.layers[stage] {
        Some(layer) => format!("layer {layer}"),
        None => pipeline.kinds[pipeline.stages[stage]].kind.to_string(),
    };
    let bytes: u64 = (first..bands.len())
        .map(|stage| {
            let ledger = &mappings[pipeline.stages[stage]].ledger;
            ledger.total() * u64::from(columns) * u64::from(bands[stage].rows)
        })
        .sum();
    Error::DoesNotFit(format!(
        "{most} wafers are too few, {wafers} are needed: {left} of {} parts find no place, from {} \
         to {} ({:.1} GB of SRAM with their KV cache and reserve, {} rows of PEs). Use `count: Auto`, \
         or `count: Fixed({wafers})`.",
        bands.len(),
        name(first),
        name(bands.len() - 1),
        bytes as f64 / 1e9,
        bands[first..].iter().map(|band| band.rows).sum::<u32>(),
    ))
}
